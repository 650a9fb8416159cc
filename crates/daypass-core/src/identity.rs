//! A named rule: which claims may become which grants.

use std::collections::BTreeMap;

use serde_json::Value;
use uuid::Uuid;

use crate::{
    claims::Claims,
    clock::Ttl,
    grant::Grant,
    names::{IdentityName, IssuerName},
};

/// The namespace of the identities' ids (RFC 9562 §5.5): an identity's id follows from its name, so every replica
/// that reads the same policy file knows it by the same id.
const IDENTITY_NAMESPACE: Uuid = Uuid::from_u128(0x0d1a_7a55_3c0f_4f8e_9b1e_5d2c_6a70_11d5);

/// An assumable identity: whoever proves these claims to this issuer's satisfaction may have these grants.
#[derive(Debug, Clone, PartialEq)]
pub struct Identity {
    /// The immutable id, the `sub` of access tokens.
    pub id: Uuid,
    /// The name people use.
    pub name: IdentityName,
    /// Who must vouch.
    pub issuer: IssuerName,
    /// What the outside token must say; every rule must hold. Never empty.
    pub rules: BTreeMap<Box<str>, ClaimRule>,
    /// What its holder may do.
    pub grants: Vec<Grant>,
    /// How long an access token lives.
    pub ttl: Ttl,
}

impl Identity {
    /// The id that belongs to `name`.
    pub fn id_of(name: &IdentityName) -> Uuid {
        Uuid::new_v5(&IDENTITY_NAMESPACE, name.as_str().as_bytes())
    }

    /// The rules that `claims` break, by claim name. Empty when all hold.
    pub fn differences(&self, claims: &Claims) -> Vec<Difference> {
        let differs = |(name, rule): (&str, &ClaimRule)| match claims.get(name) {
            None => Some(Difference { claim: name.into(), what: DifferenceKind::Missing }),
            Some(value) if rule.holds(value) => None,
            Some(_) => Some(Difference { claim: name.into(), what: DifferenceKind::Differs }),
        };
        self.rules.iter().map(|(name, rule)| (&**name, rule)).filter_map(differs).collect()
    }
}

/// What one claim must be.
///
/// The rest of the rule language (lists, globs, JSON pointers) takes its seat here.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClaimRule {
    /// The claim is a JSON string, equal byte for byte. No coercion: the number 65 is not `"65"`.
    Exact(Box<str>),
}

impl ClaimRule {
    /// Whether `value` obeys the rule.
    pub fn holds(&self, value: &Value) -> bool {
        match self {
            Self::Exact(expected) => value.as_str() == Some(expected),
        }
    }
}

/// One rule that was broken. It never holds the expected value: the caller is told *which* claim, not what to forge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The claim's name.
    pub claim: Box<str>,
    /// How it was broken.
    pub what: DifferenceKind,
}

/// How a rule was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DifferenceKind {
    /// The token does not have the claim.
    Missing,
    /// The token has another value.
    Differs,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.what {
            DifferenceKind::Missing => write!(f, "claim `{}` is missing", self.claim),
            DifferenceKind::Differs => write!(f, "claim `{}` differs", self.claim),
        }
    }
}
