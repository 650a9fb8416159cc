//! Which servers are ours: exact origins that somebody named, and nothing else.

use insta::assert_snapshot;

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN},
    person::Person,
};

/// Exit code 1 and not a word: what a helper says when it is asked about somebody else's host.
fn is_silent(person: &Person, service: &str) {
    let done = person.run(["helper", "keyring", "get", service]);
    assert_eq!((done.status.code(), done.stdout.len(), done.stderr.len()), (Some(1), 0, 0), "{service}");
}

#[test]
fn look_alikes_of_our_host_get_nothing() {
    let person = Person::new()
        .with("DAYPASS_SERVER", "https://packages.example.com")
        .with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN);
    for service in [
        "https://packages.example.com.evil.test/python/simple/",
        "https://evil-packages.example.com/python/simple/",
        "https://evil.packages.example.com/python/simple/",
        "https://packages.example.com@evil.test/python/simple/",
        "https://packages.example.com:443@evil.test/",
        "https://packages.example.com\\@evil.test/",
        "https://evil.test/packages.example.com/",
        "https://evil.test#@packages.example.com/",
        "https://packages.example.com:8443/python/simple/",
        "http://packages.example.com/python/simple/",
        "packages.example.com.evil.test",
        "packages.example.com:80",
        "example.com",
        "evil.test",
    ] {
        is_silent(&person, service);
    }
}

#[test]
fn words_that_are_no_host_are_answered_without_looking_anywhere() {
    // A configuration that cannot be read would be complained about, if it were read.
    let person = Person::new().with("DAYPASS_SERVER", "nonsense");
    person.write_config("nonsense");
    for service in ["", "python-poetry-check", "poetry-repository-acme", "pdm-pypi-acme"] {
        is_silent(&person, service);
    }
}

#[test]
fn every_way_to_write_our_own_url_is_ours() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let authority = issuer.authority();
    for service in [
        issuer.url().to_owned(),
        format!("{}/", issuer.url()),
        issuer.index_url(),
        format!("HTTP://{authority}/python/simple/"),
        format!("http://ada@{authority}/python/simple/"),
        format!("http://ada:word@{authority}/other/simple/?x#y"),
        authority.to_owned(),
    ] {
        assert!(person.run(["helper", "keyring", "get", &service]).status.success(), "{service}");
    }
    for service in ["http://127.0.0.1/", "127.0.0.1", "http://127.1:80/", &format!("https://{authority}/")] {
        is_silent(&person, service);
    }
}

#[test]
fn a_server_that_nobody_named_is_never_asked() {
    let (ours, theirs) = (FakeIssuer::start(), FakeIssuer::start());
    let person = Person::signed_in(&ours).with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN);
    is_silent(&person, &theirs.index_url());
    is_silent(&person, theirs.authority());
    assert_eq!(theirs.requests(), 0);
}

#[test]
fn a_server_is_trusted_because_a_configuration_file_lists_it() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    let file =
        person.write("company.toml", &format!("[[server]]\nurl = \"{}\"\nidentity = \"ci/app\"\n", issuer.url()));
    let person = person.with("DAYPASS_CONFIG", file);
    assert!(person.run(["helper", "keyring", "get", &issuer.index_url()]).status.success());
    assert_eq!(issuer.exchanges()[0]["identity"], "ci/app");
}

#[test]
fn a_project_cannot_name_a_server() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN);
    let listing = format!("[[server]]\nurl = \"{}\"\n", issuer.url());
    for name in ["daypass.toml", "config.toml", ".daypass.toml"] {
        person.write(name, &listing);
    }
    std::fs::create_dir(person.home().join("daypass")).unwrap();
    person.write("daypass/config.toml", &listing);
    // The current folder is the project's, and a relative XDG path counts as not set.
    let person = person.with("XDG_CONFIG_HOME", ".");
    is_silent(&person, &issuer.index_url());
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn clear_text_beyond_loopback_is_refused() {
    let person = Person::new();
    let login = ["login", "http://packages.example.com", "--identity-token", OUTSIDE_TOKEN];
    assert_snapshot!(person.sees(login), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `packages.example.com` must begin with `https://`; `http://` is for loopback addresses only
    ");
    assert_snapshot!(person.sees(["login", "http://127.0.0.1.evil.test/", "--identity-token", "-"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `127.0.0.1.evil.test` must begin with `https://`; `http://` is for loopback addresses only
    ");
    assert_snapshot!(person.sees(["login", "packages.example.com", "--identity-token", "-"]), @r"
    exit code: 2
    ----- stdout
    ----- stderr
    error: `packages.example.com` is not a URL such as `https://packages.example.com`
    ");
    let person = person.with("DAYPASS_SERVER", "http://packages.example.com");
    assert_snapshot!(person.sees(["helper", "keyring", "get", "http://packages.example.com/"]), @r"
    exit code: 6
    ----- stdout
    ----- stderr
    error: `DAYPASS_SERVER`: `packages.example.com` must begin with `https://`; `http://` is for loopback addresses only

    hint: correct `DAYPASS_SERVER` or unset it
    ");
}

#[test]
fn a_server_that_describes_another_gets_no_proof() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.claims_to_be = Some("http://127.0.0.1:1".to_owned()));
    let person = Person::new().with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    assert_snapshot!(person.sees(["login", issuer.url()]), @r"
    exit code: 5
    ----- stdout
    ----- stderr
    error: `http://[SERVER]` does not describe itself but another server

    hint: check the URL; behind a reverse proxy, the server's `public_url` must be the URL used
    ");
    assert!(issuer.exchanges().is_empty());
}
