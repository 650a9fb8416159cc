//! `helper keyring`: every way the tools ask, answered as Python's `keyring` would.

use crate::{
    fake_issuer::{FakeIssuer, access_token},
    person::Person,
};

#[test]
fn each_shape_is_answered_byte_for_byte() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let (url, host, password) = (issuer.index_url(), issuer.authority().to_owned(), access_token(1));
    for (arguments, expected) in [
        // Our own backend.
        (vec!["get", &url], format!("{{\"username\":\"_token\",\"password\":\"{password}\"}}\n")),
        // pip since 26.2, without and with a user name in the URL.
        (
            vec!["--mode=creds", "--output=json", "get", &url],
            format!("{{\"username\": \"_token\", \"password\": \"{password}\"}}\n"),
        ),
        (
            vec!["--mode=creds", "--output=json", "get", &host, "ada"],
            format!("{{\"username\": \"ada\", \"password\": \"{password}\"}}\n"),
        ),
        // pip before 26.2, uv with a user name, pixi.
        (vec!["get", &url, "ada"], format!("{password}\n")),
        (vec!["get", &host, "ada"], format!("{password}\n")),
        // uv with `authenticate = "always"`.
        (vec!["get", &url, "--mode", "creds"], format!("_token\n{password}\n")),
        // pdm: an empty user name, then a made-up one.
        (vec!["--mode=creds", "get", &url, ""], format!("_token\n{password}\n")),
        (vec!["--mode=password", "get", &url, "__token__"], format!("{password}\n")),
        // uv asks for the origin too.
        (vec!["get", issuer.url(), "--mode", "creds"], format!("_token\n{password}\n")),
    ] {
        let done = person.run(["helper", "keyring"].iter().chain(&arguments));
        let (stdout, stderr) = (String::from_utf8(done.stdout).unwrap(), String::from_utf8(done.stderr).unwrap());
        assert_eq!((done.status.code(), stdout, stderr), (Some(0), expected, String::new()), "{arguments:?}");
    }
    assert_eq!(issuer.exchanges().len(), 1);
}

#[test]
fn it_gets_a_credential_by_itself_where_the_environment_tells_how() {
    let issuer = FakeIssuer::start();
    let person = Person::new()
        .with("DAYPASS_SERVER", issuer.index_url())
        .with("DAYPASS_IDENTITY", "ci/app")
        .with("DAYPASS_IDENTITY_TOKEN", crate::fake_issuer::OUTSIDE_TOKEN);
    for _ in 0..3 {
        assert!(person.run(["helper", "keyring", "get", issuer.authority()]).status.success());
    }
    let [form] = issuer.exchanges().try_into().unwrap();
    assert_eq!(form["identity"], "ci/app");
    assert!(!person.config().exists(), "using a server is not signing in to it");
}

#[test]
fn ours_but_nobody_signed_in_fails_at_once_with_a_sentence_and_a_hint() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_SERVER", issuer.url());
    insta::assert_snapshot!(person.sees(["helper", "keyring", "get", &issuer.index_url()]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no credential for http://[SERVER]; nobody can be asked to sign in here: `CI` is set, so this is a CI job

    hint: `daypass login http://[SERVER]` in a terminal signs in; a job needs an identity token: `DAYPASS_IDENTITY_TOKEN`
    ");
    assert!(!person.cache().exists());
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn a_misuse_is_told() {
    let person = Person::new();
    insta::assert_snapshot!(person.sees(["helper", "keyring", "set", "https://packages.example.com", "ada"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: this helper only knows `get`

    hint: `daypass helper keyring --help` shows the ways to ask
    ");
    insta::assert_snapshot!(person.sees(["helper", "keyring"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: the following required arguments were not provided: <get> <URL>

    hint: it is used as `daypass helper keyring <get> <URL> [USERNAME]`
    ");
    insta::assert_snapshot!(person.sees(["helper"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: a command is needed

    hint: `daypass --help` shows them all
    ");
}

#[test]
fn a_reader_that_went_away_is_no_crash() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    for arguments in ["helper keyring get URL", "token", "status", "--help", "completion bash"] {
        let arguments = arguments.replace("URL", &issuer.index_url());
        // The pipe is closed before the command writes: a shell's `cmd | true` in its worst case.
        let line = format!("sleep 0.1; exec {} {arguments}", env!("CARGO_BIN_EXE_daypass"));
        let mut child = person.program("/bin/sh", ["-c", &line]).spawn().unwrap();
        drop(child.stdout.take());
        let done = child.wait_with_output().unwrap();
        assert_eq!(
            (done.status.code(), String::from_utf8(done.stderr).unwrap()),
            (Some(0), String::new()),
            "{arguments}"
        );
    }
}
