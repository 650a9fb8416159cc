//! Signing in at a provider: there, and back again.
//!
//! What must be remembered on the way (`state`, nonce, PKCE verifier, the sign-in itself) goes sealed into a cookie of
//! this browser, one for each attempt: a callback that another browser sends, or that was never asked for, has none
//! (login CSRF, RFC 6749 §10.12). Each provider has a callback of its own, so that an answer of one is never taken for
//! one of another (mix-up, RFC 9700 §4.4).

use std::sync::Arc;

use axum::{
    extract::{Path, RawQuery, State},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};
use daypass_core::{digest::Sha256, names::ProviderName, secret::Secret};
use daypass_oidc::provider::{Callback, PendingSignIn, ProviderError};
use serde::{Deserialize, Serialize};

use super::{
    SignIn,
    browser::{cookie, is_https},
    finish, lost, record_refusal, refuse, unavailable,
};
use crate::{caller::Caller, form::Form, issuer::Parts, pages::onward::Onward};

/// What a sealed attempt is bound to.
const SEALED_AS: &str = "provider-attempt";

/// How long a browser keeps the cookie of an attempt, in seconds.
const COOKIE_LIFE: u32 = 1800;

/// An attempt to sign in at a provider.
#[derive(Serialize, Deserialize)]
struct Attempt {
    provider: ProviderName,
    pending: PendingSignIn,
    sign_in: SignIn,
}

/// Sends the browser to a provider. By a page, as a form may have been sent before.
pub(crate) async fn start(
    parts: &Parts,
    caller: &Caller,
    sign_in: &SignIn,
    provider: &ProviderName,
    login_hint: Option<&str>,
) -> Response {
    let trust = parts.trust.in_force();
    let (Some(known), Some(client)) = (trust.policy.provider(provider), trust.provider(provider)) else {
        return lost(parts, caller);
    };
    let hint = login_hint.filter(|hint| hint.len() <= 320 && hint.contains('@'));
    let begun = match client.begin(&callback_url(parts, provider), hint).await {
        Ok(begun) => begun,
        Err(error) => return trouble(parts, caller, &known.label, &error),
    };
    let name = cookie_name(parts, begun.pending.state.expose());
    let attempt = Attempt { provider: provider.clone(), pending: begun.pending, sign_in: sign_in.clone() };
    let Some(sealed) = parts.seal(SEALED_AS, &attempt) else { return lost(parts, caller) };
    let heading = format!("Taking you to {}", known.label);
    let page = Onward { server: parts.public_url.authority(), heading: &heading, url: begun.url.as_str() };
    let mut response = page.answer();
    set_cookie(parts, &mut response, &name, &sealed, COOKIE_LIFE);
    response
}

/// `GET /oauth/callback/{provider}`: the browser comes back (RFC 6749 §4.1.2).
pub(crate) async fn callback(
    State(parts): State<Arc<Parts>>,
    Path(provider): Path<String>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let Ok(query) = Form::parse_query(&query.unwrap_or_default()) else { return lost(&parts, &caller) };
    let Some(state) = query.find("state").filter(|state| state.len() <= 512) else { return lost(&parts, &caller) };
    let name = cookie_name(&parts, state);
    let attempt = cookie(&headers, &name).and_then(|sealed| parts.unseal::<Attempt>(SEALED_AS, sealed));
    let ours = |attempt: &Attempt| {
        attempt.provider.as_str() == provider
            && attempt.pending.has_state(state)
            && attempt.sign_in.is_of(&headers, &parts)
    };
    let Some(attempt) = attempt.filter(ours) else { return lost(&parts, &caller) };
    let mut response = come_back(&parts, &caller, &attempt, &query).await;
    // One answer for each attempt.
    set_cookie(&parts, &mut response, &name, "", 0);
    response
}

async fn come_back(parts: &Parts, caller: &Caller, attempt: &Attempt, query: &Form) -> Response {
    let trust = parts.trust.in_force();
    let provider = &attempt.provider;
    let (Some(known), Some(client)) = (trust.policy.provider(provider), trust.provider(provider)) else {
        return lost(parts, caller);
    };
    let said = query.find("error").map(|word| said(provider, word));
    let callback = Callback {
        code: Secret::new(query.find("code").unwrap_or_default()),
        iss: query.find("iss").map(ToOwned::to_owned),
    };
    let outcome = match said {
        Some(error) => Err(error),
        None => client.finish(&callback_url(parts, provider), &attempt.pending, &callback).await,
    };
    match outcome {
        Ok(person) => finish(parts, caller, &attempt.sign_in, person).await,
        Err(error) if error.is_refusal() => {
            refuse(parts, caller, &attempt.sign_in, None, error.code(), &error.to_string()).await
        }
        Err(error) => {
            // It may be an attack as well as a bad day: whoever reads the audit log is to see it.
            match record_refusal(parts, caller, None, error.code(), &error.to_string()).await {
                Ok(()) => trouble(parts, caller, &known.label, &error),
                Err(error) => unavailable(parts, caller, &error),
            }
        }
    }
}

/// What the browser was sent back with instead of a code. The word is for the log.
fn said(provider: &ProviderName, word: &str) -> ProviderError {
    let error = ProviderError::of_callback(word);
    if !error.is_refusal() {
        let word: String = word.chars().take(60).flat_map(char::escape_debug).collect();
        tracing::warn!(%provider, code = error.code(), word, "a provider sent somebody back without signing them in");
    }
    error
}

/// The provider cannot be reached, or answers nonsense. That is in the log already.
fn trouble(parts: &Parts, caller: &Caller, label: &str, error: &ProviderError) -> Response {
    let trouble = super::Trouble {
        title: "Your provider could not be asked",
        what: &format!("{label}: {error}."),
        next: "Try again in a minute. If it stays so, tell whoever runs this server; its log says more.",
    };
    super::tell(parts, caller, StatusCode::BAD_GATEWAY, &trouble)
}

/// Where a provider sends the browser back to; registered there.
fn callback_url(parts: &Parts, provider: &ProviderName) -> String {
    parts.public_url.join(&format!("/oauth/callback/{provider}"))
}

/// One of four names: so many attempts may be under way in one browser, and those that were given up do not add up to
/// a header that a proxy refuses. Which attempt it is, its `state` says.
fn cookie_name(parts: &Parts, state: &str) -> String {
    let slot = Sha256::of(state).as_bytes().first().copied().unwrap_or_default() % 4;
    format!("{}daypass-at-provider-{slot}", if is_https(parts) { "__Secure-" } else { "" })
}

fn set_cookie(parts: &Parts, response: &mut Response, name: &str, value: &str, life: u32) {
    let secure = if is_https(parts) { "; Secure" } else { "" };
    let text = format!("{name}={value}; Path=/oauth/callback/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    // A sealed value is base64, which a header takes.
    if let Ok(mut value) = HeaderValue::from_str(&text) {
        value.set_sensitive(true);
        response.headers_mut().append(header::SET_COOKIE, value);
    }
}
