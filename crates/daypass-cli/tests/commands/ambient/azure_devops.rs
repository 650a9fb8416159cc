//! A provider whose audience is always the same: such a token is sent only where a person paired it with the server.

use std::fs;

use insta::assert_snapshot;
use serde_json::json;

use super::given;
use crate::{
    fake_issuer::{FakeIssuer, access_token},
    fake_service::{FakeService, outside_token, says},
    person::Person,
};

const FIXED: &str = "api://AzureADTokenExchange";

fn service() -> FakeService {
    FakeService::start(|asked| {
        if asked.header("authorization") != "Bearer system-secret" || asked.header("content-length") != "0" {
            return says(400, &json!({"message": "TF400813"}));
        }
        says(200, &json!({"oidcToken": outside_token(FIXED, asked.number)}))
    })
}

fn step(service: &FakeService) -> Person {
    Person::new()
        .with("DAYPASS_AMBIENT", "auto")
        .with("TF_BUILD", "True")
        .with("SYSTEM_OIDCREQUESTURI", format!("{}/org/prj/_apis/oidctoken", service.url()))
        .with("SYSTEM_ACCESSTOKEN", "system-secret")
}

#[test]
fn it_is_sent_to_the_server_that_the_environment_names_with_the_provider() {
    let (issuer, service) = (FakeIssuer::start(), service());
    let person = step(&service).with("DAYPASS_SERVER", issuer.url()).with("DAYPASS_AMBIENT", "azure-devops");
    given(&person, &issuer);
    let [asked] = service.asked().try_into().unwrap();
    assert_eq!((asked.method.as_str(), asked.uri.path()), ("POST", "/org/prj/_apis/oidctoken"));
    assert_eq!(asked.parameter("api-version").as_deref(), Some("7.1"));
    assert_eq!(asked.parameter("serviceConnectionId"), None);
}

#[test]
fn it_is_not_sent_to_a_server_that_is_only_known() {
    let (issuer, service) = (FakeIssuer::start(), service());
    let person = step(&service);
    person.write_config(&format!("[[server]]\nurl = \"{}\"\n", issuer.url()));
    assert_snapshot!(person.sees(["token"]), @r"
    exit code: 4
    ----- stdout
    ----- stderr
    error: the identity token is meant for `api://AzureADTokenExchange` and not for `http://[SERVER]`, so it was not sent there

    hint: set it up for `http://[SERVER]`; where Azure Pipelines has only one audience, `DAYPASS_AMBIENT=azure-devops` together with `DAYPASS_SERVER=http://[SERVER]`, or `daypass login http://[SERVER] --ambient azure-devops`, says that it is for this server, whose policy must name that audience
    ");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn it_is_not_sent_to_a_server_only_because_that_is_named() {
    let (issuer, service) = (FakeIssuer::start(), service());
    let person = step(&service).with("DAYPASS_SERVER", issuer.url());
    for line in [&["token"][..], &["login", issuer.url()], &["login", issuer.url(), "--ambient", "auto"]] {
        let seen = person.sees(line.iter().copied());
        assert!(seen.starts_with("exit code: 4") && seen.contains("DAYPASS_AMBIENT=azure-devops"), "{seen}");
    }
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn a_sign_in_pairs_and_remembers_them() {
    let (issuer, other, service) = (FakeIssuer::start(), FakeIssuer::start(), service());
    let person = step(&service);
    let login = ["login", issuer.url(), "--identity", "ci/app", "--ambient", "azure-devops"];
    let done = person.run(login);
    assert!(done.status.success(), "{}", person.told(&done));
    let config = fs::read_to_string(person.config()).unwrap();
    assert!(config.contains("ambient = \"azure-devops\"") && config.contains("identity = \"ci/app\""), "{config}");
    person.age_entry(3000, 3600);
    assert_eq!(given(&person, &issuer), access_token(2));
    // `auto` chooses nothing, so it pairs nothing.
    assert_eq!(person.run(["login", other.url(), "--ambient", "auto"]).status.code(), Some(4));
    assert_eq!(other.requests(), 0);
}
