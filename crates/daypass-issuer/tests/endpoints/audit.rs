//! `GET /api/v1/audit`.

use axum::{body::Body, http::Request};
use daypass_issuer::LoadedPolicy;
use serde_json::{Value, json};

use crate::{
    house::{Answer, House},
    people,
};

impl House {
    async fn access_token(&self, repository_id: &str) -> String {
        let answer = self.exchange(&self.outside_token(json!({"repository_id": repository_id})), &[]).await;
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn read_audit(&self, query: &str, access_token: &str) -> Answer {
        let request = Request::get(format!("/api/v1/audit{query}"));
        self.send(request.header("authorization", format!("Bearer {access_token}")).body(Body::empty()).unwrap()).await
    }
}

#[tokio::test]
async fn an_administrator_reads_one_event_per_line() {
    let house = House::build().await;
    let admin = house.access_token("75").await;
    let answer = house.read_audit("", &admin).await;
    assert_eq!((answer.status, &answer.headers["content-type"]), (200, &"application/jsonl".parse().unwrap()));
    let events: Vec<Value> = answer.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = events.last().unwrap();
    assert_eq!((&last["kind"], &last["identity"]), (&json!("token.exchanged"), &json!("ci/auditor")));
    for key in ["time", "kind", "outcome", "actor", "identity", "reason", "request_id", "token_sha256"] {
        assert!(last.get(key).is_some(), "{key}");
    }
    let since = format!("?since={}&limit=5", house.now());
    assert_eq!(house.read_audit(&since, &admin).await.status, 200);
    assert_eq!(house.read_audit("?sinse=x", &admin).await.status, 400);
}

#[tokio::test]
async fn events_of_one_kind_are_asked_for_by_its_name() {
    let house = House::build().await;
    let admin = house.access_token("75").await;
    house.access_token("74").await;
    let kinds = |answer: &Answer| -> Vec<Value> {
        answer.body.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["kind"].clone()).collect()
    };
    let all = kinds(&house.read_audit("", &admin).await);
    let exchanged = kinds(&house.read_audit("?kind=token.exchanged", &admin).await);
    assert!(
        all.len() > exchanged.len() && exchanged == [json!("token.exchanged"), json!("token.exchanged")],
        "{all:?}"
    );
    let since = format!("?kind=token.exchanged&limit=1&since={}", house.now());
    assert_eq!(kinds(&house.read_audit(&since, &admin).await).len(), 1);
    assert!(kinds(&house.read_audit("?kind=pull.blocked", &admin).await).is_empty());
    assert_eq!(house.read_audit("?kind=pull.bloked", &admin).await.status, 400);
}

#[tokio::test]
async fn nobody_else_reads_it() {
    let house = House::build().await;
    let (admin, job) = (house.access_token("75").await, house.access_token("74").await);
    assert_eq!(house.get("/api/v1/audit").await.status, 401);
    assert_eq!(house.read_audit("", "x").await.status, 401);
    assert_eq!(house.read_audit("", &house.outside_token(json!({}))).await.status, 401);
    assert_eq!(house.read_audit("", &job).await.status, 403);
    house.post("/oauth/revoke", &[("token", &admin)]).await;
    assert_eq!(house.read_audit("", &admin).await.status, 401);
}

#[tokio::test]
async fn who_administers_some_projects_does_not_read_of_all() {
    let house = people::house().await;
    let text = people::written(house.provider.url());
    let with = |projects: &str| {
        let role = format!(
            "[[role]]\nrole = \"admin\"\nindex = \"python\"\nprojects = [\"{projects}\"]\nusers = [\"corp/*\"]"
        );
        people::loaded(&format!("{text}\n{role}\n"))
    };
    for (projects, status) in [("acme-*", 403), ("*", 200)] {
        house.issuer.replace_policy(with(projects)).unwrap();
        assert_eq!(house.read_audit("", &house.session().await.access).await.status, status, "{projects}");
    }
}

#[tokio::test]
async fn a_withdrawn_rule_bites_at_once() {
    let house = House::build().await;
    let admin = house.access_token("75").await;
    house.issuer.replace_policy(LoadedPolicy::default()).unwrap();
    assert_eq!(house.read_audit("", &admin).await.status, 403);
}
