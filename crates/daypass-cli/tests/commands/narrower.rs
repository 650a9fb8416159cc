//! `daypass token --project … --lock …`: a narrower access token.

use std::fs;

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    fake_issuer::{FakeIssuer, access_token},
    person::Person,
};

fn details(asked: &std::collections::HashMap<String, String>) -> Value {
    serde_json::from_str(&asked["authorization_details"]).unwrap()
}

#[test]
fn a_narrower_one_is_asked_for_with_the_one_there_is_and_is_not_kept() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let before = fs::read(person.entry()).unwrap();
    let done = person.run(["token", "--project", "Acme_*", "--project", "requests", "--life", "15m"]);
    assert_eq!(
        String::from_utf8(done.stdout.clone()).unwrap(),
        format!("{}\n", access_token(2)),
        "{}",
        person.told(&done)
    );
    let asked = issuer.exchanges().pop().unwrap();
    assert_eq!(asked["subject_token"], access_token(1));
    assert_eq!(asked["subject_token_type"], "urn:ietf:params:oauth:token-type:access_token");
    assert_eq!((&*asked["expires_in"], asked.contains_key("identity")), ("900", false));
    let grant =
        json!({"type": "daypass_grant", "index": "python", "projects": ["acme-*", "requests"], "actions": ["pull"]});
    assert_eq!(details(&asked), json!([grant]));
    assert_eq!(fs::read(person.entry()).unwrap(), before, "the cache has the wider one");
    assert_eq!(person.run(["token"]).stdout, format!("{}\n", access_token(1)).into_bytes());
}

#[test]
fn a_lock_file_says_for_which_packages() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    person.write("requirements.txt", "Acme.Hello==1.0 --hash=sha256:aa\nrequests==2.0\n");
    let uv = "version = 1\n[[package]]\nname = \"flask\"\nsource = { registry = \"https://x/simple\" }\n";
    person.write("uv.lock", uv);
    let arguments = [
        "token",
        "--lock",
        "requirements.txt",
        "--lock",
        "uv.lock",
        "--index",
        "other",
        "--action",
        "push",
        "-o",
        "json",
    ];
    let done = person.run(arguments);
    assert!(done.status.success(), "{}", person.told(&done));
    let printed: Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&printed["access_token"], &printed["identity"]), (&json!(access_token(2)), &json!("ci/app")));
    let said = details(&issuer.exchanges().pop().unwrap());
    assert_eq!(said[0]["projects"], json!(["acme-hello", "flask", "requests"]));
    assert_eq!((&said[0]["index"], &said[0]["actions"]), (&json!("other"), &json!(["push"])));
}

#[test]
fn what_cannot_be_understood_asks_nobody() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    person.write("loose.txt", "requests\n");
    person.write("pyproject.toml", "[project]\nname = \"x\"\n");
    person.write("empty.txt", "-e .\n");
    let before = issuer.requests();
    for (arguments, expected) in [
        (&["--project", "a/b"][..], "`--project`: `a/b` is not a project pattern"),
        (&["--project", "a", "--index", "A"], "`--index`: `A` is not a valid index name"),
        (&["--project", "a", "--life", "soon"], "`--life`: `soon` is not a positive duration"),
        (&["--lock", "loose.txt"], "`loose.txt`: line 1: `requests` is not pinned"),
        (
            &["--lock", "pyproject.toml"],
            "`pyproject.toml`: it is none of pylock.toml, uv.lock, poetry.lock and pdm.lock",
        ),
        (&["--lock", "empty.txt"], "`empty.txt` names no package that comes from an index"),
        (&["--lock", "gone.txt"], "cannot read the lock file `gone.txt`"),
        (&["--life", "15m"], "the following required arguments were not provided"),
    ] {
        let done = person.run(["token"].iter().chain(arguments));
        let told = person.told(&done);
        assert!(done.stdout.is_empty() && !done.status.success() && told.contains(expected), "{arguments:?}: {told}");
    }
    assert_eq!(issuer.requests(), before);
}

#[test]
fn what_the_server_refuses_is_told_in_its_words() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let text = "the subject token does not grant: pull `flask` of index `python`";
    issuer.behave(|behaviour| {
        let body = json!({"error": "invalid_authorization_details", "error_description": text});
        behaviour.refusal = Some((400, body));
    });
    assert_snapshot!(person.sees(["token", "--project", "flask"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: the server refused: the subject token does not grant: pull `flask` of index `python`
    ");
}
