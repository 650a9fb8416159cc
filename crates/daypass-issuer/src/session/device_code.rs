//! A session for a device code (RFC 8628 §3.4 and §3.5).

use axum::http::HeaderMap;
use daypass_core::{Timestamp, audit::AuditKind, digest::Sha256, opaque::Kind, person::SessionId};
use daypass_store::DeviceState;

use super::pass::{self, Holding, Pass};
use crate::{
    caller::Caller, client_auth, device::INTERVAL, error::OAuthError, form::Form, issuer::Parts, refusal::Refusal,
};

/// How many seconds longer a device must wait each time it asked too soon (RFC 8628 §3.5).
const SLOWER_BY: i64 = 5;

/// Clocks and networks are not exact: so much too soon is in time, in milliseconds.
const EARLY: i64 = 500;

/// Answers one poll.
pub(crate) async fn poll(parts: &Parts, caller: &Caller, headers: &HeaderMap, form: &Form) -> Result<Pass, Refusal> {
    let client = client_auth::client(parts, headers, form)?;
    let device_code = form.require("device_code").map_err(|answer| Refusal::new(answer, "malformed_request"))?;
    let refuse = |answer, code| Refusal { kind: AuditKind::SessionRefused, ..Refusal::new(answer, code) };
    let unknown =
        || refuse(OAuthError::invalid_grant("the device code is not known here", "device_unknown"), "device_unknown");
    let digest = Kind::DeviceCode.digest(device_code).ok_or_else(unknown)?;
    let device = parts.store.device(&digest).await.map_err(|error| pass::not_now(&error))?.ok_or_else(unknown)?;
    if device.client_id != client.id {
        return Err(refuse(
            OAuthError::invalid_grant("the device code belongs to another client", "wrong_client"),
            "wrong_client",
        ));
    }
    let now = parts.clock.now();
    if device.expires_at <= now {
        return Err(refuse(
            OAuthError::bad_request("expired_token", "nobody allowed it in time; begin anew"),
            "device_expired",
        ));
    }
    let (person, groups) = match device.state {
        DeviceState::Pending => {
            let (code, text) = match pace(parts, digest, now) {
                Pace::InTime => ("authorization_pending", "the person has not decided yet; ask again"),
                Pace::TooSoon => ("slow_down", "wait five seconds longer between two questions"),
            };
            // Nothing is refused here: it is only not yet decided.
            return Err(Refusal { routine: true, ..Refusal::new(OAuthError::bad_request(code, text), code) });
        }
        DeviceState::Denied => {
            return Err(refuse(OAuthError::bad_request("access_denied", "the person said no"), "device_denied"));
        }
        DeviceState::Redeemed => {
            return Err(refuse(OAuthError::invalid_grant("the device code was used before", "replayed"), "replayed"));
        }
        DeviceState::Approved { person, groups } => (person, groups),
    };
    let person = parts.store.person(person).await.map_err(|error| pass::not_now(&error))?.ok_or_else(unknown)?;
    let holding = Holding {
        session: SessionId::random(),
        person: &person,
        client_id: &client.id,
        groups: &groups,
        session_expires_at: pass::ends(parts, now),
    };
    let made = pass::make(parts, &holding).await.map_err(pass::before_any_session)?;
    let opened = made.event(caller, AuditKind::SessionCreated, &holding);
    let new_session = made.new_session(parts, caller, &holding);
    let outcome = parts.store.redeem_device(&digest, new_session, now, opened).await;
    let outcome = outcome.map_err(|error| pass::not_now(&error))?;
    pass::redeemed(outcome, made, &holding, "the device code was used before")
}

enum Pace {
    InTime,
    TooSoon,
}

/// Whether a device waited as long as it was told. Kept per process: another replica is as patient at first.
fn pace(parts: &Parts, device: Sha256, now: Timestamp) -> Pace {
    let now = now.as_millisecond();
    let (pace, interval) = match parts.polls.get(&device) {
        None => (Pace::InTime, INTERVAL),
        Some((last, interval)) if now - last >= interval * 1000 - EARLY => (Pace::InTime, interval),
        Some((_, interval)) => (Pace::TooSoon, interval + SLOWER_BY),
    };
    parts.polls.insert(device, (now, interval));
    pace
}
