//! Archives that hold something else, and archives that would write where they should not.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use daypass_testkit::release::{Manner, ReleaseHost};

use crate::{
    machine::Machine,
    release::{Release, Signer, VERSION, archive, flipped, target, wheel},
};

/// Each unpacks in its own way.
const UNPACKERS: [&[&str]; 3] = [&["tar", "gzip"], &["python3"], &["node"]];

const FEW: [&str; 13] =
    ["cat", "chmod", "curl", "dd", "mkdir", "minisign", "mktemp", "mv", "rm", "sha256sum", "sleep", "uname", "wc"];

const PROGRAM: &[u8] = b"#!/bin/sh\necho daypass\n";

fn machines() -> impl Iterator<Item = Machine> {
    UNPACKERS.iter().map(|tools| Machine::bare(&[&FEW[..], tools].concat()))
}

#[test]
fn one_flipped_byte_is_refused_in_one_line() {
    let release = Signer::new().release(VERSION);
    for name in [archive(VERSION), wheel(VERSION)] {
        let bytes = &release.files[&name];
        let host = ReleaseHost::with(&release.files);
        host.set(&name, Manner::Whole(flipped(bytes, bytes.len() / 2)));
        let machine = Machine::with(&["curl", "minisign"]);
        let words = format!("{name} is not the file that SHA256SUMS lists");
        machine.install(&host, &release, &["--wheel"]).refused(3, &words);
        assert_eq!(machine.left(), [""; 0], "nothing is placed, not even the program that was right");
    }
}

#[test]
fn a_cache_that_is_stale_is_asked_past() {
    let signer = Signer::new();
    let (old, release) = (signer.release("1.2.2"), signer.release(VERSION));
    let rebuilt = signer.release_of(VERSION, PROGRAM, |folder| fs::write(folder.join("daypass"), PROGRAM).unwrap());
    let stale =
        [(archive(VERSION), &rebuilt), ("SHA256SUMS".to_owned(), &old), ("SHA256SUMS.minisig".to_owned(), &old)];
    let healed = |tools: &[&str], name: &str, of: &Release| {
        let host = ReleaseHost::with(&release.files);
        host.set(name, Manner::Stale(release.files[name].clone(), of.files[name].clone()));
        let machine = Machine::with(tools);
        machine.install(&host, &release, &[]).printed(&machine.program());
        assert!(host.seen().contains(&format!("!{name}")), "{tools:?}");
    };
    for (name, of) in &stale {
        healed(&["curl", "minisign"], name, of);
    }
    for tools in [&["wget", "openssl"][..], &["busybox:wget", "openssl"], &["python3"], &["node"]] {
        healed(tools, "SHA256SUMS", &old);
    }
}

#[test]
fn a_program_that_is_not_the_signed_one_is_refused_though_the_archive_is() {
    let release = Signer::new().release_of(VERSION, b"what was promised", |folder| {
        fs::write(folder.join("daypass"), "something else").unwrap();
    });
    for machine in machines() {
        machine.install(&ReleaseHost::with(&release.files), &release, &[]).refused(3, "daypass is not the file");
        assert_eq!(machine.left(), [""; 0]);
    }
}

#[test]
fn a_link_in_place_of_the_program_is_not_followed() {
    let elsewhere = tempfile::NamedTempFile::new().unwrap();
    fs::write(elsewhere.path(), PROGRAM).unwrap();
    let release =
        Signer::new().release_of(VERSION, PROGRAM, |folder| symlink(elsewhere.path(), folder.join("daypass")).unwrap());
    for machine in machines() {
        let ended = machine.install(&ReleaseHost::with(&release.files), &release, &[]);
        assert_eq!((ended.code, ended.stdout.as_str()), (3, ""), "{}", ended.stderr);
        assert_eq!(machine.left(), [""; 0]);
    }
}

#[test]
fn nothing_else_of_an_archive_is_written_anywhere() {
    let signer = Signer::new();
    let outside = tempfile::tempdir().unwrap();
    let trap = outside.path().join("trap");
    let folder = tempfile::tempdir().unwrap();
    let stem = format!("daypass-{VERSION}-{}", target());
    fs::create_dir(folder.path().join(&stem)).unwrap();
    fs::write(folder.path().join(&stem).join("daypass"), PROGRAM).unwrap();
    fs::write(folder.path().join("evil"), "evil").unwrap();
    // An absolute name and one that climbs, beside the true member.
    let tar = |more: &[&str], names: &[&str]| {
        let mut command = Command::new("tar");
        command.current_dir(&folder).args(["-P", "-f", "packed.tar"]).args(more).args(names);
        assert!(command.status().unwrap().success());
    };
    tar(&["-c", "--transform", &format!("s,^evil,{},", trap.display())], &["evil", &stem]);
    tar(&["-r", "--transform", "s,^evil,../../../evil,"], &["evil"]);
    let zipped = Command::new("gzip").current_dir(&folder).arg("packed.tar").status().unwrap();
    assert!(zipped.success());
    let release = signer.release_with(VERSION, PROGRAM, fs::read(folder.path().join("packed.tar.gz")).unwrap());
    for machine in machines() {
        machine.install(&ReleaseHost::with(&release.files), &release, &[]).printed(&machine.program());
        assert!(!trap.exists());
        let names: Vec<_> = fs::read_dir(machine.home()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(names.len(), 3, "{names:?}");
        assert!(!climbed(machine.folder()));
    }
}

fn climbed(folder: &Path) -> bool {
    folder.ancestors().any(|above| above.join("evil").exists())
}
