//! What the provider answers over HTTP, in health and in [`Trouble`].

use std::{
    collections::HashMap,
    convert::Infallible,
    future,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Query, State as From},
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{State, Trouble, locked, overlay, sign_in};

type Shared = Arc<State>;

pub(super) fn router(state: Shared) -> Router {
    Router::new()
        .route("/.well-known/openid-configuration", get(discovery))
        .route("/jwks", get(jwks))
        .route("/moved/openid-configuration", get(|From(state): From<Shared>| async move { json(&metadata(&state)) }))
        .route("/moved/jwks", get(|From(state): From<Shared>| async move { json(&locked(&state.keys).jwks()) }))
        .route("/token", get(job_token))
        .merge(sign_in::routes())
        .with_state(state)
}

async fn discovery(From(state): From<Shared>) -> Response {
    state.discovery_requests.fetch_add(1, Ordering::SeqCst);
    let trouble = *locked(&state.trouble);
    match trouble {
        Trouble::Fail => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Trouble::Hang => future::pending().await,
        Trouble::Redirect => Redirect::temporary("/moved/openid-configuration").into_response(),
        Trouble::WrongIssuer => with(&state, json!({ "issuer": format!("{}/", state.url) })),
        Trouble::JwksAtMetadataAddress => {
            with(&state, json!({ "jwks_uri": "http://169.254.169.254/latest/meta-data/" }))
        }
        _ => json(&metadata(&state)),
    }
}

async fn jwks(From(state): From<Shared>) -> Response {
    state.jwks_requests.fetch_add(1, Ordering::SeqCst);
    let trouble = *locked(&state.trouble);
    let good = locked(&state.keys).jwks();
    match trouble {
        Trouble::Fail | Trouble::FailJwks => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Trouble::Hang => future::pending().await,
        Trouble::Trickle => trickled(good.to_string()),
        Trouble::Redirect => Redirect::temporary("/moved/jwks").into_response(),
        Trouble::HugeJwks => sent(format!("{good}{}", " ".repeat(1 << 20))),
        Trouble::EmptyJwks => sent(r#"{"keys":[]}"#.to_owned()),
        Trouble::OneKey => {
            let rsa = |key: &Value| key.get("kty").and_then(Value::as_str) == Some("RSA");
            json(&json!({ "keys": members(&good).into_iter().filter(rsa).collect::<Vec<_>>() }))
        }
        Trouble::OnlyBadKeys => json(&json!({ "keys": bad_keys(&good) })),
        Trouble::BadKeysAmongGood => {
            let mut all = bad_keys(&good);
            all.extend(members(&good));
            all.extend([json!(null), json!("key"), json!({})]);
            json(&json!({ "keys": all }))
        }
        Trouble::NotJson => sent("<html>Maintenance</html>".to_owned()),
        _ => json(&good),
    }
}

/// As a CI's token endpoint: `{"value": …}`, a fresh token each time.
async fn job_token(From(state): From<Shared>, Query(query): Query<HashMap<String, String>>) -> Response {
    let mut claims = state.job_claims.clone();
    if let Some(audience) = query.get("audience") {
        overlay(&mut claims, json!({ "aud": audience }));
    }
    json(&json!({ "value": state.forge(claims).build() }))
}

fn metadata(state: &State) -> Value {
    let mut document = json!({
        "issuer": state.url,
        "jwks_uri": format!("{}/jwks", state.url),
        "response_types_supported": ["code", "id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nbf", "jti"],
    });
    let people = locked(&state.people);
    overlay(&mut document, people.metadata(&state.url));
    overlay(&mut document, people.changed_metadata.clone());
    document
}

fn with(state: &State, changes: Value) -> Response {
    let mut document = metadata(state);
    overlay(&mut document, changes);
    json(&document)
}

pub(super) fn json(document: &Value) -> Response {
    sent(document.to_string())
}

pub(super) fn sent(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

/// One byte a second: each read succeeds, the whole never ends in time.
fn trickled(text: String) -> Response {
    let (send, mut receive) = mpsc::channel::<Result<Bytes, Infallible>>(1);
    tokio::spawn(async move {
        for byte in text.into_bytes() {
            if send.send(Ok(Bytes::from(vec![byte]))).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    let stream = futures_util::stream::poll_fn(move |context| receive.poll_recv(context));
    Body::from_stream(stream).into_response()
}

fn members(jwks: &Value) -> Vec<Value> {
    jwks.get("keys").and_then(Value::as_array).cloned().unwrap_or_default()
}

/// Keys that look usable to a careless reader. Their ids are those of good keys with `bad-` before them.
fn bad_keys(good: &Value) -> Vec<Value> {
    let changes = [
        ("RSA", json!({ "use": "enc" })),
        ("RSA", json!({ "key_ops": ["encrypt"] })),
        ("RSA", json!({ "e": "AQ" })),
        ("RSA", json!({ "e": "Ag" })),
        ("RSA", json!({ "alg": "ES256" })),
        ("RSA", json!({ "alg": "HS256" })),
        ("RSA", json!({ "n": "u1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0g" })),
        ("RSA", json!({ "d": "AQAB" })),
        ("EC", json!({ "crv": "P-384" })),
        ("EC", json!({ "alg": "ES384" })),
        ("EC", json!({ "x": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" })),
        ("EC", json!({ "d": "AQAB" })),
        ("EC", json!({ "use": "enc" })),
        ("RSA", json!({ "kty": "oct", "k": "c2VjcmV0", "n": null, "e": null, "alg": "HS256" })),
        ("EC", json!({ "kty": "OKP", "y": null, "crv": "Ed25519", "alg": "EdDSA", "x": "AA" })),
    ];
    let named = |kty: &str| members(good).into_iter().find(|key| key.get("kty").and_then(Value::as_str) == Some(kty));
    changes
        .into_iter()
        .enumerate()
        .filter_map(|(number, (kty, change))| {
            let mut key = named(kty)?;
            overlay(&mut key, json!({ "kid": format!("bad-{number}") }));
            overlay(&mut key, change);
            Some(key)
        })
        .collect()
}
