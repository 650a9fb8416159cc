//! Without a browser at hand: a code on this screen, typed into another machine's browser (RFC 8628).

use super::{
    browser::DONE,
    office::Office,
    terminal::Terminal,
    wire::{VERIFIER, text_of},
};
use crate::{http::post_form, world::World};

const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// `daypass login --device` somewhere without a browser, and the code on its screen.
fn asks(office: &Office) -> (Terminal, String) {
    let mut daypass = office.world.clean(World::daypass(), "home");
    daypass.args(["login", &office.world.url(), "--device"]);
    let terminal = Terminal::run(&office.stage, &daypass);
    let seen = terminal.shows("/device");
    let code = code_in(&seen).unwrap_or_else(|| panic!("no code on the screen: {seen}"));
    (terminal, code)
}

/// `XXXX-XXXX`, wherever it stands alone.
fn code_in(seen: &str) -> Option<String> {
    let is_code = |word: &&str| {
        let mut halves = word.split('-');
        let half = |half: Option<&str>| {
            half.is_some_and(|half| {
                half.len() == 4 && half.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit())
            })
        };
        half(halves.next()) && half(halves.next()) && halves.next().is_none()
    };
    seen.split(|c: char| c.is_whitespace() || "=.,`\u{1b}[]()".contains(c)).find(is_code).map(str::to_owned)
}

/// Alice types the code on another machine and signs in there; she sees who asks.
fn types(office: &mut Office, code: &str) -> String {
    office.browser.another_machine();
    office.browser.open(&format!("{}/device", office.world.url()));
    office.browser.type_into("Code", code);
    let page = office.browser.press("Continue");
    if page.text.contains("Continue with Example Corp") {
        office.browser.press("Continue with Example Corp");
    }
    office.browser.signs_in_as("alice").text
}

#[test]
fn a_code_typed_on_another_machine_signs_this_one_in() {
    let mut office = Office::open();
    let (terminal, code) = asks(&office);
    let seen = types(&mut office, &code);
    for expected in ["Allow this device?", "alice", "127.0.0.1", &code] {
        assert!(seen.contains(expected), "no `{expected}`: {seen}");
    }
    office.browser.press("Allow");
    office.browser.reads(DONE);
    terminal.succeeds();
    assert!(office.lets_in(&office.access_token("home")));
    office.happened("device.approved");
}

#[test]
fn who_types_a_code_carelessly_may_still_deny() {
    let mut office = Office::open();
    let (terminal, code) = asks(&office);
    types(&mut office, &code.to_lowercase().replace('-', " "));
    office.browser.press("Deny");
    office.browser.reads("denied");
    let (success, seen) = terminal.end();
    assert!(!success && seen.contains("error: "), "{seen}");
    office.happened("device.denied");
    assert!(office.world.audit_of("session.created").is_empty());
}

#[test]
fn codes_cannot_be_guessed_in_a_hurry() {
    let office = Office::open();
    let mut statuses = Vec::new();
    for number in 0..40 {
        // Only letters that codes are made of, so that nothing but the count can refuse them.
        let letters = [b"BCDF"[number % 4], b"GHJK"[number / 4 % 4], b"LMNP"[number / 16 % 4]].map(char::from);
        let guess: String = letters.iter().chain(&['X', '-', 'Q', 'R', 'S', 'T']).collect();
        statuses.push(office.world.send(&crate::http::get(format!("/device?user_code={guess}"))).status);
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_ne!(statuses[0], 429, "an honest mistake is no attack");
}

#[test]
fn a_device_that_asks_too_often_is_slowed_down_and_one_that_made_up_its_code_gets_nothing() {
    let office = Office::open();
    let asked = office.world.send(&post_form("/oauth/device_authorization", &[("client_id", "daypass-cli")]));
    assert_eq!(asked.status, 200, "{}", asked.everything());
    let device_code = text_of(&asked.json(), "device_code");
    let poll = |code: &str| office.token(&[("grant_type", DEVICE_GRANT), ("device_code", code)]).json();
    assert_eq!(poll(&device_code)["error"], "authorization_pending");
    assert_eq!(poll(&device_code)["error"], "slow_down");
    for made_up in ["", "x", VERIFIER, &device_code.replace("daypass_dc_", "daypass_rt_")] {
        let error = poll(made_up);
        assert!(
            ["invalid_grant", "invalid_request", "expired_token"].contains(&text_of(&error, "error").as_str()),
            "{error}"
        );
    }
    let other = office.world.send(&post_form(
        "/oauth/token",
        &[("grant_type", DEVICE_GRANT), ("device_code", &device_code), ("client_id", "somebody-else")],
    ));
    assert!(
        ["invalid_client", "invalid_grant"].contains(&text_of(&other.json(), "error").as_str()),
        "{}",
        other.everything()
    );
}
