//! The claims of the tokens that daypass signs (RFC 9068).

use serde::{Deserialize, Serialize};

use crate::{
    grant::{Action, Grant},
    names::{IdentityName, IndexName, ProjectName},
};

/// The `typ` of an access token's header (RFC 9068 §2.1): no other kind of JWT can be taken for one.
pub const ACCESS_TOKEN_TYP: &str = "at+jwt";

/// The user name that goes with an access token in Basic authentication. Any other is accepted too: pip, uv and
/// poetry each bring their own.
pub const ACCESS_TOKEN_USERNAME: &str = "_token";

/// What an access token says. Times are seconds since the Unix epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessTokenClaims {
    /// The server's public URL.
    pub iss: String,
    /// The identity's immutable id.
    pub sub: String,
    /// The server's public URL: a single string, which every verifier understands.
    pub aud: String,
    /// When it ends.
    pub exp: i64,
    /// When it was signed.
    pub iat: i64,
    /// When it begins.
    pub nbf: i64,
    /// Its unique id, by which it is revoked.
    pub jti: String,
    /// The OAuth client that asked (RFC 8693 §4.3).
    pub client_id: String,
    /// The identity's name.
    pub identity: IdentityName,
    /// Digest of the identity's rule when this was signed ([`crate::policy::Policy::rule_digest`]).
    #[serde(default)]
    pub rule: String,
    /// What its holder may do.
    pub grants: Vec<Grant>,
    /// On whose behalf: the outside subject (RFC 8693 §4.1).
    pub act: Actor,
}

impl AccessTokenClaims {
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
