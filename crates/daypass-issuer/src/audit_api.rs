//! `GET /api/v1/audit`: the audit log, for whoever holds the `admin` action.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{Extensions, HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    Timestamp,
    access_token::AccessTokenClaims,
    audit::{AuditKind, Outcome},
    digest::Sha256,
    grant::{Action, Grant},
    policy::Policy,
};
use daypass_store::{AuditQuery, StoreError};
use serde::Deserialize;

use crate::{bearer, caller::Caller, issuer::Parts};

/// The most events one answer holds; the rest is asked for with `after`.
const MOST_EVENTS: u32 = 10_000;

/// About how many bytes one answer holds; the rest is asked for with `after`, too.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// How many events are read at once: each may hold two policy objects.
const PAGE: u32 = 100;

/// What part of the log is wanted.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// Events at or after this instant (RFC 3339).
    since: Option<Timestamp>,
    /// Events before this instant (RFC 3339).
    until: Option<Timestamp>,
    /// Events after this position, as the `x-daypass-last` header of the answer before gave it.
    after: Option<i64>,
    /// At most so many.
    limit: Option<u32>,
    /// Events of this kind only, such as `pull.blocked`.
    kind: Option<AuditKind>,
}

/// Answers with one JSON object per line, oldest first.
pub(crate) async fn get(
    State(parts): State<Arc<Parts>>,
    extensions: Extensions,
    headers: HeaderMap,
    wanted: Result<Query<Wanted>, axum::extract::rejection::QueryRejection>,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    match authorize(&parts, &caller, &headers).await {
        Ok(()) => {}
        Err(answer) => return answer,
    }
    let Ok(Query(wanted)) = wanted else {
        return problem(
            StatusCode::BAD_REQUEST,
            "the query is not understood: use `since`, `until`, `after`, `limit`, `kind`",
        );
    };
    let mut left = wanted.limit.unwrap_or(MOST_EVENTS).min(MOST_EVENTS);
    let (mut lines, mut last) = (String::new(), None);
    while left > 0 && lines.len() < MOST_BYTES {
        let after_seq = last.or(wanted.after).unwrap_or(0);
        let limit = left.min(PAGE);
        let query = AuditQuery { since: wanted.since, until: wanted.until, after_seq, limit };
        let rows = match parts.store.audit_of(&query, wanted.kind).await {
            Ok(rows) => rows,
            Err(error) => return unavailable(&error),
        };
        let Some(newest) = rows.last() else { break };
        last = Some(newest.seq);
        for row in &rows {
            if let Ok(line) = serde_json::to_string(&row.event) {
                lines.push_str(&line);
                lines.push('\n');
            }
        }
        let read = u32::try_from(rows.len()).unwrap_or(limit);
        left -= read.min(left);
        if read < limit {
            break;
        }
    }
    let mut response =
        ([(header::CONTENT_TYPE, "application/jsonl"), (header::CACHE_CONTROL, "no-store")], lines).into_response();
    if let Some(last) = last {
        response.headers_mut().insert("x-daypass-last", HeaderValue::from(last));
    }
    response
}

/// Lets through a live access token whose holder administers this server.
async fn authorize(parts: &Parts, caller: &Caller, headers: &HeaderMap) -> Result<(), Response> {
    let claims = bearer::claims(parts, headers).await.map_err(|error| unavailable(&error))?;
    let claims = claims.ok_or_else(unauthorized)?;
    if !is_administrator(parts, &claims) {
        let reason = "reading the audit log needs the action `admin` on all projects of every index";
        let mut event = caller.event(parts.clock.now(), AuditKind::AccessDenied, Outcome::Refused);
        event.set_holder(&claims);
        event.reason = Some(reason.to_owned());
        event.token_sha256 = bearer::raw(headers).map(Sha256::of);
        // Nothing was shown, so nothing hangs on this row: a full queue may drop it.
        let _ = parts.store.record_soon(event);
        return Err(problem(StatusCode::FORBIDDEN, reason));
    }
    Ok(())
}

/// What tells of everybody is for whoever administers everything: all projects of every index. Both the
/// token and its holder as he stands now must say so: a withdrawn rule bites at once.
pub(crate) fn is_administrator(parts: &Parts, claims: &AccessTokenClaims) -> bool {
    is_administrator_by(parts, &parts.trust.in_force().policy, claims)
}

/// The same, as of that policy.
pub(crate) fn is_administrator_by(parts: &Parts, policy: &Policy, claims: &AccessTokenClaims) -> bool {
    let Some(current) = policy.current_grants(claims) else { return false };
    let everything = |grants: &[Grant]| {
        let all_of = |index| {
            let all = |grant: &Grant| grant.projects.iter().any(|pattern| pattern.as_str() == "*");
            grants.iter().any(|grant| grant.allows_on_index(index, Action::Admin) && all(grant))
        };
        parts.indexes.iter().all(all_of)
    };
    everything(&claims.grants) && everything(&current)
}

pub(crate) fn unauthorized() -> Response {
    let mut response = problem(StatusCode::UNAUTHORIZED, "send a valid access token as a Bearer credential");
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"daypass\""));
    response
}

pub(crate) fn unavailable(error: &StoreError) -> Response {
    tracing::error!(%error, "the administration cannot be served");
    let mut response = problem(StatusCode::SERVICE_UNAVAILABLE, "the database does not answer now; try again");
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    response
}

/// RFC 9457.
pub(crate) fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or_default();
    let body = serde_json::json!({"title": title, "status": status.as_u16(), "detail": detail}).to_string();
    (status, [(header::CONTENT_TYPE, "application/problem+json"), (header::CACHE_CONTROL, "no-store")], body)
        .into_response()
}
