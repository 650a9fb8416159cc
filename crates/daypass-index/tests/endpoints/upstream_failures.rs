//! §"Upstream fails": again within a budget, left alone when it says so, and never an absence.

use std::time::Duration;

use axum::http::StatusCode;
use daypass_index::Pace;
use daypass_testkit::{
    upstream::{Trouble, Upstream},
    wheel::Wheel,
};

use crate::world::{World, eventually};

const PAGE: &str = "/python/simple/requests/";
const THEIRS: &str = "/simple/requests/";
const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";
const THEIR_FILE: &str = "/files/requests/requests-1.0-py3-none-any.whl";

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("requests", "1.0"));
    upstream
}

fn first(count: u32, trouble: Trouble) -> Trouble {
    Trouble::First(count, Box::new(trouble))
}

#[tokio::test]
async fn a_failure_of_a_moment_is_noticed_by_nobody() {
    for trouble in [Trouble::Status(500), Trouble::Status(502), Trouble::Status(408), Trouble::Truncate] {
        let upstream = upstream();
        upstream.set(|manner| manner.pages = first(2, trouble.clone()));
        let world = World::before(&upstream).await;
        assert_eq!(world.get(PAGE).await.status, StatusCode::OK, "{trouble:?}");
        assert_eq!(upstream.hits(THEIRS), 3, "{trouble:?}");
    }
    // Not three times: then it is no moment.
    let upstream = upstream();
    upstream.set(|manner| manner.pages = first(3, Trouble::Status(500)));
    let world = World::before(&upstream).await;
    assert_eq!(world.get(PAGE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(upstream.hits(THEIRS), 3);
}

#[tokio::test]
async fn what_is_no_moments_failure_is_not_repeated() {
    for (trouble, status) in [
        (Trouble::Status(404), StatusCode::NOT_FOUND),
        (Trouble::Status(403), StatusCode::BAD_GATEWAY),
        (Trouble::Status(418), StatusCode::BAD_GATEWAY),
        (Trouble::Garbage("x".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Status(429), StatusCode::SERVICE_UNAVAILABLE),
    ] {
        let upstream = upstream();
        upstream.set(|manner| manner.pages = trouble.clone());
        let world = World::before(&upstream).await;
        assert_eq!(world.get(PAGE).await.status, status, "{trouble:?}");
        assert_eq!(upstream.hits(THEIRS), 1, "{trouble:?}");
    }
}

#[tokio::test]
async fn an_upstream_that_is_down_is_not_hammered() {
    let upstream = upstream();
    upstream.set(|manner| manner.pages = Trouble::Status(500));
    let world = World::before(&upstream).await;
    for number in 0..30 {
        assert_eq!(world.get(&format!("/python/simple/p{number}/")).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
    // Once for each, and the ten times that were saved up.
    assert_eq!(upstream.all_hits(), 40);
}

#[tokio::test]
async fn a_flapping_upstream_serves_everything_and_is_asked_little_more_than_once() {
    let upstream = Upstream::start();
    for version in 0..20 {
        upstream.add_wheel(&Wheel::new("requests", &format!("{version}.0")).padding(100_000));
    }
    let every_second = || Trouble::EverySecond(true, Box::new(Trouble::Truncate));
    upstream.set(|manner| {
        manner.pages = every_second();
        manner.files = every_second();
    });
    let world = World::before(&upstream).await;
    let (mut asked, mut served) = (0, 0);
    for version in 0..20 {
        let name = format!("requests-{version}.0-py3-none-any.whl");
        // An installer asks again, too.
        for _ in 0..3 {
            asked += 1;
            let answer = world.get(&format!("/python/files/requests/{name}")).await;
            assert_ne!(answer.status, StatusCode::NOT_FOUND);
            if answer.status == StatusCode::OK && answer.body.is_ok() {
                served += 1;
                break;
            }
        }
    }
    assert_eq!(served, 20);
    assert!(upstream.all_hits() <= asked + 20, "{} of {asked}", upstream.all_hits());
}

#[tokio::test]
async fn a_file_that_broke_off_goes_on_where_it_was() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = Upstream::start();
    upstream.add_wheel(&wheel);
    upstream.set(|manner| manner.files = first(1, Trouble::Truncate));
    let world = World::before(&upstream).await;
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    assert_eq!((upstream.whole_hits(THEIR_FILE), upstream.hits(THEIR_FILE)), (1, 2));
    // Not without a digest: the rest could be of another file.
    let upstream = Upstream::start();
    upstream.add_wheel(&wheel);
    upstream.set(|manner| {
        manner.files = first(1, Trouble::Truncate);
        manner.hashes = false;
    });
    let world = World::before(&upstream).await;
    assert_ne!(world.get(FILE).await.status, StatusCode::OK);
    assert_eq!(upstream.hits(THEIR_FILE), 1);
}

#[tokio::test]
async fn who_wants_to_be_left_alone_is_within_bounds() {
    for (status, said, seconds) in [(429, "30", 30), (503, "7", 7), (429, "1000000", 300), (429, "soon", 10)] {
        let upstream = upstream();
        upstream.set(|manner| manner.pages = first(1, Trouble::Busy(status, said.to_owned())));
        let world = World::before(&upstream).await;
        let answer = world.get(PAGE).await;
        assert_eq!(
            (answer.status, answer.header("retry-after")),
            (StatusCode::SERVICE_UNAVAILABLE, &*seconds.to_string())
        );
        world.advance(seconds - 1);
        // Whatever is asked of it: it is the whole index that wants its peace.
        let answer = world.get("/python/simple/flask/").await;
        assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "1"));
        assert_eq!(upstream.all_hits(), 1);
        world.advance(1);
        assert_eq!(world.get(PAGE).await.status, StatusCode::OK);
    }
    // What is kept is served meanwhile.
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.get(PAGE).await;
    upstream.set(|manner| manner.pages = Trouble::Busy(429, "60".to_owned()));
    world.advance(25 * 3600);
    assert_eq!(world.get(PAGE).await.header("x-cache"), "stale");
    assert_eq!(world.get(FILE).await.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_wrong_file_is_not_fetched_again_and_again() {
    let upstream = upstream();
    upstream.set(|manner| manner.files = Trouble::Corrupt);
    let world = World::before(&upstream).await;
    for _ in 0..3 {
        let answer = world.get(FILE).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert!(answer.phrase.contains("SHA-256"), "{}", answer.phrase);
    }
    assert_eq!(upstream.hits(THEIR_FILE), 1);
    upstream.set(|manner| manner.files = Trouble::None);
    world.advance(60);
    assert_eq!(world.get(FILE).await.status, StatusCode::OK);
}

#[tokio::test]
async fn hostile_pages_are_refused_and_bounded() {
    for (trouble, status) in [
        (Trouble::Bomb(64 * 1024 * 1024), StatusCode::BAD_GATEWAY),
        (Trouble::Garbage("x".repeat(33 * 1024 * 1024)), StatusCode::BAD_GATEWAY),
        (Trouble::ContentType("text/plain".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::ContentType("application/vnd.pypi.simple.v2+json".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Redirect(THEIRS.to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Redirect("https://192.0.2.1/".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Redirect("file:///etc/passwd".to_owned()), StatusCode::BAD_GATEWAY),
    ] {
        let upstream = upstream();
        upstream.set(|manner| manner.pages = trouble.clone());
        // Long pages take their time to be made.
        let patient =
            |pace: &mut Pace| (pace.first_byte, pace.idle) = (Duration::from_secs(20), Duration::from_secs(20));
        let world = World::paced(&upstream, patient).await;
        let answer = world.get(PAGE).await;
        assert_eq!(answer.status, status, "{:.60}", format!("{trouble:?}"));
        assert!(upstream.all_hits() <= 6, "{}", upstream.all_hits());
    }
}

#[tokio::test]
async fn who_drips_a_page_is_given_up() {
    let upstream = upstream();
    let world = World::paced(&upstream, |pace| {
        pace.first_byte = Duration::from_millis(300);
        pace.idle = Duration::from_millis(300);
    });
    let world = world.await;
    upstream.set(|manner| manner.pages = Trouble::Slow(20));
    assert_eq!(world.get(PAGE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    upstream.set(|manner| manner.pages = Trouble::None);
    eventually(async || world.get(PAGE).await.status == StatusCode::OK).await;
}
