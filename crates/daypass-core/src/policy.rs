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
//!
//! [[provider]]                             # where people come from
//! name = "corp"
//! url = "https://login.example.com"
//! client_id = "daypass"
//! client_secret = { file = "corp.secret" }
//!
//! [[role]]
//! role = "reader"
//! index = "python"
//! groups = ["corp/engineering"]
//! ```
//!
//! Unknown keys are errors: a misspelt rule must not silently be no rule.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::json;

use crate::{
    access_token::{AccessTokenClaims, Holder},
    client::Client,
    clock::Ttl,
    condition::Condition,
    digest::Sha256,
    grant::Grant,
    identity::{Identity, Mode},
    issuer::TrustedIssuer,
    names::{ClientId, IdentityName, IssuerName, ProviderName},
    provider::Provider,
    role::Binding,
};
pub use authority::{Authority, NotAllowed, granted};
pub use fitting::{LeftOut, fit};
pub use invalid::InvalidPolicy;
pub use objects::{NoSuchKind, ObjectKind, Objects};
pub use plan::{ObjectChange, Turn, findings, plan, together};
pub use schema::schema;
pub use seats::{Membership, Rights};

mod authority;
mod fitting;
mod invalid;
mod lookup;
mod objects;
mod people;
pub(crate) mod pins;
mod plan;
mod schema;
mod seats;
mod written;

/// The longest life an access token may be given: it is a day's pass, not a password.
pub const LONGEST_TTL: Ttl = Ttl::from_secs(24 * 3600);

/// The life of an access token where the policy says nothing.
pub const DEFAULT_TTL: Ttl = Ttl::from_secs(3600);

/// Issuers, identities, providers, clients and roles, checked and ready to decide by.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Policy {
    issuers: Vec<TrustedIssuer>,
    identities: Vec<Identity>,
    providers: Vec<Provider>,
    clients: Vec<Client>,
    bindings: Vec<Binding>,
    /// What each seat of the bindings grants, by the seat's digest.
    seats: Arc<HashMap<Box<str>, Grant>>,
    lookup: Arc<lookup::Lookup>,
    /// Issuers, identities and roles as they were written.
    written: Objects,
    /// How many grants an identity has of its own, where roles bind more to it.
    own_grants: HashMap<IdentityName, usize>,
}

impl Policy {
    /// Reads one policy file's text.
    pub fn parse(text: &str) -> Result<Self, InvalidPolicy> {
        let written: written::Written =
            toml::from_str(text).map_err(|error| InvalidPolicy::Syntax(error.to_string().trim_end().to_owned()))?;
        // Once more, as it stands: whoever administers is shown what was written, not what was made of it.
        let value = toml::from_str(text).map_err(|error| InvalidPolicy::Syntax(error.to_string()))?;
        Ok(Self { written: Objects::collect(&value).0, ..written.check()? })
    }

    /// Reads a policy, or a part of one, that is written as JSON in the same form.
    pub fn from_json(value: &serde_json::Value) -> Result<Self, InvalidPolicy> {
        let written = written::Written::deserialize(value).map_err(|error| InvalidPolicy::Syntax(error.to_string()))?;
        Ok(Self { written: Objects::collect(value).0, ..written.check()? })
    }

    /// Several files as one policy: names must be unique over all, and every named issuer must be there.
    ///
    /// A part may be merged already: then it counts as the files that it came from.
    pub fn merge(parts: impl IntoIterator<Item = Self>) -> Result<Self, InvalidPolicy> {
        let mut all = Self::default();
        for mut part in parts {
            for identity in &mut part.identities {
                if let Some(own) = part.own_grants.get(&identity.name) {
                    identity.grants.truncate(*own);
                }
            }
            all.written.extend(part.written);
            all.issuers.extend(part.issuers);
            all.identities.extend(part.identities);
            all.providers.extend(part.providers);
            all.clients.extend(part.clients);
            all.bindings.extend(part.bindings);
        }
        all.check_together()?;
        all.check_pins()?;
        all.check_people()?;
        all.bind_identities()?;
        all.seats = Arc::new(all.all_seats());
        all.lookup = Arc::new(lookup::Lookup::of(&all));
        Ok(all)
    }

    /// Gives identities what roles bind to them.
    fn bind_identities(&mut self) -> Result<(), InvalidPolicy> {
        let places: HashMap<IdentityName, usize> =
            self.identities.iter().enumerate().map(|(at, identity)| (identity.name.clone(), at)).collect();
        for binding in &self.bindings {
            for name in &binding.identities {
                let place = places.get(name).copied();
                let Some(identity) = place.and_then(|at| self.identities.get_mut(at)) else {
                    let reason = "it is bound to a role and not defined".to_owned();
                    return Err(InvalidPolicy::Makes { kind: "identity", name: name.to_string(), reason });
                };
                self.own_grants.entry(name.clone()).or_insert(identity.grants.len());
                identity.grants.push(binding.grant.clone());
            }
        }
        match self.identities.iter().find(|identity| identity.grants.is_empty()) {
            Some(identity) => Err(InvalidPolicy::NoGrants(identity.name.clone())),
            None => Ok(()),
        }
    }

    fn check_together(&self) -> Result<(), InvalidPolicy> {
        let (mut names, mut urls) = (BTreeSet::new(), HashMap::new());
        for issuer in &self.issuers {
            if !names.insert(&issuer.name) {
                return Err(InvalidPolicy::Twice { kind: "issuer", name: issuer.name.to_string() });
            }
            for url in issuer.spellings() {
                if let Some(first) = urls.insert(url, &issuer.name) {
                    return Err(InvalidPolicy::SameUrl { first: first.clone(), second: issuer.name.clone() });
                }
            }
        }
        let mut seen = BTreeSet::new();
        for identity in &self.identities {
            if !seen.insert(&identity.name) {
                return Err(InvalidPolicy::Twice { kind: "identity", name: identity.name.to_string() });
            }
            if !names.contains(&identity.issuer) {
                let (identity, issuer) = (identity.name.clone(), identity.issuer.clone());
                return Err(InvalidPolicy::NoSuchIssuer { identity, issuer });
            }
        }
        Ok(())
    }

    /// Issuers, identities and roles as they were written.
    pub fn objects(&self) -> &Objects {
        &self.written
    }

    /// All registered issuers.
    pub fn issuers(&self) -> &[TrustedIssuer] {
        &self.issuers
    }

    /// All identities.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// All providers.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// The provider of that name.
    pub fn provider(&self, name: &ProviderName) -> Option<&Provider> {
        self.providers.iter().find(|provider| provider.name == *name)
    }

    /// The OAuth clients that are registered; the command line is not among them.
    pub fn clients(&self) -> &[Client] {
        &self.clients
    }

    /// The OAuth client of that id; the command line is one.
    pub fn client(&self, id: &ClientId) -> Option<Client> {
        let registered = self.clients.iter().find(|client| client.id == *id).cloned();
        registered.or_else(|| Client::command_line().ok().filter(|client| client.id == *id))
    }

    /// The roles, where they hold, and who has them.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What the holder of an access token is granted now. `None`: whatever it was signed for is withdrawn.
    pub fn current_grants(&self, claims: &AccessTokenClaims) -> Option<Vec<Grant>> {
        match &claims.holder {
            Holder::Identity { identity, rule, .. } => Some(self.identity_of(claims, identity, rule)?.grants.clone()),
            Holder::Person { seats, .. } => self.grants_of_seats(seats),
        }
    }

    /// The identity that an access token was signed for, if it is still what it was then.
    ///
    /// A rule that was withdrawn, or changed in any part, makes another identity of it: its tokens are worth nothing
    /// from then on. Its grants are the caller's to compare.
    fn identity_of(&self, claims: &AccessTokenClaims, name: &IdentityName, rule: &str) -> Option<&Identity> {
        let identity = self.identity_with_rule(name.as_str(), rule)?;
        let same = identity.enabled
            && identity.mode == Mode::Enforce
            && identity.id.to_string() == claims.sub
            && self.issuer(&identity.issuer).is_some_and(|issuer| *issuer.url == *claims.act.iss);
        same.then_some(identity)
    }

    fn digest_of_rule(&self, identity: &Identity) -> String {
        let issuer = self.issuer(&identity.issuer).map(|issuer| &*issuer.url);
        let rules: Vec<_> = identity.rules.iter().map(|(claim, rule)| (claim.as_str(), rule.to_json())).collect();
        let when = identity.when.as_ref().map(Condition::as_str);
        // Whoever shortens an identity's time wants its tokens to end, too.
        let end = identity.expires_at.map(Timestamp::as_second);
        Sha256::of(json!([issuer, rules, when, end]).to_string()).prefix(32)
    }

    /// The issuer of that name.
    pub fn issuer(&self, name: &IssuerName) -> Option<&TrustedIssuer> {
        self.issuers.iter().find(|issuer| issuer.name == *name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access_token::Actor, issuer::KeySource};

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
            ("\"74\"", "74.5", "must be a text"),
            ("\"74\"", "[]", "1 to 100 values"),
            ("\"74\"", "\"\"", "pins nothing"),
            ("\"74\"", "{ glob = \"7**\" }", "`**` is not known"),
            ("\"74\"", "{ regex = \"7.*\" }", "must be a text"),
            ("ref =", "\"/a//b\" =", "is not a claim"),
            ("ttl = \"15m\"", "ttl = { default = \"2h\", max = \"1h\" }", "is longer than `ttl.max`"),
            ("ttl = \"15m\"", "when = \"claims.ref.matches('.*')\"", "may not use `matches`"),
            ("ttl = \"15m\"", "networks = [\"10.0.0.0/33\"]", "is no network"),
            ("ttl = \"15m\"", "mode = \"off\"", "unknown variant"),
            ("keys =", "preset = \"githup\"\n        keys =", "no such preset"),
            ("keys =", "max_life = \"25h\"\n        keys =", "longer than 24 hours"),
            ("keys =", "algorithms = [\"HS256\"]\n        keys =", "is none of RS256"),
            ("keys =", "replay = { bounded = 1 }\n        keys =", "must be `\"once\"`"),
            ("keys =", "replay = \"never\"\n        keys =", "must be `\"once\"`"),
            ("keys =", "pin = [\"environment\"]\n        keys =", "must pin `environment`"),
            ("keys =", "regions = [\"eu-central-1\"]\n        keys =", "for the preset `aws-sigv4` only"),
            ("https://ci.example.com", "https://gitlab.com", "say `preset = \"gitlab\"`"),
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
            parents: Vec::new(),
            client_id: String::new(),
            holder: Holder::Identity {
                identity: identity.name.clone(),
                rule: policy.rule_digest(identity),
                publisher: None,
            },
            grants: Vec::new(),
            act: Actor { iss: "https://ci.example.com".to_owned(), sub: String::new() },
        };
        assert_eq!(policy.current_grants(&claims).as_ref(), Some(&identity.grants));
        let longer = GOOD.replace("15m", "30m").replace("\"pull\"", "\"pull\", \"push\"");
        assert!(load(&longer).unwrap().current_grants(&claims).is_some(), "grants and life are compared elsewhere");
        for (from, to) in [
            ("\"74\"", "\"75\""),
            ("ref =", "head_ref ="),
            (", ref = \"refs/heads/main\"", ""),
            ("https://ci.example.com", "https://other.example.com"),
            ("ci/app", "ci/app2"),
        ] {
            assert!(load(&GOOD.replace(from, to)).unwrap().current_grants(&claims).is_none(), "{from} -> {to}");
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
