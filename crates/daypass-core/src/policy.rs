//! The policy file: issuers and identities as data.
//!
//! ```toml
//! [[issuer]]
//! name = "ci"
//! url = "https://ci.example.com"
//! keys = { discovery = true }              # or: { jwks = "ci-keys.json" }
//!
//! [[identity]]
//! name = "ci/app"
//! issuer = "ci"
//! claims = { repository_id = "74", ref = "refs/heads/main" }
//! grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
//! ttl = "1h"
//! ```
//!
//! Unknown keys are errors: a misspelt rule must not silently be no rule.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::json;
use url::Url;

use crate::{
    access_token::AccessTokenClaims,
    clock::Ttl,
    digest::Sha256,
    grant::Grant,
    identity::{ClaimRule, Identity},
    issuer::{KeySource, TrustedIssuer},
    names::{IdentityName, IssuerName},
};

/// The longest life an access token may be given: it is a day's pass, not a password.
pub const LONGEST_TTL: Ttl = Ttl::from_secs(24 * 3600);

/// The life of an access token where the policy says nothing.
pub const DEFAULT_TTL: Ttl = Ttl::from_secs(3600);

/// Issuers and identities, checked and ready to decide by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    issuers: Vec<TrustedIssuer>,
    identities: Vec<Identity>,
}

/// What is wrong with a policy file, in one sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidPolicy {
    /// Not TOML, an unknown key, a value of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// Two things of the same kind have one name.
    #[error("{kind} `{name}` is defined twice")]
    Twice {
        /// `issuer` or `identity`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Two issuers have one URL: a token could not say whose rules it falls under.
    #[error("issuers `{first}` and `{second}` have the same URL")]
    SameUrl {
        /// One.
        first: IssuerName,
        /// The other.
        second: IssuerName,
    },
    /// An issuer's URL cannot be an `iss`.
    #[error(
        "issuer `{issuer}`: `{url}` is not a URL such as `https://ci.example.com`, without query, fragment or user name"
    )]
    IssuerUrl {
        /// The issuer.
        issuer: IssuerName,
        /// What was written.
        url: String,
    },
    /// An issuer says both or neither of `discovery` and `jwks`.
    #[error("issuer `{0}`: `keys` must be `{{ discovery = true }}` or `{{ jwks = \"FILE\" }}`")]
    Keys(IssuerName),
    /// An identity names an issuer that is not there.
    #[error("identity `{identity}` names the issuer `{issuer}`, which is not defined")]
    NoSuchIssuer {
        /// The identity.
        identity: IdentityName,
        /// What it names.
        issuer: IssuerName,
    },
    /// An identity without claims would let in everybody its issuer vouches for.
    #[error("identity `{0}` has no `claims`: it would match every token of its issuer")]
    NoClaims(IdentityName),
    /// The only claims are ones that all tokens of the issuer share.
    #[error("identity `{0}` pins only `iss` or `aud`, which all tokens of its issuer share")]
    NothingPinned(IdentityName),
    /// A claim rule that this version does not know.
    #[error("identity `{identity}`: claim `{claim}` must be a string, matched exactly")]
    ClaimRule {
        /// The identity.
        identity: IdentityName,
        /// The claim.
        claim: String,
    },
    /// An identity that grants nothing.
    #[error("identity `{0}` has no `grants`")]
    NoGrants(IdentityName),
    /// A grant without projects or without actions.
    #[error("identity `{0}`: a grant needs at least one project and one action")]
    EmptyGrant(IdentityName),
    /// Too long a life.
    #[error("identity `{0}`: `ttl` is longer than 24 hours")]
    TtlTooLong(IdentityName),
}

impl Policy {
    /// Reads one policy file's text.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let written: Written =
            toml::from_str(text).map_err(|error| InvalidPolicy::Syntax(error.to_string().trim_end().to_owned()))?;
        let policy = Self {
            issuers: written.issuer.into_iter().map(WrittenIssuer::check).collect::<Result<_, _>>()?,
            identities: written.identity.into_iter().map(WrittenIdentity::check).collect::<Result<_, _>>()?,
        };
        Ok(policy)
    }

    /// Several files as one policy: names must be unique over all, and every named issuer must be there.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Result<Self, InvalidPolicy> {
        let mut all = Self::default();
        for part in parts {
            all.issuers.extend(part.issuers);
            all.identities.extend(part.identities);
        }
        all.check_together()?;
        Ok(all)
    }

    fn check_together(&self) -> Result<(), InvalidPolicy> {
        for (position, issuer) in self.issuers.iter().enumerate() {
            for other in self.issuers.iter().skip(position + 1) {
                if other.name == issuer.name {
                    return Err(InvalidPolicy::Twice { kind: "issuer", name: issuer.name.to_string() });
                }
                if other.url == issuer.url {
                    return Err(InvalidPolicy::SameUrl { first: issuer.name.clone(), second: other.name.clone() });
                }
            }
        }
        let mut seen = BTreeSet::new();
        for identity in &self.identities {
            if !seen.insert(&identity.name) {
                return Err(InvalidPolicy::Twice { kind: "identity", name: identity.name.to_string() });
            }
            if self.issuer(&identity.issuer).is_none() {
                let (identity, issuer) = (identity.name.clone(), identity.issuer.clone());
                return Err(InvalidPolicy::NoSuchIssuer { identity, issuer });
            }
        }
        Ok(())
    }

    /// All registered issuers.
    pub fn issuers(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    /// All identities.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The identity that an access token was signed for, if it is still what it was then.
    ///
    /// A rule that was withdrawn, or changed in any part, makes another identity of it: its tokens are worth nothing
    /// from then on. Its grants are the caller's to compare.
    pub fn identity_of(&self, claims: &AccessTokenClaims) -> Option<&Identity> {
        let identity = self.identities.iter().find(|identity| identity.name == claims.identity)?;
        let same = identity.id.to_string() == claims.sub
            && self.issuer(&identity.issuer).is_some_and(|issuer| *issuer.url == *claims.act.iss)
            && self.rule_digest(identity) == claims.rule;
        same.then_some(identity)
    }

    /// A digest of who may assume an identity: its issuer's URL and its claim rules. Not of its grants.
    pub fn rule_digest(&self, identity: &Identity) -> String {
        let issuer = self.issuer(&identity.issuer).map(|issuer| &*issuer.url);
        let rules: Vec<_> =
            identity.rules.iter().map(|(claim, ClaimRule::Exact(value))| (claim, "exact", value)).collect();
        let mut digest = Sha256::of(json!([issuer, rules]).to_string()).to_string();
        // It tells one rule from its successor, which nobody can choose: half of the digest is plenty.
        digest.truncate(32);
        digest
    }

    /// The issuer of that name.
    pub fn issuer(&self, name: &IssuerName) -> Option<&TrustedIssuer> {
        self.issuers.iter().find(|issuer| issuer.name == *name)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    #[serde(default)]
    issuer: Vec<WrittenIssuer>,
    #[serde(default)]
    identity: Vec<WrittenIdentity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIssuer {
    name: IssuerName,
    url: String,
    keys: WrittenKeys,
    #[serde(default)]
    audiences: Vec<Box<str>>,
    #[serde(default)]
    allow_private_network: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenKeys {
    #[serde(default)]
    discovery: bool,
    jwks: Option<Box<str>>,
}

impl WrittenIssuer {
    fn check(self) -> Result<TrustedIssuer, InvalidPolicy> {
        let sane = Url::parse(&self.url).is_ok_and(|url| {
            matches!(url.scheme(), "https" | "http")
                && url.host().is_some()
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if !sane {
            return Err(InvalidPolicy::IssuerUrl { issuer: self.name, url: self.url });
        }
        let keys = match (self.keys.discovery, self.keys.jwks) {
            (true, None) => KeySource::Discovery,
            (false, Some(file)) => KeySource::JwksFile(file),
            _ => return Err(InvalidPolicy::Keys(self.name)),
        };
        Ok(TrustedIssuer {
            name: self.name,
            url: self.url.into(),
            keys,
            audiences: self.audiences,
            allow_private_network: self.allow_private_network,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIdentity {
    name: IdentityName,
    issuer: IssuerName,
    #[serde(default)]
    claims: BTreeMap<String, toml::Value>,
    #[serde(default)]
    grants: Vec<Grant>,
    ttl: Option<Ttl>,
}

impl WrittenIdentity {
    fn check(self) -> Result<Identity, InvalidPolicy> {
        let name = self.name;
        if self.claims.is_empty() {
            return Err(InvalidPolicy::NoClaims(name));
        }
        if self.claims.keys().all(|claim| matches!(claim.as_str(), "iss" | "aud")) {
            return Err(InvalidPolicy::NothingPinned(name));
        }
        if self.grants.is_empty() {
            return Err(InvalidPolicy::NoGrants(name));
        }
        if self.grants.iter().any(|grant| grant.projects.is_empty() || grant.actions.is_empty()) {
            return Err(InvalidPolicy::EmptyGrant(name));
        }
        let ttl = self.ttl.unwrap_or(DEFAULT_TTL);
        if ttl > LONGEST_TTL {
            return Err(InvalidPolicy::TtlTooLong(name));
        }
        let mut rules = BTreeMap::new();
        for (claim, value) in self.claims {
            let toml::Value::String(expected) = value else {
                return Err(InvalidPolicy::ClaimRule { identity: name, claim });
            };
            rules.insert(claim.into(), ClaimRule::Exact(expected.into()));
        }
        let id = Identity::id_of(&name);
        Ok(Identity { id, name, issuer: self.issuer, rules, grants: self.grants, ttl })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access_token::Actor;

    const GOOD: &str = r#"
        [[issuer]]
        name = "ci"
        url = "https://ci.example.com"
        keys = { discovery = true }

        [[identity]]
        name = "ci/app"
        issuer = "ci"
        claims = { repository_id = "74", ref = "refs/heads/main" }
        grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
        ttl = "15m"
    "#;

    fn load(text: &str) -> Result<Policy, InvalidPolicy> {
        Policy::merge([Policy::parse(text)?])
    }

    #[test]
    fn the_example_of_the_design_is_read() {
        let policy = load(GOOD).unwrap();
        let [identity] = policy.identities() else { panic!("one identity") };
        assert_eq!(identity.ttl.as_secs(), 900);
        assert_eq!(identity.rules.len(), 2);
        assert_eq!(identity.id, Identity::id_of(&"ci/app".parse().unwrap()));
        assert_eq!(policy.issuer(&identity.issuer).unwrap().keys, KeySource::Discovery);
    }

    #[test]
    fn what_could_go_dangerously_wrong_is_refused_with_the_reason() {
        for (from, to, expected) in [
            ("repository_id", "aud", "pins only"),
            ("[[identity]]", "[[identiti]]", "unknown field"),
            ("ttl =", "tll =", "unknown field"),
            ("issuer = \"ci\"", "issuer = \"other\"", "not defined"),
            ("\"74\"", "74", "must be a string"),
            ("\"74\"", "[\"74\"]", "must be a string"),
            ("claims = { repository_id = \"74\", ref = \"refs/heads/main\" }", "", "no `claims`"),
            ("[\"pull\"]", "[]", "at least one"),
            ("[\"pull\"]", "[\"fetch\"]", "unknown variant"),
            ("\"15m\"", "\"25h\"", "longer than 24 hours"),
            ("\"15m\"", "\"0s\"", "not a positive duration"),
            ("discovery = true", "discovery = false", "must be"),
            ("discovery = true", "discovery = true, jwks = \"x\"", "must be"),
            ("https://ci.example.com", "https://ci.example.com?x", "without query"),
            ("https://ci.example.com", "https://user@ci.example.com", "without query"),
            ("https://ci.example.com", "ci.example.com", "not a URL"),
            ("index = \"python\"", "index = \"oauth\"", "uses this path itself"),
        ] {
            // `ref` goes too where the claim that pins something goes.
            let text = GOOD.replace(from, to);
            let text = if to == "aud" { text.replace(", ref = \"refs/heads/main\"", "") } else { text };
            let error = load(&text).expect_err(to).to_string();
            assert!(error.contains(expected), "{from} -> {to}: {error}");
        }
    }

    #[test]
    fn a_token_is_worth_something_only_while_its_rule_is_what_it_was() {
        let policy = load(GOOD).unwrap();
        let [identity] = policy.identities() else { panic!("one identity") };
        let claims = AccessTokenClaims {
            iss: "https://packages.example.com".to_owned(),
            sub: identity.id.to_string(),
            aud: "https://packages.example.com".to_owned(),
            exp: 0,
            iat: 0,
            nbf: 0,
            jti: String::new(),
            client_id: String::new(),
            identity: identity.name.clone(),
            rule: policy.rule_digest(identity),
            grants: Vec::new(),
            act: Actor { iss: "https://ci.example.com".to_owned(), sub: String::new() },
        };
        assert_eq!(policy.identity_of(&claims), Some(identity));
        let longer = GOOD.replace("15m", "30m").replace("\"pull\"", "\"pull\", \"push\"");
        assert!(load(&longer).unwrap().identity_of(&claims).is_some(), "grants and life are compared elsewhere");
        for (from, to) in [
            ("\"74\"", "\"75\""),
            ("ref =", "head_ref ="),
            (", ref = \"refs/heads/main\"", ""),
            ("https://ci.example.com", "https://other.example.com"),
            ("ci/app", "ci/app2"),
        ] {
            assert!(load(&GOOD.replace(from, to)).unwrap().identity_of(&claims).is_none(), "{from} -> {to}");
        }
    }

    #[test]
    fn names_and_urls_are_unique_over_all_files() {
        let twice = || [Policy::parse(GOOD).unwrap(), Policy::parse(GOOD).unwrap()];
        assert!(matches!(Policy::merge(twice()), Err(InvalidPolicy::Twice { kind: "issuer", .. })));
        let renamed = GOOD.replace("\"ci\"", "\"ci2\"").replace("ci/app", "ci/app2");
        let both = [Policy::parse(GOOD).unwrap(), Policy::parse(&renamed).unwrap()];
        assert!(matches!(Policy::merge(both), Err(InvalidPolicy::SameUrl { .. })));
    }
}
