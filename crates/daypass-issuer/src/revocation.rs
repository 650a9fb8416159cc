//! `POST /oauth/revoke` (RFC 7009): whoever holds an access token may end it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use daypass_core::{
    Timestamp,
    audit::{AuditKind, Outcome},
    digest::Sha256,
};
use daypass_oidc::verify::{ExpectedAccess, verify_access_token};
use daypass_store::{Revocation, Revoked};

use crate::{
    body,
    caller::Caller,
    error::{NO_STORE, OAuthError},
    form::Form,
    issuer::Parts,
};

/// Revokes an access token of ours. Anything else is answered the same (RFC 7009 §2.2): there is nothing to revoke.
pub(crate) async fn post(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let (headers, body) = match body::read(request).await {
        Ok(read) => read,
        Err(refusal) => return refusal.answer.into_response(),
    };
    let form = match Form::parse(&headers, &body) {
        Ok(form) => form,
        Err(error) => return error.into_response(),
    };
    match form.require("token") {
        Ok(raw) => revoke(&parts, &caller, raw).await,
        Err(error) => error.into_response(),
    }
}

async fn revoke(parts: &Parts, caller: &Caller, raw: &str) -> Response {
    let done = || (StatusCode::OK, NO_STORE, "{}").into_response();
    let now = parts.clock.now();
    let url = parts.public_url.as_str();
    let expected = ExpectedAccess { issuer: url, audience: url, now };
    let Ok(claims) = verify_access_token(raw, &expected, &parts.keys.public().load()) else {
        return done();
    };
    if parts.revoked.contains_key(&claims.jti) {
        return done();
    }
    let Ok(expires_at) = Timestamp::from_second(claims.exp) else { return done() };
    let mut event = caller.event(now, AuditKind::TokenRevoked, Outcome::Success);
    event.set_holder(&claims);
    event.token_sha256 = Some(Sha256::of(raw));
    event.token_id = Some(claims.jti.clone());
    let revocation = Revocation { what: Revoked::AccessToken(claims.jti.clone()), expires_at };
    match parts.store.revoke(revocation, event).await {
        Ok(()) => {
            parts.revoked.insert(claims.jti, ());
            done()
        }
        Err(error) => {
            tracing::error!(request_id = %caller.context.id, %error, "could not record a revocation");
            OAuthError::unavailable().into_response()
        }
    }
}
