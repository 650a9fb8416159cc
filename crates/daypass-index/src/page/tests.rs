//! Pages in, pages out: nothing is lost, nothing gets through that should not.

use axum::http::{HeaderMap, HeaderValue, header};
use futures_util::StreamExt as _;
use serde_json::json;
use url::Url;

use crate::{
    body::inflated,
    coding::{Accepted, ContentCoding},
};

use super::{
    CoreMetadata, ProjectPage, UnknownPage,
    prepared::{Coding, PreparedPage},
    read_html, read_json, write_html, write_json,
};

fn base() -> Url {
    Url::parse("https://index.example.com/simple/acme/").unwrap()
}

fn json_page(page: &serde_json::Value) -> Result<ProjectPage, UnknownPage> {
    read_json::read(&"acme".parse().unwrap(), &base(), page.to_string().as_bytes())
}

fn html_page(body: &str) -> ProjectPage {
    read_html::read(&"acme".parse().unwrap(), &base(), body.as_bytes()).unwrap()
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap()
}

/// Every key that the specifications know, and some that they do not.
fn rich() -> serde_json::Value {
    json!({
        "meta": { "api-version": "1.3", "_last-serial": 7 },
        "name": "acme",
        "versions": ["1.0", "2.0"],
        "project-status": { "status": "archived", "reason": "use \"other\" & <that>" },
        "future-key": { "a": 1 },
        "_private": true,
        "namespaces": null,
        "files": [
            {
                "filename": "acme-1.0-py3-none-any.whl",
                "url": "https://user:secret@files.example.com/a/acme-1.0-py3-none-any.whl#x",
                "hashes": { "sha256": "AB".repeat(32), "blake2b": "00ff", "bad": "zz", "<x>": "00" },
                "size": 123,
                "upload-time": "2026-01-02T03:04:05.6789Z",
                "requires-python": ">=3.9,<4",
                "yanked": "it & broke",
                "core-metadata": { "sha256": "cd".repeat(32) },
                "data-dist-info-metadata": { "sha256": "cd".repeat(32) },
                "gpg-sig": true,
                "provenance": "https://index.example.com/provenance",
                "_mine": 1,
                "zstd": { "url": "x" },
            },
            { "filename": "acme-2.0+local.1.tar.gz", "url": "../../f/acme-2.0%2Blocal.1.tar.gz", "hashes": {}, "yanked": true },
        ],
    })
}

fn of_ours(mut page: ProjectPage) -> ProjectPage {
    page.provenance_base = Some("https://packages.example.com/python/provenance/acme/".into());
    page
}

#[test]
fn provenance_is_under_our_own_url_or_not_at_all() {
    let mut page = json_page(&rich()).unwrap();
    assert_eq!(page.files[0].provenance.as_deref(), Some("https://index.example.com/provenance"));
    assert!(
        !text(write_json::write(&page)).contains("provenance")
            && !text(write_html::write(&page)).contains("provenance")
    );
    // PEP 740: what is in HTML is of a secure origin.
    page.provenance_base = Some("http://127.0.0.1:8080/python/provenance/acme/".into());
    assert!(
        text(write_json::write(&page))
            .contains("http://127.0.0.1:8080/python/provenance/acme/acme-1.0-py3-none-any.whl")
    );
    assert!(!text(write_html::write(&page)).contains("provenance"));
    assert!(!text(write_json::write(&of_ours(page))).contains("index.example.com"));
    let html = html_page("<a href=a-1.tar.gz data-provenance='https://u:p@x.example.com/y'>a-1.tar.gz</a>");
    assert_eq!(html.files[0].provenance.as_deref(), Some("https://x.example.com/y"));
}

#[test]
fn a_rich_page_is_passed_on_in_json() {
    insta::assert_snapshot!(text(write_json::write(&of_ours(json_page(&rich()).unwrap()))));
}

#[test]
fn a_rich_page_is_passed_on_in_html() {
    insta::assert_snapshot!(text(write_html::write(&of_ours(json_page(&rich()).unwrap()))));
}

#[test]
fn what_we_write_we_read() {
    let page = json_page(&rich()).unwrap();
    let again = read_json::read(&page.name, &base(), &write_json::write(&page)).unwrap();
    let html = html_page(&text(write_html::write(&page)));
    for ((file, again), html) in page.files.iter().zip(&again.files).zip(&html.files) {
        assert_eq!((&file.hashes, &file.yanked, &file.metadata), (&again.hashes, &again.yanked, &again.metadata));
        assert_eq!((&file.name, &file.requires_python, file.size), (&again.name, &again.requires_python, again.size));
        assert_eq!(
            (&file.name, &file.requires_python, &file.yanked),
            (&html.name, &html.requires_python, &html.yanked)
        );
        assert_eq!((file.sha256(), &file.metadata), (html.sha256(), &html.metadata));
    }
    assert_eq!(page.status, again.status);
    assert_eq!(page.status, html.status);
    assert_eq!(page.extra, again.extra);
}

#[test]
fn a_record_on_disk_is_the_same_page() {
    let page = json_page(&rich()).unwrap();
    let record = serde_json::to_vec(&page).unwrap();
    assert_eq!(serde_json::from_slice::<ProjectPage>(&record).unwrap(), page);
    assert!(!text(record).contains("secret"));
}

#[test]
fn files_that_cannot_be_named_or_fetched_are_left_out() {
    for (name, url) in [
        ("../evil.whl", "x"),
        ("a b.whl", "x"),
        ("", "x"),
        ("a.whl", "file:///etc/passwd"),
        ("a.whl", "ftp://example.com/a.whl"),
        ("a.whl", "data:,x"),
        ("a.whl", "https://"),
    ] {
        let page = json_page(&json!({ "meta": { "api-version": "1.0" }, "name": "acme",
            "files": [{ "filename": name, "url": url, "hashes": {} }, { "url": 1 }, {}] }));
        assert_eq!(page.unwrap().files, [], "{name} {url}");
    }
}

#[test]
fn an_unknown_major_version_and_what_is_no_page_are_refused() {
    for version in ["2.0", "x", ""] {
        let page = json!({ "meta": { "api-version": version }, "name": "acme", "files": [] });
        assert!(matches!(json_page(&page), Err(UnknownPage::ApiVersion(_))), "{version}");
    }
    for page in [json!([]), json!({}), json!({ "meta": {}, "files": [] }), json!({ "meta": { "api-version": "1.0" } })]
    {
        assert!(matches!(json_page(&page), Err(UnknownPage::Json(_))), "{page}");
    }
    let newer = json!({ "meta": { "api-version": "1.99" }, "name": "acme", "files": [] });
    assert_eq!(json_page(&newer).unwrap().api_minor, super::NEWEST_MINOR);
}

#[test]
fn html_of_all_times_is_read() {
    let page = html_page(
        r#"<!doctype html><base href="/packages/"><h1>x</h1>
        <A HREF="a/acme-1.0.tar.gz#md5=0123456789abcdef0123456789abcdef">acme-1.0.tar.gz</A>
        <a href="acme-1.0-py3-none-any.whl?x=1#sha256=ABCD&amp;egg=acme" data-requires-python="&gt;=3.9"
           data-dist-info-metadata="true" data-yanked data-gpg-sig="true">anything</a>
        <a href="acme-2.0%2Blocal-py3-none-any.whl" data-core-metadata="sha256=00ff" data-yanked="why">x</a>
        <a>no href</a><a href="../">parent</a><a href="mailto:x@example.com">mail</a>"#,
    );
    let names: Vec<_> = page.files.iter().map(|file| file.name.as_str()).collect();
    assert_eq!(names, ["acme-1.0.tar.gz", "acme-1.0-py3-none-any.whl", "acme-2.0+local-py3-none-any.whl"]);
    let [sdist, wheel, local] = page.files.as_slice() else { panic!("three files") };
    assert_eq!(sdist.source.as_deref(), Some("https://index.example.com/packages/a/acme-1.0.tar.gz"));
    assert_eq!(sdist.hashes.get("md5").map(AsRef::as_ref), Some("0123456789abcdef0123456789abcdef"));
    assert_eq!(wheel.source.as_deref(), Some("https://index.example.com/packages/acme-1.0-py3-none-any.whl?x=1"));
    assert_eq!(wheel.hashes.keys().map(AsRef::as_ref).collect::<Vec<&str>>(), ["sha256"]);
    assert_eq!((wheel.requires_python.as_deref(), wheel.yanked.as_deref()), (Some(">=3.9"), Some("")));
    assert_eq!(wheel.metadata, CoreMetadata::Present);
    assert_eq!(local.yanked.as_deref(), Some("why"));
    assert!(matches!(local.metadata, CoreMetadata::Hashed(_)));
}

fn accepting(codings: &'static str) -> Accepted {
    let mut headers = HeaderMap::new();
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static(codings));
    Accepted::of(&headers)
}

#[tokio::test]
async fn long_pages_are_kept_compressed_only_and_still_sent_plain_to_who_wants_that() {
    let file =
        |number: u32| json!({ "filename": format!("acme-{number}.tar.gz"), "url": "x", "hashes": { "sha256": "00" } });
    let page = json!({ "meta": { "api-version": "1.1" }, "name": "acme", "versions": [],
        "files": (0..10_000).map(file).collect::<Vec<_>>() });
    let prepared = PreparedPage::new(json_page(&page).unwrap());
    let text = write_json::write(&prepared.page);
    let plain = prepared.json.body(accepting("identity"));
    assert_eq!((plain.coding, plain.length), (Coding::Inflate, text.len()));
    assert!(plain.length > 256 * 1024);
    let gzip = prepared.json.body(accepting("gzip"));
    assert_eq!((gzip.coding, gzip.length), (Coding::Compressed(ContentCoding::Gzip), gzip.bytes.len()));
    let zstd = prepared.json.body(accepting("gzip, zstd"));
    assert_eq!((zstd.coding, zstd.length), (Coding::Compressed(ContentCoding::Zstd), zstd.bytes.len()));
    assert_eq!(zstd::bulk::decompress(&zstd.bytes, text.len()).unwrap(), text);
    assert_ne!(zstd.etag, gzip.etag);
    let html = prepared.html.body(accepting("zstd"));
    assert_eq!(html.coding, Coding::Inflate, "browsers take gzip");
    assert!(gzip.length * 5 < plain.length);
    assert_ne!(plain.etag, gzip.etag);
    assert!(prepared.json.weight() < plain.length);
    // Inflated piece by piece, so that who takes nothing holds little.
    let mut pieces = inflated(plain.bytes).into_data_stream();
    let mut sent = Vec::new();
    while let Some(piece) = pieces.next().await {
        let piece = piece.unwrap();
        assert!(piece.len() <= 64 * 1024);
        sent.extend_from_slice(&piece);
    }
    assert_eq!(sent, text);
}

#[test]
fn what_is_short_to_write_is_weighed_as_what_it_is_to_keep() {
    let page = |extra: &str, files: &str| {
        let text = format!(r#"{{ "meta": {{ "api-version": "1.1" }}, "name": "acme", "files": [{files}] {extra} }}"#);
        (read_json::read(&"acme".parse().unwrap(), &base(), text.as_bytes()), text.len())
    };
    // Zeros by the thousand, each a value; versions by the thousand, each an allocation; long reasons.
    let zeros = vec!["0"; 7000].join(",");
    let (read, length) = page(&format!(r#", "future": [{zeros}]"#), "");
    assert!(read.unwrap().weight() > 10 * length);
    let versions = vec![r#""""#; 100_000].join(",");
    let (read, length) = page(&format!(r#", "versions": [{versions}]"#), "");
    assert!(read.unwrap().weight() > 10 * length);
    let yanked = format!(r#"{{ "filename": "a.whl", "url": "a.whl", "yanked": "{}" }}"#, "x".repeat(50_000));
    let (read, length) = page("", &yanked);
    let prepared = PreparedPage::new(read.unwrap());
    assert!(prepared.weight() as usize > length);
}

#[test]
fn what_nobody_means_well_is_not_kept() {
    let page = |extra: &str, files: &str| {
        let text = format!(r#"{{ "meta": {{ "api-version": "1.1" }}, "name": "acme", "files": [{files}] {extra} }}"#);
        read_json::read(&"acme".parse().unwrap(), &base(), text.as_bytes())
    };
    let zeros = |count| vec!["0"; count].join(",");
    // An unknown key that is long is dropped, and its short neighbour kept.
    let read = page(&format!(r#", "long": [{}], "short": 1"#, zeros(100_000)), "").unwrap();
    assert_eq!(read.extra.keys().collect::<Vec<_>>(), ["short"]);
    let many: Vec<String> = (0..1000).map(|key| format!(r#", "k{key}": [{}]"#, zeros(1000))).collect();
    assert!(page(&many.concat(), "").unwrap().weight() < 512 * 1024);
    // So is that of a file, and a file that is nothing but long.
    let file = |count| format!(r#"{{ "filename": "a.whl", "url": "a.whl", "future": [{}] }}"#, zeros(count));
    assert!(page("", &file(10)).unwrap().files[0].extra.is_some());
    assert!(page("", &file(1000)).unwrap().files[0].extra.is_none());
    assert!(page("", &file(100_000)).unwrap().files.is_empty());
    // And a page that is too much as a whole is none.
    let far = format!(r#"{{ "filename": "a.whl", "url": "{}" }}"#, "x".repeat(40_000));
    let far = vec![far; 2600].join(",");
    assert!(matches!(page("", &far), Err(UnknownPage::Json(_))));
    assert!(matches!(page(&format!(r#", "versions": [{}]"#, zeros(1_000_000)), ""), Err(UnknownPage::Json(_))));
}
