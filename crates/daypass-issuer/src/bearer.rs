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

/// What it says, unless it is not ours, over, or revoked.
pub(crate) async fn claims(parts: &Parts, headers: &HeaderMap) -> Result<Option<AccessTokenClaims>, StoreError> {
    let url = parts.public_url.as_str();
    let expected = ExpectedAccess { issuer: url, audience: url, now: parts.clock.now() };
    let claims = raw(headers).and_then(|raw| verify_access_token(raw, &expected, &parts.keys.public().load()).ok());
    let Some(claims) = claims else { return Ok(None) };
    if parts.store.is_revoked(&claims).await? {
        return Ok(None);
    }
    note_use(parts, &claims);
    Ok(Some(claims))
}

/// Notes that the access token of a session has arrived where it should: from then on the refresh token that was given
/// for it is known to be spent (RFC 9700 §4.14.2). Here too, so that a thief who never installs anything is found.
pub(crate) fn note_use(parts: &Parts, claims: &AccessTokenClaims) {
    if let Some(session) = claims.holder.session() {
        parts.store.note_access_token_used(session, &claims.jti, parts.clock.now());
    }
}
