//! Which of our own keys are in use now, followed from the store.

use std::sync::Arc;

use arc_swap::ArcSwap;
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::Clock,
};
use daypass_oidc::jwks::KeySet;
use daypass_store::{KeyState, Store, StoredKey};
use serde_json::{Value, json};

use crate::{error::IssuerError, key_encryption::KeyEncryptionKey, signing_key::SigningKey};

/// The key that signs, and the public keys that verify. Replaced as a whole.
pub(crate) struct KeyRing {
    kek: Arc<KeyEncryptionKey>,
    now: ArcSwap<Keys>,
    /// What verifiers in this process (the index) follow.
    public: Arc<ArcSwap<KeySet>>,
}

struct Keys {
    /// None while the store has no active key that can be opened: then nothing is signed.
    signing: Result<SigningKey, IssuerError>,
    stored: Vec<StoredKey>,
    jwks: String,
}

impl KeyRing {
    /// Opens the stored keys; makes the first one in a new store.
    pub(crate) async fn open(
        store: &Store,
        kek: Arc<KeyEncryptionKey>,
        clock: &dyn Clock,
    ) -> Result<Self, IssuerError> {
        let mut stored = store.signing_keys().await?;
        if !stored.iter().any(|key| key.state == KeyState::Active) {
            let generation = stored.iter().map(|key| key.generation).max().unwrap_or(0) + 1;
            let now = clock.now();
            let (_, first) = SigningKey::generate(generation, now, &kek)?;
            let mut event = AuditEvent::new(now, AuditKind::KeyCreated, Outcome::Success, "start");
            event.reason = Some(format!("signing key `{}`", first.kid));
            // `false` means that another replica, started at the same moment, was first: its key is as good.
            store.add_signing_key(first, event).await?;
            stored = store.signing_keys().await?;
        }
        let (keys, public) = Keys::open(stored, &kek);
        let keys = Keys { signing: Ok(keys.signing?), ..keys };
        Ok(Self { kek, now: ArcSwap::from_pointee(keys), public: Arc::new(ArcSwap::from_pointee(public)) })
    }

    /// Takes over what changed in the store since: a key that was rotated, revoked or added by another replica.
    ///
    /// What can no longer be read is no longer believed: a key that is gone verifies nothing, even if no other is left.
    pub(crate) async fn follow(&self, store: &Store) -> Result<(), IssuerError> {
        let stored = store.signing_keys().await?;
        if stored != self.now.load().stored {
            let (keys, public) = Keys::open(stored, &self.kek);
            if let Err(error) = &keys.signing {
                tracing::error!(%error, "there is no signing key to be used");
            }
            self.public.store(Arc::new(public));
            self.now.store(Arc::new(keys));
        }
        Ok(())
    }

    /// Signs with the active key.
    pub(crate) fn sign(
        &self,
        claims: &daypass_core::access_token::AccessTokenClaims,
    ) -> Result<daypass_core::secret::Secret, IssuerError> {
        match &self.now.load().signing {
            Ok(signing) => signing.sign(claims),
            Err(_) => Err(IssuerError::Crypto("find an active signing key")),
        }
    }

    /// The public keys as a JWK Set document (RFC 7517 §5).
    pub(crate) fn jwks(&self) -> String {
        self.now.load().jwks.clone()
    }

    /// The public keys, to be followed.
    pub(crate) fn public(&self) -> &Arc<ArcSwap<KeySet>> {
        &self.public
    }
}

impl Keys {
    fn open(stored: Vec<StoredKey>, kek: &KeyEncryptionKey) -> (Self, KeySet) {
        let newest_active = stored.iter().filter(|key| key.state == KeyState::Active).max_by_key(|key| key.generation);
        let signing = newest_active.ok_or(IssuerError::Crypto("find an active signing key"));
        let signing = signing.and_then(|key| SigningKey::open(key, kek));
        let public: Vec<Value> = stored.iter().filter_map(|key| serde_json::from_str(&key.public_jwk).ok()).collect();
        let keys = KeySet::from_jwk_values(&public).unwrap_or_default();
        (Self { signing, stored, jwks: json!({"keys": public}).to_string() }, keys)
    }
}

#[cfg(test)]
mod tests {
    use daypass_core::Timestamp;

    use super::*;

    #[test]
    fn a_key_that_is_gone_or_cannot_be_read_verifies_nothing() {
        let kek = KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap();
        let (_, stored) = SigningKey::generate(1, Timestamp::UNIX_EPOCH, &kek).unwrap();
        let (keys, public) = Keys::open(vec![stored.clone()], &kek);
        assert!(keys.signing.is_ok() && public.has(Some(&stored.kid)));
        let (keys, public) = Keys::open(Vec::new(), &kek);
        assert!(keys.signing.is_err() && public.is_empty());
        let broken = StoredKey { public_jwk: "{".to_owned(), sealed_private: "x".to_owned(), ..stored };
        let (keys, public) = Keys::open(vec![broken], &kek);
        assert!(keys.signing.is_err() && public.is_empty());
    }
}
