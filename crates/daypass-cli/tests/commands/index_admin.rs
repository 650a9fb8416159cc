//! `admin index list|show|yank|unyank|status|delete`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{fake_issuer::FakeIssuer, person::Person};

fn with_a_file() -> (FakeIssuer, Person) {
    let issuer = FakeIssuer::start();
    issuer.host("acme", "1.0", "acme-1.0.tar.gz", b"one");
    let person = Person::signed_in(&issuer);
    (issuer, person)
}

#[test]
fn indexes_and_projects_are_shown() {
    let (issuer, person) = with_a_file();
    issuer.yank_hosted("acme-1.0.tar.gz", "breaks");
    assert_snapshot!(person.sees(["admin", "index", "list"]), @r"
    exit code: 0
    ----- stdout
    python               http://[SERVER]/python/simple/  hosted here, then https://up.example.com/simple/
    ----- stderr
    ");
    assert_snapshot!(person.sees(["admin", "index", "show", "python/acme"]), @r"
    exit code: 0
    ----- stdout
    acme is deprecated: use acme-next
    acme-1.0.tar.gz  3 bytes  [TIME] by ada@example.com [31m  yanked: breaks
    ----- stderr
    ");
    let done = person.run(["admin", "index", "show", "python/acme", "-o", "json"]);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(said["files"][0]["file"], "acme-1.0.tar.gz");
    assert_snapshot!(person.sees(["admin", "index", "show", "python/nothing"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: there is no such project or file here
    ");
}

#[test]
fn a_release_is_yanked_and_the_yank_taken_back() {
    let (issuer, person) = with_a_file();
    assert_snapshot!(person.sees(["admin", "index", "yank", "python/Acme==1.0", "--reason", "breaks"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    yanked `acme==1.0`: installers pass it over unless it is pinned
    ");
    let file = ["admin", "index", "unyank", "python/acme==1.0", "--file", "acme-1.0.tar.gz", "-o", "json"];
    let done = person.run(file);
    assert_eq!(serde_json::from_slice::<Value>(&done.stdout).unwrap(), json!({"files": ["acme-1.0.tar.gz"]}));
    assert_eq!(
        issuer.index_changes(),
        ["PUT python/acme/releases/1.0/yank {\"reason\":\"breaks\"}", "DELETE python/acme/files/acme-1.0.tar.gz/yank",]
    );
}

#[test]
fn a_file_of_another_version_than_was_named_is_not_touched() {
    let (issuer, person) = with_a_file();
    for command in ["yank", "unyank"] {
        let seen = person.sees(["admin", "index", command, "python/acme==2.0", "--file", "acme-1.0.tar.gz"]);
        assert!(
            seen.starts_with("exit code: 2") && seen.contains("`acme-1.0.tar.gz` belongs to version 1.0"),
            "{seen}"
        );
    }
    let line = ["admin", "index", "delete", "python/acme==2.0", "--file", "acme-1.0.tar.gz", "--reason", "x", "--yes"];
    assert!(person.sees(line).starts_with("exit code: 2"));
    let gone = person.sees(["admin", "index", "yank", "python/acme==1.0", "--file", "acme-1.0.zip"]);
    assert!(gone.starts_with("exit code: 3") && gone.contains("project `acme` has no file `acme-1.0.zip`"), "{gone}");
    assert!(issuer.index_changes().is_empty());
}

#[test]
fn a_project_gets_a_status() {
    let (issuer, person) = with_a_file();
    let line = ["admin", "index", "status", "python/acme", "quarantined", "--reason", "ask security"];
    assert_snapshot!(person.sees(line), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    project `acme` is quarantined now
    ");
    assert_eq!(
        issuer.index_changes(),
        ["PUT python/acme/status {\"reason\":\"ask security\",\"status\":\"quarantined\"}"]
    );
    assert!(person.sees(["admin", "index", "status", "python/acme", "gone"]).starts_with("exit code: 2"));
}

#[test]
fn nothing_is_deleted_without_a_reason_and_a_yes() {
    let (issuer, person) = with_a_file();
    let line = ["admin", "index", "delete", "python/acme==1.0"];
    assert_snapshot!(person.sees(line.into_iter().chain(["--reason", "a & b"])), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: nobody is here to confirm that `acme==1.0` is to be deleted

    hint: `--yes` deletes without asking; `daypass admin index yank` breaks nobody's build
    ");
    assert!(person.sees(line.into_iter().chain(["--yes"])).starts_with("exit code: 2"));
    assert!(person.sees(line.into_iter().chain(["--reason", " ", "--yes"])).starts_with("exit code: 2"));
    assert!(issuer.index_changes().is_empty());
    assert_snapshot!(person.sees(line.into_iter().chain(["--reason", "a & b", "--yes"])), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    deleted `acme==1.0`: its file names can never be used again
    ");
    assert!(
        person.sees(["admin", "index", "delete", "python/acme", "--reason", "x", "--yes"]).starts_with("exit code: 0")
    );
    assert_eq!(
        issuer.index_changes(),
        ["DELETE python/acme/releases/1.0 ?reason=a & b", "DELETE python/acme ?reason=x"]
    );
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let (issuer, person) = with_a_file();
    issuer
        .behave(|behaviour| behaviour.refusal = Some((403, json!({"detail": "`ci/app` may not yank project `acme`"}))));
    assert_snapshot!(person.sees(["admin", "index", "yank", "python/acme==1.0"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: `ci/app` may not yank project `acme`

    hint: sign in as an identity that may administer, with `--identity`
    ");
}

#[test]
fn each_command_has_help_with_an_example() {
    for command in ["list", "show", "yank", "unyank", "status", "delete"] {
        let seen = Person::new().sees(["admin", "index", command, "--help"]);
        assert!(seen.starts_with("exit code: 0") && seen.contains("Examples:"), "{seen}");
    }
}
