//! An index of several sources: the first that has a name owns it, and nothing is merged.

use axum::http::StatusCode;
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    names::IndexName,
    project_status::ProjectStatus,
};
use daypass_index::{IndexSpec, SourceSpec, View};
use daypass_store::{CatalogueChange, Which};
use daypass_testkit::{
    upstream::{Trouble, Upstream},
    wheel::Wheel,
};

use crate::world::{World, eventually};

fn name(text: &str) -> IndexName {
    text.parse().unwrap()
}

fn behind(upstream: &Upstream) -> SourceSpec {
    SourceSpec::Upstream(upstream.url().parse::<url::Url>().unwrap().into())
}

fn index(text: &str, sources: Vec<SourceSpec>) -> IndexSpec {
    IndexSpec { sources, ..IndexSpec::simple(name(text), None) }
}

/// The file names of a page.
async fn files(world: &World, project: &str) -> Vec<String> {
    let page = world.get_json(&format!("/python/simple/{project}/")).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.text());
    let page = page.json();
    page["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn the_first_source_that_has_a_name_owns_it_and_nothing_is_merged() {
    let (first, second) = (Upstream::start(), Upstream::start());
    for (upstream, version) in [(&first, "3.0"), (&second, "4.0")] {
        upstream.add_wheel(&Wheel::new("acme", version));
        upstream.add_wheel(&Wheel::new("base", version));
        upstream.add_wheel(&Wheel::new("both", version));
    }
    second.add_wheel(&Wheel::new("second", "4.0"));
    let sources = vec![SourceSpec::Hosted, SourceSpec::Index(name("base")), behind(&first), behind(&second)];
    let world = World::made_of(vec![index("base", vec![SourceSpec::Hosted]), index("python", sources)]).await;
    world.import(&Wheel::new("acme", "1.0")).await;
    world.import_into("base", &Wheel::new("base", "2.0")).await;
    world.import_into("base", &Wheel::new("acme", "2.0")).await;
    for _ in 0..2 {
        assert_eq!(files(&world, "acme").await, ["acme-1.0-py3-none-any.whl"]);
        assert_eq!(files(&world, "base").await, ["base-2.0-py3-none-any.whl"]);
        assert_eq!(files(&world, "both").await, ["both-3.0-py3-none-any.whl"]);
        assert_eq!(files(&world, "second").await, ["second-4.0-py3-none-any.whl"]);
    }
    assert_eq!(first.hits("/simple/acme/") + first.hits("/simple/base/") + second.hits("/simple/both/"), 0);
    for file in ["acme/acme-1.0", "base/base-2.0", "both/both-3.0", "second/second-4.0"] {
        let path = format!("/python/files/{file}-py3-none-any.whl");
        assert_eq!(world.get(&path).await.status, StatusCode::OK, "{path}");
    }
    // A file of whoever does not own the name is not there.
    assert_eq!(world.get("/python/files/acme/acme-2.0-py3-none-any.whl").await.status, StatusCode::NOT_FOUND);
    let list = world.get_json("/python/simple/").await.json();
    assert_eq!(names(&list), ["acme", "base"]);
}

#[tokio::test]
async fn a_source_that_fails_is_not_one_that_lacks_the_name() {
    let (first, second) = (Upstream::start(), Upstream::start());
    second.add_wheel(&Wheel::new("requests", "9.0"));
    first.set(|manner| manner.pages = Trouble::Status(503));
    let world = World::made_of(vec![index("python", vec![behind(&first), behind(&second)])]).await;
    assert_eq!(world.get("/python/simple/requests/").await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(second.all_hits(), 0);
}

#[tokio::test]
async fn a_name_that_becomes_private_is_private_at_once_and_for_ever() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("acme", "9.0"));
    let world = World::before(&upstream).await;
    assert_eq!(files(&world, "acme").await, ["acme-9.0-py3-none-any.whl"]);
    world.import(&Wheel::new("acme", "1.0")).await;
    eventually(async || files(&world, "acme").await == ["acme-1.0-py3-none-any.whl"]).await;
    let delete = CatalogueChange::Delete { which: Which::All, uploaded_since: None, at: world.now(), reason: None };
    let event = AuditEvent::new(world.now(), AuditKind::FileDeleted, Outcome::Success, "1");
    world.store.change_catalogue(&name("python"), &"acme".parse().unwrap(), delete, event).await.unwrap();
    eventually(async || files(&world, "acme").await.is_empty()).await;
    let world = world.restarted().await;
    assert!(files(&world, "acme").await.is_empty());
}

#[tokio::test]
async fn a_reserved_name_is_never_asked_upstream_and_its_neighbour_is() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("acme-secret", "9.0"));
    upstream.add_wheel(&Wheel::new("acmex", "9.0"));
    let reserved = vec!["acme-*".parse().unwrap()];
    let sources = vec![SourceSpec::Hosted, SourceSpec::Index(name("base"))];
    let world = World::made_of(vec![
        index("base", vec![behind(&upstream)]),
        IndexSpec { reserved, ..index("python", sources) },
    ])
    .await;
    assert_eq!(world.get("/python/simple/acme-secret/").await.status, StatusCode::NOT_FOUND);
    assert_eq!(upstream.all_hits(), 0);
    assert_eq!(files(&world, "acmex").await, ["acmex-9.0-py3-none-any.whl"]);
    world.import(&Wheel::new("acme-secret", "1.0")).await;
    eventually(async || world.get("/python/simple/acme-secret/").await.status == StatusCode::OK).await;
    assert_eq!(files(&world, "acme-secret").await, ["acme_secret-1.0-py3-none-any.whl"]);
}

#[tokio::test]
async fn what_an_index_keeps_private_is_private_in_those_that_are_made_of_it() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("acme-new", "9.0"));
    upstream.add_wheel(&Wheel::new("acmex", "9.0"));
    let reserved = vec!["acme-*".parse().unwrap()];
    let world = World::made_of(vec![
        IndexSpec { reserved, ..index("private", vec![SourceSpec::Hosted]) },
        index("python", vec![SourceSpec::Index(name("private")), behind(&upstream)]),
    ])
    .await;
    assert_eq!(world.get("/python/simple/acme-new/").await.status, StatusCode::NOT_FOUND);
    assert_eq!(upstream.all_hits(), 0);
    assert_eq!(files(&world, "acmex").await, ["acmex-9.0-py3-none-any.whl"]);
}

#[tokio::test]
async fn a_view_shows_its_projects_only() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("requests", "1.0"));
    upstream.add_wheel(&Wheel::new("flask", "1.0"));
    let view = View { only: Some(vec!["acme-*".parse().unwrap(), "requests".parse().unwrap()]), before: None };
    let world = World::made_of(vec![
        index("base", vec![SourceSpec::Hosted, behind(&upstream)]),
        IndexSpec { view, ..index("python", vec![SourceSpec::Index(name("base"))]) },
    ])
    .await;
    world.import_into("base", &Wheel::new("acme-a", "1.0")).await;
    world.import_into("base", &Wheel::new("other", "1.0")).await;
    assert_eq!(files(&world, "acme-a").await, ["acme_a-1.0-py3-none-any.whl"]);
    assert_eq!(files(&world, "requests").await, ["requests-1.0-py3-none-any.whl"]);
    for hidden in ["other", "flask"] {
        assert_eq!(world.get(&format!("/python/simple/{hidden}/")).await.status, StatusCode::NOT_FOUND, "{hidden}");
        let file = format!("/python/files/{hidden}/{hidden}-1.0-py3-none-any.whl");
        assert_eq!(world.get(&file).await.status, StatusCode::NOT_FOUND, "{hidden}");
    }
    let list = world.get_json("/python/simple/").await.json();
    assert_eq!(names(&list), ["acme-a"]);
    // What stands behind it is granted to nobody here.
    assert_eq!(world.get("/base/simple/other/").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn yanks_and_statuses_are_seen_on_the_page_and_a_quarantined_project_offers_nothing() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme", "1.0")).await;
    let (python, acme) = (name("python"), "acme".parse().unwrap());
    let event = || AuditEvent::new(world.now(), AuditKind::FileYanked, Outcome::Success, "1");
    let change = async |change| world.store.change_catalogue(&python, &acme, change, event()).await.unwrap();
    let page = async || world.get_json("/python/simple/acme/").await.json();
    let before = world.get_json("/python/simple/acme/").await.header("etag").to_owned();
    change(CatalogueChange::Yank(Which::Release("1.0".to_owned()), "broken".to_owned())).await;
    eventually(async || page().await["files"][0]["yanked"] == "broken").await;
    assert_ne!(world.get_json("/python/simple/acme/").await.header("etag"), before);
    // PEP 592: who has locked it still gets it.
    assert_eq!(world.get("/python/files/acme/acme-1.0-py3-none-any.whl").await.status, StatusCode::OK);
    change(CatalogueChange::Unyank(Which::All)).await;
    eventually(async || page().await["files"][0]["yanked"] == false).await;

    change(CatalogueChange::Status(ProjectStatus::Quarantined, Some("malware".to_owned()))).await;
    eventually(async || page().await["project-status"]["status"] == "quarantined").await;
    let quarantined = page().await;
    assert_eq!(quarantined["project-status"]["reason"], "malware");
    assert_eq!(quarantined["files"], serde_json::json!([]));
    assert_eq!(world.get("/python/files/acme/acme-1.0-py3-none-any.whl").await.status, StatusCode::FORBIDDEN);
    change(CatalogueChange::Status(ProjectStatus::Deprecated, None)).await;
    eventually(async || page().await["project-status"]["status"] == "deprecated").await;
    assert_eq!(world.get("/python/files/acme/acme-1.0-py3-none-any.whl").await.status, StatusCode::OK);
}

/// What a list names.
fn names(list: &serde_json::Value) -> Vec<&str> {
    list["projects"].as_array().unwrap().iter().map(|project| project["name"].as_str().unwrap()).collect()
}
