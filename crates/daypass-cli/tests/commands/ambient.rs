//! A job or a machine gets its credential by what it is.
//!
//! One file for each way in which a provider is asked. The providers here speak as the reference says they do, and are
//! written from it.

mod azure_devops;
mod buildkite;
mod choice;
mod github;
mod gitlab;
mod google;
mod persons;
mod shared_home;
mod shown;

use serde_json::json;

use crate::{
    fake_issuer::FakeIssuer,
    fake_service::{FakeService, outside_token, says},
    person::Person,
};

/// A job that knows `issuer` and nothing else.
fn job(issuer: &FakeIssuer) -> Person {
    Person::new().with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_AMBIENT", "auto")
}

/// GitHub's service: a fresh token each time, for whoever asks with the job's secret.
pub(crate) fn github() -> FakeService {
    FakeService::start(|asked| {
        if asked.header("authorization") != "bearer runtime-secret" || asked.method != "GET" {
            return says(401, &json!({"message": "bad credentials"}));
        }
        says(200, &json!({"count": 1, "value": outside_token(&asked.parameter("audience").unwrap(), asked.number)}))
    })
}

/// A job on GitHub Actions with `permissions: id-token: write`.
pub(crate) fn on_github(person: Person, service: &FakeService) -> Person {
    person
        .with("GITHUB_ACTIONS", "true")
        .with("ACTIONS_ID_TOKEN_REQUEST_URL", format!("{}/a/b?api-version=2.0", service.url()))
        .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runtime-secret")
}

/// What the helper gives, which must succeed.
fn given(person: &Person, issuer: &FakeIssuer) -> String {
    let done = person.run(["helper", "keyring", "get", &issuer.index_url(), "ada"]);
    assert!(done.status.success(), "{}", person.told(&done));
    String::from_utf8(done.stdout).unwrap().trim_end().to_owned()
}
