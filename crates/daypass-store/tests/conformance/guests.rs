//! People and their sessions, as the tests need them.

use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    person::{PersonId, SessionId},
};
use daypass_store::{
    AddDevice, DeviceDecision, NewCode, NewDevice, NewSession, Redeemed, Revocation, Rotated, Rotation, RotationEvents,
    SeenPerson, Store,
};

use crate::home::{event, noon, refusal, whole_log};

pub(crate) fn minutes(minutes: i64) -> SignedDuration {
    SignedDuration::from_mins(minutes)
}

pub(crate) fn seen(subject: &str) -> SeenPerson {
    let issuer = "https://login.example.com";
    SeenPerson {
        id: PersonId::of(issuer, subject),
        provider: "corp".parse().unwrap(),
        issuer: issuer.to_owned(),
        subject: subject.to_owned(),
        name: format!("Name of {subject}"),
        email: Some(format!("{subject}@example.com")),
    }
}

/// A code for somebody, good for a minute.
pub(crate) fn new_code(code: &str, subject: &str) -> NewCode {
    NewCode {
        code: Sha256::of(code),
        client_id: "daypass-cli".parse().unwrap(),
        redirect_uri: "http://127.0.0.1:4711/callback".to_owned(),
        code_challenge: "challenge".to_owned(),
        person: seen(subject).id,
        groups: vec!["corp/\"quoted\"".to_owned(), "ü".to_owned()],
        expires_at: noon() + minutes(1),
    }
}

/// A session of somebody that begins at noon, with the refresh token `rt` and the access token `at-rt`.
pub(crate) fn new_session(rt: &str, subject: &str) -> NewSession {
    NewSession {
        id: SessionId::random(),
        person: seen(subject).id,
        client_id: "daypass-cli".parse().unwrap(),
        audience: "https://packages.example.com".to_owned(),
        groups: vec!["corp/engineering".to_owned()],
        refresh_token: Sha256::of(rt),
        access_token_id: format!("at-{rt}"),
        role: None,
        access_token_expires_at: noon() + minutes(60),
        created_at: noon(),
        idle_until: noon() + minutes(120),
        expires_at: noon() + minutes(720),
        source: Some("192.0.2.1".to_owned()),
        user_agent: None,
    }
}

/// Lets somebody in: a session that begins with the refresh token `rt`.
pub(crate) async fn let_in(store: &Store, rt: &str, subject: &str) -> SessionId {
    store.record_person(seen(subject), noon()).await.unwrap();
    store.add_code(new_code(rt, subject)).await.unwrap();
    let session = new_session(rt, subject);
    let id = session.id;
    let redeemed = store.redeem_code(&Sha256::of(rt), session, event("in"), refusal("in")).await.unwrap();
    assert_eq!(redeemed, Redeemed::Opened);
    id
}

/// A device with that device code and user code that a person let in at noon, and that has no session yet.
pub(crate) async fn let_device_in(store: &Store, code: &str, subject: &str) {
    let device = NewDevice {
        device_code: Sha256::of(code),
        user_code: code.to_owned(),
        client_id: "daypass-cli".parse().unwrap(),
        source: None,
        user_agent: None,
        provider_hint: None,
        created_at: noon(),
        expires_at: noon() + minutes(10),
    };
    assert_eq!(store.add_device(device, 100, noon()).await.unwrap(), AddDevice::Added);
    let decision = DeviceDecision::Approve { person: seen(subject).id, groups: Vec::new() };
    assert!(store.decide_device(code, decision, noon(), event("allowed")).await.unwrap());
}

/// `next` for `presented`, so long after noon.
pub(crate) fn rotation(presented: &str, next: &str, after: SignedDuration) -> Rotation {
    Rotation {
        presented: Sha256::of(presented),
        next: Sha256::of(next),
        access_token_id: format!("at-{next}"),
        role: None,
        access_token_expires_at: noon() + after + minutes(60),
        now: noon() + after,
        idle_until: noon() + after + minutes(120),
    }
}

/// Events named after the refresh token that is handed out.
pub(crate) fn rotation_events(next: &str) -> RotationEvents {
    let named = |outcome: &str, kind| AuditEvent::new(noon(), kind, Outcome::Success, format!("{outcome} {next}"));
    RotationEvents {
        refreshed: named("refreshed", AuditKind::SessionRefreshed),
        reissued: named("reissued", AuditKind::SessionRefreshed),
        replayed: named("replayed", AuditKind::SessionReused),
    }
}

pub(crate) async fn rotate(store: &Store, presented: &str, next: &str, after: SignedDuration) -> Rotated {
    store.rotate(rotation(presented, next, after), rotation_events(next)).await.unwrap()
}

pub(crate) async fn revocations(store: &Store) -> Vec<Revocation> {
    store.revocations_after(0).await.unwrap().into_iter().map(|row| row.revocation).collect()
}

/// The request ids of the whole log.
pub(crate) async fn log(store: &Store) -> Vec<String> {
    whole_log(store).await.into_iter().map(|row| row.event.request_id).collect()
}

/// As far from noon as a revocation is kept.
pub(crate) fn remembered_from(at: Timestamp) -> Timestamp {
    at + daypass_store::CUT_REMEMBERED_FOR
}
