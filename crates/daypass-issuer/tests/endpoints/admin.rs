//! `/api/v1/issuers`, `identities`, `roles` and `policy`: each change that is allowed beside one that is not.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, http::Request};
use daypass_core::{audit::AuditEvent, policy::Policy, session::SessionLimits};
use daypass_issuer::LoadedPolicy;
use serde_json::{Value, json};

use crate::house::{Answer, House, URL};

/// Who asks: the identity of that repository.
pub(crate) const BOSS: &str = "1";
pub(crate) const PARTLY: &str = "2";
pub(crate) const PULLER: &str = "3";

pub(crate) fn policy(provider: &str) -> LoadedPolicy {
    let identity = |name: &str, repository: &str, projects: &str, actions: &str| {
        format!(
            "[[identity]]\nname = \"{name}\"\nissuer = \"ci\"\nclaims = {{ repository_id = \"{repository}\" }}\n\
             grants = [ {{ index = \"python\", projects = [\"{projects}\"], actions = [{actions}] }} ]\n"
        )
    };
    let text = format!(
        "[[issuer]]\nname = \"ci\"\nurl = \"{provider}\"\nkeys = {{ discovery = true }}\n{}{}{}",
        identity("file/boss", BOSS, "*", "\"pull\", \"push\", \"admin\""),
        identity("file/partly", PARTLY, "acme-*", "\"pull\", \"admin\""),
        identity("file/puller", PULLER, "*", "\"pull\""),
    );
    let policy = Policy::merge([Policy::parse(&text).unwrap()]).unwrap();
    LoadedPolicy { policy: Arc::new(policy), ..LoadedPolicy::default() }
}

pub(crate) async fn house() -> House {
    House::build_at(URL, SessionLimits::default(), policy).await
}

pub(crate) fn identity(projects: &str, actions: &[&str]) -> Value {
    json!({
        "issuer": "ci",
        "claims": { "repository_id": "74", "ref": "refs/heads/main" },
        "grants": [{ "index": "python", "projects": [projects], "actions": actions }],
    })
}

pub(crate) const APP: &str = "/api/v1/identities/ci%2Fapp";

impl House {
    pub(crate) async fn as_repository(&self, repository_id: &str) -> String {
        let answer = self.exchange(&self.outside_token(json!({"repository_id": repository_id})), &[]).await;
        answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.body)).to_owned()
    }

    pub(crate) async fn ask(
        &self,
        who: &str,
        method: &str,
        path: &str,
        body: impl Into<Body>,
        more: &[(&str, &str)],
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {who}"));
        for (name, value) in more {
            request = request.header(*name, *value);
        }
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn put(&self, who: &str, path: &str, body: &Value) -> Answer {
        self.ask(who, "PUT", path, body.to_string(), &[]).await
    }

    pub(crate) async fn post_json(&self, who: &str, path: &str, body: &Value) -> Answer {
        self.ask(who, "POST", path, body.to_string(), &[]).await
    }
}

#[tokio::test]
async fn an_identity_is_made_assumed_changed_and_deleted_and_each_is_recorded_with_before_and_after() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    assert!(house.exchange(&house.outside_token(json!({})), &[]).await.body.contains("no identity matches"));
    let made = house.put(&boss, APP, &identity("acme-*", &["pull"])).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let entry = made.json();
    assert_eq!((&entry["name"], &entry["origin"]), (&json!("ci/app"), &json!("stored")));
    let event = house.last_event().await;
    assert_eq!((event.kind.as_str(), event.identity.as_deref()), ("identity.created", Some("file/boss")));
    let change = *event.change.unwrap();
    assert_eq!((change.name.as_str(), change.before, change.after.unwrap()), ("ci/app", None, entry["object"].clone()));

    let access = house.as_repository("74").await;
    assert_eq!(house.ask(&access, "GET", "/api/v1/session", "", &[]).await.status, 200);
    let mut off = identity("acme-*", &["pull"]);
    off["enabled"] = json!(false);
    assert_eq!(house.put(&boss, APP, &off).await.status, 200);
    assert_eq!(house.ask(&access, "GET", "/api/v1/session", "", &[]).await.status, 401, "it bites at once");
    let event = house.audit().await.into_iter().rfind(|event| event.change.is_some()).unwrap();
    assert_eq!(event.kind.as_str(), "identity.updated");
    assert_eq!(event.change.unwrap().after.unwrap()["enabled"], json!(false));

    let events = house.audit().await.len();
    assert_eq!(house.put(&boss, APP, &off).await.status, 200);
    assert_eq!(house.audit().await.len(), events, "what is so already is no change");

    assert_eq!(house.ask(&boss, "DELETE", APP, "", &[]).await.status, 204);
    assert_eq!(house.last_event().await.kind.as_str(), "identity.deleted");
    assert_eq!(house.ask(&boss, "DELETE", APP, "", &[]).await.status, 404);
    assert_eq!(house.ask(&boss, "GET", APP, "", &[]).await.status, 404);
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let house = house().await;
    let (boss, partly) = (house.as_repository(BOSS).await, house.as_repository(PARTLY).await);
    let puller = house.as_repository(PULLER).await;
    assert_eq!(house.put("nonsense", APP, &identity("acme-*", &["pull"])).await.status, 401);
    assert_eq!(house.put(&puller, APP, &identity("acme-*", &["pull"])).await.status, 403);
    assert_eq!(house.put(&partly, APP, &identity("acme-app", &["pull"])).await.status, 201);
    for (projects, actions) in [("*", &["pull"][..]), ("acme-app", &["pull", "push"]), ("other", &["pull"])] {
        let answer = house.put(&partly, APP, &identity(projects, actions)).await;
        assert_eq!(answer.status, 403, "{projects} {actions:?}: {}", answer.body);
        assert!(answer.json()["detail"].as_str().unwrap().contains("you do not hold"), "{}", answer.body);
    }
    let mut elsewhere = identity("acme-app", &["pull"]);
    elsewhere["grants"][0]["index"] = json!("*");
    assert_eq!(house.put(&partly, APP, &elsewhere).await.status, 403);

    // What is somebody else's is not theirs to change, to delete or to see.
    let other = "/api/v1/identities/other";
    assert_eq!(house.put(&boss, other, &identity("other", &["pull"])).await.status, 201);
    assert_eq!(house.put(&partly, other, &identity("acme-app", &["pull"])).await.status, 403);
    assert_eq!(house.ask(&partly, "DELETE", other, "", &[]).await.status, 403);
    assert_eq!(house.ask(&partly, "GET", other, "", &[]).await.status, 404);
    let seen = house.ask(&partly, "GET", "/api/v1/identities", "", &[]).await.json();
    let names: Vec<_> = seen["identities"].as_array().unwrap().iter().map(|entry| entry["name"].clone()).collect();
    assert_eq!(names, ["ci/app", "file/partly"]);
    assert_eq!(house.ask(&partly, "DELETE", APP, "", &[]).await.status, 204);

    // Whom to trust is for whoever administers everything.
    let issuer = json!({"preset": "github"});
    assert_eq!(house.put(&partly, "/api/v1/issuers/gh", &issuer).await.status, 403);
    assert_eq!(house.put(&boss, "/api/v1/issuers/gh", &issuer).await.status, 201);
    assert_eq!(house.ask(&partly, "DELETE", "/api/v1/issuers/gh", "", &[]).await.status, 403);

    // A role is a grant, too.
    let role = |projects: &str, role: &str| json!({"role": role, "index": "python", "projects": [projects], "users": ["local/ada"]});
    assert_eq!(house.put(&partly, "/api/v1/roles/r", &role("acme-*", "reader")).await.status, 201);
    assert_eq!(house.put(&partly, "/api/v1/roles/r", &role("acme-*", "publisher")).await.status, 403);
    assert_eq!(house.put(&partly, "/api/v1/roles/r", &role("*", "reader")).await.status, 403);

    // Nobody waits for these rows; they are there once something later is.
    let refused =
        |event: &AuditEvent| event.kind.as_str() == "access.denied" && event.identity.as_deref() == Some("file/puller");
    assert_eq!(house.audit().await.iter().filter(|event| refused(event)).count(), 1);
    assert_eq!(house.ask(&partly, "DELETE", "/api/v1/roles/r", "", &[]).await.status, 204);
}

#[tokio::test]
async fn what_a_file_defines_is_shown_and_cannot_be_changed() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    let path = "/api/v1/identities/file%2Fpuller";
    let shown = house.ask(&boss, "GET", path, "", &[]).await;
    assert_eq!((shown.status, &shown.json()["origin"]), (200, &json!("file")));
    for answer in [
        house.put(&boss, path, &identity("acme-*", &["pull"])).await,
        house.ask(&boss, "DELETE", path, "", &[]).await,
        house.put(&boss, "/api/v1/issuers/ci", &json!({"preset": "github"})).await,
    ] {
        assert_eq!(answer.status, 409, "{}", answer.body);
        assert!(answer.body.contains("defined by a policy file"), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_change_is_made_for_the_state_it_was_meant_for() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    let body = identity("acme-*", &["pull"]).to_string();
    let put = |headers: &'static [(&'static str, &'static str)]| house.ask(&boss, "PUT", APP, body.clone(), headers);
    assert_eq!(put(&[("if-match", "*")]).await.status, 412);
    assert_eq!(put(&[("if-none-match", "*")]).await.status, 201);
    assert_eq!(put(&[("if-none-match", "*")]).await.status, 412);
    let tag = house.ask(&boss, "GET", APP, "", &[]).await.headers["etag"].to_str().unwrap().to_owned();
    let more = identity("acme-x", &["pull"]).to_string();
    assert_eq!(house.ask(&boss, "PUT", APP, more.clone(), &[("if-match", &tag)]).await.status, 200);
    assert_eq!(house.ask(&boss, "DELETE", APP, "", &[("if-match", &tag)]).await.status, 412);

    let objects = json!({"identity": [named("ci/app", identity("acme-y", &["pull"]))]});
    let plan = house.post_json(&boss, "/api/v1/policy/plan", &json!({"objects": objects})).await.json();
    assert_eq!(plan["changes"][0]["action"], "update");
    let version = plan["version"].as_i64().unwrap();
    let apply = json!({"objects": objects, "version": version});
    assert_eq!(house.post_json(&boss, "/api/v1/policy/apply", &apply).await.status, 200);
    let stale = house.post_json(&boss, "/api/v1/policy/apply", &apply).await;
    assert_eq!(stale.status, 409, "{}", stale.body);
    let plan = house.post_json(&boss, "/api/v1/policy/plan", &json!({"objects": objects})).await.json();
    assert_eq!(plan["changes"], json!([]));
    let plan = house.post_json(&boss, "/api/v1/policy/plan", &json!({"objects": {}})).await.json();
    assert_eq!(plan["changes"][0]["action"], "delete", "what is not there is deleted");
}

pub(crate) fn named(name: &str, mut body: Value) -> Value {
    body["name"] = name.into();
    body
}

#[tokio::test]
async fn what_makes_no_sense_or_lets_in_strangers_changes_nothing() {
    let house = house().await;
    let boss = house.as_repository(BOSS).await;
    let with = |change: fn(&mut Value)| {
        let mut body = identity("acme-*", &["pull"]);
        change(&mut body);
        body.to_string()
    };
    for (body, status, expected) in [
        ("{".to_owned(), 400, "not understood"),
        ("[]".to_owned(), 422, "is an object"),
        (with(|body| body["grant"] = json!([])), 422, "unknown field"),
        (with(|body| body["name"] = json!("other")), 422, "another name"),
        (with(|body| body["issuer"] = json!("nobody")), 422, "not defined"),
        (with(|body| body["claims"] = json!({})), 422, "no `claims`"),
        (with(|body| body["ttl"] = json!("25h")), 422, "24 hours"),
        (with(|body| body["claims"] = json!({"ref": {"glob": "x*"}})), 422, "allow_broad"),
        (" ".repeat(70_000), 413, "too large"),
    ] {
        let answer = house.ask(&boss, "PUT", APP, body.clone(), &[]).await;
        assert_eq!(answer.status, status, "{body:.80}: {}", answer.body);
        assert!(answer.body.contains(expected), "{body:.80}: {}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
    }
    for (path, body, status) in [
        ("/api/v1/policy/apply", json!({"objects": {"provider": []}}), 422),
        ("/api/v1/policy/apply", json!({"objects": {}, "force": true}), 400),
        (
            "/api/v1/policy/plan",
            json!({"objects": {"issuer": [{"name": "x", "preset": "github", "ca_file": "x"}]}}),
            422,
        ),
        (
            "/api/v1/policy/plan",
            json!({"objects": {"identity": [named("a", identity("x", &["pull"])), named("a", identity("x", &["pull"]))]}}),
            422,
        ),
    ] {
        assert_eq!(house.post_json(&boss, path, &body).await.status, status, "{body}");
    }
    assert!(house.audit().await.iter().all(|event| event.change.is_none()));
    let broad = with(|body| body["claims"] = json!({"ref": {"glob": "x*"}}));
    let answer = house.ask(&boss, "PUT", &format!("{APP}?allow_broad=true"), broad, &[]).await;
    assert_eq!(answer.status, 201, "{}", answer.body);
    assert!(answer.json()["findings"].as_array().unwrap().iter().any(|finding| finding["severity"] == "error"));
    assert_eq!(house.ask(&boss, "DELETE", &format!("{APP}?alow=1"), "", &[]).await.status, 400);
}

#[tokio::test]
async fn the_descriptions_are_public_and_refer_to_what_is_there() {
    let house = house().await;
    let schema = house.get("/api/v1/policy/schema.json").await;
    assert_eq!((schema.status, &schema.json()["title"]), (200, &json!("daypass policy")));
    let document = house.get("/api/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let text = document.to_string();
    assert!(!text.contains("$defs"));
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
    // Each path is there: whoever brings no access token is told so, and not that there is nothing.
    for (path, operations) in document["paths"].as_object().unwrap() {
        // Those of the indexes are answered by the index: the journeys ask the whole server.
        if path.contains(".json") || path.starts_with("/api/v1/indexes") {
            continue;
        }
        for method in operations.as_object().unwrap().keys() {
            let path = path.replace("{name}", "x").replace("{id}", "00000000-0000-4000-8000-000000000000");
            let request = Request::builder().method(method.to_uppercase().as_str()).uri(&path);
            let answer = house.send(request.body(Body::empty()).unwrap()).await;
            assert_eq!(answer.status, 401, "{method} {path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn every_replica_follows_within_five_seconds_and_keeps_what_it_has_when_it_makes_no_sense() {
    let mut house = house().await;
    let replica = house.another_issuer().await;
    replica.replace_policy(policy(house.provider.url())).unwrap();
    let running = replica.clone();
    let following = tokio::spawn(async move { running.run().await });
    let boss = house.as_repository(BOSS).await;
    assert_eq!(house.put(&boss, APP, &identity("acme-*", &["pull"])).await.status, 201);

    let first = std::mem::replace(&mut house.issuer, replica.clone());
    let mut waited = Duration::ZERO;
    while house.ask(&boss, "GET", APP, "", &[]).await.status != 200 {
        waited += Duration::from_millis(100);
        assert!(waited < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(replica.policy().load().identity_called("ci/app").is_some(), "the index sees it, too");

    // A file of this replica now has the name of what is stored next: it goes on with what it has.
    let clash = "[[issuer]]\nname = \"gh\"\npreset = \"gitlab\"\n";
    let parts = [policy(house.provider.url()).policy.as_ref().clone(), Policy::parse(clash).unwrap()];
    let merged = Arc::new(Policy::merge(parts).unwrap());
    replica.replace_policy(LoadedPolicy { policy: merged, ..LoadedPolicy::default() }).unwrap();
    house.issuer = first;
    assert_eq!(house.put(&boss, "/api/v1/issuers/gh", &json!({"preset": "github"})).await.status, 201);
    tokio::time::sleep(Duration::from_millis(2500)).await;
    let there = replica.policy().load();
    assert!(there.identity_called("ci/app").is_some());
    assert_eq!(&*there.issuer(&"gh".parse().unwrap()).unwrap().url, "https://gitlab.com");
    following.abort();
}
