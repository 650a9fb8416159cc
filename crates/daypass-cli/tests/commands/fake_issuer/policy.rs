//! The administration of the policy, as the HTTP reference describes it, over whatever objects it is given.

use std::collections::BTreeMap;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde_json::{Value, json};

use super::{FakeIssuer, Shared};

/// What is stored: by kind (`issuers`, …) and name.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    version: i64,
    objects: BTreeMap<(String, String), Value>,
    /// What came in.
    pub(crate) requests: Vec<String>,
    /// What somebody else puts in the place of an object each time after it was shown.
    meanwhile: Vec<Value>,
}

impl FakeIssuer {
    /// One stored object.
    pub(crate) fn stored(&self, kinds: &str, name: &str) -> Option<Value> {
        self.shared.1.lock().unwrap().policy.objects.get(&(kinds.to_owned(), name.to_owned())).cloned()
    }

    /// Has somebody else put these in the place of an object, one each time after it was shown.
    pub(crate) fn meanwhile(&self, objects: &[Value]) {
        self.shared.1.lock().unwrap().policy.meanwhile = objects.iter().rev().cloned().collect();
    }

    /// Everything that was sent to the administration, as one text.
    pub(crate) fn told_about_policy(&self) -> String {
        self.shared.1.lock().unwrap().policy.requests.join("\n")
    }
}

pub(super) fn router() -> Router<Shared> {
    Router::new()
        .route("/api/v1/policy/{what}", post(whole))
        .route("/api/v1/{kinds}", get(list))
        .route("/api/v1/{kinds}/{name}", get(show).put(put).delete(delete))
}

fn problem(status: u16, detail: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), Json(json!({"status": status, "detail": detail}))).into_response()
}

fn entry(name: &str, object: &Value) -> Value {
    json!({"name": name, "origin": "stored", "object": object, "findings": []})
}

async fn list(State(shared): State<Shared>, Path(kinds): Path<String>) -> Response {
    let seen = shared.1.lock().unwrap();
    let of = seen.policy.objects.iter().filter(|((of, _), _)| *of == kinds);
    let entries: Vec<_> = of.map(|((_, name), object)| entry(name, object)).collect();
    Json(json!({"version": seen.policy.version, kinds: entries})).into_response()
}

async fn show(State(shared): State<Shared>, Path((kinds, name)): Path<(String, String)>) -> Response {
    let policy = &mut shared.1.lock().unwrap().policy;
    let Some(object) = policy.objects.get_mut(&(kinds, name.clone())) else { return problem(404, "there is none") };
    let answer = ([("etag", etag(object))], Json(entry(&name, object))).into_response();
    if let Some(changed) = policy.meanwhile.pop() {
        *object = changed;
    }
    answer
}

fn etag(object: &Value) -> String {
    format!("\"{}\"", object.to_string().len())
}

async fn put(
    State(shared): State<Shared>,
    Path((kinds, name)): Path<(String, String)>,
    headers: HeaderMap,
    Json(body): Json<Value>,
) -> Response {
    let mut seen = shared.1.lock().unwrap();
    seen.policy.requests.push(body.to_string());
    if headers.contains_key("if-none-match") && seen.policy.objects.contains_key(&(kinds.clone(), name.clone())) {
        return problem(412, "it is there already");
    }
    if let Some(condition) = headers.get("if-match") {
        let there = seen.policy.objects.get(&(kinds.clone(), name.clone())).map(etag);
        if there.as_deref() != condition.to_str().ok() {
            return problem(412, "it is not any more what the condition says");
        }
    }
    seen.policy.version += 1;
    seen.policy.objects.insert((kinds, name.clone()), body.clone());
    Json(entry(&name, &body)).into_response()
}

async fn delete(State(shared): State<Shared>, Path(key): Path<(String, String)>) -> Response {
    let mut seen = shared.1.lock().unwrap();
    seen.policy.version += 1;
    match seen.policy.objects.remove(&key) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => problem(404, "there is none"),
    }
}

async fn whole(State(shared): State<Shared>, Path(what): Path<String>, Json(body): Json<Value>) -> Response {
    let mut seen = shared.1.lock().unwrap();
    seen.policy.requests.push(body.to_string());
    let mut wanted = BTreeMap::new();
    for (kind, kinds) in [("issuer", "issuers"), ("identity", "identities"), ("role", "roles")] {
        for object in body["objects"][kind].as_array().into_iter().flatten() {
            wanted.insert((kinds.to_owned(), object["name"].as_str().unwrap().to_owned()), object.clone());
        }
    }
    let singular = |kinds: &str| {
        if kinds == "identities" { "identity".to_owned() } else { kinds.trim_end_matches('s').to_owned() }
    };
    let mut keys: Vec<_> = wanted.keys().chain(seen.policy.objects.keys()).cloned().collect();
    keys.sort();
    keys.dedup();
    let changes: Vec<_> = keys
        .iter()
        .filter(|key| wanted.get(key) != seen.policy.objects.get(key))
        .map(|key| {
            let (before, after) = (seen.policy.objects.get(key), wanted.get(key));
            json!({"kind": singular(&key.0), "name": key.1, "before": before, "after": after})
        })
        .collect();
    if what == "apply" {
        if body["version"] != json!(seen.policy.version) {
            return problem(409, "the policy was changed meanwhile");
        }
        seen.policy.version += i64::from(!changes.is_empty());
        seen.policy.objects = wanted;
    }
    Json(json!({"version": seen.policy.version, "changes": changes, "findings": []})).into_response()
}
