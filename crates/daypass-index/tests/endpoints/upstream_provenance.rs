//! §"Provenance": of upstream's files, from our own URL (PEP 740).

use axum::http::{Request, StatusCode};
use daypass_testkit::{
    upstream::{Trouble, Upstream, UpstreamFile},
    wheel::Wheel,
};

use crate::world::{PUBLIC_URL, World, basic};

const NAME: &str = "requests-1.0-py3-none-any.whl";
const OURS: &str = "/python/provenance/requests/requests-1.0-py3-none-any.whl";
const THEIRS: &str = "/provenance/requests/requests-1.0-py3-none-any.whl";
const TEXT: &str = r#"{"version":1,"attestation_bundles":[]}"#;

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    let mut file = UpstreamFile::of(&Wheel::new("requests", "1.0"));
    file.provenance = Some(TEXT.to_owned());
    upstream.add_file("requests", file);
    upstream.add_file("requests", UpstreamFile::new("requests-2.0.tar.gz", "x"));
    upstream
}

#[tokio::test]
async fn it_is_named_by_our_url_and_passed_on_from_there() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    let page = world.get_json("/python/simple/requests/").await.json();
    assert_eq!(page["files"][0]["provenance"], format!("{PUBLIC_URL}{OURS}"));
    assert!(page["files"][1].get("provenance").is_none());
    for _ in 0..2 {
        let answer = world.get(OURS).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, TEXT));
        assert_eq!(answer.header("content-type"), "application/vnd.pypi.integrity.v1+json");
    }
    assert_eq!(upstream.hits(THEIRS), 1);
    // A file that has none, and one that is not there.
    assert_eq!(world.get("/python/provenance/requests/requests-2.0.tar.gz").await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get("/python/provenance/requests/requests-3.0.tar.gz").await.status, StatusCode::NOT_FOUND);
    // And nobody gets it who may not have the file.
    let stranger = world.send(Request::get(OURS)).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    let other = basic(&world.access_token("ci/acme"));
    assert_eq!(world.send(Request::get(OURS).header("authorization", other)).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn it_outlives_an_outage_and_a_restart_and_a_failure_is_no_absence() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    assert_eq!(world.get(OURS).await.text(), TEXT);
    for trouble in [Trouble::Status(500), Trouble::Garbage("[]".to_owned()), Trouble::Status(404)] {
        upstream.set(|manner| manner.provenance = trouble.clone());
        world.advance(3600);
        assert_eq!(world.get(OURS).await.text(), TEXT, "{trouble:?}");
    }
    let world = world.restarted().await;
    assert_eq!(world.get(OURS).await.text(), TEXT);
    for (trouble, status) in [
        (Trouble::Status(500), StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Status(404), StatusCode::BAD_GATEWAY),
        (Trouble::Garbage("[]".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Garbage("x".repeat(3_000_000)), StatusCode::BAD_GATEWAY),
    ] {
        let upstream = upstream_with(trouble);
        let world = World::before(&upstream).await;
        assert_eq!(world.get(OURS).await.status, status);
        assert_eq!(world.get(&format!("/python/files/requests/{NAME}")).await.status, StatusCode::OK);
    }
}

fn upstream_with(trouble: Trouble) -> Upstream {
    let upstream = upstream();
    upstream.set(|manner| manner.provenance = trouble);
    upstream
}
