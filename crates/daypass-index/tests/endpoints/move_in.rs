//! What `daypass index import` sends besides a file: that it is yanked there, and since when it is there.

use axum::http::Request;
use daypass_testkit::{upload::Upload, wheel::Wheel};
use serde_json::json;

use crate::world::{Answer, World, basic};

const LEGACY: &str = "/python/legacy/";

fn upload(project: &str) -> Upload {
    let wheel = Wheel::new(project, "1.0");
    Upload::new(wheel.name(), wheel.version(), &wheel.file_name(), &wheel.bytes())
}

async fn send(world: &World, access_token: &str, upload: &Upload) -> Answer {
    let request = Request::post(LEGACY).header("authorization", basic(access_token));
    world.send_body(request.header("content-type", upload.content_type()), upload.body()).await
}

fn code(answer: &Answer) -> (u16, String) {
    (answer.status.as_u16(), answer.json()["code"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn what_was_yanked_there_is_yanked_here_from_the_first_moment() {
    let world = World::alone().await;
    let yanked = upload("acme-hello").with("daypass_yanked", "breaks\n<3.9");
    let push = world.access_token_for("ci/mover", &["push"]);
    assert_eq!(code(&send(&world, &push, &yanked).await), (403, "grant_missing".to_owned()));
    assert_eq!(world.get("/python/simple/acme-hello/").await.status, 404);
    let mover = world.access_token_for("ci/mover", &["push", "yank"]);
    assert_eq!(send(&world, &mover, &yanked).await.status, 200);
    let page = world.get_json("/python/simple/acme-hello/").await.json();
    assert_eq!(page["files"][0]["yanked"], "breaks <3.9");
    // Without a reason it is a yank, too.
    assert_eq!(send(&world, &mover, &upload("other").with("daypass_yanked", "")).await.status, 200);
    assert_eq!(world.get_json("/python/simple/other/").await.json()["files"][0]["yanked"], json!(true));
}

#[tokio::test]
async fn only_an_administrator_says_when_a_file_came() {
    let world = World::alone().await;
    let dated = |time: &str| upload("acme-hello").with("daypass_upload_time", time);
    let push = world.access_token_for("ci/mover", &["push", "yank"]);
    let refused = send(&world, &push, &dated("2020-01-02T03:04:05.000006Z")).await;
    assert_eq!(code(&refused), (403, "grant_missing".to_owned()));
    let admin = world.access_token_for("ci/mover", &["push", "admin"]);
    for bad in ["2036-01-02T03:04:05Z", "yesterday"] {
        assert_eq!(code(&send(&world, &admin, &dated(bad)).await), (400, "form_invalid".to_owned()), "{bad}");
    }
    assert_eq!(send(&world, &admin, &dated("2020-01-02T03:04:05.000006Z")).await.status, 200);
    let page = world.get_json("/python/simple/acme-hello/").await.json();
    assert_eq!(page["files"][0]["upload-time"], "2020-01-02T03:04:05.000006Z");
    // The audit log has when it really was.
    let event = world.audit().await.into_iter().find(|event| event.kind.as_str() == "file.uploaded").unwrap();
    assert_eq!(event.time, world.now());
}
