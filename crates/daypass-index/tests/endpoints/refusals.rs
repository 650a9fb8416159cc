//! Who is not let in, and how it is said. Every case must have a twin that is allowed.

use axum::http::{HeaderValue, Request, StatusCode};
use daypass_testkit::wheel::Wheel;
use serde_json::{Value, json};

use crate::{
    signer::Signer,
    world::{World, basic},
};

const PATHS: [&str; 5] = [
    "/python/simple/",
    "/python/simple/acme-hello/",
    "/python/simple/is-not-there/",
    "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl",
    "/no-such-index/simple/x/",
];

#[tokio::test]
async fn who_is_not_proven_gets_401_whether_the_thing_exists_or_not() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let good = world.access_token("ci/app");
    let with = |change: &dyn Fn(&mut Value)| {
        let mut claims = world.claims("ci/app");
        change(&mut claims);
        world.signer.sign(&claims)
    };
    let now = world.now().as_second();
    let stranger = Signer::new("key-1");
    let mut tampered = good.clone();
    tampered.replace_range(
        good.len() - 10..good.len() - 9,
        if &good[good.len() - 10..good.len() - 9] == "A" { "B" } else { "A" },
    );
    let header = |header: Value| world.signer.sign_with(&header, &world.claims("ci/app"));
    let values: Vec<(&str, Vec<u8>)> = vec![
        ("malformed scheme", b"Digest x".to_vec()),
        ("no scheme", good.clone().into_bytes()),
        ("malformed base64", b"Basic %%%".to_vec()),
        ("16 KiB", basic(&"a".repeat(16 * 1024)).into_bytes()),
        ("64 KiB", basic(&"a".repeat(64 * 1024)).into_bytes()),
        ("non-ASCII header", b"Basic \xff\xfe".to_vec()),
        ("non-ASCII password", basic("\u{e4}\u{f6}").into_bytes()),
        ("empty header", Vec::new()),
        ("empty password", basic("").into_bytes()),
        ("nonsense", basic("hunter2").into_bytes()),
        ("two dots", basic("a.b.c").into_bytes()),
        ("expired", basic(&with(&|claims| claims["exp"] = json!(now - 1))).into_bytes()),
        ("not yet valid", basic(&with(&|claims| claims["nbf"] = json!(now + 600))).into_bytes()),
        ("foreign-signed", basic(&stranger.sign(&world.claims("ci/app"))).into_bytes()),
        ("unknown kid", basic(&Signer::new("key-9").sign(&world.claims("ci/app"))).into_bytes()),
        ("tampered", basic(&tampered).into_bytes()),
        ("other issuer", basic(&with(&|claims| claims["iss"] = json!("https://other.example.com"))).into_bytes()),
        ("other audience", basic(&with(&|claims| claims["aud"] = json!("https://other.example.com"))).into_bytes()),
        ("an outside token", basic(&header(json!({ "alg": "ES256", "typ": "JWT", "kid": "key-1" }))).into_bytes()),
        ("alg none", basic(&header(json!({ "alg": "none", "typ": "at+jwt", "kid": "key-1" }))).into_bytes()),
        ("unknown identity", basic(&world.signer.sign(&world.claims("ci/unknown"))).into_bytes()),
        ("identity of another id", basic(&with(&|claims| claims["sub"] = json!("x"))).into_bytes()),
        (
            "no grants claim",
            basic(&with(&|claims| drop(claims.as_object_mut().unwrap().remove("grants")))).into_bytes(),
        ),
    ];
    for path in PATHS {
        let answer = world.send(Request::get(path)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "nothing {path}");
        for (what, value) in &values {
            let value = HeaderValue::from_bytes(value).unwrap();
            let answer = world.send(Request::get(path).header("authorization", value)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{what} {path}");
            assert_eq!(answer.header("www-authenticate"), "Basic realm=\"daypass\"", "{what}");
            assert!(!answer.text().contains("acme"), "{what}: {}", answer.text());
        }
    }
    // The twin: the same path with a good one.
    assert_eq!(world.get(PATHS[1]).await.status, StatusCode::OK);
    let bearer = Request::get(PATHS[1]).header("authorization", format!("Bearer {good}"));
    assert_eq!(world.send(bearer).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_401_says_how_to_come_in_and_nothing_else() {
    let world = World::alone().await;
    let answer = world.send(Request::get("/python/simple/x/")).await;
    let challenges: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
    insta::assert_snapshot!(format!("{challenges:?}\n{}\n{}\n{}", answer.header("content-type"), answer.phrase, answer.text()), @r#"
    ["Basic realm=\"daypass\"", "Bearer resource_metadata=\"http://127.0.0.1:8080/.well-known/oauth-protected-resource\""]
    application/problem+json
    Unauthorized: credentials are needed: an access token as the password, with any user name
    {"type":"about:blank","title":"Unauthorized","status":401,"detail":"credentials are needed: an access token as the password, with any user name","code":"credentials_missing"}
    "#);
}

#[tokio::test]
async fn two_authorization_headers_are_refused() {
    let world = World::alone().await;
    let good = basic(&world.access_token("ci/app"));
    let answer =
        world.send(Request::get("/python/simple/").header("authorization", &good).header("authorization", &good)).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_is_proven_but_has_no_grant_gets_403_with_the_reason() {
    let world = World::alone().await;
    world.import(&Wheel::new("other", "1.0")).await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let ask = async |identity: &str, path: &str| {
        world.send(Request::get(path).header("authorization", basic(&world.access_token(identity)))).await
    };
    for path in
        ["/python/simple/other/", "/python/files/other/other-1.0-py3-none-any.whl", "/python/simple/is-not-there/"]
    {
        let answer = ask("ci/acme", path).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert_eq!(answer.header("content-type"), "application/problem+json");
        assert!(answer.phrase.contains("may not pull project"), "{}", answer.phrase);
    }
    let answer = ask("ci/acme", "/python/simple/other/").await;
    insta::assert_snapshot!(format!("{}\n{}", answer.phrase, answer.text()), @r#"
    Forbidden: identity `ci/acme` may not pull project `other` of index `python`
    {"type":"about:blank","title":"Forbidden","status":403,"detail":"identity `ci/acme` may not pull project `other` of index `python`","code":"grant_missing"}
    "#);
    assert_eq!(ask("ci/acme", "/python/simple/acme-hello/").await.status, StatusCode::OK);
    assert_eq!(ask("ci/acme", "/other/simple/acme-hello/").await.status, StatusCode::FORBIDDEN);
    assert_eq!(ask("ci/push", "/python/simple/acme-hello/").await.status, StatusCode::FORBIDDEN);
    assert_eq!(ask("ci/push", "/python/simple/").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn an_access_token_is_worth_no_more_than_it_says() {
    let world = World::alone().await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    let mut claims = world.claims("ci/app");
    claims["grants"] = json!([{ "index": "python", "projects": ["other-*"], "actions": ["pull"] }]);
    let narrow = basic(&world.signer.sign(&claims));
    let answer = world.send(Request::get("/python/simple/acme-hello/").header("authorization", narrow)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn what_is_not_there_is_404_for_who_may_know_and_other_methods_are_405() {
    let world = World::alone().await;
    for path in
        ["/python/simple/is-not-there/", "/python/files/x/x-1.0.tar.gz", "/gone/simple/x/", "/python/simple/a/b/"]
    {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/python/simple/%00/", "/python/simple/../", "/python/simple/-/", "/python/files/x/..%2f..%2fpasswd"] {
        assert_eq!(world.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let answer = world.ask(Request::post("/python/simple/")).await;
    assert_eq!((answer.status, answer.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD"));
    assert_eq!(world.send(Request::post("/python/simple/")).await.status, StatusCode::UNAUTHORIZED);
}
