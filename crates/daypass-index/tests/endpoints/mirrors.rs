//! What mirrors and updaters ask for: serials, and the JSON API of before PEP 691.

use axum::http::{Request, StatusCode};
use daypass_testkit::{upstream::Upstream, wheel::Wheel};
use serde_json::{Value, json};

use crate::world::{World, basic};

async fn yank(world: &World, version: &str, reason: &str) {
    let token = world.access_token_for("ci/keeper", &["yank"]);
    let path = format!("/api/v1/indexes/python/projects/acme-hello/releases/{version}/yank");
    let request = Request::put(path).header("authorization", basic(&token)).header("content-type", "application/json");
    let answer = world.send_body(request, json!({ "reason": reason }).to_string()).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
}

#[tokio::test]
async fn serials_grow_with_every_change_and_stand_everywhere_that_mirrors_look() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    world.import(&Wheel::new("other", "1.0")).await;
    let serials = async || {
        let list = world.get_json("/python/simple/").await;
        let of = |name: &str| {
            let projects = list.json()["projects"].as_array().unwrap().clone();
            projects.iter().find(|project| project["name"] == name).unwrap()["_last-serial"].as_i64().unwrap()
        };
        assert_eq!(list.json()["meta"]["_last-serial"].as_i64().unwrap(), of("acme-hello").max(of("other")));
        assert_eq!(list.header("x-pypi-last-serial"), list.json()["meta"]["_last-serial"].to_string());
        (of("acme-hello"), of("other"))
    };
    let before = serials().await;
    yank(&world, "1.0", "").await;
    let after = serials().await;
    assert!(after.0 > before.0 && after.0 > before.1, "{before:?} {after:?}");
    assert_eq!(after.1, before.1);
    for accept in ["application/vnd.pypi.simple.v1+json", "text/html"] {
        let page = world.ask(Request::get("/python/simple/acme-hello/").header("accept", accept)).await;
        assert_eq!(page.header("x-pypi-last-serial"), after.0.to_string());
    }
    let page = world.get_json("/python/simple/acme-hello/").await.json();
    assert_eq!(page["meta"], json!({"api-version": "1.4", "_last-serial": after.0}));
    let legacy = world.get("/python/pypi/acme-hello/json").await;
    assert_eq!(
        (&legacy.json()["last_serial"], legacy.header("x-pypi-last-serial")),
        (&json!(after.0), &*after.0.to_string())
    );
}

#[tokio::test]
async fn the_old_json_says_what_the_page_and_the_newest_metadata_say() {
    let world = World::alone().await;
    let wheel = Wheel::new("acme-hello", "1.0").requires_dist("other>=1").requires_python(Some(">=3.9"));
    let imported = world.import(&wheel).await;
    world.import(&Wheel::new("acme-hello", "0.9")).await;
    world.import(&Wheel::new("acme-hello", "1.1")).await;
    yank(&world, "1.1", "breaks").await;
    let answer = world.get("/python/pypi/Acme.Hello/json").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/json"));
    let said = answer.json();
    let info = &said["info"];
    assert_eq!(
        (&info["name"], &info["version"], &info["yanked"]),
        (&json!("acme-hello"), &json!("1.0"), &json!(false))
    );
    assert_eq!((&info["requires_dist"], &info["requires_python"]), (&json!(["other>=1"]), &json!(">=3.9")));
    assert_eq!(said["vulnerabilities"], json!([]));
    let versions: Vec<&String> = said["releases"].as_object().unwrap().keys().collect();
    assert_eq!(versions, ["0.9", "1.0", "1.1"]);
    let yanked = &said["releases"]["1.1"][0];
    assert_eq!((&yanked["yanked"], &yanked["yanked_reason"]), (&json!(true), &json!("breaks")));
    let file = &said["urls"][0];
    assert_eq!(
        file,
        &json!({
            "comment_text": "", "digests": {"sha256": imported.sha256}, "downloads": -1, "filename": imported.file,
            "has_sig": false, "md5_digest": null, "packagetype": "bdist_wheel", "python_version": "py3",
            "requires_python": ">=3.9", "size": imported.size, "upload_time": "2026-11-23T00:00:00",
            "upload_time_iso_8601": "2026-11-23T00:00:00.000000Z", "yanked": false, "yanked_reason": null,
            "url": format!("http://127.0.0.1:8080/packages/python/acme-hello/{}", imported.file),
        })
    );
    // What it names is there, guarded like everything else.
    let path = format!("/packages/python/acme-hello/{}", imported.file);
    assert_eq!(world.get(&path).await.bytes(), &wheel.bytes());
    assert_eq!(world.send(Request::get(&path)).await.status, StatusCode::UNAUTHORIZED);

    let one = world.get("/python/pypi/acme-hello/1.1.0/json").await.json();
    assert_eq!((&one["info"]["version"], &one["info"]["yanked"]), (&json!("1.1"), &json!(true)));
    assert_eq!((one.get("releases"), &one["info"]["yanked_reason"]), (None, &json!("breaks")));
}

#[tokio::test]
async fn the_old_json_is_guarded_and_knows_what_is_not_there() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    for path in ["/python/pypi/nothing/json", "/python/pypi/acme-hello/2.0/json", "/python/pypi/acme-hello/x/json"] {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let path = "/python/pypi/acme-hello/json";
    assert_eq!(world.send(Request::get(path)).await.status, StatusCode::UNAUTHORIZED);
    let push = world.access_token_for("ci/push", &["push"]);
    let refused = world.send(Request::get(path).header("authorization", basic(&push))).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let whole = world.get(path).await;
    let unchanged = world.ask(Request::get(path).header("if-none-match", whole.header("etag"))).await;
    assert_eq!((unchanged.status, unchanged.bytes().len()), (StatusCode::NOT_MODIFIED, 0));
    let head = world.ask(Request::head(path)).await;
    assert_eq!((head.bytes().len(), head.header("content-length")), (0, whole.header("content-length")));
}

#[tokio::test]
async fn the_old_json_of_an_upstream_project_comes_from_its_page() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("sunny-lib", "2.5"));
    let world = World::before(&upstream).await;
    let said: Value = world.get("/python/pypi/sunny-lib/json").await.json();
    assert_eq!(
        (&said["info"]["version"], &said["urls"][0]["filename"]),
        (&json!("2.5"), &json!("sunny_lib-2.5-py3-none-any.whl"))
    );
    assert!(said["urls"][0]["url"].as_str().unwrap().starts_with("http://127.0.0.1:8080/packages/python/sunny-lib/"));
    assert_eq!(upstream.all_hits(), 1, "no file is fetched for it");
}
