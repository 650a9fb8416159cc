//! Files win: whatever is stored, what a file says is in force, and what does not fit to it is not.

use std::sync::Arc;

use daypass_core::policy::Policy;
use daypass_issuer::LoadedPolicy;
use serde_json::{Value, json};

use crate::{
    admin::{APP, BOSS, PARTLY, PULLER, house, identity, policy},
    house::House,
};

/// The files with another text beside them.
fn and(provider: &str, more: &str) -> LoadedPolicy {
    let parts = [policy(provider).policy.as_ref().clone(), Policy::parse(more).unwrap()];
    LoadedPolicy { policy: Arc::new(Policy::merge(parts).unwrap()), ..LoadedPolicy::default() }
}

/// The files without one of their identities.
fn without(provider: &str, name: &str) -> LoadedPolicy {
    let mut document = policy(provider).policy.objects().to_json();
    document["identity"].as_array_mut().unwrap().retain(|identity| identity["name"] != name);
    let merged = Policy::merge([Policy::from_json(&document).unwrap()]).unwrap();
    LoadedPolicy { policy: Arc::new(merged), ..LoadedPolicy::default() }
}

fn readers(identities: &[&str]) -> Value {
    json!({"role": "reader", "index": "python", "projects": ["acme-*"], "identities": identities})
}

const ROLE: &str = "/api/v1/roles/readers";

#[tokio::test]
async fn an_identity_that_a_file_withdraws_is_gone_at_once_whatever_binds_it() {
    let mut house = house().await;
    let boss = house.as_repository(BOSS).await;
    let puller = house.as_repository(PULLER).await;
    assert_eq!(house.put(&boss, APP, &identity("acme-*", &["pull"])).await.status, 201);
    assert_eq!(house.put(&boss, ROLE, &readers(&["file/puller", "ci/app"])).await.status, 201);
    assert_eq!(house.ask(&boss, "GET", ROLE, "", &[]).await.json()["in_force"], true);
    assert_eq!(house.ask(&puller, "GET", "/api/v1/session", "", &[]).await.status, 200);

    house.issuer.replace_policy(without(house.provider.url(), "file/puller")).unwrap();
    assert_eq!(house.ask(&puller, "GET", "/api/v1/session", "", &[]).await.status, 401);
    let refused = house.exchange(&house.outside_token(json!({"repository_id": PULLER})), &[]).await;
    assert_eq!(refused.status, 400, "{}", refused.body);
    let shown = house.ask(&boss, "GET", ROLE, "", &[]).await.json();
    assert_eq!((&shown["in_force"], &shown["origin"]), (&json!(false), &json!("stored")));
    assert!(shown["reason"].as_str().unwrap().contains("file/puller"), "{shown}");
    let partly = house.as_repository(PARTLY).await;
    assert_eq!(house.ask(&partly, "GET", ROLE, "", &[]).await.status, 404, "it is nobody's");

    // What it bound beside goes on with what it has of its own; other things may be changed.
    house.as_repository("74").await;
    assert_eq!(house.put(&boss, APP, &identity("acme-x", &["pull"])).await.status, 200);
    let answer = house.put(&boss, "/api/v1/roles/other", &readers(&["file/puller"])).await;
    assert_eq!(answer.status, 422, "{}", answer.body);
    assert_eq!(house.put(&boss, ROLE, &readers(&["file/puller"])).await.status, 422);

    // A server that is started with such a state starts, and the usual files have no `file/puller` either.
    let restarted = house.another_issuer().await;
    assert!(restarted.policy().load().identity_called("ci/app").is_some());
    assert!(restarted.policy().load().bindings().is_empty());
    house.issuer = restarted;
    house.issuer.replace_policy(without(house.provider.url(), "file/puller")).unwrap();
    assert_eq!(house.ask(&boss, "DELETE", ROLE, "", &[]).await.status, 204);
    assert_eq!(house.ask(&boss, "GET", ROLE, "", &[]).await.status, 404);
}

#[tokio::test]
async fn a_name_that_a_file_takes_is_the_files() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    assert_eq!(house.put(&boss, APP, &identity("acme-*", &["pull"])).await.status, 201);
    assert_eq!(house.put(&boss, ROLE, &readers(&["ci/app"])).await.status, 201);
    let stored = house.as_repository("74").await;
    house.issuer.replace_policy(and(house.provider.url(), TAKEN)).unwrap();
    assert_eq!(house.ask(&stored, "GET", "/api/v1/session", "", &[]).await.status, 401);
    let access = house.as_repository("99").await;
    let session = house.ask(&access, "GET", "/api/v1/session", "", &[]).await.json().to_string();
    assert!(session.contains("of-file") && !session.contains("acme-"), "{session}");

    let all = house.ask(&boss, "GET", "/api/v1/identities", "", &[]).await.json();
    let called: Vec<_> =
        all["identities"].as_array().unwrap().iter().filter(|entry| entry["name"] == "ci/app").collect();
    let told: Vec<_> = called.iter().map(|entry| (entry["origin"].as_str().unwrap(), &entry["in_force"])).collect();
    assert_eq!(told, [("file", &json!(true)), ("stored", &json!(false))]);
    assert_eq!(house.put(&boss, APP, &identity("acme-*", &["pull"])).await.status, 409);

    // Whoever does not administer what comes into force by that cannot take the squatter away.
    assert_eq!(house.ask(&boss, "DELETE", APP, "", &[]).await.status, 204);
    assert_eq!(house.ask(&boss, "GET", APP, "", &[]).await.json()["origin"], "file");
    assert_eq!(house.ask(&access, "GET", "/api/v1/session", "", &[]).await.status, 200);
    assert_eq!(house.ask(&boss, "DELETE", APP, "", &[]).await.status, 409);
}

const TAKEN: &str = "[[issuer]]\nname = \"gh\"\npreset = \"github\"\n\n[[identity]]\nname = \"ci/app\"\nissuer = \"ci\"\nclaims = { repository_id = \"99\" }\ngrants = [ { index = \"python\", projects = [\"of-file\"], actions = [\"pull\"] } ]\n";

#[tokio::test]
async fn what_a_newer_version_stored_is_left_out_and_the_rest_is_in_force() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    store(&house, "issuer", "future", r#"{"name":"future","preset":"github","of_tomorrow":1}"#).await;
    store(&house, "identity", "ci/odd", "{").await;
    store(&house, "seal", "nobody-knows", "{}").await;
    assert_eq!(house.put(&boss, APP, &identity("acme-*", &["pull"])).await.status, 201);
    house.as_repository("74").await;
    let shown = house.ask(&boss, "GET", "/api/v1/issuers/future", "", &[]).await.json();
    assert_eq!((&shown["in_force"], &shown["object"]["of_tomorrow"]), (&json!(false), &json!(1)));
    let odd = "/api/v1/identities/ci%2Fodd";
    assert_eq!(house.ask(&boss, "GET", odd, "", &[]).await.json()["in_force"], false);
    assert_eq!(house.ask(&boss, "DELETE", odd, "", &[]).await.status, 204);
    let restarted = house.another_issuer().await;
    assert!(restarted.policy().load().identity_called("ci/app").is_some());
}

/// As another version of the server would.
async fn store(house: &House, kind: &'static str, name: &str, body: &str) {
    use daypass_core::audit::{AuditEvent, AuditKind, Outcome};
    let event = AuditEvent::new(house.now(), AuditKind::IssuerCreated, Outcome::Success, "test");
    let change = daypass_store::ChangeObject { kind, name: name.to_owned(), body: Some(body.to_owned()), event };
    let version = house.store.policy_version().await.unwrap();
    house.store.change_policy(version, house.now(), vec![change]).await.unwrap();
}
