//! What the audit log says of the index.

use axum::http::{Request, StatusCode};
use daypass_core::audit::{AuditEvent, AuditKind, Outcome};
use daypass_testkit::{upstream::Upstream, wheel::Wheel};

use crate::world::{World, basic};

const FILE: &str = "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl";

async fn of_kind(world: &World, kind: AuditKind) -> Vec<AuditEvent> {
    world.audit().await.into_iter().filter(|event| event.kind == kind).collect()
}

#[tokio::test]
async fn every_download_is_one_row_with_who_what_and_from_where() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let request = || Request::get(FILE).header("user-agent", "pip/26.3");
    world.ask(request()).await;
    world.ask(request().header("range", "bytes=0-9")).await;
    let rows = of_kind(&world, AuditKind::FileDownloaded).await;
    assert_eq!(rows.len(), 2);
    let access_token = world.access_token("ci/app");
    let expected = AuditEvent {
        actor: Some(daypass_core::access_token::Actor {
            iss: "https://ci.example.com".to_owned(),
            sub: "repo:acme/app".to_owned(),
        }),
        identity: Some("ci/app".to_owned()),
        // The token is signed anew for every request here, so its digest differs.
        token_sha256: rows[0].token_sha256,
        token_id: world.claims("ci/app")["jti"].as_str().map(ToOwned::to_owned),
        expires_at: Some(world.now() + daypass_core::SignedDuration::from_hours(1)),
        index: Some("python".parse().unwrap()),
        project: Some("acme-hello".parse().unwrap()),
        file: Some("acme_hello-1.0-py3-none-any.whl".parse().unwrap()),
        source: Some("127.0.0.1".to_owned()),
        user_agent: Some("pip/26.3".to_owned()),
        ..AuditEvent::new(world.now(), AuditKind::FileDownloaded, Outcome::Success, "000000000000000100000002")
    };
    assert_eq!(rows[0], expected);
    world.send(Request::get(FILE).header("authorization", basic(&access_token))).await;
    let rows = of_kind(&world, AuditKind::FileDownloaded).await;
    assert_eq!(rows[2].token_sha256, Some(daypass_core::digest::Sha256::of(access_token)));
}

#[tokio::test]
async fn what_hands_out_no_bytes_is_no_download() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let etag = world.ask(Request::head(FILE)).await.header("etag").to_owned();
    world.ask(Request::get(FILE).header("if-none-match", etag)).await;
    world.ask(Request::get(FILE).header("range", "bytes=9999999-")).await;
    world.get(&format!("{FILE}.metadata")).await;
    world.get("/python/simple/acme-hello/").await;
    world.send(Request::get(FILE)).await;
    assert_eq!(of_kind(&world, AuditKind::FileDownloaded).await, []);
}

#[tokio::test]
async fn a_denied_access_is_one_row_with_the_reason_the_caller_got() {
    let world = World::alone().await;
    let request = Request::get("/python/simple/other/").header("authorization", basic(&world.access_token("ci/acme")));
    let answer = world.send(request).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let rows = of_kind(&world, AuditKind::AccessDenied).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].outcome, Outcome::Refused);
    assert_eq!(rows[0].reason.as_deref(), answer.json()["detail"].as_str());
    assert_eq!(rows[0].project, Some("other".parse().unwrap()));
}

#[tokio::test]
async fn a_file_that_is_pulled_through_is_a_download_too() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("requests", "1.0").padding(300_000));
    let world = World::before(&upstream).await;
    world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await;
    world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await;
    assert_eq!(of_kind(&world, AuditKind::FileDownloaded).await.len(), 2);
}

#[tokio::test]
async fn a_denial_is_a_row_once_a_minute_and_blocks_nobody() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let (acme, app) = (basic(&world.access_token("ci/acme")), basic(&world.access_token("ci/app")));
    let ask = async |path: &str, credential: &str| {
        world.send(Request::get(path).header("authorization", credential)).await.status
    };
    for _ in 0..3 {
        for _ in 0..1000 {
            assert_eq!(ask("/python/simple/other/", &acme).await, StatusCode::FORBIDDEN);
        }
        assert_eq!(ask(FILE, &app).await, StatusCode::OK);
    }
    assert_eq!(of_kind(&world, AuditKind::AccessDenied).await.len(), 1);
    assert_eq!(of_kind(&world, AuditKind::FileDownloaded).await.len(), 3);
    // Another project is news, and so is the same one a minute later.
    assert_eq!(ask("/python/files/third/x.whl", &acme).await, StatusCode::FORBIDDEN);
    world.advance(60);
    assert_eq!(ask("/python/simple/other/", &acme).await, StatusCode::FORBIDDEN);
    assert_eq!(of_kind(&world, AuditKind::AccessDenied).await.len(), 3);
}

#[tokio::test]
async fn a_denial_that_cannot_be_written_is_a_denial() {
    let world = World::alone().await;
    let request = Request::get("/python/simple/other/").header("authorization", basic(&world.access_token("ci/acme")));
    world.store.clone().close().await;
    assert_eq!(world.send(request).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn parts_of_a_file_are_one_row_a_minute_and_whole_files_one_each() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let credential = basic(&world.access_token("ci/app"));
    let request = || Request::get(FILE).header("authorization", &credential);
    for first in 0..20 {
        let part = world.send(request().header("range", format!("bytes={first}-50"))).await;
        assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    }
    assert_eq!(of_kind(&world, AuditKind::FileDownloaded).await.len(), 1);
    world.advance(60);
    world.send(request().header("range", "bytes=0-50")).await;
    assert_eq!(of_kind(&world, AuditKind::FileDownloaded).await.len(), 2);
    world.send(request()).await;
    world.send(request()).await;
    assert_eq!(of_kind(&world, AuditKind::FileDownloaded).await.len(), 4);
}
