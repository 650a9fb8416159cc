//! `daypass ambient` and `daypass status`: what is here, and why, and never a token.

use serde_json::Value;

use super::{github, job, on_github};
use crate::{fake_issuer::FakeIssuer, fake_service::outside_token, person::Person};

fn lines(seen: &str) -> Vec<&str> {
    seen.lines().filter(|line| line.contains(" here") || line.contains("misconfigured")).collect()
}

#[test]
fn all_providers_are_shown_with_the_reason() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service);
    let seen = person.sees(["ambient"]);
    let lines = lines(&seen);
    assert!(seen.starts_with("exit code: 0") && lines.len() >= 20, "{seen}");
    let expected =
        "github        here          `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are set";
    assert_eq!(lines[0], expected);
    assert_eq!(lines[1], "gitlab        not here      `GITLAB_CI` is not set");
    assert!(!seen.contains("runtime-secret"));
    assert_eq!((service.asked().len(), issuer.requests()), (0, 0), "nobody is asked");
}

#[test]
fn what_is_misconfigured_is_shown_with_the_remedy() {
    let person = Person::new().with("DAYPASS_AMBIENT", "auto").with("GITLAB_CI", "true");
    let seen = person.sees(["ambient", "https://packages.example.com/python/simple/"]);
    assert!(seen.starts_with("exit code: 4"), "{seen}");
    assert!(seen.contains("\ngitlab        misconfigured "), "{seen}");
    assert!(
        seen.contains("hint: add `id_tokens: { DAYPASS_ID_TOKEN: { aud: https://packages.example.com } }`"),
        "{seen}"
    );
}

#[test]
fn programs_read_the_same() {
    let issuer = FakeIssuer::start();
    let token = outside_token(issuer.url(), 1);
    let person = job(&issuer).with("GITLAB_CI", "true").with("DAYPASS_ID_TOKEN", token.clone());
    let done = person.run(["ambient", "-o", "json"]);
    let text = String::from_utf8(done.stdout).unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&answer["server"], &answer["found"]), (&issuer.url().into(), &"gitlab".into()));
    assert_eq!(answer["providers"][0]["state"], "not-here");
    assert_eq!(answer["providers"][1]["state"], "here");
    assert!(!text.contains(&token) && done.status.success());
    // The exit code tells a script that nobody is here. This machine itself is left out of it.
    let nobody = Person::new().with("JENKINS_URL", "https://jenkins.example.com");
    let done = nobody.run(["ambient", "-o", "json"]);
    let answer: Value = serde_json::from_slice(&done.stdout).unwrap();
    let jenkins = answer["providers"].as_array().unwrap().iter().find(|row| row["name"] == "jenkins").unwrap();
    assert!(jenkins["hint"].as_str().unwrap().contains("DAYPASS_IDENTITY_TOKEN"), "{jenkins}");
    let expected = i32::from(answer["found"].is_null());
    assert_eq!(done.status.code(), Some(expected));
}

#[test]
fn status_says_what_the_next_install_will_do() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service);
    let seen = person.sees(["status"]);
    assert!(seen.starts_with("exit code: 0"), "{seen}");
    assert!(seen.contains("next       nothing to do, as long as GitHub Actions vouches for this"), "{seen}");
    assert_eq!(service.asked().len(), 0);
    let without = job(&issuer).with("GITHUB_ACTIONS", "true").sees(["status"]);
    assert!(
        without.starts_with("exit code: 4") && without.contains("next       add `permissions: id-token"),
        "{without}"
    );
}
