//! The console's cookies, written and read.
//!
//! They last until the browser is closed, are never shown to scripts, are not sent along with other sites' forms, and
//! stay on TLS where there is TLS (RFC 6265bis).

use axum::http::{HeaderMap, HeaderValue, header};
use daypass_core::{console, digest::Sha256, public_url::PublicUrl, secret::Secret};

use crate::{
    issuer::Parts,
    sign_in::browser::{cookie, is_https},
};

/// How many sign-ins one browser can have under way: further ones take the place of others. Cookies that pile up would
/// make requests too long.
const ATTEMPTS: u8 = 4;

/// How long a browser keeps an attempt, in seconds.
const ATTEMPT_LIFE: u32 = 1800;

/// The cookies of the console at this server.
pub(super) struct Cookies<'a> {
    server: &'a PublicUrl,
    secure: &'static str,
}

impl<'a> Cookies<'a> {
    pub(super) fn of(parts: &'a Parts) -> Self {
        Self { server: &parts.public_url, secure: if is_https(parts) { "; Secure" } else { "" } }
    }

    /// The access token that the browser brought.
    pub(super) fn access_token(&self, headers: &HeaderMap) -> Option<Secret> {
        console::joined(self.server, |name| cookie(headers, name))
    }

    /// The refresh token that the browser brought.
    pub(super) fn refresh_token(&self, headers: &HeaderMap) -> Option<Secret> {
        cookie(headers, &console::session_cookie(self.server)).map(Secret::new)
    }

    /// Has the browser keep both. `false`: the access token is too long for that.
    pub(super) fn keep(&self, headers: &mut HeaderMap, access_token: &Secret, refresh_token: &Secret) -> bool {
        let Some(pieces) = console::pieces(access_token) else { return false };
        for (number, piece) in pieces.into_iter().enumerate() {
            self.set(headers, &console::access_cookie(self.server, number), piece);
        }
        self.set(headers, &console::session_cookie(self.server), refresh_token.expose());
        true
    }

    /// Has the browser forget both.
    pub(super) fn clear(&self, headers: &mut HeaderMap) {
        for number in 0..console::PIECES {
            self.set(headers, &console::access_cookie(self.server, number), "");
        }
        self.set(headers, &console::session_cookie(self.server), "");
    }

    /// The cookie of an attempt.
    pub(super) fn attempt(&self, state: &str) -> String {
        let slot = Sha256::of(state).as_bytes().first().copied().unwrap_or_default() % ATTEMPTS;
        format!("{}daypass-console-attempt-{slot}", if self.secure.is_empty() { "" } else { "__Secure-" })
    }

    /// Has the browser keep an attempt, for the callback only.
    pub(super) fn begin(&self, headers: &mut HeaderMap, state: &str, sealed: &str) {
        self.append(
            headers,
            &format!("{}={sealed}; Path={}; Max-Age={ATTEMPT_LIFE}", self.attempt(state), console::CALLBACK),
        );
    }

    /// Has the browser forget it.
    pub(super) fn end(&self, headers: &mut HeaderMap, state: &str) {
        self.append(headers, &format!("{}=; Path={}; Max-Age=0", self.attempt(state), console::CALLBACK));
    }

    fn set(&self, headers: &mut HeaderMap, name: &str, value: &str) {
        let life = if value.is_empty() { "; Max-Age=0" } else { "" };
        self.append(headers, &format!("{name}={value}; Path=/{life}"));
    }

    fn append(&self, headers: &mut HeaderMap, cookie: &str) {
        if let Ok(mut value) = HeaderValue::from_str(&format!("{cookie}; HttpOnly; SameSite=Lax{}", self.secure)) {
            value.set_sensitive(true);
            headers.append(header::SET_COOKIE, value);
        }
    }
}
