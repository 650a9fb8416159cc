//! Claims and identities in, permit or refusal out. The one place where it is decided who gets in.

use uuid::Uuid;

use crate::{
    claims::Claims,
    clock::Ttl,
    grant::Grant,
    identity::{Difference, Identity},
    names::{IdentityName, IssuerName},
    policy::Policy,
};

/// What a caller with a proven outside token asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The registered issuer whose key verified the token.
    pub issuer: &'a IssuerName,
    /// What the token says.
    pub claims: &'a Claims,
    /// The identity it wants to assume, by id or name. Without one, exactly one must match.
    pub identity: Option<&'a str>,
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
    /// For how long.
    pub ttl: Ttl,
}

/// The answer no, with the reason. `Display` is safe for a caller whose token is proven: it names claims, never
/// expected values, and does not tell an identity that is not there from one of another issuer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
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
    /// No identity was named and none matches.
    #[error("no identity matches the claims of this token")]
    NoneMatches,
    /// No identity was named and several match.
    #[error("several identities match the claims of this token ({}): name one", join(.0))]
    SeveralMatch(Vec<IdentityName>),
}

impl Denied {
    /// A stable word for logs and metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSuchIdentity(_) => "identity_unknown",
            Self::ClaimsDiffer { .. } => "claims_differ",
            Self::NoneMatches => "no_identity_matches",
            Self::SeveralMatch(_) => "several_identities_match",
        }
    }
}

fn join<T: std::fmt::Display>(items: &[T]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Decides. Deny is the default; identities of other issuers are not even looked at.
pub fn decide(ask: &Ask<'_>, policy: &Policy) -> Result<Permit, Denied> {
    let mut of_this_issuer = policy.identities().iter().filter(|identity| identity.issuer == *ask.issuer);
    let identity = if let Some(wanted) = ask.identity {
        // Bounded and escaped: the caller wrote it, the audit log keeps it.
        let shown = || wanted.chars().take(80).flat_map(char::escape_debug).collect();
        let found = of_this_issuer.find(|identity| is_called(identity, wanted));
        let identity = found.ok_or_else(|| Denied::NoSuchIdentity(shown()))?;
        let differences = identity.differences(ask.claims);
        if !differences.is_empty() {
            return Err(Denied::ClaimsDiffer { identity: identity.name.clone(), differences });
        }
        identity
    } else {
        let matching: Vec<&Identity> =
            of_this_issuer.filter(|identity| identity.differences(ask.claims).is_empty()).collect();
        match *matching.as_slice() {
            [] => return Err(Denied::NoneMatches),
            [one] => one,
            ref several => {
                return Err(Denied::SeveralMatch(several.iter().map(|identity| identity.name.clone()).collect()));
            }
        }
    };
    Ok(Permit {
        identity_id: identity.id,
        identity: identity.name.clone(),
        rule: policy.rule_digest(identity),
        grants: identity.grants.clone(),
        ttl: identity.ttl,
    })
}

fn is_called(identity: &Identity, wanted: &str) -> bool {
    identity.name.as_str() == wanted || wanted.parse::<Uuid>().is_ok_and(|id| id == identity.id)
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
        let policy = Policy::merge([Policy::parse(POLICY).unwrap()]).unwrap();
        let Value::Object(all) = claims else { panic!("an object") };
        let claims = Claims::proven("https://ci.example.com", all);
        decide(&Ask { issuer: &issuer.parse().unwrap(), claims: &claims, identity }, &policy)
    }

    #[test]
    fn a_named_identity_whose_claims_hold_is_permitted() {
        let permit = ask("ci", json!({"repository_id": "74", "ref": "refs/heads/main"}), Some("ci/app")).unwrap();
        assert_eq!(permit.identity.as_str(), "ci/app");
        assert_eq!(permit.ttl.as_secs(), 3600);
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
