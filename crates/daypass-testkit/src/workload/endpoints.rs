//! What jobs ask for tokens, over HTTP: as strict as the real ones, and stricter where they are said to be lax.

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::State as From,
    http::{HeaderMap, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use serde_json::{Map, Value, json};

use super::{JOB_SECRET, Kind, State, Trouble, claims::BUILDKITE_ON_REQUEST, issuer, kind::CIRCLECI_ORG, metadata};
use crate::{
    form::Form,
    oidc::{overlay, unix_now},
};

/// One request, looked at.
pub(super) struct Asked {
    method: Method,
    pub(super) path: String,
    pub(super) query: Form,
    pub(super) headers: HeaderMap,
    body: Bytes,
}

/// An answer, or a refusal with the reason.
pub(super) type Outcome = Result<Response, (StatusCode, String)>;

/// The job's path at GitHub: it has two slashes in a row, and a query of its own.
pub(super) const GITHUB_PATH: &str = "/ZXhhbXBsZS1zZXJ2aWNl//idtoken/5bcb8f9f/a1b2c3d4";
/// The job's path at Azure DevOps.
pub(super) const AZURE_DEVOPS_PATH: &str = "/acme/7a6b5c4d-3e2f-41a0-b9c8-d7e6f5a4b3c2/_apis/distributedtask/hubs/build/\
                                            plans/6f1e2d3c/jobs/12f1170f/oidctoken";
/// The job at Buildkite.
pub(super) const BUILDKITE_JOB: &str = "0184990a-477b-4fa8-9968-496074483cee";

/// Everything under one roof, since each provider has paths of its own.
pub(super) fn router(state: Arc<State>) -> Router {
    Router::new().fallback(ask).with_state(state)
}

async fn ask(From(state): From<Arc<State>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let outcome = Form::read(uri.query().unwrap_or_default())
        .map_err(bad_request)
        .and_then(|query| answer(&state, &Asked { method, path: uri.path().to_owned(), query, headers, body }));
    outcome.unwrap_or_else(|(status, complaint)| {
        (status, state.complain(format!("{} {}: {complaint}", state.kind.name(), uri.path()))).into_response()
    })
}

fn answer(state: &State, asked: &Asked) -> Outcome {
    match state.kind {
        // Not a provider's: the script that speaks gRPC comes here.
        Kind::Spiffe => spiffe(state, asked),
        _ if state.trouble() == Trouble::Forbidden => Err((StatusCode::FORBIDDEN, "told to refuse".to_owned())),
        Kind::GitHub => github(state, asked),
        Kind::Buildkite | Kind::BuildkiteApi => buildkite(state, asked),
        Kind::CircleCi => circleci(state, asked),
        Kind::AzureDevOps => azure_devops(state, asked),
        Kind::Fly => fly(state, asked),
        Kind::Google => metadata::google(state, asked),
        Kind::AzureAppService => metadata::azure_app_service(state, asked),
        Kind::AzureVm => metadata::azure_vm(state, asked),
        _ => Err((StatusCode::NOT_FOUND, "there is nothing to ask here".to_owned())),
    }
}

/// `GET $ACTIONS_ID_TOKEN_REQUEST_URL&audience=A`.
fn github(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::GET, GITHUB_PATH)?;
    asked.must_authorize("bearer")?;
    asked.query.must_be("api-version", "2.0").map_err(bad_request)?;
    let audience = asked.query.get("audience").unwrap_or("https://github.com/octo-org");
    let token = issuer::mint(state, &json!(audience), json!({}));
    Ok(state.json("value", json!({ "count": token.len(), "value": token })))
}

/// `POST /v3/jobs/JOB/oidc/tokens`, as the agent does it (and `id` through it).
fn buildkite(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::POST, &format!("/v3/jobs/{BUILDKITE_JOB}/oidc/tokens"))?;
    asked.must_authorize("token")?;
    let body = asked.json()?;
    let known = ["audience", "lifetime", "claims", "subject_claim", "aws_session_tags"];
    if let Some(unknown) = body.keys().find(|name| !known.contains(&name.as_str())) {
        return Err(bad_request(format!("unknown member `{unknown}`")));
    }
    let claims = issuer::claims(state, &json!(""));
    let value_of = |name: &str| {
        let on_request = BUILDKITE_ON_REQUEST.iter().find(|(known, _)| *known == name).map(|(_, value)| json!(value));
        let value = claims.get(name).cloned().or(on_request);
        value.ok_or_else(|| (StatusCode::UNPROCESSABLE_ENTITY, format!("there is no claim `{name}`")))
    };
    // A `null` leaves out what was not asked for.
    let mut more: Map<String, Value> =
        BUILDKITE_ON_REQUEST.iter().map(|(name, _)| ((*name).to_owned(), Value::Null)).collect();
    for claim in body.get("claims").and_then(Value::as_array).into_iter().flatten() {
        let name = claim.as_str().unwrap_or_default();
        more.insert(name.to_owned(), value_of(name)?);
    }
    if let Some(name) = body.get("subject_claim").and_then(Value::as_str).filter(|name| !name.is_empty()) {
        more.insert("sub".to_owned(), value_of(name)?);
    }
    if let Some(life) = body.get("lifetime").and_then(Value::as_i64).filter(|life| *life != 0) {
        let exp = unix_now() + state.inner().ahead + life;
        more.insert("exp".to_owned(), json!(exp));
        if life < 0 {
            return Err(bad_request("a negative lifetime"));
        }
    }
    let audience = body.get("audience").and_then(Value::as_str).filter(|audience| !audience.is_empty());
    let audience = audience.unwrap_or("https://buildkite.com/acme-inc");
    let token = issuer::mint(state, &json!(audience), Value::Object(more));
    Ok(state.json("token", json!({ "token": token })))
}

/// What the `circleci` program asks, which is nobody else's business: ours is `programs/circleci.py`.
fn circleci(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::POST, "/oidc")?;
    let body = asked.json()?;
    let audience = body.get("aud").and_then(Value::as_str).unwrap_or(CIRCLECI_ORG);
    let root = body.get("root").and_then(Value::as_bool).unwrap_or(false);
    let issuer = if root { state.site.clone() } else { format!("{}/org/{CIRCLECI_ORG}", state.site) };
    Ok(state.json("token", json!({ "token": issuer::mint(state, &json!(audience), json!({ "iss": issuer })) })))
}

/// `POST $SYSTEM_OIDCREQUESTURI?api-version=7.1`, with an empty body that says so.
fn azure_devops(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::POST, AZURE_DEVOPS_PATH)?;
    asked.must_authorize("bearer")?;
    if !asked.headers.contains_key(header::CONTENT_LENGTH) {
        return Err((StatusCode::LENGTH_REQUIRED, "there is no `Content-Length`".to_owned()));
    }
    if !asked.query.need("api-version").map_err(bad_request)?.starts_with("7.1") {
        return Err(bad_request("there is no such `api-version`"));
    }
    let token = issuer::mint(state, &json!(state.settings_audience()), json!({}));
    Ok(state.json("oidcToken", json!({ "oidcToken": token })))
}

/// `POST /v1/tokens/oidc` over the machine's socket: the answer is the token and nothing else.
fn fly(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::POST, "/v1/tokens/oidc")?;
    let body = asked.json()?;
    let audience = body.get("aud").and_then(Value::as_str).unwrap_or("https://fly.io/acme");
    let token = issuer::mint(state, &json!(audience), json!({}));
    match state.trouble() {
        Trouble::WrongShape => Ok(state.json("token", json!({ "token": token }))),
        _ => Ok(token.into_response()),
    }
}

/// For the script that speaks the Workload API: a JWT-SVID as the agent keeps it.
fn spiffe(state: &State, asked: &Asked) -> Outcome {
    asked.must_be(&Method::GET, "/svid")?;
    if state.trouble() == Trouble::Forbidden {
        return Err((StatusCode::FORBIDDEN, "told to refuse".to_owned()));
    }
    let audience = asked.query.need("audience").map_err(bad_request)?;
    Ok(issuer::kept(state, audience, json!({})).into_response())
}

pub(super) fn bad_request(complaint: impl Into<String>) -> (StatusCode, String) {
    (StatusCode::BAD_REQUEST, complaint.into())
}

impl Asked {
    /// The method and the path.
    pub(super) fn must_be(&self, method: &Method, path: &str) -> Result<(), (StatusCode, String)> {
        if self.path != path {
            return Err((StatusCode::NOT_FOUND, format!("the path is not `{path}`")));
        }
        if self.method != *method {
            return Err((StatusCode::METHOD_NOT_ALLOWED, format!("the method is not {method}")));
        }
        Ok(())
    }

    /// `Authorization: SCHEME SECRET`; the scheme's case does not matter (RFC 9110 §11.1).
    fn must_authorize(&self, scheme: &str) -> Result<(), (StatusCode, String)> {
        let refused = || (StatusCode::UNAUTHORIZED, format!("`Authorization: {scheme} …` is missing or wrong"));
        let (given, secret) = self.header("authorization").split_once(' ').ok_or_else(refused)?;
        if given.eq_ignore_ascii_case(scheme) && secret == JOB_SECRET { Ok(()) } else { Err(refused()) }
    }

    /// A header's value; nothing if it is not there.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// A body that says that it is JSON, and is a JSON object.
    fn json(&self) -> Result<Map<String, Value>, (StatusCode, String)> {
        if !self.header("content-type").starts_with("application/json") {
            return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "`Content-Type` is not JSON".to_owned()));
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(body)) => Ok(body),
            _ => Err(bad_request("the body is no JSON object")),
        }
    }
}

impl State {
    /// JSON with the token as its member `name`; in trouble it is called otherwise.
    pub(super) fn json(&self, name: &str, mut body: Value) -> Response {
        if self.trouble() == Trouble::WrongShape
            && let Some(token) = body.get(name).cloned()
        {
            overlay(&mut body, json!({ name: null, "jwt": token }));
        }
        ([(header::CONTENT_TYPE, "application/json; charset=utf-8")], body.to_string()).into_response()
    }
}
