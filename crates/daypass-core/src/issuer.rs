//! Who outside is trusted to vouch, with which keys, and within which limits.

use serde_json::{Map, Value, json};

use crate::{
    claim_rule::{ClaimPath, Scalar},
    clock::Ttl,
    names::IssuerName,
    preset::Preset,
};

/// The longest life that a token of an outside issuer may have where the policy says nothing, and that it can allow. A
/// CI's token lives as long as its job may.
pub const LONGEST_OUTSIDE_LIFE: Ttl = Ttl::from_secs(24 * 3600);

/// The most exchanges that `bounded` may allow.
pub const MOST_REPLAYS: u32 = 100_000;

/// The names of the signature algorithms that an outside token may use (RFC 7518 §3.1, RFC 8037 §3.1).
pub const OUTSIDE_ALGORITHMS: [&str; 5] = ["RS256", "PS256", "ES256", "ES384", "EdDSA"];

/// An outside issuer that was registered on purpose. No other is ever asked for keys.
#[derive(Debug, Clone, PartialEq)]
pub struct TrustedIssuer {
    /// The name that identities refer to.
    pub name: IssuerName,
    /// What is known of its kind.
    pub preset: Preset,
    /// The exact `iss` of its tokens, byte for byte.
    pub url: Box<str>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// The audiences its tokens may be addressed to. Empty: this server's public URL.
    pub audiences: Vec<Box<str>>,
    /// What its tokens must be, apart from what they say.
    pub limits: Limits,
    /// How often one of its tokens may be exchanged.
    pub replay: Replay,
    /// Claims that every rule must pin exactly, besides those of the preset.
    pub pin: Vec<ClaimPath>,
    /// Values that are refused whatever a rule says, besides those of the preset.
    pub refuse: Vec<(ClaimPath, Scalar)>,
    /// Values that the preset refuses and that are accepted all the same, because the policy says so.
    pub accept: Vec<(ClaimPath, Scalar)>,
    /// Whether it may be reached on a private or loopback address, over plain `http` there.
    pub allow_private_network: bool,
    /// A PEM file beside the policy file: the authority that its HTTPS certificate is from, besides the usual ones.
    pub ca_file: Option<Box<str>>,
}

impl TrustedIssuer {
    /// An issuer of which nothing is known but its URL, whose keys are where discovery says.
    pub fn generic(name: IssuerName, url: &str) -> Self {
        Self {
            name,
            preset: Preset::GENERIC,
            url: url.into(),
            keys: KeySource::Discovery,
            audiences: Vec::new(),
            limits: Limits::default(),
            replay: Replay::Once,
            pin: Vec::new(),
            refuse: Vec::new(),
            accept: Vec::new(),
            allow_private_network: false,
            ca_file: None,
        }
    }

    /// All that its tokens may have for an `iss`: the URL, and the other spelling that the same issuer uses.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        let also = self.preset.also.filter(|_| self.preset.url == Some(&*self.url));
        std::iter::once(&*self.url).chain(also)
    }

    /// Why a token that says `claims` is refused before any rule is looked at. `None` when it is not.
    pub fn trap(&self, claims: &Map<String, Value>) -> Option<Trap> {
        let at = |path: &str| path.parse::<ClaimPath>().ok();
        let accepted =
            |path: &ClaimPath, found: &Value| self.accept.iter().any(|(one, value)| one == path && value.is(found));
        for (path, value) in &self.refuse {
            if path.find(claims).is_some_and(|found| value.is(found)) {
                return Some(Trap { claim: path.clone(), why: "its value is refused for this issuer".into() });
            }
        }
        for (path, value, why) in self.preset.refused {
            let Some(path) = at(path) else { continue };
            let Some(found) = path.find(claims) else { continue };
            if Scalar::from(*value).is(found) && !accepted(&path, found) {
                return Some(Trap { claim: path, why: (*why).into() });
            }
        }
        for (one, other, why) in self.preset.equal {
            let (Some(one), Some(other)) = (at(one), at(other)) else { continue };
            if let (Some(left), Some(right)) = (one.find(claims), other.find(claims))
                && left != right
                && !accepted(&other, right)
            {
                return Some(Trap { claim: other, why: (*why).into() });
            }
        }
        None
    }
}

/// A value that is refused whatever the rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trap {
    /// The claim that has it.
    pub claim: ClaimPath,
    /// Why, for a sentence.
    pub why: Box<str>,
}

/// What a token of an issuer must be, apart from what it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The algorithms it may be signed with. Empty: whatever fits the key.
    pub algorithms: Vec<Box<str>>,
    /// How long ago it may have been issued.
    pub longest_age: Option<Ttl>,
    /// The longest life from `iat` to `exp`.
    pub longest_life: Ttl,
    /// The trust domain of SPIFFE IDs, whose tokens need neither `iss` nor `iat` (SPIFFE JWT-SVID §3).
    pub trust_domain: Option<Box<str>>,
}

impl Default for Limits {
    fn default() -> Self {
        Self { algorithms: Vec::new(), longest_age: None, longest_life: LONGEST_OUTSIDE_LIFE, trust_domain: None }
    }
}

/// Where an issuer's public keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `{url}/.well-known/openid-configuration` names the JWKS (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// The JWKS is at this URL, whatever the discovery document would say.
    JwksUri(Box<str>),
    /// A JWKS file beside the policy file, for an issuer that cannot be reached.
    JwksFile(Box<str>),
    /// A JWKS in the policy itself, as JSON.
    Inline(Box<str>),
    /// None: AWS STS is asked whether it knows the signature of a request.
    AwsSts {
        /// The regions whose endpoints may be asked. Never empty.
        regions: Vec<Box<str>>,
        /// Another STS, for tests: only with `allow_private_network`.
        endpoint: Option<Box<str>>,
    },
}

/// How often one outside token may be exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replay {
    /// Once: where each request gets a fresh one.
    Once,
    /// So many times: where a job has one for all of its life.
    Bounded(u32),
    /// As often as one likes, until it ends.
    Off,
}

impl Replay {
    /// How many exchanges there may be. `None`: they are not counted.
    pub const fn limit(self) -> Option<u32> {
        match self {
            Self::Once => Some(1),
            Self::Bounded(limit) => Some(limit),
            Self::Off => None,
        }
    }

    /// As it is written.
    pub fn to_json(self) -> Value {
        match self {
            Self::Once => json!("once"),
            Self::Bounded(limit) => json!({ "bounded": limit }),
            Self::Off => json!("off"),
        }
    }
}

impl From<crate::preset::Value> for Scalar {
    fn from(value: crate::preset::Value) -> Self {
        match value {
            crate::preset::Value::Text(text) => Self::Text(text.into()),
            crate::preset::Value::Bool(value) => Self::Bool(value),
        }
    }
}
