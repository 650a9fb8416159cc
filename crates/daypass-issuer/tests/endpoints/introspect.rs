//! `POST /oauth/introspect`, and how clients prove who they are.

use axum::{body::Body, http::Request};
use base64::{Engine, engine::general_purpose::STANDARD};
use daypass_core::{SignedDuration, audit::AuditKind};
use serde_json::json;

use crate::{
    house::{Answer, House, URL},
    people::{
        APP, APP_URI, Browser, LEEWAY, Tokens, VERIFIER, WATCH, WATCH_SECRET, encoded, house, loaded, refused, written,
    },
};

/// As RFC 6749 §2.3.1 has it: form-encoded, joined, encoded.
fn basic(id: &str, secret: &str) -> String {
    let encode = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    format!("Basic {}", STANDARD.encode(format!("{}:{}", encode(id), encode(secret))))
}

async fn ask(house: &House, path: &str, authorization: &str, form: &[(&str, &str)]) -> Answer {
    let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
    let request = request.header("authorization", authorization);
    house.send(request.body(Body::from(encoded(form))).unwrap()).await
}

#[tokio::test]
async fn a_resource_server_is_told_what_a_token_is_worth() {
    let house = house().await;
    let tokens = house.session().await;
    let access = house.introspect(&tokens.access).await;
    assert_eq!(access["active"], true);
    for (name, expected) in [
        ("token_type", json!("Bearer")),
        ("client_id", json!(APP)),
        ("username", json!("ada@example.com")),
        ("iss", json!(URL)),
        ("aud", json!(URL)),
        ("exp", json!(house.now().as_second() + 3_600)),
        ("grants", json!([{"index": "python", "projects": ["*"], "actions": ["pull"]}])),
    ] {
        assert_eq!(access[name], expected, "{name}");
    }
    let refresh = house.introspect(&tokens.refresh).await;
    assert_eq!((&refresh["active"], &refresh["token_type"]), (&json!(true), &json!("refresh_token")));
    assert_eq!((&refresh["sub"], &refresh["exp"]), (&access["sub"], &json!(house.now().as_second() + 43_200)));

    for nonsense in ["x", "a.b.c", "daypass_rt_x", &house.outside_token(json!({}))] {
        assert!(!house.is_active(nonsense).await);
    }
    let code = Browser::new(&house).code().await;
    assert!(!house.is_active(&code).await);
    assert!(house.is_active(&tokens.refresh).await, "asking spends nothing");
    Tokens::of(&house.refresh(&tokens.refresh).await);
    assert!(!house.is_active(&tokens.refresh).await, "spent");
    assert!(house.is_active(&tokens.access).await);
    house.clock.advance(SignedDuration::from_secs(3_600 + LEEWAY));
    assert!(!house.is_active(&tokens.access).await, "over");
}

#[tokio::test]
async fn an_identitys_token_is_worth_what_it_says_and_its_rule_still_allows() {
    let house = house().await;
    let exchanged = house.exchange(&house.outside_token(json!({})), &[("identity", "ci/app")]).await.json();
    let access = exchanged["access_token"].as_str().unwrap();
    let narrow = json!([{"index": "python", "projects": ["acme-*"], "actions": ["pull"]}]);
    let answer = house.introspect(access).await;
    assert_eq!((&answer["username"], &answer["grants"]), (&json!("ci/app"), &narrow));
    // A rule that was widened since widens no token that was signed before.
    let text = written(house.provider.url());
    let grants = "projects = [\"acme-*\"], actions = [\"pull\"]";
    let wider = text.replace(grants, "projects = [\"*\"], actions = [\"pull\", \"push\"]");
    house.issuer.replace_policy(loaded(&wider)).unwrap();
    assert_eq!(house.introspect(access).await["grants"], narrow);
    assert_eq!(house.session_api(access).await.json()["indexes"][0]["projects"], json!(["acme-*"]));
    assert_eq!(house.session_api(access).await.json()["indexes"][0]["actions"], json!(["pull"]));
    let other = text.replace(grants, "projects = [\"other-*\"], actions = [\"pull\"]");
    house.issuer.replace_policy(loaded(&other)).unwrap();
    assert_eq!(house.introspect(access).await["grants"], json!([]));
    house.issuer.replace_policy(loaded(&text.replace("\"74\"", "\"75\""))).unwrap();
    assert!(!house.is_active(access).await);
}

#[tokio::test]
async fn only_a_client_with_the_right_secret_may_ask() {
    let house = house().await;
    let tokens = house.session().await;
    let token = ("token", &*tokens.access);
    for (authorization, form, expected) in [
        (Some(basic(WATCH, WATCH_SECRET)), vec![token], "200"),
        (Some(basic(WATCH, WATCH_SECRET)), vec![token, ("client_id", WATCH)], "200"),
        (None, vec![token, ("client_id", WATCH), ("client_secret", WATCH_SECRET)], "200"),
        (None, vec![token], "400 invalid_request"),
        (None, vec![token, ("client_id", APP)], "401 invalid_client"),
        (None, vec![token, ("client_id", "daypass-cli")], "401 invalid_client"),
        (None, vec![token, ("client_id", WATCH)], "401 invalid_client"),
        (None, vec![token, ("client_id", WATCH), ("client_secret", "wrong")], "401 invalid_client"),
        (None, vec![token, ("client_id", "nobody"), ("client_secret", "x")], "401 invalid_client"),
        (Some(basic(WATCH, "wrong")), vec![token], "401 invalid_client"),
        (Some(basic(WATCH, "")), vec![token], "401 invalid_client"),
        (Some(basic(APP, "")), vec![token], "401 invalid_client"),
        (Some(basic(APP, WATCH_SECRET)), vec![token], "401 invalid_client"),
        (Some(basic(WATCH, WATCH_SECRET)), vec![token, ("client_id", APP)], "400 invalid_request"),
        (Some(basic(WATCH, WATCH_SECRET)), vec![token, ("client_secret", WATCH_SECRET)], "400 invalid_request"),
        (Some(format!("Bearer {}", tokens.access)), vec![token], "400 invalid_request"),
        (Some(format!("Bearer {}", tokens.access)), vec![token, ("client_id", WATCH)], "400 invalid_request"),
        (Some("Basic !".to_owned()), vec![token], "400 invalid_request"),
        (Some("Basic".to_owned()), vec![token], "400 invalid_request"),
        (Some(format!("Basic {}", STANDARD.encode("watch"))), vec![token], "400 invalid_request"),
        (Some(basic(WATCH, WATCH_SECRET)), vec![], "400 invalid_request"),
    ] {
        let answer = match &authorization {
            Some(authorization) => ask(&house, "/oauth/introspect", authorization, &form).await,
            None => house.post("/oauth/introspect", &form).await,
        };
        let found = if answer.status == 200 { "200".to_owned() } else { refused(&answer) };
        assert_eq!(found, expected, "{authorization:?} {form:?}");
        assert_eq!(answer.status == 401, answer.headers.contains_key("www-authenticate"));
        if answer.status == 200 {
            assert_eq!(answer.headers["cache-control"], "no-store");
        } else {
            assert!(!answer.body.contains("ada@"), "{}", answer.body);
        }
    }
    assert_eq!(house.last_event().await.kind, AuditKind::TokenRefused);
    assert_eq!(house.get("/oauth/introspect").await.status, 405);
}

#[tokio::test]
async fn a_client_without_a_secret_may_say_so_in_basic() {
    let house = house().await;
    let redeem = async |authorization: &str, more: &[(&str, &str)]| {
        let code = Browser::new(&house).code().await;
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("redirect_uri", APP_URI),
            ("code_verifier", VERIFIER),
            ("code", &*code),
        ];
        form.extend(more);
        ask(&house, "/oauth/token", authorization, &form).await
    };
    Tokens::of(&redeem(&basic(APP, ""), &[]).await);
    Tokens::of(&redeem(&basic(APP, ""), &[("client_id", APP)]).await);
    Tokens::of(&redeem(&basic(APP, "").replace("Basic", "basic"), &[]).await);
    assert_eq!(refused(&redeem(&basic(APP, "x"), &[]).await), "401 invalid_client");
    assert_eq!(refused(&redeem(&basic(APP, ""), &[("client_secret", "x")]).await), "400 invalid_request");
    assert_eq!(refused(&redeem(&basic(APP, ""), &[("client_id", "daypass-cli")]).await), "400 invalid_request");
}

#[tokio::test]
async fn a_secret_that_could_not_be_read_lets_nobody_in() {
    let house = house().await;
    let tokens = house.session().await;
    let mut policy = loaded(&written(house.provider.url()));
    policy.client_secrets.clear();
    house.issuer.replace_policy(policy).unwrap();
    for secret in ["", "x", WATCH_SECRET] {
        let form = [("token", &*tokens.access), ("client_id", WATCH), ("client_secret", secret)];
        assert_eq!(refused(&house.post("/oauth/introspect", &form).await), "401 invalid_client");
    }
}
