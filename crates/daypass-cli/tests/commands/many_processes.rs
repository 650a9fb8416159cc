//! Any number of processes: one exchange, one lock, and nothing is lost when the leader dies.

use std::{
    collections::HashSet,
    fs,
    process::{Child, Output},
    thread,
    time::{Duration, Instant},
};

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN, access_token},
    person::Person,
};

fn job(issuer: &FakeIssuer) -> Person {
    Person::new().with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN)
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "{what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn all(children: Vec<Child>) -> Vec<Output> {
    children.into_iter().map(|child| child.wait_with_output().unwrap()).collect()
}

#[test]
fn thirty_two_processes_with_an_empty_cache_do_one_exchange() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| {
        behaviour.delay = Duration::from_millis(200);
        behaviour.once = true;
    });
    let person = job(&issuer);
    let arguments = ["helper", "keyring", "get", &issuer.index_url(), "ada"];
    let done = all((0..32).map(|_| person.command(arguments).spawn().unwrap()).collect());
    assert!(done.iter().all(|done| done.status.success()), "{:?}", done.first());
    let answers: HashSet<_> = done.into_iter().map(|done| String::from_utf8(done.stdout).unwrap()).collect();
    assert_eq!(answers, HashSet::from([format!("{}\n", access_token(1))]));
    assert_eq!(issuer.exchanges().len(), 1);
}

#[test]
fn thirty_two_sign_ins_at_once_leave_one_whole_configuration() {
    let servers: Vec<_> = (0..8).map(|_| FakeIssuer::start()).collect();
    let person = Person::new();
    let login = |server: &FakeIssuer| {
        person.command(["login", server.url()]).env("DAYPASS_IDENTITY_TOKEN", server.outside_token()).spawn().unwrap()
    };
    let children = (0..32).map(|n| login(&servers[n % 8])).collect();
    assert!(all(children).iter().all(|done| done.status.success()));
    let config = fs::read_to_string(person.config()).unwrap();
    assert_eq!(config.matches("[[server]]").count(), 8, "{config}");
    assert_eq!(person.entries().len(), 8);
}

#[test]
fn when_the_leader_is_killed_the_next_takes_over() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.delay = Duration::from_secs(30));
    let person = job(&issuer);
    let mut leader = person.command(["token"]).spawn().unwrap();
    wait_until("the leader asks", || issuer.exchanges().len() == 1);
    let waiting = person.command(["token"]).spawn().unwrap();
    thread::sleep(Duration::from_millis(50));
    issuer.behave(|behaviour| behaviour.delay = Duration::ZERO);
    // SIGKILL: no destructor runs, no lock file is removed.
    leader.kill().unwrap();
    leader.wait().unwrap();
    let done = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8(done.stdout).unwrap(), format!("{}\n", access_token(2)));
    let mut left: Vec<_> = fs::read_dir(person.cache()).unwrap().map(|item| item.unwrap().path()).collect();
    left.sort();
    assert_eq!(left, [person.entry(), person.entry().with_extension("lock")], "the dead leader's draft is gone");
}

#[test]
fn whoever_waits_is_told_for_what() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.delay = Duration::from_millis(3500));
    let person = job(&issuer);
    let leader = person.command(["token"]).spawn().unwrap();
    wait_until("the leader asks", || issuer.exchanges().len() == 1);
    let done = person.run(["token"]);
    insta::assert_snapshot!(person.told(&done), @r"
    exit code: 0
    ----- stdout
    [ACCESS]
    ----- stderr
    waiting for another `daypass`, which gets a credential from http://[SERVER]
    ");
    assert!(leader.wait_with_output().unwrap().status.success());
}

#[test]
fn different_identities_do_not_wait_for_each_other() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.delay = Duration::from_secs(2));
    let person = job(&issuer);
    let begun = Instant::now();
    let command = |identity: &str| person.command(["token"]).env("DAYPASS_IDENTITY", identity).spawn().unwrap();
    let done = all((0..6).map(|n| command(&format!("ci/{n}"))).collect());
    assert!(done.iter().all(|done| done.status.success()));
    assert_eq!(issuer.exchanges().len(), 6);
    assert!(begun.elapsed() < Duration::from_secs(6 * 2), "{:?}", begun.elapsed());
}
