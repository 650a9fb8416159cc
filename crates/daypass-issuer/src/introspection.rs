//! `POST /oauth/introspect` (RFC 7662): a resource server asks what a token is worth now.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use daypass_core::opaque::Kind;
use daypass_store::SeenPerson;
use serde_json::{Value, json};

use crate::{
    bearer, body,
    caller::Caller,
    client_auth,
    error::NO_STORE,
    form::Form,
    issuer::Parts,
    refusal::Refusal,
    session::{pass, rights},
    still_granted::still_granted,
    token_endpoint,
};

/// Answers a confidential client. Whatever is not good now is `active: false`, without a word why (RFC 7662 §2.2).
pub(crate) async fn post(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let refusal = match body::read(request).await {
        Ok((headers, body)) => match introspect(&parts, &headers, &body).await {
            Ok(answer) => return (StatusCode::OK, NO_STORE, answer.to_string()).into_response(),
            Err(refusal) => refusal,
        },
        Err(refusal) => refusal,
    };
    token_endpoint::refuse(&parts, &caller, refusal).await.into_response()
}

async fn introspect(parts: &Parts, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
    let malformed = |answer| Refusal::new(answer, "malformed_request");
    let form = Form::parse(headers, body).map_err(malformed)?;
    client_auth::confidential(parts, headers, &form)?;
    let raw = form.require("token").map_err(malformed)?;
    let found = match Kind::RefreshToken.digest(raw) {
        Some(digest) => refresh_token(parts, &digest).await,
        None => access_token(parts, raw).await,
    };
    Ok(found.map_err(|error| pass::not_now(&error))?.unwrap_or_else(|| json!({"active": false})))
}

async fn access_token(parts: &Parts, raw: &str) -> Result<Option<Value>, daypass_store::StoreError> {
    let Some(claims) = bearer::verified(parts, raw)? else { return Ok(None) };
    let Some(current) = parts.trust.in_force().policy.current_grants(&claims) else { return Ok(None) };
    if parts.store.is_revoked(&claims).await? {
        return Ok(None);
    }
    // It was shown to the resource server that asks.
    parts.store.note_use(&claims, parts.clock.now());
    Ok(Some(json!({
        "active": true,
        "token_type": "Bearer",
        "client_id": claims.client_id,
        "username": claims.holder.shown(),
        "sub": claims.sub,
        "iss": claims.iss,
        "aud": claims.aud,
        "exp": claims.exp,
        "iat": claims.iat,
        "nbf": claims.nbf,
        "jti": claims.jti,
        "grants": still_granted(&claims.grants, &current),
    })))
}

async fn refresh_token(
    parts: &Parts,
    digest: &daypass_core::digest::Sha256,
) -> Result<Option<Value>, daypass_store::StoreError> {
    let now = parts.clock.now();
    if !parts.store.is_in_force(digest).await? {
        return Ok(None);
    }
    let session = parts.store.session_by_refresh(digest).await?;
    let live = session.filter(|session| {
        !session.ended && !session.person.disabled && session.expires_at.min(session.idle_until) > now
    });
    let Some(session) = live else { return Ok(None) };
    // A refresh would be refused to whoever has no role any more.
    let SeenPerson { provider, issuer, subject, .. } = &session.person.person;
    if rights::of(parts, provider, issuer, subject, &session.groups).await?.grants.is_empty() {
        return Ok(None);
    }
    Ok(Some(json!({
        "active": true,
        "token_type": "refresh_token",
        "client_id": session.client_id,
        "username": pass::shown(&session.person),
        "sub": session.person.person.id,
        "iss": parts.public_url,
        "aud": session.audience,
        "exp": session.expires_at.min(session.idle_until).as_second(),
        "iat": session.refreshed_at.as_second(),
    })))
}
