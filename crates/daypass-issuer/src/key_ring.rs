//! Which of our own keys are in use now, followed from the store.

use std::sync::Arc;

use arc_swap::ArcSwap;
use daypass_core::{
    access_token::AccessTokenClaims,
    clock::Clock,
    key_rotation::{self, KeyState, RotateEvery},
    secret::Secret,
};
use daypass_oidc::jwks::KeySet;
use daypass_store::{Store, StoredKey};
use serde_json::{Value, json};

use crate::{
    error::IssuerError,
    key_encryption::KeyEncryptionKey,
    key_steps::{By, for_the_rules, take},
    signing_key::SigningKey,
};

/// The key that signs, and the public keys that verify. Replaced as a whole.
pub(crate) struct KeyRing {
    kek: Arc<KeyEncryptionKey>,
    every: RotateEvery,
    now: ArcSwap<Keys>,
    /// What verifiers in this process (the index) follow. Empty: which keys are good is not known.
    public: Arc<ArcSwap<KeySet>>,
}

struct Keys {
    /// None while the store has no active key that can be opened: then nothing is signed.
    signing: Result<SigningKey, IssuerError>,
    stored: Vec<StoredKey>,
    jwks: String,
}

impl KeyRing {
    /// Opens the stored keys; makes the first one in a new store. Another takes over as often as `every` says.
    pub(crate) async fn open(
        store: &Store,
        kek: Arc<KeyEncryptionKey>,
        every: RotateEvery,
        clock: &dyn Clock,
    ) -> Result<Self, IssuerError> {
        let mut stored = store.signing_keys().await?;
        if !stored.iter().any(|stored| stored.key.state == KeyState::Active) {
            let now = clock.now();
            let steps = key_rotation::due(&for_the_rules(&stored), now, every);
            // `false` means that another replica, started at the same moment, was first: its key is as good.
            take(store, &kek, &stored, &steps, now, By::Start).await?;
            stored = store.signing_keys().await?;
        }
        let (keys, public) = Keys::open(stored, &kek);
        let keys = Keys { signing: Ok(keys.signing?), ..keys };
        Ok(Self { kek, every, now: ArcSwap::from_pointee(keys), public: Arc::new(ArcSwap::from_pointee(public)) })
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

    /// The keys could not be followed for so long that one may have been revoked: until they can be, none is believed
    /// and nothing is signed. What is published stays, for others to keep.
    pub(crate) fn go_blind(&self) {
        if !self.is_blind() {
            let jwks = self.jwks();
            let signing = Err(IssuerError::Crypto("follow the signing keys"));
            self.public.store(Arc::default());
            self.now.store(Arc::new(Keys { signing, stored: Vec::new(), jwks }));
        }
    }

    /// Whether it is not known which keys are good.
    pub(crate) fn is_blind(&self) -> bool {
        self.public.load().is_empty()
    }

    /// Does what is due by the clock. Any replica may; of several that try at once one does it, and all follow.
    pub(crate) async fn turn(&self, store: &Store, clock: &dyn Clock) -> Result<(), IssuerError> {
        let (keys, now) = (self.now.load_full(), clock.now());
        if keys.stored.is_empty() {
            return Ok(());
        }
        let steps = key_rotation::due(&for_the_rules(&keys.stored), now, self.every);
        if !steps.is_empty() && take(store, &self.kek, &keys.stored, &steps, now, By::Rotation).await? {
            tracing::info!(?steps, "signing keys were rotated");
        }
        Ok(())
    }

    /// Signs with the active key.
    pub(crate) fn sign(&self, claims: &AccessTokenClaims) -> Result<Secret, IssuerError> {
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
        let active = stored.iter().rfind(|stored| stored.key.state == KeyState::Active);
        let signing = active.ok_or(IssuerError::Crypto("find an active signing key"));
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

    fn kek() -> KeyEncryptionKey {
        KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap()
    }

    fn made(generation: i64, state: KeyState, kek: &KeyEncryptionKey) -> StoredKey {
        SigningKey::generate(generation, state, Timestamp::UNIX_EPOCH, kek).unwrap().1
    }

    #[test]
    fn a_key_that_is_gone_or_cannot_be_read_verifies_nothing() {
        let kek = kek();
        let stored = made(1, KeyState::Active, &kek);
        let (keys, public) = Keys::open(vec![stored.clone()], &kek);
        assert!(keys.signing.is_ok() && public.has(Some(&stored.key.kid)));
        let (keys, public) = Keys::open(Vec::new(), &kek);
        assert!(keys.signing.is_err() && public.is_empty());
        let broken = StoredKey { public_jwk: "{".to_owned(), sealed_private: Some("x".to_owned()), ..stored };
        let (keys, public) = Keys::open(vec![broken], &kek);
        assert!(keys.signing.is_err() && public.is_empty());
    }

    #[tokio::test]
    async fn a_ring_that_cannot_be_followed_believes_nothing_until_it_can() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&daypass_store::StoreUrl::sqlite(folder.path().join("x"))).await.unwrap();
        let clock = daypass_core::clock::ManualClock::new(Timestamp::UNIX_EPOCH);
        let ring = KeyRing::open(&store, Arc::new(kek()), RotateEvery::default(), &clock).await.unwrap();
        let (public, jwks) = (ring.public().load_full(), ring.jwks());
        assert!(!ring.is_blind() && ring.now.load().signing.is_ok());
        ring.go_blind();
        assert!(ring.is_blind() && ring.now.load().signing.is_err());
        assert_eq!(ring.jwks(), jwks, "others go on with what they know");
        // Nothing is made to replace what cannot be seen.
        ring.turn(&store, &clock).await.unwrap();
        assert_eq!(store.signing_keys().await.unwrap().len(), 1);
        ring.follow(&store).await.unwrap();
        assert!(!ring.is_blind() && ring.now.load().signing.is_ok());
        assert_eq!(format!("{:?}", ring.public().load_full()), format!("{public:?}"));
    }

    #[test]
    fn all_keys_verify_and_are_published_in_the_order_they_were_made() {
        let kek = kek();
        let mut stored: Vec<_> = [KeyState::Retired, KeyState::Active, KeyState::Next]
            .into_iter()
            .zip(1..)
            .map(|(state, generation)| made(generation, state, &kek))
            .collect();
        stored[0].sealed_private = None;
        let kids: Vec<_> = stored.iter().map(|stored| stored.key.kid.clone()).collect();
        let (keys, public) = Keys::open(stored, &kek);
        assert!(keys.signing.is_ok() && kids.iter().all(|kid| public.has(Some(kid))));
        let jwks: Value = serde_json::from_str(&keys.jwks).unwrap();
        let published: Vec<_> = jwks["keys"].as_array().unwrap().iter().map(|jwk| jwk["kid"].clone()).collect();
        assert_eq!(published, kids);
    }
}
