//! §"Access": who we are at an upstream, and nobody else learns it; and an upstream that is never asked.

use axum::http::StatusCode;
use daypass_core::secret::Secret;
use daypass_index::{SecretSource, UpstreamCredential, UpstreamSpec};
use daypass_testkit::{
    upstream::{Trouble, Upstream},
    wheel::Wheel,
};

use crate::world::{World, eventually, index_before};

const PAGE: &str = "/python/simple/requests/";
const FILE: &str = "/python/files/requests/requests-1.0-py3-none-any.whl";

fn upstream() -> Upstream {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("requests", "1.0"));
    upstream
}

fn spec(upstream: &Upstream) -> UpstreamSpec {
    upstream.url().parse::<url::Url>().unwrap().into()
}

#[tokio::test]
async fn an_upstream_is_told_who_we_are_and_a_replaced_secret_is_used_at_once() {
    let upstream = upstream();
    upstream.set(|manner| manner.authorization = Some("Bearer first".to_owned()));
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first\n").unwrap();
    let credential = Some(UpstreamCredential::Bearer(SecretSource::File(file.path().to_owned())));
    let world = World::made_of(vec![index_before(vec![UpstreamSpec { credential, ..spec(&upstream) }])]).await;
    assert_eq!(world.get(PAGE).await.status, StatusCode::OK);
    upstream.set(|manner| manner.authorization = Some("Bearer second".to_owned()));
    // The twin: the old one opens nothing any more, and that is a failure of ours and not of the client's.
    let refused = world.get(FILE).await;
    assert_eq!(refused.status, StatusCode::BAD_GATEWAY);
    assert!(!refused.headers.contains_key("www-authenticate"));
    assert!(!refused.text().contains("first") && refused.phrase.contains("another credential"), "{}", refused.phrase);
    std::fs::write(file.path(), "second").unwrap();
    assert_eq!(world.get(FILE).await.status, StatusCode::OK);
    // A secret that cannot be read is said so, and no absence.
    std::fs::remove_file(file.path()).unwrap();
    let unreadable = world.get("/python/simple/flask/").await;
    assert_eq!(unreadable.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(unreadable.phrase.contains("credential for the upstream"), "{}", unreadable.phrase);
    // What is kept is served all the same.
    world.advance(25 * 3600);
    assert_eq!(world.get(PAGE).await.header("x-cache"), "stale");
}

#[tokio::test]
async fn a_credential_goes_to_its_own_origin_only_and_cookies_nowhere() {
    let (upstream, elsewhere) = (upstream(), upstream());
    for other in [&upstream, &elsewhere] {
        other.set(|manner| manner.cookie = true);
    }
    let password = SecretSource::Given(Secret::new("s@crit"));
    let credential = Some(UpstreamCredential::Basic { username: "reader".to_owned(), password });
    let world = World::made_of(vec![index_before(vec![UpstreamSpec { credential, ..spec(&upstream) }])]).await;
    // By the page's URL, and by a redirect.
    upstream.set(|manner| manner.file_host = Some(elsewhere.origin()));
    assert_eq!(world.get(FILE).await.status, StatusCode::OK);
    upstream.set(|manner| manner.pages = Trouble::Redirect(format!("{}/simple/flask/", elsewhere.origin())));
    elsewhere.add_wheel(&Wheel::new("flask", "1.0"));
    let page = world.get("/python/simple/flask/").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.headers.contains_key("set-cookie"));
    assert!(upstream.seen().iter().all(|seen| seen.headers["authorization"] == "Basic cmVhZGVyOnNAY3JpdA=="));
    assert!(elsewhere.all_hits() >= 2);
    assert!(elsewhere.seen().iter().all(|seen| !seen.headers.contains_key("authorization")));
    let all = [upstream.seen(), elsewhere.seen()].concat();
    assert!(all.iter().all(|seen| !seen.headers.contains_key("cookie")));
}

#[tokio::test]
async fn offline_everything_kept_is_served_for_ever_and_nothing_is_asked() {
    let upstream = upstream();
    let mut world = World::before(&upstream).await;
    let (page, file) = (world.get(PAGE).await, world.get(FILE).await);
    world.get("/python/files/requests/requests-1.0-py3-none-any.whl.metadata").await;
    let kept = world.files_folder().join("upstream/python");
    eventually(async || {
        let shelf = std::fs::read_dir(&kept).unwrap().next().unwrap().unwrap().path();
        shelf.join("pages/requests").exists()
    })
    .await;
    let hits = upstream.all_hits();
    world = world.restarted_with(vec![index_before(vec![UpstreamSpec { offline: true, ..spec(&upstream) }])]).await;
    world.advance(400 * 24 * 3600);
    let again = world.get(PAGE).await;
    assert_eq!((again.status, again.bytes()), (StatusCode::OK, page.bytes()));
    assert_eq!(world.get(FILE).await.bytes(), file.bytes());
    let metadata = world.get("/python/files/requests/requests-1.0-py3-none-any.whl.metadata").await;
    assert_eq!(metadata.status, StatusCode::OK);
    for missing in ["/python/simple/flask/", "/python/files/flask/flask-1.0-py3-none-any.whl"] {
        let answer = world.get(missing).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(answer.phrase.contains("offline"), "{}", answer.phrase);
    }
    // A file that is on no kept page is absent, as far as this index can know.
    assert_eq!(world.get("/python/files/requests/requests-9.0.tar.gz").await.status, StatusCode::NOT_FOUND);
    assert_eq!(upstream.all_hits(), hits);
}

#[tokio::test]
async fn offline_a_file_that_is_listed_but_not_kept_says_so() {
    let upstream = upstream();
    let mut world = World::before(&upstream).await;
    world.get(PAGE).await;
    let kept = world.files_folder().join("upstream/python");
    eventually(async || {
        std::fs::read_dir(&kept)
            .is_ok_and(|mut shelves| shelves.next().unwrap().unwrap().path().join("pages/requests").exists())
    })
    .await;
    world = world.restarted_with(vec![index_before(vec![UpstreamSpec { offline: true, ..spec(&upstream) }])]).await;
    let answer = world.get(FILE).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.phrase.contains("offline"), "{}", answer.phrase);
}
