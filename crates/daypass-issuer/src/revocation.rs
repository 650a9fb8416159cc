//! `POST /oauth/revoke` (RFC 7009): whoever holds an access token or a pull token may end it; a refresh token ends its
//! session.

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
    opaque::Kind,
};
use daypass_store::{Revocation, Revoked, StoreError};

use crate::{
    bearer, body,
    caller::Caller,
    error::{NO_STORE, OAuthError},
    form::Form,
    issuer::Parts,
    pull_token_api,
    session::{pass, rights},
};

/// Revokes an access token or a pull token of ours, or ends the session of a refresh token. Anything else is answered the same (RFC 7009 §2.2): there is nothing to revoke.
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

/// Ends the session of a refresh token, whichever of the session's it is: its holder wants it to be over.
pub(crate) async fn end_session(parts: &Parts, caller: &Caller, digest: &Sha256) -> Result<(), StoreError> {
    let Some(session) = parts.store.session_by_refresh(digest).await?.filter(|session| !session.ended) else {
        return Ok(());
    };
    let now = parts.clock.now();
    let mut event = caller.event(now, AuditKind::SessionEnded, Outcome::Success);
    event.actor = Some(rights::actor(&session.person.person.issuer, &session.person.person.subject));
    event.person = Some(pass::shown(&session.person).to_owned());
    event.session = Some(session.id);
    event.reason = Some("signed out".to_owned());
    parts.store.end_session(session.id, now, event).await.map(drop)
}

fn done() -> Response {
    (StatusCode::OK, NO_STORE, "{}").into_response()
}

/// Ends what `raw` is, whoever asks: they hold it.
pub(crate) async fn revoke(parts: &Parts, caller: &Caller, raw: &str) -> Response {
    if let Some(digest) = Kind::RefreshToken.digest(raw) {
        return match end_session(parts, caller, &digest).await {
            Ok(()) => done(),
            Err(error) => not_now(caller, &error),
        };
    }
    if let Some(digest) = Kind::PullToken.digest(raw) {
        return match pull_token_api::revoke_by_holder(parts, caller, &digest).await {
            Ok(()) => done(),
            Err(error) => not_now(caller, &error),
        };
    }
    let now = parts.clock.now();
    let claims = match bearer::verified(parts, raw) {
        Ok(Some(claims)) => claims,
        Ok(None) => return done(),
        Err(error) => return not_now(caller, &error),
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
        Err(error) => not_now(caller, &error),
    }
}

fn not_now(caller: &Caller, error: &StoreError) -> Response {
    tracing::error!(request_id = %caller.context.id, %error, "could not record a revocation");
    OAuthError::unavailable().into_response()
}
