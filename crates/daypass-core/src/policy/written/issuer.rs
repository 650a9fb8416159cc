//! An issuer as it is written.

use std::{borrow::Cow, collections::BTreeMap};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;
use url::Url;

use crate::{
    claim_rule::{ClaimPath, ClaimRule, Scalar},
    clock::Ttl,
    issuer::{KeySource, LONGEST_OUTSIDE_LIFE, Limits, MOST_REPLAYS, OUTSIDE_ALGORITHMS, Replay, TrustedIssuer},
    names::IssuerName,
    policy::InvalidPolicy,
    preset::Preset,
};

/// Whether `text` can be an `iss`.
pub(in crate::policy) fn is_issuer_url(text: &str) -> bool {
    is_plain_url(text, &["https", "http"])
}

fn is_plain_url(text: &str, schemes: &[&str]) -> bool {
    Url::parse(text).is_ok_and(|url| {
        schemes.contains(&url.scheme())
            && url.host().is_some()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none()
    })
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Issuer")]
pub(in crate::policy) struct WrittenIssuer {
    name: IssuerName,
    preset: Option<Preset>,
    url: Option<String>,
    keys: Option<WrittenKeys>,
    #[serde(default)]
    audiences: Vec<Box<str>>,
    #[serde(default)]
    algorithms: Vec<Box<str>>,
    max_age: Option<Ttl>,
    max_life: Option<Ttl>,
    replay: Option<WrittenReplay>,
    #[serde(default)]
    pin: Vec<String>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ClaimRule>")]
    refuse: BTreeMap<String, Value>,
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, ClaimRule>")]
    accept: BTreeMap<String, Value>,
    #[serde(default)]
    allow_private_network: bool,
    ca_file: Option<Box<str>>,
    #[serde(default)]
    regions: Vec<Box<str>>,
    sts_endpoint: Option<Box<str>>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Keys")]
pub(super) struct WrittenKeys {
    #[serde(default)]
    discovery: bool,
    jwks_uri: Option<Box<str>>,
    jwks: Option<Box<str>>,
    inline: Option<Value>,
}

/// What only whoever signs may know of a key (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
const PRIVATE_MEMBERS: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

impl WrittenKeys {
    /// Refuses private keys: what is written here is stored, shown and audited.
    pub(super) fn check_public(&self) -> Result<(), String> {
        let keys = self.inline.as_ref().and_then(|inline| inline.get("keys")?.as_array());
        let found = |key: &Value| PRIVATE_MEMBERS.into_iter().find(|member| key.get(member).is_some());
        match keys.into_iter().flatten().find_map(found) {
            Some(member) => Err(format!("`inline` holds the private member `{member}` of a key: give the public key")),
            None => Ok(()),
        }
    }

    /// The keys that are given here or in a file, and nothing else is.
    pub(super) fn given(&self) -> Option<KeySource> {
        match (self.discovery, &self.jwks_uri, &self.jwks, &self.inline) {
            (false, None, Some(file), None) => Some(KeySource::JwksFile(file.clone())),
            (false, None, None, Some(inline)) if inline.get("keys").is_some_and(Value::is_array) => {
                Some(KeySource::Inline(inline.to_string().into()))
            }
            _ => None,
        }
    }
}

struct WrittenReplay(Replay);

impl<'de> Deserialize<'de> for WrittenReplay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Form {
            Word(String),
            Bounded(Bounded),
        }
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Bounded {
            bounded: u32,
        }
        let sentence = "must be `\"once\"`, `\"off\"` or `{ bounded = N }`, with N from 2 to 100000";
        match Form::deserialize(deserializer).map_err(|_| de::Error::custom(sentence))? {
            Form::Word(word) if word == "once" => Ok(Self(Replay::Once)),
            Form::Word(word) if word == "off" => Ok(Self(Replay::Off)),
            Form::Bounded(Bounded { bounded }) if (2..=MOST_REPLAYS).contains(&bounded) => {
                Ok(Self(Replay::Bounded(bounded)))
            }
            Form::Word(_) | Form::Bounded(_) => Err(de::Error::custom(sentence)),
        }
    }
}

impl JsonSchema for WrittenReplay {
    fn schema_name() -> Cow<'static, str> {
        "Replay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "oneOf": [
            { "enum": ["once", "off"] },
            {
                "type": "object",
                "properties": { "bounded": { "type": "integer", "minimum": 2, "maximum": MOST_REPLAYS } },
                "required": ["bounded"],
                "additionalProperties": false,
            },
        ] })
    }
}

impl WrittenIssuer {
    pub(in crate::policy) fn check(self) -> Result<TrustedIssuer, InvalidPolicy> {
        let name = self.name.clone();
        let refuse = |reason: String| InvalidPolicy::Makes { kind: "issuer", name: name.to_string(), reason };
        let preset = self.preset.unwrap_or(Preset::GENERIC);
        let url = match self.url.as_deref().or(preset.url) {
            Some(url) => Box::<str>::from(url),
            None => return Err(refuse(format!("needs a `url` such as {}", preset.url_form))),
        };
        check_url(&name, preset, &url)?;
        let keys = self.key_source(preset, &refuse)?;
        if let Some(unknown) = self.algorithms.iter().find(|name| !OUTSIDE_ALGORITHMS.contains(&&***name)) {
            return Err(refuse(format!("`{unknown}` is none of {}", OUTSIDE_ALGORITHMS.join(", "))));
        }
        let longest_life = self.max_life.unwrap_or(LONGEST_OUTSIDE_LIFE);
        if longest_life > LONGEST_OUTSIDE_LIFE {
            return Err(refuse("`max_life` is longer than 24 hours".to_owned()));
        }
        let paths = |texts: &[String]| texts.iter().map(|text| path(text)).collect::<Result<Vec<_>, _>>();
        let audiences = match (self.audiences.is_empty(), preset.audience) {
            (true, Some(audience)) => vec![audience.into()],
            _ => self.audiences,
        };
        Ok(TrustedIssuer {
            preset,
            keys,
            audiences,
            limits: Limits {
                algorithms: self.algorithms,
                longest_age: self.max_age,
                longest_life,
                trust_domain: if preset.spiffe { url.strip_prefix("spiffe://").map(Into::into) } else { None },
            },
            replay: self.replay.map_or(preset.replay, |replay| replay.0),
            pin: paths(&self.pin).map_err(&refuse)?,
            refuse: values(&self.refuse).map_err(&refuse)?,
            accept: values(&self.accept).map_err(&refuse)?,
            allow_private_network: self.allow_private_network,
            ca_file: self.ca_file,
            name: self.name,
            url,
        })
    }

    fn key_source(
        &self,
        preset: Preset,
        refuse: &impl Fn(String) -> InvalidPolicy,
    ) -> Result<KeySource, InvalidPolicy> {
        if preset.sigv4 {
            return self.sts(refuse);
        }
        if !self.regions.is_empty() || self.sts_endpoint.is_some() {
            return Err(refuse("`regions` and `sts_endpoint` are for the preset `aws-sigv4` only".to_owned()));
        }
        let Some(keys) = &self.keys else {
            // A preset says how its keys are had; an issuer of no known kind must say it on purpose.
            return if self.preset.is_some() && !preset.spiffe {
                Ok(KeySource::Discovery)
            } else {
                Err(InvalidPolicy::Keys(self.name.clone()))
            };
        };
        keys.check_public().map_err(refuse)?;
        match (keys.discovery, &keys.jwks_uri, &keys.jwks, &keys.inline) {
            (true, None, None, None) if !preset.spiffe => Ok(KeySource::Discovery),
            (false, Some(uri), None, None)
                if Url::parse(uri).is_ok_and(|uri| matches!(uri.scheme(), "https" | "http")) =>
            {
                Ok(KeySource::JwksUri(uri.clone()))
            }
            _ => keys.given().ok_or_else(|| InvalidPolicy::Keys(self.name.clone())),
        }
    }

    fn sts(&self, refuse: &impl Fn(String) -> InvalidPolicy) -> Result<KeySource, InvalidPolicy> {
        let region = |text: &str| {
            let parts: Vec<_> = text.split('-').collect();
            let good =
                |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            text.len() <= 32 && (3..=5).contains(&parts.len()) && parts.iter().all(good)
        };
        if self.keys.is_some() {
            return Err(refuse("has no `keys`: AWS STS is asked instead".to_owned()));
        }
        // It is found by what it is, not by an `iss` of its own.
        if self.url.is_some() {
            return Err(refuse("has no `url`: its `regions` say who is asked".to_owned()));
        }
        if self.regions.is_empty() || !self.regions.iter().all(|name| region(name)) {
            return Err(refuse(
                "needs `regions`, such as `[\"eu-central-1\"]`: the STS endpoints that may be asked".to_owned(),
            ));
        }
        if self.sts_endpoint.is_some() && !self.allow_private_network {
            return Err(refuse("`sts_endpoint` needs `allow_private_network = true`: it is for tests".to_owned()));
        }
        Ok(KeySource::AwsSts { regions: self.regions.clone(), endpoint: self.sts_endpoint.clone() })
    }
}

/// A URL that can be the `iss`, and that no other kind of issuer owns.
fn check_url(name: &IssuerName, preset: Preset, url: &str) -> Result<(), InvalidPolicy> {
    let fits =
        if preset.spiffe { url.strip_prefix("spiffe://").is_some_and(is_trust_domain) } else { is_issuer_url(url) };
    if !fits {
        return Err(InvalidPolicy::IssuerUrl { issuer: name.clone(), url: url.to_owned(), form: preset.url_form });
    }
    let owner = Url::parse(url).ok().and_then(|url| Preset::of_host(url.host_str()?));
    match owner.filter(|owner| *owner != preset) {
        Some(owner) => Err(InvalidPolicy::Makes {
            kind: "issuer",
            name: name.to_string(),
            reason: format!(
                "`{url}` is {}: say `preset = \"{}\"`, so that its traps are known",
                owner.title, owner.name
            ),
        }),
        None => Ok(()),
    }
}

/// SPIFFE ID §2.1.
fn is_trust_domain(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'_');
    !text.is_empty() && text.len() <= 255 && text.bytes().all(good)
}

fn path(text: &str) -> Result<ClaimPath, String> {
    text.parse().map_err(|error: crate::claim_rule::InvalidClaimPath| error.to_string())
}

/// Claims and their values, each a value or a list of them.
fn values(written: &BTreeMap<String, Value>) -> Result<Vec<(ClaimPath, Scalar)>, String> {
    let mut all = Vec::new();
    for (claim, value) in written {
        let path = path(claim)?;
        match ClaimRule::read(value) {
            Ok(ClaimRule::AnyOf(values)) => all.extend(values.into_iter().map(|value| (path.clone(), value))),
            _ => return Err(format!("claim `{claim}` must be a value, or a list of values")),
        }
    }
    Ok(all)
}
