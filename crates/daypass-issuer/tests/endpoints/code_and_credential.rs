//! What an old password proved is worth nothing once there is a new one.

use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    secret::Secret,
};
use daypass_store::Credential;

use crate::{
    accounts::{PASSWORD, account, invite_again, try_password},
    house::{Answer, House},
    people::{LOOPBACK, Tokens, VERIFIER, house, refused},
    tab::Tab,
};

/// Ada's account gets another credential, a second later.
async fn new_credential(house: &House) {
    house.clock.advance(SignedDuration::from_secs(1));
    let path = invite_again(house, "ada").await;
    let invite = Sha256::of(path.strip_prefix("/invite/").unwrap());
    let event = AuditEvent::new(house.now(), AuditKind::AccountChanged, Outcome::Success, "test");
    let credential = Credential::PasswordHash(Secret::new("another"));
    assert!(house.store.accept_invite(&invite, house.now(), credential, event).await.unwrap());
}

async fn redeem(house: &House, page: &Answer) -> Answer {
    assert!(page.goes_back_with_code(), "{}", page.body);
    let code: String = page.body.split_once("code=").unwrap().1.chars().take(60).collect();
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", "daypass-cli"),
        ("redirect_uri", LOOPBACK),
        ("code_verifier", VERIFIER),
        ("code", &code),
    ];
    house.post("/oauth/token", &form).await
}

#[tokio::test]
async fn a_code_is_withdrawn_and_sessions_end() {
    let house = house().await;
    account(&house, "ada").await;
    let mut tab = Tab::open(&house);
    let tokens = Tokens::of(&redeem(&house, &try_password(&mut tab, "ada", PASSWORD).await).await);
    let page = try_password(&mut tab, "ada", PASSWORD).await;
    new_credential(&house).await;
    assert_eq!(refused(&redeem(&house, &page).await), "400 invalid_grant (code_unknown)");
    assert!(!house.is_active(&tokens.refresh).await && !house.is_active(&tokens.access).await);
}

/// A device that waits: its device code and its user code.
async fn device(house: &House) -> [String; 2] {
    let answer = house.post("/oauth/device_authorization", &[("client_id", "daypass-cli")]).await.json();
    ["device_code", "user_code"].map(|name| answer[name].as_str().unwrap().to_owned())
}

/// Signs in with the password for a device: the page that asks.
async fn is_asked(tab: &mut Tab<'_>, user_code: &str) -> Answer {
    let page = tab.get(&format!("/device?user_code={user_code}")).await;
    let form = [("request", page.field("request")), ("name", "ada"), ("password", PASSWORD)];
    tab.post("/oauth/sign-in/password", &form).await
}

async fn allows(tab: &mut Tab<'_>, page: &Answer) -> u16 {
    tab.post("/device/confirm", &[("request", page.field("request")), ("decision", "allow")]).await.status
}

async fn poll(house: &House, device_code: &str) -> Answer {
    let grant = "urn:ietf:params:oauth:grant-type:device_code";
    let form = [("grant_type", grant), ("client_id", "daypass-cli"), ("device_code", device_code)];
    house.post("/oauth/token", &form).await
}

#[tokio::test]
async fn a_device_that_was_let_in_is_denied() {
    let house = house().await;
    account(&house, "ada").await;
    let mut tab = Tab::open(&house);
    let ([kept, kept_code], [lost, lost_code]) = (device(&house).await, device(&house).await);
    for user_code in [&kept_code, &lost_code] {
        let page = is_asked(&mut tab, user_code).await;
        assert_eq!(allows(&mut tab, &page).await, 200);
    }
    let tokens = Tokens::of(&poll(&house, &kept).await);
    new_credential(&house).await;
    assert_eq!(refused(&poll(&house, &lost).await), "400 access_denied");
    assert!(!house.is_active(&tokens.refresh).await);
}

#[tokio::test]
async fn a_page_that_waits_for_a_yes_lets_no_device_in() {
    let house = house().await;
    account(&house, "ada").await;
    let mut tab = Tab::open(&house);
    let [device_code, user_code] = device(&house).await;
    let page = is_asked(&mut tab, &user_code).await;
    new_credential(&house).await;
    assert_eq!(allows(&mut tab, &page).await, 400);
    assert_eq!(refused(&poll(&house, &device_code).await), "400 authorization_pending");
}
