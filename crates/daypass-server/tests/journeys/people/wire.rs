//! A client of our own, which sends whatever an attacker would: authorization requests, codes, refresh tokens.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{browser::Page, office::Office};
use crate::http::{Answer, post_form};

/// RFC 7636 Appendix B's verifier: long enough, and no secret here.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
/// Where nobody listens: the browser stops there.
pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:8765/callback";

/// An authorization request in the making (RFC 6749 §4.1.1).
#[derive(Clone)]
pub(crate) struct Ask(Vec<(String, String)>);

impl Ask {
    /// As `daypass login` asks.
    pub(crate) fn new() -> Self {
        let fields = [
            ("response_type", "code"),
            ("client_id", "daypass-cli"),
            ("redirect_uri", REDIRECT_URI),
            ("state", "the-state"),
            ("code_challenge", &challenge(VERIFIER)),
            ("code_challenge_method", "S256"),
            ("provider", "corp"),
        ];
        Self(fields.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec())
    }

    /// With another value, or none.
    pub(crate) fn with(mut self, name: &str, value: Option<&str>) -> Self {
        self.0.retain(|(known, _)| known != name);
        self.0.extend(value.map(|value| (name.to_owned(), value.to_owned())));
        self
    }

    /// With one more field, whether there is one of that name or not.
    pub(crate) fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The path and query.
    pub(crate) fn path(&self) -> String {
        let mut url = url::Url::parse("http://daypass.invalid/oauth/authorize").unwrap();
        url.query_pairs_mut().extend_pairs(&self.0);
        format!("{}?{}", url.path(), url.query().unwrap())
    }
}

pub(crate) fn challenge(verifier: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

/// A parameter of an address.
pub(crate) fn parameter(url: &str, name: &str) -> Option<String> {
    let url = url::Url::parse(url).ok()?;
    url.query_pairs().find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
}

impl Office {
    /// Alice allows what `ask` asks; the address that she is sent back to.
    pub(crate) fn allowed(&mut self, ask: &Ask) -> String {
        self.browser.stops_at("http://127.0.0.1:8765/");
        self.browser.visited();
        self.browser.arrives_at_provider(&format!("{}{}", self.world.url(), ask.path()));
        self.browser.signs_in_as("alice");
        let visited = self.browser.visited();
        let back = visited.iter().rfind(|url| url.starts_with("http://127.0.0.1:8765/"));
        back.unwrap_or_else(|| panic!("she was not sent back: {visited:#?}")).clone()
    }

    /// A code that alice allowed.
    pub(crate) fn code(&mut self, ask: &Ask) -> String {
        let back = self.allowed(ask);
        parameter(&back, "code").unwrap_or_else(|| panic!("no code in {back}"))
    }

    /// A request to the token endpoint as the client that is built in.
    pub(crate) fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let client = [("client_id", "daypass-cli")];
        let all: Vec<_> = fields.iter().chain(&client).copied().collect();
        self.world.send(&post_form("/oauth/token", &all))
    }

    /// Trades a code for tokens.
    pub(crate) fn redeem(&self, code: &str) -> Answer {
        self.token(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", VERIFIER),
        ])
    }

    /// Trades a refresh token for the next.
    pub(crate) fn refresh(&self, refresh_token: &str) -> Answer {
        self.token(&[("grant_type", "refresh_token"), ("refresh_token", refresh_token)])
    }

    /// The tokens of a new session of alice.
    pub(crate) fn session(&mut self) -> Value {
        let code = self.code(&Ask::new());
        let answer = self.redeem(&code);
        assert_eq!(answer.status, 200, "{}", answer.everything());
        answer.json()
    }

    /// Whether a code that alice allows now can be spent.
    pub(crate) fn redeem_of_a_new_code(&mut self) -> u16 {
        let code = self.code(&Ask::new());
        self.redeem(&code).status
    }

    /// The browser's page is an error of ours: it leads nowhere and shows no code.
    pub(crate) fn assert_refused(&mut self, page: &Page) {
        assert!(page.url.starts_with(&self.world.url()), "it was sent on to {}", page.url);
        assert!(page.text.contains("What to do"), "not an error page: {}", page.text);
        self.assert_no_code();
    }

    /// The browser was sent nowhere with a code.
    pub(crate) fn assert_no_code(&mut self) {
        let visited = self.browser.visited();
        assert!(!visited.iter().any(|url| url.contains("code=daypass_ac_")), "{visited:#?}");
    }
}

/// The string of a JSON object.
pub(crate) fn text_of(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_else(|| panic!("no `{key}` in {value}")).to_owned()
}
