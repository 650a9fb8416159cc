//! `/_/oidc/…` and `/.well-known/pytp`: what twine, uv and the publish action ask for in a CI job.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    audit::{AuditKind, Outcome},
    digest::Sha256,
    policy::Policy,
    session::SessionLimits,
};
use daypass_issuer::LoadedPolicy;
use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::house::{Answer, House, URL};

const MINT: &str = "/_/oidc/mint-token";

/// Two identities of one repository: one that pulls, one that publishes from its main branch.
fn policy(provider: &str) -> LoadedPolicy {
    let identity = |name: &str, claims: &str, grants: &str, more: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nissuer = \"ci\"\nclaims = {{ {claims} }}\ngrants = [{grants}]\n{more}\n"
        )
    };
    let pull = r#"{ index = "python", projects = ["*"], actions = ["pull"] }"#;
    let publish = r#"{ index = "python", projects = ["acme-*"], actions = ["push", "yank"] }"#;
    let text = [
        format!("[[issuer]]\nname = \"ci\"\nurl = \"{provider}\"\nkeys = {{ discovery = true }}\n"),
        identity("ci/build", r#"repository_id = "74""#, pull, ""),
        identity(
            "ci/release",
            r#"repository_id = "74", ref = "refs/heads/main""#,
            &format!("{pull}, {publish}"),
            "ttl = \"8h\"",
        ),
        identity("ci/short", r#"repository_id = "75""#, publish, "ttl = \"10m\""),
        identity("ci/one", r#"repository_id = "76""#, publish, ""),
        identity("ci/two", r#"repository_id = "76", ref = "refs/heads/main""#, publish, ""),
    ]
    .concat();
    LoadedPolicy {
        policy: Arc::new(Policy::merge([Policy::parse(&text).unwrap()]).unwrap()),
        ..LoadedPolicy::default()
    }
}

async fn house() -> House {
    House::build_at(URL, SessionLimits::default(), policy).await
}

async fn mint_at(house: &House, path: &str, body: impl Into<Body>) -> Answer {
    let request = Request::post(path).header("content-type", "application/json").header("accept", "*/*");
    house.send(request.body(body.into()).unwrap()).await
}

async fn mint(house: &House, outside: &str) -> Answer {
    mint_at(house, MINT, json!({ "token": outside }).to_string()).await
}

/// What an uploader prints.
fn printed(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(answer.headers["content-type"], "application/problem+json");
    assert_eq!((&body["message"], &body["status"]), (&json!("Token request failed"), &json!(answer.status)));
    let [error] = body["errors"].as_array().unwrap().as_slice() else { panic!("one error: {body}") };
    assert_eq!(error["description"], body["detail"]);
    format!("{} {}: {}", answer.status, error["code"].as_str().unwrap(), error["description"].as_str().unwrap())
}

fn claims(access_token: &str) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(access_token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

#[tokio::test]
async fn the_audience_is_the_servers_public_url() {
    let answer = house().await.get("/_/oidc/audience").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "audience": URL })));
}

#[tokio::test]
async fn a_jobs_token_becomes_one_that_publishes_for_a_quarter_of_an_hour_and_nothing_else() {
    let house = house().await;
    let outside = house.outside_token(json!({}));
    let answer = mint(&house, &outside).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    assert_eq!(answer.headers["content-type"], "application/json");
    let body = answer.json();
    assert_eq!((&body["success"], &body["expires"]), (&json!(true), &json!(house.now().as_second() + 900)));

    let access = body["token"].as_str().unwrap();
    let claims = claims(access);
    assert_eq!(claims["identity"], "ci/release", "the other one cannot publish, and is in nobody's way");
    assert_eq!(claims["exp"], body["expires"]);
    assert_eq!(claims["grants"], json!([{"index": "python", "projects": ["acme-*"], "actions": ["pull", "push"]}]));

    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenExchanged, Outcome::Success));
    assert_eq!(event.identity.as_deref(), Some("ci/release"));
    assert_eq!(
        (event.token_sha256, event.subject_token_sha256),
        (Some(Sha256::of(access)), Some(Sha256::of(&outside)))
    );
}

#[tokio::test]
async fn a_token_is_minted_once_and_the_exchange_counts_too() {
    let house = house().await;
    let outside = house.outside_token(json!({}));
    assert_eq!(mint(&house, &outside).await.status, 200);
    assert_snapshot!(printed(&mint(&house, &outside).await), @"422 invalid-reuse-token: this outside token was already exchanged once; request a fresh one from the CI");
    assert_eq!(house.exchange(&outside, &[("identity", "ci/build")]).await.status, 400, "one proof, one token");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::TokenRefused, Outcome::Refused));
}

#[tokio::test]
async fn an_access_token_that_is_given_back_is_revoked_and_anything_else_is_nothing() {
    let house = house().await;
    let access = mint(&house, &house.outside_token(json!({}))).await.json()["token"].as_str().unwrap().to_owned();
    let burn = async |body: String| mint_at(&house, "/_/oidc/burn-token", body).await;
    let answer = burn(json!({ "token": access }).to_string()).await;
    assert_eq!((answer.status, answer.json()), (202, json!({ "message": "Accepted" })));
    let event = house.last_event().await;
    assert_eq!((event.kind, event.token_sha256), (AuditKind::TokenRevoked, Some(Sha256::of(&access))));

    for nothing in ["nonsense", ""] {
        assert_eq!(burn(json!({ "token": nothing }).to_string()).await.status, 202, "{nothing}");
    }
    assert_eq!(house.last_event().await.token_sha256, Some(Sha256::of(&access)));
    assert_snapshot!(printed(&burn("{}".to_owned()).await), @"422 invalid-payload: send a JSON object with the access token as its `token`");
}

#[tokio::test]
async fn every_refusal_says_why_to_whoever_holds_a_genuine_token_and_nothing_to_a_stranger() {
    let house = house().await;
    let refused = async |claims: Value| printed(&mint(&house, &house.outside_token(claims)).await);
    assert_snapshot!(refused(json!({"ref": "refs/heads/x"})).await, @"422 invalid-publisher: identity `ci/build` is not granted `push` anywhere; ask whoever runs this server to grant it");
    assert_eq!(house.last_event().await.identity.as_deref(), Some("ci/build"));
    assert_snapshot!(refused(json!({"repository_id": "1"})).await, @"422 invalid-publisher: no identity matches the claims of this token; ask whoever runs this server to compare the identity's rule with the job's claims");
    assert_snapshot!(refused(json!({"repository_id": "76"})).await, @"422 invalid-publisher: several identities match the claims of this token (ci/one, ci/two): name one; let one only be granted `push`, or name one: `/_/oidc/mint-token?identity=NAME`");
    assert_snapshot!(refused(json!({"repository_id": "75"})).await, @"422 invalid-publisher: identity `ci/short` hands out access tokens for 600 seconds only, and publishing takes one for 900; ask whoever runs this server");
    assert_snapshot!(refused(json!({"aud": "somebody-else"})).await, @"422 invalid-token: the token is meant for another audience; request it for the audience `https://packages.example.com`");
    let stranger = house.provider.token(json!({"iss": "https://evil.example", "sub": "x", "aud": URL}));
    assert_snapshot!(printed(&mint(&house, &stranger).await), @"422 invalid-token: the subject token was not accepted; the operator finds the reason in the audit log under this request's id");
    assert_eq!(house.last_event().await.token_sha256, Some(Sha256::of(&stranger)));
}

#[tokio::test]
async fn one_of_several_is_named_in_the_url_and_its_rules_hold_all_the_same() {
    let house = house().await;
    let outside = house.outside_token(json!({"repository_id": "76"}));
    let named = |name: &str| format!("{MINT}?identity={name}");
    let body = json!({ "token": outside }).to_string();
    let refused = mint_at(&house, &named("ci/release"), body.clone()).await;
    assert_snapshot!(printed(&refused), @"422 invalid-publisher: identity `ci/release`: claim `repository_id` differs; ask whoever runs this server to compare the identity's rule with the job's claims");
    let answer = mint_at(&house, &named("ci/two"), body).await;
    assert_eq!(claims(answer.json()["token"].as_str().unwrap())["identity"], "ci/two");
}

#[tokio::test]
async fn what_is_not_understood_is_refused() {
    let house = house().await;
    let outside = house.outside_token(json!({}));
    for body in [
        String::new(),
        "[]".to_owned(),
        "{}".to_owned(),
        "{\"token\": 1}".to_owned(),
        format!("{{\"token\": \"{outside}\", \"token\": \"{outside}\"}}"),
        format!("token={outside}"),
    ] {
        let answer = mint_at(&house, MINT, body.clone()).await;
        assert_eq!(
            (answer.status, answer.json()["errors"][0]["code"].as_str()),
            (422, Some("invalid-payload")),
            "{body}"
        );
    }
    let single = json!({ "token": outside, "features": ["single-use-token"] }).to_string();
    assert_snapshot!(printed(&mint_at(&house, MINT, single).await), @"422 invalid-payload: the only feature there is here is `multi-use-token`");
    let long = json!({ "token": "x".repeat(70_000) }).to_string();
    assert_eq!(mint_at(&house, MINT, long).await.status, 413);
    let multi = json!({ "token": outside, "features": ["multi-use-token"], "later": 1 }).to_string();
    assert_eq!(mint_at(&house, MINT, multi).await.status, 200, "nothing of it spent the proof");
}

#[tokio::test]
async fn strangers_are_slowed_down_as_at_the_token_endpoint() {
    let house = house().await;
    let mut last = 0;
    for number in 0..2_100 {
        let answer = mint(&house, &format!("not.a.token{number}")).await;
        last = answer.status;
        if last == 429 {
            assert_eq!(answer.json()["errors"][0]["code"], "temporarily-unavailable");
            assert!(answer.headers.contains_key("retry-after"));
            break;
        }
    }
    assert_eq!(last, 429);
    assert_eq!(mint(&house, &house.outside_token(json!({}))).await.status, 200, "a colleague at the same address");
}

#[tokio::test]
async fn an_upload_url_leads_to_the_endpoints() {
    let house = house().await;
    let discover = async |key: &str, accept: Option<&str>| {
        let mut request = Request::get(format!("/.well-known/pytp{key}"));
        if let Some(accept) = accept {
            request = request.header("accept", accept);
        }
        house.send(request.body(Body::empty()).unwrap()).await
    };
    let pytp = "application/vnd.pypi.pytp.v1+json";
    for (accept, content_type) in [(None, pytp), (Some(pytp), pytp), (Some("*/*"), "application/json")] {
        let answer = discover("?discover=%2Fpython%2Flegacy%2F", accept).await;
        assert_eq!((answer.status, &answer.headers["content-type"]), (200, &content_type.parse().unwrap()));
        let expected = json!({
            "audience-endpoint": format!("{URL}/_/oidc/audience"),
            "token-mint-endpoint": format!("{URL}/_/oidc/mint-token"),
            "features": ["multi-use-token"],
            "default-features": ["multi-use-token"],
        });
        assert_eq!(answer.json(), expected);
    }
    for (key, accept, status) in [
        ("?discover=%2Fother%2Flegacy%2F", None, 404),
        ("?discover=%2Fpython%2Fsimple%2F", None, 404),
        ("?discover=python/legacy", None, 404),
        ("?discover=%2F", None, 404),
        ("", None, 400),
        ("?discover=%2Fpython%2Flegacy%2F", Some("text/html"), 406),
    ] {
        let answer = discover(key, accept).await;
        assert_eq!(answer.status, status, "{key}");
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.json()["status"], status);
    }
}
