//! What is handed out of the cache, and what is not any more.

use std::fs;

use insta::assert_snapshot;

use crate::{
    fake_issuer::{FakeIssuer, access_token},
    person::Person,
};

const MINUTE: i64 = 60;

/// Which access token the helper gives: 1 is the one of the sign-in, 2 a new one.
fn given(person: &Person, issuer: &FakeIssuer) -> usize {
    let done = person.run(["helper", "keyring", "get", &issuer.index_url(), "ada"]);
    assert!(done.status.success(), "{}", person.told(&done));
    let given = String::from_utf8(done.stdout).unwrap();
    (1..9).find(|number| given.trim_end() == access_token(*number)).unwrap()
}

#[test]
fn a_credential_with_enough_life_left_is_given_and_one_without_is_renewed() {
    for (age, life, expected) in [
        (44 * MINUTE, 60 * MINUTE, 1),
        (46 * MINUTE, 60 * MINUTE, 2),
        (60 * MINUTE, 60 * MINUTE, 2),
        (90 * MINUTE, 60 * MINUTE, 2),
        // A short life: three quarters of it.
        (MINUTE, 8 * MINUTE, 1),
        (3 * MINUTE, 8 * MINUTE, 2),
        // The clock went backwards: a little, and too far.
        (-4 * MINUTE, 60 * MINUTE, 1),
        (-6 * MINUTE, 60 * MINUTE, 2),
    ] {
        let issuer = FakeIssuer::start();
        let person = Person::signed_in(&issuer);
        person.age_entry(age, life);
        assert_eq!(given(&person, &issuer), expected, "age {age}, life {life}");
    }
}

#[test]
fn the_servers_word_on_the_life_counts() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.expires_in = 60);
    let person = Person::signed_in(&issuer);
    assert_eq!(given(&person, &issuer), 1);
    person.age_entry(20, 60);
    assert_eq!(given(&person, &issuer), 2);
}

#[test]
fn a_damaged_entry_counts_as_none_and_is_replaced() {
    for damage in ["", "{", "[]", "null", "\u{0}\u{0}", "{\"version\":2}", "{\"version\":1}"] {
        let issuer = FakeIssuer::start();
        let person = Person::signed_in(&issuer);
        fs::write(person.entry(), damage).unwrap();
        assert_eq!(given(&person, &issuer), 2, "{damage:?}");
        assert_eq!(given(&person, &issuer), 2, "{damage:?}");
    }
}

#[test]
fn an_entry_of_another_server_under_our_name_counts_as_none() {
    let (issuer, other) = (FakeIssuer::start(), FakeIssuer::start());
    let person = Person::signed_in(&issuer);
    let moved = fs::read_to_string(person.entry()).unwrap().replace(issuer.url(), other.url());
    fs::write(person.entry(), moved).unwrap();
    assert_eq!(given(&person, &issuer), 2);
}

#[test]
fn a_credential_that_cannot_be_renewed_ends_with_a_sentence_and_a_hint() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    let login = ["login", issuer.url(), "--identity", "ci/app", "--identity-token", "-"];
    assert!(person.run_with_stdin(login, crate::fake_issuer::OUTSIDE_TOKEN).status.success());
    assert_snapshot!(person.sees(["status"]), @r"
    exit code: 0
    ----- stdout
    http://[SERVER]
      identity   ci/app
      until      [TIME], in 60 minutes
      index      python: pull
      index URL  http://[SERVER]/python/simple/
      kept in    [HOME]/.cache/daypass/[HASH].json
      checked    with the server, just now
      next       nothing to do until then; after that, sign in again
    ----- stderr
    ");
    person.age_entry(50 * MINUTE, 60 * MINUTE);
    assert_snapshot!(person.sees(["helper", "keyring", "get", issuer.authority()]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no credential for http://[SERVER], and nothing to get one with

    hint: `daypass login http://[SERVER] --identity-token PATH` signs in, and so does `DAYPASS_IDENTITY_TOKEN`
    ");
    assert_snapshot!(person.sees(["status"]), @r"
    exit code: 4
    ----- stdout
    http://[SERVER]
      identity   ci/app
      until      [TIME], in 10 minutes
      index      python: pull
      index URL  http://[SERVER]/python/simple/
      kept in    [HOME]/.cache/daypass/[HASH].json
      checked    with the server, just now
      next       `daypass login http://[SERVER] --identity-token PATH` signs in, and so does `DAYPASS_IDENTITY_TOKEN`
    ----- stderr
    ");
}

/// Somebody with one outside token, which is spent, and an access token that ends in `left` seconds.
fn with_a_spent_proof(issuer: &FakeIssuer, left: i64) -> Person {
    issuer.behave(|behaviour| behaviour.once = true);
    let person = Person::signed_in(issuer);
    person.age_entry(60 * MINUTE - left, 60 * MINUTE);
    person
}

#[test]
fn where_the_proof_is_spent_the_access_token_is_good_until_its_last_minute() {
    let issuer = FakeIssuer::start();
    // Half a minute more, so that the minutes are the same on a slow machine.
    let person = with_a_spent_proof(&issuer, 14 * MINUTE + 30);
    assert_snapshot!(person.sees(["helper", "keyring", "get", &issuer.index_url(), "ada"]), @r"
    exit code: 0
    ----- stdout
    [ACCESS]
    ----- stderr
    warning: http://[SERVER]: the server takes this outside token no more: it was exchanged before; what is in the cache is good for 14 minutes more
    ");
    assert_eq!(given(&person, &issuer), 1);
    assert!(person.run(["token"]).status.success());
    assert_eq!(issuer.exchanges().len(), 4, "a new one is tried for each time");
    for left in [59, 0, -10 * MINUTE] {
        person.age_entry(60 * MINUTE - left, 60 * MINUTE);
        assert_snapshot_of_a_spent_proof(&person);
    }
    // Whoever signs in wants a new one.
    person.age_entry(46 * MINUTE, 60 * MINUTE);
    assert_eq!(person.run(["login", "--identity-token", "job.jwt", issuer.url()]).status.code(), Some(3));
}

fn assert_snapshot_of_a_spent_proof(person: &Person) {
    insta::allow_duplicates! {
        assert_snapshot!(person.sees(["token"]), @r"
        exit code: 3
        ----- stdout
        ----- stderr
        error: http://[SERVER]: the server takes this outside token no more: it was exchanged before

        hint: request a fresh outside token from the CI for every exchange
        ");
    }
}

#[test]
fn where_the_server_is_away_too() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    issuer.behave(|behaviour| behaviour.refusal = Some((503, serde_json::json!({}))));
    person.age_entry(46 * MINUTE, 60 * MINUTE);
    assert_eq!(given(&person, &issuer), 1);
    person.age_entry(60 * MINUTE - 59, 60 * MINUTE);
    assert_eq!(person.run(["token"]).status.code(), Some(5));
}

#[test]
fn where_the_server_refuses_for_another_reason_the_old_one_is_kept_back() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    let refusal = serde_json::json!({"error": "invalid_request", "error_description": "no identity matches"});
    issuer.behave(|behaviour| behaviour.refusal = Some((400, refusal)));
    person.age_entry(46 * MINUTE, 60 * MINUTE);
    assert_eq!(person.run(["token"]).status.code(), Some(3));
}

#[test]
fn identities_do_not_share_a_credential() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer).with("DAYPASS_IDENTITY", "ci/other");
    assert_eq!(given(&person, &issuer), 2);
    assert_eq!(issuer.exchanges()[1]["identity"], "ci/other");
    assert_eq!(person.entries().len(), 2);
}
