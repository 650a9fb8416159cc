//! Files in an S3-compatible store: served whole and in part, kept whole, refused where that cannot be relied on.

use std::fs;

use daypass_testkit::{faults::Fault, wheel::Wheel};

use super::bucket::{Bucket, beginning, file_path, operate};
use crate::{http::get, world::World};

/// In one request, in memory; in one request; in parts.
fn wheels(name: &str) -> [Wheel; 3] {
    let wheel = |number: u8| Wheel::new(&format!("{name}-{number}"), "1.0");
    [wheel(1), wheel(2).padding(3_000_000), wheel(3).padding(12_000_000)]
}

#[test]
fn hosted_and_pulled_through_files_are_whole_in_part_and_there_after_a_restart() {
    let bucket = Bucket::start();
    let mut world = bucket.plan().start();
    let (hosted, pulled) = (wheels("acme"), wheels("sunny"));
    for wheel in &hosted {
        world.import(wheel);
    }
    for wheel in &pulled {
        world.upstream.add_wheel(wheel);
    }
    for _ in 0..2 {
        let access_token = world.access_token();
        for wheel in hosted.iter().chain(&pulled) {
            let (path, bytes) = (file_path(&world, wheel.name(), &access_token), wheel.bytes());
            let whole = world.fetch(&path, &access_token);
            assert_eq!((whole.status, whole.body == bytes), (200, true), "{}: {}", wheel.name(), beginning(&whole));
            let request = get(&path).basic("_token", &access_token).header("range", "bytes=100-299");
            let part = world.send(&request);
            assert_eq!((part.status, &part.body[..]), (206, &bytes[100..300]), "{}", wheel.name());
        }
        world.restart();
    }
    // Once each, although it was asked for four times and the server has forgotten all it had in memory.
    for wheel in &pulled {
        assert_eq!(world.upstream.hits(&format!("/files/{}/{}", wheel.name(), wheel.file_name())), 1);
    }
    // Everything is under the prefix, and nothing is left on the way.
    let seen = bucket.faults.seen();
    let objects = seen.iter().filter(|request| request.path != "/packages" && request.path != "/packages/");
    assert!(objects.clone().count() > 20);
    assert!(objects.clone().all(|request| request.path.starts_with("/packages/day/pass/")), "{objects:?}");
    assert_eq!(fs::read_dir(world.data().join("scratch")).unwrap().count(), 0);
    assert!(!world.data().join("files").exists());
    // Parts, for what is long.
    assert!(seen.iter().any(|request| request.query.contains("uploadId") && request.query.contains("partNumber=3")));
}

#[test]
fn the_same_file_again_is_unchanged_and_verifying_finds_everything_whole() {
    let bucket = Bucket::start();
    let world = bucket.plan().start();
    for wheel in &wheels("acme") {
        world.import(wheel);
        world.import(wheel);
    }
    let verified = operate(&world, &["files", "verify"]).output().unwrap();
    let text = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(verified.status.success() && text.contains("verified 4 of 4 files"), "{text}");
    assert!(verified.stdout.is_empty());
    let swept = operate(&world, &["files", "sweep", "-o", "json"]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&swept.stdout).matches(":0").count(), 4, "{swept:?}");
    let doctor = operate(&world, &["doctor"]).output().unwrap();
    let text = String::from_utf8_lossy(&doctor.stdout).into_owned();
    assert!(text.contains("ok      files the bucket `packages` under `day/pass` at http://127.0.0.1:"), "{text}");
}

#[test]
fn a_store_that_overwrites_when_asked_not_to_is_refused() {
    let mut bucket = Bucket::unsigned();
    let mut world = bucket.plan().start();
    world.kill();
    bucket.faults.set(Fault::Careless);
    for arguments in [&["serve", "--listen", "127.0.0.1:0"][..], &["doctor"]] {
        let output = operate(&world, arguments).output().unwrap();
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!output.status.success() && text.contains("overwrites what is there when asked not to"), "{text}");
    }
    // The twin.
    bucket.faults.set(Fault::None);
    assert!(operate(&world, &["doctor"]).output().unwrap().status.success());
}

#[test]
fn a_wrong_key_or_bucket_or_a_store_that_is_away_is_one_sentence_without_the_secret() {
    let mut bucket = Bucket::start();
    let mut world = bucket.plan().start();
    world.kill();
    let fails = |world: &World| {
        let output = operate(world, &["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{text}");
        assert!(text.contains("packages cannot be kept") && text.contains("[files] s3"), "{text}");
        assert!(!text.contains(bucket.secret()) && !text.contains("another secret"), "{text}");
        text
    };
    bucket.write_keys(world.folder(), "another secret");
    assert!(fails(&world).contains("SignatureDoesNotMatch"));
    bucket.write_keys(world.folder(), bucket.secret());
    let config = world.path("daypassd.toml");
    let right = fs::read_to_string(&config).unwrap();
    fs::write(&config, right.replace("bucket = \"packages\"", "bucket = \"elsewhere\"")).unwrap();
    fails(&world);
    fs::write(&config, right).unwrap();
    bucket.faults.cut();
    let output = operate(&world, &["serve", "--listen", "127.0.0.1:0"]).output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", String::from_utf8_lossy(&output.stderr));
}
