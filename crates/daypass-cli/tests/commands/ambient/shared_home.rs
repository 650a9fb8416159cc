//! Jobs of different projects, one after the other, on a machine that keeps its `HOME`.

use super::{github, job, on_github};
use crate::{fake_issuer::FakeIssuer, fake_service::outside_token, person::Person};

/// The access token that the job with these variables gets.
fn got(person: &Person, variables: &[(&str, &str)]) -> String {
    let done = person.command(["token"]).envs(variables.iter().copied()).output().unwrap();
    assert!(done.status.success(), "{}", person.told(&done));
    String::from_utf8(done.stdout).unwrap()
}

#[test]
fn a_job_gets_what_it_proved_itself_and_not_what_the_job_before_it_did() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service);
    let theirs = [("GITHUB_REPOSITORY_ID", "74"), ("GITHUB_RUN_ID", "1"), ("GITHUB_JOB", "build")];
    let first = got(&person, &theirs);
    assert_eq!(got(&person, &theirs), first, "the same job shares");
    assert_eq!(issuer.exchanges().len(), 1);
    let ours = [("GITHUB_REPOSITORY_ID", "75"), ("GITHUB_RUN_ID", "2"), ("GITHUB_JOB", "build")];
    let second = got(&person, &ours);
    assert_ne!(second, first);
    assert_eq!(issuer.exchanges().len(), 2);
    assert_eq!(got(&person, &theirs), first);
    // By name or not: a provider that was chosen is told apart just so.
    let named: Vec<_> = theirs.into_iter().chain([("DAYPASS_AMBIENT", "github")]).collect();
    assert_ne!(got(&person, &named), first);
    assert_eq!(issuer.exchanges().len(), 3);
    // A sign-out finds all of it.
    assert_eq!(person.entries().len(), 3);
    assert!(person.run(["logout", issuer.url()]).status.success());
    assert_eq!(person.entries().len(), 0);
}

#[test]
fn an_identity_token_that_was_handed_over_is_told_apart_by_what_it_says_and_by_the_job() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer);
    let handed = |number| outside_token(issuer.url(), number);
    let first = got(&person, &[("DAYPASS_IDENTITY_TOKEN", &handed(1))]);
    assert_eq!(got(&person, &[("DAYPASS_IDENTITY_TOKEN", &handed(1))]), first);
    assert_ne!(got(&person, &[("DAYPASS_IDENTITY_TOKEN", &handed(2))]), first);
    // Two jobs write theirs to the same place.
    let path = person.write("job.jwt", &handed(3));
    let first = got(&person, &[("DAYPASS_IDENTITY_TOKEN", &path), ("CI_JOB_ID", "1")]);
    assert_eq!(got(&person, &[("DAYPASS_IDENTITY_TOKEN", &path), ("CI_JOB_ID", "1")]), first);
    assert_ne!(got(&person, &[("DAYPASS_IDENTITY_TOKEN", &path), ("CI_JOB_ID", "2")]), first);
}

#[test]
fn what_was_remembered_is_told_apart_by_the_job_too() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(Person::new().with("DAYPASS_AMBIENT", "auto"), &service);
    let login = |run| person.command(["login", issuer.url()]).env("GITHUB_RUN_ID", run).output().unwrap();
    assert!(login("1").status.success());
    let first = got(&person, &[("GITHUB_RUN_ID", "1")]);
    assert_eq!(issuer.exchanges().len(), 1, "what `login` kept is found");
    assert_ne!(got(&person, &[("GITHUB_RUN_ID", "2")]), first);
}

#[test]
fn what_old_jobs_left_is_swept_away_by_the_next_one() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service);
    got(&person, &[("GITHUB_RUN_ID", "1")]);
    person.age_entry(26 * 3600, 3600);
    got(&person, &[("GITHUB_RUN_ID", "2")]);
    assert_eq!(person.entries().len(), 1);
    // One that has only just ended stays.
    person.age_entry(2 * 3600, 3600);
    got(&person, &[("GITHUB_RUN_ID", "3")]);
    assert_eq!(person.entries().len(), 2);
}
