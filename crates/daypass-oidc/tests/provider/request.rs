//! What we send: to the browser, and to the token endpoint.

use std::time::Duration;

use daypass_oidc::provider::Begun;
use daypass_testkit::oidc::people::{Authentication, Client};
use serde_json::json;

use crate::world::{CALLBACK, CLIENT_ID, CLIENT_SECRET, World, browse, callback, sign_in};

#[tokio::test]
async fn the_browser_carries_a_challenge_a_state_and_a_nonce_and_no_secret() {
    let world = World::new().await;
    let Begun { url, pending } = world.client().begin(CALLBACK, Some("ada@example.com")).await.unwrap();
    assert!(url.as_str().starts_with(&format!("{}/authorize?", world.theirs.url())));
    let sent: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", CLIENT_ID),
        ("redirect_uri", CALLBACK),
        ("scope", "openid profile email"),
        ("code_challenge_method", "S256"),
        ("login_hint", "ada@example.com"),
        ("state", pending.state.expose()),
        ("nonce", pending.nonce.expose()),
    ] {
        assert_eq!(sent.iter().filter(|field| *field == &(name.to_owned(), value.to_owned())).count(), 1, "{name}");
    }
    assert!(!url.as_str().contains(pending.verifier.expose()) && !url.as_str().contains("secret"));
    let again = world.client().begin(CALLBACK, Some("ada\r\nx")).await.unwrap();
    assert!(!again.pending.has_state(pending.state.expose()));
    assert!(!again.url.as_str().contains("login_hint"));
}

#[tokio::test]
async fn a_query_that_the_endpoint_has_already_stays() {
    let world = World::new().await;
    let endpoint = format!("{}/authorize?tenant=7", world.theirs.url());
    world.theirs.change_metadata(json!({ "authorization_endpoint": endpoint }));
    world.sign_in().await.unwrap();
    let begun = world.client().begin(CALLBACK, None).await.unwrap();
    assert!(begun.url.query().unwrap().starts_with("tenant=7&response_type=code&"));
}

#[tokio::test]
async fn an_id_token_is_asked_for_even_when_the_policy_forgot() {
    let mut world = World::new().await;
    world.ours.scopes = vec!["email".into()];
    let begun = world.client().begin(CALLBACK, None).await.unwrap();
    assert!(begun.url.query().unwrap().contains("scope=openid+email"));
    world.sign_in().await.unwrap();
}

/// Port of the conformance suite's `ClientSecretBasic`.
#[tokio::test]
async fn the_secret_goes_into_the_header_when_it_may() {
    let world = World::new().await;
    world.sign_in().await.unwrap();
    // Which is also what is done when nothing is said.
    world.theirs.change_metadata(json!({ "token_endpoint_auth_methods_supported": null }));
    world.sign_in().await.unwrap();
    world.no_complaints();

    let wrong = world.client_with(Some("another"), Duration::from_secs(5));
    assert_eq!(sign_in(&wrong).await.unwrap_err().code(), "client_refused");
    let none = world.client_with(None, Duration::from_secs(5));
    assert_eq!(sign_in(&none).await.unwrap_err().code(), "client_refused");
}

#[tokio::test]
async fn the_secret_goes_into_the_form_when_only_that_is_taken() {
    let world = World::new().await;
    let authentication = Authentication::Post;
    world.theirs.set_client(Client { authentication, ..Client::confidential(CLIENT_ID, CLIENT_SECRET, CALLBACK) });
    world.sign_in().await.unwrap();
    world.no_complaints();
    world.theirs.change_metadata(json!({ "token_endpoint_auth_methods_supported": ["client_secret_basic"] }));
    assert_eq!(world.sign_in().await.unwrap_err().code(), "client_refused");
}

#[tokio::test]
async fn a_secret_that_cannot_be_sent_is_not_sent() {
    let world = World::new().await;
    world.theirs.change_metadata(json!({ "token_endpoint_auth_methods_supported": ["private_key_jwt"] }));
    let error = world.sign_in().await.unwrap_err();
    assert_eq!((error.code(), error.is_refusal()), ("client_authentication", false));
    assert_eq!(world.theirs.asked().token, 0);
}

#[tokio::test]
async fn a_public_client_has_pkce_alone() {
    let world = World::new().await;
    world.theirs.set_client(Client::public(CLIENT_ID, CALLBACK));
    let client = world.client_with(None, Duration::from_secs(5));
    sign_in(&client).await.unwrap();
    world.no_complaints();

    // Without the verifier, the code is worth nothing.
    let Begun { url, .. } = client.begin(CALLBACK, None).await.unwrap();
    let other = client.begin(CALLBACK, None).await.unwrap().pending;
    let stolen = callback(&browse(&url).await);
    assert_eq!(client.finish(CALLBACK, &other, &stolen).await.unwrap_err().code(), "code_refused");
}

#[tokio::test]
async fn endpoints_may_be_on_another_host_but_not_less_protected() {
    let world = World::new().await;
    let elsewhere = world.theirs.url().replace("127.0.0.1", "localhost");
    world.theirs.change_metadata(json!({
        "token_endpoint": format!("{elsewhere}/oauth/token"), "userinfo_endpoint": format!("{elsewhere}/userinfo"),
    }));
    assert_eq!(world.person(json!({ "sub": "1" }), json!({ "name": "Ada" })).await.unwrap().name, "Ada");

    for (name, url, code) in [
        ("authorization_endpoint", json!("javascript:alert(1)"), "provider_nonsense"),
        ("authorization_endpoint", json!("ftp://127.0.0.1/"), "insecure_endpoint"),
        ("authorization_endpoint", json!("https://user@idp.example.com/"), "insecure_endpoint"),
        ("token_endpoint", json!("https://idp.example.com/token#fragment"), "insecure_endpoint"),
        ("token_endpoint", json!("/oauth/token"), "provider_nonsense"),
        ("token_endpoint", json!(null), "provider_nonsense"),
        ("token_endpoint", json!(7), "provider_nonsense"),
        ("userinfo_endpoint", json!("file:///etc/passwd"), "provider_nonsense"),
    ] {
        world.theirs.change_metadata(json!({ name: url }));
        assert_eq!(world.client().begin(CALLBACK, None).await.unwrap_err().code(), code, "{name} {url}");
    }
    // Where nothing may be reached, nothing is sent.
    world.theirs.change_metadata(json!({ "token_endpoint": "http://169.254.169.254/token" }));
    assert_eq!(world.sign_in().await.unwrap_err().code(), "provider_unreachable");
    world.theirs.change_metadata(json!({}));
    world.sign_in().await.unwrap();
}
