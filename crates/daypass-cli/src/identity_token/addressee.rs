//! For whom an outside token is meant, before it leaves this machine.
//!
//! Whoever receives an outside token can spend it at the server it is meant for. So a server gets one only if the
//! token names that server, or if the person named both together.
//!
//! What is *not* here: whether the token is genuine, which only the server can judge. `aud` is read unverified:
//! it can keep a token here, and lets none in anywhere.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{Timestamp, public_url::PublicUrl, secret::Secret};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::LONGEST;
use crate::failure::{Failure, Status};

/// How a server and an outside token came together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pairing {
    /// A person named them together, so the server may judge the audience: some issuers have only one.
    Explicit,
    /// They were named apart: the token must be addressed to the server.
    ByAudience,
}

/// What is read of the claims. A claim that is there twice is an error.
#[derive(Deserialize)]
struct Addressed {
    aud: Option<Value>,
}

/// The same, for when it ends (RFC 7519 §4.1.4).
#[derive(Deserialize)]
struct Ending {
    exp: Option<i64>,
}

/// An audience that identity tokens are asked for (RFC 7519 §4.1.3): one short word, printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct TokenAudience(String);

impl TokenAudience {
    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TokenAudience {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
        if text.is_empty() || text.len() > 255 || !text.bytes().all(plain) {
            return Err("an audience is one word of at most 255 printable characters, usually a URL");
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for TokenAudience {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<TokenAudience> for String {
    fn from(audience: TokenAudience) -> Self {
        audience.0
    }
}

impl fmt::Display for TokenAudience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Pairing {
    /// Whether `outside_token` may be sent to `server`, for which it must be meant as `wanted`.
    pub(crate) fn check(self, outside_token: &Secret, server: &PublicUrl, wanted: &str) -> Result<(), Failure> {
        let audience = audience(outside_token)?;
        if self == Self::Explicit || audience.as_ref().is_some_and(|audience| is_only(audience, wanted)) {
            return Ok(());
        }
        let meant =
            audience.map_or("for nobody in particular".to_owned(), |audience| format!("for {}", told(&audience)));
        let message = format!("the identity token is meant {meant} and not for `{wanted}`, so it was not sent there");
        Err(Failure::new(Status::SignInNeeded, message).hint(format!(
            "get a token with the audience `{wanted}`; if the issuer's audience is fixed and the token is for this \
             server, `DAYPASS_SERVER={server}` says so"
        )))
    }
}

/// Whether an outside token says itself that it is over: to explain a refusal, and for nothing else.
pub(crate) fn has_ended(outside_token: &Secret, now: Timestamp) -> bool {
    let ending: Option<Ending> = claims(outside_token);
    ending.and_then(|ending| ending.exp).is_some_and(|end| end <= now.as_second())
}

/// The `aud` of a JWT (RFC 7519 §4.1.3), as it is written.
fn audience(outside_token: &Secret) -> Result<Option<Value>, Failure> {
    let addressed: Addressed = claims(outside_token).ok_or_else(|| {
        Failure::new(Status::SignInNeeded, "the identity token cannot be read, so it was not sent")
            .hint("an identity token is a JWT, whose second part is a JSON object in base64url")
    })?;
    Ok(addressed.aud)
}

/// Some of the claims, unverified. `None` where they cannot be read.
fn claims<T: DeserializeOwned>(outside_token: &Secret) -> Option<T> {
    let token = Some(outside_token.expose()).filter(|token| token.len() as u64 <= LONGEST)?;
    let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    // Only an object: serde would read a struct from a list too.
    let claims = Some(claims).filter(|claims| claims.trim_ascii_start().starts_with(b"{"))?;
    serde_json::from_slice(&claims).ok()
}

/// Whether `wanted` is the one audience. Where there are several, each of them could spend the token at the others.
fn is_only(audience: &Value, wanted: &str) -> bool {
    let one = match audience {
        Value::Array(several) => match several.as_slice() {
            [one] => one,
            _ => return false,
        },
        one => one,
    };
    one.as_str() == Some(wanted)
}

/// An audience for people: short, and nothing that moves a terminal's cursor.
fn told(audience: &Value) -> String {
    let text = audience.as_str().map_or_else(|| audience.to_string(), ToOwned::to_owned);
    let plain = |c: char| if c == ' ' || c.is_ascii_graphic() { c } else { char::REPLACEMENT_CHARACTER };
    let short: String = text.chars().take(120).map(plain).collect();
    format!("`{short}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "https://packages.example.com";

    fn check(pairing: Pairing, claims: &str) -> Result<(), Failure> {
        let token = format!("eyJhbGciOiJFUzI1NiJ9.{}.c2lnbmF0dXJl", URL_SAFE_NO_PAD.encode(claims));
        pairing.check(&Secret::new(token), &SERVER.parse().unwrap(), SERVER)
    }

    #[test]
    fn a_token_for_this_server_alone_may_go_there() {
        for claims in
            [r#"{"aud":"https://packages.example.com"}"#, r#" {"sub":1,"aud":["https://packages.example.com"]}"#]
        {
            assert_eq!(check(Pairing::ByAudience, claims), Ok(()), "{claims}");
        }
    }

    #[test]
    fn a_token_for_somebody_else_may_not_unless_a_person_paired_them() {
        for claims in [
            r"{}",
            r#"{"aud":null}"#,
            r#"{"aud":""}"#,
            r#"{"aud":[]}"#,
            r#"{"aud":74}"#,
            r#"{"aud":{"https://packages.example.com":1}}"#,
            r#"{"aud":[["https://packages.example.com"]]}"#,
            r#"{"aud":"https://other.example.com"}"#,
            r#"{"aud":"https://packages.example.com/"}"#,
            r#"{"aud":"HTTPS://packages.example.com"}"#,
            r#"{"aud":"https://packages.example.com.evil.test"}"#,
            r#"{"aud":"http://packages.example.com"}"#,
            r#"{"aud":["https://packages.example.com","https://other.example.com"]}"#,
            r#"{"aud":["https://packages.example.com","https://packages.example.com"]}"#,
        ] {
            let failure = check(Pairing::ByAudience, claims).unwrap_err();
            assert_eq!(failure.status, Status::SignInNeeded, "{claims}");
            assert_eq!(check(Pairing::Explicit, claims), Ok(()), "{claims}");
        }
    }

    #[test]
    fn what_cannot_be_read_goes_nowhere() {
        let twice = r#"{"aud":"https://packages.example.com","aud":"https://other.example.com"}"#;
        let deep = format!("{{\"aud\":{}1{}}}", "[".repeat(1000), "]".repeat(1000));
        let long = format!("{{\"aud\":\"{SERVER}\",\"x\":\"{}\"}}", "x".repeat(64 * 1024));
        for claims in ["", "nonsense", "[]", "null", r#"["https://packages.example.com"]"#, twice, &deep, &long] {
            for pairing in [Pairing::ByAudience, Pairing::Explicit] {
                let failure = check(pairing, claims).unwrap_err();
                assert!(failure.message.contains("cannot be read"), "{failure}");
            }
        }
        for token in ["", "x", "eyJhbGciOiJFUzI1NiJ9.!.x"] {
            assert!(Pairing::Explicit.check(&Secret::new(token), &SERVER.parse().unwrap(), SERVER).is_err(), "{token}");
        }
    }

    #[test]
    fn an_audience_is_told_short_and_plain() {
        let claims = format!("{{\"aud\":\"\\u001b[31m\u{202e}{}\"}}", "x".repeat(500));
        let failure = check(Pairing::ByAudience, &claims).unwrap_err();
        assert!(failure.message.chars().count() < 250, "{failure}");
        assert!(!failure.message.contains(['\u{1b}', '\u{202e}']), "{failure}");
    }
}
