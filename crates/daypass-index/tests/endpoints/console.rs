//! `/console/…`: what people see, and who sees nothing.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use daypass_core::console::{access_cookie, pieces};
use daypass_testkit::{
    upstream::{Upstream, UpstreamFile},
    wheel::Wheel,
};
use serde_json::json;

use crate::world::{Answer, PUBLIC_URL, World, basic, eventually};

/// The cookies of somebody who signed in to the console as `identity`.
fn cookies(world: &World, identity: &str) -> String {
    let mut claims = world.claims(identity);
    claims["client_id"] = json!("daypass-console");
    cookies_of(&world.signer.sign(&claims))
}

fn cookies_of(access_token: &str) -> String {
    let access_token = access_token.to_owned().into();
    let server = PUBLIC_URL.parse().unwrap();
    let pieces = pieces(&access_token).unwrap().into_iter().enumerate();
    let cookies = pieces.filter(|(_, piece)| !piece.is_empty());
    cookies.map(|(number, piece)| format!("{}={piece}", access_cookie(&server, number))).collect::<Vec<_>>().join("; ")
}

async fn open(world: &World, path: &str, cookies: &str) -> Answer {
    world.send_to(world.console(), Request::get(path).header("cookie", cookies), Body::empty()).await
}

/// The page that somebody sees who may pull everything.
async fn page(world: &World, path: &str) -> String {
    let answer = open(world, path, &cookies(world, "ci/app")).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text());
    answer.text().to_owned()
}

#[track_caller]
fn shows(page: &str, what: &str) {
    assert!(page.contains(what), "no `{what}` in {page}");
}

async fn house() -> World {
    let world = World::alone().await;
    for wheel in [
        Wheel::new("acme-hello", "1.0"),
        Wheel::new("acme-hello", "2.0rc1"),
        Wheel::new("acme-hello", "1.5").requires_dist("six>=1").about(
            "License-Expression: MIT\nAuthor-email: Ada <ada@example.com>\nProject-URL: Docs, https://docs.example.com/\n\
             Description-Content-Type: text/markdown\n\n# Hello\n\nIt says *hello*.\n",
        ),
        Wheel::new("other", "1.0"),
    ] {
        world.import(&wheel).await;
    }
    world
}

#[tokio::test]
async fn who_is_not_signed_in_is_sent_to_sign_in_and_back() {
    let world = house().await;
    let path = "/console/python/acme-hello/?version=1.0";
    let answer = open(&world, path, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let location = answer.header("location");
    let to = location.strip_prefix("/console/sign-in?to=").unwrap();
    let query = format!("to={to}");
    let (_, to) = url::form_urlencoded::parse(query.as_bytes()).next().unwrap();
    assert_eq!(to, path);
    assert_eq!(answer.bytes().len(), 0, "a stranger sees nothing");
    // The same for what does not exist.
    for path in ["/console/", "/console/python/", "/console/python/nothing/", "/console/nothing/", "/console/-x/y/"] {
        assert_eq!(open(&world, path, "").await.status, StatusCode::SEE_OTHER, "{path}");
    }
}

#[tokio::test]
async fn only_an_access_token_of_the_console_in_its_cookie_counts() {
    let world = house().await;
    let refused = async |cookies: &str, why: &str| {
        let answer = open(&world, "/console/", cookies).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{why}");
    };
    assert_eq!(open(&world, "/console/", &cookies(&world, "ci/app")).await.status, StatusCode::OK);
    refused(&cookies_of(&world.access_token("ci/app")), "one of another client").await;
    refused(&cookies_of("no.access.token"), "not a token").await;
    let mut claims = world.claims("ci/app");
    claims["client_id"] = json!("daypass-console");
    refused(&cookies_of(&crate::signer::Signer::new("key-1").sign(&claims)), "somebody else's key").await;
    claims["exp"] = json!(world.now().as_second());
    refused(&cookies_of(&world.signer.sign(&claims)), "expired").await;
    refused(&cookies(&world, "ci/withdrawn"), "an identity that is not in the policy").await;
    let cut = cookies(&world, "ci/app");
    refused(&cut[..cut.len() - 1], "cut").await;
    // A good credential in the header is an installer's, and opens no page.
    let bearer = basic(&world.access_token("ci/app"));
    let answer =
        world.send_to(world.console(), Request::get("/console/").header("authorization", bearer), Body::empty()).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_session_that_is_over_is_seen_at_the_next_page() {
    use daypass_core::audit::{AuditEvent, AuditKind, Outcome};
    use daypass_store::{Revocation, Revoked};
    let world = house().await;
    let cookies = cookies(&world, "ci/app");
    assert_eq!(open(&world, "/console/", &cookies).await.status, StatusCode::OK);
    let jti = world.claims("ci/app")["jti"].as_str().unwrap().to_owned();
    let expires_at = world.now() + daypass_core::SignedDuration::from_hours(2);
    let revocation = Revocation { what: Revoked::AccessToken(jti), expires_at };
    let event = AuditEvent::new(world.now(), AuditKind::TokenRevoked, Outcome::Success, "r");
    world.store.revoke(revocation, event).await.unwrap();
    eventually(async || open(&world, "/console/", &cookies).await.status == StatusCode::SEE_OTHER).await;
}

#[tokio::test]
async fn the_cookie_opens_no_other_door() {
    let world = house().await;
    for path in
        ["/python/simple/", "/python/simple/acme-hello/", "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl"]
    {
        let answer = world.send(Request::get(path).header("cookie", cookies(&world, "ci/app"))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
    }
}

#[tokio::test]
async fn who_lacks_the_grant_sees_what_pip_would_be_told() {
    let world = house().await;
    let acme = cookies(&world, "ci/acme");
    assert_eq!(open(&world, "/console/python/acme-hello/", &acme).await.status, StatusCode::OK);
    let answer = open(&world, "/console/python/other/", &acme).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    shows(answer.text(), "may not pull project other of index python");
    // Whether it exists is not said.
    let answer = open(&world, "/console/python/nothing/", &acme).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let answer = open(&world, "/console/gone/", &acme).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let push = cookies(&world, "ci/push");
    assert_eq!(open(&world, "/console/python/", &push).await.status, StatusCode::FORBIDDEN);
    let home = open(&world, "/console/", &push).await;
    shows(home.text(), "There is no index that you may pull from");
    let everything = cookies(&world, "ci/app");
    for path in ["/console/python/nothing/", "/console/gone/", "/console/python/acme-hello/?version=9"] {
        assert_eq!(open(&world, path, &everything).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    // A denial is in the audit log as an installer's is.
    let denied = world.audit().await;
    assert!(denied.iter().any(|event| event.project.as_ref().is_some_and(|project| project.as_str() == "other")));
}

#[tokio::test]
async fn a_search_finds_what_the_visitor_may_pull_and_nothing_else() {
    let world = house().await;
    let all = page(&world, "/console/python/").await;
    shows(&all, "2 projects");
    shows(&all, "href=\"/console/python/acme-hello/\"");
    let found = page(&world, "/console/python/?q=Acme_H").await;
    assert!(found.contains("acme-hello") && !found.contains(">other<"), "{found}");
    let answer = open(&world, "/console/python/", &cookies(&world, "ci/acme")).await;
    assert!(answer.text().contains("acme-hello") && !answer.text().contains(">other<"), "{}", answer.text());
    shows(answer.text(), "1 project");
    let nothing = page(&world, "/console/python/?q=%22%3E%3Cscript%3E&page=99999999999999999999").await;
    shows(&nothing, "No project");
    assert!(!nothing.contains("<script"), "{nothing}");
}

#[tokio::test]
async fn what_was_pulled_through_is_found_too() {
    let upstream = Upstream::start();
    upstream.add_wheel(&Wheel::new("sunny-lib", "1.0"));
    let world = World::before(&upstream).await;
    world.import(&Wheel::new("acme-hello", "1.0")).await;
    assert!(!page(&world, "/console/python/?q=sunny").await.contains("sunny-lib/"));
    // By its very name it is there before anybody installed it.
    shows(&page(&world, "/console/python/sunny-lib/").await, "A project of the test kit");
    world.advance(61);
    eventually(async || page(&world, "/console/python/?q=sunny").await.contains("/console/python/sunny-lib/")).await;
}

#[tokio::test]
async fn a_project_page_says_what_one_wants_to_know() {
    let world = house().await;
    let shown = page(&world, "/console/python/acme-hello/").await;
    for what in [
        "<span class=\"version\">1.5</span>",
        "A project of the test kit",
        "<h3>Hello</h3>",
        "<em>hello</em>",
        "<dt>License</dt><dd><bdi>MIT</bdi></dd>",
        "Ada &#60;ada@example.com&#62;",
        "href=\"https://docs.example.com/\" rel=\"noopener noreferrer nofollow ugc\"",
        "<code>six&#62;=1</code>",
        "acme_hello-1.5-py3-none-any.whl",
        "3 versions",
        "<a href=\"?version=2%2E0rc1\">2.0rc1</a> <span class=\"tag\">pre-release</span>",
        "aria-current=\"page\">1.5</a> <span class=\"tag good\">latest</span>",
        "<code>pip install --index-url http://127.0.0.1:8080/python/simple/ acme-hello</code>",
        "<code>uv pip install --keyring-provider subprocess --default-index http://_token@127.0.0.1:8080/python/simple/ acme-hello</code>",
        "poetry add --source python acme-hello</code>",
    ] {
        shows(&shown, what);
    }
    let old = page(&world, "/console/python/acme-hello/?version=1.0").await;
    shows(&old, "acme-hello==1.0</code>");
    shows(&old, "Built by daypass-testkit.");
    assert!(!old.contains("acme_hello-1.5"), "{old}");
    shows(&page(&world, "/console/python/acme-hello/?version=2.0rc1").await, "Version 2.0rc1 is a pre-release");
}

#[tokio::test]
async fn what_a_stranger_wrote_is_text() {
    let world = World::alone().await;
    world
        .import(&Wheel::new("evil", "1.0").about(
            "Author: <script>alert(1)</script>\nProject-URL: \"><script>, javascript:alert(1)\n\
             Home-page: javascript:alert(2)\nKeywords: a\u{202e}b\nDescription-Content-Type: text/markdown\n\n\
             <script>alert(3)</script>\n\n[x](javascript:alert(4)) ![p](https://tracker.example.com/p.png)\n",
        ))
        .await;
    let answer = open(&world, "/console/python/evil/", &cookies(&world, "ci/app")).await;
    let shown = answer.text();
    for never in ["<script", "href=\"javascript", "tracker.example.com", "<img", "\u{202e}"] {
        assert!(!shown.contains(never), "`{never}` in {shown}");
    }
    let policy = answer.header("content-security-policy");
    for part in
        ["default-src 'none'", "img-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("script-src") && !policy.contains("unsafe"), "{policy}");
    assert_eq!(answer.header("cache-control"), "private, no-store");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert!(answer.headers.get("set-cookie").is_none());
}

#[tokio::test]
async fn a_project_without_metadata_and_one_of_ten_thousand_versions_have_their_pages() {
    let upstream = Upstream::start();
    let sdist = Wheel::new("bare", "1.0");
    upstream.add_file("bare", UpstreamFile::new(&sdist.sdist_name(), sdist.sdist_bytes()));
    for number in 0..10_000 {
        upstream.add_file("many", UpstreamFile::new(&format!("many-{number}.tar.gz"), b"x".to_vec()));
    }
    // It writes ten thousand lines for us, and is no fast one.
    let world = World::paced(&upstream, |pace| pace.first_byte = Duration::from_secs(30)).await;
    let bare = page(&world, "/console/python/bare/").await;
    shows(&bare, "bare-1.0.tar.gz");
    assert!(!bare.contains("id=\"description\"") && !bare.contains("id=\"details\""), "{bare}");
    let many = page(&world, "/console/python/many/").await;
    shows(&many, "10000 versions");
    assert_eq!(many.matches("<a href=\"?version=").count(), 50);
    shows(&many, "href=\"?page=2#versions\"");
    let last = page(&world, "/console/python/many/?page=999999").await;
    shows(&last, ">0</a>");
    assert!(last.len() < 100_000, "{} bytes", last.len());
}

#[tokio::test]
async fn an_upstream_that_fails_is_said_to_fail() {
    let world = World::before_url("http://127.0.0.1:1/simple/").await;
    let answer = open(&world, "/console/python/sunny-lib/", &cookies(&world, "ci/app")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    shows(answer.text(), "The upstream index cannot be reached");
    shows(answer.text(), "Try again in a few seconds");
}

#[tokio::test]
async fn addresses_end_with_a_slash_and_assets_are_kept() {
    let world = house().await;
    for (path, to) in [
        ("/console", "/console/"),
        ("/console/python?q=a", "/console/python/?q=a"),
        ("/console/python/acme-hello", "/console/python/acme-hello/"),
    ] {
        let answer = open(&world, path, "").await;
        assert_eq!((answer.status, answer.header("location")), (StatusCode::PERMANENT_REDIRECT, to));
    }
    let home = page(&world, "/console/").await;
    let style = home.split_once("rel=\"stylesheet\" href=\"").unwrap().1.split_once('"').unwrap().0;
    let answer = open(&world, style, "").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
    assert!(answer.header("cache-control").contains("immutable"));
    assert_eq!(open(&world, "/console/-/other.css", "").await.status, StatusCode::NOT_FOUND);
}

/// The cookies of somebody with these actions, and what their forms bring along.
fn keeper(world: &World, identity: &str, actions: &[&str]) -> (String, String) {
    let mut claims = world.claims(identity);
    claims["client_id"] = json!("daypass-console");
    claims["grants"] = json!([{ "index": "python", "projects": ["*"], "actions": actions }]);
    let access_token = world.signer.sign(&claims);
    let key = daypass_core::console::form_key(&access_token.clone().into());
    (cookies_of(&access_token), key)
}

async fn post(world: &World, cookies: &str, site: &str, fields: &[(&str, &str)]) -> Answer {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = Request::post("/console/python/acme-hello/change")
        .header("cookie", cookies)
        .header("sec-fetch-site", site)
        .header("content-type", "application/x-www-form-urlencoded");
    world.send_to(world.console(), request, form).await
}

#[tokio::test]
async fn a_release_is_yanked_and_un_yanked_by_a_form() {
    let world = house().await;
    let (cookies, key) = keeper(&world, "ci/keeper", &["pull", "yank", "admin"]);
    shows(open(&world, "/console/python/acme-hello/", &cookies).await.text(), "Yank 1.5</button>");
    let yank = [("key", &*key), ("do", "yank"), ("version", "1.5"), ("reason", "It <b>burns</b>")];
    let answer = post(&world, &cookies, "same-origin", &yank).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
    assert_eq!(answer.header("location"), "/console/python/acme-hello/?version=1%2E5");
    let shown = open(&world, answer.header("location"), &cookies).await;
    shows(shown.text(), "Version 1.5 is yanked:");
    shows(shown.text(), "It &#60;b&#62;burns&#60;/b&#62;");
    // What an installer takes now is another one.
    shows(open(&world, "/console/python/acme-hello/", &cookies).await.text(), "<span class=\"version\">1.0</span>");
    let unyank = [("key", &*key), ("do", "unyank"), ("version", "1.5")];
    assert_eq!(post(&world, &cookies, "same-origin", &unyank).await.status, StatusCode::SEE_OTHER);
    shows(open(&world, "/console/python/acme-hello/", &cookies).await.text(), "<span class=\"version\">1.5</span>");
    let events = world.audit().await;
    for kind in [daypass_core::audit::AuditKind::FileYanked, daypass_core::audit::AuditKind::FileUnyanked] {
        assert!(events.iter().any(|event| event.kind == kind), "{kind:?}");
    }
}

#[tokio::test]
async fn a_project_gets_another_status_by_a_form() {
    let world = house().await;
    let (cookies, key) = keeper(&world, "ci/keeper", &["pull", "yank", "admin"]);
    for (status, words) in [
        ("archived", "This project is archived"),
        ("quarantined", "This project is in quarantine"),
        ("active", "Yank 1.5</button>"),
    ] {
        let fields = [("key", &*key), ("do", "status"), ("status", status), ("reason", "")];
        let answer = post(&world, &cookies, "same-origin", &fields).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text());
        let shown = open(&world, answer.header("location"), &cookies).await;
        shows(shown.text(), words);
        shows(shown.text(), &format!("<option selected>{status}</option>"));
    }
    let answer = post(&world, &cookies, "same-origin", &[("key", &key), ("do", "status"), ("status", "sold")]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
}

#[tokio::test]
async fn nobody_changes_anything_without_the_right_and_the_form() {
    let world = house().await;
    let (cookies, key) = keeper(&world, "ci/keeper", &["pull", "yank", "admin"]);
    let yank = |key| [("key", key), ("do", "yank"), ("version", "1.5"), ("reason", "")];
    for (key, site) in
        [(&*key, "cross-site"), (&key, "same-site"), (&key, "none"), ("", "same-origin"), ("0", "same-origin")]
    {
        let answer = post(&world, &cookies, site, &yank(key)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{site}");
        shows(answer.text(), "not a page of this server");
    }
    // Another visitor's form.
    let (others, _) = keeper(&world, "ci/keeper", &["pull", "yank"]);
    assert_eq!(post(&world, &others, "same-origin", &yank(&key)).await.status, StatusCode::BAD_REQUEST);
    // Nobody.
    assert_eq!(post(&world, "", "same-origin", &yank(&key)).await.status, StatusCode::SEE_OTHER);
    // Whoever may only look, though the access token says more than the policy.
    let (reader, key) = keeper(&world, "ci/app", &["pull", "yank", "admin"]);
    let shown = open(&world, "/console/python/acme-hello/", &reader).await;
    assert!(!shown.text().contains("/change\""), "{}", shown.text());
    let answer = post(&world, &reader, "same-origin", &yank(&key)).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN, "{}", answer.text());
    let status = [("key", &*key), ("do", "status"), ("status", "archived")];
    assert_eq!(post(&world, &reader, "same-origin", &status).await.status, StatusCode::FORBIDDEN);
    let (yanker, key) = keeper(&world, "ci/yanker", &["pull", "yank", "admin"]);
    let status = [("key", &*key), ("do", "status"), ("status", "archived")];
    assert_eq!(post(&world, &yanker, "same-origin", &status).await.status, StatusCode::FORBIDDEN);
    // Reading changes nothing.
    let answer = open(&world, "/console/python/acme-hello/change?do=yank&version=1.5", &cookies).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(!page(&world, "/console/python/acme-hello/?version=1.5").await.contains("is yanked"));
}

#[tokio::test]
async fn downloads_of_the_last_month_are_counted() {
    let world = house().await;
    shows(&page(&world, "/console/python/acme-hello/").await, "0 downloads in the last 30 days");
    for (version, count) in [("1.0", 1), ("1.5", 2)] {
        world.get(&format!("/python/files/acme-hello/acme_hello-{version}-py3-none-any.whl")).await;
        eventually(async || {
            world.advance(11);
            page(&world, "/console/python/acme-hello/").await.contains(&format!("{count} download"))
        })
        .await;
    }
    shows(&page(&world, "/console/python/other/").await, "0 downloads in the last 30 days");
    world.advance(31 * 24 * 3600);
    shows(&page(&world, "/console/python/acme-hello/").await, "0 downloads in the last 30 days");
}
