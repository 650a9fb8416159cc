//! The one request that is ever signed.
//!
//! ```text
//! POST https://sts.{region}.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15
//! accept, host, x-amz-content-sha256, x-amz-date, [x-amz-security-token,] x-daypass-audience, x-daypass-identity,
//! x-daypass-nonce
//! (no body)
//! ```
//!
//! Whoever signs and whoever verifies take it from here; that it is what AWS means by a signed request is for others to
//! say (the journeys have it signed and verified by botocore).

use aws_lc_rs::rand;
use daypass_core::names::IdentityName;

use super::caller::SignedCaller;

/// The service, in the scope of the signature.
pub const SERVICE: &str = "sts";

/// The query, in the order of the canonical request.
pub const QUERY: &str = "Action=GetCallerIdentity&Version=2011-06-15";

/// The header `accept`: without it the answer would be XML.
pub const ACCEPT: &str = "application/json";

/// The header `x-amz-content-sha256`: the digest of no bytes.
pub const EMPTY_SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The signed header that names the server.
pub const AUDIENCE_HEADER: &str = "x-daypass-audience";

/// The signed header that names the identity.
pub const IDENTITY_HEADER: &str = "x-daypass-identity";

/// The signed header that makes one request differ from another of the same second: the date has no finer parts.
pub const NONCE_HEADER: &str = "x-daypass-nonce";

/// A fresh value for [`NONCE_HEADER`]: 32 lower-case hexadecimal digits.
///
/// # Errors
/// The system gives no random bytes.
pub fn fresh_nonce() -> Result<String, NoRandomness> {
    let mut bytes = [0; 16];
    rand::fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect())
}

/// The system gives no random bytes.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoRandomness;

/// The value of `SignedHeaders`.
pub const fn signed_headers(with_security_token: bool) -> &'static str {
    if with_security_token {
        "accept;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-daypass-audience;x-daypass-identity;\
         x-daypass-nonce"
    } else {
        "accept;host;x-amz-content-sha256;x-amz-date;x-daypass-audience;x-daypass-identity;x-daypass-nonce"
    }
}

/// The headers of the request that `caller` signed, with the `Authorization` header, and without `host`.
pub(super) fn headers(caller: &SignedCaller) -> Vec<(&'static str, String)> {
    let mut headers = vec![
        ("accept", ACCEPT.to_owned()),
        ("x-amz-content-sha256", EMPTY_SHA256.to_owned()),
        ("x-amz-date", caller.amz_date.clone()),
        (AUDIENCE_HEADER, caller.audience.clone()),
        (IDENTITY_HEADER, caller.identity.as_ref().map_or_else(String::new, IdentityName::to_string)),
        (NONCE_HEADER, caller.nonce.clone()),
        ("authorization", authorization(caller)),
    ];
    headers.extend(caller.security_token.as_ref().map(|token| ("x-amz-security-token", token.expose().to_owned())));
    headers
}

fn authorization(caller: &SignedCaller) -> String {
    let day: String = caller.amz_date.chars().take(8).collect();
    format!(
        "AWS4-HMAC-SHA256 Credential={}/{day}/{}/{SERVICE}/aws4_request, SignedHeaders={}, Signature={}",
        caller.access_key_id,
        caller.region,
        signed_headers(caller.security_token.is_some()),
        caller.signature.expose(),
    )
}
