//! The issuer: where its keys are, and the tokens it mints.

use std::sync::Arc;

use axum::{Router, extract::State as From, http::header, response::IntoResponse as _, routing::get};
use serde_json::{Value, json};

use super::{Kind, State, Trouble, claims};
use crate::oidc::{overlay, unix_now};

type Shared = Arc<State>;

/// Discovery and keys, at the provider's own paths.
pub(super) fn router(state: Shared) -> Router {
    let kind = state.kind;
    let document = format!("{}/.well-known/openid-configuration", kind.issuer_path().trim_end_matches('/'));
    let router = Router::new().route(kind.keys_path(), get(async |From(state): From<Shared>| json(&jwks(&state))));
    let router = if kind == Kind::Spiffe { router } else { router.route(&document, get(discovery)) };
    router.with_state(state)
}

/// The `iss` of its tokens; a trust domain has none and is known by its own name.
pub(super) fn url(state: &State) -> String {
    match state.kind {
        Kind::Spiffe => "spiffe://acme.example".to_owned(),
        kind => format!("{}{}", state.site, kind.issuer_path()),
    }
}

async fn discovery(From(state): From<Shared>) -> impl axum::response::IntoResponse {
    // Google keeps its keys on another host than the one its issuer is called by.
    let host = if state.kind == Kind::Google { state.signer.url().to_owned() } else { state.site.clone() };
    let path = if state.kind == Kind::Google { "/jwks" } else { state.kind.keys_path() };
    json(&json!({
        "issuer": url(&state),
        "jwks_uri": format!("{host}{path}"),
        "subject_types_supported": ["public"],
        "response_types_supported": ["id_token"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid"],
    }))
}

fn json(document: &Value) -> axum::response::Response {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string()).into_response()
}

/// The keys as published. A SPIFFE bundle says for what each key is (SPIFFE Trust Domain and Bundle §4.2.2).
pub(super) fn jwks(state: &State) -> Value {
    let mut keys = state.signer.jwks();
    if state.kind == Kind::Spiffe {
        for key in keys.get_mut("keys").and_then(Value::as_array_mut).into_iter().flatten() {
            overlay(key, json!({ "use": "jwt-svid", "alg": null }));
        }
    }
    keys
}

/// The claims of a job, all but the times.
pub(super) fn claims(state: &State, audience: &Value) -> Value {
    let mut all = claims::of(state.kind);
    if state.kind != Kind::Spiffe {
        overlay(&mut all, json!({ "iss": url(state) }));
    }
    overlay(&mut all, json!({ "aud": worded(state.kind, audience) }));
    overlay(&mut all, state.inner().changes.clone());
    all
}

/// One audience is a text, but for those who always write a list.
fn worded(kind: Kind, audience: &Value) -> Value {
    match (kind, audience) {
        (Kind::Kubernetes | Kind::Aks | Kind::Spiffe | Kind::BitbucketAudiences, Value::String(_)) => json!([audience]),
        (Kind::AzureAppService | Kind::AzureVm, Value::String(text)) => {
            // Version 2 of a token names the app by its id, not by the URI that it was asked for.
            json!(text.strip_prefix("api://").filter(|id| id.len() == 36).unwrap_or(text))
        }
        _ => audience.clone(),
    }
}

/// Mints a token for `audience`, with `more` claims over the usual ones.
pub(super) fn mint(state: &State, audience: &Value, more: Value) -> String {
    let wrong = json!("https://somebody-else.example.com");
    let audience = if state.trouble() == Trouble::WrongAudience { &wrong } else { audience };
    let times = claims::times(state.kind);
    let mut inner = state.inner();
    inner.minted += 1;
    let (now, life) = (unix_now() + inner.ahead, inner.life.unwrap_or(times.life));
    drop(inner);
    // What is `null` is taken away from what the signer writes by itself.
    let backdated = times.backdated.map(|seconds| now - seconds);
    let dated = json!({ "iss": null, "iat": now, "nbf": backdated, "exp": now + life });
    let forge = state.signer.forge(json!({})).claims(dated);
    let forge = if times.jti { forge } else { forge.claims(json!({ "jti": null })) };
    forge.claims(claims(state, audience)).claims(more).build()
}

/// As [`mint`], from what the platform keeps: the same token until half of its life is over.
pub(super) fn kept(state: &State, audience: &str, more: Value) -> String {
    let now = unix_now() + state.inner().ahead;
    let trouble = state.trouble();
    let changes = state.inner().changes.clone();
    let key = format!("{audience} {more} {changes} {trouble:?}");
    if let Some((token, until)) = state.inner().kept.get(&key)
        && now < *until
    {
        return token.clone();
    }
    let token = mint(state, &json!(audience), more);
    let until = now + claims::times(state.kind).life / 2;
    state.inner().kept.insert(key, (token.clone(), until));
    token
}
