//! OAuth clients: who may start a sign-in here, and where its answer may go.

use crate::{
    console,
    names::{ClientId, InvalidName},
    provider::SecretSource,
    public_url::PublicUrl,
};

/// The command line, a public client that every server knows (RFC 6749 §2.1).
pub const COMMAND_LINE: &str = "daypass-cli";

/// An OAuth client that is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// What people are told is asking.
    pub name: Box<str>,
    /// Where an authorization code may be sent.
    pub redirect_uris: Vec<RedirectUri>,
    /// Its secret; with one it is confidential, and may introspect (RFC 7662 §2.1).
    pub secret: Option<SecretSource>,
}

impl Client {
    /// The command line as a client.
    pub fn command_line() -> Result<Self, InvalidName> {
        let loopback = |host: &str| RedirectUri::Loopback { host: host.into(), path: "/callback".into() };
        Ok(Self {
            id: COMMAND_LINE.parse()?,
            name: "the daypass command line".into(),
            redirect_uris: vec![loopback("127.0.0.1"), loopback("[::1]")],
            secret: None,
        })
    }

    /// The web console of `server` as a client.
    pub fn console(server: &PublicUrl) -> Result<Self, InvalidName> {
        Ok(Self {
            id: console::CLIENT.parse()?,
            name: "the web console".into(),
            redirect_uris: vec![RedirectUri::Exact(server.join(console::CALLBACK).into())],
            secret: None,
        })
    }

    /// Whether a code may be sent to `uri`.
    pub fn may_redirect_to(&self, uri: &str) -> bool {
        self.redirect_uris.iter().any(|registered| registered.is(uri))
    }
}

/// Where a code may be sent. Compared as text, never as a parsed URL: what two programs could read differently is not
/// equal (RFC 9700 §2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RedirectUri {
    /// Exactly this.
    Exact(Box<str>),
    /// `http`, a literal loopback address, any port, exactly this path (RFC 8252 §7.3).
    Loopback {
        /// `127.0.0.1` or `[::1]`; never `localhost` (RFC 8252 §8.3).
        host: Box<str>,
        /// The path, with its slash.
        path: Box<str>,
    },
}

/// A text cannot be registered as a redirect URI.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` cannot be a redirect URI: use `https://HOST/PATH`, or `http://127.0.0.1/PATH` for any port there")]
pub struct InvalidRedirectUri(String);

impl std::str::FromStr for RedirectUri {
    type Err = InvalidRedirectUri;

    fn from_str(text: &str) -> Result<Self, InvalidRedirectUri> {
        let refuse = || InvalidRedirectUri(text.chars().take(200).flat_map(char::escape_debug).collect());
        let url = url::Url::parse(text).map_err(|_| refuse())?;
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'*' | b'#' | b'@');
        if text.len() > 500 || !text.bytes().all(plain) || url.host().is_none() {
            return Err(refuse());
        }
        for host in ["127.0.0.1", "[::1]"] {
            let rest = text.strip_prefix("http://").and_then(|rest| rest.strip_prefix(host));
            if let Some(path) = rest.map(without_port).filter(|path| path.starts_with('/') && !path.contains('?')) {
                return Ok(Self::Loopback { host: host.into(), path: path.into() });
            }
        }
        if url.scheme() == "https" { Ok(Self::Exact(text.into())) } else { Err(refuse()) }
    }
}

impl RedirectUri {
    fn is(&self, uri: &str) -> bool {
        match self {
            Self::Exact(exact) => **exact == *uri,
            Self::Loopback { host, path } => {
                let rest = uri.strip_prefix("http://").and_then(|rest| rest.strip_prefix(&**host));
                rest.is_some_and(|rest| without_port(rest) == &**path)
            }
        }
    }
}

/// What follows `:PORT`, or all of it when no port, or none that could be one, leads.
fn without_port(text: &str) -> &str {
    let Some(after) = text.strip_prefix(':') else { return text };
    let end = after.find(|char: char| !char.is_ascii_digit()).unwrap_or(after.len());
    let (digits, rest) = after.split_at_checked(end).unwrap_or((after, ""));
    let sane = !digits.starts_with('0') && digits.parse::<u16>().is_ok();
    if sane { rest } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_native_client_may_use_any_port_of_the_literal_loopback_and_nothing_else() {
        let client = Client::command_line().unwrap();
        for uri in ["http://127.0.0.1:1/callback", "http://127.0.0.1:65535/callback", "http://[::1]:4242/callback"] {
            assert!(client.may_redirect_to(uri), "{uri}");
        }
        for uri in [
            "",
            "http://localhost:4242/callback",
            "http://127.0.0.1:4242/callback/",
            "http://127.0.0.1:4242/callback?x=1",
            "http://127.0.0.1:4242/callback#x",
            "http://127.0.0.1:4242/Callback",
            "http://127.0.0.1:4242/other/../callback",
            "http://127.0.0.1:0/callback",
            "http://127.0.0.1:080/callback",
            "http://127.0.0.1:65536/callback",
            "http://127.0.0.1:/callback",
            "http://127.0.0.1:+80/callback",
            "http://127.0.0.1:80:90/callback",
            "http://127.0.0.1:80@evil.test/callback",
            "http://user@127.0.0.1:4242/callback",
            "http://127.0.0.1.evil.test:4242/callback",
            "http://127.1:4242/callback",
            "http://2130706433:4242/callback",
            "https://127.0.0.1:4242/callback",
            "HTTP://127.0.0.1:4242/callback",
            "http://127.0.0.1:4242\\@evil.test/callback",
            "http://127.0.0.1:4242/call%62ack",
            "http://127.0.0.2:4242/callback",
            "http://[::ffff:127.0.0.1]:4242/callback",
            "daypass://callback",
        ] {
            assert!(!client.may_redirect_to(uri), "{uri}");
        }
    }

    #[test]
    fn the_console_is_sent_to_at_its_own_server_only() {
        let console = Client::console(&"https://packages.example.com".parse().unwrap()).unwrap();
        assert!(console.may_redirect_to("https://packages.example.com/console/callback"));
        for uri in [
            "https://packages.example.com/console/callback/",
            "https://packages.example.com.evil.test/console/callback",
            "http://packages.example.com/console/callback",
            "http://127.0.0.1:4242/console/callback",
        ] {
            assert!(!console.may_redirect_to(uri), "{uri}");
        }
    }

    #[test]
    fn what_cannot_be_meant_cannot_be_registered() {
        for uri in [
            "http://app.example.com/cb",
            "http://localhost/cb",
            "https://*.example.com/cb",
            "https://app.example.com/cb#x",
            "https://user@app.example.com/cb",
            "javascript:alert(1)",
            "http://127.0.0.1",
            "cb",
        ] {
            assert!(uri.parse::<RedirectUri>().is_err(), "{uri}");
        }
        let exact: RedirectUri = "https://app.example.com/cb?x=1".parse().unwrap();
        assert!(exact.is("https://app.example.com/cb?x=1") && !exact.is("https://app.example.com/cb"));
        let loopback: RedirectUri = "http://127.0.0.1:5000/cb".parse().unwrap();
        assert!(loopback.is("http://127.0.0.1:6000/cb") && !loopback.is("http://[::1]:6000/cb"));
    }
}
