//! Pull tokens: they pull, they are worth what their makers may do now, and they end.

use std::time::{Duration, Instant};

use axum::http::{Request, StatusCode};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    grant::{Action, Grant, GrantedIndex},
    opaque::Kind,
    person::{PersonId, SessionId},
    pull_token::PullTokenId,
};
use daypass_store::{AddPullToken, NewCode, NewPullToken, NewSession, Redeemed, SeenPerson};
use daypass_testkit::{upstream::Upstream, wheel::Wheel};

use crate::world::{Answer, PUBLIC_URL, World, basic, eventually};

const ISSUER: &str = "https://login.example.com";
const PEOPLE: &str = r#"
    [[provider]]
    name = "corp"
    url = "https://login.example.com"
    client_id = "daypass"

    [[role]]
    role = "publisher"
    index = "python"
    users = ["corp/ada"]

    [[role]]
    role = "reader"
    index = "*"
    projects = ["acme-*"]
    users = ["corp/bob"]
"#;
const ALL: &str = "/python/simple/";
const ACME: &str = "/python/simple/acme-hello/";
const OTHER: &str = "/python/simple/other/";

async fn world() -> World {
    let world = World::alone().await;
    know_people(&world);
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    world
}

fn know_people(world: &World) {
    world.set_policy(|text| format!("{text}{PEOPLE}"));
}

fn event(world: &World, kind: AuditKind) -> AuditEvent {
    AuditEvent::new(world.now(), kind, Outcome::Success, "r")
}

/// A session of somebody, for an hour.
async fn signed_in(world: &World, person: PersonId, secret: &str) -> SessionId {
    let (now, end) = (world.now(), world.now() + SignedDuration::from_hours(1));
    let code = NewCode {
        code: Sha256::of(secret),
        client_id: "daypass-cli".parse().unwrap(),
        redirect_uri: "http://127.0.0.1:4711/callback".to_owned(),
        code_challenge: "challenge".to_owned(),
        person,
        groups: Vec::new(),
        expires_at: end,
    };
    world.store.add_code(code).await.unwrap();
    let session = NewSession {
        id: SessionId::random(),
        person,
        client_id: "daypass-cli".parse().unwrap(),
        audience: PUBLIC_URL.to_owned(),
        groups: Vec::new(),
        refresh_token: Sha256::of(format!("refresh {secret}")),
        access_token_id: secret.to_owned(),
        role: None,
        access_token_expires_at: end,
        created_at: now,
        idle_until: end,
        expires_at: end,
        source: None,
        user_agent: None,
    };
    let (id, event) = (session.id, event(world, AuditKind::SessionCreated));
    let redeemed = world.store.redeem_code(&Sha256::of(secret), session, event.clone(), event).await.unwrap();
    assert_eq!(redeemed, Redeemed::Opened);
    id
}

/// A pull token of somebody for these projects of `python`, good for an hour; and its id. The index knows of it.
async fn made(world: &World, subject: &str, projects: &[&str], seed: u8) -> (String, PullTokenId) {
    let person = SeenPerson {
        id: PersonId::of(ISSUER, subject),
        provider: "corp".parse().unwrap(),
        issuer: ISSUER.to_owned(),
        subject: subject.to_owned(),
        name: subject.to_owned(),
        email: Some(format!("{subject}@example.com")),
    };
    let id = person.id;
    world.store.record_person(person, world.now()).await.unwrap();
    let session = signed_in(world, id, &format!("code {seed}")).await;
    let secret = Kind::PullToken.make([seed; 32]).expose().to_owned();
    let new = NewPullToken {
        digest: Sha256::of(&secret),
        id: PullTokenId::random(),
        name: format!("tool-{seed}").parse().unwrap(),
        person: id,
        session,
        grants: vec![Grant {
            index: GrantedIndex::One("python".parse().unwrap()),
            projects: projects.iter().map(|pattern| pattern.parse().unwrap()).collect(),
            actions: vec![Action::Pull],
        }],
        created_at: world.now(),
        expires_at: world.now() + SignedDuration::from_hours(1),
    };
    let (id, event) = (new.id, event(world, AuditKind::PullTokenCreated));
    assert_eq!(world.store.add_pull_token(new, event).await.unwrap(), AddPullToken::Added);
    eventually(async || code(&ask(world, ALL, &secret).await) != "pull_token_unknown").await;
    (secret, id)
}

async fn ask(world: &World, path: &str, secret: &str) -> Answer {
    world.send(Request::get(path).header("authorization", basic(secret))).await
}

async fn status(world: &World, path: &str, secret: &str) -> StatusCode {
    ask(world, path, secret).await.status
}

/// The stable word of a refusal.
fn code(answer: &Answer) -> String {
    if answer.status.is_success() { String::new() } else { answer.json()["code"].as_str().unwrap().to_owned() }
}

#[tokio::test]
async fn a_pull_token_is_a_password_with_any_user_name_and_a_bearer_token() {
    let world = world().await;
    let (secret, _) = made(&world, "ada", &["*"], 1).await;
    let pair = |user: &str| format!("Basic {}", STANDARD.encode(format!("{user}:{secret}")));
    for header in [pair("_token"), pair("ada"), pair(""), format!("Bearer {secret}")] {
        let answer = world.send(Request::get(ACME).header("authorization", &header)).await;
        assert_eq!(answer.status, StatusCode::OK, "{header}");
    }
    // In the user name it is none.
    let header = format!("Basic {}", STANDARD.encode(format!("{secret}:")));
    assert_eq!(world.send(Request::get(ACME).header("authorization", header)).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn it_pulls_what_it_was_made_for_and_its_maker_may_pull_and_nothing_else() {
    let world = world().await;
    let (narrow, _) = made(&world, "ada", &["acme-*"], 1).await;
    let (wide, _) = made(&world, "bob", &["*"], 2).await;
    for secret in [&narrow, &wide] {
        assert_eq!(status(&world, ACME, secret).await, StatusCode::OK);
        assert_eq!(code(&ask(&world, OTHER, secret).await), "grant_missing");
        assert_eq!(status(&world, "/gone/simple/acme-hello/", secret).await, StatusCode::FORBIDDEN);
    }
    let told = ask(&world, OTHER, &narrow).await;
    assert_eq!(
        told.json()["detail"],
        "pull token `tool-1` of `ada@example.com` may not pull project `other` of index `python`"
    );
    // Its maker may push. It may not.
    let (all, _) = made(&world, "ada", &["*"], 3).await;
    for method in ["POST", "PUT", "DELETE", "PATCH"] {
        let request = Request::builder().method(method).uri(ACME).header("authorization", basic(&all));
        assert_eq!(world.send(request).await.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}

#[tokio::test]
async fn what_is_no_pull_token_of_ours_is_refused() {
    let world = world().await;
    let (secret, _) = made(&world, "ada", &["*"], 1).await;
    let stranger = Kind::PullToken.make([9; 32]).expose().to_owned();
    assert_eq!(code(&ask(&world, ACME, &stranger).await), "pull_token_unknown");
    let mut flipped = secret.clone();
    let last = if flipped.ends_with('0') { "1" } else { "0" };
    flipped.replace_range(flipped.len() - 1.., last);
    for other in [&flipped, &secret[1..], &format!("{secret}0"), &secret.to_uppercase(), "daypass_pt_"] {
        assert_eq!(code(&ask(&world, ACME, other).await), "access_token_invalid", "{other}");
    }
    assert_eq!(status(&world, ACME, &secret).await, StatusCode::OK);
}

#[tokio::test]
async fn a_revocation_bites_within_five_seconds_and_only_where_it_should() {
    let world = world().await;
    let ((gone, id), (kept, _)) = (made(&world, "ada", &["*"], 1).await, made(&world, "ada", &["*"], 2).await);
    for secret in [&gone, &kept] {
        assert_eq!(status(&world, ACME, secret).await, StatusCode::OK);
    }
    let revoked_at = Instant::now();
    let event = event(&world, AuditKind::PullTokenRevoked);
    assert!(world.store.revoke_pull_token(id, world.now(), event).await.unwrap());
    eventually(async || code(&ask(&world, ACME, &gone).await) == "pull_token_revoked").await;
    assert!(revoked_at.elapsed() < Duration::from_secs(5));
    assert_eq!(status(&world, ACME, &kept).await, StatusCode::OK);
    let world = world.restarted().await;
    know_people(&world);
    assert_eq!(status(&world, ACME, &gone).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(&world, ACME, &kept).await, StatusCode::OK);
}

#[tokio::test]
async fn it_expires_though_it_was_looked_at_a_moment_ago() {
    let world = world().await;
    let (secret, _) = made(&world, "ada", &["*"], 1).await;
    world.advance(3599);
    assert_eq!(status(&world, ACME, &secret).await, StatusCode::OK);
    world.advance(1);
    assert_eq!(code(&ask(&world, ACME, &secret).await), "pull_token_expired");
}

#[tokio::test]
async fn it_loses_what_its_maker_loses() {
    let world = world().await;
    let (hers, _) = made(&world, "ada", &["*"], 1).await;
    let (his, _) = made(&world, "bob", &["*"], 2).await;
    assert_eq!(
        (status(&world, OTHER, &hers).await, status(&world, ACME, &his).await),
        (StatusCode::NOT_FOUND, StatusCode::OK)
    );
    // Narrowed to the acme projects, then taken away, then given back.
    world.set_policy(|text| {
        format!(
            "{text}{}",
            PEOPLE.replace("users = [\"corp/ada\"]", "projects = [\"acme-*\"]\n    users = [\"corp/ada\"]")
        )
    });
    assert_eq!(
        (status(&world, OTHER, &hers).await, status(&world, ACME, &hers).await),
        (StatusCode::FORBIDDEN, StatusCode::OK)
    );
    world.set_policy(|text| format!("{text}{}", PEOPLE.replace("corp/ada", "corp/eve")));
    assert_eq!(code(&ask(&world, ACME, &hers).await), "pull_token_withdrawn");
    assert_eq!(status(&world, ACME, &his).await, StatusCode::OK);
    // The provider is another one now, and whom it calls ada is somebody else.
    world.set_policy(|text| format!("{text}{}", PEOPLE.replace("login.example.com", "login2.example.com")));
    assert_eq!(code(&ask(&world, ACME, &hers).await), "pull_token_withdrawn");
    know_people(&world);
    assert_eq!(status(&world, ACME, &hers).await, StatusCode::OK);
    // Shut out, and let in again: what she made before stays worthless.
    for disabled in [true, false] {
        let event = event(&world, AuditKind::PersonDisabled);
        world.store.set_person_disabled(PersonId::of(ISSUER, "ada"), disabled, world.now(), event).await.unwrap();
    }
    eventually(async || code(&ask(&world, ACME, &hers).await) == "pull_token_revoked").await;
    assert_eq!(status(&world, ACME, &his).await, StatusCode::OK);
}

#[tokio::test]
async fn a_download_says_which_pull_token_it_was_and_when_it_was_used_last_is_known() {
    let world = world().await;
    let (secret, id) = made(&world, "ada", &["*"], 1).await;
    world.advance(120);
    let file = "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl";
    assert_eq!(status(&world, file, &secret).await, StatusCode::OK);
    let events = world.audit().await;
    let row = events.iter().find(|event| event.kind == AuditKind::FileDownloaded).unwrap();
    assert_eq!(row.pull_token, Some("tool-1".parse().unwrap()));
    assert_eq!((row.person.as_deref(), row.identity.as_deref(), row.session), (Some("ada@example.com"), None, None));
    assert_eq!((row.token_sha256, row.token_id.clone()), (Some(Sha256::of(&secret)), Some(id.to_string())));
    assert_eq!(&*row.actor.as_ref().unwrap().sub, "ada");
    let used = async || world.store.pull_token(id).await.unwrap().unwrap().used_at;
    let at = world.now();
    eventually(async || used().await == Some(at)).await;
    // Not at every request.
    world.advance(59);
    assert_eq!(status(&world, file, &secret).await, StatusCode::OK);
    world.audit().await;
    assert_eq!(used().await, Some(at));
    world.advance(1);
    assert_eq!(status(&world, file, &secret).await, StatusCode::OK);
    eventually(async || used().await == Some(world.now())).await;
}

#[tokio::test]
async fn without_fresh_revocations_no_pull_token_is_let_in() {
    let upstream = Upstream::start();
    let world = World::paced(&upstream, |pace| pace.blind = Duration::from_millis(200)).await;
    know_people(&world);
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let (secret, _) = made(&world, "ada", &["*"], 1).await;
    assert_eq!(status(&world, ACME, &secret).await, StatusCode::OK);
    world.store.clone().close().await;
    eventually(async || status(&world, ACME, &secret).await == StatusCode::SERVICE_UNAVAILABLE).await;
}
