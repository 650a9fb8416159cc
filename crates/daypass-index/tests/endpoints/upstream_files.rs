//! Files of an upstream index: streamed, verified, kept, once; and what is wrong is never served.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use daypass_testkit::{
    upstream::{Speaks, Trouble, Upstream, UpstreamFile},
    wheel::Wheel,
};
use futures_util::future::join_all;

use crate::world::{World, eventually};

const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";
const THEIRS: &str = "/files/requests/requests-1.0-py3-none-any.whl";

/// Small, and long enough to be streamed.
fn wheels() -> [Wheel; 2] {
    let wheel = Wheel::new("requests", "1.0");
    [wheel.clone(), wheel.padding(2_000_000)]
}

fn upstream(wheel: &Wheel) -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(wheel);
    upstream
}

fn nothing_kept(world: &World) -> bool {
    let blobs = world.files_folder().join("blobs/upstream/sha256");
    let scratch = world.files_folder().join("scratch");
    let count = |folder| std::fs::read_dir(folder).map(Iterator::count).unwrap_or_default();
    count(blobs) == 0 && count(scratch) == 0
}

#[tokio::test]
async fn a_file_is_fetched_once_with_and_without_hashes_from_json_and_html() {
    for wheel in wheels() {
        for (speaks, hashes) in
            [(Speaks::Both, true), (Speaks::Both, false), (Speaks::Html, true), (Speaks::Html, false)]
        {
            let upstream = upstream(&wheel);
            upstream.set(|manner| {
                manner.speaks = speaks;
                manner.hashes = hashes;
            });
            let world = World::before(&upstream).await;
            for _ in 0..3 {
                let answer = world.get(FILE).await;
                assert_eq!(answer.status, StatusCode::OK, "{speaks:?} {hashes}");
                assert_eq!(answer.bytes(), &wheel.bytes());
                assert_eq!(answer.header("content-length"), wheel.bytes().len().to_string());
                assert_eq!(answer.header("etag").len(), 66);
                assert_eq!(answer.header("cache-control"), "private, max-age=365000000, immutable");
            }
            assert_eq!(upstream.hits(THEIRS), 1, "{speaks:?} {hashes}");
        }
    }
}

#[tokio::test]
async fn ten_misses_at_once_are_one_request_upstream() {
    for wheel in wheels() {
        let upstream = upstream(&wheel);
        upstream.set(|manner| manner.files = Trouble::Slow(8_000_000));
        let world = World::before(&upstream).await;
        let answers = join_all((0..10).map(|_| world.get(FILE))).await;
        assert!(answers.iter().all(|answer| answer.bytes() == &wheel.bytes()));
        assert_eq!(upstream.hits(THEIRS), 1);
    }
}

#[tokio::test]
async fn what_is_wrong_is_never_served_whole_and_never_kept() {
    for wheel in wheels() {
        for (trouble, hashes) in [
            (Trouble::Corrupt, true),
            (Trouble::Truncate, true),
            (Trouble::Truncate, false),
            (Trouble::Shorter, true),
            (Trouble::Shorter, false),
            (Trouble::Garbage("sorry".to_owned()), true),
        ] {
            let upstream = upstream(&wheel);
            upstream.set(|manner| {
                manner.files = trouble.clone();
                manner.hashes = hashes;
                manner.ranges = false;
            });
            let world = World::before(&upstream).await;
            let answer = world.get(FILE).await;
            let refused = answer.status == StatusCode::BAD_GATEWAY || answer.status == StatusCode::SERVICE_UNAVAILABLE;
            assert!(refused || answer.body.is_err(), "{trouble:?}: {}", answer.status);
            eventually(async || nothing_kept(&world)).await;
            // The twin: upstream comes to its senses.
            upstream.set(|manner| manner.files = Trouble::None);
            world.advance(60);
            assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes(), "{trouble:?}");
        }
    }
}

#[tokio::test]
async fn a_lie_about_the_digest_is_found_out() {
    let [wheel, _] = wheels();
    let upstream = Upstream::start();
    let mut file = UpstreamFile::of(&wheel);
    file.claimed_sha256 = Some("0".repeat(64));
    upstream.add_file("requests", file);
    let world = World::before(&upstream).await;
    let answer = world.get(FILE).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.phrase.contains("SHA-256"), "{}", answer.phrase);
    eventually(async || nothing_kept(&world)).await;
}

#[tokio::test]
async fn without_a_hash_the_first_bytes_are_binding() {
    let [wheel, _] = wheels();
    let upstream = upstream(&wheel);
    upstream.set(|manner| {
        manner.hashes = false;
        manner.etag = false;
    });
    let world = World::before(&upstream).await;
    assert!(
        world.get_json("/python/simple/requests/").await.json()["files"][0]["hashes"].as_object().unwrap().is_empty()
    );
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    // From now on the page says what was pinned.
    let pinned = daypass_core::digest::Sha256::of(wheel.bytes()).to_string();
    let page = world.get_json("/python/simple/requests/").await.json();
    assert_eq!(page["files"][0]["hashes"]["sha256"], pinned);
    // Upstream changes its mind; nobody here does.
    upstream.add_wheel(&wheel.clone().module("evil = True\n"));
    world.advance(7200);
    world.get("/python/simple/requests/").await;
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    let world = world.restarted().await;
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
}

#[tokio::test]
async fn a_long_file_is_streamed_while_it_comes_but_not_its_end() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = upstream(&wheel);
    upstream.set(|manner| manner.files = Trouble::Gate);
    let world = World::before(&upstream).await;
    let mut early = world.open(FILE).await;
    assert_eq!(early.status, StatusCode::OK);
    let mut received = Vec::new();
    while received.len() < 500_000 {
        received.extend_from_slice(&early.next().await.unwrap().unwrap());
    }
    // A late joiner reads the same download.
    let mut late = world.open(FILE).await;
    let mut also = late.next().await.unwrap().unwrap().to_vec();
    // The first one leaves; the download goes on.
    drop(early);
    upstream.let_go();
    while let Some(bytes) = late.next().await {
        also.extend_from_slice(&bytes.unwrap());
    }
    assert_eq!(also, wheel.bytes());
    assert_eq!(upstream.hits(THEIRS), 1);
}

#[tokio::test]
async fn a_download_goes_on_when_its_only_client_leaves() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = upstream(&wheel);
    upstream.set(|manner| manner.files = Trouble::Gate);
    let world = World::before(&upstream).await;
    drop(world.open(FILE).await);
    upstream.let_go();
    eventually(async || !nothing_kept(&world)).await;
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    assert_eq!(upstream.hits(THEIRS), 1);
}

#[tokio::test]
async fn nobody_gets_the_end_of_a_corrupt_file() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = upstream(&wheel);
    upstream.set(|manner| manner.files = Trouble::Corrupt);
    let world = World::before(&upstream).await;
    let mut answer = world.open(FILE).await;
    let (mut received, mut broken) = (0, answer.status != StatusCode::OK);
    while let Some(next) = answer.next().await {
        match next {
            Ok(bytes) => received += bytes.len(),
            Err(_) => broken = true,
        }
    }
    assert!(broken && received <= wheel.bytes().len() - 64 * 1024, "{received}");
}

#[tokio::test]
async fn parts_and_heads_work_before_the_file_is_here() {
    for hashes in [true, false] {
        let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
        let upstream = upstream(&wheel);
        upstream.set(|manner| manner.hashes = hashes);
        let world = World::before(&upstream).await;
        let head = world.ask(Request::head(FILE)).await;
        assert_eq!((head.status, head.bytes().len()), (StatusCode::OK, 0));
        assert_eq!(head.header("content-length"), wheel.bytes().len().to_string());
        assert_eq!(head.header("accept-ranges"), "bytes");
        let size = wheel.bytes().len();
        let part = world.ask(Request::get(FILE).header("range", "bytes=-1000")).await;
        assert_eq!(
            (part.status, part.bytes()),
            (StatusCode::PARTIAL_CONTENT, &wheel.bytes()[size - 1000..].to_vec().into())
        );
        let part = world.ask(Request::get(FILE).header("range", "bytes=1000-1999")).await;
        assert_eq!(part.bytes(), &wheel.bytes()[1000..2000]);
        assert_eq!(upstream.whole_hits(THEIRS), 1);
    }
}

#[tokio::test]
async fn a_head_costs_upstream_no_file() {
    let [wheel, _] = wheels();
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    world.ask(Request::head(FILE)).await;
    assert_eq!(upstream.hits(THEIRS), 0);
}

#[tokio::test]
async fn a_failure_is_never_an_absence() {
    let [wheel, _] = wheels();
    for (trouble, status) in [
        (Trouble::Status(503), StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Hang, StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Status(404), StatusCode::BAD_GATEWAY),
        (Trouble::Status(401), StatusCode::BAD_GATEWAY),
        (Trouble::Status(403), StatusCode::BAD_GATEWAY),
    ] {
        let upstream = upstream(&wheel);
        upstream.set(|manner| manner.files = trouble.clone());
        let world = World::before(&upstream).await;
        assert_eq!(world.get(FILE).await.status, status, "{trouble:?}");
    }
    // A file that is on no page is absent, and that is certain.
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    assert_eq!(world.get("/python/files/requests/requests-9.0-py3-none-any.whl").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_kept_file_needs_no_upstream_and_a_lost_one_is_fetched_again() {
    for wheel in wheels() {
        let upstream = upstream(&wheel);
        let world = World::before(&upstream).await;
        world.get(FILE).await;
        upstream.set(|manner| manner.files = Trouble::Status(503));
        assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
        upstream.set(|manner| manner.files = Trouble::None);
        let digest = daypass_core::digest::Sha256::of(wheel.bytes()).to_string();
        let blob = world.files_folder().join("blobs/upstream/sha256").join(&digest[..2]).join(&digest);
        // Half a file, as no crash of ours can leave it.
        std::fs::write(&blob, &wheel.bytes()[..700]).unwrap();
        let world = world.restarted().await;
        assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
        assert_eq!(upstream.hits(THEIRS), 2);
    }
}

#[tokio::test]
async fn a_file_that_was_lost_while_we_run_is_fetched_again() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    world.get(FILE).await;
    let digest = daypass_core::digest::Sha256::of(wheel.bytes()).to_string();
    std::fs::remove_file(world.files_folder().join("blobs/upstream/sha256").join(&digest[..2]).join(&digest)).unwrap();
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    assert_eq!(upstream.hits(THEIRS), 2);
}

#[tokio::test]
async fn metadata_is_passed_on_verified_and_kept() {
    let [wheel, _] = wheels();
    let (path, theirs) = (format!("{FILE}.metadata"), format!("{THEIRS}.metadata"));
    let upstream = upstream(&wheel);
    upstream.set(|manner| manner.metadata = Trouble::Corrupt);
    let world = World::before(&upstream).await;
    assert_eq!(world.get(&path).await.status, StatusCode::BAD_GATEWAY);
    upstream.set(|manner| manner.metadata = Trouble::None);
    world.advance(60);
    for _ in 0..2 {
        assert_eq!(world.get(&path).await.text(), wheel.metadata());
    }
    assert_eq!(upstream.hits(&theirs), 2);
    assert_eq!(upstream.hits(THEIRS), 0);
}

#[tokio::test]
async fn files_may_be_on_another_host_and_redirected() {
    let [wheel, _] = wheels();
    let (index, host) = (upstream(&wheel), upstream(&wheel));
    index.set(|manner| manner.file_host = Some(host.origin()));
    let world = World::before(&index).await;
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    assert_eq!((index.hits(THEIRS), host.hits(THEIRS)), (0, 1));

    let index = upstream(&wheel);
    index.set(|manner| manner.files = Trouble::Redirect(format!("{}{THEIRS}", host.origin())));
    let world = World::before(&index).await;
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
}

#[tokio::test]
async fn a_page_that_names_the_digest_of_a_hosted_file_does_not_get_it() {
    let secret = Wheel::new("acme-secret", "1.0").module("password = 1\n");
    for private in [secret.clone(), secret.padding(2_000_000)] {
        let upstream = Upstream::start();
        // As long as the private file, and not its bytes: what whoever knows only the digest has to offer.
        let mut file = UpstreamFile::new("requests-1.0-py3-none-any.whl", vec![b'x'; private.bytes().len()]);
        file.claimed_sha256 = Some(daypass_core::digest::Sha256::of(private.bytes()).to_string());
        upstream.add_file("requests", file);
        let world = World::before(&upstream).await;
        world.import(&private).await;
        let hosted = world.get("/python/files/acme-secret/acme_secret-1.0-py3-none-any.whl").await;
        assert_eq!(hosted.bytes(), &private.bytes());
        let answer = world.get(FILE).await;
        assert!(answer.status == StatusCode::BAD_GATEWAY || answer.body.is_err(), "{}", answer.status);
        assert_eq!(upstream.hits(THEIRS), 1);
    }
}

#[tokio::test]
async fn a_file_store_that_cannot_be_read_is_not_taken_for_an_empty_one() {
    let [wheel, _] = wheels();
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    world.get(FILE).await;
    let pins = world.files_folder().join("upstream/python");
    let shelf = std::fs::read_dir(pins).unwrap().next().unwrap().unwrap().path();
    let pin = shelf.join("files/requests/requests-1.0-py3-none-any.whl");
    std::fs::write(&pin, b"not a pin").unwrap();
    let world = world.restarted().await;
    assert_eq!(world.get(FILE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    std::fs::remove_file(&pin).unwrap();
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
}

#[tokio::test]
async fn who_drips_is_given_up_and_who_is_slow_is_not() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = upstream(&wheel);
    let world = World::paced(&upstream, |pace| {
        pace.settled = Duration::from_millis(200);
        pace.slowest = 1_000_000;
    });
    let world = world.await;
    upstream.set(|manner| manner.files = Trouble::Slow(100_000));
    let answer = world.get(FILE).await;
    assert!(answer.body.is_err(), "{}", answer.status);
    eventually(async || nothing_kept(&world)).await;
    upstream.set(|manner| manner.files = Trouble::Slow(4_000_000));
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
}

#[tokio::test]
async fn nobody_waits_for_ever_behind_files_that_do_not_come() {
    let upstream = Upstream::start();
    let file = |version: u32| format!("/python/files/requests/requests-{version}.0-py3-none-any.whl");
    for version in 0..33 {
        upstream.add_wheel(&Wheel::new("requests", &format!("{version}.0")).padding(200_000));
    }
    upstream.set(|manner| manner.files = Trouble::Gate);
    let world = World::paced(&upstream, |pace| {
        pace.turn = Duration::from_millis(200);
        pace.idle = Duration::from_mins(1);
    });
    let world = world.await;
    for version in 0..32 {
        assert_eq!(world.open(&file(version)).await.status, StatusCode::OK);
    }
    assert_eq!(world.get(&file(32)).await.status, StatusCode::SERVICE_UNAVAILABLE);
    upstream.let_go();
    eventually(async || world.get(&file(32)).await.status == StatusCode::OK).await;
}

/// Lets upstream replace the file, and waits until its page here says so.
async fn replace(upstream: &Upstream, world: &World, by: &Wheel) {
    upstream.add_wheel(by);
    world.advance(7200);
    let digest = daypass_core::digest::Sha256::of(by.bytes()).to_string();
    eventually(async || world.get_json("/python/simple/requests/").await.text().contains(&digest)).await;
}

#[tokio::test]
async fn a_file_that_was_served_is_never_replaced() {
    for wheel in wheels() {
        let upstream = upstream(&wheel);
        let world = World::before(&upstream).await;
        assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
        replace(&upstream, &world, &wheel.clone().module("evil = True\n")).await;
        let world = world.restarted().await;
        for _ in 0..2 {
            let answer = world.get(FILE).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
            assert!(answer.phrase.contains("before"), "{}", answer.phrase);
        }
        // The twin: as soon as the page is itself again, so is the file.
        replace(&upstream, &world, &wheel).await;
        assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
        assert_eq!(upstream.hits(THEIRS), 1);
    }
}

#[tokio::test]
async fn who_expects_other_bytes_does_not_join_a_download() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let other = wheel.clone().module("other = True\n");
    let upstream = upstream(&wheel);
    upstream.set(|manner| manner.files = Trouble::Gate);
    let world = World::paced(&upstream, |pace| pace.idle = Duration::from_secs(10)).await;
    let mut first = world.open(FILE).await;
    first.next().await.unwrap().unwrap();
    replace(&upstream, &world, &other).await;
    let mut second = world.open(FILE).await;
    let mut received = second.next().await.unwrap().unwrap().to_vec();
    upstream.let_go();
    let mut whole = true;
    while let Some(next) = second.next().await {
        match next {
            Ok(bytes) => received.extend_from_slice(&bytes),
            Err(_) => whole = false,
        }
    }
    assert_eq!(upstream.hits(THEIRS), 2);
    assert_eq!(received, other.bytes()[..received.len()]);
    assert!(!whole || received.len() == other.bytes().len());
    // Only one of them was kept.
    eventually(async || world.get(FILE).await.status != StatusCode::SERVICE_UNAVAILABLE).await;
    let kept = world.get(FILE).await;
    assert!(kept.status == StatusCode::BAD_GATEWAY || kept.bytes() == &other.bytes(), "{}", kept.status);
}

#[tokio::test]
async fn the_longest_names_have_metadata_too() {
    let [wheel, _] = wheels();
    for length in [246, 247, 255] {
        let upstream = Upstream::start();
        let name = format!("requests-1.{}-py3-none-any.whl", "0".repeat(length - 28));
        let mut file = UpstreamFile::of(&wheel);
        file.name.clone_from(&name);
        upstream.add_file("requests", file);
        let world = World::before(&upstream).await;
        let path = format!("/python/files/requests/{name}");
        assert_eq!((name.len(), world.get(&path).await.status), (length, StatusCode::OK));
        for _ in 0..2 {
            assert_eq!(world.get(&format!("{path}.metadata")).await.text(), wheel.metadata(), "{length}");
        }
        let world = world.restarted().await;
        assert_eq!(world.get(&format!("{path}.metadata")).await.text(), wheel.metadata(), "{length}");
        assert_eq!(upstream.hits(&format!("/files/requests/{name}.metadata")), 1);
    }
}
