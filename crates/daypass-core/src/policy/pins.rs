//! What every rule must pin, checked before a policy can be in force.
//!
//! The field's worst accidents are rules that pin a name which somebody else can get, or nothing at all. So a preset says
//! which immutable ids there are, and a rule that pins none of them is no rule.

use super::{InvalidPolicy, Policy};
use crate::identity::Identity;

impl Policy {
    /// Every identity pins what its issuer wants pinned.
    pub(super) fn check_pins(&self) -> Result<(), InvalidPolicy> {
        self.identities.iter().try_for_each(|identity| self.check_pins_of(identity))
    }

    /// This identity pins what its issuer, one of this policy, wants pinned.
    pub(super) fn check_pins_of(&self, identity: &Identity) -> Result<(), InvalidPolicy> {
        let Some(issuer) = self.issuer(&identity.issuer) else { return Ok(()) };
        let one_of = issuer.preset.must_pin;
        if !one_of.is_empty() && !one_of.iter().any(|claim| pins(identity, claim)) {
            return Err(InvalidPolicy::NotPinned {
                identity: identity.name.clone(),
                claims: listed(one_of),
                why: format!("they are the ids of {} that nobody else can get", issuer.preset.title),
            });
        }
        match issuer.pin.iter().find(|claim| !pins(identity, claim.as_str())) {
            Some(claim) => Err(InvalidPolicy::NotPinned {
                identity: identity.name.clone(),
                claims: format!("`{claim}`"),
                why: format!("the issuer `{}` says so", issuer.name),
            }),
            None => Ok(()),
        }
    }
}

/// Whether the identity pins that claim to exact values.
pub(crate) fn pins(identity: &Identity, claim: &str) -> bool {
    identity.rules.iter().any(|(path, rule)| path.as_str() == claim && rule.exact_values().is_some())
}

fn listed(claims: &[&str]) -> String {
    let quoted: Vec<_> = claims.iter().map(|claim| format!("`{claim}`")).collect();
    match quoted.as_slice() {
        [one] => one.clone(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
        [] => String::new(),
    }
}
