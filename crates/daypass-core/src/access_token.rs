//! The claims of the tokens that daypass signs (RFC 9068).

use serde::{Deserialize, Serialize};

use crate::{
    grant::{Action, Grant},
    names::{IdentityName, IndexName, ProjectName},
    person::SessionId,
    publisher::Publisher,
};

/// The `typ` of an access token's header (RFC 9068 §2.1): no other kind of JWT can be taken for one.
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// The user name that goes with an access token in Basic authentication. Any other is accepted too: pip, uv and
/// poetry each bring their own.
pub const ACCESS_TOKEN_USERNAME: &str = "_token";

/// How many access tokens may stand behind one: a narrower one of a narrower one of …
///
/// Each is looked for among the revocations whenever the last of them is used.
pub const MOST_PARENTS: usize = 4;

/// What an access token says. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The server's public URL.
    pub iss: String,
    /// The identity's or the person's immutable id.
    pub sub: String,
    /// The server's public URL: a single string, which every verifier understands.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was signed. One that is narrower than another says when *that* was signed, so that whatever cuts off
    /// what was signed until some instant takes it along.
    pub iat: i64,
    /// When it begins.
    pub nbf: i64,
    /// Its unique id, by which it is revoked.
    pub jti: String,
    /// The ids of the access tokens that it was narrowed from, the nearest first. With any of them, it is revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parents: Vec<String>,
    /// The OAuth client that asked (RFC 8693 §4.3).
    pub client_id: String,
    /// Who holds it, and under which rule.
    #[serde(flatten)]
    pub holder: Holder,
    /// What its holder may do.
    pub grants: Vec<Grant>,
    /// On whose behalf: the outside subject (RFC 8693 §4.1).
    pub act: Actor,
}

/// Who holds an access token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Holder {
    /// A workload that assumed an identity.
    Identity {
        /// The identity's name.
        identity: IdentityName,
        /// Digest of the identity's rule when this was signed ([`crate::policy::Policy::rule_digest`]).
        #[serde(default)]
        rule: String,
        /// The workflow behind it, where its CI has words for one (PEP 740). It is held against the attestations of what
        /// is uploaded, and shown as who published.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        publisher: Option<Publisher>,
    },
    /// A person who signed in.
    Person {
        /// The session.
        sid: SessionId,
        /// The person, as people call them; only for the eye.
        person: String,
        /// Digests of the seats that the grants come from ([`crate::policy::Policy::rights_of`]).
        seats: Vec<Box<str>>,
    },
}

impl Holder {
    /// The identity's name.
    pub fn identity(&self) -> Option<&IdentityName> {
        match self {
            Self::Identity { identity, .. } => Some(identity),
            Self::Person { .. } => None,
        }
    }

    /// The workflow behind it, where there are words for one.
    pub fn publisher(&self) -> Option<&Publisher> {
        match self {
            Self::Identity { publisher, .. } => publisher.as_ref(),
            Self::Person { .. } => None,
        }
    }

    /// The session.
    pub fn session(&self) -> Option<SessionId> {
        match self {
            Self::Identity { .. } => None,
            Self::Person { sid, .. } => Some(*sid),
        }
    }

    /// The person, for the eye.
    pub fn person(&self) -> Option<&str> {
        match self {
            Self::Identity { .. } => None,
            Self::Person { person, .. } => Some(person),
        }
    }

    /// What to call the holder: the identity's name, or the person.
    pub fn shown(&self) -> &str {
        match self {
            Self::Identity { identity, .. } => identity.as_str(),
            Self::Person { person, .. } => person,
        }
    }
}

impl AccessTokenClaims {
    /// Its own id and those of the access tokens that it was narrowed from: revoking any of them revokes it.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.jti).chain(&self.parents).map(String::as_str)
    }

    /// Whether the holder may do `action` on `project` of `index`.
    pub fn allows(&self, index: &IndexName, project: &ProjectName, action: Action) -> bool {
        self.grants.iter().any(|grant| grant.allows(index, project, action))
    }

    /// Whether the holder may do `action` somewhere on `index`.
    pub fn allows_on_index(&self, index: &IndexName, action: Action) -> bool {
        self.grants.iter().any(|grant| grant.allows_on_index(index, action))
    }
}

/// Somebody known to an outside issuer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// Who vouches.
    pub iss: String,
    /// For whom.
    pub sub: String,
}
