//! Trusted publishing: a CI job publishes with no secret but its own identity.
//!
//! It is the token exchange of RFC 8693 under the other wire form that twine, uv and the publish action speak: the same
//! proof, the same rules, the same audit. What comes out is narrower: it can publish what the identity may publish, for
//! a quarter of an hour.
//!
//! `discovery` says where it is (PEP 807, a draft). Its errors are problem details (RFC 9457), as that draft wants, with
//! the members that today's uploaders print beside.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{RawQuery, Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use daypass_core::{decide::Permit, digest::Sha256};
use serde::Deserialize;
use serde_json::json;

use crate::{
    body,
    caller::Caller,
    error::OAuthError,
    exchange::{self, Issued, OutsideKind, Purpose, Wanted},
    form::Form,
    issuer::Parts,
    refusal::Refusal,
    revocation, token_endpoint,
};

mod discovery;
mod media_type;

/// Where uploaders ask what their outside token must be addressed to.
const AUDIENCE: &str = "/_/oidc/audience";

/// Where they exchange it.
const MINT_TOKEN: &str = "/_/oidc/mint-token";

/// Where they give it back when they are done.
const BURN_TOKEN: &str = "/_/oidc/burn-token";

/// How long the access token lives, in seconds. PEP 807: at least 15 minutes, at most 6 hours.
const LIFE: i64 = 15 * 60;

/// The client, as the access token names it.
const CLIENT: &str = "trusted-publishing";

/// The one feature there is (PEP 807): the access token is good until it ends.
const MULTI_USE: &str = "multi-use-token";

pub(crate) fn routes() -> Router<Arc<Parts>> {
    Router::new()
        .route(AUDIENCE, get(audience))
        .route(MINT_TOKEN, post(mint))
        .route(BURN_TOKEN, post(burn))
        .route("/.well-known/pytp", get(discovery::get))
}

/// PEP 807: what is issued lives at least 15 minutes.
pub(crate) fn check_life(permit: &Permit) -> Result<(), OAuthError> {
    if permit.life >= LIFE {
        return Ok(());
    }
    let text = format!(
        "identity `{}` hands out access tokens for {} seconds only, and publishing takes one for {LIFE}; ask whoever runs \
         this server",
        permit.identity, permit.life
    );
    Err(OAuthError::invalid_request(text).because("too_short_lived"))
}

async fn audience(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    media_type::answer(&headers, &json!({ "audience": parts.public_url }))
}

/// What an uploader sends.
#[derive(Deserialize)]
struct Asked {
    token: String,
    /// What the access token is to be like (PEP 807).
    #[serde(default)]
    features: Option<Vec<String>>,
}

async fn mint(State(parts): State<Arc<Parts>>, RawQuery(query): RawQuery, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let headers = request.headers().clone();
    match exchanged(&parts, &caller, query.as_deref(), request).await {
        Ok(issued) => {
            let expires = parts.clock.now().as_second().saturating_add(issued.expires_in);
            let body = json!({ "success": true, "token": issued.access_token.expose(), "expires": expires });
            media_type::answer(&headers, &body)
        }
        Err(refusal) => {
            let code = code_of(&refusal);
            refused(code, &token_endpoint::refuse(&parts, &caller, refusal).await)
        }
    }
}

/// What an uploader gives back.
#[derive(Deserialize)]
struct Burnt {
    token: String,
}

/// RFC 7009 in another wire form: whoever holds an access token may end it. What is none of ours is answered the same.
async fn burn(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let body = match body::read(request).await {
        Ok((_, body)) => body,
        Err(refusal) => return refused("invalid-payload", &refusal.answer),
    };
    let Ok(burnt) = serde_json::from_slice::<Burnt>(&body) else {
        let text = "send a JSON object with the access token as its `token`";
        return refused("invalid-payload", &OAuthError::invalid_request(text));
    };
    let answer = revocation::revoke(&parts, &caller, &burnt.token).await;
    if answer.status() != StatusCode::OK {
        return answer;
    }
    (StatusCode::ACCEPTED, Json(json!({ "message": "Accepted" }))).into_response()
}

async fn exchanged(parts: &Parts, caller: &Caller, query: Option<&str>, request: Request) -> Result<Issued, Refusal> {
    let malformed = |answer| Refusal::new(answer, "malformed_request");
    let query = Form::parse_query(query.unwrap_or_default()).map_err(malformed)?;
    let (_, body) = body::read(request).await?;
    let Ok(asked) = serde_json::from_slice::<Asked>(&body) else {
        let text = "send a JSON object with the outside token as its `token`";
        return Err(malformed(OAuthError::invalid_request(text)));
    };
    let token_sha256 = Sha256::of(&asked.token);
    if asked.features.is_some_and(|features| features.iter().any(|feature| feature != MULTI_USE)) {
        let answer = OAuthError::invalid_request(format!("the only feature there is here is `{MULTI_USE}`"));
        return Err(Refusal { token_sha256: Some(token_sha256), ..malformed(answer) });
    }
    let wanted = Wanted {
        outside_token: &asked.token,
        kind: OutsideKind::Jwt,
        token_sha256,
        identity: query.find("identity"),
        life: Some(LIFE),
        client_id: CLIENT,
        purpose: Purpose::Publish,
    };
    exchange::assume(parts, caller, &wanted).await
}

/// The kind of refusal in the words of the public index, which is what uploaders' users look for.
fn code_of(refusal: &Refusal) -> &'static str {
    match refusal.code {
        "malformed_request" | "body_too_large" | "body_broken" | "body_too_slow" => "invalid-payload",
        "replayed" => "invalid-reuse-token",
        // The token is good, and it is no publisher's.
        _ if refusal.actor.is_some() => "invalid-publisher",
        _ => "invalid-token",
    }
}

/// A refusal, for uploaders (`message`, `errors`) and for those who know RFC 9457 (the rest).
fn refused(code: &str, answer: &OAuthError) -> Response {
    let code = if answer.retry_after.is_some() { "temporarily-unavailable" } else { code };
    // As the public index answers; 400 would say that the request is not understood.
    let status =
        if answer.status == StatusCode::BAD_REQUEST { StatusCode::UNPROCESSABLE_ENTITY } else { answer.status };
    let body = json!({
        "type": "about:blank",
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": answer.description,
        "message": "Token request failed",
        "errors": [{ "code": code, "description": answer.description }],
    });
    let mut response = (status, media_type::PROBLEM, body.to_string()).into_response();
    if let Some(seconds) = answer.retry_after {
        response.headers_mut().insert(axum::http::header::RETRY_AFTER, seconds.into());
    }
    response
}
