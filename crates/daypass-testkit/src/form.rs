//! Queries and forms (`application/x-www-form-urlencoded`), read as a strict server reads them.

use std::fmt::Write;

use axum::{extract::Query, http::Uri};
use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use sha2::{Digest, Sha256};

/// Names and values, none twice (RFC 6749 §3.1, §3.2).
#[derive(Debug, Default)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads an encoded form.
    pub(crate) fn read(encoded: &str) -> Result<Self, String> {
        let uri: Uri = format!("/?{encoded}").parse().map_err(|_| "this is no form".to_owned())?;
        let Query(fields) = Query::<Vec<(String, String)>>::try_from_uri(&uri).map_err(|_| "this is no form")?;
        for (number, (name, _)) in fields.iter().enumerate() {
            if fields.iter().skip(number + 1).any(|(other, _)| other == name) {
                return Err(format!("`{name}` is there twice"));
            }
        }
        Ok(Self(fields))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| &**value)
    }

    /// A field that must be there.
    pub(crate) fn need(&self, name: &str) -> Result<&str, String> {
        self.get(name).filter(|value| !value.is_empty()).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// A field that must be there and be this.
    pub(crate) fn must_be(&self, name: &str, wanted: &str) -> Result<(), String> {
        if self.need(name)? == wanted { Ok(()) } else { Err(format!("`{name}` is not `{wanted}`")) }
    }
}

/// `Authorization: Basic` as RFC 6749 §2.3.1 has it: both halves are form-encoded before they are joined.
pub(crate) fn basic_credentials(header: &str) -> Option<(String, String)> {
    let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let form = Form::read(&format!("id={id}&secret={secret}")).ok()?;
    Some((form.get("id")?.to_owned(), form.get("secret")?.to_owned()))
}

/// RFC 7636 §4.6, and the verifier's form (§4.1).
pub(crate) fn check_pkce(challenge: &str, verifier: &str) -> Result<(), String> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(good) {
        return Err("the `code_verifier` is malformed".to_owned());
    }
    if URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)) == challenge {
        Ok(())
    } else {
        Err("the `code_verifier` is not that of the `code_challenge`".to_owned())
    }
}

/// `base?name=value&…`, each value encoded.
pub(crate) fn with_query(base: &str, fields: &[(&str, &str)]) -> String {
    let mut url = base.to_owned();
    for (name, value) in fields {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(name);
        url.push('=');
        for byte in value.bytes() {
            if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
                url.push(char::from(byte));
            } else {
                let _ = write!(url, "%{byte:02X}");
            }
        }
    }
    url
}
