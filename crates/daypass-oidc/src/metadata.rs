//! The discovery documents of authorization servers and protected resources.
//!
//! What is *not* here: where they are fetched from and what is checked in them; a document is only what its server
//! says about itself.

use serde::{Deserialize, Serialize};

/// Where OpenID Connect Discovery 1.0 §4 puts an issuer's document, under the issuer's URL.
pub const OPENID_CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";

/// Where RFC 8414 §3 puts an authorization server's document.
pub const AUTHORIZATION_SERVER_PATH: &str = "/.well-known/oauth-authorization-server";

/// Where RFC 9728 §3 puts a protected resource's document.
pub const PROTECTED_RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource";

/// What an authorization server says about itself (RFC 8414 §2; OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AuthorizationServerMetadata {
    /// Its identifier, the `iss` of its tokens.
    pub issuer: String,
    /// Where tokens are asked for (RFC 6749 §3.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint: Option<String>,
    /// Where tokens are revoked (RFC 7009 §2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_endpoint: Option<String>,
    /// Where its public keys are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// What kinds of authorization response it gives. Required by the standard, empty where there is no such endpoint.
    pub response_types_supported: Vec<String>,
    /// Which grants its token endpoint takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub grant_types_supported: Vec<String>,
    /// How clients say who they are at the token endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// How clients say who they are at the revocation endpoint.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub revocation_endpoint_auth_methods_supported: Vec<String>,
    /// How the subject of a token is told: `public` (OpenID Connect only).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub subject_types_supported: Vec<String>,
    /// What its tokens are signed with (OpenID Connect only).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub id_token_signing_alg_values_supported: Vec<String>,
}

/// What a protected resource says about who guards it (RFC 9728 §2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ProtectedResourceMetadata {
    /// Its identifier, the `aud` of tokens for it.
    pub resource: String,
    /// The issuers whose tokens it takes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub authorization_servers: Vec<String>,
    /// How a token is shown to it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bearer_methods_supported: Vec<String>,
}
