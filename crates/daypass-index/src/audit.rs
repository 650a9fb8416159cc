//! What the index writes into the audit log.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{header, request::Parts};
use daypass_core::{
    Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    names::{FileName, IndexName, ProjectName},
    request::{RequestContext, RequestId},
};

use crate::guard::Caller;

/// The longest `User-Agent` that is written, in characters.
const LONGEST_USER_AGENT: usize = 200;

/// Somebody got a file.
pub(crate) fn downloaded(
    now: Timestamp,
    request: &Parts,
    caller: &Caller,
    index: &IndexName,
    project: &ProjectName,
    file: &FileName,
) -> AuditEvent {
    AuditEvent {
        index: Some(index.clone()),
        project: Some(project.clone()),
        file: Some(file.clone()),
        ..event(now, AuditKind::FileDownloaded, Outcome::Success, request, caller)
    }
}

/// Somebody uploads a file; which one, of which project, is filled in by who knows.
pub(crate) fn uploaded(now: Timestamp, request: &Parts, caller: &Caller) -> AuditEvent {
    event(now, AuditKind::FileUploaded, Outcome::Success, request, caller)
}

/// Somebody proven asked for what its grants do not cover.
pub(crate) fn denied(
    now: Timestamp,
    request: &Parts,
    caller: &Caller,
    index: Option<&IndexName>,
    project: Option<&ProjectName>,
    reason: String,
) -> AuditEvent {
    AuditEvent {
        index: index.cloned(),
        project: project.cloned(),
        reason: Some(reason),
        ..event(now, AuditKind::AccessDenied, Outcome::Refused, request, caller)
    }
}

/// The package policy withheld something from somebody, or would have: then nothing was refused.
pub(crate) fn blocked(
    now: Timestamp,
    request: &Parts,
    caller: &Caller,
    index: &IndexName,
    what: (&ProjectName, Option<&FileName>),
    outcome: Outcome,
    reason: String,
) -> AuditEvent {
    AuditEvent {
        index: Some(index.clone()),
        project: Some(what.0.clone()),
        file: what.1.cloned(),
        reason: Some(reason),
        ..event(now, AuditKind::PullBlocked, outcome, request, caller)
    }
}

/// Somebody did something. What it was about is still to be said.
pub(crate) fn event(now: Timestamp, kind: AuditKind, outcome: Outcome, request: &Parts, caller: &Caller) -> AuditEvent {
    let context = context(request);
    let user_agent = request.headers.get(header::USER_AGENT).map(|value| {
        let text = String::from_utf8_lossy(value.as_bytes());
        text.chars().take(LONGEST_USER_AGENT).collect()
    });
    let mut event = AuditEvent {
        token_sha256: Some(caller.token_sha256),
        source: Some(context.peer.to_string()),
        user_agent,
        ..AuditEvent::new(now, kind, outcome, context.id.to_string())
    };
    caller.proven.describe(&mut event);
    event
}

/// What the server put into the request's extensions.
fn context(request: &Parts) -> RequestContext {
    let unknown = RequestContext { id: RequestId { process: 0, number: 0 }, peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
    request.extensions.get().copied().unwrap_or(unknown)
}
