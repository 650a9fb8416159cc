//! `/invite/{invite}` and `POST /oauth/sign-in/password`.

use std::time::Duration;

use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    opaque::Kind,
    person::PersonId,
    role::Role,
    secret::Secret,
};
use daypass_store::{NewAccount, NewInvite, SeenPerson};

use crate::{
    house::{House, URL},
    tab::Tab,
};

pub(crate) const PASSWORD: &str = "four words in a row";

/// Makes an account, as `daypassd user add` does; the path of its invite link.
pub(crate) async fn invite(house: &House, name: &str) -> String {
    invite_at(house, name, URL).await
}

/// The same, made when the server was known under this URL.
async fn invite_at(house: &House, name: &str, server: &str) -> String {
    let (invite, new, now) = new_invite(house, name);
    let account = NewAccount {
        name: name.parse().unwrap(),
        display_name: name.to_owned(),
        email: Some(format!("{name}@example.com")),
        role: Role::Reader,
        person: SeenPerson {
            id: PersonId::of(server, name),
            provider: "local".parse().unwrap(),
            issuer: server.to_owned(),
            subject: name.to_owned(),
            name: name.to_owned(),
            email: None,
        },
        created_at: now,
    };
    let event = AuditEvent::new(now, AuditKind::AccountCreated, Outcome::Success, "test");
    assert!(house.store.add_account(account, new, event).await.unwrap());
    format!("/invite/{}", invite.expose())
}

/// Makes another invite for an account; the path of its link.
pub(crate) async fn invite_again(house: &House, name: &str) -> String {
    let (invite, new, now) = new_invite(house, name);
    let event = AuditEvent::new(now, AuditKind::AccountInvited, Outcome::Success, "test");
    assert!(house.store.add_invite(new, event).await.unwrap());
    format!("/invite/{}", invite.expose())
}

fn new_invite(house: &House, name: &str) -> (Secret, NewInvite, Timestamp) {
    let mut random = [0; 32];
    aws_lc_rs::rand::fill(&mut random).unwrap();
    let (invite, now) = (Kind::Invite.make(random), house.now());
    let new = NewInvite {
        invite: Sha256::of(invite.expose()),
        account: name.parse().unwrap(),
        created_at: now,
        expires_at: now + SignedDuration::from_hours(7 * 24),
    };
    (invite, new, now)
}

/// An account with a password.
pub(crate) async fn account(house: &House, name: &str) {
    let path = invite(house, name).await;
    choose_password(house, &path).await;
}

fn password_form(request: &str) -> [(&str, &str); 3] {
    [("request", request), ("password", PASSWORD), ("again", PASSWORD)]
}

async fn choose_password(house: &House, path: &str) {
    let mut tab = Tab::open(house);
    let request = tab.get(path).await.field("request").to_owned();
    let done = tab.post(path, &password_form(&request)).await;
    assert!(done.body.contains("Your account is ready"), "{}", done.body);
}

pub(crate) async fn try_password(tab: &mut Tab<'_>, name: &str, password: &str) -> crate::house::Answer {
    let request = tab.come_to_sign_in().await.field("request").to_owned();
    tab.post("/oauth/sign-in/password", &[("request", &request), ("name", name), ("password", password)]).await
}

async fn last_refusal(house: &House) -> String {
    let event = house.last_event().await;
    assert_eq!((event.kind, event.outcome), (AuditKind::SignInRefused, Outcome::Refused));
    event.reason.unwrap().split(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn an_invited_person_chooses_a_password_and_signs_in_with_it() {
    let house = House::build().await;
    account(&house, "ada").await;
    let event = house.last_event().await;
    assert_eq!((event.kind, event.person.as_deref()), (AuditKind::AccountChanged, Some("ada")));
    let mut tab = Tab::open(&house);
    assert!(try_password(&mut tab, "ada", PASSWORD).await.goes_back_with_code());
    assert!(try_password(&mut tab, " Ada ", PASSWORD).await.goes_back_with_code());
}

#[tokio::test]
async fn whatever_was_wrong_the_stranger_is_told_the_same_and_the_auditor_is_not() {
    let house = House::build().await;
    account(&house, "ada").await;
    invite(&house, "new").await;
    account(&house, "gone").await;
    let event = AuditEvent::new(house.now(), AuditKind::PersonDisabled, Outcome::Success, "test");
    assert!(house.store.set_person_disabled(PersonId::of(URL, "gone"), true, house.now(), event).await.unwrap());
    let mut told = Vec::new();
    for (name, password, code) in [
        ("ada", "four words in a Row", "wrong_password"),
        ("ada", "", "wrong_password"),
        ("new", PASSWORD, "no_password"),
        ("gone", PASSWORD, "account_disabled"),
        ("gone", "wrong", "wrong_password"),
        ("nobody", PASSWORD, "account_unknown"),
        ("\u{1f600} no name", PASSWORD, "account_unknown"),
        (PASSWORD, "ada", "account_unknown"),
    ] {
        let page = try_password(&mut Tab::open(&house), name, password).await;
        assert_eq!(last_refusal(&house).await, code, "{name}");
        assert_ne!(house.last_event().await.person.as_deref(), Some(PASSWORD));
        told.push((page.status, page.problem().to_owned()));
        assert!(!page.body.contains(&format!("value=\"{password}\"")) || password.is_empty());
    }
    told.dedup();
    assert_eq!(told, [(422, "The account or the password is wrong.".to_owned())]);
}

#[tokio::test]
async fn after_ten_wrong_passwords_the_right_one_has_to_wait_too() {
    let house = House::build().await;
    account(&house, "ada").await;
    account(&house, "eve").await;
    for _ in 0..10 {
        assert_eq!(try_password(&mut Tab::open(&house), "ada", "wrong").await.status, 422);
    }
    let events = house.audit().await.len();
    for _ in 0..3 {
        let page = try_password(&mut Tab::open(&house), "ada", PASSWORD).await;
        assert_eq!((page.status, page.problem()), (429, "Too many wrong attempts. Wait 5 minutes, then try again."));
    }
    assert_eq!(last_refusal(&house).await, "throttled");
    // One row for any number of attempts: a stranger must not fill the log.
    assert_eq!(house.audit().await.len(), events + 1);
    assert!(try_password(&mut Tab::open(&house), "eve", PASSWORD).await.goes_back_with_code());
    house.clock.advance(SignedDuration::from_secs(301));
    assert!(try_password(&mut Tab::open(&house), "ada", PASSWORD).await.goes_back_with_code());
}

#[tokio::test]
async fn a_stranger_elsewhere_locks_nobody_out_of_their_own_network() {
    let house = House::build().await;
    account(&house, "ada").await;
    for _ in 0..10 {
        assert_eq!(try_password(&mut Tab::open_at(&house, "203.0.113.5"), "ada", "wrong").await.status, 422);
    }
    assert_eq!(try_password(&mut Tab::open_at(&house, "203.0.113.5"), "ada", PASSWORD).await.status, 429);
    assert!(try_password(&mut Tab::open_at(&house, "192.0.2.7"), "ada", PASSWORD).await.goes_back_with_code());
    let page = try_password(&mut Tab::open_at(&house, "203.0.113.5"), "ada", PASSWORD).await;
    assert_eq!(page.status, 429, "that ada was right elsewhere opens nothing here");
}

#[tokio::test]
async fn a_name_that_is_no_account_is_not_recorded_when_it_is_throttled_either() {
    let house = House::build().await;
    account(&house, "ada").await;
    for (typed, recorded) in [("hunter2", None), ("ada", Some("ada"))] {
        for _ in 0..11 {
            try_password(&mut Tab::open(&house), typed, "wrong").await;
        }
        assert_eq!(last_refusal(&house).await, "throttled");
        let event = house.last_event().await;
        assert_eq!(event.person.as_deref(), recorded);
        assert_eq!(event.actor.is_some(), recorded.is_some());
    }
    let all = house.audit().await;
    assert!(all.iter().all(|event| !serde_json::to_string(event).unwrap().contains("hunter2")));
}

#[tokio::test]
async fn a_form_without_its_cookie_or_from_another_browser_is_nothing() {
    let house = House::build().await;
    account(&house, "ada").await;
    let request = Tab::open(&house).come_to_sign_in().await.field("request").to_owned();
    let mut other = Tab::open(&house);
    for visited in [false, true] {
        if visited {
            other.come_to_sign_in().await;
        }
        let form = [("request", &*request), ("name", "ada"), ("password", PASSWORD)];
        let page = other.post("/oauth/sign-in/password", &form).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains("This sign-in is over"));
    }
}

#[tokio::test]
async fn an_invite_is_good_once_for_seven_days_and_in_the_browser_that_opened_it() {
    let house = House::build().await;
    let path = invite(&house, "ada").await;
    let mut tab = Tab::open(&house);
    let request = tab.get(&path).await.field("request").to_owned();
    // Another site, or another browser, has the link and the form but not the cookie.
    for other in [&mut Tab::open(&house), &mut {
        let mut other = Tab::open(&house);
        other.get(&path).await;
        other
    }] {
        assert_eq!(other.post(&path, &password_form(&request)).await.status, 400);
    }
    // Nor is a form for one invite good for another.
    let eves = invite(&house, "eve").await;
    assert_eq!(tab.post(&eves, &password_form(&request)).await.status, 400);
    house.clock.advance(SignedDuration::from_mins(31));
    assert_eq!(tab.post(&path, &password_form(&request)).await.status, 400);
    let request = tab.get(&path).await.field("request").to_owned();
    assert_eq!(tab.post(&path, &password_form(&request)).await.status, 200);
    assert_eq!(tab.post(&path, &password_form(&request)).await.status, 404);
    assert_eq!(tab.get(&path).await.status, 404);

    house.clock.advance(SignedDuration::from_hours(7 * 24));
    assert_eq!(tab.get(&eves).await.status, 404);
    for nothing in ["/invite/x", "/invite/daypass_iv_0000000000000000000000000000000000000000000000000"] {
        assert_eq!(tab.get(nothing).await.status, 404);
    }
}

#[tokio::test]
async fn a_password_that_is_easily_guessed_is_refused_with_the_reason() {
    let house = House::build().await;
    let path = invite(&house, "charles").await;
    let mut tab = Tab::open(&house);
    for (password, again, problem) in [
        ("elf zeichen", "elf zeichen", "The password needs at least 12 characters."),
        ("password1234", "password1234", "The password is one of those that are tried first. Choose another."),
        ("charles12345", "charles12345", "The password is little more than the account’s name. Choose another."),
        (PASSWORD, "four words in a ROW", "The two passwords differ."),
        (PASSWORD, "", "The two passwords differ."),
        ("", "", "The password needs at least 12 characters."),
    ] {
        let request = tab.get(&path).await.field("request").to_owned();
        let page = tab.post(&path, &[("request", &request), ("password", password), ("again", again)]).await;
        assert_eq!((page.status, page.problem()), (422, problem), "{password}");
    }
    assert!(house.store.account(&"charles".parse().unwrap()).await.unwrap().unwrap().password_hash.is_none());
}

#[tokio::test]
async fn a_name_that_is_no_account_takes_as_long_as_one_that_is() {
    let house = House::build().await;
    account(&house, "ada").await;
    let mut fastest = [Duration::MAX; 2];
    for _ in 0..5 {
        for (name, fastest) in ["ada", "nobody"].into_iter().zip(&mut fastest) {
            let mut tab = Tab::open(&house);
            let request = tab.come_to_sign_in().await.field("request").to_owned();
            let begun = std::time::Instant::now();
            let form = [("request", &*request), ("name", name), ("password", "wrong")];
            tab.post("/oauth/sign-in/password", &form).await;
            *fastest = (*fastest).min(begun.elapsed());
        }
    }
    let [known, unknown] = fastest;
    // Without a hash it would be a hundred times faster; the machine may be busy with something else.
    assert!(unknown > known / 8 && known > unknown / 8, "{known:?} {unknown:?}");
}

#[tokio::test]
async fn an_account_is_the_same_person_after_the_server_got_another_url() {
    let house = House::build().await;
    let before = "http://127.0.0.1:7411";
    choose_password(&house, &invite_at(&house, "ada", before).await).await;
    assert!(try_password(&mut Tab::open(&house), "ada", PASSWORD).await.goes_back_with_code());
    let people: Vec<_> = house.store.people().await.unwrap().into_iter().map(|known| known.person.id).collect();
    assert_eq!(people, [PersonId::of(before, "ada")]);
}
