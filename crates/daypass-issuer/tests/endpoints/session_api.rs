//! `GET /api/v1/session`.

use axum::{body::Body, http::Request};
use serde_json::json;

use crate::people::{Tokens, house, loaded, written};

#[tokio::test]
async fn a_person_reads_who_they_are_until_when_and_what_for() {
    let house = house().await;
    let tokens = house.session().await;
    let answer = house.session_api(&tokens.access).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    assert_eq!(body["person"], json!({"name": "ada@example.com", "provider": "corp", "email": "ada@example.com"}));
    assert_eq!(body["identity"], json!(null));
    assert_eq!(
        body["indexes"],
        json!([{"index": "python", "url": "https://packages.example.com/python/simple/", "projects": ["*"],
                "actions": ["pull"]}])
    );
    let second = |name: &str| body[name].as_str().unwrap().parse::<daypass_core::Timestamp>().unwrap().as_second();
    assert_eq!(second("expires_at") - house.now().as_second(), 3_600);
    assert_eq!(second("session_expires_at") - house.now().as_second(), 43_200);
}

#[tokio::test]
async fn a_workload_has_an_identity_and_no_session() {
    let house = house().await;
    let exchanged = house.exchange(&house.outside_token(json!({})), &[]).await.json();
    let body = house.session_api(exchanged["access_token"].as_str().unwrap()).await.json();
    assert_eq!((&body["person"], &body["session_expires_at"]), (&json!(null), &json!(null)));
    assert_eq!((&body["identity"], &body["indexes"][0]["projects"]), (&json!("ci/app"), &json!(["acme-*"])));
}

#[tokio::test]
async fn nobody_else_reads_anything() {
    let house = house().await;
    let tokens = house.session().await;
    let mut flipped = tokens.access.clone();
    let middle = flipped.len() / 2;
    flipped.replace_range(middle..=middle, if &flipped[middle..=middle] == "A" { "B" } else { "A" });
    for bearer in ["", "x", "a.b.c", &tokens.refresh, &house.outside_token(json!({})), &flipped] {
        let answer = house.session_api(bearer).await;
        assert_eq!(answer.status, 401, "{}", answer.body);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"daypass\"");
        assert_eq!(answer.json()["status"], 401);
    }
    assert_eq!(house.get("/api/v1/session").await.status, 401);
    let in_query = format!("/api/v1/session?access_token={}", tokens.access);
    assert_eq!(house.get(&in_query).await.status, 401, "RFC 9700 §4.3.2: never in a query");
    let request = Request::get("/api/v1/session").header("authorization", format!("Basic {}", tokens.access));
    assert_eq!(house.send(request.body(Body::empty()).unwrap()).await.status, 401);
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_not_shown_any_more() {
    let house = house().await;
    let tokens = house.session().await;
    let text = written(house.provider.url());
    let more = format!(
        "{text}\n[[role]]\nrole = \"publisher\"\nindex = \"python\"\nprojects = [\"acme-*\"]\nusers = [\"corp/00u1\"]"
    );
    house.issuer.replace_policy(loaded(&more)).unwrap();
    let both = Tokens::of(&house.refresh(&tokens.refresh).await);
    let told = async |access: &str| {
        let body = house.session_api(access).await.json();
        let entries = body["indexes"].as_array().unwrap().iter();
        entries.map(|entry| (entry["projects"].clone(), entry["actions"].clone())).collect::<Vec<_>>()
    };
    let (all, ours) = ((json!(["*"]), json!(["pull"])), (json!(["acme-*"]), json!(["pull", "push", "yank"])));
    // Who pulls all and pushes a few does not push all.
    assert!(told(&both.access).await.contains(&all) && told(&both.access).await.contains(&ours));
    assert!(!told(&tokens.access).await.contains(&ours), "what it was not signed for it never gets");
    house.issuer.replace_policy(loaded(&text)).unwrap();
    assert!(!told(&both.access).await.contains(&ours) && told(&both.access).await.contains(&all));
    house.issuer.replace_policy(loaded(&text.replace("corp/engineering", "corp/sales"))).unwrap();
    assert_eq!(house.session_api(&both.access).await.status, 401);
}
