//! `login`, `token`, `status`, `logout`: a day of somebody.

use std::fs;

use insta::assert_snapshot;
use serde_json::Value;

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN, access_token},
    person::{Person, mode},
};

#[test]
fn a_day_from_sign_in_to_sign_out() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    person.write("job.jwt", &format!("{OUTSIDE_TOKEN}\n"));
    assert_snapshot!(person.sees(["login", &issuer.index_url(), "--identity", "ci/app", "--identity-token", "job.jwt"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    signed in to http://[SERVER] as `ci/app` for 60 minutes, until [TIME]

    hint: `pip install --index-url http://[SERVER]/python/simple/ PACKAGE` gets the credential by itself
    ");
    assert_snapshot!(person.sees(["status"]), @r"
    exit code: 0
    ----- stdout
    http://[SERVER]
      identity   ci/app
      until      [TIME], in 60 minutes
      index      python: pull
      index URL  http://[SERVER]/python/simple/
      kept in    [HOME]/.cache/daypass/[HASH].json
      checked    with the server, just now
      next       nothing to do, as long as the identity token in `[HOME]/job.jwt` is fresh
    ----- stderr
    ");
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 0
    ----- stdout
    [ACCESS]
    ----- stderr
    ");
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    signed out of http://[SERVER]
    ");
    assert_eq!(issuer.revoked(), [access_token(1)]);
    assert_eq!(person.entries(), [] as [std::path::PathBuf; 0]);
    assert_snapshot!(person.sees(["status"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no server is known yet

    hint: `daypass login https://packages.example.com` names one, and so does `DAYPASS_SERVER`
    ");
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no server is known yet

    hint: `daypass login https://packages.example.com` names one, and so does `DAYPASS_SERVER`
    ");
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    not signed in anywhere: there is nothing to do
    ");
}

#[test]
fn the_exchange_is_the_standards() {
    let issuer = FakeIssuer::start();
    Person::signed_in(&issuer);
    let [form] = issuer.exchanges().try_into().unwrap();
    for (name, value) in [
        ("subject_token", OUTSIDE_TOKEN),
        ("audience", issuer.url()),
        ("identity", "ci/app"),
        ("client_id", "daypass-cli"),
    ] {
        assert_eq!(form.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn everything_can_be_read_as_json() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    let path = person.write("job.jwt", OUTSIDE_TOKEN);
    let json = |arguments: &[&str]| {
        let done = person.run(arguments);
        assert!(done.status.success() && done.stderr.is_empty(), "{}", person.told(&done));
        serde_json::from_slice::<Value>(&done.stdout).unwrap()
    };
    let login = json(&["login", issuer.url(), "--identity-token", &path, "-o", "json"]);
    assert_eq!(login["identity"], "ci/only");
    assert_eq!(login["index_urls"][0], issuer.index_url());
    let token = json(&["token", "-o", "json"]);
    assert_eq!(token["access_token"], access_token(1));
    assert_eq!(token["server"], issuer.url());
    assert_eq!(token["expires_at"], login["expires_at"]);
    let status = json(&["status", "--output=json"]);
    assert_eq!(status["servers"][0]["state"], "signed-in");
    assert_eq!(status["servers"][0]["expires_at"], login["expires_at"]);
    assert_eq!(status["servers"][0]["kept_in"], person.entry().to_str().unwrap());
    assert_eq!(json(&["logout", "-o", "json"])["servers"][0]["revoked"], 1);
}

#[test]
fn an_identity_token_may_come_from_stdin_or_the_environment() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    let done = person.run_with_stdin(["login", issuer.url(), "--identity-token", "-"], &format!("{OUTSIDE_TOKEN}\n"));
    assert!(done.status.success(), "{}", person.told(&done));
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    assert!(person.run(["login", issuer.url()]).status.success());
    let forms = issuer.exchanges();
    assert!(forms.iter().all(|form| !form.contains_key("identity")));
    let sent: Vec<_> = forms.iter().map(|form| &*form["subject_token"]).collect();
    assert_eq!(sent, [OUTSIDE_TOKEN, &issuer.outside_token()]);
}

#[test]
fn an_identity_token_on_the_command_line_works_and_is_warned_about() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    assert_snapshot!(person.sees(["login", issuer.url(), "--identity-token", OUTSIDE_TOKEN]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    warning: others can see an identity token on the command line; `--identity-token -` reads it
    signed in to http://[SERVER] as `ci/only` for 60 minutes, until [TIME]

    hint: `pip install --index-url http://[SERVER]/python/simple/ PACKAGE` gets the credential by itself
    ");
    let config = fs::read_to_string(person.config()).unwrap();
    assert!(!config.contains("eyJ") && !config.contains("identity_token"), "{config}");
}

#[test]
fn what_is_written_is_for_its_owner_only() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    for (path, expected) in [
        (person.cache(), 0o700),
        (person.entry(), 0o600),
        (person.entry().with_extension("lock"), 0o600),
        (person.config(), 0o600),
        (person.config().parent().unwrap().to_owned(), 0o700),
    ] {
        assert_eq!(mode(&path), expected, "{}", path.display());
    }
    assert_snapshot!(person.told_text(&fs::read_to_string(person.config()).unwrap()), @r#"
    # The servers that get credentials from `daypass`. Written by `daypass login` and `logout`.

    [[server]]
    url = "http://[SERVER]"
    identity = "ci/app"
    identity_token_path = "[HOME]/job.jwt"
    "#);
}

#[test]
fn a_sign_out_without_the_server_deletes_and_says_that_it_could_not_revoke() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let closed = fs::read_to_string(person.config()).unwrap().replace(issuer.url(), "http://127.0.0.1:1");
    fs::write(person.config(), closed).unwrap();
    let entry = fs::read_to_string(person.entry()).unwrap().replace(issuer.url(), "http://127.0.0.1:1");
    fs::write(person.entry(), entry).unwrap();
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    warning: the credential is deleted here but could not be revoked, and ends at [TIME]: http://[SERVER]: cannot connect to `127.0.0.1`
    signed out of http://[SERVER]
    ");
    assert!(person.entries().is_empty());
}

#[test]
fn several_servers_are_kept_apart() {
    let (first, second) = (FakeIssuer::start(), FakeIssuer::start());
    let person = Person::signed_in(&first);
    let path = person.home().join("job.jwt");
    assert!(person.run(["login", second.url(), "--identity-token", path.to_str().unwrap()]).status.success());
    assert_eq!(person.entries().len(), 2);
    let ambiguous = person.run(["token"]);
    assert_eq!(ambiguous.status.code(), Some(2));
    assert!(person.run(["token", "--audience", &second.index_url()]).status.success());
    assert_snapshot!(person.sees(["token", "--audience", "https://packages.example.com"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: https://packages.example.com is not a server that you are signed in to

    hint: `daypass login https://packages.example.com` signs in and trusts it
    ");
    assert!(person.run(["logout", first.url()]).status.success());
    assert_eq!((first.revoked().len(), second.revoked().len()), (1, 0));
    assert!(person.run(["token"]).status.success());
}

#[test]
fn signing_in_as_somebody_else_replaces_what_was_remembered() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let done = person
        .run_with_stdin(["login", issuer.url(), "--identity", "ci/other", "--identity-token", "-"], OUTSIDE_TOKEN);
    assert!(done.status.success());
    let status: Value = serde_json::from_slice(&person.run(["status", "-o", "json"]).stdout).unwrap();
    assert_eq!(status["servers"].as_array().unwrap().len(), 1);
    assert_eq!(status["servers"][0]["identity"], "ci/other");
    // Nothing renews it: the identity token came through a pipe.
    person.run(["logout"]);
    assert!(person.entries().is_empty());
}

#[test]
fn a_sign_in_that_is_refused_changes_nothing() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    issuer.behave(|behaviour| {
        behaviour.refusal = Some((400, serde_json::json!({"error": "invalid_request", "error_description": "no"})));
    });
    let done = person.run_with_stdin(["login", issuer.url(), "--identity-token", "-"], OUTSIDE_TOKEN);
    assert_eq!(done.status.code(), Some(3));
    assert!(!person.config().exists() && person.entries().is_empty());
}
