//! What travels through browsers, sealed: nobody but this server can read it or make it.
//!
//! Strangers make us seal as often as they like, and random nonces are good for 2^32 messages under one key (NIST SP
//! 800-38D §8.3). So the key is another one every hour, derived from the key-encryption key, which itself seals nothing
//! for strangers.

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use daypass_core::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

/// Seconds for which one key is used.
const PERIOD: i64 = 3600;

/// Bytes before the nonce that say which period it was.
const PERIOD_LEN: usize = 8;

/// Keys for what travels through browsers.
pub(crate) struct BrowserSeal(Prk);

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        32
    }
}

impl BrowserSeal {
    pub(crate) fn derived_from(key: &[u8; 32]) -> Self {
        Self(Salt::new(HKDF_SHA256, b"daypass browser seal").extract(key))
    }

    fn key_of(&self, period: i64) -> Option<RandomizedNonceKey> {
        let mut bytes = [0; 32];
        self.0.expand(&[&period.to_be_bytes()], Length).ok()?.fill(&mut bytes).ok()?;
        RandomizedNonceKey::new(&AES_256_GCM, &bytes).ok()
    }

    /// `value` as text that only this server can read again, as `name`.
    pub(crate) fn seal<T: Serialize>(&self, name: &str, value: &T, now: Timestamp) -> Option<String> {
        let period = now.as_second().div_euclid(PERIOD);
        let mut sealed = serde_json::to_vec(value).ok()?;
        let key = self.key_of(period)?;
        let nonce = key.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut sealed).ok()?;
        let mut out = period.to_be_bytes().to_vec();
        out.extend_from_slice(nonce.as_ref());
        out.append(&mut sealed);
        Some(STANDARD.encode(out))
    }

    /// What [`BrowserSeal::seal`] made under the same `name` not long ago; of anything else, nothing.
    pub(crate) fn open<T: DeserializeOwned>(&self, name: &str, sealed: &str, now: Timestamp) -> Option<T> {
        let mut bytes = STANDARD.decode(sealed).ok()?;
        let (period, rest) = bytes.split_first_chunk_mut::<PERIOD_LEN>()?;
        let period = i64::from_be_bytes(*period);
        if now.as_second().div_euclid(PERIOD).abs_diff(period) > 1 {
            return None;
        }
        let (nonce, sealed) = rest.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = self.key_of(period)?.open_in_place(nonce, Aad::from(name.as_bytes()), sealed).ok()?;
        serde_json::from_slice(plain).ok()
    }
}

#[cfg(test)]
mod tests {
    use daypass_core::SignedDuration;

    use super::*;

    #[test]
    fn what_is_sealed_opens_under_its_name_by_its_server_and_in_its_time_only() {
        let (ours, theirs) = (BrowserSeal::derived_from(&[1; 32]), BrowserSeal::derived_from(&[2; 32]));
        let now = Timestamp::from_second(1_000_000).unwrap();
        let sealed = ours.seal("sign-in", &"value", now).unwrap();
        let later = |minutes| now.checked_add(SignedDuration::from_mins(minutes)).unwrap();
        for minutes in [-59, 0, 59] {
            assert_eq!(ours.open::<String>("sign-in", &sealed, later(minutes)).as_deref(), Some("value"));
        }
        for minutes in [-121, 121] {
            assert_eq!(ours.open::<String>("sign-in", &sealed, later(minutes)), None);
        }
        assert_eq!(ours.open::<String>("device", &sealed, now), None);
        assert_eq!(theirs.open::<String>("sign-in", &sealed, now), None);
        let mut other_period = STANDARD.decode(&sealed).unwrap();
        other_period[7] ^= 1;
        for broken in ["", "AAAA", "not base64!", &sealed[4..], &STANDARD.encode(other_period)] {
            assert_eq!(ours.open::<String>("sign-in", broken, now), None, "{broken}");
        }
    }
}
