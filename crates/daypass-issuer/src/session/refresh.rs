//! The next access token for a refresh token (RFC 6749 §6, RFC 9700 §4.14.2).

use axum::http::HeaderMap;
use daypass_core::{
    Timestamp,
    audit::{AuditKind, Outcome},
    digest::Sha256,
    opaque::Kind,
    person::SessionId,
};
use daypass_store::{Rotated, Rotation, RotationEvents};
use moka::Entry;

use super::pass::{self, Holding, Pass};
use crate::{caller::Caller, client_auth, error::OAuthError, form::Form, issuer::Parts, refusal::Refusal};

/// How many refreshes of one session a minute are answered. A client asks once an hour, and after an answer was lost.
const MOST_REFRESHES: u32 = 30;

/// In milliseconds.
const MINUTE: i64 = 60_000;

/// Rotates a refresh token.
pub(crate) async fn refresh(parts: &Parts, caller: &Caller, headers: &HeaderMap, form: &Form) -> Result<Pass, Refusal> {
    let client = client_auth::client(parts, headers, form)?;
    let presented = form.require("refresh_token").map_err(|answer| Refusal::new(answer, "malformed_request"))?;
    let refuse = |text: &str, code| {
        let refusal = Refusal::new(OAuthError::invalid_grant(text, code), code);
        Refusal { kind: AuditKind::SessionRefused, ..refusal }
    };
    let unknown = || refuse("the refresh token is not known here; sign in again", "session_unknown");
    let digest = Kind::RefreshToken.digest(presented).ok_or_else(unknown)?;
    let stored = parts.store.session_by_refresh(&digest).await.map_err(|error| pass::not_now(&error))?;
    let stored = stored.ok_or_else(unknown)?;
    let holding = Holding {
        session: stored.id,
        person: &stored.person,
        client_id: &stored.client_id,
        groups: &stored.groups,
        session_expires_at: stored.expires_at,
    };
    let refuse = |text: &str, code| pass::about(refuse(text, code), &holding);
    let now = parts.clock.now();
    if stored.client_id != client.id {
        return Err(refuse("the refresh token belongs to another client", "wrong_client"));
    }
    if stored.audience != parts.public_url.as_str() {
        return Err(refuse("the session is for another server; sign in again", "wrong_audience"));
    }
    // Whoever is shut out has no session left either, and is told the reason.
    if stored.ended && !stored.person.disabled {
        return Err(refuse("the session was ended; sign in again", "session_ended"));
    }
    if stored.expires_at <= now || stored.idle_until <= now {
        return Err(refuse("the session is over; sign in again", "session_expired"));
    }
    if let Some(seconds) = too_often(parts, stored.id, now) {
        let answer = OAuthError {
            description: format!("this session is refreshed too often; wait {seconds} seconds"),
            ..OAuthError::slow_down(seconds)
        };
        // Nothing is written: that is the point.
        let refusal = Refusal::new(answer.because("too_many_refreshes"), "too_many_refreshes");
        return Err(Refusal { routine: true, ..refusal });
    }
    let made = pass::make(parts, &holding).await?;
    let outcome = parts.store.rotate(rotation(parts, digest, &made), events(caller, &made, &holding)).await;
    match outcome.map_err(|error| pass::not_now(&error))? {
        Rotated::Refreshed | Rotated::Reissued => Ok(made),
        Rotated::Replayed => {
            let text = "this refresh token was used before, so somebody else may have a copy of it: the session was \
                        ended for everybody; sign in again";
            Err(Refusal { recorded: true, ..refuse(text, "replayed") })
        }
        Rotated::RoleChanged => Err(pass::role_changed(&holding)),
        Rotated::Ended | Rotated::Unknown => Err(refuse("the session was ended; sign in again", "session_ended")),
    }
}

/// Counts a refresh; where it is one too many, how many seconds are left of the session's minute. Kept per process:
/// each replica has as much patience.
fn too_often(parts: &Parts, session: SessionId, now: Timestamp) -> Option<u32> {
    let now = now.as_millisecond();
    let counted = parts.refreshes.entry(session).and_upsert_with(|counted| match counted.map(Entry::into_value) {
        Some((began, count)) if (0..MINUTE).contains(&(now - began)) => (began, count.saturating_add(1)),
        _ => (now, 1),
    });
    let (began, count) = counted.into_value();
    if count == MOST_REFRESHES + 1 {
        tracing::warn!(%session, "a session is refreshed more often than any client needs");
    }
    (count > MOST_REFRESHES).then(|| u32::try_from((MINUTE - (now - began) + 999) / 1000).unwrap_or(60))
}

fn rotation(parts: &Parts, presented: Sha256, pass: &Pass) -> Rotation {
    Rotation {
        presented,
        next: Sha256::of(pass.refresh_token.expose()),
        access_token_id: pass.access_token_id.clone(),
        role: pass.role(),
        access_token_expires_at: pass.access_token_expires_at,
        now: pass.now,
        idle_until: pass::idle_until(parts, pass.now),
    }
}

/// What is written for each way a refresh may go.
fn events(caller: &Caller, pass: &Pass, holding: &Holding<'_>) -> RotationEvents {
    let refreshed = pass.event(caller, AuditKind::SessionRefreshed, holding);
    let mut reissued = refreshed.clone();
    reissued.reason = Some("the answer to the refresh before was lost; what it carried is withdrawn".to_owned());
    let mut replayed = caller.event(pass.now, AuditKind::SessionReused, Outcome::Refused);
    pass::describe(&mut replayed, holding);
    replayed.reason = Some("replayed: a spent refresh token came again; the session was ended".to_owned());
    RotationEvents { refreshed, reissued, replayed }
}
