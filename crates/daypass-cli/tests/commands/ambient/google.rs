//! A metadata service: asked where the machine looks like that cloud, never through a proxy, and not believed blindly.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{given, job};
use crate::{
    fake_issuer::FakeIssuer,
    fake_service::{Asked, FakeService, outside_token, says},
};

fn identity(asked: &Asked, flavor: &str) -> axum::response::Response {
    if asked.header("metadata-flavor") != "Google" {
        return says(403, &json!({}));
    }
    let token = outside_token(&asked.parameter("audience").unwrap(), asked.number);
    axum::response::Response::builder().header("metadata-flavor", flavor).body(token.into()).unwrap()
}

#[test]
fn a_machine_of_googles_gets_a_credential() {
    let issuer = FakeIssuer::start();
    let service = FakeService::start(|asked| identity(asked, "Google"));
    let proxy = FakeService::start(|_| says(500, &json!({})));
    let mut person = job(&issuer).with("GCE_METADATA_HOST", service.authority());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
        person = person.with(name, proxy.url());
    }
    given(&person, &issuer);
    let [asked] = service.asked().try_into().unwrap();
    assert_eq!(asked.uri.path(), "/computeMetadata/v1/instance/service-accounts/default/identity");
    assert_eq!(asked.parameter("audience").as_deref(), Some(issuer.url()));
    assert_eq!(asked.parameter("format").as_deref(), Some("full"));
    assert_eq!(proxy.asked().len(), 0);
}

#[test]
fn a_token_that_comes_again_is_bridged_by_what_is_left_and_else_explained() {
    let issuer = FakeIssuer::start();
    issuer.behave(|behaviour| behaviour.once = true);
    let kept = outside_token(issuer.url(), 1);
    let service = FakeService::start(move |_| {
        axum::response::Response::builder().header("metadata-flavor", "Google").body(kept.clone().into()).unwrap()
    });
    let person = job(&issuer).with("GCE_METADATA_HOST", service.authority());
    let first = given(&person, &issuer);
    person.age_entry(3000, 3600);
    assert_eq!(given(&person, &issuer), first);
    person.age_entry(3600, 3600);
    let seen = person.sees(["token"]);
    assert!(seen.starts_with("exit code: 3") && seen.contains("gives the same identity token again"), "{seen}");
    assert!(seen.contains("`replay` of its issuer"), "{seen}");
}

#[test]
fn whoever_answers_in_its_place_is_not_believed() {
    let issuer = FakeIssuer::start();
    let service = FakeService::start(|asked| identity(asked, "other"));
    let person = job(&issuer).with("GCE_METADATA_HOST", service.authority());
    let seen = person.sees(["token"]);
    assert!(seen.contains("whoever answers is not Google's metadata service"), "{seen}");
    assert_eq!(issuer.requests(), 0);
}

#[test]
fn a_service_that_does_not_answer_costs_two_seconds() {
    let issuer = FakeIssuer::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let begun = Instant::now();
    let person = job(&issuer).with("GCE_METADATA_HOST", address);
    assert_eq!(person.run(["token"]).status.code(), Some(5));
    assert!((1..4).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    let begun = Instant::now();
    assert_eq!(person.run(["ambient"]).status.code(), Some(0));
    assert!(begun.elapsed() < Duration::from_secs(1), "a look asks nobody");
}

#[test]
fn only_the_machine_itself_is_taken_for_a_metadata_service() {
    let issuer = FakeIssuer::start();
    for host in ["192.0.2.1", "10.0.0.1:80", "1.1.1.1"] {
        let seen = job(&issuer).with("GCE_METADATA_HOST", host).sees(["token"]);
        assert!(seen.starts_with("exit code: 4") && seen.contains("may not be reached"), "{seen}");
    }
}

#[test]
fn an_app_of_azures_gets_a_credential() {
    let issuer = FakeIssuer::start();
    let service = FakeService::start(|asked| {
        if asked.header("x-identity-header") != "app-secret" || asked.parameter("api-version").unwrap() != "2019-08-01"
        {
            return says(400, &json!({"error": "invalid_request", "error_description": "Required metadata header"}));
        }
        says(
            200,
            &json!({"access_token": outside_token(&asked.parameter("resource").unwrap(), 1), "token_type": "Bearer"}),
        )
    });
    let app = |secret: &str| {
        let endpoint = format!("{}/msi/token", service.url());
        job(&issuer).with("IDENTITY_ENDPOINT", endpoint).with("IDENTITY_HEADER", secret)
    };
    given(&app("app-secret").with("AZURE_CLIENT_ID", "c-1"), &issuer);
    let asked = service.asked().remove(0);
    assert_eq!((asked.uri.path(), asked.parameter("client_id").as_deref()), ("/msi/token", Some("c-1")));
    let seen = app("wrong").sees(["token"]);
    assert!(seen.contains("status 400: Required metadata header") && seen.contains("application ID URI"), "{seen}");
}
