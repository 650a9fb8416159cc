//! Finding identities without looking at all of them.
//!
//! A server may have ten thousand identities. Each is filed under one claim that it pins exactly, an immutable id where
//! it pins one; a token is looked up by its own values of those claims. So an exchange costs the same with one identity as
//! with ten thousand.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use uuid::Uuid;

use super::Policy;
use crate::{
    claim_rule::{ClaimPath, Scalar},
    claims::Claims,
    identity::Identity,
    names::IssuerName,
};

/// Where identities stand in the policy's list.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Lookup {
    by_name: HashMap<Box<str>, usize>,
    by_id: HashMap<Uuid, usize>,
    by_issuer: HashMap<IssuerName, Shelf>,
    /// The digest of each identity's rule, in the order of the list.
    digests: Vec<Box<str>>,
}

/// The identities of one issuer.
#[derive(Debug, Clone, Default, PartialEq)]
struct Shelf {
    /// By a claim, and by the values that it may have.
    by_claim: BTreeMap<ClaimPath, HashMap<Scalar, Vec<usize>>>,
    /// Those that pin nothing exactly.
    rest: Vec<usize>,
}

impl Lookup {
    pub(super) fn of(policy: &Policy) -> Self {
        let mut lookup = Self::default();
        for (at, identity) in policy.identities.iter().enumerate() {
            lookup.by_name.insert(identity.name.as_str().into(), at);
            lookup.by_id.insert(identity.id, at);
            lookup.digests.push(policy.digest_of_rule(identity).into());
            let shelf = lookup.by_issuer.entry(identity.issuer.clone()).or_default();
            match filing_claim(policy, identity) {
                Some((path, values)) => {
                    let filed = shelf.by_claim.entry(path.clone()).or_default();
                    for value in values {
                        filed.entry(value.clone()).or_default().push(at);
                    }
                }
                None => shelf.rest.push(at),
            }
        }
        lookup
    }
}

/// The claim to file an identity under: one that the preset wants pinned, or else any that is pinned exactly.
fn filing_claim<'i>(policy: &Policy, identity: &'i Identity) -> Option<(&'i ClaimPath, &'i [Scalar])> {
    let must_pin = policy.issuer(&identity.issuer).map_or(&[][..], |issuer| issuer.preset.must_pin);
    let exact = || identity.rules.iter().filter_map(|(path, rule)| Some((path, rule.exact_values()?)));
    let preferred = must_pin.iter().find_map(|claim| exact().find(|(path, _)| path.as_str() == *claim));
    preferred.or_else(|| exact().next())
}

impl Policy {
    /// The identity of that name or id.
    pub fn identity_called(&self, wanted: &str) -> Option<&Identity> {
        let at = self.lookup.by_name.get(wanted).copied().or_else(|| {
            let id = wanted.parse::<Uuid>().ok()?;
            self.lookup.by_id.get(&id).copied()
        });
        self.identities.get(at?)
    }

    /// The identities of an issuer whose rules may hold for these claims, in the order of the policy. Those that are left
    /// out do not match.
    pub fn candidates(&self, issuer: &IssuerName, claims: &Claims) -> impl Iterator<Item = &Identity> {
        let mut found: Vec<usize> = Vec::new();
        if let Some(shelf) = self.lookup.by_issuer.get(issuer) {
            found.extend(&shelf.rest);
            for (path, filed) in &shelf.by_claim {
                let value = path.find(claims.all()).and_then(as_scalar);
                found.extend(value.and_then(|value| filed.get(&value)).into_iter().flatten());
            }
        }
        found.sort_unstable();
        found.dedup();
        found.into_iter().filter_map(|at| self.identities.get(at))
    }

    /// A digest of who may assume an identity: its issuer's URL and its rules. Not of its grants.
    pub fn rule_digest(&self, identity: &Identity) -> String {
        let known =
            self.lookup.by_name.get(identity.name.as_str()).filter(|at| self.identities.get(**at) == Some(identity));
        let known = known.and_then(|at| self.lookup.digests.get(*at));
        known.map_or_else(|| self.digest_of_rule(identity), ToString::to_string)
    }

    /// The identity of that name, if its rule has this digest and it can be assumed.
    pub(super) fn identity_with_rule(&self, name: &str, rule: &str) -> Option<&Identity> {
        let at = *self.lookup.by_name.get(name)?;
        let same = self.lookup.digests.get(at).is_some_and(|digest| **digest == *rule);
        self.identities.get(at).filter(|_| same)
    }
}

/// A claim's value as a key; of any length, since nothing longer than a rule's texts is filed.
fn as_scalar(value: &Value) -> Option<Scalar> {
    Scalar::read(value)
}
