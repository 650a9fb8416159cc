//! Pages of an upstream index: passed on whole, asked for once, kept through outages; and never for a hosted name.

use std::time::Duration;

use axum::http::{Request, StatusCode};
use daypass_testkit::{
    upstream::{Speaks, Trouble, Upstream, UpstreamFile},
    wheel::Wheel,
};
use futures_util::future::join_all;
use serde_json::json;

use crate::world::{World, basic, eventually};

const PAGE: &str = "/python/simple/requests/";
const THEIRS: &str = "/simple/requests/";

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("requests", "1.0"));
    upstream
}

#[tokio::test]
async fn every_key_of_upstream_is_passed_on_but_the_place() {
    let upstream = upstream();
    let mut file = UpstreamFile::of(&Wheel::new("requests", "2.0"));
    file.yanked = Some("it was <broken>".to_owned());
    file.requires_python = Some(">=3.9,<4".to_owned());
    upstream.add_file("requests", file.clone());
    upstream.set_status("requests", "deprecated");
    let world = World::before(&upstream).await;
    let page = world.get_json(PAGE).await.json();
    assert_eq!(page["meta"], json!({ "api-version": "1.4" }));
    assert_eq!(page["project-status"], json!({ "status": "deprecated", "reason": "because" }));
    assert_eq!(page["versions"], json!(["1.0"]));
    let metadata = json!({ "sha256": daypass_core::digest::Sha256::of(file.metadata.as_deref().unwrap()).to_string() });
    assert_eq!(
        page["files"][1],
        json!({
            "filename": "requests-2.0-py3-none-any.whl",
            "url": "../../files/requests/requests-2.0-py3-none-any.whl",
            "hashes": { "sha256": file.sha256(), "sha512": file.sha512() },
            "size": file.bytes.len(),
            "upload-time": "2026-01-02T03:04:05.678900Z",
            "requires-python": ">=3.9,<4",
            "yanked": "it was <broken>",
            "core-metadata": metadata,
            "data-dist-info-metadata": metadata,
            "for-the-future": { "kept": true },
        })
    );
    let html = world.get(PAGE).await;
    assert!(html.text().contains("data-yanked=\"it was &lt;broken&gt;\""), "{}", html.text());
}

#[tokio::test]
async fn an_upstream_that_speaks_only_html_or_only_old_json_will_do() {
    for (speaks, hashes) in [(Speaks::Html, true), (Speaks::Html, false), (Speaks::Json, true), (Speaks::Json, false)] {
        let upstream = upstream();
        upstream.set(|manner| {
            manner.speaks = speaks;
            manner.hashes = hashes;
            manner.details = false;
            manner.gzip = true;
        });
        let world = World::before(&upstream).await;
        let page = world.get_json(PAGE).await.json();
        assert_eq!(page["meta"]["api-version"], "1.0", "{speaks:?}");
        let file = &page["files"][0];
        assert_eq!(file["filename"], "requests-1.0-py3-none-any.whl");
        assert_eq!(file["requires-python"], ">=3.9");
        assert_eq!(file["hashes"]["sha256"].is_string(), hashes);
        assert!(file["core-metadata"]["sha256"].is_string());
        assert!(file.get("size").is_none() && file.get("upload-time").is_none());
    }
}

#[tokio::test]
async fn ten_misses_at_once_are_one_request_upstream() {
    let upstream = upstream();
    upstream.set(|manner| manner.pages = Trouble::Slow(4000));
    let world = World::before(&upstream).await;
    let answers = join_all((0..10).map(|_| world.get(PAGE))).await;
    assert!(answers.iter().all(|answer| answer.status == StatusCode::OK));
    assert_eq!(upstream.hits(THEIRS), 1);
}

#[tokio::test]
async fn a_fresh_page_costs_upstream_nothing_and_a_stale_one_is_revalidated_by_its_tag() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    let first = world.get_json(PAGE).await;
    world.advance(599);
    world.get_json(PAGE).await;
    assert_eq!(upstream.hits(THEIRS), 1);
    world.advance(1);
    assert_eq!(world.get_json(PAGE).await.bytes(), first.bytes());
    eventually(async || upstream.hits(THEIRS) == 2).await;
    assert!(upstream.seen()[1].headers.contains_key("if-none-match"));
    // It was not modified, so it is fresh again.
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.get_json(PAGE).await;
    assert_eq!(upstream.hits(THEIRS), 2);
    // And a new release is seen after the next revalidation.
    upstream.add_wheel(&Wheel::new("requests", "3.0"));
    world.advance(600);
    eventually(async || world.get_json(PAGE).await.text().contains("requests-3.0")).await;
    assert_eq!(upstream.hits(THEIRS), 3);
}

#[tokio::test]
async fn a_known_page_outlives_an_outage_of_any_kind() {
    for trouble in [
        Trouble::Status(503),
        Trouble::Status(500),
        Trouble::Status(403),
        Trouble::Hang,
        Trouble::Truncate,
        Trouble::Garbage("<h1>Sign in".to_owned()),
    ] {
        let upstream = upstream();
        let world = World::before(&upstream).await;
        let first = world.get(PAGE).await;
        upstream.set(|manner| {
            manner.pages = trouble.clone();
            manner.etag = false;
        });
        world.advance(3600);
        for _ in 0..3 {
            assert_eq!(world.get(PAGE).await.bytes(), first.bytes(), "{trouble:?}");
        }
        // Even when it is so old that upstream gets a moment to say something newer.
        world.advance(48 * 3600);
        assert_eq!(world.get(PAGE).await.bytes(), first.bytes(), "{trouble:?}");
    }
}

#[tokio::test]
async fn a_known_page_outlives_a_restart_without_upstream() {
    let mut upstream = upstream();
    let world = World::before(&upstream).await;
    let first = world.get(PAGE).await;
    let file = world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await;
    assert_eq!(file.status, StatusCode::OK);
    let kept = world.files_folder().join("upstream");
    eventually(async || walk(&kept).iter().any(|path| path.contains("/pages/"))).await;
    upstream.stop();
    let world = world.restarted().await;
    world.advance(7200);
    assert_eq!(world.get(PAGE).await.bytes(), first.bytes());
    let again = world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await;
    assert_eq!((again.status, again.bytes()), (StatusCode::OK, file.bytes()));
    let unknown = world.get("/python/simple/flask/").await;
    assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE);
}

fn walk(folder: &std::path::Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path.to_str().unwrap().to_owned()] }).collect()
}

#[tokio::test]
async fn a_failure_is_never_an_absence() {
    for (trouble, status) in [
        (Trouble::Status(503), StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Status(500), StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Status(429), StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Hang, StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Truncate, StatusCode::SERVICE_UNAVAILABLE),
        (Trouble::Status(401), StatusCode::BAD_GATEWAY),
        (Trouble::Status(403), StatusCode::BAD_GATEWAY),
        (Trouble::Status(418), StatusCode::BAD_GATEWAY),
        (Trouble::Garbage("{".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Redirect("/simple/requests/".to_owned()), StatusCode::BAD_GATEWAY),
        (Trouble::Redirect("http://169.254.169.254/".to_owned()), StatusCode::BAD_GATEWAY),
    ] {
        let upstream = upstream();
        upstream.set(|manner| manner.pages = trouble.clone());
        let world = World::before(&upstream).await;
        let answer = world.get(PAGE).await;
        assert_eq!(answer.status, status, "{trouble:?}");
        assert_eq!(answer.headers.contains_key("retry-after"), status == StatusCode::SERVICE_UNAVAILABLE);
        assert!(!answer.headers.contains_key("www-authenticate"));
        let file = world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await;
        assert_eq!(file.status, status, "{trouble:?}");
        // The twin: as soon as it works again, it works; one that wants to be left alone is, for ten seconds.
        upstream.set(|manner| manner.pages = Trouble::None);
        world.advance(10);
        assert_eq!(world.get(PAGE).await.status, StatusCode::OK, "{trouble:?}");
    }
}

#[tokio::test]
async fn an_absence_is_remembered_for_a_minute() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    for _ in 0..3 {
        assert_eq!(world.get("/python/simple/flask/").await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(upstream.hits("/simple/flask/"), 1);
    upstream.add_wheel(&Wheel::new("flask", "1.0"));
    world.advance(60);
    assert_eq!(world.get("/python/simple/flask/").await.status, StatusCode::OK);
    assert_eq!(upstream.hits("/simple/flask/"), 2);
}

#[tokio::test]
async fn what_upstream_hears_of_is_what_was_asked_and_no_credential_of_ours() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.get(PAGE).await;
    world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await;
    for seen in upstream.seen() {
        assert!(!seen.headers.contains_key("authorization") && !seen.headers.contains_key("cookie"), "{seen:?}");
        assert!(seen.headers["user-agent"].starts_with("daypass"), "{seen:?}");
    }
}

#[tokio::test]
async fn a_hosted_name_is_never_looked_up_upstream() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("acme-hello", "99.0"));
    let world = World::before(&upstream).await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    // At once: not even for the second until the import is followed.
    let page = world.get_json("/python/simple/acme-hello/").await;
    assert!(page.text().contains("acme_hello-1.0") && !page.text().contains("99.0"));
    for path in [
        "/python/simple/Acme.Hello/",
        "/python/simple/acme-hello/?format=text/html",
        "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl",
        "/python/files/acme-hello/acme_hello-99.0-py3-none-any.whl",
        "/python/files/acme-hello/acme_hello-99.0-py3-none-any.whl.metadata",
        "/python/files/ACME_hello/acme_hello-99.0-py3-none-any.whl",
    ] {
        world.get(path).await;
    }
    assert_eq!(upstream.all_hits(), 0);
    // Not when the catalogue cannot be read either.
    let page = "/python/simple/acme-hello/";
    let credential = basic(&world.access_token("ci/app"));
    world.store.clone().close().await;
    let answer = world.send(Request::get(page).header("authorization", &credential)).await;
    assert!(answer.status == StatusCode::OK || answer.status == StatusCode::SERVICE_UNAVAILABLE, "{}", answer.status);
    assert_eq!(upstream.all_hits(), 0);
}

#[tokio::test]
async fn a_name_that_becomes_hosted_is_no_longer_upstreams() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("acme-hello", "99.0"));
    let world = World::before(&upstream).await;
    assert!(world.get("/python/simple/acme-hello/").await.text().contains("99.0"));
    let theirs = "/python/files/acme-hello/acme_hello-99.0-py3-none-any.whl";
    assert_eq!(world.get(theirs).await.status, StatusCode::OK);
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    eventually(async || !world.get("/python/simple/acme-hello/").await.text().contains("99.0")).await;
    let hits = upstream.all_hits();
    assert_eq!(world.get(theirs).await.status, StatusCode::NOT_FOUND);
    world.advance(7200);
    world.get("/python/simple/acme-hello/").await;
    assert_eq!(upstream.all_hits(), hits);
}

#[tokio::test]
async fn an_upstream_with_a_credential_gets_it_and_nobody_else_does() {
    let (upstream, elsewhere) = (upstream(), upstream());
    upstream.set(|manner| manner.file_host = Some(elsewhere.origin()));
    let world = World::before_url(&upstream.url().replace("http://", "http://reader:s%40crit@")).await;
    assert_eq!(world.get("/python/files/requests/requests-1.0-py3-none-any.whl").await.status, StatusCode::OK);
    let sent = upstream.seen()[0].headers["authorization"].clone();
    assert_eq!(sent, "Basic cmVhZGVyOnNAY3JpdA==");
    assert!(!elsewhere.seen()[0].headers.contains_key("authorization"));
    let kept = walk(&world.files_folder());
    assert!(kept.iter().all(|path| !String::from_utf8_lossy(&std::fs::read(path).unwrap()).contains("crit@")));
}

#[tokio::test]
async fn a_long_page_is_the_same_for_who_does_not_take_it_compressed() {
    let upstream = upstream();
    for minor in 0..2000 {
        upstream.add_file("requests", UpstreamFile::new(&format!("requests-1.{minor}.tar.gz"), "x"));
    }
    let world = World::before(&upstream).await;
    let ask = async |encoding: &str| world.ask(Request::get(PAGE).header("accept-encoding", encoding)).await;
    let (plain, gzip) = (ask("identity").await, ask("gzip").await);
    assert!(plain.bytes().len() > 256 * 1024);
    assert_eq!(plain.header("content-length"), plain.bytes().len().to_string());
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzip.bytes()[..]), &mut unpacked).unwrap();
    assert_eq!(&unpacked, plain.bytes());
}

#[tokio::test]
async fn a_page_without_end_is_refused() {
    let upstream = upstream();
    upstream.set(|manner| manner.pages = Trouble::Garbage("x".repeat(32 * 1024 * 1024 + 1)));
    let answer = World::before(&upstream).await.get(PAGE).await;
    assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
    assert!(answer.phrase.contains("too long"), "{}", answer.phrase);
}
