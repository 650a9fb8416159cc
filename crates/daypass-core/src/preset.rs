//! What is known of each CI and cloud that vouches for workloads: what to pin, what never to believe.
//!
//! A preset is knowledge, not trust: nobody vouches for anything before an `[[issuer]]` says so. It brings the exact
//! issuer URL where there is one for everybody, the immutable ids of which every rule must pin at least one, and values
//! that are refused whatever a rule says, because they mean that a stranger's code runs in the job.
//!
//! The table is `catalogue.rs`. Real tokens cannot be had where daypass is built: the claim sets are those of the
//! providers' documentation.

mod catalogue;

use std::{borrow::Cow, fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{issuer::Replay, publisher::PublisherKind};

/// A kind of issuer that is known.
#[derive(Debug, Clone, Copy)]
pub struct Preset(&'static Known);

/// What is known of it.
#[derive(Debug)]
pub struct Known {
    /// As it is written in a policy.
    pub name: &'static str,
    /// As people call it.
    pub title: &'static str,
    /// The `iss` that all customers share, if there is one.
    pub url: Option<&'static str>,
    /// How the URL of a customer of its own looks, for a sentence.
    pub url_form: &'static str,
    /// Another spelling of the same `iss`.
    pub also: Option<&'static str>,
    /// Hosts that belong to it: no issuer of another kind may use them.
    pub hosts: &'static [&'static str],
    /// Claims that tell the customer. With an issuer that all customers share, one of them must be pinned exactly.
    pub organisation: &'static [&'static str],
    /// Claims of which every rule must pin at least one, exactly.
    pub must_pin: &'static [&'static str],
    /// Names that can be given to somebody else later, and what to pin instead.
    pub mutable: &'static [(&'static str, &'static str)],
    /// Claims that whoever starts the job chooses.
    pub untrusted: &'static [&'static str],
    /// Values that are refused whatever the rules say, and why.
    pub refused: &'static [(&'static str, Value, &'static str)],
    /// Pairs of claims that must be equal where both are there, and why.
    pub equal: &'static [(&'static str, &'static str, &'static str)],
    /// The claims that tell which state of the code runs; whoever may publish should be pinned to one.
    pub code: &'static [&'static str],
    /// The audience of its tokens, where that is fixed.
    pub audience: Option<&'static str>,
    /// How often one token may be exchanged: `Once` where each is fresh.
    pub replay: Replay,
    /// An `iat` may be missing, and `sub` tells the issuer (SPIFFE JWT-SVID §3).
    pub spiffe: bool,
    /// How its workflows are called as publishers (PEP 740), if there are words for them.
    pub publisher: Option<PublisherKind>,
    /// A caller is known by a signed request to AWS STS in place of a JWT.
    pub sigv4: bool,
}

/// A value in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(&'static str),
    /// `true` or `false`.
    Bool(bool),
}

impl Preset {
    /// Any OpenID provider: nothing is known of it.
    pub const GENERIC: Self = Self(&catalogue::GENERIC);

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        catalogue::ALL.iter().copied().map(Self)
    }

    /// The preset that owns `host`, or a domain above it.
    pub fn of_host(host: &str) -> Option<Self> {
        let owns = |owned: &&str| host == *owned || host.strip_suffix(owned).is_some_and(|rest| rest.ends_with('.'));
        Self::all().find(|preset| preset.hosts.iter().any(owns))
    }

    /// Whether all customers share the issuer at `url`, so that a rule must say which one is meant.
    pub fn is_shared(self, url: &str) -> bool {
        self.url == Some(url) && !self.organisation.is_empty()
    }
}

impl std::ops::Deref for Preset {
    type Target = Known;

    fn deref(&self) -> &Known {
        self.0
    }
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Preset {}

/// A text is no [`Preset`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no such preset; there are {}", names())]
pub struct NoSuchPreset;

fn names() -> String {
    Preset::all().map(|preset| preset.name).collect::<Vec<_>>().join(", ")
}

impl FromStr for Preset {
    type Err = NoSuchPreset;

    fn from_str(text: &str) -> Result<Self, NoSuchPreset> {
        Self::all().find(|preset| preset.name == text).ok_or(NoSuchPreset)
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Serialize for Preset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for Preset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Preset {
    fn schema_name() -> Cow<'static, str> {
        "Preset".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": Self::all().map(|preset| preset.name).collect::<Vec<_>>() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::claim_rule::ClaimPath;

    #[test]
    fn the_table_makes_sense() {
        for preset in Preset::all() {
            assert_eq!(preset.name.parse::<Preset>(), Ok(preset));
            let known = preset.0;
            let mut paths: Vec<&str> = known.organisation.to_vec();
            paths.extend(known.must_pin.iter().chain(known.untrusted).chain(known.code));
            paths.extend(known.mutable.iter().map(|(path, _)| path));
            paths.extend(known.refused.iter().map(|(path, ..)| path));
            paths.extend(known.equal.iter().flat_map(|(one, other, _)| [one, other]));
            for path in paths {
                assert!(path.parse::<ClaimPath>().is_ok(), "{preset}: {path}");
            }
            assert!(known.must_pin.iter().all(|claim| !known.untrusted.contains(claim)), "{preset}");
            assert!(known.url.is_none() || !known.organisation.is_empty(), "{preset}: a shared issuer has customers");
            assert!(known.url.is_some() || !known.url_form.is_empty(), "{preset}");
        }
        assert_eq!("githup".parse::<Preset>(), Err(NoSuchPreset));
    }

    #[test]
    fn a_host_belongs_to_its_preset_and_no_look_alike_does() {
        let of = |host: &str| Preset::of_host(host).map(|preset| preset.name);
        assert_eq!(of("token.actions.githubusercontent.com"), Some("github"));
        assert_eq!(of("acme.app.spacelift.io"), Some("spacelift"));
        assert_eq!(of("oidc.eks.eu-central-1.amazonaws.com"), None, "a cluster of somebody's own");
        for host in ["token.actions.githubusercontent.com.evil.example", "xgitlab.com", "evil.example"] {
            assert_eq!(of(host), None, "{host}");
        }
    }
}
