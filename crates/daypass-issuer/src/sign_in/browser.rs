//! Which browser it is: a random cookie, and nothing about anybody.

use aws_lc_rs::rand;
use axum::http::{HeaderMap, HeaderValue, header};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{digest::Sha256, secret::Secret};

use crate::issuer::Parts;

/// The length of 32 bytes in base64.
const LENGTH: usize = 43;

/// One browser, known by its cookie.
pub(crate) struct Browser(Secret);

impl Browser {
    /// The browser that sent these headers, if it has our cookie.
    pub(crate) fn of(headers: &HeaderMap, parts: &Parts) -> Option<Self> {
        let value = cookie(headers, name(parts))?;
        let sane = value.len() == LENGTH && URL_SAFE_NO_PAD.decode(value).is_ok();
        sane.then(|| Self(Secret::new(value)))
    }

    /// The browser that sent these headers, or a new one. `None`: there is no randomness.
    pub(crate) fn of_or_new(headers: &HeaderMap, parts: &Parts) -> Option<Self> {
        if let Some(known) = Self::of(headers, parts) {
            return Some(known);
        }
        let mut bytes = [0; 32];
        rand::fill(&mut bytes).ok()?;
        Some(Self(Secret::new(URL_SAFE_NO_PAD.encode(bytes))))
    }

    /// What a sign-in keeps of it.
    pub(crate) fn digest(&self) -> Sha256 {
        Sha256::of(self.0.expose())
    }

    /// The header that makes the browser keep it: until it is closed, never shown to scripts, not sent along by other
    /// sites' forms (RFC 6265bis §5.6.7).
    pub(crate) fn set_cookie(&self, parts: &Parts) -> Option<HeaderValue> {
        let secure = if is_https(parts) { "; Secure" } else { "" };
        let text = format!("{}={}; Path=/; HttpOnly; SameSite=Lax{secure}", name(parts), self.0.expose());
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// The value of a cookie.
pub(crate) fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// Whether browsers come by TLS: then cookies stay on it.
pub(crate) fn is_https(parts: &Parts) -> bool {
    parts.public_url.as_str().starts_with("https:")
}

fn name(parts: &Parts) -> &'static str {
    if is_https(parts) { "__Host-daypass" } else { "daypass" }
}
