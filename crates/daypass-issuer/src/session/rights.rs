//! What a person may do now. Asked at sign-in, and again at every refresh.

use daypass_core::{
    access_token::Actor,
    names::{AccountName, ProviderName},
    person::LOCAL_PROVIDER,
    policy::{Membership, Rights},
};
use daypass_store::StoreError;

use crate::issuer::Parts;

/// The rights of `subject` of `provider`, whose `issuer` vouched for them and for the `groups` they are in there.
pub(crate) async fn of(
    parts: &Parts,
    provider: &ProviderName,
    issuer: &str,
    subject: &str,
    groups: &[String],
) -> Result<Rights, StoreError> {
    let role = match subject.parse::<AccountName>() {
        Ok(account) if provider.as_str() == LOCAL_PROVIDER => {
            parts.store.account(&account).await?.map(|account| account.role)
        }
        _ => None,
    };
    let policy = &parts.trust.in_force().policy;
    // A provider that was taken out of the policy vouches for nobody any more, and one that has become another vouches
    // for its own people only: `1001` is somebody else there.
    let vouches = policy.provider(provider).is_some_and(|known| *known.url == *issuer);
    if provider.as_str() != LOCAL_PROVIDER && !vouches {
        return Ok(Rights::default());
    }
    Ok(policy.rights_of(&Membership { provider, subject, groups, role }))
}

/// A person as the audit log and access tokens name them.
pub(crate) fn actor(issuer: &str, subject: &str) -> Actor {
    Actor { iss: issuer.to_owned(), sub: subject.to_owned() }
}
