//! What an earlier run left, and what runs at the same time.

use std::{fs, os::unix::fs::symlink, process::Command, thread, time::Duration};

use daypass_testkit::release::{Manner, ReleaseHost};

use crate::{
    machine::{Machine, ended},
    release::{Signer, VERSION, flipped},
};

#[test]
fn a_kept_program_that_was_changed_is_replaced_and_never_run() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "minisign"]);
    machine.install(&host, &release, &[]).printed(&machine.program());
    let (good, ran) = (fs::read(machine.program()).unwrap(), machine.folder().join("ran"));
    let evil = format!("#!/bin/sh\ntouch {}\n", ran.display());

    let changes: [&dyn Fn(); 6] = [
        &|| fs::write(machine.program(), &evil).unwrap(),
        &|| fs::write(machine.program(), flipped(&good, 3)).unwrap(),
        &|| {
            // A link to the right bytes may be to other bytes tomorrow.
            let other = machine.folder().join("other");
            fs::write(&other, &good).unwrap();
            fs::remove_file(machine.program()).unwrap();
            symlink(&other, machine.program()).unwrap();
        },
        &|| {
            fs::remove_file(machine.program()).unwrap();
            fs::create_dir(machine.program()).unwrap();
        },
        &|| {
            let sums = machine.home().join("SHA256SUMS");
            fs::write(&sums, fs::read_to_string(&sums).unwrap().replace(' ', "\t")).unwrap();
        },
        &|| fs::remove_file(machine.home().join("SHA256SUMS.minisig")).unwrap(),
    ];
    for (number, change) in changes.iter().enumerate() {
        change();
        machine.install(&host, &release, &[]).printed(&machine.program());
        assert_eq!(host.seen().len(), 3 * (number + 2), "it was fetched again");
        assert_eq!(fs::read(machine.program()).unwrap(), good);
        assert!(!machine.program().is_symlink());
    }
    fs::write(machine.program(), &evil).unwrap();
    host.set("SHA256SUMS", Manner::Late(404, 9, Vec::new()));
    machine.install(&host, &release, &[]).refused(5, "SHA256SUMS cannot be had: the server answers 404");
    assert!(!ran.exists());
}

#[test]
fn a_whole_kept_release_of_another_signer_is_not_used() {
    let (ours, theirs) = (Signer::new().release(VERSION), Signer::new().release(VERSION));
    let machine = Machine::with(&["curl", "minisign"]);
    machine.install(&ReleaseHost::with(&theirs.files), &theirs, &[]).printed(&machine.program());
    let host = ReleaseHost::with(&ours.files);
    machine.install(&host, &ours, &[]).printed(&machine.program());
    assert_eq!(host.seen().len(), 3);
}

#[test]
fn many_at_once_all_find_the_program_whole() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "openssl"]);
    let running: Vec<_> = (0..12).map(|_| machine.start(&host, &release, &["--wheel"])).collect();
    for child in running {
        let ended = ended(child);
        assert_eq!(ended.code, 0, "{}", ended.stderr);
        assert_eq!(ended.stdout.lines().next(), machine.program().to_str());
    }
    assert_eq!(machine.left().len(), 1, "no scratch folder is left: {:?}", machine.left());
    assert!(Command::new(machine.program()).status().unwrap().success());
}

#[test]
fn killed_at_any_instant_it_leaves_whole_files_or_none() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "openssl"]);
    let whole = {
        let other = Machine::with(&["curl", "openssl"]);
        other.install(&host, &release, &[]).printed(&other.program());
        fs::read(other.program()).unwrap()
    };
    for life in 0..30 {
        let mut child = machine.start(&host, &release, &[]);
        thread::sleep(Duration::from_millis(life * 5));
        child.kill().unwrap();
        child.wait().unwrap();
        if let Ok(found) = fs::read(machine.program()) {
            assert_eq!(found, whole);
        }
        let _as_if_it_had_never_come_so_far = fs::remove_dir_all(machine.home());
    }
    machine.install(&host, &release, &[]).printed(&machine.program());
    // What the killed ones left is no use to anybody after a day.
    let day_old = machine.folder().join(".new.abcdefgh");
    fs::create_dir(&day_old).unwrap();
    assert!(Command::new("touch").args(["-d", "3 days ago"]).arg(&day_old).status().unwrap().success());
    machine.install(&host, &release, &[]).printed(&machine.program());
    assert!(!day_old.exists());
}

#[test]
fn two_versions_live_side_by_side() {
    let signer = Signer::new();
    let (old, new) = (signer.release("1.2.2"), signer.release(VERSION));
    let machine = Machine::with(&["curl", "minisign"]);
    machine.install(&ReleaseHost::with(&new.files), &new, &[]).printed(&machine.program());
    let older = machine.install(&ReleaseHost::with(&old.files), &old, &["--version", "1.2.2"]);
    assert_eq!(older.code, 0, "{}", older.stderr);
    assert!(older.stdout.contains("1.2.2-"));
    assert!(machine.program().exists());
}
