//! A full disk: what needs room is refused for the moment, nothing is kept half, and all goes on when there is room.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use daypass_testkit::wheel::Wheel;

use super::{
    bucket::{beginning, file_path, try_fetch},
    publisher::{POLICY, PUBLISHER, path_of, upload},
};
use crate::world::World;

/// A server whose files lie on a disk of 8 MB, which nobody else sees.
struct Cramped {
    world: World,
    access_token: String,
}

impl Cramped {
    fn start() -> Self {
        let plan = World::plan().policy(POLICY);
        fs::create_dir(plan.folder().join("small")).unwrap();
        // The usual world has its own files first; the server then starts again on the small disk.
        let mut world = plan.start();
        let small = world.path("small");
        fs::write(world.path("daypassd.toml"), format!("[files]\nfolder = \"{}\"\n", small.display())).unwrap();
        let serve = world.serve();
        let mut command = Command::new("unshare");
        let is_root = fs::metadata("/proc/self").is_ok_and(|found| found.uid() == 0);
        // Whoever is not root may be one in a user namespace, and mount there.
        command.args(if is_root { &["--mount"][..] } else { &["--user", "--map-root-user", "--mount"] });
        command.args(["sh", "-c", "mount -t tmpfs -o size=8m,mode=0700 none \"$0\" && exec \"$@\""]).arg(&small);
        command.arg(serve.get_program()).args(serve.get_args()).arg("--config").arg(world.path("daypassd.toml"));
        command.env_clear().env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin");
        world.restart_as(command);
        let access_token = world.access_token_for(&world.outside_token_of(PUBLISHER));
        Self { world, access_token }
    }

    /// The small disk, as the server sees it.
    fn disk(&self) -> PathBuf {
        let inside = self.world.path("small");
        let root = PathBuf::from(format!("/proc/{}/root", self.world.server().id()));
        root.join(inside.strip_prefix("/").unwrap())
    }

    /// Takes all room but for some bytes.
    fn fill(&self, but: usize) {
        let ballast = self.disk().join("ballast");
        let _none = fs::remove_file(&ballast);
        let mut size = 8 * 1024 * 1024;
        // What is there already is not known; the last write that fits is.
        while size > 0 && fs::write(&ballast, vec![0; size]).is_err() {
            size -= 64 * 1024;
        }
        fs::write(&ballast, vec![0; size.saturating_sub(but)]).unwrap();
    }

    fn make_room(&self) {
        fs::remove_file(self.disk().join("ballast")).unwrap();
    }

    fn scratch_is_empty(&self) {
        let deadline = Instant::now() + Duration::from_secs(10);
        while files_in(&self.disk().join("scratch")) > 0 {
            assert!(Instant::now() < deadline, "something is left in the scratch folder");
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn add(&self, name: &str, bytes: usize) -> (Wheel, String) {
        let wheel = Wheel::new(name, "1.0").padding(bytes);
        self.world.upstream.add_wheel(&wheel);
        let path = file_path(&self.world, name, &self.access_token);
        (wheel, path)
    }
}

fn files_in(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files_in(&entry.path()) } else { 1 }).sum()
}

#[test]
fn a_pull_that_finds_no_room_is_refused_and_works_when_there_is() {
    let cramped = Cramped::start();
    let (small, small_path) = cramped.add("sunny-small", 200_000);
    let kept = cramped.world.fetch(&small_path, &cramped.access_token);
    assert_eq!((kept.status, kept.body == small.bytes()), (200, true), "{}", beginning(&kept));
    let pages: Vec<_> = [("sunny-one", 900_000), ("sunny-two", 3_000_000)]
        .into_iter()
        .map(|(name, bytes)| cramped.add(name, bytes))
        .collect();
    cramped.fill(300_000);
    let before = files_in(&cramped.disk().join("blobs"));
    for (_, path) in &pages {
        if let Some(answer) = try_fetch(&cramped.world, path, &cramped.access_token) {
            assert_eq!(answer.status, 503, "{}", beginning(&answer));
            assert!(!answer.header("retry-after").is_empty());
        }
    }
    // What is kept is served, and nothing half was added.
    let kept = cramped.world.fetch(&small_path, &cramped.access_token);
    assert_eq!((kept.status, kept.body == small.bytes()), (200, true));
    assert_eq!(files_in(&cramped.disk().join("blobs")), before);
    cramped.scratch_is_empty();
    cramped.make_room();
    for (wheel, path) in &pages {
        let whole = cramped.world.fetch(path, &cramped.access_token);
        assert_eq!((whole.status, whole.body == wheel.bytes()), (200, true), "{}", beginning(&whole));
    }
}

#[test]
fn an_upload_that_finds_no_room_is_refused_and_works_when_there_is() {
    let cramped = Cramped::start();
    let (world, access_token) = (&cramped.world, &cramped.access_token);
    let first = Wheel::new("acme-first", "1.0").padding(100_000);
    assert_eq!(world.send(&upload(&first, access_token)).status, 200);
    let wheels = [Wheel::new("acme-one", "1.0").padding(900_000), Wheel::new("acme-two", "1.0").padding(3_000_000)];
    cramped.fill(300_000);
    let before = files_in(&cramped.disk().join("blobs"));
    for wheel in &wheels {
        let refused = world.send(&upload(wheel, access_token));
        assert_eq!(refused.status, 503, "{}", beginning(&refused));
        assert!(!refused.header("retry-after").is_empty());
        assert_eq!(world.fetch(&path_of(wheel), access_token).status, 404);
    }
    assert_eq!(world.fetch(&path_of(&first), access_token).body, first.bytes());
    assert_eq!(files_in(&cramped.disk().join("blobs")), before);
    cramped.scratch_is_empty();
    cramped.make_room();
    for wheel in &wheels {
        let taken = world.send(&upload(wheel, access_token));
        assert_eq!(taken.status, 200, "{}", beginning(&taken));
        assert_eq!(world.fetch(&path_of(wheel), access_token).body, wheel.bytes());
    }
}
