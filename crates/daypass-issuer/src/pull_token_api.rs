//! `/api/v1/pull-tokens`: people make, list and revoke pull tokens; who administers everything sees and revokes all.
//!
//! What is *not* here: what a pull token may be (`daypass_core::pull_token`), and what it is worth at a request (the
//! index).

use std::sync::Arc;

use axum::{
    extract::{Path, Request, State},
    http::{Extensions, HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    Timestamp,
    access_token::{AccessTokenClaims, Holder},
    audit::{AuditKind, Outcome},
    digest::Sha256,
    grant::Grant,
    names::PullTokenName,
    opaque::Kind,
    person::{PersonId, SessionId},
    pull_token::{self, NotMade, PullToken, PullTokenId, Scope},
};
use daypass_store::{AddPullToken, MOST_PULL_TOKENS_OF_ONE, NewPullToken};
use serde::{Deserialize, Serialize};

use crate::{
    audit_api::{is_administrator, problem, unauthorized, unavailable},
    bearer, body,
    caller::Caller,
    issuer::{self, Parts},
    still_granted::still_granted,
};

/// What is wanted.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    name: PullTokenName,
    /// In seconds.
    expires_in: Option<i64>,
    grants: Option<Vec<Scope>>,
}

/// A pull token that was just made: the only answer that ever holds its secret.
#[derive(Serialize)]
struct Made<'a> {
    id: PullTokenId,
    name: &'a PullTokenName,
    pull_token: &'a str,
    grants: &'a [Grant],
    created_at: Timestamp,
    expires_at: Timestamp,
}

/// A pull token in a list.
#[derive(Serialize)]
struct Listed<'a> {
    id: PullTokenId,
    name: &'a PullTokenName,
    person: &'a str,
    state: pull_token::State,
    grants: &'a [Grant],
    created_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
}

impl<'a> Listed<'a> {
    fn of(pull_token: &'a PullToken, now: Timestamp) -> Self {
        Self {
            id: pull_token.id,
            name: &pull_token.name,
            person: &pull_token.maker.shown,
            state: pull_token.state(now),
            grants: &pull_token.grants,
            created_at: pull_token.created_at,
            expires_at: pull_token.expires_at,
            last_used_at: pull_token.used_at,
        }
    }
}

/// Whoever brings a live access token.
struct Asker {
    claims: AccessTokenClaims,
    /// What they may do now, of what the access token says.
    grants: Vec<Grant>,
}

impl Asker {
    async fn of(parts: &Parts, headers: &HeaderMap) -> Result<Self, Response> {
        let claims = bearer::claims(parts, headers).await.map_err(|error| unavailable(&error))?;
        let claims = claims.ok_or_else(unauthorized)?;
        let current = parts.trust.in_force().policy.current_grants(&claims).ok_or_else(unauthorized)?;
        let grants = still_granted(&claims.grants, &current);
        Ok(Self { claims, grants })
    }

    /// The person, if a person asks.
    fn person(&self) -> Option<PersonId> {
        self.session().map(|(person, _)| person)
    }

    /// The person and the session of theirs in which they ask.
    fn session(&self) -> Option<(PersonId, SessionId)> {
        match self.claims.holder {
            Holder::Person { sid, .. } => self.claims.sub.parse().ok().map(|person| (person, sid)),
            Holder::Identity { .. } => None,
        }
    }
}

/// Makes a pull token: `201` with its secret, which is shown this once.
pub(crate) async fn post(State(parts): State<Arc<Parts>>, request: Request) -> Response {
    let caller = Caller::of(request.extensions(), request.headers());
    let asker = match Asker::of(&parts, request.headers()).await {
        Ok(asker) => asker,
        Err(answer) => return answer,
    };
    let body = match body::read(request).await {
        Ok((_, body)) => body,
        Err(refusal) => return problem(refusal.answer.status, &refusal.answer.description),
    };
    let wanted: Wanted = match serde_json::from_slice(&body) {
        Ok(wanted) => wanted,
        Err(error) => return problem(StatusCode::BAD_REQUEST, &format!("the body is not understood: {error}")),
    };
    make(&parts, &caller, &asker, wanted).await.unwrap_or_else(|answer| answer)
}

async fn make(parts: &Parts, caller: &Caller, asker: &Asker, wanted: Wanted) -> Result<Response, Response> {
    // A job's proof lasts for minutes: it must not become a password for a year, whatever the job may administer.
    let (person, session) = asker.session().ok_or_else(|| {
        denied(
            parts,
            caller,
            asker,
            "only a person who signed in makes pull tokens; an identity needs none: it proves itself anew",
        )
    })?;
    // It was made to be worth less, and for a shorter time: it must not become a password for a year.
    if !asker.claims.parents.is_empty() {
        return Err(denied(parts, caller, asker, "a narrower access token makes no pull tokens; sign in for one"));
    }
    let grants = pull_token::grants_for(wanted.grants.as_deref(), &asker.grants).map_err(|error| match error {
        NotMade::NotHeld { .. } | NotMade::NothingHeld => denied(parts, caller, asker, &error.to_string()),
        NotMade::Nothing | NotMade::TooMany | NotMade::Life => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    })?;
    let life = pull_token::life(wanted.expires_in);
    let life = life.map_err(|error| problem(StatusCode::BAD_REQUEST, &error.to_string()))?;
    let secret = issuer::new_secret(Kind::PullToken).map_err(|error| {
        tracing::error!(%error, "could not make a pull token");
        problem(StatusCode::SERVICE_UNAVAILABLE, "the server cannot make secrets now; try again")
    })?;
    let now = parts.clock.now();
    let new = NewPullToken {
        digest: Sha256::of(secret.expose()),
        id: PullTokenId::random(),
        name: wanted.name,
        person,
        session,
        grants,
        created_at: now,
        expires_at: now.saturating_add(life).unwrap_or(now),
    };
    let mut event = caller.event(now, AuditKind::PullTokenCreated, Outcome::Success);
    event.set_holder(&asker.claims);
    event.pull_token = Some(new.name.clone());
    event.token_id = Some(new.id.to_string());
    event.token_sha256 = Some(new.digest);
    event.expires_at = Some(new.expires_at);
    event.reason = Some(told(&new.grants));
    // Recorded first, handed out last.
    match parts.store.add_pull_token(new.clone(), event).await.map_err(|error| unavailable(&error))? {
        AddPullToken::Added => {}
        AddPullToken::NameTaken => {
            let detail = format!("you have a pull token `{}` already: revoke it, or choose another name", new.name);
            return Err(problem(StatusCode::CONFLICT, &detail));
        }
        AddPullToken::TooMany => {
            let detail = format!(
                "there are too many pull tokens: {MOST_PULL_TOKENS_OF_ONE} of one person, with those that ended in the last \
                 two days, and not more than the server can remember"
            );
            return Err(problem(StatusCode::CONFLICT, &detail));
        }
        AddPullToken::SessionEnded => return Err(unauthorized()),
    }
    let NewPullToken { id, name, grants, created_at, expires_at, .. } = &new;
    let (id, created_at, expires_at) = (*id, *created_at, *expires_at);
    let made = Made { id, name, pull_token: secret.expose(), grants, created_at, expires_at };
    Ok(json(StatusCode::CREATED, &made))
}

/// Lists the asker's own pull tokens, or all for whoever administers everything.
pub(crate) async fn get(State(parts): State<Arc<Parts>>, extensions: Extensions, headers: HeaderMap) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let asker = match Asker::of(&parts, &headers).await {
        Ok(asker) => asker,
        Err(answer) => return answer,
    };
    let found = match (is_administrator(&parts, &asker.claims), asker.person()) {
        (true, _) => {
            let rows = parts.store.pull_tokens_after(0).await;
            rows.map(|rows| rows.into_iter().map(|row| row.pull_token).collect::<Vec<_>>())
        }
        (false, Some(person)) => parts.store.pull_tokens_of(person).await,
        (false, None) => return denied(&parts, &caller, &asker, "only people have pull tokens"),
    };
    let mut found = match found {
        Ok(found) => found,
        Err(error) => return unavailable(&error),
    };
    found.sort_by_key(|pull_token| std::cmp::Reverse(pull_token.created_at));
    let now = parts.clock.now();
    let listed: Vec<Listed<'_>> = found.iter().map(|found| Listed::of(found, now)).collect();
    json(StatusCode::OK, &serde_json::json!({ "pull_tokens": listed }))
}

/// Revokes one of the asker's own, or any for whoever administers everything: `204`, also when it was revoked before.
pub(crate) async fn delete(
    State(parts): State<Arc<Parts>>,
    Path(id): Path<String>,
    extensions: Extensions,
    headers: HeaderMap,
) -> Response {
    let caller = Caller::of(&extensions, &headers);
    let asker = match Asker::of(&parts, &headers).await {
        Ok(asker) => asker,
        Err(answer) => return answer,
    };
    let found = match id.parse() {
        Ok(id) => parts.store.pull_token(id).await,
        Err(_) => Ok(None),
    };
    let found = match found {
        Ok(found) => found,
        Err(error) => return unavailable(&error),
    };
    let is_own = |pull_token: &PullToken| asker.person() == Some(pull_token.maker.person);
    // Somebody else's is answered as one that is not there.
    let Some(found) = found.filter(|found| is_own(found) || is_administrator(&parts, &asker.claims)) else {
        return problem(StatusCode::NOT_FOUND, "you have no pull token of that id");
    };
    let now = parts.clock.now();
    let mut event = caller.event(now, AuditKind::PullTokenRevoked, Outcome::Success);
    event.set_holder(&asker.claims);
    event.pull_token = Some(found.name.clone());
    event.token_id = Some(found.id.to_string());
    event.expires_at = Some(found.expires_at);
    if !is_own(&found) {
        event.reason = Some(format!("made by {}", found.maker.shown));
    }
    match parts.store.revoke_pull_token(found.id, now, event).await {
        Ok(_) => StatusCode::NO_CONTENT.into_response(),
        Err(error) => unavailable(&error),
    }
}

/// Revokes the pull token that `raw` is, because its holder wants it to be over (RFC 7009 §2.1).
pub(crate) async fn revoke_by_holder(
    parts: &Parts,
    caller: &Caller,
    digest: &Sha256,
) -> Result<(), daypass_store::StoreError> {
    let Some(found) = parts.store.pull_token_by_digest(digest).await? else { return Ok(()) };
    if found.revoked_at.is_some() {
        return Ok(());
    }
    let now = parts.clock.now();
    let mut event = caller.event(now, AuditKind::PullTokenRevoked, Outcome::Success);
    event.set_pull_token(&found);
    event.token_sha256 = Some(*digest);
    event.reason = Some("by whoever holds it".to_owned());
    parts.store.revoke_pull_token(found.id, now, event).await.map(drop)
}

/// `pull python: acme-*, x; other: *`.
fn told(grants: &[Grant]) -> String {
    let one = |grant: &Grant| {
        let projects: Vec<&str> = grant.projects.iter().map(daypass_core::grant::ProjectPattern::as_str).collect();
        format!("{}: {}", grant.index.as_str(), projects.join(", "))
    };
    format!("pull {}", grants.iter().map(one).collect::<Vec<_>>().join("; "))
}

/// The refusal of somebody proven, and its row in the audit log.
fn denied(parts: &Parts, caller: &Caller, asker: &Asker, reason: &str) -> Response {
    let mut event = caller.event(parts.clock.now(), AuditKind::AccessDenied, Outcome::Refused);
    event.set_holder(&asker.claims);
    event.token_id = Some(asker.claims.jti.clone());
    event.reason = Some(reason.to_owned());
    // Nothing was given, so nothing hangs on this row: a full queue may drop it.
    let _ = parts.store.record_soon(event);
    problem(StatusCode::FORBIDDEN, reason)
}

fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    match serde_json::to_string(value) {
        Ok(body) => (status, headers, body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
