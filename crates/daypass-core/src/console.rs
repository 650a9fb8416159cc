//! The web console: how its session stands in a browser, and what its forms must bring along.
//!
//! Issuer and index both know this: the issuer signs people in and sets the cookies, the index reads them and draws
//! the pages. What is *not* here: HTTP, the pages.

use crate::{digest::Sha256, public_url::PublicUrl, secret::Secret};

/// The console as an OAuth client, a public one that every server knows (RFC 6749 §2.1).
pub const CLIENT: &str = "daypass-console";

/// Where the console begins.
pub const HOME: &str = "/console/";

/// Where a sign-in for the console begins; `to` in its query says where it ends.
pub const SIGN_IN: &str = "/console/sign-in";

/// Where the answer to the authorization request goes.
pub const CALLBACK: &str = "/console/callback";

/// Where signing out is posted to.
pub const SIGN_OUT: &str = "/console/sign-out";

/// The form field of [`form_key`].
pub const FORM_KEY: &str = "key";

/// How much of an access token one cookie holds, in bytes. Browsers keep 4,096 of name and value (RFC 6265bis §5.7).
const PIECE: usize = 3_800;

/// In how many cookies an access token may come: as many as the longest that is signed needs.
pub const PIECES: usize = 4;

/// The cookie that holds a piece of the access token.
///
/// `__Host-` is a promise that browsers keep: set over TLS, by this very host, for all of it (RFC 6265bis §4.1.3.2).
pub fn access_cookie(server: &PublicUrl, piece: usize) -> String {
    format!("{}daypass-console-{piece}", prefix(server))
}

/// The cookie that holds the refresh token.
pub fn session_cookie(server: &PublicUrl) -> String {
    format!("{}daypass-console-session", prefix(server))
}

fn prefix(server: &PublicUrl) -> &'static str {
    if server.as_str().starts_with("https:") { "__Host-" } else { "" }
}

/// The pieces of an access token, one for each cookie; the last are empty. `None`: it does not fit.
pub fn pieces(access_token: &Secret) -> Option<[&str; PIECES]> {
    let mut rest = access_token.expose();
    let mut pieces = [""; PIECES];
    for piece in &mut pieces {
        (*piece, rest) = rest.split_at_checked(PIECE.min(rest.len()))?;
    }
    rest.is_empty().then_some(pieces)
}

/// The access token whose pieces `find` knows by the names of their cookies.
pub fn joined<'a>(server: &PublicUrl, find: impl Fn(&str) -> Option<&'a str>) -> Option<Secret> {
    let pieces = (0..PIECES).map_while(|piece| find(&access_cookie(server, piece)).filter(|value| !value.is_empty()));
    let whole = Secret::new(pieces.collect::<String>());
    (!whole.is_empty()).then_some(whole)
}

/// The value of the cookie of that name among the `Cookie` headers of a request.
pub fn cookie<'a>(headers: impl Iterator<Item = &'a str>, name: &str) -> Option<&'a str> {
    let mut cookies = headers.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    cookies.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// What a form of the console must bring along: only a page that was drawn for this very access token has it, so no
/// page of another site can send the form (cross-site request forgery).
pub fn form_key(access_token: &Secret) -> String {
    // A digest of the access token with a name before it is worth nothing anywhere else.
    Sha256::of(Secret::new(format!("daypass console form\n{}", access_token.expose())).expose()).to_string()
}

/// Whether a form was sent by a page of this server, as the browser says.
///
/// `Sec-Fetch-Site` (Fetch Metadata) tells it plainly; where a browser does not send that, `Origin` must be ours. One that
/// sends neither is refused.
pub fn is_same_origin(server: &PublicUrl, sec_fetch_site: Option<&str>, origin: Option<&str>) -> bool {
    match sec_fetch_site {
        Some(site) => site == "same-origin",
        None => origin.is_some_and(|origin| origin == server.as_str()),
    }
}

/// A path of the console, to go back to after a sign-in. Nothing else is ever gone on to: this is no open redirector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnTo(Box<str>);

impl ReturnTo {
    /// The longest, in bytes.
    const LONGEST: usize = 1024;

    /// `path`, if it is one of the console's pages; else its home.
    pub fn or_home(path: Option<&str>) -> Self {
        let ours = |path: &&str| {
            path.len() <= Self::LONGEST
                && path.starts_with(HOME)
                && path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'#'))
        };
        Self(path.filter(ours).unwrap_or(HOME).into())
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> PublicUrl {
        "https://packages.example.com".parse().unwrap()
    }

    #[test]
    fn an_access_token_of_any_length_comes_back_whole() {
        for length in [1, PIECE - 1, PIECE, PIECE + 1, 12_000, PIECES * PIECE] {
            let access_token = Secret::new("abcdefg".repeat(3000).get(..length).unwrap());
            let pieces = pieces(&access_token).unwrap();
            let find = |name: &str| (0..PIECES).find(|n| access_cookie(&server(), *n) == name).map(|n| pieces[n]);
            assert_eq!(joined(&server(), find), Some(access_token));
        }
        assert_eq!(pieces(&Secret::new("a".repeat(PIECES * PIECE + 1))), None);
        assert_eq!(joined(&server(), |_| None), None);
        assert_eq!(joined(&server(), |_| Some("")), None);
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let lines = || ["a=1; xb=2", "b=3;c=d=e"].into_iter();
        assert_eq!(cookie(lines(), "b"), Some("3"));
        assert_eq!(cookie(lines(), "c"), Some("d=e"));
        assert_eq!(cookie(lines(), "d"), None);
        assert!(access_cookie(&server(), 0).starts_with("__Host-"));
        assert!(!session_cookie(&"http://127.0.0.1:1".parse().unwrap()).starts_with("__Host-"));
    }

    #[test]
    fn a_sign_in_ends_in_the_console_only() {
        for path in ["/console/", "/console/python/", "/console/python/acme/?version=1.0&q=a%20b"] {
            assert_eq!(ReturnTo::or_home(Some(path)).as_str(), path);
        }
        let long = format!("/console/{}", "a".repeat(2000));
        for path in [
            "",
            "/",
            "//evil.example.com/console/",
            "https://evil.example.com/console/",
            "/console",
            "/oauth/authorize",
            "/console/\\evil",
            "/console/a b",
            "/console/\r\nSet-Cookie: a=b",
            "/console/#x",
            &long,
        ] {
            assert_eq!(ReturnTo::or_home(Some(path)).as_str(), HOME, "{path}");
        }
        assert_eq!(ReturnTo::or_home(None).as_str(), HOME);
    }

    #[test]
    fn a_form_of_another_site_is_told_apart() {
        let ours = Some("https://packages.example.com");
        assert!(is_same_origin(&server(), Some("same-origin"), None));
        assert!(is_same_origin(&server(), None, ours));
        for (site, origin) in [
            (Some("cross-site"), ours),
            (Some("same-site"), ours),
            (Some("none"), ours),
            (None, Some("https://evil.example.com")),
            (None, Some("null")),
            (None, None),
        ] {
            assert!(!is_same_origin(&server(), site, origin), "{site:?} {origin:?}");
        }
        let (one, other) = (Secret::new("one"), Secret::new("other"));
        assert_eq!(form_key(&one), form_key(&one));
        assert_ne!(form_key(&one), form_key(&other));
    }
}
