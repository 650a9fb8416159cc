//! An authenticator, and the browser around it, made of software. It shares no code with what it tests: it writes its
//! own CBOR, by RFC 8949 and WebAuthn Level 3 as they are read.

use aws_lc_rs::{
    digest::{SHA256, digest},
    encoding::AsDer,
    rand::SystemRandom,
    rsa,
    signature::{self, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::json;

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) enum Key {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(rsa::KeyPair),
}

impl Key {
    pub(crate) fn es256() -> Self {
        Self::Es256(EcdsaKeyPair::generate(&signature::ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
    }

    pub(crate) fn eddsa() -> Self {
        Self::EdDsa(Ed25519KeyPair::generate().unwrap())
    }

    pub(crate) fn rs256() -> Self {
        Self::Rs256(rsa::KeyPair::generate(rsa::KeySize::Rsa2048).unwrap())
    }

    /// RFC 9052 §7, RFC 9053 §7, RFC 8230 §4.
    fn cose(&self) -> Vec<u8> {
        match self {
            Self::Es256(pair) => {
                let point = pair.public_key().as_ref();
                // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
                let mut cose = vec![0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21];
                cose.extend(bytes(&point[1..33]));
                cose.push(0x22);
                cose.extend(bytes(&point[33..]));
                cose
            }
            Self::EdDsa(pair) => {
                // {1: 1, 3: -8, -1: 6, -2: x}
                let mut cose = vec![0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21];
                cose.extend(bytes(pair.public_key().as_ref()));
                cose
            }
            Self::Rs256(pair) => {
                let der = pair.public_key().as_der().unwrap();
                // SubjectPublicKeyInfo of 2048 bits ends with: 00 MODULUS 02 03 EXPONENT.
                let end = der.as_ref().len();
                let (modulus, exponent) = (&der.as_ref()[end - 261..end - 5], &der.as_ref()[end - 3..]);
                // {1: 3, 3: -257, -1: n, -2: e}
                let mut cose = vec![0xa4, 0x01, 0x03, 0x03, 0x39, 0x01, 0x00, 0x20];
                cose.extend(bytes(modulus));
                cose.push(0x21);
                cose.extend(bytes(exponent));
                cose
            }
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// A CBOR byte string.
fn bytes(value: &[u8]) -> Vec<u8> {
    let mut out = match u16::try_from(value.len()).unwrap() {
        length @ 0..24 => vec![0x40 | length.to_be_bytes()[1]],
        length @ 24..256 => vec![0x58, length.to_be_bytes()[1]],
        length => [&[0x59][..], &length.to_be_bytes()].concat(),
    };
    out.extend_from_slice(value);
    out
}

/// Who asks, truthfully or not.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) kind: &'static str,
    pub(crate) origin: &'static str,
    pub(crate) rp_id: &'static str,
    pub(crate) cross_origin: bool,
    /// UP 01, UV 04, BE 08, BS 10.
    pub(crate) flags: u8,
    /// Further bytes behind the authenticator data.
    pub(crate) behind: &'static [u8],
    /// What the browser puts into the place of the challenge.
    pub(crate) challenge: Option<&'static str>,
}

impl Told {
    pub(crate) fn the_truth(kind: &'static str) -> Self {
        Self {
            kind,
            origin: "https://packages.example.com",
            rp_id: "packages.example.com",
            cross_origin: false,
            flags: 0x05,
            behind: &[],
            challenge: None,
        }
    }
}

/// One passkey in its authenticator.
pub(crate) struct Authenticator {
    pub(crate) key: Key,
    pub(crate) id: Vec<u8>,
    pub(crate) count: u32,
    pub(crate) user_handle: String,
}

impl Authenticator {
    pub(crate) fn new(key: Key, id: &[u8]) -> Self {
        Self { key, id: id.to_vec(), count: 0, user_handle: String::new() }
    }

    fn client_data(told: &Told, challenge: &str) -> Vec<u8> {
        let challenge = told.challenge.unwrap_or(challenge);
        json!({"type": told.kind, "challenge": challenge, "origin": told.origin, "crossOrigin": told.cross_origin})
            .to_string()
            .into_bytes()
    }

    fn data(&self, told: &Told, credential: &[u8]) -> Vec<u8> {
        let mut data = digest(&SHA256, told.rp_id.as_bytes()).as_ref().to_vec();
        data.push(told.flags | if credential.is_empty() { 0 } else { 0x40 });
        data.extend(self.count.to_be_bytes());
        data.extend(credential);
        data.extend(told.behind);
        data
    }

    /// Makes the passkey: the client data and the attestation object, for the form.
    pub(crate) fn make(&self, told: &Told, challenge: &str) -> (Vec<u8>, Vec<u8>) {
        let mut credential = vec![7; 16];
        credential.extend(u16::try_from(self.id.len()).unwrap().to_be_bytes());
        credential.extend(&self.id);
        credential.extend(self.key.cose());
        // {"fmt": "none", "attStmt": {}, "authData": h'…'}
        let mut attestation = vec![0xa3];
        attestation.extend(b"\x63fmt\x64none\x67attStmt\xa0\x68authData");
        attestation.extend(bytes(&self.data(told, &credential)));
        (Self::client_data(told, challenge), attestation)
    }

    /// Uses it: the fields of the form.
    pub(crate) fn answer(&mut self, told: &Told, challenge: &str) -> Vec<(&'static str, String)> {
        let client_data = Self::client_data(told, challenge);
        let data = self.data(told, &[]);
        let signed = [&data, digest(&SHA256, &client_data).as_ref()].concat();
        vec![
            ("credential", base64url(&self.id)),
            ("client_data", base64url(&client_data)),
            ("authenticator_data", base64url(&data)),
            ("signature", base64url(&self.key.sign(&signed))),
            ("user_handle", self.user_handle.clone()),
        ]
    }
}
