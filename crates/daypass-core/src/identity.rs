//! A named rule: which claims may become which grants.

use std::{collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    claim_rule::{ClaimPath, ClaimRule},
    claims::Claims,
    clock::Ttl,
    condition::Condition,
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
    /// What it is for, for people.
    pub description: Option<Box<str>>,
    /// Who must vouch.
    pub issuer: IssuerName,
    /// What the outside token must say; every rule must hold. Never empty.
    pub rules: BTreeMap<ClaimPath, ClaimRule>,
    /// What must hold besides.
    pub when: Option<Condition>,
    /// Where the request may come from. Empty: from anywhere.
    pub networks: Vec<IpNet>,
    /// What its holder may do.
    pub grants: Vec<Grant>,
    /// How long an access token lives when nothing is asked for.
    pub ttl: Ttl,
    /// How long an access token lives at most.
    pub longest_ttl: Ttl,
    /// When it stops to be assumable. No access token outlives this.
    pub expires_at: Option<Timestamp>,
    /// Whether it can be assumed at all.
    pub enabled: bool,
    /// Whether it hands out anything.
    pub mode: Mode,
}

/// What happens when everything matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// It is handed out.
    #[default]
    Enforce,
    /// Nothing is handed out; that it would have been is in the audit log. For trying a rule out.
    Audit,
}

impl Identity {
    /// The id that belongs to `name`.
    pub fn id_of(name: &IdentityName) -> Uuid {
        Uuid::new_v5(&IDENTITY_NAMESPACE, name.as_str().as_bytes())
    }

    /// What `claims` break: rules by claim name, then the condition. Empty when all hold.
    pub fn differences(&self, claims: &Claims) -> Vec<Difference> {
        let differs = |(path, rule): (&ClaimPath, &ClaimRule)| match path.find(claims.all()) {
            None => Some(Difference { claim: path.as_str().into(), what: DifferenceKind::Missing }),
            Some(value) if rule.holds(value) => None,
            Some(_) => Some(Difference { claim: path.as_str().into(), what: DifferenceKind::Differs }),
        };
        let mut differences: Vec<_> = self.rules.iter().filter_map(differs).collect();
        if differences.is_empty() && self.when.as_ref().is_some_and(|when| !when.holds(claims.all())) {
            differences.push(Difference { claim: "when".into(), what: DifferenceKind::Condition });
        }
        differences
    }

    /// Whether a request from `peer` may assume it.
    pub fn is_open_to(&self, peer: Option<IpAddr>) -> bool {
        // An IPv4 client of a socket for both families has an address in other clothes.
        let peer = peer.map(|peer| peer.to_canonical());
        self.networks.is_empty() || peer.is_some_and(|peer| self.networks.iter().any(|network| network.contains(&peer)))
    }

    /// How long an access token lives that is signed at `now`, when a life of `wanted` seconds was asked for, if any was.
    /// `None` when the identity has expired.
    pub fn life_at(&self, now: Timestamp, wanted: Option<i64>) -> Option<i64> {
        let life = wanted.map_or(self.ttl.as_secs(), |wanted| wanted.clamp(1, self.longest_ttl.as_secs()));
        let left = self.expires_at.map(|end| end.as_second() - now.as_second());
        Some(left.map_or(life, |left| life.min(left))).filter(|life| *life > 0)
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
    /// The condition `when` is not `true`.
    Condition,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.what {
            DifferenceKind::Missing => write!(f, "claim `{}` is missing", self.claim),
            DifferenceKind::Differs => write!(f, "claim `{}` differs", self.claim),
            DifferenceKind::Condition => f.write_str("the condition `when` does not hold"),
        }
    }
}
