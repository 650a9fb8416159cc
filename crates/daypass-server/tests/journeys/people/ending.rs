//! The end of a session: by its owner, by an administrator, by the evening.

use std::{fs, path::Path, thread, time::Duration};

use serde_json::Value;

use super::office::{Office, until};
use crate::{installers::text, server::daypassd, world::World};

/// Everything the client keeps, copied to another machine.
fn steal(office: &Office, from: &str, to: &str) {
    copy_all(&office.world.path(from), &office.world.path(to));
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
}

#[test]
fn what_was_stolen_before_signing_out_is_worth_nothing_within_5_seconds() {
    let mut office = Office::open();
    office.logs_in("home", "alice");
    let access_token = office.access_token("home");
    assert!(office.lets_in(&access_token));
    steal(&office, "home", "thief");
    let output = office.daypass("home", &["logout"]);
    assert!(output.status.success(), "{}", text(&output));
    office.refuses_soon(&access_token);
    // The thief's daypass has the refresh token, but no browser that would sign in for it.
    let mut thief = office.world.clean(World::daypass(), "thief");
    let output = thief.env("DAYPASS_SERVER", office.world.url()).args(["token"]).output().unwrap();
    let said = String::from_utf8(output.stdout.clone()).unwrap();
    assert!(!output.status.success() || !office.lets_in(said.trim()), "{}", text(&output));
    office.happened("session.ended");
    for file in office.kept_files("home") {
        let kept = String::from_utf8_lossy(&fs::read(&file).unwrap()).into_owned();
        assert!(!kept.contains("daypass_rt_") && !kept.contains("eyJ"), "{} still holds a secret", file.display());
    }
}

#[test]
fn a_disabled_person_is_out_within_5_seconds_and_in_again_when_enabled() {
    let mut office = Office::open();
    let session = office.session();
    let access_token = super::wire::text_of(&session, "access_token");
    let refresh_token = super::wire::text_of(&session, "refresh_token");
    assert!(office.lets_in(&access_token));
    let person = person_of(&office);
    user(&office, &["disable", &person]);
    office.refuses_soon(&access_token);
    let refused = office.refresh(&refresh_token);
    assert_eq!(
        (refused.status, &refused.json()["error"]),
        (400, &Value::from("invalid_grant")),
        "{}",
        refused.everything()
    );
    office.happened("person.disabled");
    // Signing in does not help either.
    office.browser.another_machine();
    office.browser.stops_at("http://127.0.0.1:8765/");
    office.browser.arrives_at_provider(&format!("{}{}", office.world.url(), super::wire::Ask::new().path()));
    office.browser.signs_in_as("alice");
    office.assert_no_code();
    user(&office, &["enable", &person]);
    office.browser.another_machine();
    let session = office.session();
    assert!(office.lets_in(&super::wire::text_of(&session, "access_token")));
}

/// `corp/SUBJECT`, as the server calls alice.
fn person_of(office: &Office) -> String {
    let event = office.happened("session.created").pop().unwrap();
    let subject = event["actor"]["sub"].as_str().unwrap_or_else(|| panic!("no actor in {event}")).to_owned();
    format!("corp/{subject}")
}

fn user(office: &Office, arguments: &[&str]) {
    let mut command = daypassd();
    command.arg("user").args(arguments).arg("--data").arg(office.world.data());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
}

#[test]
fn in_the_evening_the_session_is_worth_nothing() {
    let mut office = Office::open_with(
        World::plan().config("[session]\nabsolute = \"12s\"\nidle = \"12s\"\naccess_token = \"6s\"\n"),
        "",
    );
    office.logs_in("home", "alice");
    let mut daypass = office.world.clean(World::daypass(), "home");
    daypass.env("DAYPASS_SERVER", office.world.url()).arg("token");
    let first = daypass.output().unwrap();
    assert!(first.status.success(), "{}", text(&first));
    thread::sleep(Duration::from_secs(7));
    let second = daypass.output().unwrap();
    assert!(second.status.success() && second.stdout != first.stdout, "renewed by itself: {}", text(&second));
    until("the session ends", Duration::from_secs(15), || (!daypass.output().unwrap().status.success()).then_some(()));
    let said = text(&daypass.output().unwrap());
    assert!(said.contains("hint: ") && said.contains("login"), "{said}");
    let access_token = String::from_utf8(second.stdout).unwrap();
    office.refuses_soon(access_token.trim());
}

#[test]
fn status_says_who_until_when_and_for_which_indexes() {
    let mut office = Office::open();
    office.logs_in("home", "alice");
    let output = office.daypass("home", &["status"]);
    assert!(output.status.success(), "{}", text(&output));
    let said = String::from_utf8(output.stdout).unwrap();
    for expected in ["alice", &office.world.url(), "python"] {
        assert!(said.contains(expected), "no `{expected}` in {said}");
    }
}
