//! Who outside is trusted to vouch, and with which keys.

use crate::names::IssuerName;

/// An outside issuer that was registered on purpose. No other is ever asked for keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedIssuer {
    /// The name that identities refer to.
    pub name: IssuerName,
    /// The exact `iss` of its tokens, byte for byte.
    pub url: Box<str>,
    /// Where its keys come from.
    pub keys: KeySource,
    /// The audiences its tokens may be addressed to. Empty: this server's public URL.
    pub audiences: Vec<Box<str>>,
    /// Whether it may be reached on a private or loopback address, over plain `http` there.
    pub allow_private_network: bool,
}

/// Where an issuer's public keys come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeySource {
    /// `{url}/.well-known/openid-configuration` names the JWKS (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// A JWKS file beside the policy file, for an issuer that cannot be reached.
    JwksFile(Box<str>),
}
