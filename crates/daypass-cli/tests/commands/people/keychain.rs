//! A real GNOME Keyring on a session bus of its own: unlocked it holds the refresh token, locked it counts as absent.

use std::{fs, path::Path, process::Output};

use serde_json::Value;

use crate::{
    fake_issuer::{
        FakeIssuer,
        people::{Decision, access_token_of_session, refresh_token},
    },
    person::Person,
};

const DAEMON: &str = "/usr/bin/gnome-keyring-daemon";

/// Runs `line` of shell on a session bus with a keyring on it. `None`: there is none on this machine.
fn beside_a_keyring(person: &Person, start: &str, line: &str) -> Option<Output> {
    if !Path::new(DAEMON).exists() || !Path::new("/usr/bin/dbus-run-session").exists() {
        eprintln!("skipped: gnome-keyring and dbus-run-session are not installed");
        return None;
    }
    let daypass = env!("CARGO_BIN_EXE_daypass");
    // The daemon answers once its name is on the bus.
    let line = format!(
        "set -e; daypass() {{ '{daypass}' \"$@\"; }}; {start} > /dev/null; \
         until dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
         org.freedesktop.DBus.Peer.Ping > /dev/null 2>&1; do sleep 0.02; done; {line}"
    );
    let runtime = person.home().join("runtime");
    fs::create_dir_all(&runtime).unwrap();
    fs::set_permissions(&runtime, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let mut command = person.program("dbus-run-session", ["--", "sh", "-c", &line]);
    command.env("PATH", "/usr/bin:/bin").env("XDG_RUNTIME_DIR", runtime);
    Some(command.output().unwrap())
}

fn signs_in_with_a_code() -> (FakeIssuer, Person) {
    let issuer = FakeIssuer::start();
    issuer.treat_people(|manners| manners.device = Decision::Approved);
    (issuer, Person::new())
}

#[test]
fn an_unlocked_keychain_holds_the_refresh_token() {
    let (issuer, person) = signs_in_with_a_code();
    let start = format!("printf word | {DAEMON} --unlock --components=secrets --daemonize");
    let line = format!(
        "daypass login {url} --device; cat $HOME/.cache/daypass/*.session; echo; daypass status -o json; \
         rm $HOME/.cache/daypass/*.json; daypass token; rm $HOME/.cache/daypass/*.json; daypass token; daypass logout",
        url = issuer.url()
    );
    let Some(done) = beside_a_keyring(&person, &start, &line) else { return };
    assert!(done.status.success(), "{}", person.told(&done));
    let said = String::from_utf8(done.stdout).unwrap();
    let [session, status, second, third] = said.lines().collect::<Vec<_>>().try_into().unwrap();
    assert!(session.contains("\"kept_in\":\"keychain\"") && !session.contains("daypass_rt_"), "{session}");
    let status: Value = serde_json::from_str(status).unwrap();
    assert_eq!(status["servers"][0]["session_kept_in"], "the keychain (Secret Service)");
    assert_eq!([second, third], [access_token_of_session(2), access_token_of_session(3)]);
    let sent: Vec<_> = issuer.forms().iter().filter_map(|form| form.get("refresh_token").cloned()).collect();
    assert_eq!(sent, [refresh_token(1), refresh_token(2)]);
    assert_eq!(issuer.revoked(), [refresh_token(3)]);
}

#[test]
fn a_locked_keychain_counts_as_absent_and_asks_nobody() {
    let (issuer, person) = signs_in_with_a_code();
    // It exists, and is locked again: that is how it is over SSH.
    let start = format!(
        "printf word | {DAEMON} --unlock --components=secrets --daemonize; \
         dbus-send --session --print-reply --dest=org.freedesktop.secrets /org/freedesktop/secrets \
         org.freedesktop.Secret.Service.Lock array:objpath:/org/freedesktop/secrets/collection/login"
    );
    let line = format!("daypass login {} --device; cat $HOME/.cache/daypass/*.session", issuer.url());
    let begun = std::time::Instant::now();
    let Some(done) = beside_a_keyring(&person, &start, &line) else { return };
    assert!(done.status.success() && begun.elapsed().as_secs() < 20, "{}", person.told(&done));
    let session = String::from_utf8(done.stdout).unwrap();
    assert!(session.contains("\"kept_in\":\"file\"") && session.contains(&refresh_token(1)), "{session}");
}
