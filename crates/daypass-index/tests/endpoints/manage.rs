//! `/api/v1/indexes/…`.

use axum::http::{Request, StatusCode};
use daypass_core::audit::AuditKind;
use daypass_testkit::wheel::Wheel;
use serde_json::{Value, json};

use crate::world::{Answer, World};

const PROJECT: &str = "/api/v1/indexes/python/projects/acme-hello";
const PAGE: &str = "/python/simple/acme-hello/";
const FILE: &str = "acme_hello-1.0-py3-none-any.whl";

/// Two releases of `acme-hello`.
async fn world() -> World {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    world.import(&Wheel::new("acme-hello", "1.1")).await;
    world
}

async fn ask(world: &World, access_token: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
    let request = Request::builder().method(method).uri(path).header("authorization", format!("Bearer {access_token}"));
    match body {
        Some(body) => world.send_body(request.header("content-type", "application/json"), body.to_string()).await,
        None => world.send(request).await,
    }
}

fn keeper(world: &World) -> String {
    world.access_token_for("ci/keeper", &["pull", "yank", "admin"])
}

async fn page(world: &World) -> Value {
    let answer = world.get_json(PAGE).await;
    assert_eq!(answer.status, StatusCode::OK);
    serde_json::from_str(answer.text()).unwrap()
}

fn json_of(answer: &Answer) -> Value {
    serde_json::from_str(answer.text()).unwrap()
}

#[tokio::test]
async fn the_indexes_that_one_may_see_are_listed_with_their_sources() {
    let world = world().await;
    let listed = json_of(&ask(&world, &keeper(&world), "GET", "/api/v1/indexes", None).await);
    assert_eq!(
        listed["indexes"],
        json!([{
            "name": "python", "url": "http://127.0.0.1:8080/python/simple/", "sources": ["hosted projects"],
            "upload_url": "http://127.0.0.1:8080/python/legacy/", "deletion": "within 72h of its upload",
        }])
    );
    let mut claims = world.claims("ci/app");
    claims["grants"] = json!([{ "index": "gone", "projects": ["*"], "actions": ["pull"] }]);
    let other = ask(&world, &world.signer.sign(&claims), "GET", "/api/v1/indexes", None).await;
    assert_eq!(json_of(&other), json!({"indexes": []}));
}

#[tokio::test]
async fn a_project_is_shown_with_its_files_to_whoever_may_do_something_with_it() {
    let world = world().await;
    for token in [keeper(&world), world.access_token("ci/app"), world.access_token_for("ci/push", &["push"])] {
        let answer = ask(&world, &token, "GET", PROJECT, None).await;
        assert_eq!(answer.status, StatusCode::OK);
        let shown = json_of(&answer);
        assert_eq!((&shown["status"], &shown["files"][0]["file"]), (&json!("active"), &json!(FILE)));
        assert_eq!((&shown["files"][0]["yanked"], &shown["files"][1]["version"]), (&Value::Null, &json!("1.1")));
        assert_eq!(answer.header("cache-control"), "no-store");
    }
    let refused = ask(
        &world,
        &world.access_token_for("ci/yanker", &["yank"]),
        "GET",
        "/api/v1/indexes/python/projects/other",
        None,
    )
    .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for path in
        ["/api/v1/indexes/python/projects/nothing", "/api/v1/indexes/other/projects/acme-hello", "/api/v1/indexes/x"]
    {
        let answer = ask(&world, &keeper(&world), "GET", path, None).await;
        assert!(matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::FORBIDDEN), "{path}: {}", answer.status);
    }
}

#[tokio::test]
async fn a_release_is_yanked_at_once_and_the_yank_taken_back() {
    let world = world().await;
    let yanker = world.access_token_for("ci/yanker", &["pull", "yank"]);
    assert_eq!(page(&world).await["files"][0]["yanked"], false);
    // PEP 440: 1.0.0 is 1.0.
    let path = format!("{PROJECT}/releases/1.0.0/yank");
    let answer = ask(&world, &yanker, "PUT", &path, Some(json!({"reason": "breaks <3.9"}))).await;
    assert_eq!((answer.status, &json_of(&answer)["files"]), (StatusCode::OK, &json!([FILE])));
    let after = page(&world).await;
    assert_eq!((&after["files"][0]["yanked"], &after["files"][1]["yanked"]), (&json!("breaks <3.9"), &json!(false)));
    let html = world.get(PAGE).await;
    assert!(html.text().contains("data-yanked=\"breaks &lt;3.9\""), "{}", html.text());
    // Who has pinned it still gets it.
    assert_eq!(world.get(&format!("/python/files/acme-hello/{FILE}")).await.status, StatusCode::OK);
    // Once more is no news.
    let again = ask(&world, &yanker, "PUT", &path, Some(json!({"reason": "breaks <3.9"}))).await;
    assert_eq!(again.status, StatusCode::OK);
    let answer = ask(&world, &yanker, "DELETE", &format!("{PROJECT}/files/{FILE}/yank"), None).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(page(&world).await["files"][0]["yanked"], false);
    // Without a reason.
    ask(&world, &yanker, "PUT", &format!("{PROJECT}/files/{FILE}/yank"), Some(json!({}))).await;
    assert_eq!(page(&world).await["files"][0]["yanked"], true);
    let events: Vec<_> =
        world.audit().await.into_iter().filter(|event| event.kind != AuditKind::FileImported).collect();
    let said: Vec<_> = events
        .iter()
        .filter(|event| event.project.is_some() && event.kind != AuditKind::FileDownloaded)
        .map(|event| {
            (event.kind.as_str(), event.reason.clone().unwrap(), event.file.clone().map(|file| file.to_string()))
        })
        .collect();
    assert_eq!(
        said,
        [
            ("file.yanked", "release 1.0 yanked: breaks <3.9".to_owned(), None),
            ("file.unyanked", "un-yanked".to_owned(), Some(FILE.to_owned())),
            ("file.yanked", "yanked".to_owned(), Some(FILE.to_owned())),
        ]
    );
    assert_eq!(events[0].identity.as_deref(), Some("ci/yanker"));
}

#[tokio::test]
async fn a_status_is_seen_at_once_and_a_quarantined_project_offers_nothing() {
    let world = world().await;
    let path = format!("{PROJECT}/status");
    let set = async |status: &str| {
        let body = json!({"status": status, "reason": "ask security"});
        ask(&world, &keeper(&world), "PUT", &path, Some(body)).await
    };
    assert_eq!(set("quarantined").await.status, StatusCode::OK);
    let shown = page(&world).await;
    assert_eq!(shown["project-status"], json!({"status": "quarantined", "reason": "ask security"}));
    assert_eq!(shown["files"], json!([]));
    let file = world.get(&format!("/python/files/acme-hello/{FILE}")).await;
    assert_eq!(file.status, StatusCode::FORBIDDEN);
    assert!(file.phrase.contains("project `acme-hello` is quarantined: ask security"), "{}", file.phrase);
    // Whoever looks after it still sees what there is.
    let kept = json_of(&ask(&world, &keeper(&world), "GET", PROJECT, None).await);
    assert_eq!(kept["files"].as_array().unwrap().len(), 2);
    for status in ["archived", "deprecated"] {
        set(status).await;
        let shown = page(&world).await;
        assert_eq!((&shown["project-status"]["status"], shown["files"].as_array().unwrap().len()), (&json!(status), 2));
    }
    set("active").await;
    assert_eq!(page(&world).await.get("project-status"), None);
    for bad in [json!({"status": "gone"}), json!({}), json!({"status": "active", "x": 1}), json!([])] {
        assert_eq!(ask(&world, &keeper(&world), "PUT", &path, Some(bad)).await.status, StatusCode::BAD_REQUEST);
    }
    let events = world.audit().await;
    let changed: Vec<_> = events.iter().filter(|event| event.kind == AuditKind::ProjectStatusChanged).collect();
    assert_eq!(changed.len(), 4);
    assert_eq!(changed[0].reason.as_deref(), Some("quarantined: ask security"));
}

#[tokio::test]
async fn deletion_is_for_ever_and_only_for_a_time() {
    let world = world().await;
    let admin = keeper(&world);
    let delete = format!("{PROJECT}/files/{FILE}?reason=a+password+was+in+it");
    let unexplained = ask(&world, &admin, "DELETE", &format!("{PROJECT}/files/{FILE}"), None).await;
    assert_eq!(unexplained.status, StatusCode::BAD_REQUEST);
    let answer = ask(&world, &admin, "DELETE", &delete, None).await;
    assert_eq!((answer.status, &json_of(&answer)["files"]), (StatusCode::OK, &json!([FILE])));
    let shown = page(&world).await;
    assert_eq!((shown["files"].as_array().unwrap().len(), &shown["versions"]), (1, &json!(["1.1"])));
    assert_eq!(world.get(&format!("/python/files/acme-hello/{FILE}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(ask(&world, &admin, "DELETE", &delete, None).await.status, StatusCode::NOT_FOUND);
    // Not even the same bytes come back.
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, Wheel::new("acme-hello", "1.0").bytes()).unwrap();
    assert!(world.import_path(&path).await.is_err());

    world.advance(72 * 3600 + 1);
    let admin = keeper(&world);
    let late = ask(&world, &admin, "DELETE", &format!("{PROJECT}/releases/1.1?reason=x"), None).await;
    assert_eq!(late.status, StatusCode::CONFLICT);
    assert!(late.text().contains("within 72h of its upload only: yank it instead"), "{}", late.text());
    assert_eq!(page(&world).await["files"].as_array().unwrap().len(), 1);
    let events = world.audit().await;
    let deleted: Vec<_> = events.iter().filter(|event| event.kind == AuditKind::FileDeleted).collect();
    assert_eq!(deleted.len(), 1);
    assert_eq!(deleted[0].reason.as_deref(), Some("deleted: a password was in it"));
}

#[tokio::test]
async fn a_project_whose_files_are_all_deleted_stays_ours() {
    let world = world().await;
    let answer = ask(&world, &keeper(&world), "DELETE", &format!("{PROJECT}?reason=typo"), None).await;
    assert_eq!(json_of(&answer)["files"].as_array().unwrap().len(), 2);
    assert_eq!(page(&world).await["files"], json!([]));
}

#[tokio::test]
async fn nobody_does_more_than_they_are_granted() {
    let world = world().await;
    let (pull, yank) = (world.access_token("ci/app"), world.access_token_for("ci/yanker", &["pull", "yank"]));
    // More in the token than the identity is granted now is worth nothing.
    let forged = world.access_token_for("ci/app", &["pull", "push", "yank", "admin"]);
    let narrow = world.access_token_for("ci/keeper", &["pull"]);
    let reason = || Some(json!({"reason": "x"}));
    let status = || Some(json!({"status": "archived"}));
    for token in [&pull, &forged, &narrow] {
        for (method, path, body) in [
            ("PUT", format!("{PROJECT}/releases/1.0/yank"), reason()),
            ("DELETE", format!("{PROJECT}/releases/1.0/yank"), None),
            ("PUT", format!("{PROJECT}/status"), status()),
            ("DELETE", format!("{PROJECT}?reason=x"), None),
        ] {
            let answer = ask(&world, token, method, &path, body).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}: {}", answer.text());
            assert_eq!(json_of(&answer)["code"], "grant_missing");
        }
    }
    for (method, path, body) in
        [("PUT", format!("{PROJECT}/status"), status()), ("DELETE", format!("{PROJECT}/files/{FILE}?reason=x"), None)]
    {
        let answer = ask(&world, &yank, method, &path, body).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
        assert!(answer.text().contains("identity `ci/yanker` may not admin project `acme-hello`"), "{}", answer.text());
    }
    // Another's project, and one that does not exist: the same answer.
    world.import(&Wheel::new("other", "1.0")).await;
    for project in ["other", "nothing"] {
        let path = format!("/api/v1/indexes/python/projects/{project}/releases/1.0/yank");
        assert_eq!(ask(&world, &yank, "PUT", &path, reason()).await.status, StatusCode::FORBIDDEN, "{project}");
    }
    let strangers = world.send(Request::builder().method("PUT").uri(format!("{PROJECT}/status"))).await;
    assert_eq!(strangers.status, StatusCode::UNAUTHORIZED);
    assert_eq!(page(&world).await["files"][0]["yanked"], false);
    let denied = world.audit().await.into_iter().filter(|event| event.kind == AuditKind::AccessDenied).count();
    assert!(denied >= 5, "{denied}");
}

#[tokio::test]
async fn bodies_are_json_bounded_and_one_line() {
    let world = world().await;
    let path = format!("{PROJECT}/releases/1.0/yank");
    let token = keeper(&world);
    let request = || Request::put(&path).header("authorization", format!("Bearer {token}"));
    let json = || request().header("content-type", "application/json");
    let cases = [
        (world.send_body(request(), "{}").await, StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            world.send_body(request().header("content-type", "text/plain"), "{}").await,
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (world.send_body(json(), "x".repeat(16 * 1024 + 1)).await, StatusCode::PAYLOAD_TOO_LARGE),
        (world.send_body(json(), "{").await, StatusCode::BAD_REQUEST),
        (world.send_body(json(), json!({"reason": "a\nb"}).to_string()).await, StatusCode::BAD_REQUEST),
        (world.send_body(json(), json!({"reason": "x".repeat(501)}).to_string()).await, StatusCode::BAD_REQUEST),
        (
            world.send_body(Request::post(&path).header("authorization", format!("Bearer {token}")), "").await,
            StatusCode::METHOD_NOT_ALLOWED,
        ),
    ];
    for (answer, status) in &cases {
        assert_eq!(answer.status, *status, "{}", answer.text());
        assert_eq!(answer.header("content-type"), "application/problem+json");
    }
    assert_eq!(cases[6].0.header("allow"), "PUT, DELETE");
    let missing = ask(&world, &token, "PUT", &format!("{PROJECT}/releases/9.9/yank"), Some(json!({}))).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(page(&world).await["files"][0]["yanked"], false);
}
