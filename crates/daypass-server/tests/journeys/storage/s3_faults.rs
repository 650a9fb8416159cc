//! An S3-compatible store that fails: what is asked of it is refused for the moment, nothing is served half, and all goes
//! on by itself when the store does.

use std::time::{Duration, Instant};

use daypass_testkit::{faults::Fault, wheel::Wheel};

use super::{
    bucket::{Bucket, beginning, file_path, try_fetch},
    publisher::{POLICY, PUBLISHER, path_of, upload},
};
use crate::world::World;

/// No request hangs for longer, whatever the store does.
const LONGEST: Duration = Duration::from_secs(45);

struct Scene {
    bucket: Bucket,
    world: World,
    access_token: String,
    hosted: Wheel,
    path: String,
    pulled: u32,
}

impl Scene {
    fn set() -> Self {
        let bucket = Bucket::start();
        let world = bucket.plan().policy(POLICY).start();
        // Too long to be held in memory.
        let hosted = Wheel::new("acme-big", "1.0").padding(3_000_000);
        world.import(&hosted);
        let access_token = world.access_token_for(&world.outside_token_of(PUBLISHER));
        let path = file_path(&world, "acme-big", &access_token);
        Self { bucket, world, access_token, hosted, path, pulled: 0 }
    }

    /// A wheel that nobody has asked for, and that upstream has.
    fn fresh(&mut self) -> Wheel {
        self.pulled += 1;
        let wheel = Wheel::new(&format!("sunny-{}", self.pulled), "1.0").padding(400_000);
        self.world.upstream.add_wheel(&wheel);
        wheel
    }

    /// Whatever came is refused for the moment, or broken off.
    fn fails(&self, path: &str) {
        let began = Instant::now();
        if let Some(answer) = try_fetch(&self.world, path, &self.access_token) {
            assert_eq!(answer.status, 503, "{}", beginning(&answer));
            assert!(!answer.header("retry-after").is_empty(), "{}", beginning(&answer));
            assert!(!answer.everything().contains("127.0.0.1"), "a stranger learns where the store is");
        }
        assert!(began.elapsed() < LONGEST, "{:?}", began.elapsed());
    }

    /// Everything works, what was hosted before and what is pulled through now.
    fn works(&mut self) {
        let whole = self.world.fetch(&self.path, &self.access_token);
        assert_eq!((whole.status, whole.body == self.hosted.bytes()), (200, true), "{}", beginning(&whole));
        let wheel = self.fresh();
        let path = file_path(&self.world, wheel.name(), &self.access_token);
        let whole = self.world.fetch(&path, &self.access_token);
        assert_eq!((whole.status, whole.body == wheel.bytes()), (200, true), "{}", beginning(&whole));
    }

    /// Pages and credentials need no files; and no request is accepted that cannot be answered rightly.
    fn others_work(&self) {
        assert_eq!(self.world.fetch("/python/simple/acme-big/", &self.access_token).status, 200);
        assert_eq!(self.world.fetch("/python/simple/", &self.access_token).status, 200);
        self.world.access_token();
    }
}

#[test]
fn errors_are_503_with_a_hint_and_pages_still_work() {
    let mut scene = Scene::set();
    for status in [500, 503] {
        scene.bucket.faults.set(Fault::Status(status));
        scene.fails(&scene.path);
        scene.others_work();
        scene.bucket.faults.set(Fault::None);
        scene.works();
    }
}

#[test]
fn a_store_that_fails_now_and_then_is_asked_again() {
    let mut scene = Scene::set();
    scene.bucket.faults.set(Fault::Flaps(500));
    for _ in 0..3 {
        scene.works();
    }
}

#[test]
fn answers_that_end_early_are_never_served_as_whole() {
    let mut scene = Scene::set();
    for fault in [Fault::Truncate(100_000), Fault::Shorten(100_000)] {
        scene.bucket.faults.set(fault);
        scene.fails(&scene.path);
        scene.bucket.faults.set(Fault::None);
        scene.works();
    }
}

#[test]
fn a_store_that_refuses_connections_is_503_and_its_return_is_noticed() {
    let mut scene = Scene::set();
    scene.bucket.faults.cut();
    scene.fails(&scene.path);
    scene.others_work();
    scene.bucket.faults.set(Fault::None);
    scene.works();
}

#[test]
fn a_store_that_never_answers_hangs_nobody_for_long() {
    let mut scene = Scene::set();
    scene.bucket.faults.set(Fault::Hang);
    scene.fails(&scene.path);
    scene.others_work();
    scene.bucket.faults.set(Fault::None);
    scene.works();
}

#[test]
fn a_slow_store_is_slow_and_whole() {
    let mut scene = Scene::set();
    scene.bucket.faults.set(Fault::Slow(2_000_000));
    scene.works();
}

#[test]
fn nothing_is_kept_of_what_could_not_be_kept_whole() {
    let mut scene = Scene::set();
    let wheel = scene.fresh();
    let path = file_path(&scene.world, wheel.name(), &scene.access_token);
    scene.bucket.faults.set(Fault::Status(500));
    scene.fails(&path);
    let scratch = scene.world.data().join("scratch");
    let deadline = Instant::now() + Duration::from_secs(30);
    while std::fs::read_dir(&scratch).unwrap().count() > 0 {
        assert!(Instant::now() < deadline, "something is left in the scratch folder");
        std::thread::sleep(Duration::from_millis(20));
    }
    scene.bucket.faults.set(Fault::None);
    let whole = scene.world.fetch(&path, &scene.access_token);
    assert_eq!((whole.status, whole.body == wheel.bytes()), (200, true), "{}", beginning(&whole));
}

#[test]
fn an_upload_that_cannot_be_kept_is_refused_and_taken_later() {
    let mut scene = Scene::set();
    let wheels = [Wheel::new("acme-one", "1.0"), Wheel::new("acme-two", "1.0").padding(12_000_000)];
    for fault in [Fault::Status(500), Fault::Status(503), Fault::None] {
        scene.bucket.faults.set(fault);
        if fault == Fault::None {
            scene.bucket.faults.cut();
        }
        for wheel in &wheels {
            let refused = scene.world.send(&upload(wheel, &scene.access_token));
            assert_eq!(refused.status, 503, "{}", beginning(&refused));
            assert!(!refused.header("retry-after").is_empty(), "{}", beginning(&refused));
        }
    }
    scene.bucket.faults.set(Fault::None);
    for wheel in &wheels {
        assert_eq!(scene.world.fetch(&path_of(wheel), &scene.access_token).status, 404);
        let taken = scene.world.send(&upload(wheel, &scene.access_token));
        assert_eq!(taken.status, 200, "{}", beginning(&taken));
        let whole = scene.world.fetch(&path_of(wheel), &scene.access_token);
        assert_eq!((whole.status, whole.body == wheel.bytes()), (200, true), "{}", beginning(&whole));
    }
}
