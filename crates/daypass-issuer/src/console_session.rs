//! The web console's session: signing in to it, keeping it alive, signing out.
//!
//! The console is an OAuth client like any other, with an authorization code and PKCE, whose redirect URI is on this
//! server. What it gets stays in cookies of the browser, and nowhere on the server. What is *not* here: the pages of
//! the console, which the index draws.

use std::sync::Arc;

use aws_lc_rs::rand;
use axum::{
    Router,
    extract::{RawQuery, Request, State},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::Response,
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    console::{self, ReturnTo},
    digest::Sha256,
    opaque::Kind,
    secret::Secret,
};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::{
    authorize::see_other,
    caller::Caller,
    error::OAuthError,
    form::Form,
    issuer::Parts,
    pages::outcome::SignedOut,
    revocation,
    session::{code, pass::Pass},
    sign_in::{self, Trouble, browser::cookie, choose::read},
    token_endpoint,
};
use cookies::Cookies;
use renewal::Renewal;

mod cookies;
pub(crate) mod renewal;

/// What a sealed attempt is bound to.
const SEALED_AS: &str = "console-attempt";

/// A sign-in to the console under way: sealed in a cookie of the browser in which it began.
#[derive(Serialize, Deserialize)]
struct Attempt {
    state: Sha256,
    #[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]
    verifier: Secret,
    to: String,
}

/// The endpoints.
pub(crate) fn routes() -> Router<Arc<Parts>> {
    Router::new()
        .route(console::SIGN_IN, get(begin))
        .route(console::CALLBACK, get(callback))
        .route(console::SIGN_OUT, post(sign_out))
}

/// `GET /console/sign-in?to=`: goes on with the session that the browser has, or begins a new one.
async fn begin(
    State(parts): State<Arc<Parts>>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let query = Form::parse_query(&query.unwrap_or_default()).ok();
    let to = ReturnTo::or_home(query.as_ref().and_then(|query| query.find("to")));
    match renewal::renew(&parts, &caller, &headers).await {
        Renewal::Renewed(pass) => signed_in(&parts, &caller, &pass.access_token, &pass.refresh_token, &to),
        Renewal::NotNow => sign_in::unavailable(&parts, &caller, &NotNow("the session cannot be renewed")),
        Renewal::Over => {
            let mut response = authorize(&parts, &caller, &to);
            Cookies::of(&parts).clear(response.headers_mut());
            response
        }
        Renewal::None => authorize(&parts, &caller, &to),
    }
}

/// Sends the browser to our own authorization endpoint (RFC 6749 §4.1.1).
fn authorize(parts: &Parts, caller: &Caller, to: &ReturnTo) -> Response {
    let (Some(state), Some(verifier)) = (random(), random()) else {
        return sign_in::unavailable(parts, caller, &NotNow("no randomness can be had"));
    };
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::of(verifier.expose()).as_bytes());
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", console::CLIENT)
        .append_pair("redirect_uri", &parts.public_url.join(console::CALLBACK))
        .append_pair("state", state.expose())
        .append_pair("code_challenge", &challenge)
        .append_pair("code_challenge_method", "S256")
        .finish();
    let attempt = Attempt { state: Sha256::of(state.expose()), verifier, to: to.as_str().to_owned() };
    let Some(sealed) = parts.seal(SEALED_AS, &attempt) else { return sign_in::lost(parts, caller) };
    let mut response = see_other(&format!("/oauth/authorize?{query}"));
    Cookies::of(parts).begin(response.headers_mut(), state.expose(), &sealed);
    response
}

/// `GET /console/callback`: the browser comes back with a code (RFC 6749 §4.1.2).
///
/// Only the browser in which the sign-in began has the attempt: a code that somebody else sends along signs nobody in
/// (login CSRF, RFC 6749 §10.12).
async fn callback(
    State(parts): State<Arc<Parts>>,
    RawQuery(query): RawQuery,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let Ok(query) = Form::parse_query(&query.unwrap_or_default()) else { return sign_in::lost(&parts, &caller) };
    let state = query.find("state").unwrap_or_default();
    let cookies = Cookies::of(&parts);
    let attempt =
        cookie(&headers, &cookies.attempt(state)).and_then(|sealed| parts.unseal::<Attempt>(SEALED_AS, sealed));
    let Some(attempt) = attempt.filter(|attempt| attempt.state == Sha256::of(state)) else {
        return sign_in::lost(&parts, &caller);
    };
    let mut response = come_back(&parts, &caller, &attempt, &query).await;
    // One answer for each attempt.
    cookies.end(response.headers_mut(), state);
    response
}

async fn come_back(parts: &Parts, caller: &Caller, attempt: &Attempt, query: &Form) -> Response {
    if query.find("error").is_some() {
        let what = query.find("error_description").unwrap_or("The sign-in was refused.");
        return no(parts, caller, StatusCode::FORBIDDEN, what);
    }
    let form = Form::of([
        ("client_id", console::CLIENT),
        ("code", query.find("code").unwrap_or_default()),
        ("code_verifier", attempt.verifier.expose()),
        ("redirect_uri", &parts.public_url.join(console::CALLBACK)),
    ]);
    match code::redeem(parts, caller, &HeaderMap::new(), &form).await {
        Ok(Pass { access_token, refresh_token, .. }) => {
            signed_in(parts, caller, &access_token, &refresh_token, &ReturnTo::or_home(Some(&attempt.to)))
        }
        Err(refusal) => {
            let OAuthError { status, description, .. } = token_endpoint::refuse(parts, caller, refusal).await;
            no(parts, caller, status, &description)
        }
    }
}

fn signed_in(parts: &Parts, caller: &Caller, access_token: &Secret, refresh: &Secret, to: &ReturnTo) -> Response {
    let mut response = see_other(to.as_str());
    if Cookies::of(parts).keep(response.headers_mut(), access_token, refresh) {
        return response;
    }
    no(parts, caller, StatusCode::FORBIDDEN, "What you may do here does not fit into a browser's cookies.")
}

fn no(parts: &Parts, caller: &Caller, status: StatusCode, what: &str) -> Response {
    let next = "Open the console again to sign in anew. If it happens again, ask whoever runs this server.";
    sign_in::tell(parts, caller, status, &Trouble { title: "You are not signed in", what, next })
}

/// `POST /console/sign-out`: ends the session, everywhere.
async fn sign_out(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let Some((headers, form)) = read(request).await else { return old_page(&parts, &caller) };
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    let site = text(header::HeaderName::from_static("sec-fetch-site"));
    let cookies = Cookies::of(&parts);
    let key = cookies.access_token(&headers).map(|access_token| console::form_key(&access_token));
    let ours = console::is_same_origin(&parts.public_url, site, text(header::ORIGIN));
    if !ours || key.is_none() || key.as_deref() != form.find(console::FORM_KEY) {
        return old_page(&parts, &caller);
    }
    let digest = cookies.refresh_token(&headers).and_then(|refresh| Kind::RefreshToken.digest(refresh.expose()));
    if let Some(digest) = digest
        && let Err(error) = revocation::end_session(&parts, &caller, &digest).await
    {
        return sign_in::unavailable(&parts, &caller, &error);
    }
    let mut response = SignedOut { server: parts.public_url.authority() }.answer();
    cookies.clear(response.headers_mut());
    response
}

fn old_page(parts: &Parts, caller: &Caller) -> Response {
    let trouble = Trouble {
        title: "You were not signed out",
        what: "The page with that button is too old, or it was not a page of this server.",
        next: "Open the console again and sign out there.",
    };
    sign_in::tell(parts, caller, StatusCode::FORBIDDEN, &trouble)
}

/// 32 random bytes in base64url: a state, or a verifier (RFC 7636 §4.1).
fn random() -> Option<Secret> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).ok()?;
    Some(Secret::new(URL_SAFE_NO_PAD.encode(bytes)))
}

/// What goes into the log.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct NotNow(&'static str);
