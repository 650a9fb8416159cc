//! Any number of processes: one tab, one refresh, and nobody is left behind.

use std::{collections::HashSet, time::Duration};

use rustix::process::Signal;

use crate::{
    browser::{Browser, get, wait_for},
    fake_issuer::{FakeIssuer, people::access_token_of_session},
    person::Person,
    terminal::{self, Done, Running},
};

fn helpers(person: &Person, issuer: &FakeIssuer, count: usize) -> Vec<Running> {
    let start = |number| {
        terminal::run(person, &format!("helper-{number}"), &["helper", "keyring", "get", &issuer.index_url(), "ada"])
    };
    (0..count).map(start).collect()
}

fn somebody(issuer: &FakeIssuer) -> (Person, Browser) {
    Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()))
}

fn is_waiting(running: &Running) -> bool {
    running.screen().contains("waiting for the sign-in")
}

#[test]
fn fifty_installs_open_one_tab() {
    let issuer = FakeIssuer::start();
    let (person, browser) = somebody(&issuer);
    let running = helpers(&person, &issuer, 50);
    browser.tab();
    wait_for("the others wait", || (running.iter().filter(|running| is_waiting(running)).count() == 49).then_some(()));
    let leader = running.iter().find(|running| !is_waiting(running)).unwrap().pid();
    browser.sign_in();
    let done: Vec<Done> = running.into_iter().map(Running::end).collect();
    let answers: HashSet<_> = done.iter().map(|done| (done.status.code(), done.stdout.clone())).collect();
    assert_eq!(answers, HashSet::from([(Some(0), format!("{}\n", access_token_of_session(1)))]));
    assert_eq!((browser.tabs().len(), issuer.sessions()), (1, 1));
    let line = format!("daypass: waiting for the sign-in that PID {leader} began; Ctrl-C gives up\n");
    assert_eq!(done.iter().filter(|done| done.screen == line).count(), 49, "one line each");
}

#[test]
fn fifty_installs_do_one_refresh() {
    let issuer = FakeIssuer::start();
    let (person, browser) = somebody(&issuer);
    let first = helpers(&person, &issuer, 1);
    browser.sign_in();
    for running in first {
        assert!(running.end().status.success());
    }
    person.age_entry(3000, 3600);
    issuer.treat_people(|manners| manners.delay = Duration::from_millis(300));
    let arguments = ["helper", "keyring", "get", &issuer.index_url(), "ada"];
    let children: Vec<_> = (0..50).map(|_| person.command(arguments).spawn().unwrap()).collect();
    for child in children {
        let done = child.wait_with_output().unwrap();
        assert!(done.status.success(), "{}", person.told(&done));
        assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("{}\n", access_token_of_session(2)));
    }
    assert_eq!((issuer.refreshes(), browser.tabs().len()), (1, 1));
}

#[test]
fn when_the_leader_is_killed_the_next_takes_over_at_once() {
    let issuer = FakeIssuer::start();
    let (person, browser) = somebody(&issuer);
    let mut running = helpers(&person, &issuer, 1);
    browser.tab();
    running[0].wait_for("Ctrl-C");
    let waiting = terminal::run(&person, "waiting", &["token"]);
    waiting.wait_for("waiting for the sign-in");
    running[0].signal(Signal::KILL);
    running.remove(0).end();
    let tab = wait_for("the next one's tab", || browser.tabs().into_iter().nth(1));
    get(&get(&tab).location.unwrap());
    let done = waiting.end();
    assert_eq!(done.stdout, format!("{}\n", access_token_of_session(1)), "{done:?}");
    assert_eq!(browser.tabs().len(), 2);
}

#[test]
fn a_sign_in_that_was_refused_or_given_up_is_shared_by_those_who_waited() {
    for give_up in [true, false] {
        let issuer = FakeIssuer::start();
        issuer.treat_people(|manners| manners.denied = true);
        let (person, browser) = somebody(&issuer);
        let running = helpers(&person, &issuer, 4);
        browser.tab();
        wait_for("three wait", || (running.iter().filter(|running| is_waiting(running)).count() == 3).then_some(()));
        if give_up {
            running.iter().find(|running| !is_waiting(running)).unwrap().signal(Signal::INT);
        } else {
            browser.sign_in();
        }
        let expected = if give_up { (4, "was given up") } else { (3, "not today") };
        for done in running.into_iter().map(Running::end) {
            assert_eq!(done.status.code(), Some(expected.0), "{done:?}");
            assert!(done.stderr.contains(expected.1), "{done:?}");
        }
        assert_eq!(browser.tabs().len(), 1);
    }
}

#[test]
fn where_nobody_is_a_sign_in_elsewhere_is_not_waited_for() {
    let issuer = FakeIssuer::start();
    let (person, browser) = somebody(&issuer);
    // Somebody was signed in, so that the job has a reason to try.
    let first = helpers(&person, &issuer, 1);
    browser.sign_in();
    for running in first {
        assert!(running.end().status.success());
    }
    let leader = terminal::run(&person, "login", &["login", issuer.url()]);
    wait_for("a second tab", || browser.tabs().into_iter().nth(1));
    leader.wait_for("Ctrl-C");
    person.age_entry(3590, 3600);
    let begun = std::time::Instant::now();
    let done = person.run(["token"]);
    assert!(begun.elapsed() < Duration::from_secs(2));
    assert_eq!(done.status.code(), Some(4));
    let words = String::from_utf8(done.stderr).unwrap();
    assert!(words.contains(&format!("a person is asked to sign in by PID {}", leader.pid())), "{words}");
    leader.signal(Signal::INT);
    leader.end();
}
