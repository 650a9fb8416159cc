//! Policies as they are written, in TOML or JSON.

mod identity;
mod issuer;

use serde::Deserialize;

use super::{InvalidPolicy, Policy, people};
pub(super) use identity::WrittenIdentity;
pub(super) use issuer::{WrittenIssuer, is_issuer_url};

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
            ..Policy::default()
        })
    }
}
