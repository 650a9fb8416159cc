//! What is asked for, rightly and wrongly.

use daypass_testkit::release::ReleaseHost;

use crate::{
    machine::{Machine, SHELLS, ended},
    release::{Signer, VERSION},
};

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_asked() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let wrong: [&[&str]; 19] = [
        &["--version", "1.2"],
        &["--version", "1.2.3.4"],
        &["--version", "1..3"],
        &["--version", "../../x"],
        &["--version", "latest"],
        &["--release-url", "http://packages.example.com/1.2.3"],
        &["--release-url", "http://127.0.0.1:80@packages.example.com"],
        &["--release-url", "https://somebody:secret@packages.example.com/"],
        &["--release-url", "http://127.0.0.1.example.com/"],
        &["--release-url", "file:///etc"],
        &["--release-url", "https://example.com/$(id)"],
        &["--release-url", "-o/etc/passwd"],
        &["--public-key", "RWQ"],
        &["--public-key", &"A".repeat(56)],
        &["--retry", "0"],
        &["--retry", "many"],
        &["--target", "../x"],
        &["--to", ""],
        &["--surprise"],
    ];
    for shell in SHELLS {
        let machine = Machine::with(&["curl", "minisign"]).in_shell(shell);
        for words in wrong {
            let ended = machine.install(&host, &release, words);
            assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{words:?}: {}", ended.stderr);
            assert_eq!(ended.stderr.lines().count(), 1, "{}", ended.stderr);
        }
        assert_eq!(machine.left(), [""; 0]);
    }
    assert_eq!(host.seen(), [""; 0]);
}

#[test]
fn without_a_key_nothing_is_trusted() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "minisign"]);
    let to = machine.folder().to_str().unwrap();
    let ended = machine.run(&["--version", VERSION, "--to", to, "--release-url", host.url()]);
    ended.refused(6, "this install.sh has no public key");
    assert_eq!(host.seen(), [""; 0]);
}

#[test]
fn the_environment_says_the_same_as_the_options() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "minisign"]);
    let mut command = machine.command(&["--to", "here", "--public-key", &release.key]);
    command.env("DAYPASS_VERSION", VERSION).env("DAYPASS_RELEASE_URL", host.url());
    let here = machine.home().file_name().unwrap().to_owned();
    ended(command.spawn().unwrap()).printed(&machine.folder().join("here").join(here).join("daypass"));
}

#[test]
fn another_kind_of_machine_is_told_that_there_is_nothing_for_it() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "minisign"]);
    let other = machine.install(&host, &release, &["--target", "riscv64gc-unknown-linux-gnu"]);
    other.refused(6, "this release has no daypass-1.2.3-riscv64gc-unknown-linux-gnu.tar.gz");
}

#[test]
fn a_folder_that_cannot_be_made_is_said() {
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    let machine = Machine::with(&["curl", "minisign"]);
    let no_folder = machine.install(&host, &release, &["--to", "/dev/null/tools"]);
    no_folder.refused(6, "the folder /dev/null/tools cannot be made");
}

#[test]
fn half_a_script_does_nothing() {
    use std::{fs, process::Stdio};
    let text = fs::read_to_string(crate::machine::script()).unwrap();
    let release = Signer::new().release(VERSION);
    let host = ReleaseHost::with(&release.files);
    for part in [text.len() / 3, text.len() / 2, text.len() - 10] {
        let machine = Machine::with(&["curl", "minisign"]);
        let half = machine.folder().join("half.sh");
        fs::write(&half, text.get(..part).unwrap()).unwrap();
        let mut shell = std::process::Command::new(crate::machine::found("dash"));
        shell.arg(&half).args(["--version", VERSION, "--to"]).arg(machine.folder());
        shell.args(["--release-url", host.url(), "--public-key", &release.key]);
        let _however_it_ends = shell.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    }
    assert_eq!(host.seen(), [""; 0]);
}
