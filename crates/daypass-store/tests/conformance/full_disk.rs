//! A full disk: a clear error, and nothing acknowledged is lost.

use std::{collections::HashSet, fs, process::Command};

use daypass_store::{Store, StoreError, StoreUrl};

use crate::{
    child::{acknowledged, run_under_shell},
    home::{event, whole_log},
};

#[tokio::test]
async fn a_file_that_may_not_grow_loses_nothing_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daypass.db");
    // Blocks of 512 bytes: about 1 MB per file, reached within a second.
    let output = run_under_shell("trap '' XFSZ; ulimit -f 2048", "record", &path);
    assert!(output.contains("failed the database "), "{output}");
    everything_is_there(&path, &acknowledged(&output)).await;
}

async fn everything_is_there(path: &std::path::Path, expected: &[String]) {
    assert!(expected.len() > 10, "only {} were acknowledged", expected.len());
    let store = Store::open(&StoreUrl::sqlite(path)).await.unwrap();
    let log = whole_log(&store).await;
    let there: HashSet<_> = log.iter().map(|row| &*row.event.request_id).collect();
    for id in expected {
        assert!(there.contains(id.as_str()), "{id} was acknowledged and is lost");
    }
    store.record(event("goes on")).await.unwrap();
}

/// A small disk of its own, where this user may mount one.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=2m", "daypass-test"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            println!("skipped: this user may not mount a small disk");
        }
        mounted.then_some(Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(self.0.path()).status();
        if !unmounted.is_ok_and(|status| status.success()) {
            eprintln!("could not unmount {}", self.0.path().display());
        }
    }
}

#[tokio::test]
async fn a_full_disk_is_told_as_such_and_works_again_when_there_is_room() {
    let Some(disk) = SmallDisk::mount() else { return };
    let path = disk.0.path().join("data/daypass.db");
    let ballast = disk.0.path().join("ballast");
    fs::write(&ballast, vec![0; 1_000_000]).unwrap();
    let store = Store::open(&StoreUrl::sqlite(&path)).await.unwrap();
    let mut expected = Vec::new();
    let error = loop {
        let id = format!("{}", expected.len());
        match store.record(event(&id)).await {
            Ok(()) => expected.push(id),
            Err(error) => break error,
        }
        assert!(expected.len() < 1_000_000, "the disk is never full");
    };
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    assert!(error.to_string().contains("no space left"));
    assert_eq!(whole_log(&store).await.len(), expected.len());

    fs::remove_file(&ballast).unwrap();
    store.record(event("room again")).await.unwrap();
    store.close().await;
    everything_is_there(&path, &expected).await;
}

#[tokio::test]
async fn a_database_that_does_not_fit_leaves_nothing_behind() {
    let Some(disk) = SmallDisk::mount() else { return };
    fs::write(disk.0.path().join("ballast"), vec![0; 2_088_960]).unwrap();
    let path = disk.0.path().join("daypass.db");
    let error = Store::open(&StoreUrl::sqlite(&path)).await.unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
    let names: Vec<_> = disk.0.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["ballast"]);
}
