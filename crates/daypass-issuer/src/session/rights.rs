//! What a person may do now. Asked at sign-in, and again at every refresh.

use daypass_core::{
    access_token::Actor,
    names::{AccountName, ProviderName},
    person::{LOCAL_PROVIDER, ProvenPerson},
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

/// Whether the account of `person` got the credential it has in a later second than `began` (since the epoch), in which
/// they began to sign in: they may have proven themselves with another, and that is worth nothing any more.
///
/// Whoever chose a new one and goes on in a tab from before begins anew, too.
pub(crate) async fn credential_is_newer(parts: &Parts, person: &ProvenPerson, began: i64) -> Result<bool, StoreError> {
    let Ok(account) = person.subject.parse::<AccountName>() else { return Ok(false) };
    if person.provider.as_str() != LOCAL_PROVIDER {
        return Ok(false);
    }
    let account = parts.store.account(&account).await?;
    let since = account.and_then(|account| account.credential_since);
    Ok(since.is_none_or(|since| began < since.as_second()))
}

/// A person as the audit log and access tokens name them.
pub(crate) fn actor(issuer: &str, subject: &str) -> Actor {
    Actor { iss: issuer.to_owned(), sub: subject.to_owned() }
}
