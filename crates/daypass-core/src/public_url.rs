//! The one URL under which a server is known.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Url};

use crate::names::IndexName;

/// The origin of a daypass server, as the world sees it: scheme, host and port, nothing else.
///
/// It is the issuer's identifier (RFC 8414 §2) and the audience of every access token. Shown without a trailing
/// slash and compared byte for byte. `http` is allowed on loopback only: a credential never crosses a network in
/// clear text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicUrl(Box<str>);

/// Why a text cannot be a server's public URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPublicUrl {
    /// It does not parse.
    #[error("`{0}` is not a URL such as `https://packages.example.com`")]
    NotAUrl(String),
    /// Something other than `https`, or `http` on loopback.
    #[error("`{0}` must begin with `https://`; `http://` is for loopback addresses only")]
    NotSecure(String),
    /// It has a path, a query, a fragment or a user name.
    #[error("`{0}` must be a scheme, a host and a port only, without path, query or user name")]
    NotAnOrigin(String),
}

impl PublicUrl {
    /// The origin of `url`, whatever its path, query or user name.
    pub fn origin_of(url: &Url) -> Result<Self, InvalidPublicUrl> {
        let shown = || url.host_str().unwrap_or_default().to_owned();
        let secure = match (url.scheme(), url.host()) {
            ("https", Some(_)) => true,
            ("http", Some(host)) => is_loopback(&host),
            _ => return Err(InvalidPublicUrl::NotAUrl(shown())),
        };
        if !secure {
            return Err(InvalidPublicUrl::NotSecure(shown()));
        }
        Ok(Self(url.origin().ascii_serialization().into()))
    }

    /// The origin of a URL as people type it, with any path: `https://packages.example.com/python/simple/`.
    pub fn origin_of_text(text: &str) -> Result<Self, InvalidPublicUrl> {
        let shown = || text.chars().take(120).flat_map(char::escape_debug).collect::<String>();
        let url = Url::parse(text).map_err(|_| InvalidPublicUrl::NotAUrl(shown()))?;
        Self::origin_of(&url)
    }

    /// As text, without a trailing slash.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `host` or `host:port`, the way pip names an index when it asks `keyring` a second time.
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or(&*self.0, |(_, authority)| authority)
    }

    /// The URL of `path`, which begins with a slash.
    pub fn join(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The simple index's URL, with its trailing slash (PEP 503).
    pub fn index_url(&self, index: &IndexName) -> String {
        format!("{}/{index}/simple/", self.0)
    }

    /// Whether the host is this machine itself.
    pub fn is_loopback(&self) -> bool {
        Url::parse(&self.0).ok().and_then(|url| url.host().map(|host| is_loopback(&host))).unwrap_or(false)
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => *name == "localhost",
    }
}

impl std::str::FromStr for PublicUrl {
    type Err = InvalidPublicUrl;

    fn from_str(text: &str) -> Result<Self, InvalidPublicUrl> {
        let public = Self::origin_of_text(text)?;
        let bare = Url::parse(text).is_ok_and(|url| {
            url.path() == "/"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if bare { Ok(public) } else { Err(InvalidPublicUrl::NotAnOrigin(public.0.into())) }
    }
}

impl fmt::Display for PublicUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for PublicUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for PublicUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_shown_without_slash_and_default_port() {
        for (given, shown) in [
            ("https://Packages.Example.com/", "https://packages.example.com"),
            ("https://packages.example.com:443", "https://packages.example.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:9/", "http://[::1]:9"),
            ("http://localhost:1", "http://localhost:1"),
        ] {
            assert_eq!(given.parse::<PublicUrl>().unwrap().as_str(), shown);
        }
    }

    #[test]
    fn clear_text_beyond_loopback_and_more_than_an_origin_are_refused() {
        for text in [
            "http://packages.example.com",
            "http://127.0.0.1.evil.example",
            "http://localhost.evil.example",
            "http://10.0.0.1",
            "ftp://127.0.0.1",
            "https://",
            "packages.example.com",
            "https://packages.example.com/python",
            "https://packages.example.com/?a",
            "https://packages.example.com/#a",
            "https://user@packages.example.com",
        ] {
            assert!(text.parse::<PublicUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_index_url_is_the_contracts() {
        let server: PublicUrl = "https://packages.example.com".parse().unwrap();
        let index = "python".parse().unwrap();
        assert_eq!(server.index_url(&index), "https://packages.example.com/python/simple/");
        assert_eq!(server.authority(), "packages.example.com");
    }
}
