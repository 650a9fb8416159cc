//! `GET /.well-known/…`.

use axum::{body::Body, http::Request};
use insta::assert_json_snapshot;

use crate::house::House;

#[tokio::test]
async fn the_server_says_what_it_offers_under_both_names() {
    let house = House::build().await;
    let answer = house.get("/.well-known/oauth-authorization-server").await;
    assert_json_snapshot!(answer.json(), @r#"
    {
      "authorization_details_types_supported": [
        "daypass_grant"
      ],
      "authorization_endpoint": "https://packages.example.com/oauth/authorize",
      "authorization_response_iss_parameter_supported": true,
      "code_challenge_methods_supported": [
        "S256"
      ],
      "device_authorization_endpoint": "https://packages.example.com/oauth/device_authorization",
      "grant_types_supported": [
        "authorization_code",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:token-exchange"
      ],
      "id_token_signing_alg_values_supported": [
        "ES256"
      ],
      "introspection_endpoint": "https://packages.example.com/oauth/introspect",
      "introspection_endpoint_auth_methods_supported": [
        "client_secret_basic",
        "client_secret_post"
      ],
      "issuer": "https://packages.example.com",
      "jwks_uri": "https://packages.example.com/.well-known/jwks.json",
      "response_modes_supported": [
        "query"
      ],
      "response_types_supported": [
        "code"
      ],
      "revocation_endpoint": "https://packages.example.com/oauth/revoke",
      "revocation_endpoint_auth_methods_supported": [
        "none"
      ],
      "scopes_supported": [
        "offline_access"
      ],
      "subject_types_supported": [
        "public"
      ],
      "token_endpoint": "https://packages.example.com/oauth/token",
      "token_endpoint_auth_methods_supported": [
        "none",
        "client_secret_basic",
        "client_secret_post",
        "private_key_jwt"
      ],
      "token_endpoint_auth_signing_alg_values_supported": [
        "RS256",
        "PS256",
        "ES256",
        "ES384",
        "EdDSA"
      ]
    }
    "#);
    assert_eq!(house.get("/.well-known/openid-configuration").await.body, answer.body);
}

#[tokio::test]
async fn the_index_says_who_guards_it() {
    let house = House::build().await;
    assert_json_snapshot!(house.get("/.well-known/oauth-protected-resource").await.json(), @r#"
    {
      "authorization_servers": [
        "https://packages.example.com"
      ],
      "bearer_methods_supported": [
        "header"
      ],
      "resource": "https://packages.example.com"
    }
    "#);
}

#[tokio::test]
async fn the_keys_are_public_only_and_cacheable() {
    let house = House::build().await;
    let answer = house.get("/.well-known/jwks.json").await;
    assert!(answer.json()["keys"][0].get("d").is_none());
    assert_eq!(answer.headers["cache-control"], "public, max-age=300");
    let again = Request::get("/.well-known/jwks.json").header("if-none-match", &answer.headers["etag"]);
    assert_eq!(house.send(again.body(Body::empty()).unwrap()).await.status, 304);
}
