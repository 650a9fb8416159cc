//! `/api/v1/pull-tokens`, and `POST /oauth/revoke` with one.

use axum::{body::Body, http::Request};
use daypass_core::{SignedDuration, audit::AuditKind, digest::Sha256};
use serde_json::{Value, json};

use crate::{
    house::{Answer, House},
    narrower::narrow,
    people::{self, Tokens, house, loaded, written},
};

const DAY: i64 = 24 * 3600;

impl House {
    async fn pull_tokens(&self, method: &str, tail: &str, bearer: &str, body: impl ToString) -> Answer {
        let request = Request::builder().method(method).uri(format!("/api/v1/pull-tokens{tail}"));
        let request = request.header("authorization", format!("Bearer {bearer}"));
        self.send(request.header("content-type", "application/json").body(Body::from(body.to_string())).unwrap()).await
    }

    /// Makes one; it must be made.
    async fn pull_token(&self, access: &str, wanted: Value) -> Value {
        let answer = self.pull_tokens("POST", "", access, wanted).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        assert_eq!(answer.headers["cache-control"], "no-store");
        answer.json()
    }

    async fn listed(&self, access: &str) -> Vec<Value> {
        let answer = self.pull_tokens("GET", "", access, "").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(!answer.body.contains("daypass_pt_"), "never shown again: {}", answer.body);
        answer.json()["pull_tokens"].as_array().unwrap().clone()
    }
}

/// The policy, in which `bob` administers everything besides.
fn with_administrator(house: &House) {
    let text = written(house.provider.url());
    let role = "[[role]]\nrole = \"admin\"\nindex = \"python\"\nusers = [\"corp/00u2\"]\n";
    house.issuer.replace_policy(loaded(&format!("{text}\n{role}"))).unwrap();
}

/// Bob signs in.
async fn bob(house: &House) -> Tokens {
    house.provider.set_person(json!({"sub": "00u2", "name": "Bob", "groups": ["engineering"]}), json!({}));
    let tokens = house.session().await;
    people::ada(&house.provider, json!(["engineering"]));
    tokens
}

#[tokio::test]
async fn a_person_makes_a_pull_token_sees_it_in_the_list_and_revokes_it() {
    let house = house().await;
    let access = house.session().await.access;
    let wanted = json!({
        "name": "scanner", "expires_in": 7 * DAY, "grants": [{"index": "python", "projects": ["Acme_*"]}],
    });
    let made = house.pull_token(&access, wanted).await;
    let secret = made["pull_token"].as_str().unwrap();
    assert!(secret.starts_with("daypass_pt_") && secret.len() == 60, "{secret}");
    let grants = json!([{"index": "python", "projects": ["acme-*"], "actions": ["pull"]}]);
    assert_eq!((&made["name"], &made["grants"]), (&json!("scanner"), &grants));
    let time = |value: &Value| value.as_str().unwrap().parse::<daypass_core::Timestamp>().unwrap();
    assert_eq!(time(&made["expires_at"]).duration_since(time(&made["created_at"])).as_secs(), 7 * DAY);
    let event = house.last_event().await;
    assert_eq!(event.kind, AuditKind::PullTokenCreated);
    assert_eq!(event.pull_token, Some("scanner".parse().unwrap()));
    assert_eq!((event.person.as_deref(), event.token_sha256), (Some("ada@example.com"), Some(Sha256::of(secret))));
    assert_eq!(event.reason.as_deref(), Some("pull python: acme-*"));

    let listed = house.listed(&access).await;
    let expected = json!({
        "id": made["id"], "name": "scanner", "person": "ada@example.com", "state": "active", "grants": grants,
        "created_at": listed[0]["created_at"], "expires_at": listed[0]["expires_at"], "last_used_at": null,
    });
    assert_eq!(listed, [expected]);
    house.store.note_pull_token_used(made["id"].as_str().unwrap().parse().unwrap(), house.now());
    house.store.record(house.last_event().await).await.unwrap();
    assert_eq!(time(&house.listed(&access).await[0]["last_used_at"]).as_second(), house.now().as_second());

    let tail = format!("/{}", made["id"].as_str().unwrap());
    for _ in 0..2 {
        assert_eq!(house.pull_tokens("DELETE", &tail, &access, "").await.status, 204);
    }
    assert_eq!(house.listed(&access).await[0]["state"], "revoked");
    let events: Vec<_> =
        house.audit().await.into_iter().filter(|event| event.kind == AuditKind::PullTokenRevoked).collect();
    assert_eq!(events.len(), 1, "twice is once");
    assert_eq!(events[0].token_id.as_deref(), made["id"].as_str());
}

#[tokio::test]
async fn without_more_words_it_is_for_all_that_its_maker_may_pull_and_for_30_days() {
    let house = house().await;
    let text = written(house.provider.url());
    let push = "[[role]]\nrole = \"publisher\"\nindex = \"python\"\nprojects = [\"acme-*\"]\nusers = [\"corp/00u1\"]";
    house.issuer.replace_policy(loaded(&format!("{text}\n{push}"))).unwrap();
    let made = house.pull_token(&house.session().await.access, json!({"name": "all"})).await;
    let grants = made["grants"].as_array().unwrap();
    assert!(grants.iter().all(|grant| grant["actions"] == json!(["pull"])), "{grants:?}");
    assert!(grants.iter().any(|grant| grant["projects"] == json!(["*"])), "{grants:?}");
    let time = |name: &str| made[name].as_str().unwrap().parse::<daypass_core::Timestamp>().unwrap();
    assert_eq!(time("expires_at").duration_since(time("created_at")).as_secs(), 30 * DAY);
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_with_the_reason() {
    let house = house().await;
    let access = house.session().await.access;
    let a = |name: &str| json!({ "name": name });
    let with = |name: &str, value: Value| json!({"name": "a", name: value});
    for (body, expected) in [
        (a("").to_string(), "not a valid pull token name"),
        (a("a b").to_string(), "not a valid pull token name"),
        (a("\u{1b}[31m").to_string(), "not a valid pull token name"),
        (json!({}).to_string(), "missing field `name`"),
        (with("expires_in", json!(0)).to_string(), "365 days at most"),
        (with("expires_in", json!(-1)).to_string(), "365 days at most"),
        (with("expires_in", json!(365 * DAY + 1)).to_string(), "365 days at most"),
        (with("expires_in", json!("30d")).to_string(), "invalid type"),
        (with("expires", json!("30d")).to_string(), "unknown field `expires`"),
        (with("grants", json!([])).to_string(), "name an index"),
        (with("grants", json!([{"index": "python", "projects": []}])).to_string(), "at least one"),
        (with("grants", json!([{"index": "oauth"}])).to_string(), "not a valid index name"),
        // It pulls. Nothing else can even be asked for.
        (
            with("grants", json!([{"index": "python", "projects": ["*"], "actions": ["push"]}])).to_string(),
            "unknown field `actions`",
        ),
        ("{\"name\":\"a\",\"name\":\"b\"}".to_owned(), "duplicate field"),
        ("x".to_owned(), "not understood"),
        (String::new(), "not understood"),
    ] {
        let answer = house.pull_tokens("POST", "", &access, &body).await;
        assert_eq!(
            (answer.status, &answer.headers["content-type"]),
            (400, &"application/problem+json".parse().unwrap())
        );
        assert!(answer.json()["detail"].as_str().unwrap().contains(expected), "{body}: {}", answer.body);
        assert!(!answer.body.contains('\u{1b}'));
    }
    let large = with("grants", json!("x".repeat(70_000)));
    assert_eq!(house.pull_tokens("POST", "", &access, large).await.status, 413);
    assert_eq!(house.listed(&access).await, Vec::<Value>::new());
    house.pull_token(&access, a("a")).await;
    assert_eq!(house.pull_tokens("POST", "", &access, a("a")).await.status, 409);
}

#[tokio::test]
async fn nobody_grants_what_they_do_not_hold() {
    let house = house().await;
    let text = written(house.provider.url());
    let narrow =
        text.replace("groups = [\"corp/engineering\"]", "projects = [\"acme-*\"]\ngroups = [\"corp/engineering\"]");
    house.issuer.replace_policy(loaded(&narrow)).unwrap();
    let access = house.session().await.access;
    let wants =
        |index: &str, projects: &[&str]| json!({"name": "a", "grants": [{"index": index, "projects": projects}]});
    for (wanted, status) in [
        (wants("python", &["*"]), 403),
        (wants("python", &["acme-x", "other"]), 403),
        (wants("*", &["acme-x"]), 403),
        (wants("other", &["acme-x"]), 403),
        (json!({"name": "b", "grants": [{"index": "python"}]}), 403),
        (wants("python", &["acme-x", "acme-tools-*"]), 201),
    ] {
        let answer = house.pull_tokens("POST", "", &access, &wanted).await;
        assert_eq!(answer.status, status, "{wanted}: {}", answer.body);
    }
    // The role was taken away after the access token was signed.
    house.issuer.replace_policy(loaded(&text.replace("corp/engineering", "corp/sales"))).unwrap();
    assert_eq!(house.pull_tokens("POST", "", &access, json!({"name": "c"})).await.status, 401);
    let denied: Vec<_> =
        house.audit().await.into_iter().filter(|event| event.kind == AuditKind::AccessDenied).collect();
    assert!(denied[0].reason.as_deref().unwrap().contains("may not pull `*`"), "{denied:?}");
}

#[tokio::test]
async fn an_identity_makes_none_even_if_it_administers_everything() {
    let house = House::build().await;
    for repository_id in ["74", "75"] {
        let answer = house.exchange(&house.outside_token(json!({"repository_id": repository_id})), &[]).await;
        let access = answer.json()["access_token"].as_str().unwrap().to_owned();
        let answer = house.pull_tokens("POST", "", &access, json!({"name": "a"})).await;
        assert_eq!(answer.status, 403, "{}", answer.body);
        assert!(answer.json()["detail"].as_str().unwrap().contains("only a person"), "{}", answer.body);
        // Who administers may look.
        let status = if repository_id == "75" { 200 } else { 403 };
        assert_eq!(house.pull_tokens("GET", "", &access, "").await.status, status);
    }
}

#[tokio::test]
async fn a_narrower_access_token_makes_none() {
    let house = house().await;
    let access = house.session().await.access;
    let narrower = narrow(&house, &access, &["acme-*"]).await.json()["access_token"].as_str().unwrap().to_owned();
    let answer = house.pull_tokens("POST", "", &narrower, json!({"name": "a"})).await;
    assert_eq!(answer.status, 403, "{}", answer.body);
    house.pull_token(&access, json!({"name": "a"})).await;
}

#[tokio::test]
async fn without_a_live_access_token_nothing_is_made_shown_or_revoked() {
    let house = house().await;
    let tokens = house.session().await;
    let made = house.pull_token(&tokens.access, json!({"name": "a"})).await;
    let (secret, tail) = (made["pull_token"].as_str().unwrap(), format!("/{}", made["id"].as_str().unwrap()));
    // A pull token is no access token: it makes no other, and shows none.
    for bearer in ["", "x", secret, &tokens.refresh] {
        for (method, tail) in [("POST", ""), ("GET", ""), ("DELETE", &*tail)] {
            let answer = house.pull_tokens(method, tail, bearer, json!({"name": "b"})).await;
            assert_eq!(answer.status, 401, "{method} {bearer}: {}", answer.body);
        }
    }
    house.post("/oauth/revoke", &[("token", &tokens.refresh)]).await;
    assert_eq!(house.pull_tokens("POST", "", &tokens.access, json!({"name": "b"})).await.status, 401);
    // It outlives the session in which it was made.
    let listed = house.listed(&house.session().await.access).await;
    assert_eq!((listed.len(), &listed[0]["state"]), (1, &json!("active")));
}

#[tokio::test]
async fn one_does_not_see_or_revoke_those_of_others_and_an_administrator_does() {
    let house = house().await;
    with_administrator(&house);
    let (bob, ada) = (bob(&house).await.access, house.session().await.access);
    let hers = house.pull_token(&ada, json!({"name": "hers"})).await;
    let his = house.pull_token(&bob, json!({"name": "his"})).await;
    let names =
        |listed: Vec<Value>| listed.iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let tail = |made: &Value| format!("/{}", made["id"].as_str().unwrap());
    assert_eq!(names(house.listed(&ada).await), ["hers"]);
    let refused = house.pull_tokens("DELETE", &tail(&his), &ada, "").await;
    let none = house.pull_tokens("DELETE", "/5b1e93c4-0c0b-4a76-9e0e-7b7aa1c250f3", &ada, "").await;
    let nonsense = house.pull_tokens("DELETE", "/x", &ada, "").await;
    assert_eq!((refused.status, none.status, nonsense.status), (404, 404, 404));
    assert_eq!(refused.body, none.body, "it does not tell what there is");
    let mut all = names(house.listed(&bob).await);
    all.sort();
    assert_eq!(all, ["hers", "his"]);
    assert_eq!(house.pull_tokens("DELETE", &tail(&hers), &bob, "").await.status, 204);
    assert_eq!(house.listed(&ada).await[0]["state"], "revoked");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.person.as_deref()), (AuditKind::PullTokenRevoked, Some("Bob")));
    assert_eq!(event.reason.as_deref(), Some("made by ada@example.com"));
}

#[tokio::test]
async fn its_holder_may_revoke_it_as_any_token() {
    let house = house().await;
    let access = house.session().await.access;
    let made = house.pull_token(&access, json!({"name": "a", "expires_in": 60})).await;
    let secret = made["pull_token"].as_str().unwrap();
    for token in [secret, secret, &secret[1..], "daypass_pt_x"] {
        assert_eq!(house.post("/oauth/revoke", &[("token", token)]).await.status, 200);
    }
    assert_eq!(house.listed(&access).await[0]["state"], "revoked");
    let events: Vec<_> =
        house.audit().await.into_iter().filter(|event| event.kind == AuditKind::PullTokenRevoked).collect();
    assert_eq!((events.len(), events[0].token_sha256), (1, Some(Sha256::of(secret))));
    // By time it ends too.
    house.pull_token(&access, json!({"name": "b", "expires_in": 60})).await;
    house.clock.advance(SignedDuration::from_secs(60));
    let listed = house.listed(&access).await;
    let b = listed.iter().find(|one| one["name"] == "b").unwrap();
    assert_eq!(b["state"], "expired");
}
