//! Signing out: whatever goes wrong here, nothing that the server could take back stays good there.

use std::{fs, time::Duration};

use insta::assert_snapshot;
use serde_json::json;

use super::session::{session, signed_in, status};
use crate::{
    browser::{get, wait_for},
    fake_issuer::{
        FakeIssuer,
        people::{access_token_of_session, refresh_token},
    },
    person::Person,
    terminal,
};

#[test]
fn signing_out_ends_the_session_at_the_server() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    let copy = fs::read(person.entry()).unwrap();
    let path = person.entry();
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    signed out of http://[SERVER]
    ");
    assert_eq!(issuer.revoked(), [refresh_token(1)]);
    assert!(person.entries().is_empty() && !path.with_extension("session").exists());
    // Somebody copied the cache before: the server has taken it back.
    fs::write(path, copy).unwrap();
    let person = person.with("DAYPASS_SERVER", issuer.url());
    assert_eq!(status(&person, &[])["state"], "sign-in-needed");
}

/// Somebody whose refresh token is in a keychain that does not answer any more.
fn without_keychain(issuer: &FakeIssuer) -> Person {
    let (person, _browser) = signed_in(issuer);
    let mut kept = session(&person);
    kept["kept_in"] = json!("keychain");
    kept.as_object_mut().unwrap().remove("refresh_token");
    fs::write(person.entry().with_extension("session"), kept.to_string()).unwrap();
    person.with("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere/bus")
}

fn has_nothing_left(person: &Person) -> bool {
    fs::read_dir(person.cache()).unwrap().all(|file| file.unwrap().path().extension().unwrap() == "lock")
}

#[test]
fn without_the_refresh_token_the_access_token_is_taken_back() {
    let issuer = FakeIssuer::start();
    let person = without_keychain(&issuer);
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    warning: the session is deleted here but could not be ended at the server, and ends at [TIME]: the keychain (Secret Service) does not give the refresh token; its credential was revoked
    signed out of http://[SERVER]
    ");
    assert_eq!(issuer.revoked(), [access_token_of_session(1)]);
    assert!(has_nothing_left(&person));
}

#[test]
fn a_session_that_cannot_be_ended_leaves_no_access_token() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    issuer.treat_people(|manners| manners.keeps_sessions = true);
    let done = person.run(["logout", "-o", "json"]);
    let told: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&told["servers"][0]["revoked"], &told["servers"][0]["not_revoked"]), (&json!(1), &json!(1)));
    assert_snapshot!(person.told_text(std::str::from_utf8(&done.stderr).unwrap()), @"warning: the session is deleted here but could not be ended at the server, and ends at [TIME]: http://[SERVER]: the server cannot answer now (status 503); its credential was revoked");
    assert_eq!(issuer.revoked(), [access_token_of_session(1)]);
    assert!(has_nothing_left(&person));
}

#[test]
fn a_clock_that_is_ahead_spares_the_server_nothing() {
    let past = json!("2020-01-01T00:00:00Z");
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    person.age_entry(7200, 3600);
    let mut kept = session(&person);
    kept["expires_at"] = past.clone();
    fs::write(person.entry().with_extension("session"), kept.to_string()).unwrap();
    assert!(person.run(["logout"]).status.success());
    assert_eq!(issuer.revoked(), [refresh_token(1)]);
    // Nor where there is nothing but the access token.
    let issuer = FakeIssuer::start();
    let person = without_keychain(&issuer);
    person.age_entry(7200, 3600);
    let mut kept = session(&person);
    kept["expires_at"] = past;
    fs::write(person.entry().with_extension("session"), kept.to_string()).unwrap();
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    warning: the session is deleted here but could not be ended at the server, and is over by this machine's clock: the keychain (Secret Service) does not give the refresh token; its credential was revoked
    signed out of http://[SERVER]
    ");
    assert_eq!(issuer.revoked(), [access_token_of_session(1)]);
    // Nor that of an identity.
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    person.age_entry(7200, 3600);
    assert!(person.run(["logout"]).status.success());
    assert_eq!(issuer.revoked(), [crate::fake_issuer::access_token(1)]);
}

#[test]
fn a_sign_out_that_was_interrupted_can_be_done_again() {
    let issuer = FakeIssuer::start();
    let (person, _browser) = signed_in(&issuer);
    issuer.treat_people(|manners| manners.delay = Duration::from_mins(1));
    let requests = issuer.requests();
    let mut running = person.command(["logout"]).spawn().unwrap();
    wait_for("it asks the server", || (issuer.requests() == requests + 3).then_some(()));
    running.kill().unwrap();
    running.wait().unwrap();
    issuer.treat_people(|manners| manners.delay = Duration::ZERO);
    // Nothing is handed out meanwhile.
    assert_eq!(person.run(["helper", "keyring", "get", &issuer.index_url()]).status.code(), Some(1));
    assert_snapshot!(person.sees(["logout"]), @r"
    exit code: 0
    ----- stdout
    ----- stderr
    signed out of http://[SERVER]
    ");
    assert_eq!(issuer.revoked(), [refresh_token(1)]);
    assert!(has_nothing_left(&person));
    assert!(person.sees(["logout"]).contains("not signed in anywhere"));
}

#[test]
fn whoever_signs_in_again_without_the_keychain_leaves_no_access_token() {
    let issuer = FakeIssuer::start();
    let person = without_keychain(&issuer);
    let running = terminal::run(&person, "again", &["login", issuer.url()]);
    let tabs = || fs::read_to_string(person.home().join("tabs")).unwrap();
    let tab = wait_for("a second tab", || tabs().lines().nth(1).map(ToOwned::to_owned));
    get(&get(&tab).location.unwrap());
    let done = running.end();
    assert_snapshot!(person.told_text(&done.stderr), @r"
    warning: the session before could not be ended, and ends by itself: the keychain (Secret Service) does not give the refresh token
    signed in to http://[SERVER] as `ada@example.com` for 12 hours, until [TIME]

    hint: `pip install --index-url http://[SERVER]/python/simple/ PACKAGE` gets the credential by itself
    ");
    assert_eq!(issuer.revoked(), [access_token_of_session(1)]);
}
