//! Hosted files: whole, in part, conditionally; and their metadata.

use axum::http::{Request, StatusCode};
use daypass_testkit::wheel::Wheel;

use crate::world::World;

const FILE: &str = "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl";

/// Small files come from memory, long ones from the folder: both must be the same to clients.
fn wheels() -> [Wheel; 2] {
    let wheel = Wheel::new("acme-hello", "1.0");
    [wheel.clone(), wheel.padding(3_000_000)]
}

#[tokio::test]
async fn a_file_is_whole_tagged_and_kept_for_ever() {
    for wheel in wheels() {
        let world = World::alone().await;
        world.import(&wheel).await;
        for _ in 0..2 {
            let answer = world.get(FILE).await;
            assert_eq!(answer.status, StatusCode::OK);
            assert_eq!(answer.bytes(), &wheel.bytes());
            assert_eq!(answer.header("content-length"), wheel.bytes().len().to_string());
            assert_eq!(answer.header("cache-control"), "private, max-age=365000000, immutable");
            assert_eq!(answer.header("accept-ranges"), "bytes");
            assert_eq!(answer.header("content-encoding"), "");
            assert_eq!(answer.header("vary"), "");
        }
    }
}

#[tokio::test]
async fn a_part_is_exactly_that_part() {
    for wheel in wheels() {
        let world = World::alone().await;
        world.import(&wheel).await;
        let bytes = wheel.bytes();
        let size = bytes.len();
        let etag = world.get(FILE).await.header("etag").to_owned();
        for (range, from, to) in [
            ("bytes=0-0".to_owned(), 0, 1),
            ("bytes=100-299".to_owned(), 100, 300),
            (format!("bytes={}-", size - 7), size - 7, size),
            ("bytes=-100".to_owned(), size - 100, size),
            (format!("bytes=1-{}", size * 2), 1, size),
        ] {
            let answer = world.ask(Request::get(FILE).header("range", &range)).await;
            assert_eq!(answer.status, StatusCode::PARTIAL_CONTENT, "{range}");
            assert_eq!(answer.bytes(), &bytes[from..to], "{range}");
            assert_eq!(answer.header("content-range"), format!("bytes {from}-{}/{size}", to - 1));
            let same = world.ask(Request::get(FILE).header("range", &range).header("if-range", &etag)).await;
            assert_eq!(same.status, StatusCode::PARTIAL_CONTENT);
            let other = world.ask(Request::get(FILE).header("range", &range).header("if-range", "\"other\"")).await;
            assert_eq!((other.status, other.bytes().len()), (StatusCode::OK, size));
        }
        let behind = world.ask(Request::get(FILE).header("range", format!("bytes={size}-"))).await;
        assert_eq!(behind.status, StatusCode::RANGE_NOT_SATISFIABLE);
        assert_eq!(behind.header("content-range"), format!("bytes */{size}"));
        let nonsense = world.ask(Request::get(FILE).header("range", "bytes=5-1")).await;
        assert_eq!((nonsense.status, nonsense.bytes().len()), (StatusCode::OK, size));
    }
}

#[tokio::test]
async fn head_and_304_send_no_bytes() {
    let world = World::alone().await;
    let [wheel, _] = wheels();
    world.import(&wheel).await;
    let get = world.get(FILE).await;
    let head = world.ask(Request::head(FILE)).await;
    assert_eq!((head.status, head.bytes().len(), &head.headers), (StatusCode::OK, 0, &get.headers));
    let ranged = world.ask(Request::head(FILE).header("range", "bytes=0-3")).await;
    assert_eq!(ranged.status, StatusCode::OK);
    let etag = get.header("etag");
    let unchanged = world.ask(Request::get(FILE).header("if-none-match", etag)).await;
    assert_eq!(
        (unchanged.status, unchanged.bytes().len(), unchanged.header("etag")),
        (StatusCode::NOT_MODIFIED, 0, etag)
    );
}

#[tokio::test]
async fn metadata_is_the_wheels_own_bytes() {
    let world = World::alone().await;
    let [wheel, _] = wheels();
    world.import(&wheel).await;
    for _ in 0..2 {
        let answer = world.get(&format!("{FILE}.metadata")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, &*wheel.metadata()));
    }
    let missing = world.get("/python/files/acme-hello/acme_hello-2.0-py3-none-any.whl.metadata").await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_of_another_project_is_not_there() {
    let world = World::alone().await;
    let [wheel, _] = wheels();
    world.import(&wheel).await;
    world.import(&Wheel::new("other", "1.0")).await;
    let answer = world.get("/python/files/other/acme_hello-1.0-py3-none-any.whl").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_damaged_file_is_not_served() {
    for wheel in wheels() {
        let world = World::alone().await;
        let imported = world.import(&wheel).await;
        let digest = imported.sha256.to_string();
        let blob = world.files_folder().join("blobs/hosted/sha256").join(&digest[..2]).join(&digest);
        std::fs::write(&blob, &wheel.bytes()[..500]).unwrap();
        let answer = world.get(FILE).await;
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        std::fs::remove_file(&blob).unwrap();
        assert_eq!(world.get(FILE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    }
}
