//! §"Metadata": of wheels whose index does not serve it (PEP 658).

use axum::http::{Request, StatusCode};
use daypass_testkit::{
    upstream::{Upstream, UpstreamFile},
    wheel::Wheel,
};
use futures_util::future::join_all;

use crate::world::{World, eventually};

const PAGE: &str = "/python/simple/requests/";
const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";
const METADATA: &str = "/python/files/requests/requests-1.0-py3-none-any.whl.metadata";
const THEIRS: &str = "/files/requests/requests-1.0-py3-none-any.whl";

fn upstream(wheel: &Wheel) -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(wheel);
    upstream.set(|manner| manner.core_metadata = false);
    upstream
}

#[tokio::test]
async fn it_is_promised_as_soon_as_the_wheel_is_here_and_not_before() {
    let wheel = Wheel::new("requests", "1.0");
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    let before = world.get_json(PAGE).await;
    assert_eq!(before.json()["files"][0]["core-metadata"], false);
    world.get(FILE).await;
    let sha256 = daypass_core::digest::Sha256::of(wheel.metadata()).to_string();
    eventually(async || {
        world.get_json(PAGE).await.json()["files"][0]["core-metadata"]["sha256"].as_str() == Some(&*sha256)
    })
    .await;
    let after = world.get_json(PAGE).await;
    assert_ne!(after.header("etag"), before.header("etag"));
    assert!(world.get(PAGE).await.text().contains(&format!("data-core-metadata=\"sha256={sha256}\"")));
    assert_eq!(world.get(METADATA).await.text(), wheel.metadata());
    assert_eq!((upstream.hits(THEIRS), upstream.hits("/simple/requests/")), (1, 1));
    assert_eq!(upstream.hits(&format!("{THEIRS}.metadata")), 0);
    // And after a restart, without asking anybody.
    let world = world.restarted().await;
    assert_eq!(world.get(METADATA).await.text(), wheel.metadata());
    assert_eq!(upstream.hits(THEIRS), 1);
}

#[tokio::test]
async fn who_asks_for_it_unpromised_gets_it_for_one_wheel() {
    for padding in [0, 2_000_000] {
        let wheel = Wheel::new("requests", "1.0").padding(padding);
        let upstream = upstream(&wheel);
        let world = World::before(&upstream).await;
        let answers = join_all((0..10).map(|_| world.get(METADATA))).await;
        assert!(answers.iter().all(|answer| answer.text() == wheel.metadata()));
        let head = world.ask(Request::head(METADATA)).await;
        assert_eq!(head.header("content-length"), wheel.metadata().len().to_string());
        assert_eq!(upstream.hits(THEIRS), 1);
    }
}

#[tokio::test]
async fn what_was_evicted_is_read_out_again() {
    let wheel = Wheel::new("requests", "1.0");
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    assert_eq!(world.get(METADATA).await.text(), wheel.metadata());
    let sha256 = daypass_core::digest::Sha256::of(wheel.metadata()).to_string();
    assert_eq!(world.get_json(PAGE).await.json()["files"][0]["core-metadata"]["sha256"], sha256);
    std::fs::remove_file(world.files_folder().join("blobs/upstream/sha256").join(&sha256[..2]).join(&sha256)).unwrap();
    let world = world.restarted().await;
    assert_eq!(world.get(METADATA).await.text(), wheel.metadata());
    assert_eq!(upstream.hits(THEIRS), 1);
}

#[tokio::test]
async fn what_has_none_has_none() {
    let upstream = upstream(&Wheel::new("other", "2.0"));
    // No wheel, not a wheel's bytes, and another project's wheel.
    upstream.add_file("requests", UpstreamFile::new("requests-1.0.tar.gz", "x"));
    upstream.add_file("requests", UpstreamFile::new("requests-1.0-py3-none-any.whl", "not a zip"));
    upstream
        .add_file("requests", UpstreamFile::new("requests-2.0-py3-none-any.whl", Wheel::new("other", "2.0").bytes()));
    let world = World::before(&upstream).await;
    for file in ["requests-1.0.tar.gz", "requests-1.0-py3-none-any.whl", "requests-2.0-py3-none-any.whl"] {
        let path = format!("/python/files/requests/{file}");
        assert_eq!(world.get(&format!("{path}.metadata")).await.status, StatusCode::NOT_FOUND, "{file}");
        assert_eq!(world.get(&path).await.status, StatusCode::OK, "{file}");
    }
    let page = world.get_json(PAGE).await.json();
    assert!(page["files"].as_array().unwrap().iter().all(|file| file["core-metadata"] == false));
}

#[tokio::test]
async fn where_upstreams_metadata_is_not_the_wheels_the_wheel_is_right() {
    let wheel = Wheel::new("requests", "1.0").requires_dist("certifi");
    let upstream = Upstream::start();
    let mut file = UpstreamFile::of(&wheel);
    file.metadata = Some("Metadata-Version: 2.1\nName: requests\nVersion: 1.0\n".to_owned());
    upstream.add_file("requests", file);
    // Upstream promises metadata, without a digest that would bind it.
    upstream.set(|manner| manner.metadata_digest = false);
    let world = World::before(&upstream).await;
    assert_eq!(world.get_json(PAGE).await.json()["files"][0]["core-metadata"], true);
    assert!(!world.get(METADATA).await.text().contains("certifi"));
    world.get(FILE).await;
    eventually(async || world.get(METADATA).await.text() == wheel.metadata()).await;
    let sha256 = daypass_core::digest::Sha256::of(wheel.metadata()).to_string();
    assert_eq!(world.get_json(PAGE).await.json()["files"][0]["core-metadata"]["sha256"], sha256);
    assert_eq!(world.restarted().await.get(METADATA).await.text(), wheel.metadata());
}

#[tokio::test]
async fn wheels_that_were_kept_before_have_it_too() {
    let wheel = Wheel::new("requests", "1.0");
    let upstream = upstream(&wheel);
    let world = World::before(&upstream).await;
    world.get(FILE).await;
    eventually(async || world.get_json(PAGE).await.json()["files"][0]["core-metadata"].is_object()).await;
    // As the cache of an earlier version: the wheel, and no metadata.
    let shelf =
        std::fs::read_dir(world.files_folder().join("upstream/python")).unwrap().next().unwrap().unwrap().path();
    std::fs::remove_file(shelf.join("files/requests/requests-1.0-py3-none-any.whl.metadata")).unwrap();
    let world = world.restarted().await;
    assert_eq!(world.get_json(PAGE).await.json()["files"][0]["core-metadata"], false);
    assert_eq!(world.get(METADATA).await.text(), wheel.metadata());
    assert!(world.get_json(PAGE).await.json()["files"][0]["core-metadata"].is_object());
    assert_eq!(upstream.hits(THEIRS), 1);
}
