//! `daypassd key` beside a running server: rotation that nobody notices, revocation that everybody does.

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;

use crate::{
    http::get,
    server::{DAYPASSD, daypassd_to_its_end},
    world::World,
};

/// `daypassd key … --data …`: what it says, and what it says beside that.
fn key(world: &World, arguments: &[&str]) -> (String, String) {
    let data = world.data();
    let output = daypassd_to_its_end(&[&["key"], arguments, &["--data", data.to_str().unwrap()]].concat());
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The keys as `daypassd key list` has them: name and state.
fn listed(world: &World) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let keys = objects(&key(world, &["list", "-o", "json"]).0);
    keys.iter().map(|key| (text(&key["kid"]), text(&key["state"]))).collect()
}

fn published(world: &World) -> Vec<String> {
    let keys = world.send(&get("/.well-known/jwks.json")).json()["keys"].as_array().unwrap().clone();
    keys.iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned()).collect()
}

fn signed_by(access_token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(access_token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

fn status(world: &World, access_token: &str) -> u16 {
    world.fetch("/python/simple/acme-hello/", access_token).status
}

#[track_caller]
fn within_five_seconds(what: impl Fn() -> bool) -> Duration {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(5), "not within five seconds");
        std::thread::sleep(Duration::from_millis(10));
    }
    began.elapsed()
}

#[test]
fn what_a_revoked_key_signed_is_refused_within_five_seconds() {
    let world = World::start();
    let old = world.access_token();
    let kid = signed_by(&old);
    assert_eq!(listed(&world), [(kid.clone(), "active".to_owned())]);
    // Looked at once already: what the index remembers of it must not save it.
    assert_eq!((status(&world, &old), status(&world, &old)), (200, 200));

    let (said, beside) = key(&world, &["revoke", &kid]);
    let took = within_five_seconds(|| status(&world, &old) == 401);
    println!("a revoked signing key is refused after {took:?}");
    assert!(said.starts_with(&format!("{kid} is revoked: within five seconds ")), "{said}");
    assert!(beside.starts_with("warning: ") && beside.contains("5 minutes"), "{beside}");
    let [(fresh, state)] = <[_; 1]>::try_from(listed(&world)).unwrap();
    assert_eq!(state, "active");
    assert!(said.contains(&format!("\n{fresh} was made and signs now\n")), "{said}");
    assert_eq!(published(&world), [&*fresh]);
    let new = world.access_token();
    assert_eq!((signed_by(&new), status(&world, &new), status(&world, &old)), (fresh, 200, 401));

    let revoked = &world.audit_of("key.revoked")[0];
    assert_eq!(revoked["reason"], format!("signing key `{kid}`, by the operator"));
    let data = world.data();
    let again = daypassd_to_its_end(&["key", "revoke", &kid, "--data", data.to_str().unwrap()]);
    assert_eq!((again.status.code(), again.stdout.is_empty()), (Some(4), true));
    assert_eq!(status(&world, &new), 200);
}

#[test]
fn a_rotated_key_is_published_first_and_what_the_old_one_signed_stays_good() {
    let world = World::start();
    let old = world.access_token();
    let first = signed_by(&old);
    let (said, beside) = key(&world, &["rotate"]);
    let keys = listed(&world);
    let second = keys[1].0.clone();
    assert_eq!(keys, [(first.clone(), "active".to_owned()), (second.clone(), "next".to_owned())]);
    assert!(said.starts_with(&format!("{second} is published now and signs from 20")), "{said}");
    assert_eq!(beside, "");
    within_five_seconds(|| published(&world) == [first.clone(), second.clone()]);
    assert_eq!(signed_by(&world.access_token()), first);
    let (said, _) = key(&world, &["rotate"]);
    assert!(said.starts_with(&format!("{second} is the next key already")), "{said}");

    let (after, beside) = key(&world, &["rotate", "--now", "-o", "json"]);
    let after = objects(&after);
    assert_eq!((&after[0]["state"], &after[1]["state"]), (&"retired".into(), &"active".into()));
    assert!(after[1]["until"].is_string(), "{}", after[1]);
    assert!(beside.starts_with("warning: "), "{beside}");
    within_five_seconds(|| signed_by(&world.access_token()) == second);
    let new = world.access_token();
    assert_eq!((status(&world, &old), status(&world, &new)), (200, 200));
    for kind in ["key.created", "key.activated", "key.retired"] {
        assert!(!world.audit_of(kind).is_empty(), "{kind}");
    }
    // The old one is revoked like any other.
    key(&world, &["revoke", &first]);
    within_five_seconds(|| status(&world, &old) == 401);
    assert_eq!((status(&world, &new), listed(&world)), (200, vec![(second, "active".to_owned())]));
}

#[test]
fn a_folder_that_was_mistyped_gets_no_keys() {
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    for arguments in [&["list"][..], &["rotate"], &["revoke", "x"]] {
        let output = daypassd_to_its_end(&[&["key"], arguments, &["--data", nowhere.to_str().unwrap()]].concat());
        assert_eq!(output.status.code(), Some(4));
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: there is no database at "));
    }
    assert!(!nowhere.exists());
}

#[test]
fn the_commands_of_the_guide_do_what_it_says() {
    let world = World::plan().config("data = \"data\"\n").start();
    let guide = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guides/operate.md")).unwrap();
    let (_, section) = guide.split_once("\n## Signing keys\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let blocks = section.split("```bash\n").skip(1).map(|block| block.split_once("```").unwrap().0);
    let lines: Vec<_> = blocks.flat_map(str::lines).collect();
    assert_eq!(lines.len(), 4, "{lines:?}");
    let old = world.access_token();
    for line in lines {
        let line = line.replace("/etc/daypass", world.folder().to_str().unwrap()).replace("KID", &signed_by(&old));
        let mut bash = Command::new("bash");
        let path = format!("{}:/usr/bin:/bin", Path::new(DAYPASSD).parent().unwrap().display());
        let output = bash.args(["-euc", &line]).env_clear().env("PATH", path).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
    }
    let states: Vec<_> = listed(&world).into_iter().map(|(_, state)| state).collect();
    assert_eq!(states, ["active"], "the next one was let sign, the first one was revoked");
    within_five_seconds(|| status(&world, &old) == 401);
}
