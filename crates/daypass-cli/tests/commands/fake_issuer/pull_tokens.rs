//! How the made-up server keeps pull tokens.

use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{delete, get},
};
use serde_json::{Value, json};

use super::{FakeIssuer, Shared};

/// What was made, and what was asked.
#[derive(Debug, Default)]
pub(super) struct PullTokens {
    listed: Vec<Value>,
    wishes: Vec<Value>,
    bearers: Vec<String>,
}

/// The secret that the server gives out as its `number`th.
pub(crate) fn pull_token(number: usize) -> String {
    format!("daypass_pt_{number:043}CheckS")
}

/// The id of the `number`th.
pub(crate) fn pull_token_id(number: usize) -> String {
    format!("5b1e93c4-0c0b-4a76-9e0e-{number:012}")
}

impl FakeIssuer {
    /// What was asked for when pull tokens were made.
    pub(crate) fn wishes(&self) -> Vec<Value> {
        self.shared.1.lock().unwrap().pull_tokens.wishes.clone()
    }

    /// The credentials that the requests about pull tokens came with.
    pub(crate) fn bearers(&self) -> Vec<String> {
        self.shared.1.lock().unwrap().pull_tokens.bearers.clone()
    }

    /// Changes what is listed.
    pub(crate) fn change_pull_tokens(&self, change: impl FnOnce(&mut Vec<Value>)) {
        change(&mut self.shared.1.lock().unwrap().pull_tokens.listed);
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/api/v1/pull-tokens", get(list).post(create)).route("/api/v1/pull-tokens/{id}", delete(revoke))
}

/// Notes the credential; the refusal that all get, if there is one.
fn refusal(shared: &Shared, headers: &HeaderMap) -> Option<Response> {
    let mut seen = shared.1.lock().unwrap();
    seen.requests += 1;
    let bearer = headers[header::AUTHORIZATION].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    seen.pull_tokens.bearers.push(bearer);
    let (status, body) = seen.behaviour.refusal.clone()?;
    Some((StatusCode::from_u16(status).unwrap(), Json(body)).into_response())
}

async fn create(State(shared): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    if let Some(refusal) = refusal(&shared, &headers) {
        return refusal;
    }
    let wish: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(headers[header::CONTENT_TYPE], "application/json");
    let mut seen = shared.1.lock().unwrap();
    let number = seen.pull_tokens.wishes.len() + 1;
    let actions = json!(["pull"]);
    let grants = match wish["grants"].as_array() {
        None => json!([{"index": "python", "projects": ["*"], "actions": actions}]),
        Some(scopes) => scopes
            .iter()
            .map(|scope| json!({"index": scope["index"], "projects": scope["projects"], "actions": actions}))
            .collect(),
    };
    let listed = json!({
        "id": pull_token_id(number), "name": wish["name"], "person": "ada@example.com", "state": "active",
        "grants": grants, "created_at": "2026-11-23T10:00:00Z", "expires_at": "2026-12-23T10:00:00.5Z",
        "last_used_at": null,
    });
    seen.pull_tokens.wishes.push(wish);
    seen.pull_tokens.listed.push(listed.clone());
    let mut made = listed;
    for hidden in ["person", "state", "last_used_at"] {
        made.as_object_mut().unwrap().remove(hidden);
    }
    made["pull_token"] = json!(pull_token(number));
    (StatusCode::CREATED, Json(made)).into_response()
}

async fn list(State(shared): State<Shared>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&shared, &headers) {
        return refusal;
    }
    let seen = shared.1.lock().unwrap();
    Json(json!({"pull_tokens": seen.pull_tokens.listed})).into_response()
}

async fn revoke(State(shared): State<Shared>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    if let Some(refusal) = refusal(&shared, &headers) {
        return refusal;
    }
    let mut seen = shared.1.lock().unwrap();
    match seen.pull_tokens.listed.iter_mut().find(|listed| listed["id"] == id) {
        Some(listed) => {
            listed["state"] = json!("revoked");
            StatusCode::NO_CONTENT.into_response()
        }
        None => (StatusCode::NOT_FOUND, Json(json!({"detail": "you have no pull token of that id"}))).into_response(),
    }
}
