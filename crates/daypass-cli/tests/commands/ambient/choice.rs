//! Who chooses the provider: the environment, a sign-in, or nobody.

use std::fs;

use insta::assert_snapshot;

use super::{github, given, job, on_github};
use crate::{
    fake_issuer::{FakeIssuer, access_token},
    fake_service::outside_token,
    person::Person,
};

#[test]
fn a_sign_in_in_a_job_is_the_jobs() {
    let (issuer, service) = (FakeIssuer::start(), github());
    for arguments in [&["login", issuer.url()][..], &["login", issuer.url(), "--ambient", "auto"]] {
        let person = on_github(Person::new().with("DAYPASS_AMBIENT", "auto"), &service);
        let done = person.run(arguments);
        assert!(done.status.success(), "{}", person.told(&done));
        let config = fs::read_to_string(person.config()).unwrap();
        assert!(config.contains("ambient = \"github\""), "{config}");
        // What is remembered is asked again.
        person.age_entry(3000, 3600);
        given(&person, &issuer);
    }
    assert_eq!((issuer.exchanges().len(), service.asked().len()), (4, 4));
}

#[test]
fn a_sign_in_by_another_source_takes_the_place_of_the_one_before() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(Person::new().with("DAYPASS_AMBIENT", "auto"), &service);
    let path = person.write("job.jwt", &outside_token(issuer.url(), 9));
    person.write_config(&format!("[[server]]\nurl = \"{}\"\nidentity_token_path = \"{path}\"\n", issuer.url()));
    for (arguments, kept, gone) in [
        (&["login", "--ambient", "github"][..], "ambient = \"github\"", "identity_token_path"),
        (&["login", "--identity-token", &path], "identity_token_path = ", "ambient"),
    ] {
        let done = person.run(arguments);
        assert!(done.status.success(), "{}", person.told(&done));
        let config = fs::read_to_string(person.config()).unwrap();
        assert!(config.contains(kept) && !config.contains(gone), "{config}");
        assert!(person.run(["token"]).status.success(), "what was written can be read");
    }
}

#[test]
fn what_is_remembered_and_not_here_any_more_is_an_error() {
    let issuer = FakeIssuer::start();
    let person = Person::new().with("DAYPASS_AMBIENT", "auto");
    person.write_config(&format!("[[server]]\nurl = \"{}\"\nambient = \"github\"\n", issuer.url()));
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: GitHub Actions does not vouch for this machine: `GITHUB_ACTIONS` is not set

    hint: `daypass ambient` shows what is here
    ");
    person.write_config(&format!("[[server]]\nurl = \"{}\"\nambient = \"gihtub\"\n", issuer.url()));
    let seen = person.sees(["token"]);
    assert!(seen.starts_with("exit code: 6") && seen.contains("line 3: `gihtub` is not one of github,"), "{seen}");
    person.write_config(&format!(
        "[[server]]\nurl = \"{}\"\nambient = \"github\"\nidentity_token_path = \"/x\"\n",
        issuer.url()
    ));
    assert!(person.sees(["token"]).contains("has two sources"));
}

#[test]
fn a_token_that_was_named_comes_before_what_is_here() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let named = outside_token(issuer.url(), 99);
    let person = on_github(job(&issuer), &service).with("DAYPASS_IDENTITY_TOKEN", named.clone());
    given(&person, &issuer);
    assert_eq!(issuer.exchanges()[0]["subject_token"], named);
    assert_eq!(service.asked().len(), 0);
}

#[test]
fn the_environment_chooses_one_or_none() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let with = |choice: &str| on_github(job(&issuer), &service).with("DAYPASS_AMBIENT", choice);
    let off = with("off");
    assert_eq!(off.run(["token"]).status.code(), Some(4));
    assert_eq!(with("gitlab").run(["token"]).status.code(), Some(4));
    assert_eq!(with("nobody").run(["token"]).status.code(), Some(6));
    // Not even what was remembered is asked.
    off.write_config(&format!("[[server]]\nurl = \"{}\"\nambient = \"github\"\n", issuer.url()));
    assert_eq!(off.run(["token"]).status.code(), Some(4));
    assert_eq!((service.asked().len(), issuer.requests()), (0, 0));
    assert_eq!(given(&with("github"), &issuer), access_token(1));
    // Without the variable it is as with `auto`.
    let person = on_github(job(&issuer), &service);
    assert!(person.command(["token"]).env_remove("DAYPASS_AMBIENT").output().unwrap().status.success());
}

#[test]
fn an_identity_that_was_named_is_asked_for() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service).with("DAYPASS_IDENTITY", "ci/app");
    given(&person, &issuer);
    assert_eq!(issuer.exchanges()[0]["identity"], "ci/app");
}

#[test]
fn nothing_to_sign_in_with_is_told_as_such() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    let done = person.run(["login", issuer.url(), "--ambient", "off"]);
    assert_eq!(done.status.code(), Some(2));
    // What the command line says comes after `DAYPASS_AMBIENT`, and wins.
    let on_gitlab = Person::new().with("GITLAB_CI", "true");
    let seen = on_gitlab.sees(["login", issuer.url(), "--ambient", "auto"]);
    assert!(seen.starts_with("exit code: 4") && seen.contains("add `id_tokens: { DAYPASS_ID_TOKEN"), "{seen}");
    let done = person.run(["login", issuer.url(), "--ambient", "gitlab"]);
    assert_eq!(done.status.code(), Some(4));
    assert_eq!(person.run(["login", issuer.url(), "--ambient", "nobody"]).status.code(), Some(2));
    assert!(!person.config().exists());
}
