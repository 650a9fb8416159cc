//! Policies as they are written, in TOML or JSON.

mod identity;
mod issuer;
mod service_account;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{InvalidPolicy, Policy, people};
pub(super) use identity::WrittenIdentity;
pub(super) use issuer::{WrittenIssuer, is_issuer_url};

/// One policy file.
#[derive(Deserialize, JsonSchema)]
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
    #[serde(default)]
    service_account: Vec<service_account::WrittenServiceAccount>,
}

impl Written {
    pub(super) fn check(self) -> Result<Policy, InvalidPolicy> {
        let mut issuers = self.issuer.into_iter().map(WrittenIssuer::check).collect::<Result<Vec<_>, _>>()?;
        let mut identities = self.identity.into_iter().map(WrittenIdentity::check).collect::<Result<Vec<_>, _>>()?;
        let (of_accounts, accounts) = service_account::check_all(self.service_account)?;
        issuers.extend(of_accounts);
        identities.extend(accounts);
        Ok(Policy {
            issuers,
            identities,
            providers: self.provider.into_iter().map(people::WrittenProvider::check).collect::<Result<_, _>>()?,
            clients: self.client.into_iter().map(people::WrittenClient::check).collect::<Result<_, _>>()?,
            bindings: self.role.into_iter().map(people::WrittenRole::check).collect::<Result<_, _>>()?,
            ..Policy::default()
        })
    }
}
