//! Claims and identities in, permit or refusal out. The one place where it is decided who gets in.

use std::net::IpAddr;

use jiff::Timestamp;
use uuid::Uuid;

use crate::{
    claim_rule::ClaimPath,
    claims::Claims,
    grant::{Action, Grant},
    identity::{Difference, Identity, Mode},
    issuer::TrustedIssuer,
    names::IdentityName,
    policy::Policy,
};

/// What a caller with a proven outside token asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The registered issuer whose key verified the token.
    pub issuer: &'a TrustedIssuer,
    /// What the token says.
    pub claims: &'a Claims,
    /// The identity it wants to assume, by id or name. Without one, exactly one must match.
    pub identity: Option<&'a str>,
    /// What the identity must be good for. Without a name, those that are not do not count.
    pub needs: Option<Action>,
    /// How many seconds the access token is to live; as the identity says otherwise.
    pub life: Option<i64>,
    /// Where the request comes from.
    pub peer: Option<IpAddr>,
    /// The time.
    pub now: Timestamp,
}

/// The answer yes: what an access token may be signed for.
#[derive(Debug, Clone, PartialEq)]
pub struct Permit {
    /// The identity's id.
    pub identity_id: Uuid,
    /// The identity's name.
    pub identity: IdentityName,
    /// Digest of the rule that was obeyed.
    pub rule: String,
    /// What its holder may do.
    pub grants: Vec<Grant>,
    /// For how many seconds.
    pub life: i64,
}

/// The answer no, with the reason. `Display` is safe for a caller whose token is proven: it names claims, never
/// expected values, and does not tell an identity that is not there from one of another issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// A value that is refused for every identity of this issuer.
    #[error("claim `{claim}` is not accepted from this issuer: {why}")]
    Trap {
        /// The claim.
        claim: ClaimPath,
        /// Why.
        why: Box<str>,
    },
    /// The named identity does not exist, or trusts another issuer.
    #[error("identity `{0}` does not exist for this issuer")]
    NoSuchIdentity(String),
    /// The named identity's rules do not hold.
    #[error("identity `{identity}`: {}", join(differences))]
    ClaimsDiffer {
        /// The identity that was asked for.
        identity: IdentityName,
        /// Which rules were broken. Never empty.
        differences: Vec<Difference>,
    },
    /// The request comes from elsewhere.
    #[error("identity `{0}` cannot be assumed from this network")]
    Network(IdentityName),
    /// It is switched off.
    #[error("identity `{0}` is disabled")]
    Disabled(IdentityName),
    /// Its time is over.
    #[error("identity `{0}` has expired")]
    Expired(IdentityName),
    /// Everything matches, and nothing is handed out.
    #[error("identity `{0}` is in audit mode: it matches, and hands out nothing yet")]
    AuditMode(IdentityName),
    /// It is not good for what is needed.
    #[error("identity `{identity}` is not granted `{action}` anywhere")]
    LacksAction {
        /// The identity.
        identity: IdentityName,
        /// What is needed.
        action: Action,
    },
    /// No identity was named and none matches.
    #[error("no identity matches the claims of this token")]
    NoneMatches,
    /// No identity was named and several match.
    #[error("several identities match the claims of this token ({}): name one", first_few(.0))]
    SeveralMatch(Vec<IdentityName>),
}

impl Denied {
    /// A stable word for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Trap { .. } => "claim_refused",
            Self::NoSuchIdentity(_) => "identity_unknown",
            Self::ClaimsDiffer { .. } => "claims_differ",
            Self::Network(_) => "wrong_network",
            Self::Disabled(_) => "identity_disabled",
            Self::Expired(_) => "identity_expired",
            Self::AuditMode(_) => "audit_mode",
            Self::LacksAction { .. } => "action_not_granted",
            Self::NoneMatches => "no_identity_matches",
            Self::SeveralMatch(_) => "several_identities_match",
        }
    }

    /// The identity it is about, if it is about one that is there.
    pub fn identity(&self) -> Option<&IdentityName> {
        match self {
            Self::ClaimsDiffer { identity, .. } | Self::LacksAction { identity, .. } => Some(identity),
            Self::Network(name) | Self::Disabled(name) | Self::Expired(name) | Self::AuditMode(name) => Some(name),
            Self::Trap { .. } | Self::NoSuchIdentity(_) | Self::NoneMatches | Self::SeveralMatch(_) => None,
        }
    }
}

fn join<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// The first ten; the answer and the audit log are no place for thousands.
fn first_few(names: &[IdentityName]) -> String {
    match names.get(..10) {
        Some(few) if names.len() > few.len() => format!("{} and {} more", join(few), names.len() - few.len()),
        _ => join(names),
    }
}

/// Decides. Deny is the default; identities of other issuers are not even looked at.
pub fn decide(ask: &Ask<'_>, policy: &Policy) -> Result<Permit, Denied> {
    if let Some(trap) = ask.issuer.trap(ask.claims.all()) {
        return Err(Denied::Trap { claim: trap.claim, why: trap.why });
    }
    let identity = match ask.identity {
        Some(wanted) => named(ask, policy, wanted)?,
        None => the_only_one(ask, policy)?,
    };
    let name = || identity.name.clone();
    if let Some(action) = ask.needs.filter(|_| !is_good_for(ask, identity)) {
        return Err(Denied::LacksAction { identity: name(), action });
    }
    if !identity.enabled {
        return Err(Denied::Disabled(name()));
    }
    let life = identity.life_at(ask.now, ask.life).ok_or_else(|| Denied::Expired(name()))?;
    if !identity.is_open_to(ask.peer) {
        return Err(Denied::Network(name()));
    }
    if identity.mode == Mode::Audit {
        return Err(Denied::AuditMode(name()));
    }
    Ok(Permit {
        identity_id: identity.id,
        identity: name(),
        rule: policy.rule_digest(identity),
        grants: identity.grants.clone(),
        life,
    })
}

/// The identity that was asked for, if its rules hold.
fn named<'p>(ask: &Ask<'_>, policy: &'p Policy, wanted: &str) -> Result<&'p Identity, Denied> {
    // Bounded and escaped: the caller wrote it, the audit log keeps it.
    let shown = || wanted.chars().take(80).flat_map(char::escape_debug).collect();
    let found = policy.identity_called(wanted).filter(|identity| identity.issuer == ask.issuer.name);
    let identity = found.ok_or_else(|| Denied::NoSuchIdentity(shown()))?;
    let differences = identity.differences(ask.claims);
    if !differences.is_empty() {
        return Err(Denied::ClaimsDiffer { identity: identity.name.clone(), differences });
    }
    Ok(identity)
}

/// Whether some grant of the identity allows what is needed, if anything is.
fn is_good_for(ask: &Ask<'_>, identity: &Identity) -> bool {
    ask.needs.is_none_or(|action| identity.grants.iter().any(|grant| grant.actions.contains(&action)))
}

/// The only identity whose rules hold. One that hands out nothing, or nothing of what is needed, stands in nobody's
/// way.
fn the_only_one<'p>(ask: &Ask<'_>, policy: &'p Policy) -> Result<&'p Identity, Denied> {
    let candidates = policy.candidates(&ask.issuer.name, ask.claims);
    let matching: Vec<&Identity> = candidates.filter(|identity| identity.differences(ask.claims).is_empty()).collect();
    let live = |identity: &&&Identity| identity.enabled && identity.mode == Mode::Enforce && is_good_for(ask, identity);
    let in_force: Vec<&Identity> = matching.iter().filter(live).copied().collect();
    match (in_force.as_slice(), matching.as_slice()) {
        ([one], _) | ([], [one, ..]) => Ok(one),
        ([], []) => Err(Denied::NoneMatches),
        (several, _) => Err(Denied::SeveralMatch(several.iter().map(|identity| identity.name.clone()).collect())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const POLICY: &str = r#"
        issuer = [
            { name = "ci", url = "https://ci.example.com", keys = { discovery = true } },
            { name = "other", url = "https://other.example.com", keys = { discovery = true } },
        ]
        [[identity]]
        name = "ci/app"
        issuer = "ci"
        claims = { repository_id = "74", ref = "refs/heads/main" }
        grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
        [[identity]]
        name = "ci/any-branch"
        issuer = "ci"
        claims = { repository_id = "74" }
        grants = [ { index = "python", projects = ["acme-*"], actions = ["pull"] } ]
        [[identity]]
        name = "other/app"
        issuer = "other"
        claims = { repository_id = "74" }
        grants = [ { index = "python", projects = ["*"], actions = ["pull", "push"] } ]
    "#;

    fn ask(issuer: &str, claims: Value, identity: Option<&str>) -> Result<Permit, Denied> {
        ask_for(issuer, claims, identity, None)
    }

    fn ask_for(issuer: &str, claims: Value, identity: Option<&str>, needs: Option<Action>) -> Result<Permit, Denied> {
        let policy = Policy::merge([Policy::parse(POLICY).unwrap()]).unwrap();
        let Value::Object(all) = claims else { panic!("an object") };
        let claims = Claims::proven("https://ci.example.com", all);
        let issuer = policy.issuer(&issuer.parse().unwrap()).unwrap();
        let (peer, now) = (Some("192.0.2.7".parse().unwrap()), Timestamp::UNIX_EPOCH);
        decide(&Ask { issuer, claims: &claims, identity, needs, life: None, peer, now }, &policy)
    }

    #[test]
    fn what_is_needed_picks_the_identity_and_is_never_given_by_it() {
        let needing = |issuer: &str, claims: Value, identity: Option<&str>| {
            ask_for(issuer, claims, identity, Some(Action::Push)).map(|permit| permit.identity.to_string())
        };
        let main = json!({"repository_id": "74", "ref": "refs/heads/main"});
        let lacks = "identity `ci/app` is not granted `push` anywhere";
        assert_eq!(needing("ci", main.clone(), Some("ci/app")).unwrap_err().to_string(), lacks);
        assert_eq!(
            needing("ci", main.clone(), None).unwrap_err().to_string(),
            lacks,
            "of several that may not, the first"
        );
        assert_eq!(needing("other", main, None).unwrap(), "other/app");
        let stranger = needing("other", json!({"repository_id": "75"}), None).unwrap_err();
        assert_eq!(stranger, Denied::NoneMatches);
    }

    #[test]
    fn a_named_identity_whose_claims_hold_is_permitted() {
        let permit = ask("ci", json!({"repository_id": "74", "ref": "refs/heads/main"}), Some("ci/app")).unwrap();
        assert_eq!(permit.identity.as_str(), "ci/app");
        assert_eq!(permit.life, 3600);
        let by_id = permit.identity_id.to_string();
        assert!(ask("ci", json!({"repository_id": "74", "ref": "refs/heads/main"}), Some(&by_id)).is_ok());
    }

    #[test]
    fn every_refusal_has_its_reason() {
        for (claims, identity, expected) in [
            (json!({"repository_id": "74"}), Some("ci/app"), "identity `ci/app`: claim `ref` is missing"),
            (json!({"repository_id": "74", "ref": null}), Some("ci/app"), "identity `ci/app`: claim `ref` is missing"),
            (
                json!({"repository_id": 74, "ref": "refs/heads/Main"}),
                Some("ci/app"),
                "identity `ci/app`: claim `ref` differs, claim `repository_id` differs",
            ),
            (
                json!({"repository_id": ["74"]}),
                Some("ci/any-branch"),
                "identity `ci/any-branch`: claim `repository_id` differs",
            ),
            (json!({"repository_id": "74"}), Some("nobody"), "identity `nobody` does not exist for this issuer"),
            (json!({"repository_id": "74"}), Some("other/app"), "identity `other/app` does not exist for this issuer"),
            (json!({"repository_id": "75"}), None, "no identity matches the claims of this token"),
            (
                json!({"repository_id": "74", "ref": "refs/heads/main"}),
                None,
                "several identities match the claims of this token (ci/app, ci/any-branch): name one",
            ),
        ] {
            assert_eq!(ask("ci", claims, identity).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn without_a_name_the_only_match_is_taken() {
        let permit = ask("ci", json!({"repository_id": "74", "ref": "refs/heads/x"}), None).unwrap();
        assert_eq!(permit.identity.as_str(), "ci/any-branch");
    }

    #[test]
    fn claims_of_one_issuer_never_satisfy_the_rule_of_another() {
        let permit = ask("other", json!({"repository_id": "74"}), None).unwrap();
        assert_eq!(permit.identity.as_str(), "other/app");
        assert!(ask("other", json!({"repository_id": "74"}), Some("ci/any-branch")).is_err());
    }

    #[test]
    fn a_hostile_identity_name_is_shown_short_and_escaped() {
        let wanted = format!("x\u{1b}{}", "y".repeat(5000));
        let shown = ask("ci", json!({}), Some(&wanted)).unwrap_err().to_string();
        assert!(shown.len() < 200 && !shown.contains('\u{1b}'), "{shown}");
    }
}
