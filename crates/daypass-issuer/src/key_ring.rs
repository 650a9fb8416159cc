//! Which of our own keys are in use now, followed from the store.

use std::sync::Arc;

use arc_swap::ArcSwap;
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::Clock,
};
use daypass_oidc::jwks::KeySet;
use daypass_store::{KeyState, Store, StoredKey};
use serde_json::json;

use crate::{error::IssuerError, key_encryption::KeyEncryptionKey, signing_key::SigningKey};

/// The key that signs, and the public keys that verify. Replaced as a whole.
pub(crate) struct KeyRing {
    kek: KeyEncryptionKey,
    now: ArcSwap<Keys>,
    /// What verifiers in this process (the index) follow.
    public: Arc<ArcSwap<KeySet>>,
}

struct Keys {
    signing: SigningKey,
    stored: Vec<StoredKey>,
    jwks: String,
}

impl KeyRing {
    /// Opens the stored keys; makes the first one in a new store.
    pub(crate) async fn open(store: &Store, kek: KeyEncryptionKey, clock: &dyn Clock) -> Result<Self, IssuerError> {
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
        let (keys, public) = Keys::open(stored, &kek)?;
        Ok(Self { kek, now: ArcSwap::from_pointee(keys), public: Arc::new(ArcSwap::from_pointee(public)) })
    }

    /// Takes over what changed in the store since: a key that was rotated, revoked or added by another replica.
    pub(crate) async fn follow(&self, store: &Store) -> Result<(), IssuerError> {
        let stored = store.signing_keys().await?;
        if stored != self.now.load().stored {
            let (keys, public) = Keys::open(stored, &self.kek)?;
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
        self.now.load().signing.sign(claims)
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
    fn open(stored: Vec<StoredKey>, kek: &KeyEncryptionKey) -> Result<(Self, KeySet), IssuerError> {
        let newest_active = stored.iter().filter(|key| key.state == KeyState::Active).max_by_key(|key| key.generation);
        let signing = SigningKey::open(newest_active.ok_or(IssuerError::Crypto("find an active signing key"))?, kek)?;
        let parse = |key: &StoredKey| {
            serde_json::from_str::<serde_json::Value>(&key.public_jwk)
                .map_err(|_| IssuerError::PublicKey(key.kid.clone()))
        };
        let public: Vec<_> = stored.iter().map(parse).collect::<Result<_, _>>()?;
        let jwks = json!({"keys": public}).to_string();
        let keys = KeySet::parse(jwks.as_bytes()).map_err(|error| IssuerError::PublicKey(error.to_string()))?;
        Ok((Self { signing, stored, jwks }, keys))
    }
}
