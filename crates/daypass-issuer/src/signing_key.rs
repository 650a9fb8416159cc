//! The keys we sign with: made, sealed, opened, used.

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    Timestamp,
    access_token::{ACCESS_TOKEN_TYP, AccessTokenClaims},
    digest::Sha256,
    key_rotation::{Key, KeyState},
    secret::Secret,
};
use daypass_store::StoredKey;
use serde_json::json;

use crate::{error::IssuerError, key_encryption::KeyEncryptionKey};

/// A key pair for ES256 (RFC 7518 §3.4), the one algorithm that every client and container registry verifies.
pub(crate) struct SigningKey {
    pair: EcdsaKeyPair,
    /// The encoded JOSE header, the same for every token of this key.
    header: String,
}

impl SigningKey {
    /// Makes a new key and the row to store for it.
    pub(crate) fn generate(
        generation: i64,
        state: KeyState,
        now: Timestamp,
        kek: &KeyEncryptionKey,
    ) -> Result<(Self, StoredKey), IssuerError> {
        let (pair, [x, y]) = generate_pair()?;
        let (x, y) = (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y));
        let kid = thumbprint(&x, &y);
        let public_jwk = json!({"kty": "EC", "crv": "P-256", "x": x, "y": y, "kid": kid, "use": "sig", "alg": "ES256"});
        let private = pair.to_pkcs8v1().map_err(|_| IssuerError::Crypto("encode a signing key"))?;
        let sealed_private = kek.seal(&kid, private.as_ref()).map_err(|_| IssuerError::Crypto("seal a signing key"))?;
        let header = header(&kid);
        let stored = StoredKey {
            generation,
            key: Key { kid, state, since: now },
            public_jwk: public_jwk.to_string(),
            sealed_private: Some(sealed_private),
            created_at: now,
        };
        Ok((Self { pair, header }, stored))
    }

    /// Opens a stored key, one that is not retired.
    pub(crate) fn open(stored: &StoredKey, kek: &KeyEncryptionKey) -> Result<Self, IssuerError> {
        let kid = &stored.key.kid;
        let cannot = || IssuerError::WrongKeyEncryptionKey(kid.clone());
        let sealed = stored.sealed_private.as_deref().ok_or(IssuerError::Crypto("sign with a retired key"))?;
        let private = kek.open(kid, sealed).map_err(|_| cannot())?;
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &private).map_err(|_| cannot())?;
        Ok(Self { pair, header: header(kid) })
    }

    /// Signs an access token (RFC 9068, JWS compact serialization RFC 7515 §7.1).
    ///
    /// By hand rather than with `jsonwebtoken`, which parses the private key anew for every signature (measured: 27
    /// against 17 µs); there is nothing here to get wrong that a verifier would not notice.
    pub(crate) fn sign(&self, claims: &AccessTokenClaims) -> Result<Secret, IssuerError> {
        let payload = serde_json::to_vec(claims).map_err(|_| IssuerError::Crypto("encode an access token"))?;
        let mut signed = String::with_capacity(self.header.len() + payload.len() * 4 / 3 + 100);
        signed.push_str(&self.header);
        signed.push('.');
        URL_SAFE_NO_PAD.encode_string(payload, &mut signed);
        let signature = self
            .pair
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map_err(|_| IssuerError::Crypto("sign an access token"))?;
        signed.push('.');
        URL_SAFE_NO_PAD.encode_string(signature.as_ref(), &mut signed);
        Ok(Secret::new(signed))
    }
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SigningKey([secret])")
    }
}

fn header(kid: &str) -> String {
    URL_SAFE_NO_PAD.encode(json!({"alg": "ES256", "typ": ACCESS_TOKEN_TYP, "kid": kid}).to_string())
}

/// RFC 7638 §3: the SHA-256 of the required members, in lexicographic order, without white space.
fn thumbprint(x: &str, y: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::of(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)).as_bytes())
}

/// A key pair with its two public coordinates, neither of which begins with a zero byte.
///
/// The container registry's own verifier drops leading zeros when it computes a thumbprint, so it would know such a
/// key under another name. One key in 128 is thrown away for that.
fn generate_pair() -> Result<(EcdsaKeyPair, [[u8; 32]; 2]), IssuerError> {
    let failed = || IssuerError::Crypto("make a signing key");
    loop {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| failed())?;
        // SEC 1 §2.3.3, uncompressed: 0x04, then the coordinates, 32 bytes each.
        let (coordinates, _) = pair.public_key().as_ref().get(1..).ok_or_else(failed)?.as_chunks::<32>();
        if let [x, y] = *coordinates
            && x.first() != Some(&0)
            && y.first() != Some(&0)
        {
            return Ok((pair, [x, y]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_the_one_of_a_known_key() {
        // Computed independently with jwcrypto for the P-256 key of RFC 7515 appendix A.3.
        let x = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
        let y = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
        assert_eq!(thumbprint(x, y), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    }

    #[test]
    fn a_stored_key_opens_again_and_nowhere_shows_itself() {
        let kek = KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap();
        let (key, stored) = SigningKey::generate(1, KeyState::Active, Timestamp::UNIX_EPOCH, &kek).unwrap();
        assert_eq!(SigningKey::open(&stored, &kek).unwrap().header, key.header);
        assert_eq!(format!("{key:?}"), "SigningKey([secret])");
        let other = KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap();
        assert!(SigningKey::open(&stored, &other).is_err());
        assert!(SigningKey::open(&StoredKey { sealed_private: None, ..stored }, &kek).is_err());
    }
}
