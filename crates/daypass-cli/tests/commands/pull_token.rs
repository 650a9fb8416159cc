//! `pull-token create|list|revoke`.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    fake_issuer::{
        FakeIssuer,
        people::access_token_of_session,
        pull_tokens::{pull_token, pull_token_id},
    },
    people::session::signed_in,
    person::Person,
};

#[test]
fn one_that_is_made_is_printed_once_with_what_would_be_better() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    let line = ["pull-token", "create", "scanner", "--expires", "7d", "--index", "python", "--project", "Acme_*"];
    let done = person.run(line.iter().chain(&["--project", "x"]));
    assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("{}\n", pull_token(1)));
    assert_snapshot!(person.told_text(std::str::from_utf8(&done.stderr).unwrap()), @r"
    this is the pull token `scanner`, for python: acme-*, x, until [TIME]
    it is not shown again: put it where it is needed, as the password with any user name
    warning: a pull token is the last resort: whoever reads it can pull until then

    hint: a machine that people use needs none: `pip install keyrings-daypass`; a CI job has its identity. `daypass pull-token revoke scanner` ends this one
    ");
    let scope = json!({"index": "python", "projects": ["acme-*", "x"]});
    assert_eq!(issuer.wishes(), [json!({"name": "scanner", "expires_in": 604_800, "grants": [scope]})]);
    assert_eq!(issuer.bearers(), [access_token_of_session(1)]);
    // For programs.
    let done = person.run(["pull-token", "create", "all", "-o", "json"]);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&said["pull_token"], &said["id"]), (&json!(pull_token(2)), &json!(pull_token_id(2))));
    assert_eq!(issuer.wishes()[1], json!({"name": "all", "expires_in": 2_592_000}), "30 days");
    assert!(String::from_utf8(done.stderr).unwrap().contains("last resort"));
    // Nothing of it is kept here.
    for path in [person.cache(), person.home().join(".config/daypass")] {
        for entry in std::fs::read_dir(path).unwrap() {
            let kept = String::from_utf8_lossy(&std::fs::read(entry.unwrap().path()).unwrap()).into_owned();
            assert!(!kept.contains("daypass_pt_"), "{kept}");
        }
    }
}

#[test]
fn what_cannot_be_understood_is_asked_of_nobody() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_SERVER", issuer.url());
    let mut seen = String::new();
    for line in [
        vec!["create", "a b"],
        vec!["create", "a", "--expires", "soon"],
        vec!["create", "a", "--index", "oauth"],
        vec!["create", "a", "--index", "python", "--project", "a/b"],
        vec!["create", "a", "--project", "x"],
        vec!["create"],
    ] {
        seen.push_str(&person.sees(std::iter::once("pull-token").chain(line)));
    }
    assert_snapshot!(seen, @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `a b` is not a valid pull token name: use 1 to 64 ASCII letters, digits and `-_.`, beginning with a letter or a digit
    exit code: 2
    ----- stdout
    ----- stderr
    error: `--expires`: `soon` is not a positive duration such as `15m`, `1h` or `7d`
    exit code: 2
    ----- stdout
    ----- stderr
    error: `oauth` is not a valid index name: the server uses this path itself
    exit code: 2
    ----- stdout
    ----- stderr
    error: `a/b` is not a project pattern: use a project name, where `*` stands for any run of characters
    exit code: 2
    ----- stdout
    ----- stderr
    error: the following required arguments were not provided: --index <INDEX>

    hint: it is used as `daypass pull-token create --index <INDEX> --project <PATTERN> <NAME>`
    exit code: 2
    ----- stdout
    ----- stderr
    error: the following required arguments were not provided: <NAME>

    hint: it is used as `daypass pull-token create <NAME>`
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn the_list_says_for_what_until_when_and_when_it_was_last_used() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    assert_snapshot!(person.sees(["pull-token", "list"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    there is no pull token, and that is best
    ");
    person.run(["pull-token", "create", "scanner", "--index", "python", "--project", "acme-*"]);
    person.run(["pull-token", "create", "a-mirror"]);
    issuer.change_pull_tokens(|listed| {
        listed[1]["last_used_at"] = json!("2026-11-24T10:00:00Z");
        listed[1]["state"] = json!("expired");
        listed[1]["person"] = json!("evil\u{1b}[31m");
    });
    assert_snapshot!(person.sees(["pull-token", "list"]), @r"
    exit code: 0
    ----- stdout
    name      id                                    by               for             created               expires               last used             state
    scanner   5b1e93c4-0c0b-4a76-9e0e-000000000001  ada@example.com  python: acme-*  [TIME]  [TIME]  never                 active
    a-mirror  5b1e93c4-0c0b-4a76-9e0e-000000000002  evil [31m        python          [TIME]  [TIME]  [TIME]  expired
    ----- stderr
    ");
    let done = person.run(["pull-token", "list", "-o", "json"]);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(
        (&said["pull_tokens"][0]["name"], &said["pull_tokens"][1]["state"]),
        (&json!("scanner"), &json!("expired"))
    );
    assert!(done.stderr.is_empty());
}

#[test]
fn one_is_revoked_by_name_or_by_id() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    for name in ["scanner", "mirror"] {
        person.run(["pull-token", "create", name]);
    }
    assert_snapshot!(person.sees(["pull-token", "revoke", "scanner"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    the pull token `scanner` is revoked: it is refused everywhere within 5 seconds
    ");
    let done = person.run(["pull-token", "revoke", &pull_token_id(2), "-o", "json"]);
    let said: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!(said, json!({"server": issuer.url(), "id": pull_token_id(2), "name": "mirror"}));
    // By name only what is in use is meant.
    assert_snapshot!(person.sees(["pull-token", "revoke", "scanner"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: you have no pull token `scanner`

    hint: `daypass pull-token list` shows what there is
    ");
    // An administrator sees those of several people.
    person.run(["pull-token", "create", "mirror"]);
    issuer.change_pull_tokens(|listed| listed[1]["state"] = json!("active"));
    assert_snapshot!(person.sees(["pull-token", "revoke", "mirror"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: several people have a pull token `mirror`

    hint: name it by its id, which `daypass pull-token list` shows
    ");
}

#[test]
fn a_secret_in_the_place_of_a_name_is_not_quoted_back() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    let seen = person.sees(["pull-token", "revoke", &pull_token(1)]);
    assert!(seen.starts_with("exit code: 3") && seen.contains("[secret]") && !seen.contains("daypass_pt_0"), "{seen}");
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let detail = "only a person who signed in makes pull tokens\u{1b}[31m";
    issuer.behave(|behaviour| behaviour.refusal = Some((403, json!({"detail": detail}))));
    assert_snapshot!(person.sees(["pull-token", "create", "a"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: only a person who signed in makes pull tokens [31m
    ");
    let detail = "you have a pull token `a` already: revoke it, or choose another name";
    issuer.behave(|behaviour| behaviour.refusal = Some((409, json!({"detail": detail}))));
    assert_snapshot!(person.sees(["pull-token", "create", "a"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: you have a pull token `a` already: revoke it, or choose another name

    hint: `daypass pull-token list` shows what there is
    ");
}

#[test]
fn each_command_has_help_with_an_example() {
    for command in ["create", "list", "revoke"] {
        let seen = Person::new().sees(["pull-token", command, "--help"]);
        assert!(seen.starts_with("exit code: 0") && seen.contains("Examples:"), "{seen}");
    }
    let seen = Person::new().sees(["pull-token", "--help"]);
    assert!(seen.contains("the last resort"), "{seen}");
}
