//! `POST /oauth/sign-in/passkey`, and passkeys made with an invite.

use daypass_core::{
    SignedDuration,
    audit::{AuditEvent, AuditKind, Outcome},
    person::PersonId,
};

use crate::{
    accounts::{PASSWORD, account, invite, invite_again, try_password},
    authenticator::{Authenticator, Key, Told, base64url},
    house::{Answer, House, URL},
    tab::Tab,
};

const MAKE: &str = "webauthn.create";
const USE: &str = "webauthn.get";

/// What is done to a form before it is sent.
type Change = Box<dyn FnOnce(&mut Vec<(&'static str, String)>)>;

/// An account whose passkey is in the authenticator.
async fn account_with(house: &House, name: &str, authenticator: &mut Authenticator) {
    let path = invite(house, name).await;
    let page = make(&mut Tab::open(house), &path, authenticator, &Told::the_truth(MAKE)).await;
    assert!(page.body.contains("Your account is ready"), "{}", page.body);
}

async fn make(tab: &mut Tab<'_>, path: &str, authenticator: &mut Authenticator, told: &Told) -> Answer {
    let page = tab.get(path).await;
    page.attribute("data-user-id").clone_into(&mut authenticator.user_handle);
    let (client_data, attestation) = authenticator.make(told, page.attribute("data-challenge"));
    send_made(tab, path, &page, &client_data, &attestation).await
}

async fn send_made(tab: &mut Tab<'_>, path: &str, page: &Answer, client_data: &[u8], attestation: &[u8]) -> Answer {
    let (client_data, attestation) = (base64url(client_data), base64url(attestation));
    let (request, ceremony) = (page.field("request"), page.field("ceremony"));
    let form =
        [("request", request), ("ceremony", ceremony), ("client_data", &client_data), ("attestation", &attestation)];
    tab.post(path, &form).await
}

/// Uses the passkey on the sign-in page, after `change` had a look at the form.
async fn sign_in(
    tab: &mut Tab<'_>,
    authenticator: &mut Authenticator,
    told: &Told,
    change: impl FnOnce(&mut Vec<(&'static str, String)>),
) -> Answer {
    let page = tab.come_to_sign_in().await;
    assert_eq!(page.attribute("data-rp-id"), "packages.example.com");
    let mut form = authenticator.answer(told, page.attribute("data-challenge"));
    form.extend([("request", page.field("request").to_owned()), ("ceremony", page.field("ceremony").to_owned())]);
    change(&mut form);
    send(tab, &form).await
}

async fn send(tab: &mut Tab<'_>, form: &[(&'static str, String)]) -> Answer {
    let form: Vec<_> = form.iter().map(|(name, value)| (*name, &**value)).collect();
    tab.post("/oauth/sign-in/passkey", &form).await
}

fn set(form: &mut [(&'static str, String)], name: &str, value: &str) {
    value.clone_into(&mut form.iter_mut().find(|(known, _)| *known == name).unwrap().1);
}

async fn last_code(house: &House) -> String {
    let event = house.last_event().await;
    assert_eq!(event.kind, AuditKind::SignInRefused);
    event.reason.unwrap().split(':').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_passkey_of_any_accepted_kind_is_made_and_used_without_typing_a_name() {
    let house = House::build().await;
    for (name, key) in [("es", Key::es256()), ("ed", Key::eddsa()), ("rs", Key::rs256())] {
        let mut authenticator = Authenticator::new(key, name.as_bytes());
        account_with(&house, name, &mut authenticator).await;
        let mut tab = Tab::open(&house);
        for _ in 0..2 {
            let page = sign_in(&mut tab, &mut authenticator, &Told::the_truth(USE), |_| ()).await;
            assert!(page.goes_back_with_code(), "{name}: {}", page.body);
        }
        // A password is no way in: the account has none.
        assert_eq!(try_password(&mut tab, name, PASSWORD).await.status, 422);
    }
}

#[tokio::test]
async fn every_lie_about_a_used_passkey_is_found_out() {
    let house = House::build().await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    account_with(&house, "ada", &mut ada).await;
    let truth = Told::the_truth(USE);
    let lies = [
        ("passkey_wrong_type", Told { kind: MAKE, ..truth.clone() }),
        ("passkey_wrong_origin", Told { origin: "https://packages.example.com.evil.example", ..truth.clone() }),
        ("passkey_wrong_origin", Told { origin: "http://packages.example.com", ..truth.clone() }),
        ("passkey_wrong_origin", Told { origin: "https://packages.example.com:8443", ..truth.clone() }),
        ("passkey_embedded", Told { cross_origin: true, ..truth.clone() }),
        ("passkey_wrong_server", Told { rp_id: "example.com", ..truth.clone() }),
        ("passkey_wrong_challenge", Told { challenge: Some("b3RoZXI"), ..truth.clone() }),
        ("passkey_nobody_present", Told { flags: 0x04, ..truth.clone() }),
        ("passkey_person_not_verified", Told { flags: 0x01, ..truth.clone() }),
        // Backed up, but not eligible for it (WebAuthn §6.1.3).
        ("passkey_malformed", Told { flags: 0x15, ..truth.clone() }),
        ("passkey_malformed", Told { behind: b"more", ..truth.clone() }),
        // Extensions are announced, and then there are none, or too deep ones.
        ("passkey_malformed", Told { flags: 0x85, ..truth.clone() }),
        ("passkey_malformed", Told { flags: 0x85, behind: &[0x81; 10_000], ..truth.clone() }),
    ];
    let mut tab = Tab::open(&house);
    for (code, lie) in lies {
        let page = sign_in(&mut tab, &mut ada, &lie, |_| ()).await;
        assert_eq!((page.status, last_code(&house).await.as_str()), (422, code), "{}", page.body);
        assert_eq!(page.problem(), "This passkey was not accepted. Try again, or use your password.");
    }
    let with_extensions = Told { flags: 0x9d, behind: b"\xa1\x63foo\xf5", ..truth };
    assert!(sign_in(&mut tab, &mut ada, &with_extensions, |_| ()).await.goes_back_with_code());
}

#[tokio::test]
async fn a_form_that_was_tampered_with_is_found_out() {
    let house = House::build().await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    let mut eve = Authenticator::new(Key::eddsa(), b"eve's");
    account_with(&house, "ada", &mut ada).await;
    account_with(&house, "eve", &mut eve).await;
    let (truth, adas_handle) = (Told::the_truth(USE), ada.user_handle.clone());
    let changes: Vec<(&str, Change)> = vec![
        // Eve's signature, for the credential or the account of ada.
        ("passkey_wrong_signature", Box::new(|form| set(form, "credential", &base64url(b"ada's")))),
        ("passkey_other_account", Box::new(move |form| set(form, "user_handle", &adas_handle))),
        ("passkey_other_account", Box::new(|form| set(form, "user_handle", ""))),
        ("passkey_unknown", Box::new(|form| set(form, "credential", &base64url(b"nobody's")))),
        ("passkey_unknown", Box::new(|form| set(form, "credential", ""))),
        ("passkey_wrong_signature", Box::new(|form| set(form, "signature", ""))),
        ("passkey_wrong_signature", Box::new(|form| set(form, "signature", &base64url(&[0; 64])))),
        ("passkey_malformed", Box::new(|form| set(form, "signature", "not base64url!"))),
        ("passkey_malformed", Box::new(|form| set(form, "authenticator_data", &base64url(&[0; 36])))),
        ("passkey_malformed", Box::new(|form| set(form, "client_data", &base64url(b"{}")))),
        (
            "passkey_malformed",
            Box::new(|form| {
                // Two challenges: whichever a program takes.
                let twice = br#"{"type":"webauthn.get","challenge":"a","challenge":"b","origin":"o"}"#;
                set(form, "client_data", &base64url(twice));
            }),
        ),
        ("passkey_wrong_challenge", Box::new(|form| set(form, "ceremony", "forged"))),
        ("passkey_wrong_challenge", Box::new(|form| set(form, "ceremony", ""))),
    ];
    for (code, change) in changes {
        let page = sign_in(&mut Tab::open(&house), &mut eve, &truth, change).await;
        assert_eq!((page.status, last_code(&house).await.as_str()), (422, code), "{}", page.body);
    }
    assert!(sign_in(&mut Tab::open(&house), &mut eve, &truth, |_| ()).await.goes_back_with_code());
}

#[tokio::test]
async fn a_challenge_is_good_once_for_five_minutes_and_for_its_own_sign_in() {
    let house = House::build().await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    account_with(&house, "ada", &mut ada).await;
    let truth = Told::the_truth(USE);
    let mut tab = Tab::open(&house);
    let mut sent = Vec::new();
    assert!(sign_in(&mut tab, &mut ada, &truth, |form| sent.clone_from(form)).await.goes_back_with_code());
    assert_eq!(send(&mut tab, &sent).await.status, 422);
    assert_eq!(last_code(&house).await, "passkey_wrong_challenge");

    // The challenge of another sign-in in the same browser.
    let other = tab.come_to_sign_in().await;
    house.clock.advance(SignedDuration::from_secs(1));
    let page = sign_in(&mut tab, &mut ada, &truth, |form| set(form, "request", other.field("request"))).await;
    assert_eq!((page.status, last_code(&house).await.as_str()), (422, "passkey_wrong_challenge"));

    let page = tab.come_to_sign_in().await;
    house.clock.advance(SignedDuration::from_secs(301));
    let mut form = ada.answer(&truth, page.attribute("data-challenge"));
    form.extend([("request", page.field("request").to_owned()), ("ceremony", page.field("ceremony").to_owned())]);
    assert_eq!(send(&mut tab, &form).await.status, 422);
    assert_eq!(last_code(&house).await, "passkey_wrong_challenge");
}

#[tokio::test]
async fn a_counter_that_goes_back_gives_a_copy_away() {
    let house = House::build().await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    ada.count = 5;
    account_with(&house, "ada", &mut ada).await;
    let truth = Told::the_truth(USE);
    for (count, good) in [(5, false), (0, false), (6, true), (6, false), (u32::MAX, true), (7, false)] {
        ada.count = count;
        let page = sign_in(&mut Tab::open(&house), &mut ada, &truth, |_| ()).await;
        assert_eq!(page.goes_back_with_code(), good, "{count}");
        if !good {
            assert_eq!(last_code(&house).await, "passkey_copied");
        }
    }
}

#[tokio::test]
async fn a_disabled_account_has_no_passkey_either() {
    let house = House::build().await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    account_with(&house, "ada", &mut ada).await;
    for disabled in [true, false] {
        let kind = if disabled { AuditKind::PersonDisabled } else { AuditKind::PersonEnabled };
        let event = AuditEvent::new(house.now(), kind, Outcome::Success, "test");
        let id = PersonId::of(URL, "ada");
        assert!(house.store.set_person_disabled(id, disabled, house.now(), event).await.unwrap());
        let page = sign_in(&mut Tab::open(&house), &mut ada, &Told::the_truth(USE), |_| ()).await;
        assert_eq!(page.goes_back_with_code(), !disabled);
    }
    let codes: Vec<_> = house.audit().await.into_iter().filter_map(|event| event.reason).collect();
    assert!(codes.iter().any(|code| code.starts_with("account_disabled")), "{codes:?}");
}

#[tokio::test]
async fn every_lie_about_a_new_passkey_is_found_out_and_spends_no_invite() {
    let house = House::build().await;
    let path = invite(&house, "ada").await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    let mut tab = Tab::open(&house);
    let truth = Told::the_truth(MAKE);
    let lies = [
        Told { kind: USE, ..truth.clone() },
        Told { origin: "https://evil.example", ..truth.clone() },
        Told { cross_origin: true, ..truth.clone() },
        Told { rp_id: "example.com", ..truth.clone() },
        Told { challenge: Some("b3RoZXI"), ..truth.clone() },
        Told { flags: 0x04, ..truth.clone() },
        Told { flags: 0x01, ..truth.clone() },
        Told { behind: b"more", ..truth.clone() },
    ];
    let refused = "The passkey was not accepted. Try again, or choose a password.";
    for lie in lies {
        let page = make(&mut tab, &path, &mut ada, &lie).await;
        assert_eq!((page.status, page.problem()), (422, refused));
    }
    let page = tab.get(&path).await;
    let (client_data, good) = ada.make(&truth, page.attribute("data-challenge"));
    let cut: Vec<_> = [0, 1, 20, 60, good.len() - 70, good.len() - 1].map(|length| good[..length].to_vec()).to_vec();
    let hostile = [
        vec![0x81; 40_000],
        vec![0xa1; 40_000],
        vec![0x9f; 40_000],
        vec![0xc0; 40_000],
        // A byte string, a list and a map that say they are as long as all memory.
        vec![0x5b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x9b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0xbb, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        b"\xa2\x68authData\x41a\x68authData\x41b".to_vec(),
        b"\xa1\x68authData\x61a".to_vec(),
    ];
    for attestation in cut.iter().chain(&hostile) {
        // Whatever was sent, its challenge is spent: a new page for each.
        let page = tab.get(&path).await;
        let (client_data, _) = ada.make(&truth, page.attribute("data-challenge"));
        let answer = send_made(&mut tab, &path, &page, &client_data, attestation).await;
        assert_eq!(
            (answer.status, answer.problem()),
            (422, refused),
            "{:x?}",
            &attestation[..attestation.len().min(9)]
        );
    }
    // The one that was good all along is still unspent, and then it is not.
    assert_eq!(send_made(&mut tab, &path, &page, &client_data, &good).await.status, 200);
    assert_eq!(send_made(&mut tab, &path, &page, &client_data, &good).await.status, 404);
}

#[tokio::test]
async fn keys_that_are_of_no_accepted_kind_are_refused() {
    let house = House::build().await;
    let path = invite(&house, "ada").await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    let mut tab = Tab::open(&house);
    let truth = Told::the_truth(MAKE);
    // What stands in the COSE key, and what is put into its place: another algorithm, curve, or kind of key.
    for (place, instead) in [
        (&[0x03, 0x26][..], &[0x03, 0x27][..]),
        (&[0x03, 0x26], &[0x03, 0x05]),
        (&[0x20, 0x01, 0x21], &[0x20, 0x02, 0x21]),
        (&[0xa5, 0x01, 0x02], &[0xa5, 0x01, 0x03]),
        (&[0xa5, 0x01, 0x02, 0x03, 0x26], &[0xa5, 0x01, 0x02, 0x01, 0x26]),
    ] {
        let page = tab.get(&path).await;
        let (client_data, mut attestation) = ada.make(&truth, page.attribute("data-challenge"));
        let at = attestation.windows(place.len()).rposition(|window| window == place).unwrap();
        attestation[at..at + place.len()].copy_from_slice(instead);
        assert_eq!(send_made(&mut tab, &path, &page, &client_data, &attestation).await.status, 422, "{instead:x?}");
    }
    // A point that is not on the curve is a key that has signed nothing.
    let page = tab.get(&path).await;
    let (client_data, mut attestation) = ada.make(&truth, page.attribute("data-challenge"));
    let last = attestation.len() - 1;
    attestation[last] ^= 1;
    page.attribute("data-user-id").clone_into(&mut ada.user_handle);
    send_made(&mut tab, &path, &page, &client_data, &attestation).await;
    let page = sign_in(&mut Tab::open(&house), &mut ada, &Told::the_truth(USE), |_| ()).await;
    assert!(!page.goes_back_with_code());
}

#[tokio::test]
async fn a_passkey_of_another_account_cannot_be_taken_over() {
    let house = House::build().await;
    let mut ada = Authenticator::new(Key::es256(), b"the same id");
    account_with(&house, "ada", &mut ada).await;
    let path = invite(&house, "eve").await;
    let mut eve = Authenticator::new(Key::es256(), b"the same id");
    assert_eq!(make(&mut Tab::open(&house), &path, &mut eve, &Told::the_truth(MAKE)).await.status, 404);
    assert!(sign_in(&mut Tab::open(&house), &mut ada, &Told::the_truth(USE), |_| ()).await.goes_back_with_code());
}

#[tokio::test]
async fn a_passkey_by_a_new_invite_takes_the_place_of_the_password() {
    let house = House::build().await;
    account(&house, "ada").await;
    let path = invite_again(&house, "ada").await;
    let mut ada = Authenticator::new(Key::es256(), b"ada's");
    assert_eq!(make(&mut Tab::open(&house), &path, &mut ada, &Told::the_truth(MAKE)).await.status, 200);
    assert!(sign_in(&mut Tab::open(&house), &mut ada, &Told::the_truth(USE), |_| ()).await.goes_back_with_code());
    assert_eq!(try_password(&mut Tab::open(&house), "ada", PASSWORD).await.status, 422);
    assert_eq!(last_code(&house).await, "no_password");
}
