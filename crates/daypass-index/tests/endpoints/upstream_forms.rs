//! §"Forms": upstreams that say less than the specifications want.

use axum::http::{Request, StatusCode};
use daypass_testkit::{
    upstream::{Speaks, Trouble, Upstream, UpstreamFile},
    wheel::Wheel,
};

use crate::world::{World, eventually};

const PAGE: &str = "/python/simple/requests/";
const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";
const THEIRS: &str = "/files/requests/requests-1.0-py3-none-any.whl";

fn upstream(wheel: &Wheel) -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(wheel);
    upstream
}

#[tokio::test]
async fn html_with_any_digest_or_none_with_any_kind_of_link_is_as_good_as_json() {
    let wheel = Wheel::new("requests", "1.0");
    for speaks in [Speaks::Html, Speaks::Json] {
        for (hashes, algorithm) in [(true, "sha256"), (true, "sha512"), (true, "md5"), (false, "sha256")] {
            for base_href in [false, true] {
                let upstream = upstream(&wheel);
                upstream.set(|manner| {
                    (manner.speaks, manner.details) = (speaks, false);
                    (manner.hashes, manner.algorithm) = (hashes, algorithm);
                    manner.base_href = base_href && speaks == Speaks::Html;
                    manner.core_metadata = false;
                });
                let world = World::before(&upstream).await;
                let page = world.get_json(PAGE).await.json();
                let told = page["files"][0]["hashes"].as_object().unwrap().contains_key(algorithm);
                assert_eq!(told, hashes, "{speaks:?} {algorithm}");
                assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes(), "{speaks:?} {algorithm} {hashes}");
                assert_eq!(upstream.hits(THEIRS), 1);
                // What is pinned is told from then on, whatever upstream's digest was.
                let pinned = daypass_core::digest::Sha256::of(wheel.bytes()).to_string();
                let page = world.get_json(PAGE).await.json();
                assert_eq!(page["files"][0]["hashes"]["sha256"], pinned);
            }
        }
    }
}

#[tokio::test]
async fn a_file_that_is_not_what_its_md5_or_sha512_says_is_neither_served_nor_pinned() {
    for wheel in [Wheel::new("requests", "1.0"), Wheel::new("requests", "1.0").padding(300_000)] {
        for algorithm in ["md5", "sha512"] {
            let upstream = upstream(&wheel);
            upstream.set(|manner| {
                manner.algorithm = algorithm;
                manner.files = Trouble::Corrupt;
            });
            let world = World::before(&upstream).await;
            let answer = world.get(FILE).await;
            assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
            assert!(answer.phrase.contains("digest"), "{}", answer.phrase);
            upstream.set(|manner| manner.files = Trouble::None);
            world.advance(60);
            assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes(), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_file_without_a_digest_is_not_served_before_it_is_whole() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = upstream(&wheel);
    upstream.set(|manner| {
        manner.hashes = false;
        manner.files = Trouble::Truncate;
    });
    let world = World::before(&upstream).await;
    // Not one byte of it: not even the head of a good answer.
    assert_eq!(world.get(FILE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let part = world.ask(Request::get(FILE).header("range", "bytes=-100")).await;
    assert_eq!(part.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn ten_thousand_files_in_html_are_a_page() {
    let upstream = Upstream::start();
    for minor in 0..10_000 {
        upstream.add_file_quickly("requests", UpstreamFile::new(&format!("requests-1.{minor}.tar.gz"), "x"));
    }
    upstream.set(|manner| (manner.speaks, manner.hashes) = (Speaks::Html, false));
    let world = World::before(&upstream).await;
    let page = world.get_json(PAGE).await.json();
    assert_eq!(page["files"].as_array().unwrap().len(), 10_000);
    eventually(async || world.get("/python/files/requests/requests-1.9999.tar.gz").await.status == StatusCode::OK)
        .await;
}
