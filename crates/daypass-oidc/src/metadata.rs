//! The discovery documents of authorization servers and protected resources.
//!
//! Only what is read of them: a server writes its own. What is *not* here: where they are fetched from and what is
//! checked in them; a document is only what its server says about itself.

use serde::Deserialize;

/// Where OpenID Connect Discovery 1.0 §4 puts an issuer's document, under the issuer's URL.
pub const OPENID_CONFIGURATION_PATH: &str = "/.well-known/openid-configuration";

/// Where RFC 8414 §3 puts an authorization server's document.
pub const AUTHORIZATION_SERVER_PATH: &str = "/.well-known/oauth-authorization-server";

/// Where RFC 9728 §3 puts a protected resource's document.
pub const PROTECTED_RESOURCE_PATH: &str = "/.well-known/oauth-protected-resource";

/// What an authorization server says about itself (RFC 8414 §2; OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct AuthorizationServerMetadata {
    /// Its identifier, the `iss` of its tokens.
    pub issuer: String,
    /// Where a person's browser is sent (RFC 6749 §3.1).
    pub authorization_endpoint: Option<String>,
    /// Where a device without a browser begins (RFC 8628 §4).
    pub device_authorization_endpoint: Option<String>,
    /// Where tokens are asked for (RFC 6749 §3.2).
    pub token_endpoint: Option<String>,
    /// Where tokens are revoked (RFC 7009 §2).
    pub revocation_endpoint: Option<String>,
    /// Where its public keys are.
    pub jwks_uri: Option<String>,
}

/// What an OpenID provider says about signing people in (OpenID Connect Discovery 1.0 §3).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct OpenIdProviderMetadata {
    /// Its identifier, the `iss` of its ID tokens.
    pub issuer: String,
    /// Where browsers are sent (RFC 6749 §3.1).
    pub authorization_endpoint: Option<String>,
    /// Where codes are redeemed (RFC 6749 §3.2).
    pub token_endpoint: Option<String>,
    /// Where more is said about a person (OpenID Connect Core 1.0 §5.3).
    pub userinfo_endpoint: Option<String>,
    /// How clients may send their secret. `None` means `client_secret_basic`.
    pub token_endpoint_auth_methods_supported: Option<Vec<String>>,
    /// Whether every callback has an `iss` (RFC 9207 §3).
    pub authorization_response_iss_parameter_supported: bool,
}

/// What a protected resource says about who guards it (RFC 9728 §2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default)]
pub struct ProtectedResourceMetadata {
    /// Its identifier, the `aud` of tokens for it.
    pub resource: String,
    /// The issuers whose tokens it takes.
    pub authorization_servers: Vec<String>,
}
