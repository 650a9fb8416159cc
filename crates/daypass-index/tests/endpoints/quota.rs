//! Upstream's files within their quota; hosted ones without any.

use std::{path::Path, sync::Arc, time::Duration};

use axum::http::StatusCode;
use daypass_index::FileStore;
use daypass_testkit::{upstream::Upstream, wheel::Wheel};

use futures_util::TryStreamExt as _;
use object_store::{ObjectStore, memory::InMemory};

use crate::world::{Answer, World, eventually};

const QUOTA: u64 = 1_000_000;

/// Ten files of 300 kB each, which is three times the quota.
fn upstream() -> (Upstream, Vec<Wheel>) {
    let upstream = Upstream::start();
    let wheels: Vec<_> = (0..10).map(|number| Wheel::new(&format!("lib-{number}"), "1.0").padding(300_000)).collect();
    for wheel in &wheels {
        upstream.add_wheel(wheel);
    }
    (upstream, wheels)
}

async fn world(upstream: &Upstream) -> World {
    let files = |folder: &Path| FileStore::folder(folder).unwrap().with_upstream_quota(Some(QUOTA));
    World::with_files(upstream, |pace| pace.housekeeping = Duration::from_millis(20), files).await
}

fn path(wheel: &Wheel) -> String {
    format!("/python/files/{}/{}", wheel.name(), wheel.file_name())
}

async fn pull(world: &World, wheel: &Wheel) -> Answer {
    let answer = world.get(&path(wheel)).await;
    assert_eq!((answer.status, answer.bytes()), (StatusCode::OK, &wheel.bytes().into()));
    answer
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |path: std::path::PathBuf| {
        if path.is_dir() { bytes_in(&path) } else { path.metadata().map(|found| found.len()).unwrap_or_default() }
    };
    entries.map(|entry| size(entry.unwrap().path())).sum()
}

fn kept(world: &World) -> u64 {
    bytes_in(&world.files_folder().join("blobs/upstream"))
}

async fn settled(world: &World) {
    // Twice nine tenths: what was used a moment ago is spared, and is no longer a moment ago at the next look.
    eventually(async || kept(world) <= QUOTA).await;
}

#[tokio::test]
async fn upstreams_files_stay_within_their_quota_and_come_again() {
    let (upstream, wheels) = upstream();
    let world = world(&upstream).await;
    for wheel in &wheels {
        pull(&world, wheel).await;
    }
    settled(&world).await;
    assert!(kept(&world) > 0, "not everything goes");
    // Whichever were evicted are fetched again; whichever were not are not.
    let before = wheels.iter().map(|wheel| upstream.hits(&their_path(wheel))).sum::<usize>();
    for wheel in &wheels {
        pull(&world, wheel).await;
    }
    let again = wheels.iter().map(|wheel| upstream.hits(&their_path(wheel))).sum::<usize>() - before;
    assert!((7..=10).contains(&again), "{again} of ten files were fetched again");
    settled(&world).await;
}

fn their_path(wheel: &Wheel) -> String {
    format!("/files/{}/{}", wheel.name(), wheel.file_name())
}

#[tokio::test]
async fn what_was_used_last_stays() {
    let (upstream, wheels) = upstream();
    let world = world(&upstream).await;
    for wheel in &wheels[..3] {
        pull(&world, wheel).await;
    }
    // A month later the first one is still in use; the other two are what goes.
    world.advance(30 * 86_400);
    tokio::time::sleep(Duration::from_millis(100)).await;
    pull(&world, &wheels[0]).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    pull(&world, &wheels[3]).await;
    settled(&world).await;
    for (wheel, hits) in [(&wheels[0], 1), (&wheels[3], 1), (&wheels[1], 2)] {
        pull(&world, wheel).await;
        assert_eq!(upstream.hits(&their_path(wheel)), hits, "{}", wheel.name());
    }
}

#[tokio::test]
async fn hosted_files_are_never_evicted_and_pins_neither() {
    let (upstream, wheels) = upstream();
    let world = world(&upstream).await;
    // Alone more than the quota.
    let hosted = Wheel::new("acme-hello", "1.0").padding(2_000_000);
    world.import(&hosted).await;
    for wheel in &wheels {
        pull(&world, wheel).await;
    }
    let pins = || bytes_in(&world.files_folder().join("upstream"));
    let before = pins();
    settled(&world).await;
    assert!(before > 0 && pins() == before);
    assert!(bytes_in(&world.files_folder().join("blobs/hosted")) >= 2_000_000);
    assert_eq!(pull(&world, &hosted).await.status, StatusCode::OK);
    // Upstream changes its mind about an evicted file: the pin still binds.
    for wheel in &wheels {
        upstream.add_wheel(&wheel.clone().module("evil = True\n"));
    }
    world.advance(7200);
    for wheel in &wheels {
        let answer = world.get(&path(wheel)).await;
        let same = answer.status == StatusCode::OK && answer.bytes() == &wheel.bytes();
        let refused = matches!(answer.status, StatusCode::BAD_GATEWAY | StatusCode::NOT_FOUND);
        assert!(same || refused, "{}", answer.status);
    }
}

#[tokio::test]
async fn a_file_that_is_being_read_is_read_to_its_end() {
    let (upstream, wheels) = upstream();
    let big = Wheel::new("big", "1.0").padding(3_000_000);
    upstream.add_wheel(&big);
    let world = world(&upstream).await;
    pull(&world, &big).await;
    let mut reading = world.open(&path(&big)).await;
    let mut bytes = reading.next().await.unwrap().unwrap().to_vec();
    for wheel in &wheels {
        pull(&world, wheel).await;
    }
    settled(&world).await;
    while let Some(piece) = reading.next().await {
        bytes.extend_from_slice(&piece.unwrap());
    }
    assert_eq!(bytes, big.bytes());
}

#[tokio::test]
async fn without_a_quota_nothing_is_evicted() {
    let (upstream, wheels) = upstream();
    let world = World::paced(&upstream, |pace| pace.housekeeping = Duration::from_millis(20)).await;
    for wheel in &wheels {
        pull(&world, wheel).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(kept(&world) >= 3_000_000);
}

#[tokio::test]
async fn the_quota_holds_where_files_are_not_in_a_folder_too() {
    let (upstream, wheels) = upstream();
    let objects: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let there = Arc::clone(&objects);
    let files = |folder: &Path| {
        std::fs::create_dir_all(folder).unwrap();
        FileStore::remote(there, folder).unwrap().with_upstream_quota(Some(QUOTA))
    };
    let world = World::with_files(&upstream, |pace| pace.housekeeping = Duration::from_millis(20), files).await;
    let hosted = Wheel::new("acme-hello", "1.0").padding(2_000_000);
    world.import(&hosted).await;
    for wheel in &wheels {
        pull(&world, wheel).await;
    }
    let kept = async |side: &str| {
        let listed = objects.list(Some(&format!("blobs/{side}").into()));
        listed.try_fold(0, async |sum, found| Ok(sum + found.size)).await.unwrap()
    };
    eventually(async || kept("upstream").await <= QUOTA).await;
    assert!(kept("hosted").await >= 2_000_000);
    for wheel in wheels.iter().chain([&hosted]) {
        pull(&world, wheel).await;
    }
}
