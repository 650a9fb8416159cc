//! A company ships the name of its server: then a plain install opens the browser.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use insta::assert_snapshot;

use crate::{
    browser::Browser,
    fake_issuer::{FakeIssuer, people::access_token_of_session},
    person::{Person, mode},
    terminal,
};

/// Somebody on a machine where the company's file names `issuer`.
fn on_a_company_machine(issuer: &FakeIssuer) -> (Person, PathBuf) {
    let person = Person::new();
    let folder = person.home().join("etc-xdg");
    let file = folder.join("daypass/config.toml");
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, format!("[[server]]\nurl = \"{}\"\n", issuer.url())).unwrap();
    for path in [folder.clone(), folder.join("daypass")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    (person.with("XDG_CONFIG_DIRS", format!("/nowhere:{}", folder.display())), file)
}

/// Only root can write a file that counts for all users.
fn we_are_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn the_first_thing_that_happens_is_the_browser() {
    let issuer = FakeIssuer::start();
    let (person, _) = on_a_company_machine(&issuer);
    let (person, browser) = Browser::of(person);
    let running = terminal::run(&person, "pip", &["helper", "keyring", "get", &issuer.index_url(), "ada"]);
    if we_are_root() {
        browser.sign_in();
        let done = running.end();
        assert_eq!(done.stdout, format!("{}\n", access_token_of_session(1)), "{done:?}");
        assert!(!person.config().exists(), "nothing was signed in to by hand");
        // Another host is nobody's.
        let other = FakeIssuer::start();
        assert_eq!(person.run(["helper", "keyring", "get", &other.index_url()]).status.code(), Some(1));
        assert_eq!(other.requests(), 0);
    } else {
        let done = running.end();
        assert_eq!(done.status.code(), Some(1));
        assert!(done.stderr.contains("belongs to another user") && done.stderr.contains("it is ignored"), "{done:?}");
        assert!(browser.tabs().is_empty());
    }
}

#[test]
fn a_file_that_others_can_write_is_ignored_with_a_warning() {
    let issuer = FakeIssuer::start();
    let (person, file) = on_a_company_machine(&issuer);
    let folder = file.parent().unwrap();
    for (path, bad) in [(file.as_path(), 0o664), (file.as_path(), 0o646), (folder, 0o777)] {
        let good = mode(path);
        fs::set_permissions(path, fs::Permissions::from_mode(bad)).unwrap();
        let done = person.run(["helper", "keyring", "get", &issuer.index_url()]);
        let words = String::from_utf8(done.stderr.clone()).unwrap();
        assert_eq!(done.status.code(), Some(1), "{words}");
        assert!(words.starts_with("warning: ") && words.contains("it is ignored"), "{words}");
        fs::set_permissions(path, fs::Permissions::from_mode(good)).unwrap();
    }
    if we_are_root() {
        std::os::unix::fs::chown(&file, Some(65_534), None).unwrap();
        assert_snapshot!(person.sees(["helper", "keyring", "get", &issuer.index_url()]), @r"
        exit code: 1
        ----- stdout
        ----- stderr
        warning: `[HOME]/etc-xdg/daypass/config.toml` belongs to another user (65534, not 0), so what it says cannot be believed; it is ignored
        ");
    }
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn what_the_user_says_about_a_server_wins() {
    let issuer = FakeIssuer::start();
    let (person, _) = on_a_company_machine(&issuer);
    person.write_config(&format!("[[server]]\nurl = \"{}\"\nprofile = \"work\"\n", issuer.url()));
    let done = person.run(["status", "--quick", "-o", "json"]);
    let answer: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let profiles: Vec<_> = answer["servers"].as_array().unwrap().iter().map(|known| &known["profile"]).collect();
    assert_eq!(profiles, ["work"]);
}
