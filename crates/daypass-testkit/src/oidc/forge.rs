//! Tokens as an attacker would make them.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE, URL_SAFE_NO_PAD},
};
use serde_json::{Map, Value, json};

use super::{
    keys::{self, Keys},
    overlay, set_or_remove,
};

/// Builds one token: honest by default (RS256, the published key), hostile as told.
///
/// Unless said otherwise the signature is *right* for what is sent, so that a test shows the one rule it is about and
/// not a broken signature.
#[derive(Debug, Clone)]
#[must_use = "call `build`"]
pub struct Forge {
    keys: Keys,
    header: Map<String, Value>,
    raw_header: Option<String>,
    claims: Value,
    raw_payload: Option<String>,
    signing: Signing,
    padded: bool,
}

#[derive(Debug, Clone)]
enum Signing {
    Rs256,
    Ps256,
    Es256,
    Hs256(Vec<u8>),
    Fixed(Vec<u8>),
}

impl Forge {
    pub(super) fn new(keys: Keys, claims: Value) -> Self {
        let mut header = Map::new();
        header.insert("typ".into(), json!("JWT"));
        let forge =
            Self { keys, header, raw_header: None, claims, raw_payload: None, signing: Signing::Rs256, padded: false };
        forge.rs256()
    }

    /// Sets a header member; `null` removes it.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        set_or_remove(&mut self.header, name.to_owned(), value.into());
        self
    }

    /// Lays more claims over those there are; `null` removes one.
    pub fn claims(mut self, claims: Value) -> Self {
        overlay(&mut self.claims, claims);
        self
    }

    /// The header as JSON text, to be edited and given back to [`Forge::raw_header`].
    pub fn header_text(&self) -> String {
        self.raw_header.clone().unwrap_or_else(|| Value::Object(self.header.clone()).to_string())
    }

    /// The payload as JSON text, to be edited and given back to [`Forge::raw_payload`].
    pub fn payload_text(&self) -> String {
        self.raw_payload.clone().unwrap_or_else(|| self.claims.to_string())
    }

    /// Sends exactly this text as the header.
    pub fn raw_header(mut self, text: impl Into<String>) -> Self {
        self.raw_header = Some(text.into());
        self
    }

    /// Sends exactly this text as the payload.
    pub fn raw_payload(mut self, text: impl Into<String>) -> Self {
        self.raw_payload = Some(text.into());
        self
    }

    /// Adds `"name":value` once more, at the end of the header.
    pub fn duplicate_in_header(self, name: &str, value: &Value) -> Self {
        let text = appended(&self.header_text(), name, &value.to_string());
        self.raw_header(text)
    }

    /// Adds `"name":value` once more, at the end of the payload.
    pub fn duplicate_in_payload(self, name: &str, value: &Value) -> Self {
        let text = appended(&self.payload_text(), name, &value.to_string());
        self.raw_payload(text)
    }

    /// Adds a claim `name` whose text is exactly `json`: numbers that `serde_json` would not write, for one.
    pub fn raw_claim(self, name: &str, json: &str) -> Self {
        let forge = self.claims(json!({ name: null }));
        let text = appended(&forge.payload_text(), name, json);
        forge.raw_payload(text)
    }

    /// Adds a claim of `levels` arrays, one in the other.
    pub fn nested(self, levels: usize) -> Self {
        self.raw_claim("deep", &format!("{}{}", "[".repeat(levels), "]".repeat(levels)))
    }

    /// Adds a claim that makes the whole token at least `bytes` long.
    pub fn at_least(self, bytes: usize) -> Self {
        let missing = bytes.saturating_sub(self.clone().build().len());
        self.claims(json!({ "padding": "x".repeat(missing) }))
    }

    /// Signs with the RSA key, PKCS#1 v1.5.
    pub fn rs256(self) -> Self {
        let kid = self.keys.rsa_kid();
        self.signed_as("RS256", &kid, Signing::Rs256)
    }

    /// Signs with the RSA key, PSS.
    pub fn ps256(self) -> Self {
        let kid = self.keys.rsa_kid();
        self.signed_as("PS256", &kid, Signing::Ps256)
    }

    /// Signs with the P-256 key.
    pub fn es256(self) -> Self {
        let kid = self.keys.ec_kid();
        self.signed_as("ES256", &kid, Signing::Es256)
    }

    /// `alg: none` in some spelling, with an empty signature.
    pub fn unsigned(self, spelling: &str) -> Self {
        let kid = self.keys.rsa_kid();
        self.signed_as(spelling, &kid, Signing::Fixed(Vec::new()))
    }

    /// HS256 with the public RSA key's PEM file as the secret.
    pub fn hs256_with_pem(self) -> Self {
        let secret = self.keys.rsa_pem().into_bytes();
        self.hs256(secret)
    }

    /// HS256 with the public RSA key's modulus as the secret.
    pub fn hs256_with_modulus(self) -> Self {
        let secret = self.keys.modulus();
        self.hs256(secret)
    }

    /// HS256 with any secret, under the RSA key's id.
    pub fn hs256(self, secret: impl Into<Vec<u8>>) -> Self {
        let kid = self.keys.rsa_kid();
        self.signed_as("HS256", &kid, Signing::Hs256(secret.into()))
    }

    /// ES256 with r = s = 0 (CVE-2022-21449, "psychic signatures").
    pub fn zero_signature(self) -> Self {
        let kid = self.keys.ec_kid();
        self.signed_as("ES256", &kid, Signing::Fixed(vec![0; 64]))
    }

    /// Keeps the header and sends these bytes as the signature.
    pub fn signature(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.signing = Signing::Fixed(bytes.into());
        self
    }

    /// Signs with keys that nobody published, under the published key ids.
    pub fn other_key(mut self) -> Self {
        self.keys = Keys::generate(self.keys.generation());
        self
    }

    /// Signs with keys that nobody published and puts the public one into the header as `jwk`.
    pub fn embedded_jwk(self) -> Self {
        let forge = self.other_key();
        let jwk = forge.keys.rsa_jwk();
        forge.header("jwk", jwk)
    }

    /// Signs with keys that nobody published and puts a certificate-like thing into the header as `x5c`.
    pub fn embedded_x5c(self) -> Self {
        let forge = self.other_key();
        let x5c = json!([STANDARD.encode(forge.keys.rsa_spki())]);
        forge.header("x5c", x5c)
    }

    /// Base64 with `=` at the end of every part.
    pub fn padded(mut self) -> Self {
        self.padded = true;
        self
    }

    fn signed_as(mut self, alg: &str, kid: &str, signing: Signing) -> Self {
        self.signing = signing;
        self.header("alg", alg).header("kid", kid)
    }

    /// The three parts, encoded, not yet joined.
    pub fn parts(self) -> [String; 3] {
        let encode = |bytes: &[u8]| if self.padded { URL_SAFE.encode(bytes) } else { URL_SAFE_NO_PAD.encode(bytes) };
        let header = encode(self.header_text().as_bytes());
        let payload = encode(self.payload_text().as_bytes());
        let message = format!("{header}.{payload}");
        let message = message.as_bytes();
        let signature = match &self.signing {
            Signing::Rs256 => self.keys.sign_rs256(message),
            Signing::Ps256 => self.keys.sign_ps256(message),
            Signing::Es256 => self.keys.sign_es256(message),
            Signing::Hs256(secret) => keys::sign_hs256(secret, message),
            Signing::Fixed(bytes) => bytes.clone(),
        };
        [header, payload, encode(&signature)]
    }

    /// The token.
    pub fn build(self) -> String {
        self.parts().join(".")
    }

    /// The token with another last character that decodes to the same signature in a lax decoder.
    pub fn build_non_canonical(self) -> String {
        const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut token = self.build();
        // 256 and 64 bytes both leave four unused bits in the last character, which must be zero.
        if let Some(last) = token.pop() {
            let position = ALPHABET.find(last).unwrap_or(0);
            token.extend(ALPHABET.chars().nth(position + 1));
        }
        token
    }
}

/// `{"a":1}` → `{"a":1,"name":value}`, whatever is in it already.
fn appended(text: &str, name: &str, value: &str) -> String {
    let inner = text.strip_suffix('}').unwrap_or(text);
    format!("{inner},\"{name}\":{value}}}")
}
