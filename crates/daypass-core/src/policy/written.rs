//! Issuers and identities as they are written.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

use super::{DEFAULT_TTL, InvalidPolicy, LONGEST_TTL, Policy, people};
use crate::{
    clock::Ttl,
    grant::Grant,
    identity::{ClaimRule, Identity},
    issuer::{KeySource, TrustedIssuer},
    names::{IdentityName, IssuerName},
};

/// One policy file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    #[serde(default)]
    issuer: Vec<WrittenIssuer>,
    #[serde(default)]
    identity: Vec<WrittenIdentity>,
    #[serde(default)]
    provider: Vec<people::WrittenProvider>,
    #[serde(default)]
    client: Vec<people::WrittenClient>,
    #[serde(default)]
    role: Vec<people::WrittenRole>,
}

impl Written {
    pub(super) fn check(self) -> Result<Policy, InvalidPolicy> {
        Ok(Policy {
            issuers: self.issuer.into_iter().map(WrittenIssuer::check).collect::<Result<_, _>>()?,
            identities: self.identity.into_iter().map(WrittenIdentity::check).collect::<Result<_, _>>()?,
            providers: self.provider.into_iter().map(people::WrittenProvider::check).collect::<Result<_, _>>()?,
            clients: self.client.into_iter().map(people::WrittenClient::check).collect::<Result<_, _>>()?,
            bindings: self.role.into_iter().map(people::WrittenRole::check).collect::<Result<_, _>>()?,
            seats: std::sync::Arc::default(),
        })
    }
}

/// Whether `text` can be an `iss`.
pub(super) fn is_issuer_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| {
        matches!(url.scheme(), "https" | "http")
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
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
        if !is_issuer_url(&self.url) {
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
        if self.grants.iter().any(|grant| grant.projects.is_empty() || grant.actions.is_empty()) {
            return Err(InvalidPolicy::EmptyGrant(name));
        }
        let ttl = self.ttl.unwrap_or(DEFAULT_TTL);
        if ttl > LONGEST_TTL {
            return Err(InvalidPolicy::TtlTooLong(name));
        }
        let rules = rules(self.claims).map_err(|claim| InvalidPolicy::ClaimRule { identity: name.clone(), claim })?;
        let id = Identity::id_of(&name);
        Ok(Identity { id, name, issuer: self.issuer, rules, grants: self.grants, ttl })
    }
}

/// Reads claim rules; or returns the name of the claim whose rule is not one.
pub(super) fn rules(claims: BTreeMap<String, toml::Value>) -> Result<BTreeMap<Box<str>, ClaimRule>, String> {
    let rule = |(claim, value): (String, toml::Value)| match value {
        toml::Value::String(expected) => Ok((claim.into(), ClaimRule::Exact(expected.into()))),
        _ => Err(claim),
    };
    claims.into_iter().map(rule).collect()
}
