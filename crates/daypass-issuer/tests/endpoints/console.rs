//! `/console/sign-in`, `/console/callback`, `/console/sign-out`.

use axum::{body::Body, http::Request};
use daypass_core::{SignedDuration, audit::AuditKind, console, secret::Secret};
use daypass_oidc::verify::{ExpectedAccess, verify_access_token};
use serde_json::json;
use url::Url;

use crate::{
    house::{Answer, House, URL},
    people::{APP_URI, Browser, Tokens, ada, asks, encoded, house, refused},
};

const TO: &str = "/console/python/acme-hello/";
const ACCESS: &str = "__Host-daypass-console-0";
const SESSION: &str = "__Host-daypass-console-session";

/// Where a redirect goes, on this server.
#[track_caller]
fn location(answer: &Answer) -> String {
    assert_eq!(answer.status, 303, "{}", answer.body);
    assert_eq!(answer.headers["cache-control"], "no-store");
    answer.headers["location"].to_str().unwrap().to_owned()
}

/// The callback that the browser is sent to, after the provider.
async fn callback(browser: &mut Browser<'_>, to: &str) -> String {
    let begun = browser.get(&format!("/console/sign-in?{}", encoded(&[("to", to)]))).await;
    let authorize = location(&begun);
    assert!(authorize.starts_with("/oauth/authorize?"), "{authorize}");
    let url = Url::parse(&browser.signs_in(&authorize).await.onward()).unwrap();
    assert_eq!(url.origin().ascii_serialization(), URL);
    format!("{}?{}", url.path(), url.query().unwrap())
}

async fn signs_in(browser: &mut Browser<'_>) -> Answer {
    let callback = callback(browser, TO).await;
    browser.get(&callback).await
}

fn cookie(browser: &Browser<'_>, name: &str) -> Option<String> {
    browser.cookies.get(name).map(|(value, _)| value.clone())
}

/// Presses "Sign out", as a browser sends it.
async fn sign_out(house: &House, browser: &Browser<'_>, key: &str, site: Option<&str>) -> Answer {
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, (value, _))| format!("{name}={value}")).collect();
    let mut request = Request::post("/console/sign-out")
        .header("content-type", "application/x-www-form-urlencoded")
        .header("cookie", cookies.join("; "));
    if let Some(site) = site {
        request = request.header("sec-fetch-site", site);
    }
    house.send(request.body(Body::from(encoded(&[("key", key)]))).unwrap()).await
}

#[tokio::test]
async fn a_person_signs_in_and_comes_back_to_the_page() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let answer = signs_in(&mut browser).await;
    assert_eq!(location(&answer), TO);
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    for name in [ACCESS, SESSION] {
        let set = set.iter().find(|set| set.starts_with(&format!("{name}="))).unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{name}: {set}");
    }
    let access = cookie(&browser, ACCESS).unwrap();
    let expected = ExpectedAccess { issuer: URL, audience: URL, now: house.now() };
    let claims = verify_access_token(&access, &expected, &house.issuer.keys().load()).unwrap();
    assert_eq!((&*claims.client_id, claims.holder.person()), ("daypass-console", Some("ada@example.com")));
    assert_eq!(house.last_event().await.kind, AuditKind::SessionCreated);
    // Neither credential is in a page or an address.
    assert!(answer.body.is_empty() && !location(&answer).contains(&access));
}

#[tokio::test]
async fn a_sign_in_ends_in_the_console_whatever_was_asked() {
    let house = house().await;
    for to in
        ["https://evil.example.com/", "//evil.example.com/", "/oauth/authorize", "/console/\\evil.example.com", ""]
    {
        let mut browser = Browser::new(&house);
        let callback = callback(&mut browser, to).await;
        assert_eq!(location(&browser.get(&callback).await), "/console/", "{to}");
    }
}

#[tokio::test]
async fn the_answer_of_another_browser_signs_nobody_in() {
    let house = house().await;
    let mut attacker = Browser::new(&house);
    let callback = callback(&mut attacker, TO).await;
    let mut victim = Browser::new(&house);
    victim.get("/console/sign-in").await;
    let answer = victim.get(&callback).await;
    answer.is_page(400, "This sign-in is over");
    assert_eq!(cookie(&victim, ACCESS), None);
    // A state that was not asked for, and none.
    for callback in ["/console/callback?code=x&state=y", "/console/callback?code=x", "/console/callback"] {
        victim.get(callback).await.is_page(400, "This sign-in is over");
    }
    assert_eq!(location(&attacker.get(&callback).await), TO);
    // Only once.
    attacker.get(&callback).await.is_page(400, "This sign-in is over");
}

#[tokio::test]
async fn whoever_has_no_role_is_told_so() {
    let house = house().await;
    ada(&house.provider, json!([]));
    let mut browser = Browser::new(&house);
    let answer = signs_in(&mut browser).await;
    answer.is_page(403, "ada@example.com has no role on this server");
    assert_eq!((cookie(&browser, ACCESS), cookie(&browser, SESSION)), (None, None));
}

#[tokio::test]
async fn a_session_goes_on_without_a_new_sign_in_in_all_tabs() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    signs_in(&mut browser).await;
    let (first, mut tab) = (cookie(&browser, ACCESS), Browser::new(&house));
    tab.cookies.clone_from(&browser.cookies);
    house.clock.advance(SignedDuration::from_mins(61));
    for window in [&mut browser, &mut tab] {
        let answer = window.get(&format!("/console/sign-in?{}", encoded(&[("to", TO)]))).await;
        assert_eq!(location(&answer), TO);
    }
    assert_ne!(cookie(&browser, ACCESS), first);
    assert_eq!(cookie(&browser, ACCESS), cookie(&tab, ACCESS), "both got the same");
    // Not for longer than a session lasts.
    house.clock.advance(SignedDuration::from_hours(12));
    let answer = browser.get("/console/sign-in").await;
    assert!(location(&answer).starts_with("/oauth/authorize?"));
    assert_eq!(cookie(&browser, ACCESS), None, "what is over is forgotten");
}

#[tokio::test]
async fn a_role_that_was_taken_away_ends_it_at_the_renewal() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    signs_in(&mut browser).await;
    let text = crate::people::written(house.provider.url()).replace("corp/engineering", "corp/others");
    house.issuer.replace_policy(crate::people::loaded(&text)).unwrap();
    assert!(location(&browser.get("/console/sign-in").await).starts_with("/oauth/authorize?"));
    assert_eq!(cookie(&browser, SESSION), None);
}

#[tokio::test]
async fn signing_out_ends_the_session_and_no_other_site_can_do_it() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    signs_in(&mut browser).await;
    let key = console::form_key(&Secret::new(cookie(&browser, ACCESS).unwrap()));
    for (key, site) in [
        (&*key, Some("cross-site")),
        (&key, Some("same-site")),
        (&key, None),
        ("", Some("same-origin")),
        ("0", Some("same-origin")),
    ] {
        sign_out(&house, &browser, key, site).await.is_page(403, "You were not signed out");
    }
    sign_out(&house, &Browser::new(&house), &key, Some("same-origin")).await.is_page(403, "You were not signed out");
    assert_eq!(house.last_event().await.kind, AuditKind::SessionCreated);

    let answer = sign_out(&house, &browser, &key, Some("same-origin")).await;
    answer.is_page(200, "You are signed out");
    let cleared: Vec<_> = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    for name in [ACCESS, SESSION] {
        let gone = format!("{name}=; Path=/; Max-Age=0; ");
        assert!(cleared.iter().any(|cookie| cookie.starts_with(&gone)), "{name}: {cleared:?}");
    }
    assert_eq!(house.last_event().await.kind, AuditKind::SessionEnded);
    // Whoever kept the cookies has nothing: neither a renewal nor a token.
    let refresh = cookie(&browser, SESSION).unwrap();
    assert!(location(&browser.get("/console/sign-in").await).starts_with("/oauth/authorize?"));
    let form = [("grant_type", "refresh_token"), ("client_id", "daypass-console"), ("refresh_token", &refresh)];
    assert_eq!(refused(&house.post("/oauth/token", &form).await), "400 invalid_grant (session_ended)");
}

#[tokio::test]
async fn the_consoles_codes_go_to_the_console_only() {
    let house = house().await;
    for uri in
        [APP_URI, "http://127.0.0.1:5555/callback", "https://packages.example.com.evil.example.com/console/callback"]
    {
        let request = asks(&[("client_id", "daypass-console"), ("redirect_uri", uri)]);
        Browser::new(&house).get(&request).await.is_page(400, "not registered for this client");
    }
    // A code of another client is none of the console's.
    let code = Browser::new(&house).code().await;
    let answer = house.redeem(&code, &[("client_id", "daypass-console")]).await;
    assert_eq!(refused(&answer), "400 invalid_grant (code_of_another_client)");
    Tokens::of(&house.redeem(&code, &[]).await);
}
