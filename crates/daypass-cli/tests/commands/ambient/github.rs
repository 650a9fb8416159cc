//! A provider with a fresh outside token for each request: what becomes of a job of any length.

use insta::assert_snapshot;
use serde_json::json;

use super::{github, given, job, on_github};
use crate::{
    fake_issuer::{FakeIssuer, access_token},
    fake_service::{FakeService, outside_token, says},
};

#[test]
fn a_job_with_nothing_secret_in_its_settings_gets_a_credential() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service);
    assert_eq!(given(&person, &issuer), access_token(1));
    let [asked] = service.asked().try_into().unwrap();
    assert_eq!((asked.method.as_str(), asked.uri.path()), ("GET", "/a/b"));
    assert_eq!(asked.parameter("api-version").as_deref(), Some("2.0"), "what the URL had stays");
    assert_eq!(asked.parameter("audience").as_deref(), Some(issuer.url()));
    assert_eq!(asked.header("authorization"), "bearer runtime-secret");
    assert_eq!(issuer.exchanges()[0]["subject_token"], outside_token(issuer.url(), 1));
    // From the cache, nobody is asked.
    assert_eq!(given(&person, &issuer), access_token(1));
    assert_eq!((service.asked().len(), issuer.exchanges().len()), (1, 1));
}

#[test]
fn a_long_job_goes_on_without_a_word() {
    let (issuer, service) = (FakeIssuer::start(), github());
    issuer.behave(|behaviour| behaviour.once = true);
    let person = on_github(job(&issuer), &service);
    for hour in 1..=6 {
        let done = person.run(["helper", "keyring", "get", &issuer.index_url(), "ada"]);
        assert_eq!(String::from_utf8(done.stdout).unwrap().trim_end(), access_token(hour));
        assert!(done.stderr.is_empty());
        // What is left is less than the start of another install needs.
        person.age_entry(3000, 3600);
    }
    assert_eq!(service.asked().len(), 6);
}

#[test]
fn a_job_without_the_permission_is_told_so_and_nobody_is_asked() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer).with("GITHUB_ACTIONS", "true").with("GITHUB_EVENT_NAME", "pull_request");
    assert_snapshot!(person.sees(["helper", "keyring", "get", &issuer.index_url()]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: GitHub Actions gives this job no identity token: `ACTIONS_ID_TOKEN_REQUEST_URL` and `ACTIONS_ID_TOKEN_REQUEST_TOKEN` are not set

    hint: add `permissions: id-token: write` to the job, and pass both into a container; a pull request from a fork gets none all the same
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn a_service_that_stumbles_is_asked_again_and_one_that_refuses_is_not() {
    let issuer = FakeIssuer::start();
    let stumbles = FakeService::start(|asked| match asked.number {
        1 => says(503, &json!({})),
        2 => says(429, &json!({})),
        number => says(200, &json!({"value": outside_token(&asked.parameter("audience").unwrap(), number)})),
    });
    assert_eq!(given(&on_github(job(&issuer), &stumbles), &issuer), access_token(1));
    assert_eq!(stumbles.asked().len(), 3);

    let refuses = FakeService::start(|_| says(403, &json!({"message": "Resource not accessible"})));
    assert_snapshot!(on_github(job(&issuer), &refuses).sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: GitHub Actions gives no identity token: status 403: Resource not accessible

    hint: `daypass ambient` shows who was asked and why; run the job again, and if it says the same, look at the provider's own pages for what lets a job have one
    ");
    assert_eq!(refuses.asked().len(), 1);

    let away = FakeService::start(|_| says(500, &json!({})));
    assert_eq!(on_github(job(&issuer), &away).run(["token"]).status.code(), Some(5));
    assert_eq!((away.asked().len(), issuer.exchanges().len()), (3, 1));
}

#[test]
fn while_the_service_is_away_what_is_left_of_the_credential_does() {
    let issuer = FakeIssuer::start();
    let service = FakeService::start(|asked| match asked.number {
        1 => says(200, &json!({"value": outside_token(&asked.parameter("audience").unwrap(), 1)})),
        _ => says(500, &json!({})),
    });
    let person = on_github(job(&issuer), &service);
    given(&person, &issuer);
    person.age_entry(3000, 3600);
    assert_eq!(given(&person, &issuer), access_token(1));
    person.age_entry(3590, 3600);
    assert_eq!(person.run(["token"]).status.code(), Some(5));
}

#[test]
fn an_answer_that_was_not_asked_for_goes_nowhere() {
    let issuer = FakeIssuer::start();
    for (answer, code) in [
        (json!({"value": outside_token("https://elsewhere.example.com", 1)}), 4),
        (json!({"value": "hunter2"}), 4),
        (json!({"token": outside_token(issuer.url(), 1)}), 5),
        (json!([]), 5),
    ] {
        let service = FakeService::start(move |_| says(200, &answer));
        let person = on_github(job(&issuer), &service);
        // Not even where the server was named: this audience was asked for.
        let done = person.run(["helper", "keyring", "get", &issuer.index_url()]);
        assert_eq!(done.status.code(), Some(code), "{}", person.told(&done));
        assert!(!String::from_utf8(done.stderr).unwrap().contains("hunter2"));
    }
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn the_jobs_secret_is_sent_in_clear_text_to_nobody_else() {
    let issuer = FakeIssuer::start();
    let person = job(&issuer)
        .with("ACTIONS_ID_TOKEN_REQUEST_URL", "http://192.0.2.1/?a=b")
        .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runtime-secret");
    let seen = person.sees(["token"]);
    assert!(seen.starts_with("exit code: 4") && seen.contains("may not be reached"), "{seen}");
}

#[test]
fn any_number_of_processes_ask_once() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let person = on_github(job(&issuer), &service);
    let helper = ["helper", "keyring", "get", &issuer.index_url(), "ada"];
    let children: Vec<_> = (0..16).map(|_| person.command(helper).spawn().unwrap()).collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!((service.asked().len(), issuer.exchanges().len()), (1, 1));
}
