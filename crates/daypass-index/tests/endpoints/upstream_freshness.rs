//! §"Freshness": how old a page of upstream may be, and what it says about that.

use std::time::Duration;

use axum::http::StatusCode;
use daypass_index::{Freshness, IndexSpec, SourceSpec, UpstreamSpec};
use daypass_testkit::{
    upstream::{Trouble, Upstream, UpstreamFile},
    wheel::Wheel,
};

use crate::world::{Answer, World, eventually, index_before};

const PAGE: &str = "/python/simple/requests/";
const THEIRS: &str = "/simple/requests/";
const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";
const HOUR: i64 = 3600;

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("requests", "1.0"));
    upstream
}

fn told(answer: &Answer) -> (StatusCode, &str, &str) {
    (answer.status, answer.header("x-cache"), answer.header("age"))
}

#[tokio::test]
async fn a_page_says_how_it_was_had_and_how_old_it_is() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    assert_eq!(told(&world.get(PAGE).await), (StatusCode::OK, "miss", "0"));
    world.advance(599);
    assert_eq!(told(&world.get(PAGE).await), (StatusCode::OK, "hit", "599"));
    world.advance(1);
    assert_eq!(told(&world.get(PAGE).await), (StatusCode::OK, "stale", "600"));
    eventually(async || world.get(PAGE).await.header("x-cache") == "hit").await;
    assert_eq!(upstream.hits(THEIRS), 2);
    // A hosted page was never anybody else's.
    world.import(&Wheel::new("acme", "1.0")).await;
    assert_eq!(told(&world.get("/python/simple/acme/").await), (StatusCode::OK, "", ""));
}

#[tokio::test]
async fn within_a_day_nobody_waits_for_upstream_and_after_it_a_moment() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.get(PAGE).await;
    upstream.add_file("requests", UpstreamFile::new("requests-2.0.tar.gz", "x"));
    world.advance(24 * HOUR - 1);
    let stale = world.get(PAGE).await;
    assert_eq!(stale.header("x-cache"), "stale");
    assert!(!stale.text().contains("requests-2.0"));
    eventually(async || world.get(PAGE).await.text().contains("requests-2.0")).await;
    upstream.add_file("requests", UpstreamFile::new("requests-3.0.tar.gz", "x"));
    world.advance(24 * HOUR);
    let newer = world.get(PAGE).await;
    assert_eq!(newer.header("x-cache"), "miss");
    assert!(newer.text().contains("requests-3.0"));
    // Nothing new after a day is a hit, and an upstream that hangs is waited for no longer than a moment.
    world.advance(24 * HOUR);
    assert_eq!(world.get(PAGE).await.header("x-cache"), "hit");
    upstream.set(|manner| manner.pages = Trouble::Hang);
    world.advance(24 * HOUR);
    assert_eq!(world.get(PAGE).await.header("x-cache"), "stale");
}

#[tokio::test]
async fn after_seven_days_an_outage_is_an_outage_but_kept_files_are_there() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.get(PAGE).await;
    let file = world.get(FILE).await;
    upstream.set(|manner| manner.pages = Trouble::Status(500));
    world.advance(7 * 24 * HOUR - 1);
    assert_eq!(told(&world.get(PAGE).await), (StatusCode::OK, "stale", "604799"));
    world.advance(10);
    for _ in 0..2 {
        let answer = world.get(PAGE).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(!answer.header("retry-after").is_empty());
    }
    // Its bytes never change, so its age is no reason to withhold them.
    assert_eq!(world.get(FILE).await.bytes(), file.bytes());
    // The twin: upstream is back.
    upstream.set(|manner| manner.pages = Trouble::None);
    world.advance(10);
    assert_eq!(world.get(PAGE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_restart_does_not_forget_that_a_page_was_found_unchanged() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.get(PAGE).await;
    let kept = world.files_folder().join("upstream");
    for _ in 0..6 {
        world.advance(24 * HOUR);
        assert_eq!(world.get(PAGE).await.header("x-cache"), "hit");
    }
    eventually(async || {
        let shelf = std::fs::read_dir(kept.join("python")).unwrap().next().unwrap().unwrap().path();
        let text = std::fs::read_to_string(shelf.join("checked/requests")).unwrap_or_default();
        text.contains(&world.now().as_millisecond().to_string())
    })
    .await;
    upstream.set(|manner| manner.pages = Trouble::Status(500));
    let world = world.restarted().await;
    // It was fetched eight days ago, and unchanged two days ago.
    world.advance(2 * 24 * HOUR);
    assert_eq!(told(&world.get(PAGE).await), (StatusCode::OK, "stale", "172800"));
}

#[tokio::test]
async fn the_times_are_the_operators_choice() {
    let upstream = upstream();
    let freshness =
        Freshness { fresh: Duration::ZERO, while_revalidate: Duration::ZERO, if_error: Duration::from_mins(1) };
    let spec = UpstreamSpec { freshness, ..upstream.url().parse::<url::Url>().unwrap().into() };
    let world = World::made_of(vec![index_before(vec![spec])]).await;
    for hits in 1..4 {
        assert_eq!(world.get(PAGE).await.status, StatusCode::OK);
        assert_eq!(upstream.hits(THEIRS), hits);
    }
    upstream.set(|manner| manner.pages = Trouble::Status(500));
    world.advance(59);
    assert_eq!(world.get(PAGE).await.header("x-cache"), "stale");
    world.advance(10);
    assert_eq!(world.get(PAGE).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// When a file was first seen, as the kept page says.
fn first_seen(world: &World, file: &str) -> Option<i64> {
    let shelf = std::fs::read_dir(world.files_folder().join("upstream/python")).ok()?.next()?.ok()?.path();
    let seen: serde_json::Value = serde_json::from_slice(&std::fs::read(shelf.join("seen/requests")).ok()?).unwrap();
    seen[file].as_i64()
}

#[tokio::test]
async fn when_a_file_was_first_seen_is_remembered_whatever_happens() {
    let upstream = upstream();
    upstream.set(|manner| manner.details = false);
    let world = World::before(&upstream).await;
    let wheel = "requests-1.0-py3-none-any.whl";
    world.get(PAGE).await;
    let then = Some(world.now().as_millisecond());
    // At once: whoever has the page may rely on it, whenever the power fails.
    assert_eq!(first_seen(&world, wheel), then);
    upstream.add_file("requests", UpstreamFile::new("requests-2.0.tar.gz", "x"));
    world.advance(25 * HOUR);
    assert!(world.get(PAGE).await.text().contains("requests-2.0"));
    assert_eq!(first_seen(&world, wheel), then);
    assert_eq!(first_seen(&world, "requests-2.0.tar.gz"), Some(world.now().as_millisecond()));
    let world = world.restarted().await;
    // The project goes away, and comes back.
    upstream.remove("requests");
    world.advance(25 * HOUR);
    assert_eq!(world.get(PAGE).await.status, StatusCode::NOT_FOUND);
    upstream.add_wheel(&Wheel::new("requests", "1.0"));
    world.advance(60);
    assert_eq!(world.get(PAGE).await.status, StatusCode::OK);
    assert_eq!(first_seen(&world, wheel), then);
}

#[tokio::test]
async fn upload_times_are_upstreams_own_and_then_nothing_is_first_seen() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    let page = world.get_json(PAGE).await.json();
    assert_eq!(page["files"][0]["upload-time"], "2026-01-02T03:04:05.678900Z");
    assert_eq!(first_seen(&world, "requests-1.0-py3-none-any.whl"), None);
}

#[tokio::test]
async fn several_upstreams_are_asked_in_order_and_a_failing_one_ends_it() {
    let (first, second) = (Upstream::start(), upstream());
    let behind = |upstream: &Upstream| UpstreamSpec::from(upstream.url().parse::<url::Url>().unwrap());
    let world = World::made_of(vec![index_before(vec![behind(&first), behind(&second)])]).await;
    assert_eq!(world.get(PAGE).await.status, StatusCode::OK);
    assert_eq!((first.hits(THEIRS), second.hits(THEIRS)), (1, 1));
    // The first one fails: whether it has the name is not known, so nobody else is asked.
    for trouble in [Trouble::Status(500), Trouble::Status(403), Trouble::Busy(429, "1".to_owned()), Trouble::Hang] {
        let (first, second) = (Upstream::start(), upstream());
        first.set(|manner| manner.pages = trouble.clone());
        let world = World::made_of(vec![index_before(vec![behind(&first), behind(&second)])]).await;
        let answer = world.get(PAGE).await;
        assert!(answer.status.is_server_error(), "{trouble:?}: {}", answer.status);
        assert!(world.get(FILE).await.status.is_server_error());
        assert_eq!(second.all_hits(), 0, "{trouble:?}");
    }
}

#[tokio::test]
async fn an_index_of_upstreams_needs_nothing_hosted() {
    let upstream = upstream();
    let spec = IndexSpec {
        sources: vec![SourceSpec::Upstream(upstream.url().parse::<url::Url>().unwrap().into())],
        ..IndexSpec::simple("python".parse().unwrap(), None)
    };
    assert_eq!(World::made_of(vec![spec]).await.get(FILE).await.status, StatusCode::OK);
}
