//! What every page says of itself, and what pages refer to.

use axum::{body::Body, http::Request};

use crate::{
    accounts::invite,
    house::{Answer, House},
    tab::Tab,
};

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers.get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

#[tokio::test]
async fn every_page_is_private_and_shuts_others_out() {
    let house = House::build().await;
    let mut tab = Tab::open(&house);
    let pages = [
        tab.come_to_sign_in().await,
        tab.get("/oauth/signed-in").await,
        tab.get("/oauth/authorize?client_id=nobody").await,
        tab.get("/device").await,
        tab.get("/invite/unknown").await,
        tab.get(&invite(&house, "ada").await).await,
        tab.post("/oauth/sign-in/password", &[]).await,
        tab.post("/oauth/sign-in/passkey", &[]).await,
    ];
    for page in &pages {
        let policy = header(page, "content-security-policy");
        assert!(policy.starts_with("default-src 'none'; ") && policy.contains("frame-ancestors 'none'"), "{policy}");
        assert!(policy.contains("base-uri 'none'") && !policy.contains("unsafe"), "{policy}");
        let form = page.body.contains("<form");
        assert!(policy.contains(if form { "form-action 'self'" } else { "form-action 'none'" }), "{}", page.body);
        assert_eq!(header(page, "cache-control"), "no-store");
        assert_eq!(header(page, "x-content-type-options"), "nosniff");
        assert_eq!(header(page, "referrer-policy"), "no-referrer");
        assert_eq!(header(page, "x-frame-options"), "DENY");
        assert_eq!(header(page, "cross-origin-opener-policy"), "same-origin");
        for inline in ["<style", " style=", "<script>", " onclick", "javascript:"] {
            assert!(!page.body.contains(inline), "{inline}");
        }
    }
}

#[tokio::test]
async fn what_pages_refer_to_is_there_for_good_and_nothing_else() {
    let house = House::build().await;
    let page = Tab::open(&house).come_to_sign_in().await;
    let mut found = 0;
    for path in page.body.split('"').filter(|text| text.starts_with("/assets/")) {
        let asset = house.get(path).await;
        assert_eq!((asset.status, header(&asset, "x-content-type-options")), (200, "nosniff"));
        assert_eq!(header(&asset, "cache-control"), "public, max-age=31536000, immutable");
        // A name of SVG, which nobody fetches.
        let body = asset.body.replace("xmlns=\"http://www.w3.org/2000/svg\"", "");
        assert!(!body.contains("http://") && !body.contains("https://"), "{body}");
        found += 1;
    }
    assert_eq!(found, 3);
    for path in ["/assets/page.css", "/assets/page.000000000000.css", "/assets/..%2fpage.css"] {
        assert_eq!(house.get(path).await.status, 404, "{path}");
    }
    // No page and no asset refers to another host.
    assert!(!page.body.contains("src=\"http") && !page.body.contains("href=\"http"));
}

#[tokio::test]
async fn what_a_stranger_typed_is_shown_as_text() {
    let house = House::build().await;
    let mut tab = Tab::open(&house);
    let evil = "\"><script>alert(1)</script>";
    let page = tab.get("/device?user_code=%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E").await;
    assert!(!page.body.contains("<script>") && page.body.contains("&#62;&#60;script"), "{}", page.body);
    let request = tab.come_to_sign_in().await.field("request").to_owned();
    let form = [("request", &*request), ("name", evil), ("password", evil)];
    let page = tab.post("/oauth/sign-in/password", &form).await;
    assert!(!page.body.contains("<script>") && !page.body.contains("alert(1)</script>"), "{}", page.body);
}

#[tokio::test]
async fn a_form_that_is_no_form_is_answered_with_a_page() {
    let house = House::build().await;
    for path in ["/oauth/sign-in/password", "/oauth/sign-in/passkey"] {
        let json = Request::post(path).header("content-type", "application/json").body(Body::from("{}")).unwrap();
        assert_eq!(house.send(json).await.status, 400);
        assert_eq!(house.post_raw(path, vec![b'a'; 100_000]).await.status, 400);
    }
}
