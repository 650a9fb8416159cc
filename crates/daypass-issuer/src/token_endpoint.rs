//! `POST /oauth/token` (RFC 6749 §3.2): one door for every grant type.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use daypass_core::audit::Outcome;
use serde_json::json;

use crate::{
    body,
    caller::Caller,
    error::{NO_STORE, OAuthError},
    exchange::{self, Issued},
    form::Form,
    issuer::Parts,
    narrower::{self, Narrowed},
    refusal::Refusal,
    refusals::{Bound, WINDOW_SECONDS},
    service_accounts::{self, Way},
    session::{code, device_code, pass::Pass, refresh},
};

/// RFC 8693 §2.1.
pub(crate) const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// RFC 8628 §3.4.
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// RFC 7523 §2.1.
pub(crate) const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// Every grant type there is.
pub(crate) const GRANT_TYPES: [&str; 6] =
    ["authorization_code", "refresh_token", "client_credentials", JWT_BEARER, DEVICE_CODE, TOKEN_EXCHANGE];

/// The one scope there is: a session has a refresh token (OpenID Connect Core 1.0 §11). What the holder may do is for
/// roles to say, so whatever else is asked for is narrowed to this.
pub(crate) const SCOPE: &str = "offline_access";

/// What the endpoint hands out.
enum Granted {
    Exchanged(Issued),
    Narrowed(Box<Narrowed>),
    Pass(Pass),
}

/// Answers with an access token, or with an RFC 6749 error after the refusal has been recorded.
pub(crate) async fn post(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let refusal = match body::read(request).await {
        Ok((headers, body)) => match grant(&parts, &caller, &headers, &body).await {
            Ok(Granted::Exchanged(issued)) => return answer(&issued),
            Ok(Granted::Narrowed(narrowed)) => return narrowed.answer(),
            Ok(Granted::Pass(pass)) => return answer_pass(&pass),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    refuse(&parts, &caller, refusal).await.into_response()
}

async fn grant(parts: &Parts, caller: &Caller, headers: &HeaderMap, body: &[u8]) -> Result<Granted, Refusal> {
    let malformed = |answer| Refusal::new(answer, "malformed_request");
    let form = Form::parse(headers, body).map_err(malformed)?;
    match form.require("grant_type").map_err(malformed)? {
        TOKEN_EXCHANGE if form.find("subject_token_type") == Some(exchange::ACCESS_TOKEN_TYPE) => {
            narrower::narrow(parts, caller, &form).await.map(|narrowed| Granted::Narrowed(Box::new(narrowed)))
        }
        "client_credentials" => {
            service_accounts::grant(parts, caller, headers, &form, Way::Client).await.map(Granted::Exchanged)
        }
        JWT_BEARER => service_accounts::grant(parts, caller, headers, &form, Way::Grant).await.map(Granted::Exchanged),
        TOKEN_EXCHANGE => exchange::exchange(parts, caller, &form).await.map(Granted::Exchanged),
        "authorization_code" => code::redeem(parts, caller, headers, &form).await.map(Granted::Pass),
        "refresh_token" => refresh::refresh(parts, caller, headers, &form).await.map(Granted::Pass),
        DEVICE_CODE => device_code::poll(parts, caller, headers, &form).await.map(Granted::Pass),
        _ => {
            let description = format!("use one of the grant types `{}`", GRANT_TYPES.join("`, `"));
            let answer = OAuthError::bad_request("unsupported_grant_type", description);
            Err(Refusal::new(answer, "unsupported_grant_type"))
        }
    }
}

fn answer(issued: &Issued) -> Response {
    // RFC 8693 §2.2.1.
    let body = json!({
        "access_token": issued.access_token.expose(),
        "issued_token_type": exchange::ACCESS_TOKEN_TYPE,
        "token_type": "Bearer",
        "expires_in": issued.expires_in,
        "identity": issued.identity,
    });
    (StatusCode::OK, NO_STORE, body.to_string()).into_response()
}

fn answer_pass(pass: &Pass) -> Response {
    // RFC 6749 §5.1.
    let body = json!({
        "access_token": pass.access_token.expose(),
        "token_type": "Bearer",
        "expires_in": pass.expires_in,
        "refresh_token": pass.refresh_token.expose(),
        "scope": SCOPE,
        "session_expires_in": pass.session_expires_at.as_second() - pass.now.as_second(),
        "person": pass.person,
    });
    (StatusCode::OK, NO_STORE, body.to_string()).into_response()
}

/// Records the refusal; only then is it said. What cannot be recorded is answered as "not now".
///
/// Past the bound for strangers at one address, they are counted, and only the counts are recorded. Whoever brings
/// something good from there is not kept waiting: behind a proxy, a stranger and a colleague have the same address.
pub(crate) async fn refuse(parts: &Parts, caller: &Caller, mut refusal: Refusal) -> OAuthError {
    if refusal.routine {
        return refusal.answer;
    }
    let (refusals, peer) = (&parts.refusals, caller.context.peer);
    let proven = refusal.is_of_somebody_proven() && refusals.takes_proven(peer, refusal.token_sha256);
    let bound = if proven { Bound::Within } else { refusals.count(peer, refusal.token_sha256) };
    if refusal.recorded {
        return refusal.answer;
    }
    if !proven && refusals.slows_down(peer) {
        refusal.answer = OAuthError::slow_down(WINDOW_SECONDS);
    }
    match bound {
        Bound::Within => {}
        Bound::Reached => {
            refusal = Refusal {
                kind: refusal.kind,
                reason: "further ones are counted".to_owned(),
                ..Refusal::new(refusal.answer, "too_many_refusals")
            }
        }
        Bound::Past => return refusal.answer,
    }
    let mut event = caller.event(parts.clock.now(), refusal.kind, Outcome::Refused);
    refusal.describe(&mut event);
    tracing::info!(
        request_id = %caller.context.id, code = refusal.code, reason = event.reason, identity = event.identity,
        "refused a token request",
    );
    match parts.store.record(event).await {
        Ok(()) => refusal.answer,
        Err(error) => {
            tracing::error!(request_id = %caller.context.id, %error, "could not record a refusal");
            OAuthError::unavailable()
        }
    }
}
