//! Several installs at once: one tab, one refresh, whatever happens to whoever leads.

use std::{process::Command, thread, time::Duration};

use super::{
    office::{Office, until},
    terminal::Terminal,
};
use crate::{installers::path_with, stage::Venv, world::PRIVATE};

const PIPS: usize = 10;

fn pip(office: &Office, venv: &Venv, number: usize) -> Command {
    let mut pip = office.at_desk(venv.python(), "home");
    pip.args(["-m", "pip", "install", "--no-cache-dir", "--no-input", "--index-url", &office.world.index_url()]);
    pip.arg("--target").arg(office.world.path(&format!("target-{number}"))).arg(PRIVATE);
    pip.env("PIP_DISABLE_PIP_VERSION_CHECK", "1").env("PATH", path_with(&office.stage));
    pip.env("PIP_KEYRING_PROVIDER", if number.is_multiple_of(2) { "import" } else { "subprocess" });
    pip
}

#[test]
fn whole_machine_ten_pips_open_one_tab() {
    let mut office = Office::open();
    let venv = office.venv("venv", "newest");
    let pips: Vec<_> = (0..PIPS).map(|number| Terminal::run(&office.stage, &pip(&office, &venv, number))).collect();
    let tab = office.opened_tab("home");
    // Everybody is there before anybody signs in, and says what they wait for.
    for pip in &pips {
        until("each says what it waits for", Duration::from_mins(1), || {
            let seen = pip.seen().to_lowercase();
            (seen.contains("sign in") || seen.contains("waiting")).then_some(())
        });
    }
    office.browser.signs_in(&tab, "alice");
    for pip in pips {
        pip.succeeds();
    }
    assert_eq!(office.tabs("home").len(), 1);
    assert_eq!(office.happened("session.created").len(), 1);
}

#[test]
fn when_the_leader_is_killed_in_mid_sign_in_a_waiter_takes_over() {
    let mut office = Office::open();
    let login = |office: &Office| {
        let mut daypass = office.at_desk(crate::world::World::daypass(), "home");
        Terminal::run(&office.stage, daypass.args(["token"]))
    };
    let leader = login(&office);
    office.opened_tab("home");
    let waiter = login(&office);
    until("the waiter says so", Duration::from_secs(10), || (!waiter.seen().is_empty()).then_some(()));
    kill_9_children(leader.id());
    let second =
        until("the waiter opens a tab of its own", Duration::from_secs(20), || office.tabs("home").into_iter().nth(1));
    office.browser.signs_in(&second, "alice");
    let seen = waiter.succeeds();
    assert!(seen.contains("eyJ"), "`daypass token` prints the access token: {seen}");
    drop(leader);
}

/// `kill -9` for what runs in a terminal.
fn kill_9_children(terminal: u32) {
    let script = "kill -9 $(cat /proc/$0/task/*/children)";
    assert!(Command::new("sh").args(["-c", script, &terminal.to_string()]).status().unwrap().success());
}

#[test]
fn whole_machine_fifty_processes_with_an_expired_access_token_do_one_refresh() {
    let mut office = Office::open_with(crate::world::World::plan().config("[session]\naccess_token = \"5s\"\n"), "");
    office.logs_in("home", "alice");
    thread::sleep(Duration::from_secs(6));
    let before = office.world.audit_of("session.refreshed").len();
    let all: Vec<_> = (0..50)
        .map(|_| {
            let mut daypass = office.at_desk(crate::world::World::daypass(), "home");
            daypass.args(["helper", "keyring", "get", &office.world.index_url()]);
            thread::spawn(move || daypass.output().unwrap())
        })
        .collect();
    for one in all {
        let output = one.join().unwrap();
        assert!(output.status.success(), "{}", crate::installers::text(&output));
    }
    assert_eq!(office.world.audit_of("session.refreshed").len() - before, 1);
    assert_eq!(office.tabs("home").len(), 1);
}
