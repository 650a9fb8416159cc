//! `POST /oauth/token` with `grant_type=refresh_token`.

use axum::{body::Body, http::Request};
use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    clock::Ttl,
    session::SessionLimits,
};
use daypass_oidc::verify::{ExpectedAccess, verify_access_token};
use serde_json::{Value, json};

use crate::{
    house::{House, URL},
    people::{APP, LEEWAY, Tokens, WATCH, WATCH_SECRET, ada, house, house_at, loaded, refused, second, written},
    sign_in::set_disabled,
};

fn limits(absolute: u32, idle: u32, access_token: u32) -> SessionLimits {
    let [absolute, idle, access_token] = [absolute, idle, access_token].map(Ttl::from_secs);
    SessionLimits { absolute, idle, access_token }
}

pub(crate) fn claims(house: &House, access: &str) -> Value {
    let expected = ExpectedAccess { issuer: URL, audience: URL, now: house.now() };
    serde_json::to_value(verify_access_token(access, &expected, &house.issuer.keys().load()).unwrap()).unwrap()
}

/// Notes that an access token was used, as the index does; and waits until that is durable.
async fn use_access_token(house: &House, access: &str) {
    let claims = claims(house, access);
    let session = claims["sid"].as_str().unwrap().parse().unwrap();
    house.store.note_access_token_used(session, claims["jti"].as_str().unwrap(), house.now());
    barrier(house).await;
}

#[tokio::test]
async fn each_refresh_hands_out_the_next_and_the_session_stays_the_same() {
    let house = house().await;
    let mut tokens = house.session().await;
    let first = claims(&house, &tokens.access);
    for hour in 1..=3 {
        house.clock.advance(SignedDuration::from_secs(3_600 + LEEWAY - 1));
        assert_eq!(house.session_api(&tokens.access).await.status, 200);
        house.clock.advance(SignedDuration::from_secs(1));
        assert_eq!(house.session_api(&tokens.access).await.status, 401, "it is over");
        let next = Tokens::of(&house.refresh(&tokens.refresh).await);
        assert!(next.refresh != tokens.refresh && next.refresh.starts_with("daypass_rt_"));
        let now = claims(&house, &next.access);
        assert_eq!((&now["sid"], &now["sub"], &now["seats"]), (&first["sid"], &first["sub"], &first["seats"]));
        assert_ne!(now["jti"], first["jti"]);
        assert_eq!(next.body["session_expires_in"], 43_200 - hour * (3_600 + LEEWAY));
        assert_eq!((&next.body["person"], &next.body["scope"]), (&json!("ada@example.com"), &json!("offline_access")));
        let event = house.last_event().await;
        assert_eq!((event.kind, event.outcome), (AuditKind::SessionRefreshed, Outcome::Success));
        assert_eq!(json!(event.session), first["sid"]);
        tokens = next;
    }
}

#[tokio::test]
async fn a_refresh_token_is_its_clients_alone() {
    let house = house().await;
    let tokens = house.session().await;
    let ask = async |more: &[(&str, &str)]| {
        let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", &*tokens.refresh)];
        form.extend(more);
        refused(&house.post("/oauth/token", &form).await)
    };
    assert_eq!(ask(&[]).await, "400 invalid_request");
    assert_eq!(ask(&[("client_id", "daypass-cli")]).await, "400 invalid_grant (wrong_client)");
    assert_eq!(ask(&[("client_id", "nobody")]).await, "401 invalid_client");
    assert_eq!(ask(&[("client_id", WATCH)]).await, "401 invalid_client");
    let watch = [("client_id", WATCH), ("client_secret", WATCH_SECRET)];
    assert_eq!(ask(&watch).await, "400 invalid_grant (wrong_client)");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.person.as_deref()), (AuditKind::SessionRefused, Some("ada@example.com")));
    assert!(event.session.is_some());
    assert_eq!(ask(&[("client_id", APP), ("client_id", APP)]).await, "400 invalid_request");
    assert_eq!(refused(&house.refresh("").await), "400 invalid_request");
    assert_eq!(refused(&house.refresh("daypass_rt_x").await), "400 invalid_grant (session_unknown)");
    let mut flipped = tokens.refresh.clone();
    flipped.replace_range(20..21, if &flipped[20..21] == "a" { "b" } else { "a" });
    assert_eq!(refused(&house.refresh(&flipped).await), "400 invalid_grant (session_unknown)");
    Tokens::of(&house.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn rights_are_looked_at_again() {
    let house = house().await;
    let tokens = house.session().await;
    let text = written(house.provider.url());
    let replace = |from: &str, to: &str| house.issuer.replace_policy(loaded(&text.replace(from, to))).unwrap();
    replace("\"reader\"", "\"publisher\"");
    let promoted = Tokens::of(&house.refresh(&tokens.refresh).await);
    let grants = claims(&house, &promoted.access)["grants"].clone();
    assert_eq!(grants, json!([{"index": "python", "projects": ["*"], "actions": ["pull", "push", "yank"]}]));
    replace("groups = [\"corp/engineering\"]", "users = [\"corp/00u1\"]\nprojects = [\"acme-*\"]");
    assert_eq!(house.session_api(&promoted.access).await.status, 401, "the seat it was given for is gone");
    let narrowed = Tokens::of(&house.refresh(&promoted.refresh).await);
    assert_eq!(claims(&house, &narrowed.access)["grants"][0]["projects"], json!(["acme-*"]));
    replace("corp/engineering", "corp/sales");
    assert_eq!(refused(&house.refresh(&narrowed.refresh).await), "400 invalid_grant (no_access)");
    assert!(house.last_event().await.reason.unwrap().starts_with("no_access: "));
    assert!(!house.is_active(&narrowed.access).await);
    assert!(!house.is_active(&narrowed.refresh).await, "it would not be refreshed");
    // The session did not end: whoever gets a role again goes on.
    house.issuer.replace_policy(loaded(&text)).unwrap();
    Tokens::of(&house.refresh(&narrowed.refresh).await);
}

#[tokio::test]
async fn a_provider_that_is_gone_or_has_become_another_vouches_for_nobody() {
    let house = house().await;
    let tokens = house.session().await;
    let text = written(house.provider.url());
    let without = text.replace("name = \"corp\"", "name = \"new\"").replace("corp/", "new/");
    house.issuer.replace_policy(loaded(&without)).unwrap();
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (no_access)");
    // Another company's provider under the same name: its `00u1` is somebody else.
    let (before, after) = text.split_once("[[provider]]").unwrap();
    let moved = format!("{before}[[provider]]{}", after.replace(house.provider.url(), "https://login.example.net"));
    let moved = format!("{moved}\n[[role]]\nrole = \"admin\"\nindex = \"*\"\nusers = [\"corp/00u1\", \"corp/*\"]");
    house.issuer.replace_policy(loaded(&moved)).unwrap();
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (no_access)");
    assert_eq!(house.session_api(&tokens.access).await.status, 401);
    house.issuer.replace_policy(loaded(&text)).unwrap();
    Tokens::of(&house.refresh(&tokens.refresh).await);
}

#[tokio::test]
async fn groups_are_those_of_the_sign_in_until_the_next_one() {
    let house = house().await;
    let tokens = house.session().await;
    ada(&house.provider, json!([]));
    let next = Tokens::of(&house.refresh(&tokens.refresh).await);
    assert_eq!(claims(&house, &next.access)["grants"][0]["actions"], json!(["pull"]));
    let other = second(&house).await;
    let again = Tokens::of(&house.refresh(&next.refresh).await);
    assert_eq!(claims(&house, &again.access)["seats"].as_array().unwrap().len(), 1);
    drop(other);
}

#[tokio::test]
async fn a_disabled_person_is_out_at_once_and_told_why() {
    let house = house().await;
    let tokens = house.session().await;
    set_disabled(&house, true).await;
    assert_eq!(house.session_api(&tokens.access).await.status, 401);
    assert!(!house.is_active(&tokens.access).await && !house.is_active(&tokens.refresh).await);
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (person_disabled)");
    set_disabled(&house, false).await;
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (session_ended)");
    assert_eq!(house.session_api(&tokens.access).await.status, 401, "what was cut off stays so");
    house.clock.advance(SignedDuration::from_secs(1));
    let fresh = house.session().await;
    assert_eq!(house.session_api(&fresh.access).await.status, 200);
}

#[tokio::test]
async fn the_day_ends_whatever_happens_and_no_access_token_outlives_it() {
    let house = house_at(URL, limits(9_000, 9_000, 3_600)).await;
    let end = house.now().as_second() + 9_000;
    let mut tokens = house.session().await;
    for expected in [3_600, 3_600, 1_800] {
        assert_eq!(tokens.body["expires_in"], expected);
        let exp = claims(&house, &tokens.access)["exp"].as_i64().unwrap();
        assert!(exp <= end, "{exp} {end}");
        if expected == 3_600 {
            house.clock.advance(SignedDuration::from_secs(3_600));
            tokens = Tokens::of(&house.refresh(&tokens.refresh).await);
        }
    }
    house.clock.advance(SignedDuration::from_millis(1_799_000));
    tokens = Tokens::of(&house.refresh(&tokens.refresh).await);
    assert!(tokens.body["expires_in"].as_i64().unwrap() <= 1);
    house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (session_expired)");
    assert!(!house.is_active(&tokens.refresh).await);
    house.clock.advance(SignedDuration::from_secs(LEEWAY));
    assert_eq!(house.session_api(&tokens.access).await.status, 401);
}

#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_its_access_token_with_it() {
    let house = house_at(URL, limits(36_000, 600, 3_600)).await;
    let mut tokens = house.session().await;
    for _ in 0..3 {
        assert_eq!(tokens.body["expires_in"], 600, "it must not outlive an idle session");
        house.clock.advance(SignedDuration::from_secs(599));
        tokens = Tokens::of(&house.refresh(&tokens.refresh).await);
    }
    house.clock.advance(SignedDuration::from_secs(600));
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (session_expired)");
    assert!(!house.is_active(&tokens.refresh).await);
    house.clock.advance(SignedDuration::from_secs(LEEWAY));
    assert!(!house.is_active(&tokens.access).await);
}

#[tokio::test]
async fn an_answer_that_was_lost_is_forgiven_and_what_it_carried_is_withdrawn() {
    let house = house().await;
    let tokens = house.session().await;
    let lost = Tokens::of(&house.refresh(&tokens.refresh).await);
    let lost_again = Tokens::of(&house.refresh(&tokens.refresh).await);
    let arrived = Tokens::of(&house.refresh(&tokens.refresh).await);
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::SessionRefreshed, Outcome::Success));
    assert!(event.reason.unwrap().contains("lost"));
    for withdrawn in [&lost, &lost_again] {
        assert_eq!(house.session_api(&withdrawn.access).await.status, 401);
        assert!(!house.is_active(&withdrawn.refresh).await);
    }
    assert!(house.is_active(&arrived.access).await && house.is_active(&arrived.refresh).await);
    assert!(!house.is_active(&tokens.refresh).await, "spent");
    assert!(house.is_active(&tokens.access).await, "the one before was not withdrawn");
    // A refresh token of an answer that was given up is a copy in the wrong hands.
    assert_eq!(refused(&house.refresh(&lost.refresh).await), "400 invalid_grant (replayed)");
    assert!(!house.is_active(&arrived.refresh).await);
}

#[tokio::test]
async fn a_spent_refresh_token_after_use_ends_the_session_for_both() {
    let house = house().await;
    let stolen = house.session().await;
    let next = Tokens::of(&house.refresh(&stolen.refresh).await);
    use_access_token(&house, &next.access).await;
    assert_eq!(refused(&house.refresh(&stolen.refresh).await), "400 invalid_grant (replayed)");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::SessionReused, Outcome::Refused));
    assert_eq!(event.person.as_deref(), Some("ada@example.com"));
    assert_eq!(house.audit().await.iter().filter(|event| event.kind == AuditKind::SessionReused).count(), 1);
    assert_eq!(refused(&house.refresh(&next.refresh).await), "400 invalid_grant (session_ended)");
    assert_eq!(refused(&house.refresh(&stolen.refresh).await), "400 invalid_grant (session_ended)");
    for access in [&stolen.access, &next.access] {
        assert_eq!(house.session_api(access).await.status, 401);
    }
}

#[tokio::test]
async fn one_that_is_older_than_the_one_before_is_a_replay_used_or_not() {
    let house = house().await;
    let first = house.session().await;
    let second = Tokens::of(&house.refresh(&first.refresh).await);
    let third = Tokens::of(&house.refresh(&second.refresh).await);
    assert_eq!(refused(&house.refresh(&first.refresh).await), "400 invalid_grant (replayed)");
    assert_eq!(refused(&house.refresh(&third.refresh).await), "400 invalid_grant (session_ended)");
}

#[tokio::test]
async fn using_an_older_access_token_proves_nothing_about_the_newer_answer() {
    let house = house().await;
    let first = house.session().await;
    use_access_token(&house, &first.access).await;
    Tokens::of(&house.refresh(&first.refresh).await);
    use_access_token(&house, &first.access).await;
    Tokens::of(&house.refresh(&first.refresh).await);
}

#[tokio::test]
async fn of_ten_who_refresh_at_once_the_last_has_the_one_that_is_good() {
    let house = house().await;
    let tokens = house.session().await;
    let answers = futures_util::future::join_all((0..10).map(|_| house.refresh(&tokens.refresh))).await;
    let all: Vec<Tokens> = answers.iter().map(Tokens::of).collect();
    let (mut refresh, mut access) = (0, 0);
    for one in &all {
        refresh += u32::from(house.is_active(&one.refresh).await);
        access += u32::from(house.is_active(&one.access).await);
    }
    assert_eq!((refresh, access), (1, 1));
    let events = house.audit().await;
    let refreshed: Vec<_> = events.iter().filter(|event| event.kind == AuditKind::SessionRefreshed).collect();
    assert_eq!(refreshed.len(), 10);
    assert_eq!(refreshed.iter().filter(|event| event.reason.is_some()).count(), 9);
    let mut good = None;
    for one in all {
        if house.is_active(&one.refresh).await {
            good = Some(one);
        }
    }
    Tokens::of(&house.refresh(&good.unwrap().refresh).await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_opens_nothing() {
    let house = house().await;
    let tokens = house.session().await;
    let begun = house.now();
    house.clock.advance(SignedDuration::from_hours(-2));
    let next = Tokens::of(&house.refresh(&tokens.refresh).await);
    let session_ends = begun.as_second() + 43_200;
    assert!(claims(&house, &next.access)["exp"].as_i64().unwrap() <= session_ends);
    assert!(Timestamp::from_second(session_ends).is_ok());
}

/// Waits until what was noted before is durable: the writer takes what it is given in order.
async fn barrier(house: &House) {
    let marker = AuditEvent::new(house.now(), AuditKind::PolicyLoaded, Outcome::Success, "marker");
    house.store.record(marker).await.unwrap();
}

#[tokio::test]
async fn whoever_uses_an_access_token_at_the_api_or_a_resource_server_has_got_the_answer() {
    let house = house().await;
    for used_at in ["nowhere", "/api/v1/session", "/api/v1/audit", "introspection"] {
        let stolen = house.session().await;
        let next = Tokens::of(&house.refresh(&stolen.refresh).await);
        match used_at {
            "nowhere" => {}
            "introspection" => assert!(house.is_active(&next.access).await),
            path => {
                let request = Request::get(path).header("authorization", format!("Bearer {}", next.access));
                let status = house.send(request.body(Body::empty()).unwrap()).await.status;
                assert!(status == 200 || status == 403, "{path}: {status}");
            }
        }
        barrier(&house).await;
        let again = house.refresh(&stolen.refresh).await;
        if used_at == "nowhere" {
            Tokens::of(&again);
        } else {
            assert_eq!(refused(&again), "400 invalid_grant (replayed)", "{used_at}");
        }
    }
}

#[tokio::test]
async fn an_access_token_that_is_worth_nothing_is_not_used() {
    let house = house().await;
    let first = house.session().await;
    let withdrawn = Tokens::of(&house.refresh(&first.refresh).await);
    let arrived = Tokens::of(&house.refresh(&first.refresh).await);
    assert_eq!(house.session_api(&withdrawn.access).await.status, 401);
    assert!(!house.is_active(&withdrawn.access).await);
    barrier(&house).await;
    Tokens::of(&house.refresh(&first.refresh).await);
    assert!(!house.is_active(&arrived.access).await);
}
