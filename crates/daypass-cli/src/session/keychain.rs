//! The keychain of the operating system, as far as it answers.
//!
//! It may be absent, locked, or hang: each of these counts as *not there*, within two seconds, and nothing here ever
//! makes it ask a person for a password. A person who waits for an install wants to sign in to one thing only.
//!
//! On Linux we speak to the Secret Service ourselves, which brings 22 crates. The `keyring` crate, which does it on macOS
//! and Windows, would bring 66 here, a second async runtime among them, and it unlocks a locked collection, which opens
//! a dialogue and waits for it. Neither costs a credential from the cache anything: nothing here is called for one.

use std::{sync::mpsc, thread, time::Duration};

use daypass_core::secret::Secret;

#[cfg(any(target_os = "macos", windows))]
#[path = "keychain/native.rs"]
mod system;
#[cfg(not(any(target_os = "macos", windows)))]
#[path = "keychain/secret_service.rs"]
mod system;

/// What people call it.
pub(super) const NAME: &str = system::NAME;

/// How long it may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whose refresh token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    /// The server's URL.
    pub(super) server: String,
    /// The profile's name.
    pub(super) profile: String,
}

/// It is not there, is locked, hangs, or will not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unavailable;

/// Reads a refresh token. `Ok(None)`: it answers, and has none.
pub(super) fn read(account: &Account) -> Result<Option<Secret>, Unavailable> {
    let account = account.clone();
    within(PATIENCE, move || system::read(&account))
}

/// Keeps a refresh token in the place of the one before.
pub(super) fn write(account: &Account, refresh_token: &Secret) -> Result<(), Unavailable> {
    let (account, refresh_token) = (account.clone(), refresh_token.clone());
    within(PATIENCE, move || system::write(&account, &refresh_token))
}

/// Deletes a refresh token.
pub(super) fn delete(account: &Account) -> Result<(), Unavailable> {
    let account = account.clone();
    within(PATIENCE, move || system::delete(&account))
}

/// Does `work` in a thread of its own, which is left to itself when it takes too long.
fn within<T: Send + 'static>(
    limit: Duration,
    work: impl FnOnce() -> Result<T, Unavailable> + Send + 'static,
) -> Result<T, Unavailable> {
    let (sender, receiver) = mpsc::channel();
    let started = thread::Builder::new().name("keychain".to_owned()).spawn(move || {
        // Nobody listens any more when it took too long.
        let _ = sender.send(work());
    });
    started.map_err(|_| Unavailable)?;
    receiver.recv_timeout(limit).unwrap_or(Err(Unavailable))
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_keychain_that_hangs_is_not_there() {
        let begun = Instant::now();
        let limit = Duration::from_millis(50);
        let hangs = || {
            thread::sleep(Duration::from_secs(30));
            Ok(())
        };
        assert_eq!(within(limit, hangs), Err(Unavailable));
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn one_that_answers_or_refuses_is_believed() {
        assert_eq!(within(PATIENCE, || Ok(7)), Ok(7));
        assert_eq!(within(PATIENCE, || Err::<(), _>(Unavailable)), Err(Unavailable));
    }
}
