//! The form of a token (JWS compact serialization, RFC 7515 §7.1), its header, and its signature.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{access_token::ACCESS_TOKEN_TYP, digest::Sha256};
use jsonwebtoken::{Algorithm, crypto};
use serde_json::{Map, Value};

use super::{MAX_TOKEN_BYTES, Refused};
use crate::{
    jwks::{self, KeySet},
    strict_json,
};

/// The longest header, encoded, in bytes.
const MAX_HEADER_BYTES: usize = 2 * 1024;

/// Header members that would have us fetch or believe a key of the token's own (`jku`, `jwk`, `x5u`, `x5c`), or read it
/// in another way (`crit`, `b64`, `zip`, `enc`). Refused, whatever they hold.
///
/// `x5t` and `x5t#S256` are *not* here: they are mere names of a certificate, which is never looked up, and the tokens
/// of GitHub Actions and Azure carry one.
const REFUSED_MEMBERS: [&str; 8] = ["crit", "jku", "jwk", "x5u", "x5c", "b64", "zip", "enc"];

/// Which kind of token is looked for. They cannot be taken for each other (RFC 8725 §3.11).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// From an outside issuer.
    Outside,
    /// Signed by us.
    Access,
}

/// A token taken apart. Only its form has been checked.
pub(super) struct Compact<'a> {
    pub(super) header: Header,
    /// What is signed: header and payload, encoded.
    signing_input: &'a str,
    encoded_payload: &'a str,
    encoded_signature: &'a str,
}

/// What is used of the header.
pub(super) struct Header {
    pub(super) alg: String,
    pub(super) kid: Option<String>,
    algorithm: Algorithm,
}

impl<'a> Compact<'a> {
    pub(super) fn parse(raw: &'a str, wanted: Kind) -> Result<Self, Refused> {
        if raw.len() > MAX_TOKEN_BYTES {
            return Err(Refused::TooLarge);
        }
        let three_parts = Refused::Malformed("three parts are needed");
        let (signing_input, encoded_signature) = raw.rsplit_once('.').ok_or(three_parts)?;
        let (encoded_header, encoded_payload) = signing_input.split_once('.').ok_or(three_parts)?;
        if encoded_payload.contains('.') {
            return Err(three_parts);
        }
        if encoded_header.len() > MAX_HEADER_BYTES {
            return Err(Refused::Malformed("the header is too long"));
        }
        let header = decode(encoded_header, "the header is not base64url")?;
        let header =
            strict_json::parse_object(&header).map_err(|_| Refused::Malformed("the header is not plain JSON"))?;
        let header = Header::check(header, wanted)?;
        Ok(Self { header, signing_input, encoded_payload, encoded_signature })
    }

    pub(super) fn payload(&self) -> Result<Vec<u8>, Refused> {
        decode(self.encoded_payload, "the payload is not base64url")
    }

    /// SHA-256 of what is signed.
    ///
    /// Not of the signature: from a good ECDSA signature anybody can compute a second good one, so the same proof
    /// would count as another.
    pub(super) fn digest(&self) -> Sha256 {
        Sha256::of(self.signing_input)
    }

    /// Checks the signature with the key that the header names.
    pub(super) fn prove(&self, keys: &KeySet) -> Result<(), Refused> {
        let Header { kid, algorithm, .. } = &self.header;
        let key = keys.find(kid.as_deref()).ok_or(match kid {
            Some(_) => Refused::UnknownKey,
            None => Refused::KeyNotNamed,
        })?;
        if !key.fits(*algorithm) {
            return Err(Refused::Algorithm);
        }
        // The library decodes leniently in some versions; the form is ours to check.
        decode(self.encoded_signature, "the signature is not base64url")?;
        match crypto::verify(self.encoded_signature, self.signing_input.as_bytes(), &key.public, *algorithm) {
            Ok(true) => Ok(()),
            Ok(false) | Err(_) => Err(Refused::Signature),
        }
    }
}

/// base64url (RFC 4648 §5) without padding, white space or unused bits: one text for one sequence of bytes.
fn decode(encoded: &str, problem: &'static str) -> Result<Vec<u8>, Refused> {
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_| Refused::Malformed(problem))
}

impl Header {
    fn check(mut members: Map<String, Value>, wanted: Kind) -> Result<Self, Refused> {
        if let Some(name) = REFUSED_MEMBERS.into_iter().find(|name| members.contains_key(*name)) {
            return Err(Refused::Header(name));
        }
        let fits = match (wanted, members.get("typ")) {
            (Kind::Outside, None) => true,
            (Kind::Outside, Some(Value::String(typ))) => {
                ["JWT", "JOSE"].iter().any(|known| typ.eq_ignore_ascii_case(known))
            }
            // RFC 9068 §4: with or without the prefix that media types have.
            (Kind::Access, Some(Value::String(typ))) => {
                typ.strip_prefix("application/").unwrap_or(typ) == ACCESS_TOKEN_TYP
            }
            (Kind::Outside | Kind::Access, _) => false,
        };
        if !fits {
            return Err(Refused::TokenType);
        }
        let Some(Value::String(alg)) = members.remove("alg") else {
            return Err(Refused::Algorithm);
        };
        let algorithm = jwks::algorithm_named(&alg).ok_or(Refused::Algorithm)?;
        if wanted == Kind::Access && algorithm != Algorithm::ES256 {
            return Err(Refused::Algorithm);
        }
        let kid = match members.remove("kid") {
            None => None,
            Some(Value::String(kid)) if jwks::is_good_kid(&kid) => Some(kid),
            Some(_) => return Err(Refused::Malformed("its `kid` is not a short printable text")),
        };
        Ok(Self { alg, kid, algorithm })
    }
}
