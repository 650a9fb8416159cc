//! From what is wanted to what would change, with everything that may be wrong with it; and changing it.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    audit::Outcome,
    lint::{Finding, Severity},
    policy::{InvalidPolicy, ObjectChange, ObjectKind, Objects, findings, plan},
};
use daypass_store::{ChangeObject, PolicyChanged};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::who::{Administrator, Asked};
use crate::{
    audit_api::{problem, unavailable},
    error::IssuerError,
    issuer::{FOLLOW_WITHIN, Parts},
    stored_policy::StoredPolicy,
    trust::InForce,
};

/// The most objects that are changed at once: they are one transaction, and others wait for it.
const MOST_CHANGES: usize = 2000;

/// What would change.
pub(super) struct Proposal {
    /// Who wants it, as things stand in that state.
    pub(super) who: Administrator,
    /// The state that it was made for.
    pub(super) version: i64,
    /// In the order in which they are made.
    pub(super) changes: Vec<ObjectChange>,
    /// What is too broad in it.
    pub(super) findings: Vec<Finding>,
}

/// What is stored now, whatever this replica follows yet.
pub(super) async fn current(parts: &Parts) -> Result<StoredPolicy, Response> {
    StoredPolicy::read(&parts.store).await.map_err(|error| unavailable(&error))
}

/// What must change for `wanted` to be what is stored, if whoever asks may change that and the result makes sense.
pub(super) async fn propose(
    parts: &Parts,
    asked: &Asked,
    current: StoredPolicy,
    wanted: Objects,
) -> Result<Proposal, Response> {
    let mut changes = plan(&current.objects, &wanted);
    let files = parts.trust.in_force().files.clone();
    // What was stored before a file took its name may be deleted.
    let of_file = |change: &&ObjectChange| {
        change.after.is_some() && files.policy.objects().get(change.kind, &change.name).is_some()
    };
    if let Some(change) = changes.iter().find(of_file) {
        let sentence =
            format!("{} `{}` is defined by a policy file of the server; change it there", change.kind, change.name);
        return Err(problem(StatusCode::CONFLICT, &sentence));
    }
    if changes.len() > MOST_CHANGES {
        let sentence = format!("{} objects would change; at most {MOST_CHANGES} may at once", changes.len());
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, &sentence));
    }
    let version = current.version;
    let senseless = |reason: &str| problem(StatusCode::UNPROCESSABLE_ENTITY, reason);
    let wanted = StoredPolicy { objects: wanted, ..current.clone() };
    let before = parts.trust.try_out(&files, current).map_err(|error| senseless(&told(&error)))?;
    let who = Administrator::changing(parts, asked, &before.policy).await?;
    let after = parts.trust.try_out(&files, wanted).map_err(|error| senseless(&told(&error)))?;
    // What is left out already may stay so; nothing is left out from now on.
    let made = |key: &(ObjectKind, Box<str>)| {
        changes.iter().any(|change| change.after.is_some() && (change.kind, change.name.as_str()) == (key.0, &*key.1))
    };
    let mut reasons = after.left_out.iter().filter(|(key, _)| made(key) || !before.left_out.contains_key(*key));
    if let Some((_, reason)) = reasons.next() {
        return Err(senseless(reason));
    }
    let planned = changes.len();
    changes.extend(revived(&before, &after));
    who.authority
        .check(&changes, &before.policy, &after.policy)
        .map_err(|error| who.denied(parts, &error.to_string()))?;
    let findings = findings(&changes, &after.policy);
    changes.truncate(planned);
    Ok(Proposal { who, version, changes, findings })
}

/// What stays as it is stored and comes into force by the change: as good as made by whoever makes that.
fn revived(before: &InForce, after: &InForce) -> Vec<ObjectChange> {
    let stays = |(kind, name): &(ObjectKind, Box<str>)| {
        let body = after.stored.objects.get(*kind, name)?;
        let same = before.stored.objects.get(*kind, name) == Some(body)
            && !after.left_out.contains_key(&(*kind, name.clone()));
        same.then(|| ObjectChange { kind: *kind, name: name.to_string(), before: None, after: Some(body.clone()) })
    };
    before.left_out.keys().filter_map(stays).collect()
}

/// Makes the changes, each with its audit event. Rules that let in strangers are refused unless that is meant.
pub(super) async fn commit(parts: &Parts, proposal: &Proposal, allow_broad: bool) -> Result<PolicyChanged, Response> {
    let errors: Vec<&Finding> =
        proposal.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if let Some(first) = errors.first().filter(|_| !allow_broad) {
        return Err(too_broad(first, &proposal.findings));
    }
    let change = |change: &ObjectChange| {
        let mut event = proposal.who.event(parts, change.audit_kind(), Outcome::Success);
        event.change = Some(Box::new(change.clone()));
        let body = change.after.as_ref().map(Value::to_string);
        ChangeObject { kind: change.kind.as_str(), name: change.name.clone(), body, event }
    };
    let all = proposal.changes.iter().map(change).collect();
    let outcome = parts.store.change_policy(proposal.version, parts.clock.now(), all).await;
    let outcome = outcome.map_err(|error| unavailable(&error))?;
    // Here at once; the other replicas follow within a second or two.
    match timeout(FOLLOW_WITHIN, parts.follow_policy()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "could not follow the stored policy"),
        Err(_) => tracing::warn!("could not follow the stored policy: the store does not answer"),
    }
    Ok(outcome)
}

/// The answer when somebody else was quicker.
pub(super) fn stale(version: i64) -> Response {
    let sentence = format!("the policy was changed meanwhile, it is at version {version} now; plan again");
    problem(StatusCode::CONFLICT, &sentence)
}

/// The answer to an object that makes no sense by itself.
pub(super) fn unreadable(error: &InvalidPolicy) -> Response {
    problem(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string())
}

fn too_broad(first: &Finding, all: &[Finding]) -> Response {
    let status = StatusCode::UNPROCESSABLE_ENTITY;
    let body = json!({
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "detail": format!("{first}; `allow_broad` lets it pass"),
        "findings": all.iter().map(finding).collect::<Vec<_>>(),
    });
    let headers = [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")];
    (status, headers, body.to_string()).into_response()
}

/// A finding, as it is told.
pub(super) fn finding(finding: &Finding) -> Value {
    json!({
        "identity": finding.identity,
        "severity": finding.severity.as_str(),
        "code": finding.code,
        "message": finding.message,
    })
}

/// The reason alone: that files and stored objects are two things is not what the caller asked about.
fn told(error: &IssuerError) -> String {
    match error {
        IssuerError::Policy(error) => error.to_string(),
        error => error.to_string(),
    }
}
