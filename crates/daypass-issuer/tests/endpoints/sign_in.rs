//! `POST /oauth/sign-in` and `GET /oauth/callback/{provider}`: there and back, and who tries to come in between.

use axum::{body::Body, http::Request};
use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
    person::PersonId,
};
use daypass_testkit::oidc::people::Lie;
use serde_json::{Value, json};

use crate::{
    house::{House, URL},
    people::{APP_URI, Browser, ada, asks, house, loaded, query, second, written},
};

const LOST: &str = "This sign-in is over";

/// What the client is told in the end.
fn told(answer: &crate::house::Answer) -> (String, String) {
    let url = answer.onward();
    assert!(url.starts_with(APP_URI), "{url}");
    let told = query(&url);
    assert_eq!((&*told["state"], &*told["iss"], told.get("code")), ("st&te=", URL, None));
    (told["error"].clone(), told["error_description"].clone())
}

#[tokio::test]
async fn whoever_signs_in_comes_back_with_a_code_the_state_and_who_answers() {
    let house = house().await;
    let url = Browser::new(&house).signs_in(&asks(&[])).await.onward();
    let told = query(&url);
    assert!(url.starts_with(APP_URI) && told["code"].starts_with("daypass_ac_"), "{url}");
    assert_eq!((told.len(), &*told["state"], &*told["iss"]), (3, "st&te=", URL));
    assert!(house.provider.complaints().is_empty(), "{:?}", house.provider.complaints());
    let person = house.store.person(PersonId::of(house.provider.url(), "00u1")).await.unwrap().unwrap();
    assert_eq!((&*person.person.name, person.person.email.as_deref()), ("Ada", Some("ada@example.com")));
}

#[tokio::test]
async fn of_two_providers_the_button_or_the_address_decides() {
    let house = house().await;
    let other = second(&house).await;
    let mut browser = Browser::new(&house);
    let sealed = browser.get(&asks(&[])).await.sealed();
    let corp = browser.post("/oauth/sign-in", &[("request", &sealed), ("provider", "corp")]).await;
    assert!(corp.onward().starts_with(house.provider.url()));
    let by_address = browser.post("/oauth/sign-in", &[("request", &sealed), ("email", " X@OTHER.example.com ")]).await;
    assert!(by_address.onward().starts_with(other.url()));
    for (field, value, status, what) in [
        ("email", "x@elsewhere.example", 422, "No provider is known"),
        ("email", "x@evil.other.example.com", 422, "No provider is known"),
        ("email", "x@other.example.com.evil.example", 422, "No provider is known"),
        ("email", "\"><script>alert(1)</script>", 422, "&#60;script&#62;"),
        ("email", "", 422, "No provider is known"),
        ("provider", "nowhere", 400, LOST),
        ("provider", "../x", 400, LOST),
        ("provider", "local", 400, LOST),
    ] {
        browser.post("/oauth/sign-in", &[("request", &sealed), (field, value)]).await.is_page(status, what);
    }
}

#[tokio::test]
async fn a_form_is_good_in_its_own_browser_only() {
    let house = house().await;
    second(&house).await;
    let (mut ada, mut mallory) = (Browser::new(&house), Browser::new(&house));
    let (good, foreign) = (ada.get(&asks(&[])).await.sealed(), mallory.get(&asks(&[])).await.sealed());
    let pick = |request: &str| [("request", request.to_owned()), ("provider", "corp".to_owned())];
    let post = async |browser: &mut Browser<'_>, request: &str| {
        let form = pick(request);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post("/oauth/sign-in", &form).await
    };
    // Login CSRF: a sign-in that Mallory began, sent by a page of his to Ada's browser, or with no cookie at all.
    post(&mut ada, &foreign).await.is_page(400, LOST);
    post(&mut Browser::new(&house), &good).await.is_page(400, LOST);
    // Every bit of it counts.
    for at in [0, 20, good.len() / 2, good.len() - 3] {
        let mut tampered = good.clone();
        let other = if tampered.as_bytes()[at] == b'A' { "B" } else { "A" };
        tampered.replace_range(at..=at, other);
        post(&mut ada, &tampered).await.is_page(400, LOST);
    }
    for nonsense in ["", "x", &good[4..], &format!("{good}AAAA")] {
        post(&mut ada, nonsense).await.is_page(400, LOST);
    }
    post(&mut ada, &good).await.onward();
}

#[tokio::test]
async fn what_was_sealed_for_one_thing_is_no_other() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    browser.get(&asks(&[])).await;
    let (_, (attempt, _)) = browser.cookies.iter().find(|(name, _)| name.contains("at-provider")).unwrap();
    let attempt = attempt.clone();
    browser.post("/oauth/sign-in", &[("request", &attempt), ("provider", "corp")]).await.is_page(400, LOST);
    browser.post("/device/confirm", &[("request", &attempt), ("decision", "allow")]).await.is_page(400, LOST);
    let sign_in = browser.get(&asks(&[("provider", "local")])).await.sealed();
    browser.post("/device/confirm", &[("request", &sign_in), ("decision", "allow")]).await.is_page(400, LOST);
}

#[tokio::test]
async fn half_an_hour_is_enough_and_more_is_too_long() {
    let house = house().await;
    second(&house).await;
    let mut browser = Browser::new(&house);
    let sealed = browser.get(&asks(&[])).await.sealed();
    let form = [("request", &*sealed), ("provider", "corp")];
    house.clock.advance(SignedDuration::from_mins(30));
    let page = browser.post("/oauth/sign-in", &form).await;
    let callback = browser.at_provider(&page).await;
    house.clock.advance(SignedDuration::from_secs(1));
    browser.post("/oauth/sign-in", &form).await.is_page(400, LOST);
    browser.get(&callback).await.is_page(400, LOST);
    house.clock.advance(SignedDuration::from_hours(-1));
    browser.post("/oauth/sign-in", &form).await.is_page(400, LOST);
}

#[tokio::test]
async fn a_callback_needs_the_cookies_of_the_browser_that_asked_and_its_state() {
    let house = house().await;
    let (mut ada, mut mallory) = (Browser::new(&house), Browser::new(&house));
    let page = ada.get(&asks(&[])).await;
    let callback = ada.at_provider(&page).await;
    let page = mallory.get(&asks(&[])).await;
    let foreign = mallory.at_provider(&page).await;

    Browser::new(&house).get(&callback).await.is_page(400, LOST);
    ada.get(&foreign).await.is_page(400, LOST);
    // Even who plants the cookie of the attempt has not the cookie of the browser.
    let (name, cookie) = mallory.cookies.iter().find(|(name, _)| name.contains("at-provider")).unwrap();
    let own = ada.cookies.clone();
    ada.cookies.insert(name.clone(), cookie.clone());
    ada.get(&foreign).await.is_page(400, LOST);
    // It may have had the name of her own.
    ada.cookies = own;

    let state = query(&format!("{URL}{callback}"))["state"].clone();
    for wrong in ["x", &format!("{state}x"), &state[1..], ""] {
        ada.get(&callback.replace(&state, wrong)).await.is_page(400, LOST);
    }
    ada.get(&format!("{callback}&state={state}")).await.is_page(400, LOST);
    ada.get(&callback.replace("/corp?", "/other?")).await.is_page(400, LOST);
    assert_eq!(house.provider.asked().token, 0, "no code was brought to the provider");
    assert!(query(&ada.get(&callback).await.onward()).contains_key("code"));
}

#[tokio::test]
async fn a_callback_counts_once() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let page = browser.get(&asks(&[])).await;
    let callback = browser.at_provider(&page).await;
    let kept = browser.cookies.clone();
    browser.get(&callback).await.onward();
    assert!(!browser.cookies.keys().any(|name| name.contains("at-provider")), "one answer for each attempt");
    browser.get(&callback).await.is_page(400, LOST);
    // A browser that kept the cookie all the same: the provider's code is spent.
    browser.cookies = kept;
    browser.get(&callback).await.is_page(502, "used already");
}

#[tokio::test]
async fn an_answer_of_one_provider_is_not_taken_for_one_of_another() {
    let house = house().await;
    let other = second(&house).await;
    ada(&other, json!([]));
    let mut browser = Browser::new(&house);
    let page = browser.get(&asks(&[("provider", "corp")])).await;
    let at_corp = browser.at_provider(&page).await;
    // Mix-up: the code of one is to be sent to the other's token endpoint.
    browser.get(&at_corp.replace("/callback/corp", "/callback/other")).await.is_page(400, LOST);
    assert_eq!(other.asked().token, 0);
    for lie in [Lie::CallbackNamesAnother, Lie::CallbackNamesNobody] {
        house.provider.set_lie(lie);
        let page = browser.get(&asks(&[("provider", "corp")])).await;
        let callback = browser.at_provider(&page).await;
        let answer = browser.get(&callback).await;
        answer.is_page(502, "Your provider could not be asked");
        assert_eq!(house.provider.asked().token, 0, "{lie:?}");
        // Who came with a lie can not come again with the truth.
        let truth = callback.replace("https%3A%2F%2Fother.example.com", "x");
        browser.get(&truth).await.is_page(400, LOST);
    }
    house.provider.set_lie(Lie::None);
    assert!(browser.signs_in(&asks(&[("provider", "corp")])).await.onward().contains("code="));
}

#[tokio::test]
async fn what_the_provider_refuses_is_told_to_the_client_and_written_down() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let page = browser.get(&asks(&[])).await;
    let state = query(&page.onward())["state"].clone();
    let answer = browser.get(&format!("/oauth/callback/corp?error=access_denied&state={state}")).await;
    let (error, description) = told(&answer);
    assert_eq!((&*error, &*description), ("access_denied", "the sign-in was not completed at the provider"));
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::SignInRefused, Outcome::Refused));
    assert!(event.reason.unwrap().starts_with("declined: "));
    // It is one attempt as any other: over.
    browser.get(&format!("/oauth/callback/corp?error=access_denied&state={state}")).await.is_page(400, LOST);

    // What is not the person's doing is for them to try again, and for whoever runs the server to look at.
    let events = house.audit().await.len();
    let hostile = format!("%0d%0ax%3Cb%3E{}", "y".repeat(500));
    for error in ["server_error", "invalid_scope", &hostile] {
        let page = browser.get(&asks(&[])).await;
        let state = query(&page.onward())["state"].clone();
        let answer = browser.get(&format!("/oauth/callback/corp?error={error}&state={state}")).await;
        answer.is_page(502, "Your provider could not be asked");
        assert!(!answer.body.contains("yyy"), "{}", answer.body);
    }
    let reasons: Vec<_> =
        house.audit().await.split_off(events).into_iter().map(|event| event.reason.unwrap()).collect();
    assert!(reasons[0].starts_with("provider_unavailable: ") && reasons[2].starts_with("client_refused: "));
    assert!(!reasons[2].contains("yyy"));
}

#[tokio::test]
async fn strangers_do_not_fill_the_audit_log_with_refusals_of_a_provider() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let page = browser.get(&asks(&[])).await;
    let path = format!("/oauth/callback/corp?error=access_denied&state={}", query(&page.onward())["state"]);
    let cookies: Vec<_> = browser.cookies.iter().map(|(name, (value, _))| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");
    let all = (0..2_010).map(|_| {
        let request = Request::get(&path).header("cookie", &cookies);
        house.send(request.body(Body::empty()).unwrap())
    });
    for answer in futures_util::future::join_all(all).await {
        assert_eq!(told(&answer).0, "access_denied");
    }
    let query = daypass_store::AuditQuery { since: None, until: None, after_seq: 0, limit: 5_000 };
    let rows = house.store.audit(&query).await.unwrap();
    let reasons = rows.iter().filter(|row| row.event.kind == AuditKind::SignInRefused);
    let reasons: Vec<_> = reasons.map(|row| row.event.reason.clone().unwrap()).collect();
    assert_eq!(reasons.len(), 51, "the first fifty, and once that there are more");
    assert_eq!(reasons.iter().filter(|reason| reason.starts_with("too_many_refusals")).count(), 1);

    // Who has signed in is no stranger: each of them is in the log, with the person's name.
    ada(&house.provider, json!([]));
    for _ in 0..3 {
        assert_eq!(told(&Browser::new(&house).signs_in(&asks(&[])).await).0, "access_denied");
        let event = house.last_event().await;
        assert_eq!(event.person.as_deref(), Some("ada@example.com"));
        assert!(event.reason.unwrap().starts_with("no_access"));
    }
}

#[tokio::test]
async fn a_person_without_a_role_is_told_so_and_whoever_runs_the_server_too() {
    let house = house().await;
    for groups in [json!(["sales"]), json!([]), json!("engineering "), json!(["Engineering"]), json!(null)] {
        ada(&house.provider, groups);
        let (error, description) = told(&Browser::new(&house).signs_in(&asks(&[])).await);
        assert_eq!(error, "access_denied");
        assert_eq!(description, "ada@example.com has no role on this server; ask whoever runs it for one");
        let event = house.last_event().await;
        assert_eq!((event.kind, event.person.as_deref()), (AuditKind::SignInRefused, Some("ada@example.com")));
        assert_eq!(event.actor.unwrap().sub, "00u1");
        assert!(event.reason.unwrap().starts_with("no_access: "));
    }
    ada(&house.provider, json!(["engineering"]));
    assert!(Browser::new(&house).signs_in(&asks(&[])).await.onward().contains("code="));
}

#[tokio::test]
async fn a_disabled_person_is_kept_out_until_they_are_enabled() {
    let house = house().await;
    Browser::new(&house).code().await;
    let id = PersonId::of(house.provider.url(), "00u1");
    set_disabled(&house, true).await;
    let (error, description) = told(&Browser::new(&house).signs_in(&asks(&[])).await);
    assert_eq!((&*error, description.contains("taken away")), ("access_denied", true));
    assert!(house.last_event().await.reason.unwrap().starts_with("person_disabled: "));
    // Another e-mail address, another name: the same person.
    house.provider.set_person(
        json!({"sub": "00u1", "name": "Eve", "email": "eve@example.com", "email_verified": true, "groups": ["engineering"]}),
        json!({}),
    );
    assert_eq!(told(&Browser::new(&house).signs_in(&asks(&[])).await).0, "access_denied");
    // The same address, another subject: another person.
    house.provider.set_person(
        json!({"sub": "00u2", "email": "ada@example.com", "email_verified": true, "groups": ["engineering"]}),
        json!({}),
    );
    Browser::new(&house).code().await;
    assert!(house.store.person(id).await.unwrap().unwrap().disabled);
    ada(&house.provider, json!(["engineering"]));
    set_disabled(&house, false).await;
    Browser::new(&house).code().await;
}

pub(crate) async fn set_disabled(house: &House, disabled: bool) {
    let kind = if disabled { AuditKind::PersonDisabled } else { AuditKind::PersonEnabled };
    let event = AuditEvent::new(house.now(), kind, Outcome::Success, "test");
    let id = PersonId::of(house.provider.url(), "00u1");
    assert!(house.store.set_person_disabled(id, disabled, house.now(), event).await.unwrap());
}

#[tokio::test]
async fn a_provider_that_was_taken_out_of_the_policy_signs_nobody_in() {
    let house = house().await;
    let mut browser = Browser::new(&house);
    let page = browser.get(&asks(&[])).await;
    let callback = browser.at_provider(&page).await;
    let text = written(house.provider.url());
    let gone = text.replace("name = \"corp\"", "name = \"new\"").replace("corp/", "new/");
    house.issuer.replace_policy(loaded(&gone)).unwrap();
    browser.get(&callback).await.is_page(400, LOST);
    assert_eq!(house.provider.asked().token, 0);
}

#[tokio::test]
async fn a_provider_in_trouble_is_a_page_that_says_try_again() {
    let house = house().await;
    for lie in [Lie::TokenFails, Lie::TokenIsNotJson, Lie::NoIdToken, Lie::TokenRedirects] {
        house.provider.set_lie(lie);
        let answer = Browser::new(&house).signs_in(&asks(&[])).await;
        answer.is_page(502, "Try again in a minute");
        assert!(!answer.body.contains("127.0.0.1"), "{}", answer.body);
    }
    house.provider.set_lie(Lie::None);
    house.provider.forge_id_tokens(|forge| forge.unsigned("none"));
    Browser::new(&house).signs_in(&asks(&[])).await.is_page(502, "not accepted");
    house.provider.forge_id_tokens(|forge| forge);
    Browser::new(&house).code().await;
}

#[tokio::test]
async fn a_form_that_is_none_is_lost_and_not_an_error() {
    let house = house().await;
    let post = async |body: String, media_type: &str| {
        let request = Request::post("/oauth/sign-in").header("content-type", media_type);
        house.send(request.body(Body::from(body)).unwrap()).await
    };
    post("{}".to_owned(), "application/json").await.is_page(400, LOST);
    post("request=a&request=b".to_owned(), "application/x-www-form-urlencoded").await.is_page(400, LOST);
    post(format!("request={}", "x".repeat(70_000)), "application/x-www-form-urlencoded").await.is_page(400, LOST);
    assert_eq!(house.get("/oauth/sign-in").await.status, 405);
}

#[tokio::test]
async fn a_provider_with_domains_lets_in_only_addresses_that_are_verified_and_in_one_of_them() {
    let house = house().await;
    let other = second(&house).await;
    let sign_in = async |email: &str, verified: Value| {
        other.set_person(json!({"sub": "7", "email": email, "email_verified": verified}), json!({}));
        Browser::new(&house).signs_in(&asks(&[("provider", "other")])).await
    };
    assert!(sign_in("x@Other.Example.com", json!(true)).await.onward().contains("code="));
    for (email, verified, code) in [
        ("x@other.example.com", json!(false), "email_not_verified"),
        ("x@other.example.com", json!("true"), "email_not_verified"),
        ("x@other.example.com", json!(null), "email_not_verified"),
        ("x@example.com", json!(true), "email_domain"),
        ("x@evil.other.example.com", json!(true), "email_domain"),
        ("x@other.example.com@example.com", json!(true), "email_missing"),
        ("", json!(true), "email_missing"),
    ] {
        assert_eq!(told(&sign_in(email, verified).await).0, "access_denied");
        let reason = house.last_event().await.reason.unwrap();
        assert!(reason.starts_with(&format!("{code}: ")), "{email}: {reason}");
    }
}
