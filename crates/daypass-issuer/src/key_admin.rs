//! The operator's hand on the signing keys: beside running servers, which follow within a second.

use daypass_core::{
    Timestamp,
    key_rotation::{self, Key, Step},
};
use daypass_store::{Store, StoredKey};

use crate::{
    error::IssuerError,
    key_encryption::KeyEncryptionKey,
    key_steps::{By, for_the_rules, take},
};

/// How often the keys are read again because somebody else changed them meanwhile.
const TRIES: u32 = 5;

/// Changes signing keys when it is told to.
pub struct KeyAdmin {
    store: Store,
    key_encryption_key: KeyEncryptionKey,
}

/// The signing keys before and after; the same where nothing was to be done.
#[derive(Debug)]
pub struct KeysChanged {
    /// As they were, the oldest first.
    pub before: Vec<StoredKey>,
    /// As they are.
    pub after: Vec<StoredKey>,
}

/// Why signing keys were not changed. One sentence each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum KeyAdminError {
    /// Keys could not be read, made or written.
    #[error(transparent)]
    Issuer(#[from] IssuerError),
    /// The list is full.
    #[error(transparent)]
    TooMany(#[from] key_rotation::TooManyKeys),
    /// There is no key of that name.
    #[error("there is no signing key `{0}`")]
    Unknown(String),
    /// Others changed them again and again.
    #[error("the signing keys were changed by others at the same moment")]
    Overtaken,
}

impl KeyAdmin {
    /// For the keys in `store`, sealed under `key_encryption_key`.
    pub fn new(store: Store, key_encryption_key: KeyEncryptionKey) -> Self {
        Self { store, key_encryption_key }
    }

    /// Makes a next key, which signs when it was published long enough; see [`key_rotation::rotate`].
    pub async fn rotate(&self, now: Timestamp) -> Result<KeysChanged, KeyAdminError> {
        self.change(now, |keys| Ok(key_rotation::rotate(keys)?)).await
    }

    /// Lets another key sign at once; see [`key_rotation::rotate_now`].
    pub async fn rotate_now(&self, now: Timestamp) -> Result<KeysChanged, KeyAdminError> {
        self.change(now, |keys| Ok(key_rotation::rotate_now(keys)?)).await
    }

    /// Forgets the key `kid`, so that whatever it signed is refused; see [`key_rotation::revoke`].
    pub async fn revoke(&self, kid: &str, now: Timestamp) -> Result<KeysChanged, KeyAdminError> {
        let unknown = || KeyAdminError::Unknown(kid.chars().take(100).collect());
        self.change(now, |keys| key_rotation::revoke(keys, kid).ok_or_else(unknown)).await
    }

    async fn change(
        &self,
        now: Timestamp,
        think: impl Fn(&[Key]) -> Result<Vec<Step>, KeyAdminError>,
    ) -> Result<KeysChanged, KeyAdminError> {
        for _ in 0..TRIES {
            let before = self.store.signing_keys().await.map_err(IssuerError::Store)?;
            let steps = think(&for_the_rules(&before))?;
            if steps.is_empty() {
                return Ok(KeysChanged { after: before.clone(), before });
            }
            if take(&self.store, &self.key_encryption_key, &before, &steps, now, By::Operator).await? {
                let after = self.store.signing_keys().await.map_err(IssuerError::Store)?;
                return Ok(KeysChanged { before, after });
            }
        }
        Err(KeyAdminError::Overtaken)
    }
}
