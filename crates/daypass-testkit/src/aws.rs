//! Where whatever runs at AWS finds its keys: the agent beside a container, and the metadata of a machine (`IMDSv2`), on a
//! loopback port.
//!
//! ```no_run
//! use daypass_testkit::aws::{Agent, Keys};
//!
//! let keys = Keys { access_key_id: "ASIA…".into(), secret_access_key: "…".into(), session_token: "…".into() };
//! let agent = Agent::start(keys, "eu-central-1");
//! let task = agent.container_variables(); // of a task of ECS, or a pod with a role
//! let machine = agent.machine_variables(); // of an EC2 machine
//! # drop((task, machine));
//! ```
//!
//! What is asked for wrongly is refused, and [`Agent::complaints`] says why: a container without its token, `IMDSv1`, a
//! token that was asked for through a proxy. botocore, which asks both in its own way, judges that (`tests/aws/judge.py`).
//!
//! What is *not* here: AWS itself, which verifies signatures (`tests/aws/sts.py`).

#![expect(clippy::expect_used, reason = "a test kit that cannot start should stop the test")]

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread::JoinHandle,
};

use axum::{
    Json, Router,
    extract::{Path, State as Shared},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
    routing::{get, put},
};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// What the container gives its agent, to be told from its neighbours.
const CONTAINER_TOKEN: &str = "Basic token-of-this-container";

/// What the metadata service gives whoever asks with a `PUT`.
const METADATA_TOKEN: &str = "AQAEAmetadata-token-of-this-machine==";

const ROLE: &str = "role-of-the-machine";

/// Temporary keys of a role.
#[derive(Debug, Clone)]
pub struct Keys {
    /// `ASIA…`.
    pub access_key_id: String,
    /// What signs.
    pub secret_access_key: String,
    /// The session.
    pub session_token: String,
}

/// The agent and the metadata service. Stops when dropped.
#[derive(Debug)]
pub struct Agent {
    state: Arc<State>,
    url: String,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct State {
    keys: Keys,
    region: String,
    complaints: Mutex<Vec<String>>,
    asked: Mutex<Vec<&'static str>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Agent {
    /// Starts one that gives out `keys`.
    pub fn start(keys: Keys, region: &str) -> Self {
        let (complaints, asked) = Default::default();
        let state = Arc::new(State { keys, region: region.to_owned(), complaints, asked });
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let url = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        listener.set_nonblocking(true).expect("a socket can be non-blocking");
        let (end, ended) = oneshot::channel::<()>();
        let router = router(Arc::clone(&state));
        let serve = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                tokio::select! {
                    _ = axum::serve(listener, router).into_future() => {}
                    _ = ended => {}
                }
            });
        };
        Self { state, url, end: Some(end), thread: Some(std::thread::spawn(serve)) }
    }

    /// What a container finds in its environment, where the agent is not at the address of ECS (Fargate, EKS).
    pub fn container_variables(&self) -> [(&'static str, String); 3] {
        [
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", format!("{}/v1/credentials", self.url)),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN", CONTAINER_TOKEN.to_owned()),
            ("AWS_REGION", self.state.region.clone()),
        ]
    }

    /// What moves the metadata service of a machine to here. A real machine has no such variable.
    pub fn machine_variables(&self) -> [(&'static str, String); 1] {
        [("AWS_EC2_METADATA_SERVICE_ENDPOINT", format!("{}/", self.url))]
    }

    /// What was wrong with requests, one sentence each.
    pub fn complaints(&self) -> Vec<String> {
        locked(&self.state.complaints).clone()
    }

    /// What was asked for and given, in turn.
    pub fn given(&self) -> Vec<&'static str> {
        locked(&self.state.asked).clone()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/v1/credentials", get(container))
        .route("/latest/api/token", put(metadata_token))
        .route("/latest/meta-data/iam/security-credentials/", get(role))
        .route("/latest/meta-data/iam/security-credentials/{role}", get(role_keys))
        .route("/latest/meta-data/placement/region", get(region))
        .route("/latest/meta-data/placement/availability-zone/", get(zone))
        .with_state(state)
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

impl State {
    fn refuse(&self, status: StatusCode, why: &str) -> Response {
        locked(&self.complaints).push(why.to_owned());
        (status, why.to_owned()).into_response()
    }

    fn give(&self, what: &'static str, answer: impl axum::response::IntoResponse) -> Response {
        locked(&self.asked).push(what);
        answer.into_response()
    }

    fn metadata(&self, headers: &HeaderMap, what: &'static str, answer: String) -> Response {
        if text(headers, "x-aws-ec2-metadata-token") != METADATA_TOKEN {
            return self.refuse(StatusCode::UNAUTHORIZED, "metadata were asked for without a token (IMDSv1)");
        }
        self.give(what, answer)
    }

    fn keys(&self, more: &Value) -> Value {
        let mut keys = json!({
            "AccessKeyId": self.keys.access_key_id,
            "SecretAccessKey": self.keys.secret_access_key,
            "Token": self.keys.session_token,
            "Expiration": "2099-01-01T00:00:00Z",
        });
        if let (Value::Object(keys), Value::Object(more)) = (&mut keys, more) {
            keys.extend(more.clone());
        }
        keys
    }
}

async fn container(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    if text(&headers, "authorization") != CONTAINER_TOKEN {
        return state.refuse(StatusCode::FORBIDDEN, "a container asked without its token");
    }
    let keys = state.keys(&json!({ "RoleArn": "arn:aws:iam::123456789012:role/build" }));
    state.give("container keys", Json(keys))
}

async fn metadata_token(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    if headers.contains_key("x-forwarded-for") {
        return state.refuse(StatusCode::FORBIDDEN, "a metadata token was asked for through a proxy");
    }
    let seconds: u32 = text(&headers, "x-aws-ec2-metadata-token-ttl-seconds").parse().unwrap_or(0);
    if !(1..=21600).contains(&seconds) {
        return state.refuse(StatusCode::BAD_REQUEST, "a metadata token was asked for without a lifetime");
    }
    state.give("metadata token", METADATA_TOKEN)
}

async fn role(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    state.metadata(&headers, "role", ROLE.to_owned())
}

async fn role_keys(Shared(state): Shared<Arc<State>>, Path(role): Path<String>, headers: HeaderMap) -> Response {
    if role != ROLE {
        return state.refuse(StatusCode::NOT_FOUND, "the machine has no such role");
    }
    let more = json!({ "Code": "Success", "Type": "AWS-HMAC", "LastUpdated": "2026-11-26T00:00:00Z" });
    let keys = state.keys(&more).to_string();
    state.metadata(&headers, "machine keys", keys)
}

async fn region(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let region = state.region.clone();
    state.metadata(&headers, "region", region)
}

async fn zone(Shared(state): Shared<Arc<State>>, headers: HeaderMap) -> Response {
    let zone = format!("{}a", state.region);
    state.metadata(&headers, "zone", zone)
}
