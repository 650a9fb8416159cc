//! `daypassd user` and the first administrator: on the server's own machine, also while the server runs.

use std::{fs, path::Path, process::Output};

use daypass_core::{Timestamp, person::PersonId};
use daypass_store::{SeenPerson, Store, StoreUrl};
use serde_json::Value;

use crate::{
    http::get,
    server::{Server, daypassd, daypassd_to_its_end, log_of},
    world::World,
};

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn complaint(output: &Output) -> String {
    assert!(output.stdout.is_empty());
    format!("{} {}", output.status.code().unwrap(), String::from_utf8_lossy(&output.stderr).lines().next().unwrap())
}

/// `daypassd user … --config FOLDER/daypassd.toml`, from anywhere.
fn user(folder: &Path, arguments: &[&str]) -> Output {
    let config = folder.join("daypassd.toml");
    daypassd_to_its_end(&[&["user"], arguments, &["--config", config.to_str().unwrap()]].concat())
}

fn listed(folder: &Path) -> Vec<Value> {
    out(&user(folder, &["list", "-o", "json"])).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn init_makes_the_first_administrator_beside_the_files_it_writes() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("daypass");
    let said = out(&daypassd_to_its_end(&["init", folder.to_str().unwrap(), "--admin", "root"]));
    for words in ["wrote ", "daypassd.toml and ", "made the administrator `root`", "works once, until ", "Next: "] {
        assert!(said.contains(words), "{said}");
    }
    assert!(said.contains("  http://127.0.0.1:7411/invite/daypass_iv_"), "{said}");
    assert!(folder.join("daypass-data/daypass.sqlite").exists());
    let people = listed(&folder);
    assert_eq!((&people[0]["subject"], &people[0]["role"], people.len()), (&"root".into(), &"admin".into(), 1));
    // Never over files that are there, and never a second one beside them.
    let again = daypassd_to_its_end(&["init", folder.to_str().unwrap()]);
    assert!(complaint(&again).starts_with("3 error: "), "{}", complaint(&again));
    assert_eq!(listed(&folder), people);
}

#[test]
fn an_init_that_fails_can_be_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("daypass-data"), "in the way").unwrap();
    let failed = daypassd_to_its_end(&["init", folder.path().to_str().unwrap()]);
    assert!(complaint(&failed).starts_with("4 error: "), "{}", complaint(&failed));
    fs::remove_file(folder.path().join("daypass-data")).unwrap();
    assert!(daypassd_to_its_end(&["init", folder.path().to_str().unwrap()]).status.success());
}

#[test]
fn accounts_are_made_listed_changed_and_shut_out() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path();
    daypassd_to_its_end(&["init", folder.to_str().unwrap()]);
    let added = user(folder, &["add", "ada", "--role", "publisher", "--name", "Ada L.", "--email", "ada@example.com"]);
    // The link alone is data.
    assert_eq!(out(&added).lines().count(), 1);
    assert!(out(&added).starts_with("http://127.0.0.1:7411/invite/daypass_iv_"));
    assert!(String::from_utf8_lossy(&added.stderr).contains("It works once, until "));

    let ada = &listed(folder)[0];
    for (key, value) in [("provider", "local"), ("subject", "ada"), ("name", "Ada L."), ("email", "ada@example.com")] {
        assert_eq!(ada[key], value);
    }
    assert_eq!((&ada["role"], &ada["credential"]), (&"publisher".into(), &"invited".into()));
    assert_eq!((&ada["disabled"], &ada["seen_at"]), (&false.into(), &Value::Null));
    assert!(out(&user(folder, &["list"])).contains("local/ada    ada@example.com  publisher  invited  never seen\n"));

    for (arguments, said) in [
        (&["role", "ada", "admin"][..], "ada is admin now\n"),
        (&["role", "ada", "admin"], "ada was admin already\n"),
        (&["disable", "ada"], "local/ada is shut out, everywhere within five seconds\n"),
        (&["disable", "local/ada"], "local/ada was shut out already\n"),
        (&["enable", "ada"], "local/ada may sign in again\n"),
        (&["enable", "ada"], "local/ada was not shut out\n"),
    ] {
        assert_eq!(out(&user(folder, arguments)), said);
    }
    for (arguments, complained) in [
        (&["add", "ada"][..], "4 error: there is an account `ada` already"),
        (&["role", "eve", "admin"], "4 error: there is no account `eve`"),
        (&["invite", "eve"], "4 error: there is no account `eve`"),
        (&["disable", "eve"], "4 error: there is no account `eve`"),
        (&["disable", "corp/00u1"], "4 error: nobody has signed in as `corp/00u1` yet"),
        (&["add", "Ada Lovelace"], "2 error: invalid value 'Ada Lovelace' for '<NAME>': "),
        (&["role", "ada", "king"], "2 error: invalid value 'king' for '<ROLE>': "),
    ] {
        let output = user(folder, arguments);
        assert!(complaint(&output).starts_with(complained), "{}", complaint(&output));
    }
    let config = folder.join("daypassd.toml");
    let log = out(&daypassd_to_its_end(&["audit", "--config", config.to_str().unwrap()]));
    for kind in ["account.created", "account.changed", "person.disabled", "person.enabled"] {
        assert!(log.contains(kind), "{log}");
    }
    assert!(!log.contains("daypass_iv_"));
}

#[test]
fn whoever_is_shut_out_is_so_at_every_url_that_the_provider_had() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path();
    daypassd_to_its_end(&["init", folder.to_str().unwrap()]);
    let path = folder.join("daypass-data/daypass.sqlite");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let store = Store::open(&StoreUrl::sqlite(&path)).await.unwrap();
        for (at, issuer) in [(1, "https://old.example.com"), (2, "https://new.example.com")] {
            let person = SeenPerson {
                id: PersonId::of(issuer, "00u1"),
                provider: "corp".parse().unwrap(),
                issuer: issuer.to_owned(),
                subject: "00u1".to_owned(),
                name: "Ada".to_owned(),
                email: None,
            };
            store.record_person(person, Timestamp::from_second(at).unwrap()).await.unwrap();
        }
        store.close().await;
    });
    let disabled = || -> Vec<Value> {
        let people = listed(folder).into_iter().filter(|person| person["provider"] == "corp");
        people.map(|person| person["disabled"].clone()).collect()
    };
    assert_eq!(disabled(), [false, false]);
    let said = out(&user(folder, &["disable", "corp/00u1"]));
    assert_eq!(said, "corp/00u1 is shut out, everywhere within five seconds\n");
    assert_eq!(disabled(), [true, true]);
    assert_eq!(out(&user(folder, &["disable", "corp/00u1"])), "corp/00u1 was shut out already\n");
    assert_eq!(out(&user(folder, &["enable", "corp/00u1"])), "corp/00u1 may sign in again\n");
    assert_eq!(disabled(), [false, false]);
}

#[test]
fn a_folder_that_was_mistyped_becomes_no_second_server() {
    let parent = tempfile::tempdir().unwrap();
    let nowhere = parent.path().join("nowhere");
    let output = daypassd_to_its_end(&["user", "add", "ada", "--data", nowhere.to_str().unwrap()]);
    assert!(complaint(&output).starts_with("4 error: there is no database at "), "{}", complaint(&output));
    assert!(!nowhere.exists());
}

#[test]
fn a_link_made_beside_a_running_server_begins_with_its_url_and_the_newest_is_the_one_that_works() {
    let world = World::plan().start();
    let data = world.data();
    let link = |arguments: &[&str]| {
        let said = out(&daypassd_to_its_end(&[&["user"], arguments, &["--data", data.to_str().unwrap()]].concat()));
        said.trim().strip_prefix(&world.url()).unwrap_or_else(|| panic!("{said}")).to_owned()
    };
    let first = link(&["add", "ada"]);
    assert_eq!(world.send(&get(&first)).status, 200);
    let second = link(&["invite", "ada"]);
    assert_eq!(world.send(&get(&first)).status, 404);
    assert_eq!(world.send(&get(&second)).status, 200);
}

#[test]
fn dev_shows_a_way_in_until_it_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let links_after = |starts: usize| {
        let mut command = daypassd();
        command.args(["serve", "--dev", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        let _server = Server::start(command, folder.path());
        // Said, all at once, right after the ready file is there.
        loop {
            let log = fs::read_to_string(log_of(folder.path())).unwrap();
            if log.matches("ready for trying out").count() == starts && log.ends_with('\n') {
                return log.matches("/invite/daypass_iv_").count();
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    };
    assert_eq!(links_after(1), 1);
    assert_eq!(links_after(2), 2);
    let config = ["--data", data.to_str().unwrap()];
    let disabled = daypassd_to_its_end(&[&["user", "disable", "dev"][..], &config].concat());
    assert_eq!(out(&disabled), "local/dev is shut out, everywhere within five seconds\n");
    assert_eq!(links_after(3), 2);
}
