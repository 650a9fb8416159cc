//! Keychain Services on macOS, the Credential Manager on Windows.

use daypass_core::secret::Secret;
use keyring::v1::{Entry, Error};

use super::{Account, Unavailable};

pub(super) const NAME: &str = if cfg!(windows) { "the Credential Manager of Windows" } else { "the keychain of macOS" };

pub(super) fn read(account: &Account) -> Result<Option<Secret>, Unavailable> {
    match entry(account)?.get_password() {
        Ok(found) => Ok(Some(Secret::new(found))),
        Err(Error::NoEntry) => Ok(None),
        Err(_) => Err(Unavailable),
    }
}

pub(super) fn write(account: &Account, refresh_token: &Secret) -> Result<(), Unavailable> {
    entry(account)?.set_password(refresh_token.expose()).map_err(|_| Unavailable)
}

pub(super) fn delete(account: &Account) -> Result<(), Unavailable> {
    match entry(account)?.delete_credential() {
        Ok(()) | Err(Error::NoEntry) => Ok(()),
        Err(_) => Err(Unavailable),
    }
}

fn entry(account: &Account) -> Result<Entry, Unavailable> {
    Entry::new(&format!("daypass {}", account.server), &account.profile).map_err(|_| Unavailable)
}
