//! What a tool means when it names a *service*: an index URL, a bare host, or something that is no host at all.
//!
//! Service names come from requirements files and command lines that a stranger may have written, and the answer
//! is a credential. So this reads far less than a URL parser would: where two programs could read a text
//! differently (a backslash, two `@`, `127.1`, a control character), it is nobody's service. pip, uv and we must
//! never disagree about which host is meant.
//!
//! What is *not* here: whether the service is ours (`trust.rs`). No I/O.

use std::net::Ipv6Addr;

use daypass_core::public_url::PublicUrl;

/// A service that could be a server's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Service {
    /// A URL, reduced to its origin: scheme, host and port, without the scheme's default port.
    Origin(String),
    /// `host` or `host:port`, without a scheme, as written but in lower case.
    ///
    /// Some tools ask by it only, so it is answered; what that does not promise is in `SECURITY.md`.
    Authority(String),
}

impl Service {
    /// Reads a service name. `None`: it names no host, such as `python-poetry-check` or nothing at all.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'^' | b'`');
        if text.is_empty() || text.len() > 2048 || !text.bytes().all(plain) {
            return None;
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return bare(text);
        };
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => 443,
            "http" => 80,
            _ => return None,
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // RFC 3986 3.2.1: what stands before the `@` is user information, and a second `@` must be encoded.
        let authority = match authority.split_once('@') {
            Some((_, host)) if host.contains('@') => return None,
            Some((_, host)) => host,
            None => authority,
        };
        let (host, port) = host_and_port(authority)?;
        match port {
            Some(port) if port != default_port => Some(Self::Origin(format!("{scheme}://{host}:{port}"))),
            _ => Some(Self::Origin(format!("{scheme}://{host}"))),
        }
    }

    /// Whether `server` is meant: the same origin, byte for byte. Never a part of one.
    pub(crate) fn is(&self, server: &PublicUrl) -> bool {
        match self {
            Self::Origin(origin) => origin == server.as_str(),
            Self::Authority(authority) => {
                let default_port = if server.as_str().starts_with("https:") { ":443" } else { ":80" };
                authority == server.authority() || authority.strip_suffix(default_port) == Some(server.authority())
            }
        }
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
///
/// A single word without dot and port is free text: poetry and pdm ask for words of their own, which must cost
/// nothing. `localhost` is the one exception. A server with a one-word name is known by its URL.
fn bare(text: &str) -> Option<Service> {
    let (host, port) = host_and_port(text)?;
    if !host.contains(['.', ':']) && port.is_none() && host != "localhost" {
        return None;
    }
    Some(Service::Authority(port.map_or(host.clone(), |port| format!("{host}:{port}"))))
}

fn host_and_port(authority: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (address, after) = rest.split_once(']')?;
        let address: Ipv6Addr = address.parse().ok()?;
        let port = match after.strip_prefix(':') {
            Some(digits) => Some(port(digits)?),
            None if after.is_empty() => None,
            None => return None,
        };
        return Some((format!("[{address}]"), port));
    }
    let (host, port) = match authority.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits)?)),
        None => (authority, None),
    };
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let sane = !host.is_empty() && host.len() <= 253 && host.bytes().all(good);
    sane.then(|| (host.to_ascii_lowercase(), port))
}

fn port(digits: &str) -> Option<u16> {
    let sane = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if sane { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(service: &str, server: &str) -> bool {
        Service::parse(service).is_some_and(|service| service.is(&server.parse().unwrap()))
    }

    #[test]
    fn every_way_to_write_our_own_index_is_ours() {
        for service in [
            "https://packages.example.com/python/simple/",
            "https://packages.example.com",
            "HTTPS://Packages.Example.COM:443/x?y#z",
            "https://_token@packages.example.com/python/simple/",
            "https://user:word@packages.example.com/python/simple/",
            "packages.example.com",
            "Packages.Example.Com:443",
        ] {
            assert!(is(service, "https://packages.example.com"), "{service}");
        }
        for service in ["http://127.0.0.1:8080/python/simple/", "127.0.0.1:8080", "http://127.0.0.1:8080"] {
            assert!(is(service, "http://127.0.0.1:8080"), "{service}");
        }
        assert!(is("http://[0:0::1]:9/x", "http://[::1]:9") && is("[::1]:9", "http://[::1]:9"));
        assert!(is("localhost", "http://localhost") && is("localhost:80", "http://localhost"));
        assert!(is("https://packages/python/simple/", "https://packages"));
    }

    #[test]
    fn no_look_alike_is_ours() {
        for service in [
            "https://packages.example.com.evil.test/python/simple/",
            "https://evil-packages.example.com/",
            "https://evil.packages.example.com/",
            "https://packages.example.com@evil.test/",
            "https://packages.example.com:443@evil.test/",
            "https://evil.test/https://packages.example.com/",
            "https://evil.test#@packages.example.com/",
            "https://evil.test?@packages.example.com/",
            "https://evil.test\\@packages.example.com/",
            "https://packages.example.com\\@evil.test/",
            "https://a@evil.test@packages.example.com/",
            "https://packages.example.com\t.evil.test/",
            "https://packages.example.com\n/",
            " https://packages.example.com/",
            "https://packages.example.com:8443/",
            "https://packages.example.com:0443/",
            "https://packages.example.com:/",
            "https://packages.example.com:+443/",
            "https://packages.example.com:65979/",
            "https://packages.example.com./",
            "https:packages.example.com",
            "https:///packages.example.com",
            "http://packages.example.com/python/simple/",
            "ftp://packages.example.com/",
            "packages.example.com:80",
            "packages.example.com/",
            "user@packages.example.com",
            "example.com",
            "packages.example.co",
            "pack%61ges.example.com",
            "pаckages.example.com", // a Cyrillic letter
        ] {
            assert!(!is(service, "https://packages.example.com"), "{service}");
        }
        for service in ["http://127.1:8080/", "http://2130706433:8080/", "http://127.0.0.1:80801/", "127.0.0.1"] {
            assert!(!is(service, "http://127.0.0.1:8080"), "{service}");
        }
    }

    #[test]
    fn free_text_is_no_service_at_all() {
        for text in ["", "python-poetry-check", "poetry-repository-acme", "pdm-pypi-acme", "a b", "/", "://", "@", "ü"]
        {
            assert_eq!(Service::parse(text), None, "{text}");
        }
    }
}
