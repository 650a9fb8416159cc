//! A person signs in on another device.

use insta::assert_snapshot;

use crate::{
    browser::Browser,
    fake_issuer::{
        FakeIssuer,
        people::{Decision, access_token_of_session},
    },
    person::Person,
    terminal,
};

fn polls(issuer: &FakeIssuer) -> usize {
    issuer.forms().iter().filter(|form| form.contains_key("device_code")).count()
}

#[test]
fn over_ssh_a_code_is_shown_and_polled_for() {
    let issuer = FakeIssuer::start();
    // There is a browser, but on the wrong machine.
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()));
    let person = person.with("SSH_CONNECTION", "192.0.2.1 5 192.0.2.2 22");
    let running = terminal::run(&person, "uv", &["helper", "keyring", "get", &issuer.index_url(), "ada"]);
    running.wait_for("WDJB-MJHT");
    crate::browser::wait_for("it polls", || (polls(&issuer) >= 2).then_some(()));
    issuer.treat_people(|manners| manners.device = Decision::Approved);
    let done = running.end();
    assert!(done.status.success(), "{done:?}");
    assert_eq!((done.stdout, done.stderr.as_str()), (format!("{}\n", access_token_of_session(1)), ""));
    assert_snapshot!(person.told_text(&done.screen), @r"

    daypass: to sign in to http://[SERVER], open on any device

        http://[SERVER]/device?user_code=WDJB-MJHT

    and check that it shows the code WDJB-MJHT; or open http://[SERVER]/device and type the code.
    Waiting for up to 10 minutes; Ctrl-C gives up.

    daypass: signed in to http://[SERVER] as ada@example.com
    ");
    assert!(browser.tabs().is_empty());
}

#[test]
fn no_and_too_late_are_told() {
    for (decision, status, sentence) in [
        (Decision::Denied, 3, "error: the sign-in to http://[SERVER] was denied\n"),
        (
            Decision::Expired,
            4,
            "error: the code for signing in to http://[SERVER] has expired\n\nhint: try again for a new one\n",
        ),
    ] {
        let issuer = FakeIssuer::start();
        issuer.treat_people(|manners| manners.device = decision);
        let person = Person::new();
        let done = terminal::run(&person, "login", &["login", issuer.url(), "--device"]).end();
        assert_eq!(done.status.code(), Some(status), "{done:?}");
        assert_eq!(person.told_text(&done.stderr), sentence);
        assert!(!person.config().exists() && person.entries().is_empty());
    }
}

#[test]
fn a_server_that_asks_for_patience_gets_it() {
    let issuer = FakeIssuer::start();
    issuer.treat_people(|manners| (manners.device, manners.slow_downs) = (Decision::Approved, 1));
    let person = Person::new();
    let begun = std::time::Instant::now();
    let done = terminal::run(&person, "login", &["login", issuer.url(), "--device"]).end();
    assert!(done.status.success(), "{done:?}");
    assert_eq!(polls(&issuer), 2);
    // One second, and then five more.
    assert!(begun.elapsed().as_secs() >= 7, "{:?}", begun.elapsed());
}

#[test]
fn whoever_asks_for_a_code_sees_it_even_in_a_log() {
    let issuer = FakeIssuer::start();
    issuer.treat_people(|manners| manners.device = Decision::Approved);
    let person = Person::new();
    let done = person.program("setsid", ["--wait", env!("CARGO_BIN_EXE_daypass"), "login", issuer.url(), "--device"]);
    let done = { done }.env("PATH", "/usr/bin:/bin").output().unwrap();
    assert!(done.status.success() && String::from_utf8_lossy(&done.stderr).contains("WDJB-MJHT"), "{done:?}");
}
