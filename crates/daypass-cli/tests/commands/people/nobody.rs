//! Where nobody is, it fails at once; and a terminal that does not take text hangs nobody.

use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::{browser::Browser, fake_issuer::FakeIssuer, person::Person, terminal};

#[test]
fn without_terminal_and_display_it_fails_at_once() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()));
    let helper = [env!("CARGO_BIN_EXE_daypass"), "helper", "keyring", "get", &issuer.index_url()];
    let begun = Instant::now();
    let mut command = person.program("setsid", ["--wait"].iter().chain(&helper));
    let done = command.env_remove("CI").env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
    assert_snapshot!(person.told(&done), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no credential for http://[SERVER]; nobody can be asked to sign in here: there is neither a terminal nor a display

    hint: `daypass login http://[SERVER]` in a terminal signs in; a job needs an identity token: `DAYPASS_IDENTITY_TOKEN`
    ");
    assert_eq!((issuer.requests(), browser.tabs().len()), (0, 0));
}

#[test]
fn in_a_ci_job_with_a_terminal_it_fails_at_once() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()).with("DISPLAY", ":0"));
    let person = person.with("GITLAB_CI", "true");
    let begun = Instant::now();
    let done = terminal::run(&person, "job", &["helper", "keyring", "get", &issuer.index_url()]).end();
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert_eq!(done.status.code(), Some(4));
    assert!(done.stderr.contains("`GITLAB_CI` is set, so this is a CI job"), "{done:?}");
    assert!(done.screen.is_empty() && browser.tabs().is_empty());
    // `login` says what else there is.
    let done = terminal::run(&person, "login", &["login", issuer.url()]).end();
    assert_eq!(done.status.code(), Some(4));
    assert!(done.stderr.ends_with("\nhint: `--device` shows a code all the same; a job needs `--identity-token`\n"));
}

#[test]
fn a_display_alone_is_enough() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()).with("DISPLAY", ":0"));
    let helper = [env!("CARGO_BIN_EXE_daypass"), "helper", "keyring", "get", &issuer.index_url()];
    let mut command = person.program("setsid", ["--wait"].iter().chain(&helper));
    let running = command.env_remove("CI").env("PATH", "/usr/bin:/bin").spawn().unwrap();
    browser.sign_in();
    assert!(running.wait_with_output().unwrap().status.success());
}

#[test]
fn a_job_in_the_background_is_not_stopped_by_its_own_words() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()).with("DISPLAY", ":0"));
    // Job control, and a terminal that stops whoever writes to it from the background.
    let line = format!(
        "stty tostop; set -m; '{}' helper keyring get '{}' > background 2> words < /dev/null & wait $!; true",
        env!("CARGO_BIN_EXE_daypass"),
        issuer.index_url()
    );
    let running = terminal::run_after(&person, "shell", &line, &["--version"]);
    browser.sign_in();
    let done = running.end();
    let answer = std::fs::read_to_string(person.home().join("background")).unwrap();
    assert!(answer.contains("_token"), "{done:?}");
    assert!(!done.screen.contains("sign in"), "{done:?}");
}
