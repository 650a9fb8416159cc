//! What a person may do now. Asked at sign-in, and again at every refresh.

use daypass_core::{
    access_token::Actor,
    names::{AccountName, ProviderName},
    person::{LOCAL_PROVIDER, ProvenPerson},
    policy::{Membership, Rights},
    role::Role,
};
use daypass_store::{RoleAsRead, StoreError};

use crate::issuer::Parts;

/// The rights of `subject` of `provider`, whose `issuer` vouched for them and for the `groups` they are in there.
pub(crate) async fn of(
    parts: &Parts,
    provider: &ProviderName,
    issuer: &str,
    subject: &str,
    groups: &[String],
) -> Result<Rights, StoreError> {
    let role = role(parts, provider, subject).await?;
    Ok(with_role(parts, provider, issuer, subject, groups, role.map(|read| read.role)))
}

/// The role of the built-in account that a person is, if they are one.
pub(crate) async fn role(
    parts: &Parts,
    provider: &ProviderName,
    subject: &str,
) -> Result<Option<RoleAsRead>, StoreError> {
    let Ok(name) = subject.parse::<AccountName>() else { return Ok(None) };
    if provider.as_str() != LOCAL_PROVIDER {
        return Ok(None);
    }
    let account = parts.store.account(&name).await?;
    Ok(account.map(|account| RoleAsRead { account: name, role: account.role }))
}

/// As [`of`], with the `role` of their built-in account.
pub(crate) fn with_role(
    parts: &Parts,
    provider: &ProviderName,
    issuer: &str,
    subject: &str,
    groups: &[String],
    role: Option<Role>,
) -> Rights {
    let policy = &parts.trust.in_force().policy;
    // A provider that was taken out of the policy vouches for nobody any more, and one that has become another vouches
    // for its own people only: `1001` is somebody else there.
    let vouches = policy.provider(provider).is_some_and(|known| *known.url == *issuer);
    if provider.as_str() != LOCAL_PROVIDER && !vouches {
        return Rights::default();
    }
    policy.rights_of(&Membership { provider, subject, groups, role })
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
