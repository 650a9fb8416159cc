//! An OpenID provider such as a CI or a company runs, on a loopback port.
//!
//! ```no_run
//! # async fn example() {
//! use daypass_testkit::oidc::{Provider, Trouble};
//! use serde_json::json;
//!
//! let provider = Provider::start().await;
//! let outside_token = provider.token(json!({ "aud": "https://packages.example.com", "sub": "job" }));
//! let forged = provider.forge(json!({ "aud": "https://packages.example.com" })).unsigned("nOnE").build();
//! provider.set_trouble(Trouble::Fail);
//! # }
//! ```
//!
//! It signs people in, too ([`people`]): its authorization endpoint asks nothing and redirects at once.
//!
//! What is *not* here: anything that verifies an ID token. The keys, the JSON and the signatures are made by hand, so
//! that a mistake of ours cannot hide by being made twice.

mod answers;
mod forge;
mod keys;
pub mod people;
mod sign_in;

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::SystemTime,
};

use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub use forge::Forge;
use keys::Keys;
use people::People;

/// What is wrong with the provider at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Everything answers 503.
    Fail,
    /// Only the JWKS answers 503.
    FailJwks,
    /// Requests are accepted and never answered.
    Hang,
    /// The JWKS is sent one byte a second.
    Trickle,
    /// The JWKS is followed by a megabyte of spaces (and is valid JSON).
    HugeJwks,
    /// Discovery names an issuer that looks alike.
    WrongIssuer,
    /// Both documents are answered with a redirect to where they really are.
    Redirect,
    /// Discovery says that the keys are where cloud machines keep their credentials.
    JwksAtMetadataAddress,
    /// The JWKS has no keys.
    EmptyJwks,
    /// The JWKS has the RSA key only.
    OneKey,
    /// The JWKS has only keys that must not be used.
    OnlyBadKeys,
    /// The good keys stand among keys that must not be used.
    BadKeysAmongGood,
    /// The JWKS is not JSON.
    NotJson,
}

/// An OpenID provider. Stops when dropped.
#[derive(Debug)]
pub struct Provider {
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    url: String,
    keys: Mutex<Keys>,
    trouble: Mutex<Trouble>,
    job_claims: Value,
    people: Mutex<People>,
    discovery_requests: AtomicU64,
    jwks_requests: AtomicU64,
    minted: AtomicU64,
}

/// A mutex of test code: a panic elsewhere has already failed the test.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Provider {
    /// Starts one on a free loopback port.
    pub async fn start() -> Self {
        Self::start_on(SocketAddr::from(([127, 0, 0, 1], 0)), json!({})).await
    }

    /// Starts one at `listen`. `job_claims` are in the tokens that `GET /token?audience=…` answers with.
    pub async fn start_on(listen: SocketAddr, job_claims: Value) -> Self {
        #![expect(clippy::expect_used, reason = "test code fails by panicking")]
        let listener = TcpListener::bind(listen).await.expect("the fake provider's address is free");
        let address = listener.local_addr().expect("a bound socket has an address");
        let state = Arc::new(State {
            url: format!("http://{address}"),
            keys: Mutex::new(Keys::generate(1)),
            trouble: Mutex::default(),
            job_claims,
            people: Mutex::default(),
            discovery_requests: AtomicU64::new(0),
            jwks_requests: AtomicU64::new(0),
            minted: AtomicU64::new(0),
        });
        let router = answers::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // Ends when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Self { state, server }
    }

    /// Its issuer URL: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// An honest token, signed with RS256, with `claims` over the usual ones: `iss`, `iat`, `nbf`, `exp` (in five
    /// minutes) and a fresh `jti`. A claim given as `null` is left out.
    pub fn token(&self, claims: Value) -> String {
        self.forge(claims).build()
    }

    /// An honest token signed with ES256.
    pub fn token_es256(&self, claims: Value) -> String {
        self.forge(claims).es256().build()
    }

    /// Begins a token that is honest until the [`Forge`] is told otherwise.
    pub fn forge(&self, claims: Value) -> Forge {
        self.state.forge(claims)
    }

    /// The keys as published, whatever the trouble.
    pub fn jwks(&self) -> Value {
        locked(&self.state.keys).jwks()
    }

    /// Replaces all keys by new ones, with new key ids.
    pub fn rotate_keys(&self) {
        let generation = locked(&self.state.keys).generation();
        let new = Keys::generate(generation + 1);
        *locked(&self.state.keys) = new;
    }

    /// From now on, `trouble` ([`Trouble::None`] ends it).
    pub fn set_trouble(&self, trouble: Trouble) {
        *locked(&self.state.trouble) = trouble;
    }

    /// How often the discovery document was asked for.
    pub fn discovery_requests(&self) -> u64 {
        self.state.discovery_requests.load(Ordering::SeqCst)
    }

    /// How often the keys were asked for.
    pub fn jwks_requests(&self) -> u64 {
        self.state.jwks_requests.load(Ordering::SeqCst)
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl State {
    fn forge(&self, claims: Value) -> Forge {
        let now = unix_now();
        let number = self.minted.fetch_add(1, Ordering::SeqCst);
        let mut all = json!({
            "iss": self.url,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
            "jti": format!("jti-{number}-{:016x}", random()),
        });
        overlay(&mut all, claims);
        Forge::new(locked(&self.keys).clone(), all)
    }
}

/// Lays `over`'s members over `base`'s; a `null` removes a member.
pub(crate) fn overlay(base: &mut Value, over: Value) {
    let (Value::Object(base), Value::Object(over)) = (base, over) else { return };
    for (name, value) in over {
        set_or_remove(base, name, value);
    }
}

fn set_or_remove(object: &mut Map<String, Value>, name: String, value: Value) {
    if value.is_null() {
        object.remove(&name);
    } else {
        object.insert(name, value);
    }
}

/// Seconds since the Unix epoch.
pub fn unix_now() -> i64 {
    #![expect(clippy::disallowed_methods, reason = "the outside world has its own clock")]
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn random() -> u64 {
    let mut bytes = [0; 8];
    // A zero would do as well: the counter keeps the ids of one provider apart.
    let _ = getrandom::fill(&mut bytes);
    u64::from_le_bytes(bytes)
}
