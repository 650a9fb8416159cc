//! The provider's keys, and signatures made with them.
#![expect(clippy::expect_used, reason = "test code fails by panicking")]

use std::sync::Arc;

use aws_lc_rs::{
    encoding::{AsDer, PublicKeyX509Der},
    hmac,
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
        RsaKeyPair,
    },
};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

/// One RSA-2048 and one P-256 key.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    generation: u32,
    rsa: Arc<RsaKeyPair>,
    ec: Arc<EcdsaKeyPair>,
}

impl Keys {
    pub(super) fn generate(generation: u32) -> Self {
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key can be made");
        let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a P-256 key can be made");
        Self { generation, rsa: Arc::new(rsa), ec: Arc::new(ec) }
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    pub(super) fn rsa_kid(&self) -> String {
        format!("rsa-{}", self.generation)
    }

    pub(super) fn ec_kid(&self) -> String {
        format!("ec-{}", self.generation)
    }

    pub(super) fn rsa_jwk(&self) -> Value {
        let (n, e) = self.rsa_components();
        json!({
            "kty": "RSA", "use": "sig", "alg": "RS256", "kid": self.rsa_kid(),
            "n": URL_SAFE_NO_PAD.encode(n), "e": URL_SAFE_NO_PAD.encode(e),
        })
    }

    pub(super) fn ec_jwk(&self) -> Value {
        // SEC 1 §2.3.3: 04 || x || y.
        let (x, y) = self.ec.public_key().as_ref().get(1..).expect("an uncompressed point").split_at(32);
        json!({
            "kty": "EC", "use": "sig", "alg": "ES256", "crv": "P-256", "kid": self.ec_kid(),
            "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y),
        })
    }

    pub(super) fn jwks(&self) -> Value {
        json!({ "keys": [self.rsa_jwk(), self.ec_jwk()] })
    }

    pub(super) fn modulus(&self) -> Vec<u8> {
        self.rsa_components().0
    }

    /// The public RSA key as a file would hold it.
    pub(super) fn rsa_pem(&self) -> String {
        let base64 = STANDARD.encode(self.rsa_spki());
        let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
    }

    pub(super) fn rsa_spki(&self) -> Vec<u8> {
        let der: PublicKeyX509Der<'_> = self.rsa.public_key().as_der().expect("a public key can be encoded");
        der.as_ref().to_vec()
    }

    pub(super) fn sign_rs256(&self, message: &[u8]) -> Vec<u8> {
        self.sign_rsa(&RSA_PKCS1_SHA256, message)
    }

    pub(super) fn sign_ps256(&self, message: &[u8]) -> Vec<u8> {
        self.sign_rsa(&RSA_PSS_SHA256, message)
    }

    fn sign_rsa(&self, encoding: &'static dyn RsaEncoding, message: &[u8]) -> Vec<u8> {
        let mut signature = vec![0; self.rsa.public_modulus_len()];
        self.rsa.sign(encoding, &SystemRandom::new(), message, &mut signature).expect("RSA signs");
        signature
    }

    pub(super) fn sign_es256(&self, message: &[u8]) -> Vec<u8> {
        self.ec.sign(&SystemRandom::new(), message).expect("ECDSA signs").as_ref().to_vec()
    }

    /// RFC 8017 A.1.1: `SEQUENCE { INTEGER n, INTEGER e }`, as big-endian bytes without leading zeros.
    fn rsa_components(&self) -> (Vec<u8>, Vec<u8>) {
        let (sequence, _) = der_value(self.rsa.public_key().as_ref());
        let (n, rest) = der_value(sequence);
        let (e, _) = der_value(rest);
        let trim = |bytes: &[u8]| bytes.iter().copied().skip_while(|byte| *byte == 0).collect();
        (trim(n), trim(e))
    }
}

/// Takes one DER value off the front: its content, and what follows it.
fn der_value(der: &[u8]) -> (&[u8], &[u8]) {
    let (head, rest) = der.split_at(2);
    match head.get(1).copied().expect("a DER length") {
        short @ 0..0x80 => rest.split_at(usize::from(short)),
        long => {
            let (length, rest) = rest.split_at(usize::from(long & 0x7f));
            rest.split_at(length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
        }
    }
}

pub(super) fn sign_hs256(secret: &[u8], message: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
}
