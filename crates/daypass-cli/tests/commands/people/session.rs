//! The day of a session: refreshed, lost answers, its end.

use std::{fs, os::unix::net::UnixListener};

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    browser::Browser,
    fake_issuer::{
        FakeIssuer,
        people::{access_token_of_session, refresh_token},
    },
    person::Person,
    terminal,
};

/// Somebody who signed in in the morning.
pub(crate) fn signed_in(issuer: &FakeIssuer) -> (Person, Browser) {
    let (person, browser) = Browser::of(Person::new());
    let running = terminal::run(&person, "morning", &["login", issuer.url()]);
    browser.sign_in();
    let done = running.end();
    assert!(done.status.success(), "{done:?}");
    (person, browser)
}

fn token(person: &Person) -> String {
    let done = person.run(["token"]);
    assert!(done.status.success(), "{}", person.told(&done));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

pub(super) fn session(person: &Person) -> Value {
    serde_json::from_slice(&fs::read(person.entry().with_extension("session")).unwrap()).unwrap()
}

pub(super) fn status(person: &Person, arguments: &[&str]) -> Value {
    let done = person.run(["status", "-o", "json"].iter().chain(arguments));
    serde_json::from_slice::<Value>(&done.stdout).unwrap()["servers"][0].clone()
}

#[test]
fn it_renews_itself_and_each_refresh_token_is_used_once() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    for number in 2..5 {
        person.age_entry(3000, 3600);
        assert_eq!(token(&person), access_token_of_session(number));
        assert_eq!(session(&person)["refresh_token"], refresh_token(number));
    }
    let sent: Vec<_> = issuer.forms().iter().filter_map(|form| form.get("refresh_token").cloned()).collect();
    assert_eq!(sent, [refresh_token(1), refresh_token(2), refresh_token(3)]);
}

#[test]
fn a_lost_answer_costs_nothing() {
    let issuer = FakeIssuer::start();
    let (person, browser) = signed_in(&issuer);
    // Once: asked for again at once.
    person.age_entry(3000, 3600);
    issuer.treat_people(|manners| manners.lost = 1);
    assert_eq!(token(&person), access_token_of_session(3));
    // Twice: the old refresh token is still there, and what is left of the credential does until the next try.
    person.age_entry(3000, 3600);
    issuer.treat_people(|manners| manners.lost = 2);
    let done = person.run(["token"]);
    assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), access_token_of_session(3));
    assert!(String::from_utf8(done.stderr).unwrap().contains("is good for 9 minutes more"));
    assert_eq!(session(&person)["refresh_token"], refresh_token(3));
    assert_eq!(token(&person), access_token_of_session(6));
    // With nothing left it is told, and the day is not over.
    person.age_entry(3600, 3600);
    issuer.treat_people(|manners| manners.lost = 2);
    assert_eq!(person.run(["token"]).status.code(), Some(5));
    assert_eq!(token(&person), access_token_of_session(9));
    assert_eq!((browser.tabs().len(), issuer.sessions()), (1, 1));
}

#[test]
fn a_server_that_is_asked_too_often_is_asked_again_later() {
    let issuer = FakeIssuer::start();
    let (person, browser) = signed_in(&issuer);
    issuer.treat_people(|manners| manners.too_often = Some(17));
    // What is in the cache does for as long as it lasts.
    person.age_entry(3000, 3600);
    let done = person.run(["token"]);
    assert_eq!(String::from_utf8(done.stdout).unwrap().trim(), access_token_of_session(1));
    let words = person.told_text(std::str::from_utf8(&done.stderr).unwrap());
    assert_snapshot!(words, @"warning: http://[SERVER]: the server is asked too often (status 429); what is in the cache is good for 9 minutes more");
    // Then it is told, and nobody is asked to sign in.
    person.age_entry(3600, 3600);
    let done = terminal::run(&person, "install", &["token"]).end();
    assert_eq!((done.status.code(), done.stdout.as_str()), (Some(5), ""));
    assert_snapshot!(person.told_text(&done.stderr), @r"
    error: http://[SERVER]: the server is asked too often (status 429)

    hint: try again in 17 seconds
    ");
    assert_eq!(status(&person, &[])["state"], "renewable");
    // The session is there all the same.
    assert_eq!(session(&person)["refresh_token"], refresh_token(1));
    issuer.treat_people(|manners| manners.too_often = None);
    assert_eq!(token(&person), access_token_of_session(2));
    assert_eq!((browser.tabs().len(), issuer.sessions()), (1, 1));
}

#[test]
fn when_the_day_is_over_the_browser_opens_again() {
    let issuer = FakeIssuer::start();
    let (person, browser) = signed_in(&issuer);
    issuer.end_all_sessions("session_expired");
    person.age_entry(3600, 3600);
    let running = terminal::run(&person, "evening", &["helper", "keyring", "get", &issuer.index_url(), "ada"]);
    let tab = crate::browser::wait_for("a second tab", || browser.tabs().into_iter().nth(1));
    crate::browser::get(&crate::browser::get(&tab).location.unwrap());
    assert_eq!(running.end().stdout, format!("{}\n", access_token_of_session(2)));
}

#[test]
fn when_the_day_is_over_and_nobody_is_there_it_says_why() {
    for (reason, sentence) in [
        ("session_expired", "the session has reached its end"),
        ("session_ended", "the session was ended"),
        ("replayed", "the session was ended, because its refresh token was used in two places"),
        ("person_disabled", "the account was disabled"),
        ("no_access", "the account may not use anything there any more"),
    ] {
        let issuer = FakeIssuer::start();
        let (person, _browser) = signed_in(&issuer);
        issuer.end_all_sessions(reason);
        person.age_entry(3000, 3600);
        let done = person.run(["token"]);
        assert_eq!(done.status.code(), Some(4));
        let words = String::from_utf8(done.stderr).unwrap();
        assert!(words.contains(&format!(": {sentence}; nobody can be asked to sign in here")), "{words}");
        // What is left of the credential is not used: the server has taken it back.
        assert!(person.entries().is_empty());
        person.run(["token"]);
        assert_eq!(issuer.refreshes(), 1, "a session that has ended is not tried again");
    }
}

#[test]
fn the_status_says_who_until_when_and_what_for() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    assert_snapshot!(person.sees(["status"]), @r"
    exit code: 0
    ----- stdout
    http://[SERVER]
      person     ada@example.com
      until      [TIME], in 12 hours
      index      python: pull
      index URL  http://[SERVER]/python/simple/
      kept in    [HOME]/.cache/daypass/[HASH].session
      checked    with the server, just now
      next       nothing to do until then; after that, the next install asks you to sign in
    ----- stderr
    ");
    let asked = status(&person, &[]);
    assert_eq!((&asked["person"], &asked["checked"]), (&json!("ada@example.com"), &json!("server")));
    assert_eq!(asked["indexes"][0]["actions"], json!(["pull"]));
    assert_eq!((&asked["profile"], &asked["state"]), (&json!("default"), &json!("signed-in")));
    let requests = issuer.requests();
    let quick = status(&person, &["--quick"]);
    assert_eq!((&quick["person"], &quick["checked"]), (&json!("ada@example.com"), &json!("local")));
    assert_eq!(quick["indexes"], Value::Null);
    assert_eq!(issuer.requests(), requests, "no server was asked");
    // The server knows best how long it lasts.
    issuer.treat_people(|manners| manners.session_life = 7200);
    for (arguments, length) in [(vec!["status"], "Z, in 2 hours\n"), (vec!["status", "--quick"], "Z, in 12 hours\n")] {
        let told = String::from_utf8(person.run(arguments).stdout).unwrap();
        assert!(told.contains(length), "{told}");
    }
    // A credential that is over is renewed by the way, because that is what was asked.
    person.age_entry(3600, 3600);
    assert_eq!(status(&person, &[])["checked"], "server");
    // What was taken back is seen.
    issuer.end_all_sessions("session_ended");
    let done = person.run(["status"]);
    assert_eq!(done.status.code(), Some(4));
}

#[test]
fn a_server_that_is_away_leaves_what_is_known_here() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    issuer.treat_people(|manners| manners.away = true);
    let known = status(&person, &[]);
    assert_eq!((&known["person"], &known["checked"]), (&json!("ada@example.com"), &json!("local")));
    assert_eq!(known["state"], "signed-in");
    let seen = person.sees(["status"]);
    assert!(seen.contains("checked    the server gives no answer now: this is what is known here"), "{seen}");
    // A credential that is over is not renewed by then; the session is there all the same.
    person.age_entry(3600, 3600);
    let known = status(&person, &[]);
    assert_eq!((&known["state"], &known["checked"]), (&json!("renewable"), &json!("local")));
}

#[test]
fn an_identity_that_takes_the_account_over_ends_the_session() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    let done =
        person.run_with_stdin(["login", issuer.url(), "--identity-token", "-"], crate::fake_issuer::OUTSIDE_TOKEN);
    assert!(done.status.success(), "{}", person.told(&done));
    assert_eq!(issuer.revoked(), [refresh_token(1)]);
    assert_eq!(token(&person), crate::fake_issuer::access_token(1));
}

#[test]
fn a_keychain_that_hangs_is_not_waited_for() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new());
    let bus = person.home().join("bus");
    // It accepts, and never says a word.
    let _hangs = UnixListener::bind(&bus).unwrap();
    let person = person.with("DBUS_SESSION_BUS_ADDRESS", format!("unix:path={}", bus.display()));
    let running = terminal::run(&person, "login", &["login", issuer.url()]);
    browser.sign_in();
    let begun = std::time::Instant::now();
    let done = running.end();
    assert!(done.status.success() && begun.elapsed().as_secs() < 6, "{done:?}");
    assert_eq!(session(&person)["kept_in"], "file");
    assert_eq!(status(&person, &[])["session_kept_in"], person.entry().with_extension("session").to_str().unwrap());
    // What is in the file is refreshed from the file, without asking it again.
    person.age_entry(3000, 3600);
    let begun = std::time::Instant::now();
    assert_eq!(token(&person), access_token_of_session(2));
    assert!(begun.elapsed().as_secs() < 2);
}
