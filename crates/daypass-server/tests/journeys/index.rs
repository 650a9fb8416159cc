//! The index of the real server, with every kind of credential that is not good enough.

use daypass_testkit::{oidc::Forge, wheel::Wheel};
use serde_json::json;

use crate::{
    http::{Answer, base64, get, post_form},
    world::{PRIVATE, PUBLIC, World, sha256},
};

const PAGE: &str = "/python/simple/acme-hello/";

#[test]
fn bad_credentials_are_401_and_never_anything_else() {
    let world = World::start();
    let (good, victim) = (world.access_token(), World::start());
    let foreign = victim.access_token();
    let signature_cut = good.rsplit_once('.').unwrap().0.to_owned();
    let revoked = world.access_token();
    let answer = world.send(&post_form("/oauth/revoke", &[("token", &revoked)]).bearer(&revoked));
    assert_eq!(answer.status, 200, "{}", answer.everything());
    std::thread::sleep(std::time::Duration::from_secs(5));

    let forge = |change: fn(Forge) -> Forge| change(access_token_forge(&world)).build();
    for (what, request) in [
        ("none", get(PAGE)),
        ("an empty header", get(PAGE).header("authorization", "")),
        ("an unknown scheme", get(PAGE).header("authorization", "Negotiate abc")),
        ("Basic without anything", get(PAGE).header("authorization", "Basic")),
        ("Basic that is not base64", get(PAGE).header("authorization", "Basic %%%")),
        ("Basic without a colon", get(PAGE).header("authorization", format!("Basic {}", base64(b"_token")))),
        ("Basic that is no text", get(PAGE).header("authorization", format!("Basic {}", base64(&[0xff, b':', 0xfe])))),
        ("an empty password, as pip sends a URL's user", get(PAGE).basic("_token", "")),
        ("an empty bearer", get(PAGE).bearer("")),
        ("a word", get(PAGE).basic("_token", "hello")),
        ("16 KiB", get(PAGE).basic("_token", &"x".repeat(16 << 10))),
        ("bytes that are no ASCII", get(PAGE).header("authorization", b"Bearer \xc3\xa4\xff".to_vec())),
        ("two headers", get(PAGE).bearer(&good).header("authorization", "Bearer x")),
        ("an outside token", get(PAGE).basic("_token", &world.outside_token())),
        ("without its signature", get(PAGE).basic("_token", &signature_cut)),
        ("signed by another server", get(PAGE).basic("_token", &foreign)),
        ("signed by the CI", get(PAGE).basic("_token", &forge(|forge| forge))),
        ("alg none", get(PAGE).basic("_token", &forge(|forge| forge.unsigned("none")))),
        ("r = s = 0", get(PAGE).basic("_token", &forge(Forge::zero_signature))),
        ("revoked", get(PAGE).basic("_token", &revoked)),
    ] {
        for path_is_file in [false, true] {
            let answer = if path_is_file {
                world.send(&request.clone().at(&file_path(&world, &good)))
            } else {
                world.send(&request)
            };
            assert_eq!(answer.status, 401, "{what}: {}", answer.everything());
            assert!(answer.header("www-authenticate").contains("Basic"), "{what}: {}", answer.everything());
            assert!(!answer.everything().contains("eyJ"), "{what}: a credential is repeated");
        }
    }
    assert_eq!(world.fetch(PAGE, &good).status, 200);
}

/// An access token of ours in everything but the signature.
fn access_token_forge(world: &World) -> Forge {
    let claims = json!({
        "iss": world.url(), "aud": world.url(), "sub": "x", "client_id": "daypass-cli", "identity": "ci/app",
        "grants": [{ "index": "python", "projects": ["*"], "actions": ["pull"] }],
        "act": { "iss": world.provider.url(), "sub": "x" },
    });
    world.provider.forge(claims).es256().header("typ", "at+jwt")
}

/// Where the private wheel is, as the project's page says.
fn file_path(world: &World, access_token: &str) -> String {
    let page =
        world.send(&get(PAGE).basic("_token", access_token).header("accept", "application/vnd.pypi.simple.v1+json"));
    let url = page.json()["files"][0]["url"].as_str().unwrap().to_owned();
    absolute(&url, PAGE)
}

/// The path of a link on a page.
pub(crate) fn absolute(url: &str, page: &str) -> String {
    let url = url.split('#').next().unwrap();
    if let Some((_, rest)) = url.split_once("://") {
        return format!("/{}", rest.split_once('/').unwrap().1);
    }
    if url.starts_with('/') {
        return url.to_owned();
    }
    let mut path: Vec<&str> = page.trim_end_matches('/').split('/').collect();
    for part in url.split('/') {
        match part {
            ".." => drop(path.pop()),
            "." => {}
            part => path.push(part),
        }
    }
    path.join("/")
}

#[test]
fn an_expired_access_token_is_401() {
    // The shortest life that a policy can give.
    let short = r#"
[[identity]]
name = "ci/short"
issuer = "ci"
claims = { repository_id = "80" }
grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
ttl = "1s"
"#;
    let world = World::plan().policy(short).start();
    let access_token = world.access_token_for(&world.outside_token_of("80"));
    // The life, and whatever clocks may be apart.
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(90);
    while world.fetch(PAGE, &access_token).status == 200 {
        assert!(std::time::Instant::now() < deadline, "it never ends");
        std::thread::sleep(std::time::Duration::from_millis(200));
    }
    let answer = world.fetch(PAGE, &access_token);
    assert_eq!(answer.status, 401, "{}", answer.everything());
}

#[test]
fn a_proven_caller_without_the_grant_is_403_with_the_reason() {
    let world = World::start();
    let access_token = world.access_token_for(&world.outside_token_of("75"));
    assert_eq!(world.fetch(PAGE, &access_token).status, 200);
    let answer = world.fetch("/python/simple/sunny-lib/", &access_token);
    assert_eq!(answer.status, 403, "{}", answer.everything());
    assert!(answer.text().contains(PUBLIC) && answer.text().contains("ci/acme-only"), "{}", answer.everything());
    assert!(answer.reason.len() > "Forbidden".len(), "the status line says why: {}", answer.reason);
    assert_eq!(world.upstream.all_hits(), 0, "nobody without the grant makes the server ask upstream");
    let denied = world.audit_of("access.denied");
    let event = denied.iter().find(|event| event["project"] == PUBLIC).expect("an audit event");
    assert_eq!(event["token_sha256"], sha256(&access_token));
    assert_eq!(event["request_id"], answer.header("x-request-id"));
}

#[test]
fn nothing_that_is_asked_for_is_ever_500() {
    let world = World::start();
    let access_token = world.access_token();
    let long = format!("/python/simple/{}/", "a".repeat(5_000));
    for path in [
        "/",
        "/python/",
        "/python/simple",
        "/python/simple//",
        "/python/simple/../",
        "/python/simple/%2e%2e/",
        "/python/simple/%ff/",
        "/python/simple/%00/",
        "/python/simple/a%2fb/",
        "/python/simple/no-such-project/",
        "/python/files/",
        "/python/files/x",
        "/python/files/acme-hello/nothing.whl",
        "/python/files/../../etc/passwd",
        "/python/files/%2e%2e/%2e%2e/etc/passwd",
        "/other/simple/",
        "/simple/",
        "/oauth/nothing",
        "/python/simple/Acme_Hello/",
        "/python/simple/acme-hello/?x=%ff",
        &long,
    ] {
        for request in [get(path), get(path).basic("_token", &access_token)] {
            let answer = world.send(&request);
            assert!(answer.status < 500, "{path}: {}", answer.everything());
            assert!(!answer.text().contains("root:"), "{path}");
        }
    }
}

#[test]
fn a_private_name_is_never_looked_up_upstream_and_a_public_one_is_pulled_through_once() {
    let world = World::start();
    let access_token = world.access_token();
    let page = world.fetch(PAGE, &access_token);
    assert!(page.text().contains("acme_hello-1.0") && !page.text().contains("99.0"), "{}", page.text());
    assert!(!world.upstream.seen().iter().any(|request| request.path.contains(PRIVATE)));

    let path = link(&world.fetch("/python/simple/sunny-lib/", &access_token), "/python/simple/sunny-lib/");
    let wheel = Wheel::new(PUBLIC, "2.5").module("shines = True\n").bytes();
    for _ in 0..3 {
        let file = world.fetch(&path, &access_token);
        assert_eq!((file.status, sha256(&file.body)), (200, sha256(&wheel)));
    }
    let pulled = world.upstream.seen().iter().filter(|request| request.path.contains("2.5-py3")).count();
    assert_eq!(pulled, 1);
    assert_eq!(world.audit_of("file.downloaded").len(), 3);
}

/// The first file that an HTML page links to.
fn link(page: &Answer, path: &str) -> String {
    let text = page.text();
    let (_, rest) = text.split_once("href=\"").unwrap_or_else(|| panic!("no link: {}", page.everything()));
    absolute(rest.split('"').next().unwrap(), path)
}

#[test]
fn a_revoked_access_token_is_refused_within_five_seconds() {
    let world = World::start();
    let access_token = world.access_token();
    assert_eq!(world.fetch(PAGE, &access_token).status, 200);
    let revoked = std::time::Instant::now();
    let answer = world.send(&post_form("/oauth/revoke", &[("token", &access_token)]));
    assert_eq!(answer.status, 200, "{}", answer.everything());
    while world.fetch(PAGE, &access_token).status == 200 {
        assert!(revoked.elapsed().as_secs() < 5, "still good after {:?}", revoked.elapsed());
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    assert_eq!(world.fetch(PAGE, &access_token).status, 401);
    assert_eq!(world.audit_of("token.revoked").len(), 1);
    // Another one of the same job lives on.
    assert_eq!(world.fetch(PAGE, &world.access_token()).status, 200);
}
