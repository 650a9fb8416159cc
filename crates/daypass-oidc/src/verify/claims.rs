//! What a token says, checked after its signature.

use daypass_core::{SignedDuration, Timestamp, access_token::AccessTokenClaims, claims::Claims};
use serde_json::{Map, Value};

use super::{
    ExpectedAccess, ExpectedOutside, LEEWAY, LONGEST_OWN_LIFE, Proven, Refused, SPEND_MARGIN, compact::Compact,
};
use crate::strict_json;

/// The longest `jti`, in bytes.
const MAX_JTI_BYTES: usize = 256;

/// The largest time, in seconds: beyond it, numbers in JSON are no longer exact for everybody (RFC 8259 §6).
const MAX_TIME: i64 = 1 << 53;

pub(super) fn check_outside(compact: &Compact<'_>, expected: &ExpectedOutside<'_>) -> Result<Proven, Refused> {
    let claims = strict_json::parse_object(&compact.payload()?).map_err(|_| Refused::MalformedClaims)?;
    let is_from_there = match &expected.limits.trust_domain {
        None => required(&claims, "iss")?.as_str() == Some(expected.issuer_url),
        // SPIFFE JWT-SVID §3.1: the subject is what the trust domain's key vouches for; `iss` may be anything.
        Some(domain) => is_of_trust_domain(&claims, domain),
    };
    if !is_from_there {
        return Err(Refused::WrongIssuer);
    }
    let audience = single_audience(required(&claims, "aud")?)?;
    if !expected.audiences.iter().any(|ours| **ours == *audience) {
        return Err(Refused::WrongAudience);
    }
    if claims.get("sub").is_some_and(|sub| !sub.is_string()) {
        return Err(Refused::MalformedClaim("sub"));
    }
    let limits = expected.limits;
    let times = match limits.trust_domain {
        None => Times::read(&claims)?,
        Some(_) => Times::read_with(&claims, expected.now)?,
    };
    times.check(expected.now)?;
    times.check_life(limits.longest_life.as_duration())?;
    if limits.longest_age.is_some_and(|age| times.age_at(expected.now) > age.as_duration() + LEEWAY) {
        return Err(Refused::TooOld);
    }
    let replay_key = match claims.get("jti") {
        None => format!("sha256:{}", compact.digest()),
        Some(Value::String(jti)) if is_good_jti(jti) => format!("jti:{jti}"),
        Some(_) => return Err(Refused::MalformedClaim("jti")),
    };
    let expires_at = instant(times.exp, "exp")?;
    let spend_until = expires_at.checked_add(LEEWAY + SPEND_MARGIN).unwrap_or(Timestamp::MAX);
    Ok(Proven { claims: Claims::proven(expected.issuer_url, claims), expires_at, spend_until, replay_key })
}

pub(super) fn check_access(compact: &Compact<'_>, expected: &ExpectedAccess<'_>) -> Result<AccessTokenClaims, Refused> {
    let claims: AccessTokenClaims =
        serde_json::from_slice(&compact.payload()?).map_err(|_| Refused::MalformedClaims)?;
    if claims.iss != expected.issuer {
        return Err(Refused::WrongIssuer);
    }
    if claims.aud != expected.audience {
        return Err(Refused::WrongAudience);
    }
    let times = Times { exp: claims.exp, iat: claims.iat, nbf: Some(claims.nbf) };
    times.check(expected.now)?;
    times.check_life(LONGEST_OWN_LIFE)?;
    Ok(claims)
}

pub(super) fn required<'c>(claims: &'c Map<String, Value>, name: &'static str) -> Result<&'c Value, Refused> {
    claims.get(name).filter(|value| !value.is_null()).ok_or(Refused::MissingClaim(name))
}

/// Whether the `sub` is a SPIFFE ID of that trust domain, with a path (SPIFFE ID §2).
fn is_of_trust_domain(claims: &Map<String, Value>, domain: &str) -> bool {
    let id = claims.get("sub").and_then(Value::as_str).and_then(|sub| sub.strip_prefix("spiffe://"));
    let path = id.and_then(|id| id.strip_prefix(domain)).and_then(|rest| rest.strip_prefix('/'));
    path.is_some_and(|path| !path.is_empty())
}

/// One audience, as a string or as a list of one.
///
/// A token for several audiences is refused: any of them could pass it on to us (CVE-2025-27370 and its kin).
fn single_audience(aud: &Value) -> Result<&str, Refused> {
    let one = match aud {
        Value::Array(list) => match list.as_slice() {
            [one] => one,
            _ => return Err(Refused::WrongAudience),
        },
        one => one,
    };
    one.as_str().ok_or(Refused::MalformedClaim("aud"))
}

/// A `NumericDate` (RFC 7519 §2), whole and positive.
fn time(value: &Value, name: &'static str) -> Result<i64, Refused> {
    value.as_i64().filter(|seconds| (0..=MAX_TIME).contains(seconds)).ok_or(Refused::MalformedClaim(name))
}

fn instant(seconds: i64, name: &'static str) -> Result<Timestamp, Refused> {
    Timestamp::from_second(seconds).map_err(|_| Refused::MalformedClaim(name))
}

/// It becomes part of a row in a database, so no control characters.
fn is_good_jti(jti: &str) -> bool {
    !jti.is_empty() && jti.len() <= MAX_JTI_BYTES && !jti.chars().any(char::is_control)
}

pub(super) struct Times {
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
}

impl Times {
    pub(super) fn read(claims: &Map<String, Value>) -> Result<Self, Refused> {
        Ok(Self {
            exp: time(required(claims, "exp")?, "exp")?,
            iat: time(required(claims, "iat")?, "iat")?,
            nbf: claims.get("nbf").map(|nbf| time(nbf, "nbf")).transpose()?,
        })
    }

    /// As [`Times::read`], where `iat` may be missing: then the token was issued now, as far as anybody knows.
    fn read_with(claims: &Map<String, Value>, now: Timestamp) -> Result<Self, Refused> {
        let nbf = claims.get("nbf").map(|nbf| time(nbf, "nbf")).transpose()?;
        let iat = claims.get("iat").map(|iat| time(iat, "iat")).transpose()?;
        let exp = time(required(claims, "exp")?, "exp")?;
        Ok(Self { exp, iat: iat.unwrap_or_else(|| now.as_second().min(exp)), nbf })
    }

    fn age_at(&self, now: Timestamp) -> SignedDuration {
        SignedDuration::from_secs(now.as_second().saturating_sub(self.iat))
    }

    pub(super) fn check(&self, now: Timestamp) -> Result<(), Refused> {
        let (now, leeway) = (now.as_second(), LEEWAY.as_secs());
        if self.exp <= now - leeway {
            return Err(Refused::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now + leeway) {
            return Err(Refused::NotYetValid);
        }
        if self.iat > now + leeway {
            return Err(Refused::IssuedInFuture);
        }
        Ok(())
    }

    fn check_life(&self, longest: SignedDuration) -> Result<(), Refused> {
        let life = SignedDuration::from_secs(self.exp.saturating_sub(self.iat));
        if life.is_negative() || life > longest {
            return Err(Refused::LivesTooLong);
        }
        Ok(())
    }
}
