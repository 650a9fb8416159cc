//! What signing keys are sealed under while they are stored.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    rand,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use daypass_core::secret::Secret;

use crate::browser_seal::BrowserSeal;

/// The key under which private signing keys are encrypted in the store (AES-256-GCM).
///
/// It lives in a file of its own, so that a copy of the database alone signs nothing.
pub struct KeyEncryptionKey {
    key: RandomizedNonceKey,
    browsers: BrowserSeal,
}

/// The text in a key file is not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a key-encryption key: 32 bytes in base64 are needed")]
pub struct InvalidKeyEncryptionKey;

/// A sealed value could not be opened: another key sealed it, or it was changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key-encryption key does not open this value")]
pub(crate) struct CannotOpen;

impl KeyEncryptionKey {
    /// A new random key, as the text to be kept in its file.
    pub fn generate() -> Result<Secret, InvalidKeyEncryptionKey> {
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).map_err(|_| InvalidKeyEncryptionKey)?;
        Ok(Secret::new(STANDARD.encode(bytes)))
    }

    /// Reads the key from its file's text.
    pub fn parse(text: &Secret) -> Result<Self, InvalidKeyEncryptionKey> {
        let bytes = STANDARD.decode(text.expose().trim()).map_err(|_| InvalidKeyEncryptionKey)?;
        let bytes: [u8; 32] = bytes.try_into().map_err(|_| InvalidKeyEncryptionKey)?;
        let key = RandomizedNonceKey::new(&AES_256_GCM, &bytes).map_err(|_| InvalidKeyEncryptionKey)?;
        Ok(Self { key, browsers: BrowserSeal::derived_from(&bytes) })
    }

    /// What travels through browsers is sealed under keys derived from this one.
    pub(crate) fn browsers(&self) -> &BrowserSeal {
        &self.browsers
    }

    /// Encrypts `plain`, bound to `name`: a sealed key cannot be passed off as another one.
    pub(crate) fn seal(&self, name: &str, plain: &[u8]) -> Result<String, CannotOpen> {
        let mut sealed = plain.to_vec();
        let nonce =
            self.key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed).map_err(|_| CannotOpen)?;
        let mut out = nonce.as_ref().to_vec();
        out.append(&mut sealed);
        Ok(STANDARD.encode(out))
    }

    /// Decrypts what [`KeyEncryptionKey::seal`] made for the same `name`.
    pub(crate) fn open(&self, name: &str, sealed: &str) -> Result<Vec<u8>, CannotOpen> {
        let mut bytes = STANDARD.decode(sealed).map_err(|_| CannotOpen)?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN).ok_or(CannotOpen)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| CannotOpen)?;
        let plain = self.key.open_in_place(nonce, Aad::from(name.as_bytes()), sealed).map_err(|_| CannotOpen)?;
        Ok(plain.to_vec())
    }
}

impl std::fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyEncryptionKey([secret])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> KeyEncryptionKey {
        KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_with_the_same_key_and_name_only() {
        let (one, other) = (key(), key());
        let sealed = one.seal("kid", b"private").unwrap();
        assert_eq!(one.open("kid", &sealed).unwrap(), b"private");
        assert_eq!(one.open("another kid", &sealed), Err(CannotOpen));
        assert_eq!(other.open("kid", &sealed), Err(CannotOpen));
        for broken in ["", "AAAA", &sealed[4..], "not base64!"] {
            assert_eq!(one.open("kid", broken), Err(CannotOpen));
        }
    }

    #[test]
    fn other_lengths_are_no_keys() {
        for text in ["", "AAAA", &STANDARD.encode([0; 31]), &STANDARD.encode([0; 33])] {
            assert!(KeyEncryptionKey::parse(&Secret::new(text)).is_err());
        }
    }
}
