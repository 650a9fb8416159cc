//! Public keys that may be used, picked out of what an issuer publishes (RFC 7517).
//!
//! A key that breaks a rule is skipped, as if it were not published; the others stay usable. A document that is not
//! a key set at all is an error. What is *not* here: fetching (see [`crate::issuer_keys`]).

mod key;
mod weak_rsa;

use std::{collections::HashMap, fmt};

use serde_json::Value;

pub(crate) use key::{Key, algorithm_named, is_good_kid};

use crate::strict_json;

/// A set with more keys than this is refused. Large issuers publish about ten.
pub const MAX_KEYS: usize = 100;

/// The longest key id, in bytes. It is a name to look up, never a path or a query.
pub const MAX_KID_BYTES: usize = 256;

/// Usable public keys, by key id.
#[derive(Clone, Default)]
pub struct KeySet {
    by_kid: HashMap<Box<str>, Key>,
    without_kid: Vec<Key>,
}

/// Why a document is not a key set.
#[derive(Debug, thiserror::Error)]
pub enum InvalidKeySet {
    /// Not JSON of the strict kind.
    #[error("the key set is not valid JSON")]
    Json(#[source] serde_json::Error),
    /// No list `keys` (RFC 7517 §5.1).
    #[error("the key set has no list `keys`")]
    NoKeys,
    /// More than [`MAX_KEYS`].
    #[error("the key set has more than {MAX_KEYS} keys")]
    TooMany,
}

impl KeySet {
    /// Reads a JWK Set document. The set may turn out empty: that is for the caller to judge.
    pub fn parse(document: &[u8]) -> Result<Self, InvalidKeySet> {
        let document = strict_json::parse_object(document).map_err(InvalidKeySet::Json)?;
        let keys = document.get("keys").and_then(Value::as_array).ok_or(InvalidKeySet::NoKeys)?;
        Self::from_jwk_values(keys)
    }

    /// Takes the usable ones among these JWKs.
    pub fn from_jwk_values(jwks: &[Value]) -> Result<Self, InvalidKeySet> {
        if jwks.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooMany);
        }
        let mut set = Self::default();
        let mut ambiguous = Vec::new();
        for jwk in jwks {
            let Some((kid, key)) = key::usable(jwk) else { continue };
            match kid {
                None => set.without_kid.push(key),
                Some(kid) if set.by_kid.contains_key(&kid) => ambiguous.push(kid),
                Some(kid) => drop(set.by_kid.insert(kid, key)),
            }
        }
        // Two usable keys under one id: whichever we took, somebody else might take the other.
        for kid in ambiguous {
            set.by_kid.remove(&kid);
        }
        Ok(set)
    }

    /// The key that `kid` names; without a `kid`, the set's only key, if there is exactly one.
    pub(crate) fn find(&self, kid: Option<&str>) -> Option<&Key> {
        match kid {
            Some(kid) => self.by_kid.get(kid),
            None if self.len() == 1 => self.by_kid.values().chain(&self.without_kid).next(),
            None => None,
        }
    }

    /// Whether there is a key that `kid` names; without a `kid`, whether there is exactly one key.
    pub fn has(&self, kid: Option<&str>) -> bool {
        self.find(kid).is_some()
    }

    /// How many usable keys there are.
    pub fn len(&self) -> usize {
        self.by_kid.len() + self.without_kid.len()
    }

    /// Whether there is no usable key.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for KeySet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.by_kid.keys()).entries(self.without_kid.iter().map(|_| "(no kid)")).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// RFC 7515 appendix A.3 (P-256) and RFC 8037 appendix A.2 (Ed25519).
    fn p256() -> Value {
        json!({ "kty": "EC", "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0" })
    }

    fn ed25519() -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    fn named(mut jwk: Value, kid: &str) -> Value {
        jwk["kid"] = json!(kid);
        jwk
    }

    fn set(jwks: &[Value]) -> KeySet {
        KeySet::parse(json!({ "keys": jwks }).to_string().as_bytes()).unwrap()
    }

    #[test]
    fn a_kid_picks_its_key_and_no_kid_picks_the_only_one() {
        let both = set(&[named(p256(), "a"), named(ed25519(), "b")]);
        assert!(both.has(Some("a")) && both.has(Some("b")));
        assert!(!both.has(Some("c")) && !both.has(None));
        assert!(set(&[named(p256(), "a")]).has(None));
        assert!(set(&[p256()]).has(None));
        assert!(!set(&[p256()]).has(Some("a")));
        assert!(!set(&[]).has(None));
    }

    #[test]
    fn two_keys_of_one_name_are_none() {
        let twice = set(&[named(p256(), "a"), named(ed25519(), "a"), named(ed25519(), "b")]);
        assert!(!twice.has(Some("a")));
        assert!(twice.has(Some("b")));
        assert!(set(&[named(p256(), "a"), named(p256(), "a"), named(p256(), "a")]).is_empty());
    }

    #[test]
    fn bad_members_are_skipped_and_bad_documents_refused() {
        assert_eq!(set(&[json!(null), json!(1), json!({}), named(p256(), "a")]).len(), 1);
        for text in ["", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, "<html>", r#"{"keys":[]} x"#] {
            assert!(KeySet::parse(text.as_bytes()).is_err(), "{text}");
        }
        assert!(KeySet::parse(br#"{"keys":[],"more":1}"#).unwrap().is_empty());
    }

    #[test]
    fn a_hundred_keys_are_read_and_a_hundred_and_one_are_not() {
        let many = |count: usize| (0..count).map(|number| named(p256(), &number.to_string())).collect::<Vec<_>>();
        assert_eq!(set(&many(MAX_KEYS)).len(), MAX_KEYS);
        assert!(matches!(KeySet::from_jwk_values(&many(MAX_KEYS + 1)), Err(InvalidKeySet::TooMany)));
    }

    #[test]
    fn debug_shows_names_only() {
        assert_eq!(format!("{:?}", set(&[named(p256(), "a")])), r#"{"a"}"#);
    }
}
