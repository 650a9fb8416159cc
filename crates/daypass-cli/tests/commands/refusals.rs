//! What the server, the network and the identity token can do to a person, and what the person then reads.

use std::time::Duration;

use insta::assert_snapshot;
use serde_json::json;

use crate::{
    fake_issuer::{FakeIssuer, OUTSIDE_TOKEN},
    person::Person,
};

fn job(issuer: &FakeIssuer) -> Person {
    Person::new().with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN)
}

#[test]
fn a_refusal_is_told_in_the_servers_words() {
    let issuer = FakeIssuer::start();
    let description = "identity `ci/app`: claim `ref` differs\u{1b}[31m";
    issuer.behave(|behaviour| {
        behaviour.refusal = Some((400, json!({"error": "invalid_request", "error_description": description})));
    });
    assert_snapshot!(job(&issuer).sees(["token"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: the server refused: identity `ci/app`: claim `ref` differs [31m
    ");
}

#[test]
fn a_wrong_clock_is_found_by_the_servers_date() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| {
        behaviour.refusal = Some((400, json!({"error": "invalid_request", "error_description": "it has expired"})));
        behaviour.date = Some("Fri, 01 Jan 2100 00:00:00 GMT");
    });
    let seen = job(&issuer).sees(["token"]);
    assert!(seen.contains("hint: this machine's clock is") && seen.contains("minutes behind the server's"), "{seen}");
}

#[test]
fn a_proof_that_was_spent_is_told_apart() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.once = true);
    assert!(job(&issuer).run(["token"]).status.success());
    assert_snapshot!(job(&issuer).sees(["token"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: the server takes this outside token no more: it was exchanged before

    hint: request a fresh outside token from the CI for every exchange
    ");
}

#[test]
fn a_server_in_trouble_or_none_at_all_is_unreachable() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.refusal = Some((503, json!({}))));
    assert_snapshot!(job(&issuer).sees(["token"]), @r"
    exit code: 5
    ----- stdout
    ----- stderr
    error: http://[SERVER]: the server cannot answer now (status 503)

    hint: try again in a few seconds
    ");
    issuer.behave(|behaviour| behaviour.refusal = Some((200, json!({"access_token": 1}))));
    assert_snapshot!(job(&issuer).sees(["token"]), @r"
    exit code: 5
    ----- stdout
    ----- stderr
    error: http://[SERVER]: the server's answer makes no sense: it is not a token response
    ");
    let nobody = Person::new().with("DAYPASS_SERVER", "http://127.0.0.1:1");
    assert_snapshot!(nobody.with("DAYPASS_IDENTITY_TOKEN", OUTSIDE_TOKEN).sees(["token"]), @r"
    exit code: 5
    ----- stdout
    ----- stderr
    error: http://[SERVER]: cannot connect to `127.0.0.1`

    hint: check the network, the proxy settings and the server's URL
    ");
}

#[test]
fn an_identity_token_that_cannot_be_had_is_asked_for() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_SERVER", issuer.url());
    assert_snapshot!(person.sees(["login", "--identity-token", "nowhere.jwt"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: `--identity-token` is neither a JWT nor the path of a file that can be read: there is no such file

    hint: an identity token is a JWT: three parts of letters and digits, separated by dots
    ");
    person.write("empty.jwt", "");
    assert_snapshot!(person.sees(["login", "--identity-token", "empty.jwt"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: the file that `--identity-token` names holds no identity token

    hint: an identity token is a JWT: three parts of letters and digits, separated by dots
    ");
    assert_snapshot!(person.sees(["login"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: no credential for http://[SERVER]; nobody can be asked to sign in here: `CI` is set, so this is a CI job

    hint: `--device` shows a code all the same; a job needs `--identity-token`
    ");
    let person = person.with("DAYPASS_IDENTITY_TOKEN", "opaque-s3cret/value");
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: `DAYPASS_IDENTITY_TOKEN` is neither a JWT nor the path of a file that can be read: there is no such file

    hint: an identity token is a JWT: three parts of letters and digits, separated by dots
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn a_remembered_identity_token_is_read_anew_each_time() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer);
    person.age_entry(3600, 3600);
    let fresh = OUTSIDE_TOKEN.replace("b3V0c2lkZS1wcm9vZg", "ZnJlc2g");
    person.write("job.jwt", &fresh);
    assert!(person.run(["token"]).status.success());
    assert_eq!(issuer.exchanges()[1]["subject_token"], fresh);
    std::fs::remove_file(person.home().join("job.jwt")).unwrap();
    person.age_entry(3600, 3600);
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: cannot read the identity token from `[HOME]/job.jwt`: there is no such file

    hint: this path was remembered by `daypass login`; sign in again to change it
    ");
}

#[test]
fn the_identity_token_of_the_environment_wins_over_the_remembered_one() {
    let issuer = FakeIssuer::start();
    let person = Person::signed_in(&issuer).with("DAYPASS_IDENTITY_TOKEN", issuer.outside_token());
    person.age_entry(3600, 3600);
    assert!(person.run(["token"]).status.success());
    assert_eq!(issuer.exchanges()[1]["subject_token"], issuer.outside_token());
}

#[test]
fn those_who_waited_share_the_news_that_the_server_is_away() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| {
        behaviour.refusal = Some((503, json!({})));
        behaviour.delay = Duration::from_secs(3);
    });
    let person = job(&issuer);
    let mut children = vec![person.command(["token"]).spawn().unwrap()];
    while issuer.exchanges().is_empty() {
        std::thread::yield_now();
    }
    children.extend((0..7).map(|_| person.command(["token"]).spawn().unwrap()));
    let done: Vec<_> = children.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    let told: Vec<_> = done.iter().map(|done| person.told(done)).collect();
    assert!(told.iter().all(|told| told.contains("exit code: 5") && told.contains("status 503")), "{told:?}");
    assert_eq!(issuer.exchanges().len(), 1);
    // Whoever comes later finds out anew.
    issuer.behave(|behaviour| behaviour.refusal = None);
    assert!(person.run(["token"]).status.success());
}
