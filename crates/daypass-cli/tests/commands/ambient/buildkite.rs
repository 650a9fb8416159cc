//! A provider that is asked by its own program, or over HTTP where the program is not at hand.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::json;

use super::{given, job};
use crate::{
    fake_issuer::FakeIssuer,
    fake_service::{FakeService, outside_token, says},
    person::Person,
};

/// A program on the `PATH` of `person` that notes its arguments, one to a line.
fn with_program(person: Person, name: &str, then: &str) -> Person {
    let folder = person.home().join("bin");
    fs::create_dir_all(&folder).unwrap();
    let notes = person.home().join("arguments");
    let script = format!("#!/bin/sh\nfor word; do echo \"$word\"; done > '{}'\n{then}\n", notes.display());
    let program = person.write(&format!("bin/{name}"), &script);
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    person.with("PATH", folder.to_str().unwrap())
}

fn arguments(person: &Person) -> Vec<String> {
    fs::read_to_string(person.home().join("arguments")).unwrap().lines().map(ToOwned::to_owned).collect()
}

#[test]
fn the_agents_program_is_called_as_buildkite_says() {
    let issuer = FakeIssuer::start();
    let answer = format!("echo '{}'", outside_token(issuer.url(), 1));
    let person = with_program(job(&issuer).with("BUILDKITE", "true"), "buildkite-agent", &answer);
    given(&person, &issuer);
    let expected = "oidc request-token --audience URL --claim organization_id --claim pipeline_id";
    assert_eq!(arguments(&person).join(" "), expected.replace("URL", issuer.url()));
    assert_eq!(issuer.exchanges()[0]["subject_token"], outside_token(issuer.url(), 1));
}

#[test]
fn a_program_of_that_name_in_the_project_is_never_called() {
    let issuer = FakeIssuer::start();
    let answer = format!("echo '{}'", outside_token(issuer.url(), 1));
    let person = with_program(job(&issuer).with("BUILDKITE", "true"), "buildkite-agent", &answer);
    let planted = person.write("buildkite-agent", "#!/bin/sh\ntouch called\n");
    fs::set_permissions(planted, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!(".::{}", person.home().join("bin").display());
    let person = person.with("PATH", path);
    given(&person, &issuer);
    assert!(!person.home().join("called").exists());
    let person = person.with("PATH", ".");
    assert!(person.sees(["ambient"]).contains("`buildkite-agent` is not on the `PATH`"));
}

#[test]
fn what_the_program_says_when_it_fails_is_told() {
    let issuer = FakeIssuer::start();
    let person = with_program(job(&issuer).with("BUILDKITE", "true"), "buildkite-agent", "echo 'no job' >&2; exit 1");
    let seen = person.sees(["token"]);
    assert!(seen.starts_with("exit code: 4"), "{seen}");
    assert!(seen.contains("`buildkite-agent` gives no identity token: no job"), "{seen}");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn without_the_program_the_agents_service_is_asked() {
    let issuer = FakeIssuer::start();
    let service = FakeService::start(|asked| {
        if asked.header("authorization") != "Token agent-secret" {
            return says(401, &json!({"message": "no"}));
        }
        says(200, &json!({"token": outside_token(asked.json()["audience"].as_str().unwrap(), asked.number)}))
    });
    let person = job(&issuer)
        .with("BUILDKITE", "true")
        .with("BUILDKITE_AGENT_ACCESS_TOKEN", "agent-secret")
        .with("BUILDKITE_JOB_ID", "0197-job")
        .with("BUILDKITE_AGENT_ENDPOINT", format!("{}/v3", service.url()));
    given(&person, &issuer);
    let [asked] = service.asked().try_into().unwrap();
    assert_eq!((asked.method.as_str(), asked.uri.path()), ("POST", "/v3/jobs/0197-job/oidc/tokens"));
    assert_eq!(asked.json(), json!({"audience": issuer.url(), "claims": ["organization_id", "pipeline_id"]}));
}

#[test]
fn circleci_is_asked_by_its_program_and_else_by_its_variable() {
    let issuer = FakeIssuer::start();
    let answer = format!("echo '{}'", outside_token(issuer.url(), 1));
    let person = with_program(job(&issuer).with("CIRCLECI", "true"), "circleci", &answer);
    given(&person, &issuer);
    let claims = format!("{{\"aud\":\"{}\"}}", issuer.url());
    assert_eq!(arguments(&person), ["run", "oidc", "get", "--root-issuer", "--claims", &claims]);
    // An older program does not know how, and the variable is there all the same.
    let older = with_program(job(&issuer).with("CIRCLECI", "true"), "circleci", "exit 1");
    let older = older.with("CIRCLE_OIDC_TOKEN_V2", outside_token("0b9c-organisation", 2));
    // That one is for the organisation, so somebody has to say that it may be sent here.
    assert_eq!(older.run(["token"]).status.code(), Some(4));
    let older = older.with("DAYPASS_AMBIENT", "circleci");
    given(&older, &issuer);
    assert_eq!(issuer.exchanges()[1]["subject_token"], outside_token("0b9c-organisation", 2));
}
