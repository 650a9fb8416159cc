//! How fast one core does the cryptography that an exchange cannot do without.

use std::time::{Duration, Instant};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256,
        RsaKeyPair, UnparsedPublicKey,
    },
};
use serde_json::{Value, json};

pub(crate) fn measure() -> Value {
    let rsa = RsaKeyPair::generate(KeySize::Rsa2048).expect("an RSA key");
    let ec = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("an EC key");
    let random = SystemRandom::new();
    // As long as the header and payload of a CI's token.
    let message = vec![b'x'; 700];
    let mut signature = vec![0; rsa.public_modulus_len()];
    rsa.sign(&RSA_PKCS1_SHA256, &random, &message, &mut signature).expect("RSA signs");
    let public = rsa.public_key().as_ref().to_vec();
    let verify = rate(|| {
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
        key.verify(&message, &signature).expect("the signature is right");
    });
    let sign = rate(|| {
        let _ = ec.sign(&random, &message).expect("ECDSA signs");
    });
    json!({ "rs256_verify": verify, "es256_sign": sign, "both": 1.0 / (1.0 / verify + 1.0 / sign) })
}

/// How often per second, best of five: the floor is what the machine can do when nothing is in its way.
fn rate(mut once: impl FnMut()) -> f64 {
    let mut best = 0.0_f64;
    for _ in 0..5 {
        let (began, mut times) = (Instant::now(), 0_u32);
        while began.elapsed() < Duration::from_millis(200) {
            for _ in 0..50 {
                once();
            }
            times += 50;
        }
        best = best.max(f64::from(times) / began.elapsed().as_secs_f64());
    }
    best
}
