//! Judging an outside token in two steps: is it genuine, and would the server take it now.
//!
//! What is *not* here: the rules; they see claims only once these are proven.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{Timestamp, claims::Claims, issuer::TrustedIssuer, secret::Secret};
use daypass_oidc::{
    jwks::KeySet,
    verify::{ExpectedOutside, Refused, verify_outside_token},
};
use serde::Serialize;
use serde_json::Value;

/// What is known of the token.
pub(super) struct Judged {
    pub(super) signature: Signature,
    /// What is wrong with it, if anything is.
    pub(super) reason: Option<String>,
    /// What it says, if the signature is valid.
    pub(super) claims: Option<Claims>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Signature {
    Valid,
    Invalid,
    /// There are no keys to judge it by.
    Unknown,
}

/// Judges `token` by `keys`. `audiences` are those the server would take, where it is known which server that is.
pub(super) fn judge(
    token: &Secret,
    unverified_iss: &str,
    issuer: Option<&TrustedIssuer>,
    audiences: Option<&[Box<str>]>,
    now: Timestamp,
    keys: &KeySet,
) -> Judged {
    // What the token says of itself. It is used for nothing but to find out what else the verifier would say.
    let own = OwnWords::of(token).unwrap_or_default();
    let own_audience = own.audience.clone().into_iter().collect::<Vec<_>>();
    let limits = issuer.map(|issuer| issuer.limits.clone()).unwrap_or_default();
    let verify = |audiences: &[Box<str>], now| {
        let expected = ExpectedOutside { issuer_url: unverified_iss, audiences, limits: &limits, now };
        verify_outside_token(token.expose(), &expected, keys)
    };
    let as_the_server = verify(audiences.unwrap_or(&own_audience), now);
    let reason = match (&as_the_server, issuer) {
        (Err(refused), _) => Some(refused.to_string()),
        (Ok(_), None) => Some("no issuer in the policy has the URL of this token's `iss`".to_owned()),
        (Ok(_), Some(_)) => None,
    };
    let signature = match as_the_server {
        Err(refused) if !refused.is_after_proof() => Signature::Invalid,
        _ => Signature::Valid,
    };
    // Its claims are proven by the signature, whatever its times and its audience are.
    let in_its_time = own.issued_at.unwrap_or(now);
    let proven =
        as_the_server.or_else(
            |refused: Refused| {
                if refused.is_after_proof() { verify(&own_audience, in_its_time) } else { Err(refused) }
            },
        );
    Judged { signature, reason, claims: proven.ok().map(|proven| proven.claims) }
}

/// What an unproven token says of its own audience and time.
#[derive(Default)]
struct OwnWords {
    audience: Option<Box<str>>,
    issued_at: Option<Timestamp>,
}

impl OwnWords {
    fn of(token: &Secret) -> Option<Self> {
        let payload = URL_SAFE_NO_PAD.decode(token.expose().split('.').nth(1)?).ok()?;
        let payload: Value = serde_json::from_slice(&payload).ok()?;
        let aud = match payload.get("aud")? {
            Value::Array(list) => list.first()?,
            one => one,
        };
        let latest = ["iat", "nbf"].iter().filter_map(|name| payload.get(name).and_then(Value::as_i64)).max();
        Some(Self {
            audience: aud.as_str().map(Into::into),
            issued_at: latest.and_then(|seconds| Timestamp::from_second(seconds).ok()),
        })
    }
}
