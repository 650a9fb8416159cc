//! `/api/v1/issuers`, `/api/v1/identities`, `/api/v1/roles`: one object at a time.

use std::sync::Arc;

use axum::{
    extract::{Path, Query, Request, State, rejection::QueryRejection},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    digest::Sha256,
    identity::Identity,
    lint::lint,
    policy::{ObjectKind, Objects},
};
use daypass_store::PolicyChanged;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    body, json,
    propose::{self, commit, current, finding, propose},
    who::{Administrator, Asked as Requester},
};
use crate::{audit_api::problem, issuer::Parts, trust::InForce};

/// How often a change of one object is tried anew when others change other objects at the same time.
const TRIES: u32 = 5;

/// What may be said in the query of a change.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Options {
    /// Whether a rule that lets in strangers is meant.
    #[serde(default)]
    allow_broad: bool,
}

type Asked = Result<Query<Options>, QueryRejection>;

/// All objects of a kind that the caller administers.
pub(super) async fn list(
    kind: ObjectKind,
    State(parts): State<Arc<Parts>>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let who = match Administrator::of(&parts, &extensions, &headers).await {
        Ok(who) => who,
        Err(response) => return response,
    };
    let in_force = parts.trust.in_force();
    let all = in_force.policy.objects().iter().filter(|(of, ..)| *of == kind);
    let seen = all.filter(|(_, name, _)| who.sees(&in_force.policy, kind, name));
    let mut shown: Vec<Value> = shown_all(&in_force, kind, seen.map(|(_, name, body)| (name, body)));
    let left_out = in_force.left_out.keys().filter(|(of, _)| *of == kind && who.sees_left_out(kind));
    shown.extend(left_out.filter_map(|(_, name)| left_out_entry(&in_force, kind, name)));
    json(StatusCode::OK, &json!({ "version": in_force.stored.version, kind.plural(): shown }))
}

/// One object.
pub(super) async fn show(
    kind: ObjectKind,
    State(parts): State<Arc<Parts>>,
    Path(name): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let who = match Administrator::of(&parts, &extensions, &headers).await {
        Ok(who) => who,
        Err(response) => return response,
    };
    shown(&parts.trust.in_force(), &who, StatusCode::OK, kind, &name)
}

/// Creates or replaces one object (RFC 9110 §9.3.4).
pub(super) async fn put(
    kind: ObjectKind,
    State(parts): State<Arc<Parts>>,
    Path(name): Path<String>,
    options: Asked,
    request: Request,
) -> Response {
    match change(&parts, kind, &name, options, request, true).await {
        Ok((who, created)) => {
            let status = if created { StatusCode::CREATED } else { StatusCode::OK };
            shown(&parts.trust.in_force(), &who, status, kind, &name)
        }
        Err(response) => response,
    }
}

/// Deletes one object.
pub(super) async fn delete(
    kind: ObjectKind,
    State(parts): State<Arc<Parts>>,
    Path(name): Path<String>,
    options: Asked,
    request: Request,
) -> Response {
    match change(&parts, kind, &name, options, request, false).await {
        Ok(_) => (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, "no-store")]).into_response(),
        Err(response) => response,
    }
}

/// Puts there what the request brings, or takes it away; returns who did it and whether it is new.
async fn change(
    parts: &Parts,
    kind: ObjectKind,
    name: &str,
    options: Asked,
    request: Request,
    put: bool,
) -> Result<(Administrator, bool), Response> {
    // A stranger's body is not read. Who asks is judged once more when all of it is there, and for each try.
    Administrator::of(parts, request.extensions(), request.headers()).await?;
    let asked = Requester::of(&request);
    let Ok(Query(options)) = options else {
        return Err(problem(StatusCode::BAD_REQUEST, "the query is not understood: use `allow_broad`"));
    };
    let conditions = request.headers().clone();
    let body = if put {
        let body: Value = body::read(request).await?;
        Some(Objects::read_one(kind, name, &body).map_err(|error| propose::unreadable(&error))?)
    } else {
        None
    };
    let mut version = 0;
    for _ in 0..TRIES {
        let current = current(parts).await?;
        let before = current.objects.get(kind, name).cloned();
        // Before the conditions: they are about what is stored, and what a file says is not changed here under any.
        if is_of_file(parts, kind, name) && (body.is_some() || before.is_none()) {
            return Err(of_file(kind, name));
        }
        check_conditions(&conditions, before.as_ref())?;
        let mut wanted = current.objects.clone();
        match &body {
            Some(body) => wanted.extend(body.clone()),
            None if before.is_none() => return Err(not_there(kind, name)),
            None => drop(wanted.remove(kind, name)),
        }
        let proposal = propose(parts, &asked, current, wanted).await?;
        match commit(parts, &proposal, options.allow_broad).await? {
            PolicyChanged::Changed(_) => return Ok((proposal.who, before.is_none())),
            PolicyChanged::Stale(now) => version = now,
        }
    }
    Err(propose::stale(version))
}

/// RFC 9110 §13.1.1 and §13.1.2.
fn check_conditions(headers: &HeaderMap, before: Option<&Value>) -> Result<(), Response> {
    let tag = before.map(etag);
    let is = |value: &HeaderValue| {
        let texts = value.to_str().unwrap_or_default().split(',').map(str::trim);
        let mut texts = texts.map(|text| text == "*" && tag.is_some() || tag.as_deref() == Some(text));
        texts.any(|same| same)
    };
    let failed = headers.get(header::IF_MATCH).is_some_and(|value| !is(value))
        || headers.get(header::IF_NONE_MATCH).is_some_and(is);
    if failed {
        return Err(problem(StatusCode::PRECONDITION_FAILED, "it is not, or not any more, what the condition says"));
    }
    Ok(())
}

/// What tells one state of an object from another.
fn etag(body: &Value) -> String {
    format!("\"{}\"", Sha256::of(body.to_string()).prefix(32))
}

fn is_of_file(parts: &Parts, kind: ObjectKind, name: &str) -> bool {
    parts.trust.in_force().files.policy.objects().get(kind, name).is_some()
}

fn of_file(kind: ObjectKind, name: &str) -> Response {
    let sentence = format!("{kind} `{name}` is defined by a policy file of the server; change it there");
    problem(StatusCode::CONFLICT, &sentence)
}

fn not_there(kind: ObjectKind, name: &str) -> Response {
    let name: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    problem(StatusCode::NOT_FOUND, &format!("there is no {kind} `{name}` that you administer"))
}

fn shown(in_force: &InForce, who: &Administrator, status: StatusCode, kind: ObjectKind, name: &str) -> Response {
    let found = in_force.policy.objects().get(kind, name).filter(|_| who.sees(&in_force.policy, kind, name));
    let in_force_one =
        found.and_then(|body| Some((body, shown_all(in_force, kind, std::iter::once((name, body))).pop()?)));
    let left_out = || {
        let body = in_force.stored.objects.get(kind, name).filter(|_| who.sees_left_out(kind))?;
        Some((body, left_out_entry(in_force, kind, name)?))
    };
    let Some((body, entry)) = in_force_one.or_else(left_out) else { return not_there(kind, name) };
    let mut response = json(status, &entry);
    if let Ok(tag) = HeaderValue::from_str(&etag(body)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    response
}

/// What is stored and not in force, with the reason.
fn left_out_entry(in_force: &InForce, kind: ObjectKind, name: &str) -> Option<Value> {
    let reason = in_force.left_out.get(&(kind, Box::from(name)))?;
    let body = in_force.stored.objects.get(kind, name)?;
    let mut entry = json!({ "name": name, "origin": "stored", "in_force": false, "reason": reason, "object": body });
    if let (ObjectKind::Identity, Some(members)) = (kind, entry.as_object_mut()) {
        members.insert("findings".to_owned(), json!([]));
        let id = name.parse().ok().map(|name| Identity::id_of(&name).to_string());
        members.insert("id".to_owned(), id.into());
    }
    Some(entry)
}

/// Objects as they are told, each with where it comes from and what is too broad in it.
fn shown_all<'a>(
    in_force: &InForce,
    kind: ObjectKind,
    objects: impl Iterator<Item = (&'a str, &'a Value)>,
) -> Vec<Value> {
    let findings = if kind == ObjectKind::Identity { lint(&in_force.policy) } else { Vec::new() };
    let show = |(name, body): (&str, &Value)| {
        let of_file = in_force.files.policy.objects().get(kind, name).is_some();
        let origin = if of_file { "file" } else { "stored" };
        let mut entry = json!({ "name": name, "origin": origin, "in_force": true, "object": body });
        if let (ObjectKind::Identity, Some(members)) = (kind, entry.as_object_mut()) {
            let own = findings.iter().filter(|finding| finding.identity.as_str() == name);
            members.insert("findings".to_owned(), own.map(finding).collect());
            members.insert(
                "id".to_owned(),
                name.parse().ok().map(|name| Identity::id_of(&name)).map(|id| id.to_string()).into(),
            );
        }
        entry
    };
    objects.map(show).collect()
}
