//! A job's identity and a person's session on one machine.

use std::fs;

use super::{github, given, on_github};
use crate::{
    browser::Browser,
    fake_issuer::{FakeIssuer, people::access_token_of_session},
    fake_service::{FakeService, outside_token},
    people::session,
    person::Person,
    terminal,
};

#[test]
fn whoever_is_signed_in_is_not_replaced_by_the_machine() {
    let (issuer, service) = (FakeIssuer::start(), github());
    let (person, _browser) = session::signed_in(&issuer);
    let person = on_github(person.with("DAYPASS_AMBIENT", "auto"), &service);
    assert_eq!(given(&person, &issuer), access_token_of_session(1));
    // Nor when the session is refreshed.
    person.age_entry(3000, 3600);
    assert_eq!(given(&person, &issuer), access_token_of_session(2));
    assert_eq!((service.asked().len(), issuer.exchanges().len()), (0, 0));
}

#[test]
fn a_job_with_a_display_opens_no_browser() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()).with("DISPLAY", ":0"));
    // What is set up wrong is an error, and no reason to ask anybody. Not even where nothing says that this is a CI.
    let person = person.with("DAYPASS_AMBIENT", "auto").with("VERCEL", "1").with("CI", "");
    let done = terminal::run(&person, "job", &["helper", "keyring", "get", &issuer.index_url()]).end();
    assert_eq!(done.status.code(), Some(4));
    assert!(done.stderr.contains("turn OIDC federation on") && browser.tabs().is_empty(), "{done:?}");
}

#[test]
fn at_a_desk_in_a_cloud_a_person_signs_in_where_the_machine_is_nobody() {
    let issuer = FakeIssuer::start();
    let refusal = serde_json::json!({"error": "invalid_request", "error_description": "no identity matches"});
    issuer.behave(|behaviour| behaviour.refusal = Some((400, refusal)));
    let service = FakeService::start(|asked| {
        let token = outside_token(&asked.parameter("audience").unwrap(), asked.number);
        axum::response::Response::builder().header("metadata-flavor", "Google").body(token.into()).unwrap()
    });
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()));
    let person = person.with("DAYPASS_AMBIENT", "auto").with("GCE_METADATA_HOST", service.authority());
    let running = terminal::run(&person, "pip", &["helper", "keyring", "get", &issuer.index_url(), "ada"]);
    browser.sign_in();
    let done = running.end();
    assert!(done.status.success(), "{done:?}");
    assert!(done.stderr.contains("Google Cloud vouches for this machine, but"), "{done:?}");
    assert_eq!(done.stdout.trim_end(), access_token_of_session(1));
    assert!(fs::read_dir(person.cache()).unwrap().count() > 0 && service.asked().len() == 1);
}
