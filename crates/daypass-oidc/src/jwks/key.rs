//! One public key, and the rules it must obey to be used.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RsaPublicKeyComponents, VerificationAlgorithm,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey};
use serde_json::{Map, Value};

use super::{MAX_KID_BYTES, weak_rsa};

/// A verified-to-be-sane public key and the algorithms it may be used with.
#[derive(Clone)]
pub(crate) struct Key {
    algorithms: &'static [Algorithm],
    pub(crate) public: DecodingKey,
}

impl Key {
    /// Whether a token may claim to be signed with this key by `algorithm`. The key decides, not the token: otherwise
    /// a public RSA key could be taken for the secret of an HMAC.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithms.contains(&algorithm)
    }
}

/// Members that hold a private or a symmetric key (RFC 7518 §6). Published, they make the key worthless.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

/// The smallest and largest RSA modulus, in bits: NIST SP 800-131A below, time to verify above.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Reads a JWK: its `kid` and the key, or nothing when it may not be used.
pub(super) fn usable(jwk: &Value) -> Option<(Option<Box<str>>, Key)> {
    let jwk = jwk.as_object()?;
    if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) || !is_for_signatures(jwk) {
        return None;
    }
    let kid = match jwk.get("kid") {
        None => None,
        Some(Value::String(kid)) if is_good_kid(kid) => Some(kid.as_str().into()),
        Some(_) => return None,
    };
    let (possible, public) = match jwk.get("kty")?.as_str()? {
        "RSA" => rsa(jwk)?,
        "EC" => elliptic(jwk)?,
        "OKP" => edwards(jwk)?,
        _ => return None,
    };
    let algorithms = match jwk.get("alg") {
        None => possible,
        Some(alg) => possible.iter().find(|one| Some(name_of(**one)) == alg.as_str()).map(std::slice::from_ref)?,
    };
    Some((kid, Key { algorithms, public }))
}

/// A name that can be looked up and logged: short and printable.
pub(crate) fn is_good_kid(kid: &str) -> bool {
    !kid.is_empty() && kid.len() <= MAX_KID_BYTES && kid.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The algorithms that are understood. HMAC and `none` cannot even be named here.
const ALGORITHMS: [(&str, Algorithm); 5] = [
    ("RS256", Algorithm::RS256),
    ("PS256", Algorithm::PS256),
    ("ES256", Algorithm::ES256),
    ("ES384", Algorithm::ES384),
    ("EdDSA", Algorithm::EdDSA),
];

/// The algorithm of that exact name (RFC 7518 §3.1: case-sensitive).
pub(crate) fn algorithm_named(name: &str) -> Option<Algorithm> {
    ALGORITHMS.iter().find(|(known, _)| *known == name).map(|(_, algorithm)| *algorithm)
}

fn name_of(algorithm: Algorithm) -> &'static str {
    ALGORITHMS.iter().find(|(_, known)| *known == algorithm).map_or("", |(name, _)| name)
}

/// RFC 7517 §4.2, §4.3: `use` and `key_ops`, where given, must be for verifying signatures. The bundle of a SPIFFE trust
/// domain calls the use of such a key `jwt-svid` (SPIFFE Trust Domain and Bundle §4.2.2).
fn is_for_signatures(jwk: &Map<String, Value>) -> bool {
    let right_use = jwk.get("use").is_none_or(|value| value == "sig" || value == "jwt-svid");
    let right_ops = match jwk.get("key_ops") {
        None => true,
        Some(Value::Array(ops)) => ops.iter().any(|op| op == "verify") && ops.iter().all(|op| op == "verify"),
        Some(_) => false,
    };
    right_use && right_ops
}

fn rsa(jwk: &Map<String, Value>) -> Option<(&'static [Algorithm], DecodingKey)> {
    let (n, e) = (unsigned(jwk, "n")?, unsigned(jwk, "e")?);
    let bits = n.len() * 8 - n.first()?.leading_zeros() as usize;
    // An even exponent is no exponent; 1 makes every message its own signature; a huge one costs time.
    let good_exponent = e.len() <= 4 && e.last()? % 2 == 1 && e != [1];
    if !RSA_BITS.contains(&bits) || !good_exponent || weak_rsa::has_roca_fingerprint(&n) {
        return None;
    }
    RsaPublicKeyComponents { n: &n, e: &e }.to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256).ok()?;
    Some((&[Algorithm::RS256, Algorithm::PS256], DecodingKey::from_rsa_raw_components(&n, &e)))
}

fn elliptic(jwk: &Map<String, Value>) -> Option<(&'static [Algorithm], DecodingKey)> {
    let (algorithms, size, curve): (&[Algorithm], _, &dyn VerificationAlgorithm) = match jwk.get("crv")?.as_str()? {
        "P-256" => (&[Algorithm::ES256], 32, &ECDSA_P256_SHA256_FIXED),
        "P-384" => (&[Algorithm::ES384], 48, &ECDSA_P384_SHA384_FIXED),
        _ => return None,
    };
    let (x, y) = (octets(jwk, "x")?, octets(jwk, "y")?);
    // RFC 7518 §6.2.1.2: the full size of a coordinate, leading zeros included.
    if x.len() != size || y.len() != size {
        return None;
    }
    // SEC 1 §2.3.3, uncompressed. Parsing proves that the point is on the curve.
    let point = [&[4], &*x, &*y].concat();
    ParsedPublicKey::new(curve, &point).ok()?;
    Some((algorithms, DecodingKey::from_ec_der(&point)))
}

fn edwards(jwk: &Map<String, Value>) -> Option<(&'static [Algorithm], DecodingKey)> {
    let x = octets(jwk, "x")?;
    if jwk.get("crv")?.as_str()? != "Ed25519" || x.len() != 32 {
        return None;
    }
    ParsedPublicKey::new(&ED25519, &x).ok()?;
    Some((&[Algorithm::EdDSA], DecodingKey::from_ed_der(&x)))
}

/// base64url without padding (RFC 7515 §2), canonical.
fn octets(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}

/// A big-endian number in the fewest octets (RFC 7518 §2, `Base64urlUInt`).
fn unsigned(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    octets(jwk, name).filter(|octets| octets.first().is_some_and(|first| *first != 0))
}
