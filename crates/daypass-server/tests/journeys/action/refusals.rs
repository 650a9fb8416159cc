//! Jobs that get nothing, and what they are told.

use std::{collections::BTreeMap, fs, process::Command};

use daypass_testkit::release::Manner;
use serde_json::json;

use super::{LATER, Machine};
use crate::siblings::script;

/// The event of a pull request whose head is in this repository.
fn of_pull_request(machine: &mut Machine, head: u32) {
    let path = machine.site.place.world.path("event.json");
    let event = json!({ "pull_request": { "head": { "repo": { "id": head } }, "base": { "repo": { "id": 74 } } } });
    fs::write(&path, event.to_string()).unwrap();
    machine.variables =
        vec![("GITHUB_EVENT_NAME", "pull_request".into()), ("GITHUB_EVENT_PATH", path.display().to_string())];
}

#[test]
fn a_job_without_the_permission_is_told_its_name() {
    let mut machine = Machine::new();
    let without = |workflow: &str| workflow.replace("id-token: write", "contents: read");
    let strict = without(&machine.workflow(&[], &[LATER]));
    let done = machine.run(&strict);
    assert!(done.refused().contains("id-token: write"), "{}", done.said());
    assert!(done.summary().contains("id-token: write"), "{}", done.summary());
    // Nor may it be the pull request of a branch of the same repository.
    of_pull_request(&mut machine, 74);
    assert!(machine.run(&strict).refused().contains("id-token: write"));

    let done = machine.run(&without(&machine.workflow(&["fail-on-missing-oidc: false"], &[LATER])));
    assert!(done.succeeded().contains("a later step runs"));
    assert_eq!((done.annotation().0, &done.outputs()["authenticated"]), ("warning", &json!("false")));
    assert_eq!(machine.site.exchanged(), 0);
}

#[test]
fn a_fork_is_warned_and_goes_on_unless_it_is_to_fail() {
    let mut machine = Machine::new();
    of_pull_request(&mut machine, 75);
    let done = machine.run(&machine.workflow(&[], &["run: daypass --version && echo a later step runs"]));
    assert!(done.succeeded().contains("a later step runs"));
    let (kind, text) = done.annotation();
    assert!(kind == "warning" && text.contains("without a credential"), "{text}");
    assert_eq!(done.outputs()["authenticated"], "false");
    assert_eq!(done.outputs()["identity"], "");
    assert!(done.summary().contains("No credential"), "{}", done.summary());

    machine.run(&machine.workflow(&["fail-on-missing-oidc: true"], &[LATER])).refused();
    assert_eq!(machine.site.exchanged(), 0);
}

#[test]
fn another_repository_is_told_which_claim_differs() {
    let mut machine = Machine::new();
    machine.site.place.somebody_elses();
    let done = machine.run(&machine.workflow(&["identity: ci/job"], &[LATER]));
    assert!(done.refused().contains("repository_id"), "{}", done.said());
    assert!(done.summary().contains("repository_id"), "{}", done.summary());
    assert_eq!(machine.site.exchanged(), 0);
}

#[test]
fn a_server_that_is_down_is_tried_again_and_then_named_in_one_line() {
    let mut machine = Machine::new();
    machine.site.place.world.kill();
    let done = machine.run(&machine.workflow(&["retry: 2"], &[LATER]));
    assert!(done.refused().contains(&machine.site.place.world.authority()), "{}", done.said());
    assert_eq!(done.said().matches("trying again").count(), 1, "{}", done.said());
}

#[test]
fn a_server_that_goes_away_fails_no_job_whose_work_is_done() {
    let machine = Machine::new();
    let pid = machine.site.place.world.server().id();
    let done = machine.run(&machine.workflow(&[], &[&format!("run: kill -9 {pid} && echo a later step runs")]));
    assert!(done.succeeded().contains("a later step runs"));
    assert_eq!((machine.site.exchanged(), machine.site.revoked()), (1, 0));
}

#[test]
fn what_was_not_signed_never_runs() {
    let machine = Machine::new();
    let release: BTreeMap<_, _> = machine.release().into_iter().collect();
    let archive = release.keys().find(|name| name.ends_with(".tar.gz")).unwrap();
    let refused = |words: &str| {
        let done = machine.run(&machine.workflow(&[], &[LATER]));
        let said = done.refused();
        assert!(said.contains(words), "{said}");
        assert!(done.summary().contains("Failed"), "{}", done.summary());
        let kept = fs::read_dir(machine.site.place.world.path("tools/daypass")).unwrap().count();
        assert_eq!((machine.site.exchanged(), kept), (0, 0), "{}", done.said());
    };

    let mut flipped = release[archive].clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    machine.publishes(archive, Manner::Whole(flipped));
    refused(archive);
    machine.publishes(archive, Manner::Whole(release[archive].clone()));

    machine.publishes("SHA256SUMS.minisig", Manner::Whole(by_somebody_else(&machine, &release["SHA256SUMS"])));
    refused("SHA256SUMS");
    machine.publishes("SHA256SUMS.minisig", Manner::Whole(release["SHA256SUMS.minisig"].clone()));

    let older = format!("{}  daypass-0.0.9-any.tar.gz\n", "0".repeat(64)).into_bytes();
    machine.publishes("SHA256SUMS", Manner::Whole(older.clone()));
    refused("SHA256SUMS");
    // The twin: where only a cache is behind, the file itself is asked for.
    machine.publishes("SHA256SUMS", Manner::Stale(release["SHA256SUMS"].clone(), older));
    assert!(machine.run(&machine.workflow(&[], &[LATER])).succeeded().contains("a later step runs"));

    // A program that was changed where it is kept is replaced before it is run.
    let kept = fs::read_dir(machine.site.place.world.path("tools/daypass")).unwrap().flatten().next().unwrap();
    script(&kept.path().join("daypass"), "echo the wrong program runs");
    let said = machine.run(&machine.workflow(&[], &[LATER])).succeeded();
    assert!(!said.contains("the wrong program"), "{said}");
}

/// A good signature by a key that nobody trusts.
fn by_somebody_else(machine: &Machine, sums: &[u8]) -> Vec<u8> {
    let path = |name: &str| machine.site.place.world.path(name);
    fs::write(path("sums"), sums).unwrap();
    let minisign = |arguments: &[&str]| {
        let output = Command::new("minisign").args(arguments).current_dir(path("")).output().unwrap();
        assert!(output.status.success(), "{output:?}");
    };
    minisign(&["-G", "-W", "-f", "-p", "other.pub", "-s", "other.key"]);
    let comment = format!("daypass {}", env!("CARGO_PKG_VERSION"));
    minisign(&["-S", "-s", "other.key", "-m", "sums", "-x", "other.minisig", "-t", &comment]);
    fs::read(path("other.minisig")).unwrap()
}

#[test]
fn a_bad_input_is_named_in_one_line() {
    let machine = Machine::new();
    let server = format!("server: {}", machine.site.place.world.url());
    for (with, words) in [
        ("retry: three", "`retry`"),
        ("fail-on-missing-oidc: perhaps", "`fail-on-missing-oidc`"),
        ("setup-uv: yes", "`setup-uv`"),
        ("version: latest", "`latest`"),
        ("index: ../etc", "--index"),
        ("server:", "`server: https://packages.example.com`"),
        ("server: ftp://packages.example.com", "is not a URL"),
    ] {
        let mut workflow = machine.workflow(&[with], &[LATER]);
        if with.starts_with("server") {
            workflow = workflow.replacen(&server, "", 1);
        }
        let said = machine.run(&workflow).refused();
        assert!(said.contains(words), "{with}: {said}");
    }
    assert_eq!(machine.site.exchanged(), 0);
}
