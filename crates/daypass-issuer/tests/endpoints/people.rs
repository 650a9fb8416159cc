//! A house to which people come: a provider, clients, a role; and a browser that follows our pages.

use std::collections::BTreeMap;

use axum::{body::Body, http::Request};
use daypass_core::{policy::Policy, secret::Secret, session::SessionLimits};
use daypass_issuer::LoadedPolicy;
use daypass_oidc::http::{HttpClient, HttpOptions, Reach};
use daypass_testkit::oidc::{Provider, people::Client};
use serde_json::{Value, json};
use url::{Url, form_urlencoded};

use crate::house::{Answer, House, URL, from};

/// RFC 7636 appendix B.
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(crate) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// The public client.
pub(crate) const APP: &str = "app";
pub(crate) const APP_URI: &str = "https://app.example.com/cb";

/// The confidential one. Its secret holds what Basic credentials must encode.
pub(crate) const WATCH: &str = "watch";
pub(crate) const WATCH_SECRET: &str = "s:e+c r%t";

/// What the command line listens at.
pub(crate) const LOOPBACK: &str = "http://127.0.0.1:5555/callback";

/// How long after its end an access token is still accepted, in seconds: clocks differ.
pub(crate) const LEEWAY: i64 = 30;

/// What a policy says of the provider at `url`, of clients and of roles.
pub(crate) fn written(url: &str) -> String {
    format!(
        r#"
        [[issuer]]
        name = "ci"
        url = "{url}"
        keys = {{ discovery = true }}

        [[identity]]
        name = "ci/app"
        issuer = "ci"
        claims = {{ repository_id = "74" }}
        grants = [ {{ index = "python", projects = ["acme-*"], actions = ["pull"] }} ]

        [[provider]]
        name = "corp"
        label = "Example Corp"
        url = "{url}"
        client_id = "daypass"

        [[client]]
        client_id = "app"
        name = "My <b>app</b>"
        redirect_uris = ["https://app.example.com/cb", "https://app.example.com/cb?keep=1"]

        [[client]]
        client_id = "watch"
        redirect_uris = ["https://watch.example.com/cb"]
        client_secret = {{ env = "WATCH" }}

        [[role]]
        role = "reader"
        index = "python"
        groups = ["corp/engineering"]
        "#
    )
}

/// A policy with the secrets it names.
pub(crate) fn loaded(text: &str) -> LoadedPolicy {
    LoadedPolicy {
        policy: Policy::merge([Policy::parse(text).unwrap()]).unwrap().into(),
        client_secrets: [(WATCH.parse().unwrap(), Secret::new(WATCH_SECRET))].into(),
        ..LoadedPolicy::default()
    }
}

/// One provider, and Ada, who may read.
pub(crate) async fn house() -> House {
    house_at(URL, SessionLimits::default()).await
}

pub(crate) async fn house_at(public_url: &str, sessions: SessionLimits) -> House {
    let house = House::build_at(public_url, sessions, |url| loaded(&written(url))).await;
    receives(&house.provider, public_url, "corp");
    ada(&house.provider, json!(["engineering"]));
    house
}

/// The provider knows us.
pub(crate) fn receives(provider: &Provider, public_url: &str, name: &str) {
    provider.set_client(Client::public("daypass", &format!("{public_url}/oauth/callback/{name}")));
}

/// Ada is who signs in at the provider.
pub(crate) fn ada(provider: &Provider, groups: Value) {
    let claims = json!({
        "sub": "00u1", "name": "Ada", "email": "ada@example.com", "email_verified": true, "groups": groups,
    });
    provider.set_person(claims, json!({}));
}

/// A second provider, and the policy with both; the second has a domain.
pub(crate) async fn second(house: &House) -> Provider {
    let other = Provider::start().await;
    receives(&other, URL, "other");
    let more = format!(
        "[[provider]]\nname = \"other\"\nlabel = \"The \\\"others\\\"\"\nurl = \"{}\"\nclient_id = \"daypass\"\n\
         domains = [\"other.example.com\"]\n[[role]]\nrole = \"publisher\"\nindex = \"python\"\nusers = [\"other/*\"]\n",
        other.url()
    );
    house.issuer.replace_policy(loaded(&format!("{}{more}", written(house.provider.url())))).unwrap();
    other
}

/// A good authorization request of the public client, with `changes`; an empty value takes a parameter away.
pub(crate) fn asks(changes: &[(&str, &str)]) -> String {
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", APP),
        ("redirect_uri", APP_URI),
        ("state", "st&te="),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    change(&mut fields, changes);
    format!("/oauth/authorize?{}", encoded(&fields))
}

pub(crate) fn change<'a>(fields: &mut Vec<(&'a str, &'a str)>, changes: &[(&'a str, &'a str)]) {
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields.retain(|(_, value)| !value.is_empty());
}

pub(crate) fn encoded(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The parameters of a URL's query; none comes twice.
pub(crate) fn query(url: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in Url::parse(url).unwrap().query_pairs() {
        assert!(found.insert(name.into_owned(), value.into_owned()).is_none(), "twice in {url}");
    }
    found
}

impl Answer {
    /// Where an in-between page goes on to.
    pub(crate) fn onward(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.body);
        let found =
            self.body.split_once("http-equiv=\"refresh\" content=\"0;url=").and_then(|(_, rest)| rest.split_once('"'));
        let url = found.unwrap_or_else(|| panic!("it does not go on: {}", self.body)).0;
        url.replace("&#38;", "&").replace("&#39;", "'").replace("&#34;", "\"").replace("&amp;", "&")
    }

    /// What a redirect to the client tells it. There is no page with it, and nobody keeps it.
    pub(crate) fn told(&self) -> BTreeMap<String, String> {
        assert_eq!(self.status, 303, "{}", self.body);
        assert_eq!(self.headers["cache-control"], "no-store");
        assert_eq!(self.headers["referrer-policy"], "no-referrer");
        query(self.headers["location"].to_str().unwrap())
    }

    /// The sealed sign-in of a page.
    pub(crate) fn sealed(&self) -> String {
        let found = self.body.split_once("name=\"request\" value=\"").and_then(|(_, rest)| rest.split_once('"'));
        found.unwrap_or_else(|| panic!("no form: {}", self.body)).0.replace("&#43;", "+").replace("&#61;", "=")
    }

    /// That it is a page that says so, and takes nobody anywhere.
    #[track_caller]
    pub(crate) fn is_page(&self, status: u16, what: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        assert!(self.body.contains(what), "{what} is not in {}", self.body);
        assert!(!self.headers.contains_key("location") && !self.body.contains("http-equiv=\"refresh\""));
    }
}

/// A browser: cookies by name with their paths, and somebody who clicks.
pub(crate) struct Browser<'h> {
    house: &'h House,
    pub(crate) cookies: BTreeMap<String, (String, String)>,
    pub(crate) peer: &'static str,
}

impl<'h> Browser<'h> {
    pub(crate) fn new(house: &'h House) -> Self {
        Self { house, cookies: BTreeMap::new(), peer: "192.0.2.7" }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(Request::get(path), path, Body::empty()).await
    }

    pub(crate) async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request, path, encoded(fields).into()).await
    }

    async fn send(&mut self, request: axum::http::request::Builder, path: &str, body: Body) -> Answer {
        let sent = self.cookies.iter().filter(|(_, (_, of))| path.starts_with(&**of));
        let sent: Vec<_> = sent.map(|(name, (value, _))| format!("{name}={value}")).collect();
        let mut request = request.header("cookie", sent.join("; ")).body(body).unwrap();
        request.extensions_mut().insert(from(self.peer));
        let answer = self.house.send(request).await;
        for cookie in answer.headers.get_all("set-cookie") {
            self.keep(cookie.to_str().unwrap());
        }
        answer
    }

    fn keep(&mut self, cookie: &str) {
        // RFC 6265 §6.1: more, a browser need not keep.
        assert!(cookie.len() <= 4096, "{} bytes", cookie.len());
        let (pair, attributes) = cookie.split_once(';').unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        let path = attributes.split_once("Path=").unwrap().1.split(';').next().unwrap();
        if attributes.contains("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.to_owned(), (value.to_owned(), path.to_owned()));
        }
    }

    /// From our page to the provider, where nobody is asked anything: the callback it sends the browser to.
    pub(crate) async fn at_provider(&mut self, page: &Answer) -> String {
        let url = Url::parse(&page.onward()).unwrap();
        let client = HttpClient::new(HttpOptions::new(Reach::PrivateToo));
        let answer = client.get_bounded(&url, 10_000).await.unwrap();
        assert_eq!(answer.status, 303, "{}", String::from_utf8_lossy(&answer.body));
        let callback = Url::parse(answer.headers["location"].to_str().unwrap()).unwrap();
        format!("{}?{}", callback.path(), callback.query().unwrap())
    }

    /// From our page to the provider and back.
    pub(crate) async fn through_provider(&mut self, page: &Answer) -> Answer {
        let callback = self.at_provider(page).await;
        self.get(&callback).await
    }

    /// From the client to us, to the provider, to us: our answer.
    pub(crate) async fn signs_in(&mut self, request: &str) -> Answer {
        let page = self.get(request).await;
        self.through_provider(&page).await
    }

    /// The same, with the click that a loopback client needs first.
    pub(crate) async fn clicks_and_signs_in(&mut self, request: &str) -> Answer {
        let page = self.get(request).await;
        page.is_page(200, "Continue with");
        let sealed = page.sealed();
        let page = self.post("/oauth/sign-in", &[("request", &sealed), ("provider", "corp")]).await;
        self.through_provider(&page).await
    }

    /// A code of the public client.
    pub(crate) async fn code(&mut self) -> String {
        let url = self.signs_in(&asks(&[])).await.onward();
        query(&url).remove("code").unwrap_or_else(|| panic!("no code in {url}"))
    }
}

impl House {
    /// Redeems a code as the public client, with `changes`.
    pub(crate) async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Answer {
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("client_id", APP),
            ("redirect_uri", APP_URI),
            ("code_verifier", VERIFIER),
            ("code", code),
        ];
        change(&mut form, changes);
        self.post("/oauth/token", &form).await
    }

    pub(crate) async fn refresh(&self, refresh_token: &str) -> Answer {
        let form = [("grant_type", "refresh_token"), ("client_id", APP), ("refresh_token", refresh_token)];
        self.post("/oauth/token", &form).await
    }

    /// A whole sign-in: what the token endpoint answered.
    pub(crate) async fn session(&self) -> Tokens {
        let code = Browser::new(self).code().await;
        Tokens::of(&self.redeem(&code, &[]).await)
    }

    pub(crate) async fn session_api(&self, access_token: &str) -> Answer {
        let request = Request::get("/api/v1/session").header("authorization", format!("Bearer {access_token}"));
        self.send(request.body(Body::empty()).unwrap()).await
    }

    /// Introspects as the confidential client.
    pub(crate) async fn introspect(&self, token: &str) -> Value {
        let form = [("token", token), ("client_id", WATCH), ("client_secret", WATCH_SECRET)];
        let answer = self.post("/oauth/introspect", &form).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        answer.json()
    }

    pub(crate) async fn is_active(&self, token: &str) -> bool {
        let answer = self.introspect(token).await;
        let active = answer["active"].as_bool().unwrap();
        // RFC 7662 §2.2: nothing is said about one that is not.
        assert!(active || answer == json!({"active": false}), "{answer}");
        active
    }
}

/// What the token endpoint hands out.
#[derive(Clone)]
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    pub(crate) body: Value,
}

impl Tokens {
    #[track_caller]
    pub(crate) fn of(answer: &Answer) -> Self {
        assert_eq!(answer.status, 200, "{}", answer.body);
        let body = answer.json();
        let text = |name: &str| body[name].as_str().unwrap().to_owned();
        Self { access: text("access_token"), refresh: text("refresh_token"), body }
    }
}

/// A refusal of the token endpoint with its word for programs: `400 invalid_grant (replayed)`.
#[track_caller]
pub(crate) fn refused(answer: &Answer) -> String {
    let body = answer.json();
    assert_eq!(answer.headers["cache-control"], "no-store");
    let reason = body["reason"].as_str().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!("{} {}{reason}", answer.status, body["error"].as_str().unwrap())
}
