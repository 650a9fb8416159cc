//! A server that speaks the wire format of RFC 9728, 8414, 8693 and 7009, written from the standards and not from
//! our own code, which it judges. It counts what it is asked. How it signs people in is in `fake_issuer/people.rs`.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use axum::{
    Form, Json, Router,
    extract::{Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

pub(crate) mod indexes;
pub(crate) mod people;
pub(crate) mod policy;
pub(crate) mod pull_tokens;

use people::People;
use pull_tokens::PullTokens;

/// An outside token that the server takes. It names no audience.
pub(crate) const OUTSIDE_TOKEN: &str = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJqb2ItMSJ9.b3V0c2lkZS1wcm9vZg";

/// What one answer is made of.
#[derive(Debug, Clone)]
pub(crate) struct Behaviour {
    pub(crate) expires_in: u64,
    pub(crate) delay: Duration,
    /// Instead of a token.
    pub(crate) refusal: Option<(u16, Value)>,
    /// Whether an outside token is good only once, as the contract says.
    pub(crate) once: bool,
    /// The `resource` and `issuer` it claims to be.
    pub(crate) claims_to_be: Option<String>,
    pub(crate) date: Option<&'static str>,
}

#[derive(Debug)]
struct Seen {
    behaviour: Behaviour,
    exchanges: Vec<HashMap<String, String>>,
    revoked: Vec<String>,
    audit_queries: Vec<HashMap<String, String>>,
    requests: usize,
    people: People,
    policy: policy::Stored,
    pull_tokens: PullTokens,
    indexes: indexes::Indexes,
}

type Shared = Arc<(String, Mutex<Seen>)>;

/// A running server. It ends with the test's process.
#[derive(Debug, Clone)]
pub(crate) struct FakeIssuer {
    shared: Shared,
}

impl FakeIssuer {
    pub(crate) fn start() -> Self {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
                let url = format!("http://{}", listener.local_addr().unwrap());
                let behaviour = Behaviour {
                    expires_in: 3600,
                    delay: Duration::ZERO,
                    refusal: None,
                    once: false,
                    claims_to_be: None,
                    date: None,
                };
                let seen = Seen {
                    behaviour,
                    exchanges: vec![],
                    revoked: vec![],
                    audit_queries: vec![],
                    requests: 0,
                    people: People::default(),
                    policy: policy::Stored::default(),
                    pull_tokens: PullTokens::default(),
                    indexes: indexes::Indexes::default(),
                };
                let shared: Shared = Arc::new((url, Mutex::new(seen)));
                sender.send(Self { shared: Arc::clone(&shared) }).unwrap();
                axum::serve(listener, router(shared)).await.unwrap();
            });
        });
        receiver.recv().unwrap()
    }

    pub(crate) fn url(&self) -> &str {
        &self.shared.0
    }

    pub(crate) fn index_url(&self) -> String {
        format!("{}/python/simple/", self.url())
    }

    pub(crate) fn authority(&self) -> &str {
        self.url().trim_start_matches("http://")
    }

    /// An outside token that is meant for this server.
    pub(crate) fn outside_token(&self) -> String {
        let claims = json!({"aud": self.url(), "sub": "job-1"}).to_string();
        let (head, tail) = (OUTSIDE_TOKEN.split_once('.').unwrap().0, OUTSIDE_TOKEN.rsplit_once('.').unwrap().1);
        format!("{head}.{}.{tail}", URL_SAFE_NO_PAD.encode(claims))
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.1.lock().unwrap().behaviour);
    }

    pub(crate) fn exchanges(&self) -> Vec<HashMap<String, String>> {
        self.shared.1.lock().unwrap().exchanges.clone()
    }

    pub(crate) fn revoked(&self) -> Vec<String> {
        self.shared.1.lock().unwrap().revoked.clone()
    }

    pub(crate) fn audit_queries(&self) -> Vec<HashMap<String, String>> {
        self.shared.1.lock().unwrap().audit_queries.clone()
    }

    pub(crate) fn requests(&self) -> usize {
        self.shared.1.lock().unwrap().requests
    }
}

/// The access token that the server gives out at its `number`th exchange.
pub(crate) fn access_token(number: usize) -> String {
    format!("eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCJ9.eyJqdGkiOiJhY2Nlc3MtdG9rZW4ifQ.c2lnbmF0dXJl{number:04}")
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/.well-known/oauth-protected-resource", get(resource))
        .route("/.well-known/oauth-authorization-server", get(server))
        .route("/oauth/token", post(token))
        .route("/oauth/revoke", post(revoke))
        .route("/api/v1/audit", get(audit))
        .merge(people::router())
        .merge(policy::router())
        .merge(pull_tokens::router())
        .merge(indexes::router())
        .with_state(shared)
}

async fn resource(State(shared): State<Shared>) -> Json<Value> {
    let mut seen = shared.1.lock().unwrap();
    seen.requests += 1;
    let us = seen.behaviour.claims_to_be.clone().unwrap_or_else(|| shared.0.clone());
    Json(json!({"resource": us, "authorization_servers": [us], "bearer_methods_supported": ["header"]}))
}

async fn server(State(shared): State<Shared>) -> Json<Value> {
    let mut seen = shared.1.lock().unwrap();
    seen.requests += 1;
    let us = seen.behaviour.claims_to_be.clone().unwrap_or_else(|| shared.0.clone());
    Json(json!({
        "issuer": us,
        "authorization_endpoint": format!("{us}/oauth/authorize"),
        "device_authorization_endpoint": format!("{us}/oauth/device_authorization"),
        "token_endpoint": format!("{us}/oauth/token"),
        "revocation_endpoint": format!("{us}/oauth/revoke"),
        "jwks_uri": format!("{us}/.well-known/jwks.json"),
        "response_types_supported": ["code"],
        "grant_types_supported": ["urn:ietf:params:oauth:grant-type:token-exchange"],
    }))
}

async fn token(State(shared): State<Shared>, Form(form): Form<HashMap<String, String>>) -> Response {
    let is_machine = form.get("grant_type").is_some_and(|grant| grant == "client_credentials");
    if form.get("grant_type").is_some_and(|grant| !grant.ends_with(":token-exchange")) && !is_machine {
        return people::token(shared, form).await;
    }
    let (behaviour, number, replayed) = {
        let mut seen = shared.1.lock().unwrap();
        seen.requests += 1;
        let same = |old: &HashMap<String, String>| old.get("subject_token") == form.get("subject_token");
        let replayed = seen.behaviour.once && seen.exchanges.iter().any(same);
        seen.exchanges.push(form.clone());
        (seen.behaviour.clone(), seen.exchanges.len(), replayed)
    };
    tokio::time::sleep(behaviour.delay).await;
    let date = behaviour.date.map(|date| [("date", date)]);
    if let Some((status, body)) = behaviour.refusal {
        return (StatusCode::from_u16(status).unwrap(), date.unwrap_or([("x-date", "")]), Json(body)).into_response();
    }
    let field = |name: &str| form.get(name).map(String::as_str);
    // RFC 7523 2.2, RFC 6749 4.4
    if is_machine {
        let jwt_bearer = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        if field("client_assertion_type") != Some(jwt_bearer) || field("client_assertion").is_none() {
            return refused("invalid_client", "this is no assertion");
        }
        let body = json!({"access_token": access_token(number), "token_type": "Bearer",
            "expires_in": behaviour.expires_in, "identity": "service-account/build-box"});
        return Json(body).into_response();
    }
    let narrows = field("subject_token_type") == Some("urn:ietf:params:oauth:token-type:access_token");
    // RFC 9396 6
    if narrows && field("authorization_details").is_none_or(|details| serde_json::from_str::<Value>(details).is_err()) {
        return refused("invalid_authorization_details", "this says nothing");
    }
    // RFC 8693 2.1
    if field("grant_type") != Some("urn:ietf:params:oauth:grant-type:token-exchange")
        || !(narrows || field("subject_token_type") == Some("urn:ietf:params:oauth:token-type:jwt"))
        || field("subject_token").is_none()
    {
        return refused("invalid_request", "this is not a token exchange");
    }
    if replayed {
        return refused("invalid_request", "this outside token was already exchanged");
    }
    // RFC 8693 2.2.1
    Json(json!({
        "access_token": access_token(number),
        "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer",
        "expires_in": behaviour.expires_in,
        "identity": field("identity").unwrap_or("ci/only"),
    }))
    .into_response()
}

fn refused(error: &str, description: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({"error": error, "error_description": description}))).into_response()
}

async fn revoke(State(shared): State<Shared>, Form(form): Form<HashMap<String, String>>) -> StatusCode {
    let manners = {
        let mut seen = shared.1.lock().unwrap();
        seen.requests += 1;
        seen.people.manners()
    };
    tokio::time::sleep(manners.delay).await;
    if manners.keeps_sessions && form["token"].starts_with("daypass_rt_") {
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    let mut seen = shared.1.lock().unwrap();
    seen.revoked.push(form["token"].clone());
    seen.people.end(&form["token"]);
    StatusCode::OK
}

/// Two pulls that were blocked, as one page.
fn blocked() -> String {
    let event = |project: &str, file: Option<&str>, reason: &str| {
        json!({
            "time": "2026-11-23T10:00:00.5Z", "kind": "pull.blocked", "outcome": "refused", "request_id": "r1",
            "actor": {"iss": "https://ci.example.com", "sub": "job-1"}, "identity": "ci/app", "index": "python",
            "project": project, "file": file, "reason": reason,
        })
    };
    let file = Some("acme_hello-2.0-py3-none-any.whl");
    format!("{}\n{}\n", event("acme-hello", file, "cooldown: too young"), event("other", None, "evil\u{1b}[31m"))
}

async fn audit(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let mut seen = shared.1.lock().unwrap();
    seen.requests += 1;
    let bearer = format!("Bearer {}", access_token(seen.exchanges.len()));
    if headers.get("authorization").is_none_or(|value| *value != bearer) {
        return (StatusCode::UNAUTHORIZED, Json(json!({"detail": "send a valid access token"}))).into_response();
    }
    if let Some((status, body)) = &seen.behaviour.refusal {
        return (StatusCode::from_u16(*status).unwrap(), Json(body.clone())).into_response();
    }
    if query.get("kind").is_some_and(|kind| kind == "pull.blocked") {
        seen.audit_queries.push(query);
        return blocked().into_response();
    }
    let page = query.get("after").map_or(1, |after| after.parse::<usize>().unwrap() + 1);
    seen.audit_queries.push(query);
    let event = |kind: &str, outcome: &str, reason: Value| {
        json!({
            "time": "2026-11-23T10:00:00Z", "kind": kind, "outcome": outcome, "request_id": "r1",
            "actor": {"iss": "https://ci.example.com", "sub": "job-1"}, "identity": "ci/app", "reason": reason,
        })
    };
    match page {
        1 => ([("x-daypass-last", "1")], format!("{}\n", event("token.exchanged", "success", Value::Null))),
        2 => ([("x-daypass-last", "2")], format!("{}\n", event("token.refused", "refused", json!("evil\u{1b}[31m")))),
        _ => ([("x-none", "")], String::new()),
    }
    .into_response()
}
