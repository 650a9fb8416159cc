//! Signing people in: who they are, who may ask, and how the provider lies about it.
//!
//! ```no_run
//! # async fn example() {
//! use daypass_testkit::oidc::{Provider, people::{Client, Lie}};
//! use serde_json::json;
//!
//! let provider = Provider::start().await;
//! provider.set_client(Client::confidential("daypass", "secret", "http://127.0.0.1/callback"));
//! provider.set_person(json!({ "sub": "00u1", "groups": ["engineering"] }), json!({ "name": "Ada" }));
//! provider.set_lie(Lie::CallbackNamesAnother);
//! provider.forge_id_tokens(|forge| forge.unsigned("none"));
//! # }
//! ```

use std::{collections::HashMap, fmt, sync::Arc};

use serde_json::{Value, json};

use super::{Forge, Provider, locked};

/// How the provider misbehaves when people sign in. What it says in ID tokens is up to
/// [`Provider::forge_id_tokens`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lie {
    /// Not at all.
    #[default]
    None,
    /// The `iss` of the callback is another's (RFC 9207).
    CallbackNamesAnother,
    /// The callback has no `iss`, whatever the metadata promises.
    CallbackNamesNobody,
    /// All keys are replaced between the request and the signature.
    RotateBeforeSigning,
    /// The token endpoint redirects the request, form and all.
    TokenRedirects,
    /// The token endpoint never answers.
    TokenHangs,
    /// The token endpoint answers ten megabytes of valid JSON.
    TokenIsHuge,
    /// The token endpoint answers 503.
    TokenFails,
    /// The token endpoint answers a web page.
    TokenIsNotJson,
    /// The token endpoint answers without an ID token, as plain OAuth does.
    NoIdToken,
    /// The token endpoint answers an access token of another type.
    OtherTokenType,
    /// Userinfo is about somebody else.
    UserinfoOfAnother,
    /// Userinfo does not say about whom it is.
    UserinfoOfNobody,
    /// Userinfo redirects.
    UserinfoRedirects,
    /// Userinfo is ten megabytes of valid JSON.
    UserinfoIsHuge,
    /// Userinfo answers 500.
    UserinfoFails,
}

/// Who may ask for people to be signed in.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its `client_id`.
    pub id: String,
    /// Its secret, if it has one.
    pub secret: Option<String>,
    /// Where its callback is, exactly.
    pub redirect_uri: String,
    /// How it must send its secret.
    pub authentication: Authentication,
}

/// How a client proves that it is itself (RFC 6749 §2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authentication {
    /// In the `Authorization` header, and nowhere else.
    Basic,
    /// In the form, and nowhere else.
    Post,
    /// It does not.
    None,
}

impl Client {
    /// One with a secret, sent in the header.
    pub fn confidential(id: &str, secret: &str, redirect_uri: &str) -> Self {
        let (id, secret, redirect_uri) = (id.to_owned(), Some(secret.to_owned()), redirect_uri.to_owned());
        Self { id, secret, redirect_uri, authentication: Authentication::Basic }
    }

    /// One without a secret.
    pub fn public(id: &str, redirect_uri: &str) -> Self {
        let (id, redirect_uri) = (id.to_owned(), redirect_uri.to_owned());
        Self { id, secret: None, redirect_uri, authentication: Authentication::None }
    }
}

/// Everything about signing in.
#[derive(Debug)]
pub(super) struct People {
    pub(super) client: Client,
    pub(super) in_id_token: Value,
    pub(super) in_userinfo: Value,
    pub(super) lie: Lie,
    pub(super) forging: Option<Forging>,
    pub(super) changed_metadata: Value,
    pub(super) codes: HashMap<String, Granted>,
    pub(super) access_tokens: Vec<String>,
    pub(super) complaints: Vec<String>,
    pub(super) asked: Asked,
}

impl Default for People {
    fn default() -> Self {
        Self {
            client: Client::public("nobody", "http://127.0.0.1/nowhere"),
            in_id_token: json!({ "sub": "somebody" }),
            in_userinfo: json!({}),
            lie: Lie::None,
            forging: None,
            changed_metadata: json!({}),
            codes: HashMap::new(),
            access_tokens: Vec::new(),
            complaints: Vec::new(),
            asked: Asked::default(),
        }
    }
}

/// How often what was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    /// The token endpoint.
    pub token: u32,
    /// Userinfo.
    pub userinfo: u32,
    /// Where redirects lead that nobody should follow.
    pub elsewhere: u32,
}

/// What a code was given out for.
#[derive(Debug, Clone)]
pub(super) struct Granted {
    pub(super) nonce: Option<String>,
    pub(super) challenge: String,
}

/// What is done to every ID token before it is built.
#[derive(Clone)]
pub(super) struct Forging(pub(super) Arc<dyn Fn(Forge) -> Forge + Send + Sync>);

impl fmt::Debug for Forging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forging")
    }
}

impl People {
    /// What discovery says about signing in.
    pub(super) fn metadata(&self, url: &str) -> Value {
        let methods = match self.client.authentication {
            Authentication::Basic => json!(["client_secret_basic", "client_secret_post"]),
            Authentication::Post => json!(["client_secret_post"]),
            Authentication::None => json!(["none"]),
        };
        json!({
            "authorization_endpoint": format!("{url}/authorize"),
            "token_endpoint": format!("{url}/oauth/token"),
            "userinfo_endpoint": format!("{url}/userinfo"),
            "scopes_supported": ["openid", "profile", "email", "groups"],
            "token_endpoint_auth_methods_supported": methods,
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": true,
        })
    }
}

impl Provider {
    /// From now on, this client and no other may ask.
    pub fn set_client(&self, client: Client) {
        locked(&self.state.people).client = client;
    }

    /// From now on, this person signs in. `userinfo` has the same `sub` unless it says otherwise.
    pub fn set_person(&self, id_token: Value, userinfo: Value) {
        let mut people = locked(&self.state.people);
        (people.in_id_token, people.in_userinfo) = (id_token, userinfo);
    }

    /// From now on, `lie` ([`Lie::None`] ends it).
    pub fn set_lie(&self, lie: Lie) {
        locked(&self.state.people).lie = lie;
    }

    /// From now on, every ID token passes through `forging` before it is built. `|forge| forge` ends it.
    pub fn forge_id_tokens(&self, forging: impl Fn(Forge) -> Forge + Send + Sync + 'static) {
        locked(&self.state.people).forging = Some(Forging(Arc::new(forging)));
    }

    /// Lays members over the discovery document; `null` removes one. `{}` ends it.
    pub fn change_metadata(&self, changes: Value) {
        locked(&self.state.people).changed_metadata = changes;
    }

    /// What a strict server found wrong with requests, one sentence each.
    pub fn complaints(&self) -> Vec<String> {
        locked(&self.state.people).complaints.clone()
    }

    /// How often what was asked for when people signed in.
    pub fn asked(&self) -> Asked {
        locked(&self.state.people).asked
    }
}
