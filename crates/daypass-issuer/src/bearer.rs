//! The access token of a request to the administration (RFC 6750 §2.1), believed only while it is worth something.

use axum::http::{HeaderMap, header};
use daypass_core::access_token::AccessTokenClaims;
use daypass_oidc::verify::{ExpectedAccess, verify_access_token};
use daypass_store::StoreError;

use crate::issuer::Parts;

/// The access token as it was sent.
pub(crate) fn raw(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ")
}

/// What an access token says that this server signed and that is not over. It may be revoked.
///
/// # Errors
/// While it is not known which of our keys are good: then no token is called a bad one.
pub(crate) fn verified(parts: &Parts, raw: &str) -> Result<Option<AccessTokenClaims>, StoreError> {
    if parts.keys.is_blind() {
        return Err(StoreError::Unavailable { cause: None });
    }
    let url = parts.public_url.as_str();
    let expected = ExpectedAccess { issuer: url, audience: url, now: parts.clock.now() };
    Ok(verify_access_token(raw, &expected, &parts.keys.public().load()).ok())
}

/// What the request's access token says, unless it is not ours, over, or revoked.
///
/// That it was used is noted, so that a thief who never installs anything is found, too.
pub(crate) async fn claims(parts: &Parts, headers: &HeaderMap) -> Result<Option<AccessTokenClaims>, StoreError> {
    let Some(raw) = raw(headers) else { return Ok(None) };
    let Some(claims) = verified(parts, raw)? else { return Ok(None) };
    if parts.store.is_revoked(&claims).await? {
        return Ok(None);
    }
    parts.store.note_use(&claims, parts.clock.now());
    Ok(Some(claims))
}
