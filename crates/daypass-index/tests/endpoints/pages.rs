//! Pages of hosted projects: forms, redirects, headers.

use axum::http::{Request, StatusCode};
use daypass_testkit::wheel::Wheel;
use serde_json::json;

use crate::world::{JSON, World, basic};

const PAGE: &str = "/python/simple/acme-hello/";

async fn world() -> World {
    let world = World::alone().await;
    world.import(&Wheel::new("Acme.Hello", "1.0")).await;
    world
}

#[tokio::test]
async fn a_page_in_json_is_as_pep_691_and_700_say() {
    let world = world().await;
    let answer = world.get_json(PAGE).await;
    assert_eq!(answer.header("content-type"), JSON);
    let wheel = Wheel::new("Acme.Hello", "1.0");
    let digest = |bytes: &[u8]| daypass_core::digest::Sha256::of(bytes).to_string();
    let metadata = json!({ "sha256": digest(wheel.metadata().as_bytes()) });
    assert_eq!(
        answer.json(),
        json!({
            "meta": { "api-version": "1.4", "_last-serial": 1 },
            "name": "acme-hello",
            "versions": ["1.0"],
            "files": [{
                "filename": "acme_hello-1.0-py3-none-any.whl",
                "url": "../../files/acme-hello/acme_hello-1.0-py3-none-any.whl",
                "hashes": { "sha256": digest(&wheel.bytes()) },
                "size": wheel.bytes().len(),
                "upload-time": "2026-11-23T00:00:00.000000Z",
                "requires-python": ">=3.9",
                "yanked": false,
                "core-metadata": metadata,
                "data-dist-info-metadata": metadata,
            }],
        })
    );
}

#[tokio::test]
async fn a_page_in_html_is_as_pep_503_says() {
    let world = world().await;
    let answer = world.get(PAGE).await;
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    let text = answer.text();
    let digest = daypass_core::digest::Sha256::of(Wheel::new("Acme.Hello", "1.0").bytes()).to_string();
    assert!(
        text.contains(&format!("../../files/acme-hello/acme_hello-1.0-py3-none-any.whl#sha256={digest}\"")),
        "{text}"
    );
    assert!(
        text.contains("data-requires-python=\"&gt;=3.9\"") && text.contains("data-core-metadata=\"sha256="),
        "{text}"
    );
    let v1 = world.ask(Request::get(PAGE).header("accept", "application/vnd.pypi.simple.latest+html")).await;
    assert_eq!(v1.header("content-type"), "application/vnd.pypi.simple.v1+html");
    assert_eq!(v1.bytes(), answer.bytes());
}

#[tokio::test]
async fn what_cannot_be_had_is_406_and_format_beats_accept() {
    let world = world().await;
    assert_eq!(world.ask(Request::get(PAGE).header("accept", "image/png")).await.status, StatusCode::NOT_ACCEPTABLE);
    let path = format!("{PAGE}?format=application/vnd.pypi.simple.v1%2Bjson");
    let answer = world.ask(Request::get(&path).header("accept", "text/html")).await;
    assert_eq!(answer.header("content-type"), JSON);
}

#[tokio::test]
async fn pages_are_revalidated_at_every_use_and_never_vary_by_credential() {
    let world = world().await;
    let answer = world.get_json(PAGE).await;
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    assert_eq!(answer.header("vary"), "Accept, Accept-Encoding");
    let etag = answer.header("etag").to_owned();
    let again = world.ask(Request::get(PAGE).header("accept", JSON).header("if-none-match", &etag)).await;
    assert_eq!((again.status, again.bytes().len(), again.header("etag")), (StatusCode::NOT_MODIFIED, 0, &*etag));
    // Another form is another representation.
    let html = world.ask(Request::get(PAGE).header("if-none-match", &etag)).await;
    assert_eq!(html.status, StatusCode::OK);
    // A 304 is for who may see the page only.
    let stranger = world.send(Request::get(PAGE).header("accept", JSON).header("if-none-match", &etag)).await;
    assert_eq!(stranger.status, StatusCode::UNAUTHORIZED);
    world.import(&Wheel::new("Acme.Hello", "1.1")).await;
    crate::world::eventually(async || world.get_json(PAGE).await.header("etag") != etag).await;
    assert_eq!(world.get_json(PAGE).await.json()["versions"], json!(["1.0", "1.1"]));
}

#[tokio::test]
async fn long_pages_are_sent_compressed_to_who_takes_it() {
    let world = world().await;
    for minor in 1..20 {
        world.import(&Wheel::new("Acme.Hello", &format!("1.{minor}"))).await;
    }
    let ask = async |encoding: &str| {
        world.ask(Request::get(PAGE).header("accept", JSON).header("accept-encoding", encoding)).await
    };
    crate::world::eventually(async || ask("identity").await.json()["files"].as_array().unwrap().len() == 20).await;
    let (plain, gzip, zstd) = (ask("identity").await, ask("gzip, deflate").await, ask("gzip, br, zstd").await);
    assert_eq!((plain.header("content-encoding"), gzip.header("content-encoding")), ("", "gzip"));
    assert_ne!(plain.header("etag"), gzip.header("etag"));
    assert!(gzip.bytes().len() * 3 < plain.bytes().len());
    let mut unpacked = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzip.bytes()[..]), &mut unpacked).unwrap();
    assert_eq!(&unpacked, plain.bytes());
    assert_eq!((zstd.header("content-encoding"), zstd.header("vary")), ("zstd", "Accept, Accept-Encoding"));
    assert_ne!(zstd.header("etag"), gzip.header("etag"));
    assert_eq!(&zstd::decode_all(&zstd.bytes()[..]).unwrap(), plain.bytes());
    // What was kept of one coding says nothing of another.
    let known = Request::get(PAGE).header("accept", JSON).header("if-none-match", zstd.header("etag"));
    assert_eq!(world.ask(known.header("accept-encoding", "zstd")).await.status, StatusCode::NOT_MODIFIED);
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let world = world().await;
    let get = world.get_json(PAGE).await;
    let head = world.ask(Request::head(PAGE).header("accept", JSON)).await;
    assert_eq!((head.status, head.bytes().len()), (StatusCode::OK, 0));
    assert_eq!(head.headers, get.headers);
    assert_eq!(head.header("content-length"), get.bytes().len().to_string());
}

#[tokio::test]
async fn other_spellings_are_redirected_with_their_query() {
    let world = world().await;
    for (path, location) in [
        ("/python/simple", "/python/simple/"),
        ("/python/simple/acme-hello", PAGE),
        ("/python/simple/Acme.Hello/", PAGE),
        ("/python/simple/ACME__hello?format=text/html&x=1", "/python/simple/acme-hello/?format=text/html&x=1"),
    ] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::MOVED_PERMANENTLY, location), "{path}");
        assert_eq!(world.send(Request::get(path)).await.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn the_list_names_what_its_reader_may_pull() {
    let world = world().await;
    world.import(&Wheel::new("other", "1.0")).await;
    let list = async |identity: &str| {
        let request = Request::get("/python/simple/").header("accept", JSON);
        let list = world.send(request.header("authorization", basic(&world.access_token(identity)))).await.json();
        names(&list)
    };
    crate::world::eventually(async || list("ci/app").await == ["acme-hello", "other"]).await;
    assert_eq!(list("ci/acme").await, ["acme-hello"]);
    // What was made for one reader is not sent to another, in whatever order they come.
    assert_eq!(list("ci/app").await, ["acme-hello", "other"]);
    assert_eq!(list("ci/acme").await, ["acme-hello"]);
    let html = world.get("/python/simple/").await;
    assert!(html.text().contains("<a href=\"acme-hello/\">acme-hello</a>"), "{}", html.text());
}

fn names(list: &serde_json::Value) -> Vec<String> {
    let projects = list["projects"].as_array().unwrap();
    projects.iter().map(|project| project["name"].as_str().unwrap().to_owned()).collect()
}
