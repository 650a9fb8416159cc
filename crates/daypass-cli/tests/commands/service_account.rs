//! `daypass service-account keygen`, and signing in with its key.

use std::{fs, os::unix::fs::PermissionsExt};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    fake_issuer::{FakeIssuer, access_token},
    person::{Person, mode, now},
};

fn part(assertion: &str, number: usize) -> Value {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(assertion.split('.').nth(number).unwrap()).unwrap()).unwrap()
}

fn keygen(person: &Person) -> Value {
    let done = person.run(["service-account", "keygen", "--name", "build-box", "--out", "box.pem", "-o", "json"]);
    assert!(done.status.success(), "{}", person.told(&done));
    serde_json::from_slice(&done.stdout).unwrap()
}

fn login(person: &Person, issuer: &FakeIssuer) -> String {
    person.sees(["login", issuer.url(), "--service-account", "build-box", "--key", "box.pem"])
}

#[test]
fn a_key_is_made_closed_to_others_and_what_is_printed_is_public() {
    let person = Person::new();
    let done = person.run(["service-account", "keygen", "--name", "build-box", "--out", "box.pem"]);
    let printed = String::from_utf8(done.stdout).unwrap();
    let key = fs::read_to_string(person.home().join("box.pem")).unwrap();
    assert_eq!(mode(&person.home().join("box.pem")), 0o600);
    assert!(key.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    for line in key.lines().filter(|line| !line.starts_with('-')) {
        assert!(!printed.contains(line) && !String::from_utf8_lossy(&done.stderr).contains(line));
    }
    let policy: Value = serde_json::to_value(toml::from_str::<toml::Table>(&printed).unwrap()).unwrap();
    let account = &policy["service_account"][0];
    assert_eq!(account["name"], "build-box");
    let jwk = &account["keys"]["inline"]["keys"][0];
    assert_eq!((&jwk["kty"], &jwk["crv"], jwk.get("d")), (&json!("EC"), &json!("P-256"), None));

    let again = person.run(["service-account", "keygen", "--name", "build-box", "--out", "box.pem"]);
    assert_eq!((again.status.code(), again.stdout.is_empty()), (Some(2), true));
    assert_eq!(fs::read_to_string(person.home().join("box.pem")).unwrap(), key, "what is there is not touched");
    let bad = person.run(["service-account", "keygen", "--name", "build box", "--out", "new.pem"]);
    assert_eq!((bad.status.code(), person.home().join("new.pem").exists()), (Some(2), false));
}

#[test]
fn a_machine_signs_in_with_its_key_and_renews_itself_with_a_fresh_assertion() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    let made = keygen(&person);
    let told = login(&person, &issuer);
    assert!(told.contains("as `service-account/build-box`"), "{told}");
    let config = fs::read_to_string(person.config()).unwrap();
    assert!(config.contains("identity = \"service-account/build-box\"") && config.contains("box.pem\""), "{config}");
    assert!(!config.contains("PRIVATE KEY"));

    person.age_entry(3500, 3600);
    let done = person.run(["helper", "keyring", "--mode=creds", "get", &issuer.index_url()]);
    assert!(String::from_utf8(done.stdout.clone()).unwrap().contains(&access_token(2)), "{}", person.told(&done));
    assert!(done.stderr.is_empty(), "silently");

    let asked = issuer.exchanges();
    let assertions: Vec<_> = asked.iter().map(|form| form["client_assertion"].clone()).collect();
    assert_eq!(assertions.len(), 2);
    let ids: Vec<_> = assertions.iter().map(|assertion| part(assertion, 1)["jti"].clone()).collect();
    assert_ne!(ids[0], ids[1], "each is good once");
    for (form, assertion) in asked.iter().zip(&assertions) {
        assert_eq!(form["grant_type"], "client_credentials");
        let (header, claims) = (part(assertion, 0), part(assertion, 1));
        assert_eq!((&header["alg"], &header["kid"]), (&json!("ES256"), &made["public_jwk"]["kid"]));
        assert_eq!((&claims["iss"], &claims["sub"]), (&made["client_id"], &json!("service-account:build-box")));
        assert_eq!(claims["aud"], json!(issuer.url()), "a single text");
        let life = claims["exp"].as_i64().unwrap() - now().as_second();
        assert!((1..=300).contains(&life), "{life}");
    }
    let told = person.sees(["status", "--quick"]);
    assert!(told.starts_with("exit code: 0") && told.contains("box.pem"), "{told}");
}

#[test]
fn a_key_that_others_could_read_or_that_is_none_is_not_used() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    keygen(&person);
    let key = person.home().join("box.pem");
    for open in [0o640, 0o604, 0o620] {
        fs::set_permissions(&key, fs::Permissions::from_mode(open)).unwrap();
        let told = login(&person, &issuer);
        assert!(told.starts_with("exit code: 6") && told.contains("is open to other users"), "{told}");
    }
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let good = fs::read_to_string(&key).unwrap();
    for text in ["", "x", &good.replace("PRIVATE", "PUBLIC"), &"x".repeat(20_000)] {
        fs::write(&key, text).unwrap();
        let told = login(&person, &issuer);
        assert!(told.starts_with("exit code: 6") && !told.contains(good.lines().nth(1).unwrap()), "{told}");
    }
    fs::remove_file(&key).unwrap();
    assert!(login(&person, &issuer).contains("cannot read the service account's key"));
    assert!(issuer.exchanges().is_empty() && !person.config().exists());
    fs::write(&key, good).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(login(&person, &issuer).starts_with("exit code: 0"));
}

#[test]
fn a_name_without_a_key_and_a_key_without_a_name_are_nothing() {
    let issuer = FakeIssuer::start();
    let person = Person::new();
    keygen(&person);
    for more in [
        &["--service-account", "build-box"][..],
        &["--key", "box.pem"],
        &["--service-account", "build-box", "--key", "box.pem", "--identity", "ci/app"],
        &["--service-account", "build-box", "--key", "box.pem", "--device"],
        &["--service-account", "build/box", "--key", "box.pem"],
    ] {
        let done = person.run(["login", issuer.url()].iter().chain(more));
        assert_eq!(done.status.code(), Some(2), "{}", person.told(&done));
    }
    person.write_config(&format!(
        "[[server]]\nurl = \"{}\"\nidentity = \"ci/app\"\nservice_account_key_path = \"/box.pem\"\n",
        issuer.url()
    ));
    assert!(person.sees(["token"]).contains("`service_account_key_path` must be absolute"));
    assert_eq!(issuer.requests(), 0);
}
