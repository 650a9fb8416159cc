//! `POST /oauth/token`: an access token of ours for a narrower one.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
    digest::Sha256,
};
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    house::{Answer, EXCHANGE, House, JWT},
    people::{Tokens, house, loaded, refused, written},
};

/// RFC 8693 §3.
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";

fn pulls(projects: &[&str]) -> Value {
    json!([{"type": "daypass_grant", "index": "python", "projects": projects, "actions": ["pull"]}])
}

async fn ask(house: &House, access: &str, details: &str, more: &[(&str, &str)]) -> Answer {
    let mut form = vec![
        ("grant_type", EXCHANGE),
        ("subject_token_type", ACCESS_TOKEN),
        ("subject_token", access),
        ("authorization_details", details),
    ];
    form.extend_from_slice(more);
    form.retain(|(_, value)| !value.is_empty());
    house.post("/oauth/token", &form).await
}

pub(crate) async fn narrow(house: &House, access: &str, projects: &[&str]) -> Answer {
    ask(house, access, &pulls(projects).to_string(), &[]).await
}

fn access_of(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}

fn claims(access: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(access.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

/// An access token of `ci/app`, which may pull `acme-*`.
async fn workload(house: &House) -> String {
    access_of(&house.exchange(&house.outside_token(json!({})), &[]).await)
}

#[tokio::test]
async fn a_person_gets_a_narrower_access_token_that_is_theirs_and_no_longer() {
    let house = house().await;
    let held = house.session().await.access;
    house.clock.advance(SignedDuration::from_mins(10));
    let answer = narrow(&house, &held, &["Acme_*", "requests"]).await;
    assert_eq!(
        (answer.status, &answer.headers["cache-control"]),
        (200, &"no-store".parse().unwrap()),
        "{}",
        answer.body
    );
    let body = answer.json();
    assert_eq!((&body["issued_token_type"], &body["token_type"]), (&json!(ACCESS_TOKEN), &json!("Bearer")));
    assert_eq!((&body["expires_in"], &body["person"]), (&json!(3000), &json!("ada@example.com")));
    assert_eq!(body["authorization_details"], pulls(&["acme-*", "requests"]), "RFC 9396 §7: as it was granted");

    let (wide, narrow) = (claims(&held), claims(&access_of(&answer)));
    for same in ["iss", "sub", "aud", "exp", "iat", "nbf", "client_id", "sid", "person", "seats", "act"] {
        assert_eq!(narrow[same], wide[same], "{same}");
    }
    assert_eq!(narrow["grants"], json!([{"index": "python", "projects": ["acme-*", "requests"], "actions": ["pull"]}]));
    assert_ne!(narrow["jti"], wide["jti"]);
    assert_eq!(narrow["parents"], json!([wide["jti"]]));
    let told = house.session_api(&access_of(&answer)).await.json();
    assert_eq!(told["indexes"][0]["projects"], json!(["acme-*", "requests"]));
}

#[tokio::test]
async fn it_is_in_the_audit_log_with_what_it_was_narrowed_from_and_no_token_is() {
    let house = house().await;
    let held = workload(&house).await;
    let access = access_of(&narrow(&house, &held, &["acme-a"]).await);
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenExchanged, Outcome::Success));
    assert_eq!((event.identity.as_deref(), event.actor.unwrap().sub), (Some("ci/app"), "job-1".to_owned()));
    assert_eq!(event.token_sha256, Some(Sha256::of(&access)));
    assert_eq!(event.subject_token_sha256, Some(Sha256::of(&held)));
    assert_eq!(event.token_id.as_deref(), claims(&access)["jti"].as_str());
    assert_eq!(
        event.reason.unwrap(),
        format!("narrowed from the access token {}", claims(&held)["jti"].as_str().unwrap())
    );
    let log = serde_json::to_string(&house.audit().await).unwrap();
    assert!(!log.contains(&held) && !log.contains(&access));
}

#[tokio::test]
async fn nothing_wider_than_what_is_held_is_ever_given() {
    let house = house().await;
    let held = workload(&house).await;
    let detail = |index: &str, project: &str, action: &str| {
        json!([{"type": "daypass_grant", "index": index, "projects": [project], "actions": [action]}]).to_string()
    };
    for (details, what) in [
        (detail("python", "*", "pull"), "pull `*` of index `python`"),
        (detail("python", "acme*", "pull"), "pull `acme*` of index `python`"),
        (detail("python", "requests", "pull"), "pull `requests` of index `python`"),
        (detail("other", "acme-a", "pull"), "pull `acme-a` of index `other`"),
        (detail("*", "acme-a", "pull"), "pull `acme-a` of index `*`"),
        (detail("python", "acme-a", "push"), "push `acme-a` of index `python`"),
        (detail("python", "acme-a", "admin"), "admin `acme-a` of index `python`"),
    ] {
        let answer = ask(&house, &held, &details, &[]).await;
        assert_eq!(refused(&answer), "400 invalid_authorization_details (invalid_authorization_details)");
        assert_eq!(
            answer.json()["error_description"],
            format!("the subject token does not grant: {what}"),
            "{details}"
        );
        let event = house.last_event().await;
        assert_eq!((event.kind, event.identity.as_deref()), (AuditKind::TokenRefused, Some("ci/app")));
    }
    // One that is held does not take along one that is not.
    let both = json!([pulls(&["acme-a"])[0], pulls(&["acme-b", "flask", "django"])[0]]).to_string();
    assert_snapshot!(ask(&house, &held, &both, &[]).await.error(), @"400 invalid_authorization_details: the subject token does not grant: pull `flask` of index `python`, pull `django` of index `python`");
    let many: Vec<_> = (0..9).map(|number| format!("x{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert!(narrow(&house, &held, &many).await.error().ends_with("pull `x4` of index `python`, and 4 more"));
}

#[tokio::test]
async fn what_the_holder_may_not_any_more_is_not_given_either() {
    let house = house().await;
    let text = written(house.provider.url());
    let held = workload(&house).await;
    house.issuer.replace_policy(loaded(&text.replace("acme-*", "acme-a"))).unwrap();
    assert_snapshot!(narrow(&house, &held, &["acme-b"]).await.error(), @"400 invalid_authorization_details: its holder may not any more: pull `acme-b` of index `python`");
    assert_eq!(narrow(&house, &held, &["acme-a"]).await.status, 200);
    house.issuer.replace_policy(loaded(&text.replace("\"74\"", "\"75\""))).unwrap();
    assert_snapshot!(narrow(&house, &held, &["acme-a"]).await.error(), @"400 invalid_request: what the subject token was signed for was withdrawn; get a new access token");
}

#[tokio::test]
async fn a_narrower_one_is_narrowed_again_and_never_widened() {
    let house = house().await;
    let mut held = workload(&house).await;
    for (projects, wider) in
        [("acme-a*", "acme-*"), ("acme-ab*", "acme-a*"), ("acme-abc*", "acme-b"), ("acme-abc", "acme-ab")]
    {
        let next = access_of(&narrow(&house, &held, &[projects]).await);
        assert_eq!(claims(&next)["parents"][0], claims(&held)["jti"]);
        assert_eq!(
            refused(&narrow(&house, &next, &[wider]).await),
            "400 invalid_authorization_details (invalid_authorization_details)"
        );
        held = next;
    }
    assert_eq!(claims(&held)["parents"].as_array().unwrap().len(), 4);
    assert_eq!(refused(&narrow(&house, &held, &["acme-abc"]).await), "400 invalid_request (too_narrow)");
}

#[tokio::test]
async fn it_lives_as_long_as_was_asked_and_never_longer_than_the_wider_one() {
    let house = house().await;
    let held = workload(&house).await;
    let details = pulls(&["acme-a"]).to_string();
    for (asked, lives) in [("60", 60), ("3600", 3600), ("3601", 3600), ("4294967295", 3600)] {
        let answer = ask(&house, &held, &details, &[("expires_in", asked)]).await;
        assert_eq!(answer.json()["expires_in"], lives, "{asked}");
        assert_eq!(claims(&access_of(&answer))["exp"], house.now().as_second() + lives);
    }
    for asked in ["0", "-1", "1.5", "1e3", "4294967296", "soon"] {
        let answer = ask(&house, &held, &details, &[("expires_in", asked)]).await;
        assert_eq!(answer.error(), "400 invalid_request: `expires_in` is a whole number of seconds, from 1", "{asked}");
    }
    // A narrower one that was to live shorter does not live longer for being narrowed.
    let short = access_of(&ask(&house, &held, &details, &[("expires_in", "60")]).await);
    assert_eq!(narrow(&house, &short, &["acme-a"]).await.json()["expires_in"], 60);
    house.clock.advance(SignedDuration::from_secs(59));
    assert_eq!(narrow(&house, &short, &["acme-a"]).await.json()["expires_in"], 1);
    house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(refused(&narrow(&house, &short, &["acme-a"]).await), "400 invalid_request (expired)", "without leeway");
    house.clock.advance(SignedDuration::from_hours(2));
    assert_eq!(refused(&narrow(&house, &held, &["acme-a"]).await), "400 invalid_request (expired)");
}

#[tokio::test]
async fn a_revoked_one_is_not_narrowed_and_takes_along_what_was_narrowed_from_it() {
    let house = house().await;
    let session = house.session().await;
    let middle = access_of(&narrow(&house, &session.access, &["acme-*"]).await);
    let sibling = access_of(&narrow(&house, &session.access, &["acme-b"]).await);
    let last = access_of(&narrow(&house, &middle, &["acme-a"]).await);
    for access in [&session.access, &middle, &sibling, &last] {
        assert!(house.is_active(access).await);
    }
    house.post("/oauth/revoke", &[("token", &middle)]).await;
    assert!(!house.is_active(&middle).await && !house.is_active(&last).await);
    assert!(house.is_active(&session.access).await && house.is_active(&sibling).await, "not upwards, not sideways");
    for access in [&middle, &last] {
        assert_eq!(refused(&narrow(&house, access, &["acme-a"]).await), "400 invalid_request (revoked)");
        let event = house.last_event().await;
        assert_eq!((event.kind, event.person.as_deref()), (AuditKind::TokenRefused, Some("ada@example.com")));
    }
    house.post("/oauth/revoke", &[("token", &session.access)]).await;
    assert!(!house.is_active(&sibling).await);
}

#[tokio::test]
async fn the_end_of_the_session_and_of_the_person_are_its_end_too() {
    let house = house().await;
    let ended = house.session().await;
    let of_ended = access_of(&narrow(&house, &ended.access, &["acme-a"]).await);
    house.post("/oauth/revoke", &[("token", &ended.refresh)]).await;
    assert!(!house.is_active(&of_ended).await);
    assert_eq!(refused(&narrow(&house, &ended.access, &["acme-a"]).await), "400 invalid_request (revoked)");
    assert_eq!(refused(&narrow(&house, &of_ended, &["acme-a"]).await), "400 invalid_request (revoked)");

    // Made by a clock that is ahead of the one that shuts the person out: the cut is by what it was narrowed from.
    let session = house.session().await;
    let shut_out_at = house.now();
    house.clock.advance(SignedDuration::from_secs(10));
    let narrower = access_of(&narrow(&house, &session.access, &["acme-a"]).await);
    let id = claims(&narrower)["sub"].as_str().unwrap().parse().unwrap();
    let event = house.last_event().await;
    assert!(house.store.set_person_disabled(id, true, shut_out_at, event).await.unwrap());
    assert!(!house.is_active(&narrower).await);
    assert_eq!(refused(&narrow(&house, &session.access, &["acme-a"]).await), "400 invalid_request (revoked)");
}

#[tokio::test]
async fn a_role_that_is_taken_away_bites_the_narrower_one() {
    let house = house().await;
    let narrower = access_of(&narrow(&house, &house.session().await.access, &["acme-a"]).await);
    assert_eq!(house.session_api(&narrower).await.status, 200);
    house.issuer.replace_policy(loaded(&written(house.provider.url()).replace("corp/engineering", "corp/x"))).unwrap();
    assert_eq!(house.session_api(&narrower).await.status, 401);
    assert!(!house.is_active(&narrower).await);
}

#[tokio::test]
async fn what_is_no_access_token_of_ours_is_refused_without_a_word_why() {
    let house = house().await;
    let held = workload(&house).await;
    let session = house.session().await;
    let (signed, signature) = held.rsplit_once('.').unwrap();
    let (header, _) = signed.split_once('.').unwrap();
    let wider = claims(&held).to_string().replace("acme-*", "*");
    let forged = format!("{header}.{}.{signature}", URL_SAFE_NO_PAD.encode(wider));
    let none =
        format!("{}.{}.", URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#), URL_SAFE_NO_PAD.encode("{}"));
    for token in ["x", "a.b.c", &session.refresh, &house.outside_token(json!({})), &forged, &none] {
        let answer = narrow(&house, token, &["acme-a"]).await;
        assert_eq!(refused(&answer), "400 invalid_request", "{token}");
        assert_eq!(
            answer.json()["error_description"],
            "the subject token is not an access token of this server that is good now"
        );
        let event = house.last_event().await;
        assert_eq!((event.kind, event.actor), (AuditKind::TokenRefused, None));
    }
    // Nor is an access token an outside token.
    assert!(house.exchange(&held, &[]).await.error().contains("was not accepted"));
}

#[tokio::test]
async fn a_request_that_says_too_little_or_too_much_is_told_what_is_wrong() {
    let house = house().await;
    let held = workload(&house).await;
    let good = pulls(&["acme-a"]).to_string();
    for (name, value, expected) in [
        ("identity", "ci/app", "an access token is narrowed by `authorization_details`, and not by `identity`"),
        ("scope", "x", "`scope` is not supported; name an `identity` instead"),
        ("actor_token", "x", "`actor_token` is not supported; leave it out"),
        (
            "audience",
            "https://other.example.com",
            "access tokens of this server are for `https://packages.example.com` only",
        ),
        ("requested_token_type", JWT, "only `urn:ietf:params:oauth:token-type:access_token` can be requested"),
    ] {
        let answer = ask(&house, &held, &good, &[(name, value)]).await;
        assert_eq!((answer.status, &answer.json()["error_description"]), (400, &json!(expected)));
    }
    assert_eq!(
        ask(&house, &held, "", &[]).await.error(),
        "400 invalid_request: the parameter `authorization_details` is missing"
    );
    for details in [
        "x".to_owned(),
        "[]".to_owned(),
        "{}".to_owned(),
        good.replace("daypass_grant", "payment"),
        good.replace("\"pull\"", "\"fetch\""),
        good.replace("[\"pull\"]", "[]"),
        good.replace("[\"acme-a\"]", "[]"),
        good.replace("acme-a", "acme/a"),
        good.replace("\"index\"", "\"locations\""),
        good.replace("\"python\"", "\"python\",\"index\":\"other\""),
        good.replace("\"python\"", "\"python\",\"identifier\":\"x\""),
    ] {
        let answer = ask(&house, &held, &details, &[]).await;
        let said = refused(&answer);
        assert_eq!(said, "400 invalid_authorization_details (invalid_authorization_details)", "{details}");
    }
}

#[tokio::test]
async fn so_many_projects_as_fit_into_a_header_are_granted_and_more_are_refused() {
    let house = house().await;
    let held = workload(&house).await;
    let names = |count: usize| (0..count).map(|number| format!("acme-project-{number:04}")).collect::<Vec<_>>();
    for (count, fits) in [(170, true), (260, false), (2000, false)] {
        let names = names(count);
        let answer = narrow(&house, &held, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        if fits {
            let basic = base64::engine::general_purpose::STANDARD.encode(format!("_token:{}", access_of(&answer)));
            assert!(basic.len() + "authorization: Basic ".len() < 8192, "{}", basic.len());
        } else {
            assert_eq!(
                answer.error(),
                "400 invalid_authorization_details: so many projects do not fit into an access token of at most 6000 bytes; ask for families such as `acme-*`, or for fewer"
            );
        }
    }
}

#[tokio::test]
async fn one_access_token_is_narrowed_sixty_times_a_minute_and_another_is_not_hindered() {
    let house = house().await;
    let (held, other) = (workload(&house).await, house.session().await);
    let child = access_of(&narrow(&house, &held, &["acme-a"]).await);
    for _ in 1..60 {
        assert_eq!(narrow(&house, &held, &["acme-a"]).await.status, 200);
    }
    let before = house.audit().await.len();
    for access in [&held, &child] {
        let answer = narrow(&house, access, &["acme-a"]).await;
        assert_eq!(refused(&answer), "429 temporarily_unavailable (too_many_narrowed)");
        assert!(answer.headers.contains_key("retry-after"));
    }
    assert_eq!(house.audit().await.len(), before, "nothing is written");
    assert_eq!(narrow(&house, &other.access, &["acme-a"]).await.status, 200);
}

#[tokio::test]
async fn narrowing_shows_that_the_access_token_arrived() {
    let house = house().await;
    let first = house.session().await;
    let second = Tokens::of(&house.refresh(&first.refresh).await);
    assert_eq!(narrow(&house, &second.access, &["acme-a"]).await.status, 200);
    // What is noted without waiting is written before what is waited for.
    assert_eq!(refused(&house.refresh(&first.refresh).await), "400 invalid_grant (replayed)");
}

#[tokio::test]
async fn when_nothing_can_be_recorded_nothing_is_handed_out() {
    let house = house().await;
    let held = workload(&house).await;
    house.store.clone().close().await;
    assert_eq!(narrow(&house, &held, &["acme-a"]).await.status, 503);
}

#[tokio::test]
async fn the_server_says_which_details_it_understands() {
    let metadata = house().await.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["authorization_details_types_supported"], json!(["daypass_grant"]), "RFC 9396 §10");
}
