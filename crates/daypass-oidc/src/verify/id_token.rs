//! What an ID token says, checked after its signature (OpenID Connect Core 1.0 §3.1.3.7).
//!
//! It is not a proof that somebody carries around: it came from the token endpoint a moment ago and answers one
//! request, by its `nonce`. So neither its length of life nor its repetition matters here, unlike an outside token's.

use daypass_core::{Timestamp, claims::Claims};
use serde_json::{Map, Value};

use super::{
    Refused,
    claims::{Times, required},
    compact::Compact,
};
use crate::strict_json;

/// The longest subject, in ASCII characters (OpenID Connect Core 1.0 §2).
const MAX_SUBJECT: usize = 255;

/// What an ID token must say.
#[derive(Debug, Clone, Copy)]
pub struct ExpectedId<'a> {
    /// Its exact `iss`.
    pub issuer_url: &'a str,
    /// Us: its `aud`.
    pub client_id: &'a str,
    /// Its `nonce`.
    pub nonce: &'a str,
    /// The time.
    pub now: Timestamp,
}

/// Somebody whom the provider has signed in for us, just now.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    /// Who they are there, for ever.
    pub subject: String,
    /// What else the provider says.
    pub claims: Claims,
}

pub(super) fn check(compact: &Compact<'_>, expected: &ExpectedId<'_>) -> Result<Identified, Refused> {
    let claims = strict_json::parse_object(&compact.payload()?).map_err(|_| Refused::MalformedClaims)?;
    if required(&claims, "iss")?.as_str() != Some(expected.issuer_url) {
        return Err(Refused::WrongIssuer);
    }
    check_audience(&claims, expected.client_id)?;
    Times::read(&claims)?.check(expected.now)?;
    if required(&claims, "nonce")?.as_str() != Some(expected.nonce) {
        return Err(Refused::WrongNonce);
    }
    let subject = match required(&claims, "sub")? {
        Value::String(subject) if is_good_subject(subject) => subject.clone(),
        _ => return Err(Refused::MalformedClaim("sub")),
    };
    Ok(Identified { subject, claims: Claims::proven(expected.issuer_url, claims) })
}

/// §3.1.3.7 points 3 to 5. Some providers name the project beside the client; then it must be us that the token was
/// issued to.
fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), Refused> {
    let authorized_party = claims.get("azp").filter(|azp| !azp.is_null());
    if authorized_party.is_some_and(|azp| azp.as_str() != Some(client_id)) {
        return Err(Refused::WrongAuthorizedParty);
    }
    match required(claims, "aud")? {
        Value::String(aud) if aud == client_id => Ok(()),
        Value::String(_) => Err(Refused::WrongAudience),
        Value::Array(list) if !list.iter().all(Value::is_string) => Err(Refused::MalformedClaim("aud")),
        Value::Array(list) if !list.iter().any(|aud| aud.as_str() == Some(client_id)) => Err(Refused::WrongAudience),
        Value::Array(list) if list.len() > 1 && authorized_party.is_none() => Err(Refused::WrongAuthorizedParty),
        Value::Array(_) => Ok(()),
        _ => Err(Refused::MalformedClaim("aud")),
    }
}

/// It becomes part of a row in a database and of a log line, so nothing that does not print.
fn is_good_subject(subject: &str) -> bool {
    (1..=MAX_SUBJECT).contains(&subject.len()) && subject.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}
