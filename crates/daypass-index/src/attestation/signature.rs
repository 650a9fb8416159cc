//! Signatures of authorities and logs.

use rustls_pki_types::{SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer};
use webpki::{RawPublicKeyEntity, aws_lc_rs as algorithms};

/// What a key may sign with, each curve with its own digest: what Sigstore's clients and services use.
pub(super) const ALGORITHMS: [&dyn SignatureVerificationAlgorithm; 3] =
    [algorithms::ECDSA_P256_SHA256, algorithms::ECDSA_P384_SHA384, algorithms::ED25519];

/// Whether `signature` is of `message`, with the key whose `SubjectPublicKeyInfo` is `key`.
pub(super) fn is_of(key: &SubjectPublicKeyInfoDer<'_>, message: &[u8], signature: &[u8]) -> bool {
    RawPublicKeyEntity::try_from(key).is_ok_and(|key| {
        ALGORITHMS.iter().any(|algorithm| key.verify_signature(*algorithm, message, signature).is_ok())
    })
}
