//! GitHub, as far as signing in goes: its OAuth 2.0 and the four API calls about a person, in their wire format.
//!
//! ```no_run
//! # async fn example() {
//! use daypass_testkit::github::{GitHub, Person, Trouble};
//!
//! let github = GitHub::start("client-id", "client-secret", "http://127.0.0.1/callback").await;
//! github.set_person(Person::new(583_231, "octocat").in_org(9919, "acme").in_team(9919, "acme", 7, "platform"));
//! github.set_trouble(Trouble::ApiUnauthorized);
//! # }
//! ```
//!
//! It is strict where GitHub is strict, and about PKCE. What is *not* here: anything else that GitHub does.

mod answers;
mod person;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::{net::TcpListener, task::JoinHandle};

pub use person::{Email, Organization, Person, Team};

/// What is wrong with GitHub at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Trouble {
    /// Nothing.
    #[default]
    None,
    /// Every code is unknown or expired: `bad_verification_code`, with status 200 as all its refusals.
    BadVerificationCode,
    /// The client's secret was replaced.
    IncorrectClientCredentials,
    /// The person has not verified an e-mail address.
    UnverifiedUserEmail,
    /// The token endpoint answers as a form, as it does without `Accept`.
    AnswersAsForm,
    /// The token endpoint redirects.
    TokenRedirects,
    /// The API takes no access token.
    ApiUnauthorized,
    /// The API says that there were too many requests.
    ApiRateLimited,
    /// The API answers 503.
    ApiFails,
    /// Organizations may not be read: the person did not grant it.
    OrgsForbidden,
    /// Every page of a list is followed by another, for ever.
    PagesWithoutEnd,
    /// Every page of a list is ten megabytes long.
    HugePages,
    /// `GET /user` has no id.
    NoId,
    /// The `iss` of the callback is another's (RFC 9207).
    CallbackNamesAnother,
    /// There is no `iss`, as with servers of before 2026.
    CallbackNamesNobody,
}

/// GitHub, or somebody's GitHub Enterprise Server. Stops when dropped.
#[derive(Debug)]
pub struct GitHub {
    state: Arc<State>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct State {
    url: String,
    client_id: String,
    client_secret: String,
    redirect_uri: String,
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    person: Person,
    trouble: Trouble,
    /// Codes given out, with the PKCE challenge of each.
    codes: HashMap<String, String>,
    access_tokens: Vec<String>,
    given_out: u32,
    api_requests: Vec<String>,
    complaints: Vec<String>,
}

impl State {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl GitHub {
    /// Starts one on a free loopback port, with one OAuth app.
    pub async fn start(client_id: &str, client_secret: &str, redirect_uri: &str) -> Self {
        #![expect(clippy::expect_used, reason = "test code fails by panicking")]
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free loopback port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let inner = Inner {
            person: Person::new(583_231, "octocat"),
            trouble: Trouble::None,
            codes: HashMap::new(),
            access_tokens: Vec::new(),
            given_out: 0,
            api_requests: Vec::new(),
            complaints: Vec::new(),
        };
        let state = Arc::new(State {
            url: format!("http://{address}"),
            client_id: client_id.to_owned(),
            client_secret: client_secret.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            inner: Mutex::new(inner),
        });
        let router = answers::router(Arc::clone(&state));
        let server = tokio::spawn(async move {
            // Ends when the task is aborted.
            let _ = axum::serve(listener, router).await;
        });
        Self { state, server }
    }

    /// The site: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.state.url
    }

    /// Its API, where GitHub Enterprise Server has it.
    pub fn api_url(&self) -> String {
        format!("{}/api/v3", self.state.url)
    }

    /// From now on, this person signs in.
    pub fn set_person(&self, person: Person) {
        self.state.inner().person = person;
    }

    /// From now on, `trouble` ([`Trouble::None`] ends it).
    pub fn set_trouble(&self, trouble: Trouble) {
        self.state.inner().trouble = trouble;
    }

    /// What was asked of the API since it was last looked at: paths and queries.
    pub fn take_api_requests(&self) -> Vec<String> {
        std::mem::take(&mut self.state.inner().api_requests)
    }

    /// What was wrong with requests, one sentence each.
    pub fn complaints(&self) -> Vec<String> {
        self.state.inner().complaints.clone()
    }
}

impl Drop for GitHub {
    fn drop(&mut self) {
        self.server.abort();
    }
}
