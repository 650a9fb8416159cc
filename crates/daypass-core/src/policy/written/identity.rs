//! An identity as it is written.

use std::{borrow::Cow, collections::BTreeMap, net::IpAddr};

use ipnet::IpNet;
use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

use crate::{
    claim_rule::{ClaimPath, ClaimRule},
    clock::Ttl,
    condition::Condition,
    grant::Grant,
    identity::{Identity, Mode},
    names::{IdentityName, IssuerName},
    policy::{DEFAULT_TTL, InvalidPolicy, LONGEST_TTL},
};

/// The most claims that one identity may pin.
const MOST_RULES: usize = 32;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identity")]
pub(in crate::policy) struct WrittenIdentity {
    pub(super) name: IdentityName,
    pub(super) description: Option<Box<str>>,
    pub(super) issuer: IssuerName,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ClaimRule>")]
    pub(super) claims: BTreeMap<String, Value>,
    pub(super) when: Option<String>,
    #[serde(default)]
    pub(super) networks: Vec<WrittenNetwork>,
    #[serde(default)]
    pub(super) grants: Vec<Grant>,
    pub(super) ttl: Option<WrittenTtl>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) enabled: Option<bool>,
    pub(super) mode: Option<WrittenMode>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "Mode")]
pub(super) enum WrittenMode {
    Enforce,
    Audit,
}

/// `"1h"`, or `{ default = "15m", max = "1h" }`.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "Ttl")]
pub(super) enum WrittenTtl {
    One(String),
    Two(TwoTtls),
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TwoTtls {
    default: Ttl,
    max: Ttl,
}

/// A network, or one address.
pub(super) struct WrittenNetwork(IpNet);

impl<'de> Deserialize<'de> for WrittenNetwork {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parsed = text.parse::<IpNet>().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
        let sentence = || format!("`{}` is no network such as `10.0.0.0/8`", text.escape_debug());
        parsed.map(|network| Self(network.trunc())).ok_or_else(|| de::Error::custom(sentence()))
    }
}

impl JsonSchema for WrittenNetwork {
    fn schema_name() -> Cow<'static, str> {
        "Network".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["10.0.0.0/8", "2001:db8::/32"] })
    }
}

impl WrittenIdentity {
    pub(in crate::policy) fn check(self) -> Result<Identity, InvalidPolicy> {
        let name = self.name;
        let refuse = |reason: String| InvalidPolicy::Makes { kind: "identity", name: name.to_string(), reason };
        if self.claims.is_empty() {
            return Err(InvalidPolicy::NoClaims(name));
        }
        if self.claims.len() > MOST_RULES {
            return Err(refuse(format!("has more than {MOST_RULES} claims")));
        }
        let mut rules = BTreeMap::new();
        for (claim, value) in &self.claims {
            let path: ClaimPath = claim.parse().map_err(|error| refuse(format!("{error}")))?;
            let rule = ClaimRule::read(value).map_err(|reason| InvalidPolicy::ClaimRule {
                identity: name.clone(),
                claim: claim.clone(),
                reason,
            })?;
            rules.insert(path, rule);
        }
        if rules.keys().all(ClaimPath::is_registered) {
            return Err(InvalidPolicy::NothingPinned(name));
        }
        if self.grants.iter().any(|grant| grant.projects.is_empty() || grant.actions.is_empty()) {
            return Err(InvalidPolicy::EmptyGrant(name));
        }
        let (ttl, longest_ttl) = match self.ttl {
            None => (DEFAULT_TTL, DEFAULT_TTL),
            Some(WrittenTtl::One(text)) => {
                let ttl: Ttl = text.parse().map_err(|error| refuse(format!("`ttl`: {error}")))?;
                (ttl, ttl)
            }
            Some(WrittenTtl::Two(TwoTtls { default, max })) if default <= max => (default, max),
            Some(WrittenTtl::Two(_)) => return Err(refuse("`ttl.default` is longer than `ttl.max`".to_owned())),
        };
        if longest_ttl > LONGEST_TTL {
            return Err(InvalidPolicy::TtlTooLong(name));
        }
        let when = self.when.as_deref().map(Condition::parse).transpose().map_err(|error| refuse(error.to_string()))?;
        if self.description.as_ref().is_some_and(|text| text.len() > 500 || text.chars().any(char::is_control)) {
            return Err(refuse("`description` is a line of at most 500 characters".to_owned()));
        }
        Ok(Identity {
            id: Identity::id_of(&name),
            description: self.description,
            issuer: self.issuer,
            rules,
            when,
            networks: self.networks.into_iter().map(|network| network.0).collect(),
            grants: self.grants,
            ttl,
            longest_ttl,
            expires_at: self.expires_at,
            enabled: self.enabled.unwrap_or(true),
            mode: match self.mode {
                Some(WrittenMode::Audit) => Mode::Audit,
                Some(WrittenMode::Enforce) | None => Mode::Enforce,
            },
            name,
        })
    }
}
