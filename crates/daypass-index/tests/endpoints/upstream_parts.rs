//! §"Parts": of a file that is not here yet.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use daypass_testkit::{
    upstream::{Trouble, Upstream},
    wheel::Wheel,
};

use crate::world::{Answer, World, eventually};

const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";
const THEIRS: &str = "/files/requests/requests-1.0-py3-none-any.whl";

/// Four megabytes of which the first half has come.
async fn half_here() -> (Upstream, World, Vec<u8>) {
    let wheel = Wheel::new("requests", "1.0").padding(4_000_000);
    let upstream = Upstream::start();
    upstream.add_wheel(&wheel);
    upstream.set(|manner| manner.files = Trouble::Gate);
    let world = World::paced(&upstream, |pace| pace.idle = Duration::from_secs(30)).await;
    (upstream, world, wheel.bytes())
}

async fn part(world: &World, range: &str) -> Answer {
    world.ask(Request::get(FILE).header("range", format!("bytes={range}"))).await
}

#[tokio::test]
async fn the_end_of_a_wheel_need_not_wait_for_its_beginning_and_the_whole_is_fetched_once() {
    let (upstream, world, bytes) = half_here().await;
    for range in ["-16384", "3900000-3900999"] {
        let answer = part(&world, range).await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
        let (first, end) = match range.strip_prefix('-') {
            Some(length) => (bytes.len() - length.parse::<usize>().unwrap(), bytes.len()),
            None => (3_900_000, 3_901_000),
        };
        assert_eq!(answer.bytes(), &bytes[first..end]);
        assert_eq!(answer.header("content-range"), format!("bytes {first}-{}/{}", end - 1, bytes.len()));
        assert_eq!(answer.header("etag").len(), 66);
    }
    // What has come is not asked for again.
    eventually(async || upstream.whole_hits(THEIRS) == 1).await;
    let hits = upstream.hits(THEIRS);
    assert_eq!(part(&world, "1000-1999").await.bytes(), &bytes[1000..2000]);
    assert_eq!(upstream.hits(THEIRS), hits);
    upstream.let_go();
    eventually(async || world.get(FILE).await.bytes() == &bytes).await;
    assert_eq!(upstream.whole_hits(THEIRS), 1);
    let hits = upstream.hits(THEIRS);
    assert_eq!(part(&world, "-16384").await.bytes(), &bytes[bytes.len() - 16384..]);
    assert_eq!(upstream.hits(THEIRS), hits);
}

#[tokio::test]
async fn nobody_puts_an_unverified_file_together_of_parts() {
    let (upstream, world, bytes) = half_here().await;
    // A quarter of the file at most: then parts wait for the file like everybody else.
    let mut passed = 0;
    for number in 0..30_u32 {
        let first = 2_200_000 + number as usize * 50_000;
        let range = format!("{first}-{}", first + 49_999);
        let waiting = tokio::time::timeout(Duration::from_millis(300), part(&world, &range));
        let Ok(answer) = waiting.await else { break };
        assert_eq!(answer.bytes(), &bytes[first..first + 50_000]);
        passed += 50_000;
    }
    assert!((500_000..=bytes.len() / 4).contains(&passed), "{passed}");
    upstream.let_go();
    eventually(async || world.get(FILE).await.bytes() == &bytes).await;
}

#[tokio::test]
async fn a_part_of_a_wrong_file_is_refused_once_that_is_known() {
    let wheel = Wheel::new("requests", "1.0").padding(4_000_000);
    let upstream = Upstream::start();
    upstream.add_wheel(&wheel);
    upstream.set(|manner| manner.files = Trouble::Corrupt);
    let world = World::before(&upstream).await;
    let _ = world.get(FILE).await;
    eventually(async || part(&world, "-1000").await.status == StatusCode::BAD_GATEWAY).await;
    upstream.set(|manner| manner.files = Trouble::None);
    world.advance(60);
    eventually(async || world.get(FILE).await.body.is_ok_and(|body| body == wheel.bytes())).await;
}

#[tokio::test]
async fn where_upstream_has_no_parts_they_wait_for_the_file() {
    for ranges in [true, false] {
        let wheel = Wheel::new("requests", "1.0").padding(4_000_000);
        let upstream = Upstream::start();
        upstream.add_wheel(&wheel);
        upstream.set(|manner| {
            manner.ranges = ranges;
            manner.hashes = !ranges;
        });
        let world = World::before(&upstream).await;
        let answer = part(&world, "-1000").await;
        assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT);
        assert_eq!(answer.bytes(), &wheel.bytes()[wheel.bytes().len() - 1000..]);
    }
}

#[tokio::test]
async fn a_download_that_is_resumed_has_the_whole_verified() {
    // pip asks for the rest with `If-Range`; the rest of a file is too long to be passed on.
    let (upstream, world, bytes) = half_here().await;
    let mut opened = world.open(FILE).await;
    let mut first = Vec::new();
    while first.len() < 500_000 {
        first.extend_from_slice(&opened.next().await.unwrap().unwrap());
    }
    drop(opened);
    let hits = upstream.hits(THEIRS);
    upstream.let_go();
    let rest = part(&world, &format!("{}-", first.len())).await;
    first.extend_from_slice(rest.bytes());
    assert_eq!(first, bytes);
    assert_eq!(upstream.hits(THEIRS), hits);
}
