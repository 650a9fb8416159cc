//! Pages and files through a package policy: what is blocked is not there, the rest is; and it is written down.

use axum::http::{Request, StatusCode};
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
};
use daypass_index::{
    IndexSpec, SourceSpec, View,
    package_policy::{InForce, LivePolicy, PackagePolicy},
};
use daypass_testkit::{
    upstream::{Trouble, Upstream, UpstreamFile},
    wheel::Wheel,
};
use serde_json::{Value, json};

use crate::world::{Answer, JSON, World, basic};

const PAGE: &str = "/python/simple/acme/";
const OLD: &str = "acme-1.0-py3-none-any.whl";
const YOUNG: &str = "acme-2.0-py3-none-any.whl";

fn file(version: &str, upload_time: &str) -> UpstreamFile {
    UpstreamFile { upload_time: upload_time.to_owned(), ..UpstreamFile::of(&Wheel::new("acme", version)) }
}

/// `acme` 1.0 is old, and 2.0 was uploaded two days before the clock's beginning.
fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.add_file("acme", file("1.0", "2026-01-02T03:04:05Z"));
    upstream.add_file("acme", file("2.0", "2026-11-21T00:00:00Z"));
    upstream
}

fn files(answer: &Answer) -> Vec<String> {
    let page = answer.json();
    page["files"].as_array().unwrap().iter().map(|file| file["filename"].as_str().unwrap().to_owned()).collect()
}

fn path_of(file: &str) -> String {
    format!("/python/files/acme/{file}")
}

impl World {
    async fn blocked_events(&self) -> Vec<AuditEvent> {
        let all = self.audit().await;
        all.into_iter().filter(|event| event.kind == AuditKind::PullBlocked).collect()
    }
}

#[tokio::test]
async fn a_young_file_is_not_on_the_page_and_cannot_be_had_and_its_elder_can() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    assert_eq!(files(&world.get_json(PAGE).await), [OLD, YOUNG]);
    world.set_package_policy("");
    let page = world.get_json(PAGE).await;
    assert_eq!((page.status, files(&page)), (StatusCode::OK, vec![OLD.to_owned()]));
    let told = page.json();
    let reason = "uploaded on 2026-11-21T00:00:00Z; index `python` waits 7 days: can be installed from \
                  2026-11-28T00:00:00Z";
    assert_eq!(
        told["_blocked"],
        json!({ "files": 1, "because": [{
            "version": "2.0", "files": 1, "rule": "cooldown", "reason": reason, "until": "2026-11-28T00:00:00Z",
        }] })
    );
    assert!(told.get("project-status").is_none());
    let html = world.get(PAGE).await;
    assert!(html.text().contains(OLD) && !html.text().contains(YOUNG), "{}", html.text());
    for path in [path_of(YOUNG), path_of(&format!("{YOUNG}.metadata"))] {
        for method in ["GET", "HEAD"] {
            let refused = world.ask(Request::builder().method(method).uri(&path)).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{method} {path}");
            assert_eq!(refused.header("x-daypass-blocked"), "cooldown");
            assert_eq!(refused.phrase, format!("Forbidden: {reason}"));
            if method == "GET" {
                let problem = refused.json();
                assert_eq!((&problem["code"], &problem["detail"]), (&json!("package_blocked"), &json!(reason)));
            }
        }
    }
    for path in [path_of(OLD), path_of(&format!("{OLD}.metadata"))] {
        assert_eq!(world.get(&path).await.status, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn the_page_changes_with_the_clock_alone_to_the_second() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.set_package_policy("");
    let before = world.get_json(PAGE).await;
    let again = async || {
        world.ask(Request::get(PAGE).header("accept", JSON).header("if-none-match", before.header("etag"))).await
    };
    assert_eq!(again().await.status, StatusCode::NOT_MODIFIED);
    world.advance(5 * 86_400 - 1);
    assert_eq!(files(&world.get_json(PAGE).await), [OLD]);
    assert_eq!(world.get(&path_of(YOUNG)).await.status, StatusCode::FORBIDDEN);
    world.advance(1);
    let after = again().await;
    assert_eq!((after.status, files(&after)), (StatusCode::OK, vec![OLD.to_owned(), YOUNG.to_owned()]));
    assert_ne!(after.header("etag"), before.header("etag"));
    assert_eq!(after.json().get("_blocked"), None);
    assert_eq!(world.get(&path_of(YOUNG)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_policy_that_changes_bites_at_the_next_request() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    let whole = world.get_json(PAGE).await;
    for (policy, there) in [
        ("", vec![OLD]),
        ("cooldown = \"24h\"", vec![OLD, YOUNG]),
        ("[[block]]\nproject = \"acme\"\nversions = \"<2\"\n", vec![]),
        ("cooldown = \"0\"\n[[block]]\nproject = \"acme\"\nversions = \"<2\"\n", vec![YOUNG]),
        ("[[allow]]\nproject = \"acme\"\nbecause = \"we need it\"", vec![OLD, YOUNG]),
        ("cooldown = \"0\"", vec![OLD, YOUNG]),
    ] {
        world.set_package_policy(policy);
        let page = world.get_json(PAGE).await;
        assert_eq!(files(&page), there, "{policy}");
        // A page of which nothing is withheld is the page as it was, to the byte.
        assert_eq!(page.bytes() == whole.bytes(), there.len() == 2, "{policy}");
        for file in [OLD, YOUNG] {
            let status = if there.contains(&file) { StatusCode::OK } else { StatusCode::FORBIDDEN };
            assert_eq!(world.get(&path_of(file)).await.status, status, "{policy} {file}");
        }
    }
}

#[tokio::test]
async fn versions_go_with_their_last_file() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme", "1.0")).await;
    world.import(&Wheel::new("acme", "2.0")).await;
    assert_eq!(world.get_json(PAGE).await.json()["versions"], json!(["1.0", "2.0"]));
    world.set_package_policy("[[block]]\nproject = \"*\"\nversions = \">=2\"");
    let page = world.get_json(PAGE).await;
    assert_eq!((files(&page), page.json()["versions"].clone()), (vec![OLD.to_owned()], json!(["1.0"])));
    world.set_package_policy("[[block]]\nproject = \"*\"\nfile_types = [\"sdist\"]");
    assert_eq!(world.get_json(PAGE).await.json()["versions"], json!(["1.0", "2.0"]));
}

#[tokio::test]
async fn a_project_that_is_blocked_whole_says_why_and_sends_nobody_elsewhere() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.set_package_policy("[[block]]\nproject = \"acme\"\nbecause = \"use `acme2`\"");
    let page = world.get_json(PAGE).await;
    assert_eq!((page.status, files(&page).len()), (StatusCode::OK, 0));
    assert_eq!(
        page.json()["project-status"],
        json!({ "status": "quarantined", "reason": "all 2 files are withheld by the policy of index `python`: on the \
                block list of index `python`: use `acme2`" })
    );
    assert_eq!(page.json()["versions"], json!([]));
    let html = world.get(PAGE).await;
    assert!(html.text().contains("quarantined") && html.text().contains("acme2"), "{}", html.text());
    // What does not exist is still a 404.
    assert_eq!(world.get("/python/simple/nothing/").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn hosted_files_do_not_wait_but_advisories_and_lists_hold_for_them_too() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme", "1.0")).await;
    for (policy, status) in [
        ("", StatusCode::OK),
        ("hosted_cooldown = \"1d\"", StatusCode::FORBIDDEN),
        ("[[block]]\npurl = \"pkg:pypi/acme@1.0\"", StatusCode::FORBIDDEN),
        ("[[block]]\npurl = \"pkg:pypi/acme@1.1\"", StatusCode::OK),
    ] {
        world.set_package_policy(policy);
        assert_eq!(world.get(&path_of(OLD)).await.status, status, "{policy}");
        assert_eq!(files(&world.get_json(PAGE).await).len(), usize::from(status == StatusCode::OK), "{policy}");
    }
    world.advance(86_400);
    world.set_package_policy("hosted_cooldown = \"1d\"");
    assert_eq!(world.get(&path_of(OLD)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn malware_is_blocked_as_soon_as_the_advisory_is_there() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    let folder = world.folder.path().join("osv");
    std::fs::create_dir(&folder).unwrap();
    let policy = "cooldown = \"0\"\nosv = [\"osv\"]";
    world.set_package_policy(policy);
    assert_eq!(files(&world.get_json(PAGE).await).len(), 2);
    let advisory = json!({
        "id": "MAL-2026-7", "summary": "steals credentials",
        "affected": [{ "package": { "ecosystem": "PyPI", "name": "Acme" }, "versions": ["2.0"] }],
    });
    std::fs::write(folder.join("MAL-2026-7.json"), advisory.to_string()).unwrap();
    world.set_package_policy(policy);
    assert_eq!(files(&world.get_json(PAGE).await), [OLD]);
    let refused = world.get(&path_of(YOUNG)).await;
    assert_eq!((refused.status, refused.header("x-daypass-blocked")), (StatusCode::FORBIDDEN, "malware"));
    assert_eq!(refused.json()["detail"], "reported as malicious: MAL-2026-7 (steals credentials)");
    let lift = "\n[[allow]]\nproject = \"acme\"\nlifts = [\"MAL-2026-7\"]\nbecause = \"a false alarm\"";
    world.set_package_policy(&format!("{policy}{lift}"));
    assert_eq!(world.get(&path_of(YOUNG)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_upstream_quarantined_is_withheld_in_any_mode() {
    let upstream = upstream();
    upstream.set_status("acme", "quarantined");
    let world = World::before(&upstream).await;
    for policy in ["cooldown = \"0\"", "mode = \"preview\""] {
        world.set_package_policy(policy);
        let page = world.get_json(PAGE).await;
        assert_eq!((page.status, files(&page).len()), (StatusCode::OK, 0), "{policy}");
        assert_eq!(page.json()["project-status"], json!({ "status": "quarantined", "reason": "because" }));
        let refused = world.get(&path_of(OLD)).await;
        assert_eq!((refused.status, refused.header("x-daypass-blocked")), (StatusCode::FORBIDDEN, "quarantine"));
        assert_eq!(refused.json()["detail"], "project `acme` is quarantined: because");
    }
}

#[tokio::test]
async fn preview_withholds_nothing_and_writes_down_what_it_would() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    let whole = world.get_json(PAGE).await;
    world.set_package_policy("mode = \"preview\"");
    assert_eq!(world.get_json(PAGE).await.bytes(), whole.bytes());
    assert_eq!(world.get(&path_of(YOUNG)).await.status, StatusCode::OK);
    let events = world.blocked_events().await;
    let told: Vec<_> =
        events.iter().map(|event| (event.outcome, event.reason.as_deref().unwrap_or_default())).collect();
    let [(Outcome::Success, page), (Outcome::Success, file)] = told.as_slice() else { panic!("{told:?}") };
    assert!(page.starts_with("preview: would be withheld from the page: 1 file of 2.0 (cooldown: "), "{page}");
    assert!(file.starts_with("preview: would be blocked (cooldown): uploaded on"), "{file}");
    assert_eq!(events[1].file.as_ref().map(AsRef::as_ref), Some(YOUNG));
}

#[tokio::test]
async fn every_blocked_pull_is_written_down_once_a_minute_with_who_which_and_why() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.set_package_policy("");
    let access_token = world.access_token("ci/app");
    let ask = async |path: &str, accept: &str| {
        world.send(Request::get(path).header("accept", accept).header("authorization", basic(&access_token))).await
    };
    for _ in 0..3 {
        ask(PAGE, JSON).await;
        ask(PAGE, "text/html").await;
        ask(&path_of(YOUNG), "*/*").await;
    }
    // Pages and files from which nothing is withheld make no such event.
    ask(&path_of(OLD), "*/*").await;
    let events = world.blocked_events().await;
    let seen: Vec<_> = events.iter().map(|event| event.file.as_ref().map(ToString::to_string)).collect();
    assert_eq!(seen, [None, Some(YOUNG.to_owned())]);
    for event in &events {
        assert_eq!(event.outcome, Outcome::Refused);
        assert_eq!(event.identity.as_deref(), Some("ci/app"));
        assert_eq!(event.actor.as_ref().unwrap().sub, "repo:acme/app");
        assert_eq!(event.index.as_ref().unwrap().as_str(), "python");
        assert_eq!(event.project.as_ref().unwrap().as_str(), "acme");
        assert_eq!(event.token_sha256, Some(Sha256::of(&access_token)));
    }
    assert!(
        events[0].reason.as_ref().unwrap().starts_with("withheld from the page: 1 file of 2.0 (cooldown: uploaded")
    );
    assert!(events[1].reason.as_ref().unwrap().starts_with("cooldown: uploaded on 2026-11-21T00:00:00Z"));
    world.advance(60);
    ask(&path_of(YOUNG), "*/*").await;
    assert_eq!(world.blocked_events().await.len(), 3);
}

#[tokio::test]
async fn who_has_no_grant_learns_nothing_of_the_policy() {
    let upstream = upstream();
    let world = World::before(&upstream).await;
    world.set_package_policy("");
    let authorization = basic(&world.access_token("ci/acme"));
    let refused = world.send(Request::get(path_of(YOUNG)).header("authorization", authorization)).await;
    assert_eq!((refused.status, refused.header("x-daypass-blocked")), (StatusCode::FORBIDDEN, ""));
    assert_eq!(refused.json()["code"], "grant_missing");
    assert_eq!(world.send(Request::get(path_of(YOUNG))).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(world.blocked_events().await.len(), 0);
}

fn policy(text: &str) -> LivePolicy {
    let policy = PackagePolicy::parse(text).unwrap();
    LivePolicy::new(InForce::load(policy, std::path::Path::new("")).unwrap())
}

/// Index `base` with the upstream, and `python` made of it.
fn nested(upstream: &Upstream, base_policy: &str) -> Vec<IndexSpec> {
    let mut base = IndexSpec::simple("base".parse().unwrap(), Some(upstream.url().parse().unwrap()));
    base.policy = policy(base_policy);
    let mut python = IndexSpec::simple("python".parse().unwrap(), None);
    python.sources = vec![SourceSpec::Index(base.name.clone())];
    vec![base, python]
}

#[tokio::test]
async fn an_index_shows_of_another_one_what_that_one_shows() {
    let upstream = upstream();
    let world = World::made_of(nested(&upstream, "")).await;
    let page = world.get_json(PAGE).await;
    assert_eq!(files(&page), [OLD]);
    assert!(page.json()["_blocked"]["because"][0]["reason"].as_str().unwrap().contains("index `base` waits"));
    assert_eq!(world.get(&path_of(YOUNG)).await.status, StatusCode::FORBIDDEN);
    world.set_package_policy("cooldown = \"0\"\n[[block]]\nproject = \"acme\"\nversions = \"==1.0\"");
    assert_eq!(files(&world.get_json(PAGE).await).len(), 0);
    let open = World::made_of(nested(&upstream, "cooldown = \"0\"")).await;
    assert_eq!(files(&open.get_json(PAGE).await), [OLD, YOUNG]);
    assert_eq!(open.get(&path_of(YOUNG)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_view_before_a_date_leaves_out_what_came_later_without_a_word() {
    let upstream = upstream();
    let mut specs = nested(&upstream, "cooldown = \"0\"");
    specs[0].view = View { only: None, before: Some("2026-11-21T00:00:00Z".parse().unwrap()) };
    let world = World::made_of(specs).await;
    let page = world.get_json(PAGE).await;
    assert_eq!((files(&page), page.json()["versions"].clone()), (vec![OLD.to_owned()], json!(["1.0"])));
    assert_eq!((page.json().get("_blocked"), page.json().get("project-status")), (None, None));
    assert_eq!(world.get(&path_of(YOUNG)).await.status, StatusCode::NOT_FOUND);
    assert_eq!(world.get(&path_of(OLD)).await.status, StatusCode::OK);
    assert_eq!(world.blocked_events().await.len(), 0);
    let none: Value = json!([]);
    let mut specs = nested(&upstream, "cooldown = \"0\"");
    specs[1].view.before = Some("2025-01-01T00:00:00Z".parse().unwrap());
    let page = World::made_of(specs).await.get_json(PAGE).await;
    assert_eq!((page.status, page.json()["files"].clone()), (StatusCode::OK, none));
}

/// `acme` with a version for each licence; an empty one is none.
fn licensed(licences: &[(&str, &str)]) -> Upstream {
    let upstream = Upstream::start();
    for (version, licence) in licences {
        let mut file = file(version, "2026-01-02T03:04:05Z");
        let line = format!("Name: acme\nLicense-Expression: {licence}\n");
        file.metadata = file.metadata.map(|metadata| metadata.replacen("Name: acme\n", &line, 1));
        upstream.add_file("acme", file);
    }
    upstream
}

#[tokio::test]
async fn a_licence_is_read_from_the_metadata_before_a_page_is_shown_or_a_file_handed_out() {
    let upstream = licensed(&[("1.0", "MIT"), ("2.0", "AGPL-3.0-only"), ("3.0", "MIT OR AGPL-3.0-only"), ("4.0", "")]);
    let world = World::before(&upstream).await;
    world.get_json(PAGE).await;
    assert_eq!(upstream.hits("/simple/acme/"), upstream.all_hits(), "no policy asks for licences yet");
    let name = |version: &str| format!("acme-{version}-py3-none-any.whl");
    let lax = "cooldown = \"0\"\n[licences]\nblock = [\"AGPL-*\"]";
    world.set_package_policy(lax);
    assert_eq!(files(&world.get_json(PAGE).await), ["1.0", "3.0", "4.0"].map(name));
    for (version, status) in [("1.0", 200), ("2.0", 403), ("3.0", 200), ("4.0", 200)] {
        assert_eq!(world.get(&path_of(&name(version))).await.status.as_u16(), status, "{version}");
    }
    let refused = world.get(&path_of(&name("2.0"))).await;
    assert_eq!(refused.header("x-daypass-blocked"), "licence");
    assert!(refused.json()["detail"].as_str().unwrap().contains("`AGPL-3.0-only`"));
    world.set_package_policy(&format!("{lax}\nunknown = \"block\""));
    assert_eq!(files(&world.get_json(PAGE).await), ["1.0", "3.0"].map(name));
    assert_eq!(world.get(&path_of(&name("4.0"))).await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_file_whose_licence_cannot_be_read_now_is_not_handed_out_and_others_are() {
    let upstream = licensed(&[("1.0", "MIT")]);
    upstream.set(|manner| manner.metadata = Trouble::Status(503));
    let world = World::before(&upstream).await;
    world.set_package_policy("cooldown = \"0\"\n[licences]\nblock = [\"AGPL-*\"]");
    assert_eq!(files(&world.get_json(PAGE).await), [OLD]);
    assert_eq!(world.get(&path_of(OLD)).await.status, StatusCode::SERVICE_UNAVAILABLE);
    upstream.set(|manner| manner.metadata = Trouble::None);
    assert_eq!(world.get(&path_of(OLD)).await.status, StatusCode::OK);
}
