//! A passkey's public key (COSE: RFC 9052 §7, RFC 9053; RS256: RFC 8812).

use aws_lc_rs::signature::{self, RsaPublicKeyComponents, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ciborium::Value;

use super::{NotAccepted, cbor};

// Members of a COSE key.
const KEY_TYPE: i64 = 1;
const ALGORITHM: i64 = 3;
const CURVE_OR_MODULUS: i64 = -1;
const X_OR_EXPONENT: i64 = -2;
const Y: i64 = -3;

/// The longest RSA modulus, in bytes: 8192 bits.
const LONGEST_MODULUS: usize = 1024;

/// A key of a kind that is accepted, in its COSE form, which is how it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    cose: Vec<u8>,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// ECDSA on P-256 with SHA-256; the point uncompressed (SEC 1 §2.3.3).
    Es256([u8; 65]),
    /// EdDSA on Ed25519.
    Ed25519([u8; 32]),
    /// RSASSA-PKCS1-v1_5 with SHA-256, as Windows Hello has it.
    Rs256 { modulus: Vec<u8>, exponent: Vec<u8> },
}

impl PublicKey {
    /// Reads the key that stands at the beginning of `rest`; moves `rest` behind it.
    pub(super) fn read(rest: &mut &[u8]) -> Result<Self, NotAccepted> {
        let whole = *rest;
        let key = cbor::read(rest)?;
        let cose = whole.get(..whole.len() - rest.len()).ok_or(NotAccepted::Malformed)?.to_vec();
        Ok(Self { cose, kind: Kind::of(&key)? })
    }

    /// Reads a key as it was stored.
    pub(crate) fn from_stored(text: &str) -> Result<Self, NotAccepted> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| NotAccepted::Malformed)?;
        let mut rest = &*bytes;
        let key = Self::read(&mut rest)?;
        if rest.is_empty() { Ok(key) } else { Err(NotAccepted::Malformed) }
    }

    /// The key as it is to be stored.
    pub(crate) fn to_stored(&self) -> String {
        URL_SAFE_NO_PAD.encode(&self.cose)
    }

    /// Verifies a signature (WebAuthn §6.5.5 for its forms).
    pub(super) fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), NotAccepted> {
        let verified = match &self.kind {
            Kind::Es256(point) => {
                UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_ASN1, point).verify(signed, signature)
            }
            Kind::Ed25519(key) => UnparsedPublicKey::new(&signature::ED25519, key).verify(signed, signature),
            Kind::Rs256 { modulus, exponent } => RsaPublicKeyComponents { n: modulus, e: exponent }.verify(
                &signature::RSA_PKCS1_2048_8192_SHA256,
                signed,
                signature,
            ),
        };
        verified.map_err(|_| NotAccepted::WrongSignature)
    }
}

impl Kind {
    fn of(key: &Value) -> Result<Self, NotAccepted> {
        let number = |name| match cbor::find(key, &Value::from(name))? {
            Some(Value::Integer(number)) => Ok(i128::from(*number)),
            _ => Err(NotAccepted::WrongKey),
        };
        let bytes = |name| match cbor::find(key, &Value::from(name))? {
            Some(Value::Bytes(bytes)) => Ok(bytes),
            _ => Err(NotAccepted::WrongKey),
        };
        let coordinate = |name| -> Result<[u8; 32], NotAccepted> {
            bytes(name)?.as_slice().try_into().map_err(|_| NotAccepted::WrongKey)
        };
        match (number(KEY_TYPE)?, number(ALGORITHM)?) {
            (2, -7) if number(CURVE_OR_MODULUS)? == 1 => {
                let mut point = [4; 65];
                let (_, coordinates) = point.split_at_mut(1);
                let both = [coordinate(X_OR_EXPONENT)?, coordinate(Y)?].concat();
                coordinates.copy_from_slice(&both);
                Ok(Self::Es256(point))
            }
            (1, -8) if number(CURVE_OR_MODULUS)? == 6 => Ok(Self::Ed25519(coordinate(X_OR_EXPONENT)?)),
            (3, -257) => {
                let (modulus, exponent) = (bytes(CURVE_OR_MODULUS)?.clone(), bytes(X_OR_EXPONENT)?.clone());
                let sane = modulus.len() <= LONGEST_MODULUS && exponent.len() <= 4;
                if sane { Ok(Self::Rs256 { modulus, exponent }) } else { Err(NotAccepted::WrongKey) }
            }
            _ => Err(NotAccepted::WrongKey),
        }
    }
}
