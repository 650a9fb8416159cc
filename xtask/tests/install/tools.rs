//! Whatever a machine has: it installs, or says what is missing.

use std::process::Command;

use daypass_testkit::release::ReleaseHost;

use crate::{
    machine::{Machine, SHELLS},
    release::{Signer, VERSION, archive, wheel},
};

/// What machines have: each downloader, each verifier, hashes of each kind.
const MACHINES: [&[&str]; 7] = [
    &["curl", "minisign"],
    &["curl", "openssl"],
    &["curl", "python3"],
    &["wget", "openssl"],
    &["busybox:wget", "node"],
    &["python3"],
    &["node"],
];

#[test]
fn it_installs_in_every_shell_with_every_tool_and_keeps_what_it_installed() {
    let release = Signer::new().release(VERSION);
    let in_the_first = MACHINES.map(|tools| (tools, SHELLS[0]));
    let in_the_others = SHELLS[1..].iter().flat_map(|shell| [MACHINES[1], MACHINES[6]].map(|tools| (tools, *shell)));
    for (tools, shell) in in_the_first.into_iter().chain(in_the_others) {
        let host = ReleaseHost::with(&release.files);
        let machine = Machine::with(tools).in_shell(shell);
        machine.install(&host, &release, &[]).printed(&machine.program());
        assert_eq!(host.seen(), ["SHA256SUMS", "SHA256SUMS.minisig", &archive(VERSION)], "{tools:?} {shell:?}");
        assert_eq!(machine.left(), [machine.home().file_name().unwrap().to_str().unwrap()]);
        let said = Command::new(machine.program()).output().unwrap();
        assert_eq!(said.stdout, b"daypass 1.2.3\n");

        let again = machine.install(&host, &release, &[]);
        again.printed(&machine.program());
        assert_eq!(host.seen().len(), 3, "it is kept: {}", again.stderr);
    }
}

#[test]
fn busybox_alone_and_a_verifier_are_enough() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    for verifier in ["openssl", "node"] {
        let machine = Machine::of_busybox(&["busybox:wget", verifier]);
        machine.install(&host, &release, &[]).printed(&machine.program());
    }
}

#[test]
fn the_node_of_a_runner_is_enough() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let few = ["cat", "chmod", "mkdir", "mktemp", "mv", "rm", "sleep", "uname", "wc"];
    let machine = Machine::bare(&few).with_node_of_the_runner();
    machine.install(&host, &release, &[]).printed(&machine.program());
    let python = Machine::bare(&[&few[..], &["python3"]].concat());
    python.install(&host, &release, &[]).printed(&python.program());
}

#[test]
fn the_other_hashes_are_read_as_well() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let few = ["cat", "chmod", "curl", "dd", "gzip", "mkdir", "mktemp", "mv", "rm", "sleep", "tar", "uname", "wc"];
    for more in [&["shasum", "perl", "minisign"][..], &["openssl"]] {
        let machine = Machine::bare(&[&few[..], more].concat());
        machine.install(&host, &release, &[]).printed(&machine.program());
        let other = ReleaseHost::with(&Signer::new().release(VERSION).files);
        Machine::bare(&[&few[..], more].concat()).install(&other, &release, &[]).refused(3, "signed with another key");
    }
}

#[test]
fn a_machine_without_the_means_is_told_what_to_install() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let refused = |tools: &[&str], words| {
        let machine = Machine::with(tools);
        machine.install(&host, &release, &[]).refused(6, words);
        assert_eq!(machine.left(), [""; 0]);
    };
    refused(&["curl"], "install minisign, OpenSSL 3, python3 or node");
    refused(&["minisign"], "install curl, wget, python3 or node");
    let few = [
        "cat", "chmod", "curl", "dd", "gzip", "minisign", "mkdir", "mktemp", "mv", "rm", "sleep", "tar", "uname", "wc",
    ];
    let machine = Machine::bare(&few);
    machine.install(&host, &release, &[]).refused(6, "install sha256sum, shasum, openssl, python3 or node");
}

#[test]
fn the_wheel_is_verified_and_printed_too() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "minisign"]);
    machine.install(&host, &release, &[]).printed(&machine.program());
    for downloads in [7, 7] {
        let ended = machine.install(&host, &release, &["--wheel"]);
        let both = format!("{}\n{}\n", machine.program().display(), machine.home().join(wheel(VERSION)).display());
        assert_eq!((ended.code, ended.stdout), (0, both), "{}", ended.stderr);
        assert_eq!(host.seen().len(), downloads);
    }
    let quiet = machine.install(&host, &release, &["--wheel", "--quiet"]);
    assert_eq!(quiet.stderr, "");
}
