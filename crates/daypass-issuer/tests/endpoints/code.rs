//! `POST /oauth/token` with `grant_type=authorization_code`.

use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
    digest::Sha256,
    person::PersonId,
};
use daypass_oidc::verify::{ExpectedAccess, verify_access_token};
use daypass_store::Revoked;
use serde_json::json;

use crate::{
    house::URL,
    people::{
        APP, APP_URI, Browser, CHALLENGE, LOOPBACK, Tokens, VERIFIER, WATCH, WATCH_SECRET, ada, asks, house, loaded,
        query, refused, written,
    },
    sign_in::set_disabled,
};

#[tokio::test]
async fn a_code_becomes_a_session() {
    let house = house().await;
    let code = Browser::new(&house).code().await;
    let answer = house.redeem(&code, &[]).await;
    assert_eq!(
        (&answer.headers["cache-control"], &answer.headers["content-type"]),
        (&"no-store".parse().unwrap(), &"application/json".parse().unwrap())
    );
    let tokens = Tokens::of(&answer);
    let mut body = tokens.body.clone();
    let fields = body.as_object_mut().unwrap();
    for secret in ["access_token", "refresh_token"] {
        fields.remove(secret);
    }
    assert_eq!(
        body,
        json!({"token_type": "Bearer", "expires_in": 3600, "scope": "offline_access", "session_expires_in": 43_200,
               "person": "ada@example.com"})
    );
    assert!(tokens.refresh.starts_with("daypass_rt_") && tokens.refresh.len() == 60);

    let expected = ExpectedAccess { issuer: URL, audience: URL, now: house.now() };
    let claims = verify_access_token(&tokens.access, &expected, &house.issuer.keys().load()).unwrap();
    assert_eq!((claims.exp - house.now().as_second(), &*claims.client_id), (3600, APP));
    assert_eq!(claims.sub, PersonId::of(house.provider.url(), "00u1").to_string());
    assert_eq!((claims.holder.identity(), claims.holder.person()), (None, Some("ada@example.com")));
    assert_eq!((&*claims.act.iss, &*claims.act.sub), (house.provider.url(), "00u1"));
    let json = serde_json::to_value(&claims).unwrap();
    assert_eq!(json["seats"].as_array().unwrap().len(), 1);
    assert_eq!(json["grants"], json!([{"index": "python", "projects": ["*"], "actions": ["pull"]}]));
    assert!(json.get("identity").is_none() && json.get("email").is_none());

    let session = house.store.session(claims.holder.session().unwrap()).await.unwrap().unwrap();
    assert_eq!((session.client_id.as_str(), &*session.audience), (APP, URL));
    let event = house.last_event().await;
    assert_eq!(
        (event.kind, event.outcome, event.session),
        (AuditKind::SessionCreated, Outcome::Success, Some(session.id))
    );
    assert_eq!((event.person.as_deref(), event.token_id), (Some("ada@example.com"), Some(claims.jti)));
    assert_eq!(event.token_sha256, Some(Sha256::of(&tokens.access)));
    assert_eq!(event.source.as_deref(), Some("192.0.2.7"));
}

#[tokio::test]
async fn whoever_lacks_one_part_of_the_proof_gets_nothing_and_does_not_spend_the_code() {
    let house = house().await;
    let code = Browser::new(&house).code().await;
    for (changes, expected) in [
        (vec![("code_verifier", "x")], "400 invalid_grant (wrong_code_verifier)"),
        (vec![("code_verifier", CHALLENGE)], "400 invalid_grant (wrong_code_verifier)"),
        (
            vec![("code_verifier", "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK")],
            "400 invalid_grant (wrong_code_verifier)",
        ),
        (vec![("code_verifier", "")], "400 invalid_request"),
        (vec![("redirect_uri", "https://app.example.com/cb?keep=1")], "400 invalid_grant (redirect_uri_differs)"),
        (vec![("redirect_uri", "https://app.example.com/cb/")], "400 invalid_grant (redirect_uri_differs)"),
        (vec![("redirect_uri", "")], "400 invalid_request"),
        (vec![("client_id", "daypass-cli")], "400 invalid_grant (code_of_another_client)"),
        (vec![("client_id", "nobody")], "401 invalid_client"),
        (vec![("client_id", "")], "400 invalid_request"),
        (vec![("client_id", WATCH)], "401 invalid_client"),
        (vec![("client_id", WATCH), ("client_secret", WATCH_SECRET)], "400 invalid_grant (code_of_another_client)"),
        (vec![("client_secret", "x")], "401 invalid_client"),
        (vec![("code", "")], "400 invalid_request"),
        (vec![("code", "x")], "400 invalid_grant (code_unknown)"),
    ] {
        let answer = house.redeem(&code, &changes).await;
        assert_eq!(refused(&answer), expected, "{changes:?}");
        let event = house.last_event().await;
        assert_eq!((event.outcome, event.session), (Outcome::Refused, None), "{event:?}");
        assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"), "RFC 6749 §5.2");
    }
    // Which part was wrong is for the log, and the text is the same for all.
    let texts = [("code_verifier", CHALLENGE), ("redirect_uri", LOOPBACK), ("client_id", "daypass-cli")];
    for change in texts {
        assert!(
            house.redeem(&code, &[change]).await.error().ends_with("the code was not accepted; begin the sign-in anew")
        );
    }
    Tokens::of(&house.redeem(&code, &[]).await);
}

#[tokio::test]
async fn a_code_is_good_for_a_minute() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let (early, late) = (browser.code().await, browser.code().await);
    house.clock.advance(SignedDuration::from_secs(59));
    Tokens::of(&house.redeem(&early, &[]).await);
    house.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(refused(&house.redeem(&late, &[]).await), "400 invalid_grant (code_expired)");
}

#[tokio::test]
async fn a_code_that_comes_twice_ends_what_came_of_it() {
    let house = house().await;
    let code = Browser::new(&house).code().await;
    let bystander = house.session().await;
    let tokens = Tokens::of(&house.redeem(&code, &[]).await);
    let session = house.last_event().await.session.unwrap();
    let next = Tokens::of(&house.refresh(&tokens.refresh).await);
    // Whoever has the code alone cannot end anything.
    assert_eq!(
        refused(&house.redeem(&code, &[("code_verifier", CHALLENGE)]).await),
        "400 invalid_grant (wrong_code_verifier)"
    );
    assert!(house.is_active(&next.access).await);

    house.clock.advance(SignedDuration::from_mins(5));
    assert_eq!(refused(&house.redeem(&code, &[]).await), "400 invalid_grant (replayed)");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome, event.session), (AuditKind::SessionReused, Outcome::Refused, Some(session)));
    assert_eq!(refused(&house.refresh(&next.refresh).await), "400 invalid_grant (session_ended)");
    for access in [&tokens.access, &next.access] {
        assert_eq!(house.session_api(access).await.status, 401);
        assert!(!house.is_active(access).await);
    }
    let revoked = house.store.revocations_after(0).await.unwrap();
    assert_eq!(revoked.last().unwrap().revocation.what, Revoked::Session(session));
    assert!(house.is_active(&bystander.access).await && house.is_active(&bystander.refresh).await);
    assert_eq!(refused(&house.redeem(&code, &[]).await), "400 invalid_grant (replayed)");
}

#[tokio::test]
async fn of_many_who_redeem_a_code_at_once_none_keeps_a_session() {
    let house = house().await;
    let code = Browser::new(&house).code().await;
    let all = (0..10).map(|_| house.redeem(&code, &[]));
    let answers = futures_util::future::join_all(all).await;
    let opened: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(opened.len(), 1);
    let tokens = Tokens::of(opened[0]);
    assert!(!house.is_active(&tokens.access).await && !house.is_active(&tokens.refresh).await);
}

#[tokio::test]
async fn rights_and_standing_are_looked_at_when_the_code_is_redeemed() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let (one, two) = (browser.code().await, browser.code().await);
    house
        .issuer
        .replace_policy(loaded(&written(house.provider.url()).replace("corp/engineering", "corp/sales")))
        .unwrap();
    assert_eq!(refused(&house.redeem(&one, &[]).await), "400 invalid_grant (no_access)");
    assert_eq!(house.last_event().await.session, None, "none has begun");
    house.issuer.replace_policy(loaded(&written(house.provider.url()))).unwrap();
    Tokens::of(&house.redeem(&one, &[]).await);
    set_disabled(&house, true).await;
    assert_eq!(refused(&house.redeem(&two, &[]).await), "400 invalid_grant (code_unknown)");
    set_disabled(&house, false).await;
    assert_eq!(refused(&house.redeem(&two, &[]).await), "400 invalid_grant (code_unknown)", "it was withdrawn");
}

#[tokio::test]
async fn somebody_in_hundreds_of_groups_gets_an_access_token_that_fits_or_is_told_why_not() {
    let house = house().await;
    let groups: Vec<String> = (0..300).map(|number| format!("group-number-{number}")).collect();
    ada(&house.provider, json!(groups));
    let written = written(house.provider.url());
    let members: Vec<_> = groups.iter().map(|group| format!("\"corp/{group}\"")).collect();
    let one_role = written.replace("\"corp/engineering\"", &members.join(", "));
    house.issuer.replace_policy(loaded(&one_role)).unwrap();
    let tokens = Tokens::of(&house.redeem(&Browser::new(&house).code().await, &[]).await);
    assert!(tokens.access.len() < 2_000, "{}", tokens.access.len());
    assert_eq!(house.session_api(&tokens.access).await.status, 200);

    let role = |(number, member)| {
        format!("\n[[role]]\nrole = \"reader\"\nindex = \"python\"\nprojects = [\"p{number}\"]\ngroups = [{member}]\n")
    };
    let many_roles: String = members.iter().enumerate().map(role).collect();
    house.issuer.replace_policy(loaded(&(written + &many_roles))).unwrap();
    let answer = house.redeem(&Browser::new(&house).code().await, &[]).await;
    assert_eq!(refused(&answer), "400 invalid_grant (too_many_grants)");
    assert!(answer.error().contains("ada@example.com has 300 different grants here"), "{}", answer.error());
    let event = house.last_event().await;
    assert_eq!((event.kind, event.session), (AuditKind::SessionRefused, None));
    assert!(event.reason.unwrap().starts_with("too_many_grants: "));
    assert_eq!(refused(&house.refresh(&tokens.refresh).await), "400 invalid_grant (too_many_grants)");
}

#[tokio::test]
async fn the_command_line_and_a_confidential_client_get_theirs() {
    let house = house().await;
    let cli = asks(&[("client_id", "daypass-cli"), ("redirect_uri", LOOPBACK)]);
    let url = Browser::new(&house).clicks_and_signs_in(&cli).await.onward();
    assert!(url.starts_with(LOOPBACK), "{url}");
    let code = query(&url)["code"].clone();
    let other_port = LOOPBACK.replace("5555", "5556");
    let as_cli = |uri| [("client_id", "daypass-cli"), ("redirect_uri", uri)];
    assert_eq!(refused(&house.redeem(&code, &as_cli(&other_port)).await), "400 invalid_grant (redirect_uri_differs)");
    Tokens::of(&house.redeem(&code, &as_cli(LOOPBACK)).await);

    let uri = "https://watch.example.com/cb";
    let url = Browser::new(&house).signs_in(&asks(&[("client_id", WATCH), ("redirect_uri", uri)])).await.onward();
    let code = query(&url)["code"].clone();
    let bare = [("client_id", WATCH), ("redirect_uri", uri)];
    assert_eq!(refused(&house.redeem(&code, &bare).await), "401 invalid_client");
    let wrong = [("client_id", WATCH), ("redirect_uri", uri), ("client_secret", "wrong")];
    assert_eq!(refused(&house.redeem(&code, &wrong).await), "401 invalid_client");
    let right = [("client_id", WATCH), ("redirect_uri", uri), ("client_secret", WATCH_SECRET)];
    Tokens::of(&house.redeem(&code, &right).await);
}

#[tokio::test]
async fn one_kind_of_secret_is_not_another() {
    let house = house().await;
    let code = Browser::new(&house).code().await;
    let tokens = house.session().await;
    assert_eq!(refused(&house.redeem(&tokens.refresh, &[]).await), "400 invalid_grant (code_unknown)");
    assert_eq!(refused(&house.refresh(&code).await), "400 invalid_grant (session_unknown)");
    assert_eq!(refused(&house.refresh(&tokens.access).await), "400 invalid_grant (session_unknown)");
    assert_eq!(house.session_api(&tokens.refresh).await.status, 401);
    assert_eq!(house.session_api(&code).await.status, 401);
    let exchange = house.exchange(&tokens.access, &[]).await;
    assert_eq!(exchange.status, 400, "an access token of ours is no outside token: {}", exchange.body);
    let _ = (VERIFIER, APP_URI);
}
