//! `POST /api/v1/policy/plan` and `/apply`: all stored objects at once, as files in git say.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use daypass_core::policy::{ObjectChange, Objects};
use daypass_store::PolicyChanged;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    body, json,
    propose::{self, Proposal, commit, current, finding, propose},
    who::{Administrator, Asked},
};
use crate::issuer::Parts;

/// What is to be stored: all of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// In the form of a policy file. What is stored and not in here is deleted.
    objects: Value,
    /// The version that the plan was made for; whatever it is now, where it is not given.
    version: Option<i64>,
    /// Whether rules that let in strangers are meant.
    #[serde(default)]
    allow_broad: bool,
}

/// What would change. Nothing is changed.
pub(super) async fn plan(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    match planned(&parts, request).await {
        Ok((proposal, _)) => json(StatusCode::OK, &answer(&proposal, proposal.version)),
        Err(response) => response,
    }
}

/// Changes it.
pub(super) async fn apply(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let (proposal, allow_broad) = match planned(&parts, request).await {
        Ok(planned) => planned,
        Err(response) => return response,
    };
    match commit(&parts, &proposal, allow_broad).await {
        Ok(PolicyChanged::Changed(version)) => json(StatusCode::OK, &answer(&proposal, version)),
        Ok(PolicyChanged::Stale(version)) => propose::stale(version),
        Err(response) => response,
    }
}

async fn planned(parts: &Parts, request: Request) -> Result<(Proposal, bool), Response> {
    // Who asks comes first: a stranger's megabytes are not read. They are judged once more when all of it is there.
    Administrator::of(parts, request.extensions(), request.headers()).await?;
    let asked = Asked::of(&request);
    let wanted: Wanted = body::read(request).await?;
    let objects = Objects::read(&wanted.objects).map_err(|error| propose::unreadable(&error))?;
    let current = current(parts).await?;
    if wanted.version.is_some_and(|version| version != current.version) {
        return Err(propose::stale(current.version));
    }
    let proposal = propose(parts, &asked, current, objects).await?;
    Ok((proposal, wanted.allow_broad))
}

fn answer(proposal: &Proposal, version: i64) -> Value {
    let change = |change: &ObjectChange| {
        json!({
            "action": change.turn().as_str(),
            "kind": change.kind,
            "name": change.name,
            "before": change.before,
            "after": change.after,
        })
    };
    json!({
        "version": version,
        "changes": proposal.changes.iter().map(change).collect::<Vec<_>>(),
        "findings": proposal.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}
