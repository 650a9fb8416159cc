//! A provider that gives each job one outside token: what is safe for it, and what it is told at the end.

use insta::assert_snapshot;
use serde_json::json;

use super::{given, job};
use crate::{
    fake_issuer::{FakeIssuer, access_token},
    fake_service::outside_token,
    person::Person,
};

fn on_gitlab(issuer: &FakeIssuer, variable: &str) -> Person {
    job(issuer).with("GITLAB_CI", "true").with(variable, outside_token(issuer.url(), 1))
}

/// GitLab's habit: the audience in capitals.
fn by_audience(issuer: &FakeIssuer) -> String {
    let capitals = issuer.url().to_ascii_uppercase();
    format!("{}_ID_TOKEN", capitals.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

#[test]
fn the_token_is_in_a_variable_of_either_name() {
    let issuer = FakeIssuer::start();
    for variable in [by_audience(&issuer), "DAYPASS_ID_TOKEN".to_owned()] {
        given(&on_gitlab(&issuer, &variable), &issuer);
    }
    assert_eq!(issuer.exchanges()[1]["subject_token"], outside_token(issuer.url(), 1));
    // The variable of another audience is none.
    let person = on_gitlab(&issuer, "HTTPS___ELSEWHERE_EXAMPLE_COM_ID_TOKEN");
    assert_snapshot!(person.sees(["token"]).replace(&by_audience(&issuer), "[AUDIENCE]_ID_TOKEN"), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: GitLab CI/CD gives this job no identity token: `[AUDIENCE]_ID_TOKEN` or `DAYPASS_ID_TOKEN` is not set

    hint: add `id_tokens: { DAYPASS_ID_TOKEN: { aud: http://[SERVER] } }` to the job
    ");
}

#[test]
fn where_the_one_token_is_taken_once_its_credential_does_until_its_end() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.once = true);
    let person = on_gitlab(&issuer, "DAYPASS_ID_TOKEN");
    given(&person, &issuer);
    person.age_entry(3000, 3600);
    assert_eq!(given(&person, &issuer), access_token(1));
    person.age_entry(3600, 3600);
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 3
    ----- stdout
    ----- stderr
    error: http://[SERVER]: the server takes this outside token no more: it was exchanged before

    hint: GitLab CI/CD gives each job one identity token, and this server takes it no more: install while the credential of the first time lasts, or have the server take it more often (`replay` of its issuer)
    ");
}

#[test]
fn where_it_is_taken_more_often_the_job_goes_on_until_the_token_ends() {
    let issuer = FakeIssuer::start();
    let person = on_gitlab(&issuer, "DAYPASS_ID_TOKEN");
    for hour in 1..=3 {
        assert_eq!(given(&person, &issuer), access_token(hour));
        person.age_entry(3600, 3600);
    }
    let refusal = json!({"error": "invalid_request", "error_description": "the outside token is over"});
    issuer.behave(|behaviour| behaviour.refusal = Some((400, refusal)));
    // One that is not over is refused for another reason, which needs no such advice.
    assert!(!person.sees(["token"]).contains("no new one"));
    let over = with_end(&outside_token(issuer.url(), 1), 1);
    let seen = person.with("DAYPASS_ID_TOKEN", over).sees(["token"]);
    assert!(seen.starts_with("exit code: 3") && seen.contains("no new one can be had in this job"), "{seen}");
}

/// The same token, with another end.
fn with_end(token: &str, end: u64) -> String {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let mut parts: Vec<_> = token.split('.').map(ToOwned::to_owned).collect();
    let mut claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(&parts[1]).unwrap()).unwrap();
    claims["exp"] = json!(end);
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}
