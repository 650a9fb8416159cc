//! People's access tokens: worth what the seats they name are worth now, while the session lives.

use axum::http::{Request, StatusCode};
use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
    person::{PersonId, SessionId},
    policy::Membership,
};
use daypass_store::{Revocation, Revoked};
use serde_json::{Value, json};

use crate::world::{PUBLIC_URL, World, basic, eventually};

const ISSUER: &str = "https://login.example.com";
const PEOPLE: &str = r#"
    [[provider]]
    name = "corp"
    url = "https://login.example.com"
    client_id = "daypass"

    [[role]]
    role = "reader"
    index = "python"
    users = ["corp/ada", "corp/bob"]

    [[role]]
    role = "reader"
    index = "*"
    projects = ["acme-*"]
    groups = ["corp/engineering"]
"#;

/// A world whose policy knows people.
async fn world() -> World {
    let world = World::alone().await;
    world.set_policy(|text| format!("{text}{PEOPLE}"));
    world
}

/// The claims of a person's access token in `session`, signed for what they may do now.
fn claims(world: &World, subject: &str, groups: &[&str], session: SessionId) -> Value {
    let now = world.now().as_second();
    let groups: Vec<String> = groups.iter().map(ToString::to_string).collect();
    let provider = "corp".parse().unwrap();
    let rights =
        world.policy.load().rights_of(&Membership { provider: &provider, subject, groups: &groups, role: None });
    json!({
        "iss": PUBLIC_URL, "aud": PUBLIC_URL, "sub": PersonId::of(ISSUER, subject).to_string(),
        "exp": now + 3600, "iat": now, "nbf": now, "jti": format!("jti-{subject}-{now}"), "client_id": "daypass-cli",
        "sid": session.to_string(), "person": format!("{subject}@example.com"), "seats": rights.seats,
        "grants": serde_json::to_value(rights.grants).unwrap(), "act": { "iss": ISSUER, "sub": subject },
    })
}

async fn status(world: &World, path: &str, access_token: &str) -> StatusCode {
    world.send(Request::get(path).header("authorization", basic(access_token))).await.status
}

const ALL: &str = "/python/simple/";

#[tokio::test]
async fn a_person_pulls_what_a_role_gives_and_nothing_else() {
    let world = world().await;
    let sign = |subject, groups: &[&str]| world.signer.sign(&claims(&world, subject, groups, SessionId::random()));
    assert_eq!(status(&world, ALL, &sign("ada", &[])).await, StatusCode::OK);
    let engineer = sign("carol", &["engineering"]);
    assert_eq!(status(&world, "/python/simple/requests/", &engineer).await, StatusCode::FORBIDDEN);
    assert_eq!(status(&world, "/python/simple/acme-none/", &engineer).await, StatusCode::NOT_FOUND);
    // Signed before any role was there, or by somebody who makes seats up: no seat is left.
    let mut made_up = claims(&world, "ada", &[], SessionId::random());
    made_up["seats"] = json!(["made-up"]);
    assert_eq!(status(&world, ALL, &world.signer.sign(&made_up)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_role_that_is_taken_away_bites_its_member_at_once_and_nobody_else() {
    let world = world().await;
    let sign = |subject| world.signer.sign(&claims(&world, subject, &[], SessionId::random()));
    let (ada, bob) = (sign("ada"), sign("bob"));
    assert_eq!(status(&world, ALL, &ada).await, StatusCode::OK);
    world.set_policy(|text| format!("{text}{}", PEOPLE.replace(r#""corp/ada", "#, "")));
    assert_eq!(status(&world, ALL, &ada).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&world, ALL, &bob).await, StatusCode::OK);
}

#[tokio::test]
async fn an_ended_session_and_a_disabled_person_are_out_within_moments() {
    let world = world().await;
    let (ended, kept) = (SessionId::random(), SessionId::random());
    let sign = |subject, session| world.signer.sign(&claims(&world, subject, &[], session));
    let (in_ended, in_kept, bob) = (sign("ada", ended), sign("ada", kept), sign("bob", SessionId::random()));
    for access_token in [&in_ended, &in_kept, &bob] {
        assert_eq!(status(&world, ALL, access_token).await, StatusCode::OK);
    }
    let expires_at = world.now() + SignedDuration::from_hours(25);
    let event = |kind| AuditEvent::new(world.now(), kind, Outcome::Success, "r");
    let revocation = Revocation { what: Revoked::Session(ended), expires_at };
    world.store.revoke(revocation, event(AuditKind::SessionEnded)).await.unwrap();
    eventually(async || status(&world, ALL, &in_ended).await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(status(&world, ALL, &in_kept).await, StatusCode::OK);

    let what = Revoked::Person { id: PersonId::of(ISSUER, "ada"), issued_before: world.now() };
    let revocation = Revocation { what, expires_at };
    world.store.revoke(revocation, event(AuditKind::PersonDisabled)).await.unwrap();
    eventually(async || status(&world, ALL, &in_kept).await == StatusCode::UNAUTHORIZED).await;
    assert_eq!(status(&world, ALL, &bob).await, StatusCode::OK);
    // Enabled again, she signs in anew.
    world.advance(1);
    let anew = world.signer.sign(&claims(&world, "ada", &[], SessionId::random()));
    assert_eq!(status(&world, ALL, &anew).await, StatusCode::OK);
}

#[tokio::test]
async fn a_download_says_who_it_was() {
    let world = world().await;
    let session = SessionId::random();
    let engineer = world.signer.sign(&claims(&world, "carol", &["engineering"], session));
    assert_eq!(status(&world, "/python/simple/requests/", &engineer).await, StatusCode::FORBIDDEN);
    eventually(async || world.audit().await.iter().any(|event| event.kind == AuditKind::AccessDenied)).await;
    let events = world.audit().await;
    let denied = events.iter().find(|event| event.kind == AuditKind::AccessDenied).unwrap();
    assert_eq!((denied.person.as_deref(), denied.session), (Some("carol@example.com"), Some(session)));
    assert_eq!((denied.identity.as_deref(), &*denied.actor.as_ref().unwrap().sub), (None, "carol"));
}
