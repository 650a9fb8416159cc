//! `POST /oauth/device_authorization`, `/device`, `/device/confirm`, and the polls of the device.

mod bounds;

use axum::{body::Body, http::Request};
use daypass_core::{
    SignedDuration,
    audit::{AuditKind, Outcome},
    digest::Sha256,
};
use daypass_store::DeviceState;
use serde_json::{Value, json};

use crate::{
    house::{Answer, House, from},
    people::{APP, Browser, Tokens, WATCH, ada, encoded, house, loaded, refused, second, written},
    sign_in::set_disabled,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
const LOST: &str = "This sign-in is over";
const NO_SUCH: &str = "There is no such code";

/// A device that waits.
struct Device {
    code: String,
    user_code: String,
}

impl House {
    async fn device_says(&self, client_id: &str, user_agent: &str, peer: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("client_id", client_id)];
        form.extend(more);
        let request = Request::post("/oauth/device_authorization")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("user-agent", user_agent);
        let mut request = request.body(Body::from(encoded(&form))).unwrap();
        request.extensions_mut().insert(from(peer));
        self.send(request).await
    }

    async fn device(&self) -> Device {
        let answer = self.device_says(APP, "daypass/1", "198.51.100.9", &[]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Device::of(&answer.json())
    }

    async fn poll(&self, device: &Device) -> Answer {
        self.poll_as(device, APP).await
    }

    async fn poll_as(&self, device: &Device, client_id: &str) -> Answer {
        let form = [("grant_type", GRANT), ("client_id", client_id), ("device_code", &device.code)];
        self.post("/oauth/token", &form).await
    }
}

impl Device {
    fn of(answer: &Value) -> Self {
        let text = |name: &str| answer[name].as_str().unwrap().to_owned();
        Self { code: text("device_code"), user_code: text("user_code") }
    }
}

impl Browser<'_> {
    /// Types the code and signs in: the page that asks.
    async fn is_asked(&mut self, user_code: &str) -> Answer {
        let page = self.get(&format!("/device?{}", encoded(&[("user_code", user_code)]))).await;
        let page = self.post("/oauth/sign-in", &[("request", &page.sealed()), ("provider", "corp")]).await;
        self.through_provider(&page).await
    }

    async fn decides(&mut self, page: &Answer, decision: &str) -> Answer {
        self.post("/device/confirm", &[("request", &page.sealed()), ("decision", decision)]).await
    }
}

#[tokio::test]
async fn a_device_asks_a_person_compares_and_allows_and_the_device_is_let_in() {
    let house = house().await;
    let answer = house.device_says(APP, "daypass/1 (linux)", "198.51.100.9", &[]).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let body = answer.json();
    let device = Device::of(&body);
    assert_eq!((&body["expires_in"], &body["interval"]), (&json!(600), &json!(5)));
    assert_eq!(body["verification_uri"], "https://packages.example.com/device");
    let complete = format!("https://packages.example.com/device?user_code={}", device.user_code);
    assert_eq!(body["verification_uri_complete"], complete);
    assert!(device.code.starts_with("daypass_dc_") && device.user_code.len() == 9);
    assert_eq!(refused(&house.poll(&device).await), "400 authorization_pending");

    let mut browser = Browser::new(&house);
    let typed = device.user_code.to_lowercase().replace('-', " ");
    let page = browser.is_asked(&typed).await;
    page.is_page(200, "Allow this device?");
    for shown in [&*device.user_code, "ada@example.com", "198.51.100.9", "daypass/1 (linux)", "just now"] {
        assert!(page.body.contains(shown), "{shown} in {}", page.body);
    }
    assert!(page.body.contains("My &#60;b&#62;app&#60;/b&#62;") && !page.body.contains("the address you have too"));
    assert!(!page.body.contains(&device.code));
    browser.decides(&page, "allow").await.is_page(200, "");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::DeviceApproved, Outcome::Success));
    assert_eq!((event.actor.unwrap().sub.as_str(), event.person.as_deref()), ("00u1", Some("ada@example.com")));

    house.clock.advance(SignedDuration::from_secs(5));
    let tokens = Tokens::of(&house.poll(&device).await);
    assert_eq!(tokens.body["session_expires_in"], 43_200);
    assert_eq!(house.last_event().await.kind, AuditKind::SessionCreated);
    assert_eq!(house.session_api(&tokens.access).await.json()["person"]["provider"], "corp");
    Tokens::of(&house.refresh(&tokens.refresh).await);
    assert_eq!(refused(&house.poll(&device).await), "400 invalid_grant (replayed)");
    let next = house.session_api(&tokens.access).await;
    assert_eq!(next.status, 200, "a device that asks twice is clumsy, not an attack");
}

#[tokio::test]
async fn a_device_that_asks_too_often_waits_longer_and_longer() {
    let house = house().await;
    let device = house.device().await;
    let after = async |seconds: i64| {
        house.clock.advance(SignedDuration::from_secs(seconds));
        refused(&house.poll(&device).await)
    };
    let before = house.audit().await.len();
    assert_eq!(after(0).await, "400 authorization_pending");
    assert_eq!(after(5).await, "400 authorization_pending");
    assert_eq!(after(4).await, "400 slow_down", "ten from now on");
    assert_eq!(after(5).await, "400 slow_down", "fifteen from now on");
    assert_eq!(after(14).await, "400 slow_down", "twenty from now on");
    assert_eq!(after(20).await, "400 authorization_pending");
    assert_eq!(after(20).await, "400 authorization_pending");
    let other = house.device().await;
    assert_eq!(refused(&house.poll(&other).await), "400 authorization_pending", "another is not hindered");
    assert_eq!(house.audit().await.len(), before, "waiting is not worth a line in the log");
}

#[tokio::test]
async fn what_is_denied_stays_denied() {
    let house = house().await;
    let device = house.device().await;
    let mut browser = Browser::new(&house);
    let page = browser.is_asked(&device.user_code).await;
    browser.decides(&page, "deny").await.is_page(200, "");
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::DeviceDenied, Outcome::Refused));
    assert_eq!(refused(&house.poll(&device).await), "400 access_denied");
    browser.decides(&page, "allow").await.is_page(400, LOST);
    assert_eq!(refused(&house.poll(&device).await), "400 access_denied");
    Browser::new(&house).get(&format!("/device?user_code={}", device.user_code)).await.is_page(422, NO_SUCH);
}

#[tokio::test]
async fn ten_minutes_are_all_there_is() {
    let house = house().await;
    let device = house.device().await;
    let mut browser = Browser::new(&house);
    let page = browser.is_asked(&device.user_code).await;
    house.clock.advance(SignedDuration::from_mins(10));
    browser.decides(&page, "allow").await.is_page(400, LOST);
    browser.get(&format!("/device?user_code={}", device.user_code)).await.is_page(422, NO_SUCH);
    assert_eq!(refused(&house.poll(&device).await), "400 expired_token");

    // Allowed in time, fetched too late.
    let device = house.device().await;
    let mut browser = Browser::new(&house);
    ada_now(&house);
    let page = browser.is_asked(&device.user_code).await;
    browser.decides(&page, "allow").await.is_page(200, "");
    house.clock.advance(SignedDuration::from_mins(10));
    assert_eq!(refused(&house.poll(&device).await), "400 expired_token");
}

/// Ada signs in by the house's clock, which was moved.
fn ada_now(house: &House) {
    let now = house.now().as_second();
    house.provider.forge_id_tokens(move |forge| forge.claims(json!({"iat": now, "nbf": now, "exp": now + 300})));
}

#[tokio::test]
async fn a_device_code_is_its_clients_and_a_secret() {
    let house = house().await;
    let device = house.device().await;
    assert_eq!(refused(&house.poll_as(&device, "daypass-cli").await), "400 invalid_grant (wrong_client)");
    assert_eq!(refused(&house.poll_as(&device, "nobody").await), "401 invalid_client");
    assert_eq!(refused(&house.poll_as(&device, WATCH).await), "401 invalid_client");
    for code in [&*device.user_code, "x", "daypass_dc_x", &format!("{}0", device.code)] {
        let form = [("grant_type", GRANT), ("client_id", APP), ("device_code", code)];
        assert_eq!(refused(&house.post("/oauth/token", &form).await), "400 invalid_grant (device_unknown)");
    }
    let form = [("grant_type", GRANT), ("client_id", APP)];
    assert_eq!(refused(&house.post("/oauth/token", &form).await), "400 invalid_request");
    for (client_id, expected) in
        [("nobody", "401 invalid_client"), (WATCH, "401 invalid_client"), ("", "400 invalid_request")]
    {
        assert_eq!(refused(&house.device_says(client_id, "x", "192.0.2.9", &[]).await), expected);
    }
    assert_eq!(refused(&house.poll(&device).await), "400 authorization_pending");
}

#[tokio::test]
async fn of_many_polls_at_once_one_is_let_in() {
    let house = house().await;
    let device = house.device().await;
    let mut browser = Browser::new(&house);
    let page = browser.is_asked(&device.user_code).await;
    browser.decides(&page, "allow").await.is_page(200, "");
    let answers = futures_util::future::join_all((0..10).map(|_| house.poll(&device))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!((statuses[0], statuses[1]), (200, 400));
    let tokens = answers.iter().find(|answer| answer.status == 200).map(Tokens::of).unwrap();
    assert!(house.is_active(&tokens.access).await);
}

#[tokio::test]
async fn a_link_with_the_code_is_not_enough_the_person_must_say_yes_in_this_browser() {
    let house = house().await;
    let device = house.device().await;
    let (mut browser, mut mallory) = (Browser::new(&house), Browser::new(&house));
    let page = browser.is_asked(&device.user_code).await;
    let sealed = page.sealed();
    mallory.get(&format!("/device?user_code={}", device.user_code)).await.sealed();
    let state = async || house.store.device(&Sha256::of(&device.code)).await.unwrap().unwrap().state;
    // Without a cookie, with another browser's, tampered, without or with another word.
    let confirm = |request: &str, decision: &str| [("request", request.to_owned()), ("decision", decision.to_owned())];
    let mut tampered = sealed.clone();
    tampered.replace_range(30..31, if &tampered[30..31] == "A" { "B" } else { "A" });
    for (in_whose, request, decision) in [
        (0, &sealed, "allow"),
        (1, &sealed, "allow"),
        (2, &tampered, "allow"),
        (2, &sealed, ""),
        (2, &sealed, "ALLOW"),
        (2, &String::new(), "allow"),
    ] {
        let form = confirm(request, decision);
        let form: Vec<_> = form.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = match in_whose {
            0 => house.post("/device/confirm", &form).await,
            1 => mallory.post("/device/confirm", &form).await,
            _ => browser.post("/device/confirm", &form).await,
        };
        answer.is_page(400, LOST);
    }
    assert_eq!(
        house.get(&format!("/device/confirm?{}", encoded(&[("request", &sealed), ("decision", "allow")]))).await.status,
        405
    );
    assert_eq!(state().await, DeviceState::Pending);
    browser.decides(&page, "allow").await.is_page(200, "");
    browser.decides(&page, "allow").await.is_page(400, LOST);
    browser.decides(&page, "deny").await.is_page(400, LOST);
    assert!(matches!(state().await, DeviceState::Approved { .. }));
    let decided = house.audit().await.iter().filter(|event| event.kind == AuditKind::DeviceApproved).count();
    assert_eq!(decided, 1);
}

#[tokio::test]
async fn what_a_device_says_of_itself_is_shown_as_text() {
    let house = house().await;
    let hostile = "<script>alert(1)</script>\"'&amp;</dd><form action=https://evil.example/>";
    let long = format!("{hostile}{}", "x".repeat(1000));
    let answer = house.device_says("daypass-cli", &long, "192.0.2.7", &[]).await;
    let device = Device::of(&answer.json());
    let mut browser = Browser::new(&house);
    let page = browser.is_asked(&device.user_code).await;
    assert!(!page.body.contains("<script>") && !page.body.contains("<form action"), "{}", page.body);
    assert!(page.body.contains("&#60;script&#62;alert(1)") && !page.body.contains(&"x".repeat(200)));
    assert!(page.body.contains("192.0.2.7, the address you have too"), "{}", page.body);
    assert!(page.body.contains("the daypass command line"));
    for typed in ["<script>", "\"><script>", &"A".repeat(5_000)] {
        let page = browser.get(&format!("/device?{}", encoded(&[("user_code", typed)]))).await;
        page.is_page(422, NO_SUCH);
        assert!(!page.body.contains("<script>") && !page.body.contains(&"A".repeat(65)));
    }
}

#[tokio::test]
async fn a_provider_that_the_device_would_like_is_gone_to_at_once() {
    let house = house().await;
    let other = second(&house).await;
    for (hint, goes) in [("other", true), ("nowhere", false), ("../x", false), ("local", false)] {
        let answer = house.device_says(APP, "x", "192.0.2.9", &[("provider", hint)]).await;
        let device = Device::of(&answer.json());
        let page = Browser::new(&house).get(&format!("/device?user_code={}", device.user_code)).await;
        if goes {
            assert!(page.onward().starts_with(other.url()));
        } else {
            page.is_page(200, "Continue with Example Corp");
        }
    }
}

#[tokio::test]
async fn who_has_no_role_or_was_shut_out_allows_nothing() {
    let house = house().await;
    let device = house.device().await;
    ada(&house.provider, json!([]));
    let mut browser = Browser::new(&house);
    let page = browser.is_asked(&device.user_code).await;
    page.is_page(403, "corp/00u1");
    assert!(!page.body.contains("name=\"request\""));
    assert!(house.last_event().await.reason.unwrap().starts_with("no_access: "));

    ada(&house.provider, json!(["engineering"]));
    let page = browser.is_asked(&device.user_code).await;
    browser.decides(&page, "allow").await.is_page(200, "");
    house.issuer.replace_policy(loaded(&written(house.provider.url()).replace("corp/engineering", "corp/x"))).unwrap();
    assert_eq!(refused(&house.poll(&device).await), "400 invalid_grant (no_access)");
    house.issuer.replace_policy(loaded(&written(house.provider.url()))).unwrap();
    set_disabled(&house, true).await;
    assert_eq!(refused(&house.poll(&device).await), "400 access_denied", "it was withdrawn");
    set_disabled(&house, false).await;
    assert_eq!(refused(&house.poll(&device).await), "400 access_denied");
    set_disabled(&house, true).await;
    browser.is_asked_nothing(&house.device().await.user_code).await;
}

impl Browser<'_> {
    async fn is_asked_nothing(&mut self, user_code: &str) {
        self.is_asked(user_code).await.is_page(403, "");
    }
}
