//! The one strict verifier, for outside tokens, people's ID tokens, and our own.
//!
//! `jsonwebtoken` checks the signature; everything around it is checked here, because its defaults accept too much:
//! a token without `iss` or `aud`, an unknown `crit`, the later of two claims of one name. The order is fixed: size,
//! form, header, key, signature, and only then what the token says, so that a stranger is never told anything about
//! claims (see [`Refused::is_after_proof`]).
//!
//! What is *not* here: fetching keys, spent proofs, and what the claims permit.

mod claims;
mod compact;
mod id_token;
mod refused;

use daypass_core::{SignedDuration, Timestamp, access_token::AccessTokenClaims, claims::Claims, issuer::Limits};
use serde::Deserialize;

pub use id_token::{ExpectedId, Identified};
pub use refused::Refused;

use crate::jwks::KeySet;
use compact::{Compact, Kind};

/// The longest token that is looked at, in bytes. The longest honest one known, with Azure's groups, has about 6 KiB.
pub const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// How far clocks may be apart, both ways.
///
/// A token is accepted until `exp` + leeway, so a spent proof must be remembered longer than that
/// ([`Proven::spend_until`]): remembering it until `exp` only would leave a gap of one leeway in which it could be used
/// again, which two package registries had to repair.
pub const LEEWAY: SignedDuration = SignedDuration::from_secs(30);

/// How much longer than `exp` + leeway a spent proof is remembered, for replicas whose clocks differ a little.
pub(crate) const SPEND_MARGIN: SignedDuration = SignedDuration::from_secs(5);

/// The longest life one of our own access tokens may have.
const LONGEST_OWN_LIFE: SignedDuration = SignedDuration::from_hours(24);

/// What an outside token must say.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedOutside<'a> {
    /// Its exact `iss`.
    pub issuer_url: &'a str,
    /// Its `aud` must be one of these.
    pub audiences: &'a [Box<str>],
    /// What else it must be.
    pub limits: &'a Limits,
    /// The time.
    pub now: Timestamp,
}

/// An outside token that is genuine, in time, and meant for us.
#[derive(Debug, Clone, PartialEq)]
pub struct Proven {
    /// What it says.
    pub claims: Claims,
    /// Its `exp`.
    pub expires_at: Timestamp,
    /// Until when its use must be remembered: past the last moment at which it would be accepted again.
    pub spend_until: Timestamp,
    /// What makes it the same proof as another: `jti:…`, or `sha256:…` of what is signed.
    pub replay_key: String,
}

/// What an access token must say.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedAccess<'a> {
    /// Its exact `iss`.
    pub issuer: &'a str,
    /// Its exact `aud`.
    pub audience: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// What a token says of itself before anything is proven: enough to choose the issuer and the key, and for nothing
/// else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unverified {
    /// Its `iss`; of a SPIFFE JWT-SVID without one, `spiffe://` and the trust domain of its `sub`.
    pub iss: String,
    /// `spiffe://` and the trust domain, if its `sub` is a SPIFFE ID.
    pub trust_domain: Option<String>,
    /// The key it says it is signed with.
    pub kid: Option<String>,
    /// The algorithm it says it is signed with.
    pub alg: String,
}

/// How a SPIFFE ID begins (SPIFFE ID §2).
const SPIFFE: &str = "spiffe://";

/// Reads what is needed to find the key. Nothing of it may be believed.
pub fn peek(raw: &str) -> Result<Unverified, Refused> {
    /// `serde` refuses a second `iss`, so what is found here is what [`verify_outside_token`] finds.
    #[derive(Deserialize)]
    struct Issuer {
        iss: Option<String>,
    }
    #[derive(Deserialize)]
    struct Subject {
        sub: String,
    }
    let no_issuer = || Refused::Malformed("the payload has no `iss`");
    let compact = Compact::parse(raw, Kind::Outside)?;
    let payload = compact.payload()?;
    let Issuer { iss } = serde_json::from_slice(&payload).map_err(|_| no_issuer())?;
    // SPIFFE ID §2: the trust domain is the authority of the ID. Other tokens are not read twice for it.
    let may_be_spiffe = payload.windows(SPIFFE.len()).any(|bytes| bytes == SPIFFE.as_bytes());
    let subject = may_be_spiffe.then(|| serde_json::from_slice::<Subject>(&payload).ok()).flatten();
    let domain = subject.as_ref().and_then(|Subject { sub }| sub.strip_prefix(SPIFFE)?.split('/').next());
    let trust_domain = domain.map(|domain| format!("{SPIFFE}{domain}"));
    let iss = iss.or_else(|| trust_domain.clone()).ok_or_else(no_issuer)?;
    Ok(Unverified { iss, trust_domain, kid: compact.header.kid, alg: compact.header.alg })
}

/// Verifies a token of an outside issuer, whose `keys` these are.
pub fn verify_outside_token(raw: &str, expected: &ExpectedOutside<'_>, keys: &KeySet) -> Result<Proven, Refused> {
    let compact = Compact::parse(raw, Kind::Outside)?;
    let algorithms = &expected.limits.algorithms;
    if !algorithms.is_empty() && !algorithms.iter().any(|name| **name == *compact.header.alg) {
        return Err(Refused::Algorithm);
    }
    compact.prove(keys)?;
    claims::check_outside(&compact, expected)
}

/// Verifies an ID token that came straight from its provider's token endpoint (OpenID Connect Core 1.0 §3.1.3.7).
/// `keys` are that provider's.
pub fn verify_id_token(raw: &str, expected: &ExpectedId<'_>, keys: &KeySet) -> Result<Identified, Refused> {
    let compact = Compact::parse(raw, Kind::Outside)?;
    compact.prove(keys)?;
    id_token::check(&compact, expected)
}

/// Verifies one of our own access tokens (RFC 9068 §4).
///
/// On the index's path for every token it has not seen yet, so it does no more than needed: the payload is ours once
/// the signature is, and is read in one pass.
pub fn verify_access_token(
    raw: &str,
    expected: &ExpectedAccess<'_>,
    keys: &KeySet,
) -> Result<AccessTokenClaims, Refused> {
    let compact = Compact::parse(raw, Kind::Access)?;
    compact.prove(keys)?;
    claims::check_access(&compact, expected)
}
