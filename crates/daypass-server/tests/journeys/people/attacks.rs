//! What an attacker would try at the authorization endpoint and on the way back (RFC 9700 §4).

use serde_json::json;

use super::{
    corp::Corp,
    office::{Office, provider},
    wire::{Ask, REDIRECT_URI, VERIFIER, challenge, parameter, text_of},
};
use crate::{
    http::{get, post_form},
    world::World,
};

#[test]
fn a_redirect_to_anywhere_but_the_clients_own_listener_is_refused_without_redirecting() {
    let office = Office::open();
    for redirect_uri in [
        "https://evil.example.com/callback",
        "http://evil.example.com:8765/callback",
        "https://127.0.0.1:8765/callback",
        "http://localhost:8765/callback",
        "http://127.0.0.2:8765/callback",
        "http://127.1:8765/callback",
        "http://2130706433:8765/callback",
        "http://0x7f.0.0.1:8765/callback",
        "http://0177.0.0.1:8765/callback",
        "http://[::ffff:127.0.0.1]:8765/callback",
        "http://127.0.0.1:8765/callback/",
        "http://127.0.0.1:8765/callback/../x",
        "http://127.0.0.1:8765/x/../callback",
        "http://127.0.0.1:8765//callback",
        "http://127.0.0.1:8765/callback%2f",
        "http://127.0.0.1:8765/Callback",
        "http://127.0.0.1:8765/callback?x=1",
        "http://127.0.0.1:8765/callback?",
        "http://127.0.0.1:8765/callback#x",
        "http://127.0.0.1:8765/callback#",
        "http://127.0.0.1:8765",
        "http://ada@127.0.0.1:8765/callback",
        "http://ada:pw@127.0.0.1:8765/callback",
        "http://@127.0.0.1:8765/callback",
        "http://127.0.0.1@evil.example.com/callback",
        "http://127.0.0.1:8765@evil.example.com/callback",
        "http://127.0.0.1:8765\\@evil.example.com/callback",
        "http://127.0.0.1.evil.example.com/callback",
        "http://127.0.0.1:99999/callback",
        "http://127.0.0.1:/callback",
        "http://127.0.0.1:08765/callback",
        "http:127.0.0.1:8765/callback",
        "http:/127.0.0.1:8765/callback",
        "HTTP://127.0.0.1:8765/callback",
        " http://127.0.0.1:8765/callback",
        "http://127.0.0.1:8765/callback\n",
        "http://127.0.0.1:8765/call\tback",
        "//127.0.0.1:8765/callback",
        "/callback",
        "javascript:alert(1)//127.0.0.1:8765/callback",
        "data:text/html,http://127.0.0.1:8765/callback",
        "",
    ] {
        let answer = office.world.send(&get(Ask::new().with("redirect_uri", Some(redirect_uri)).path()));
        assert!((400..500).contains(&answer.status), "{redirect_uri:?}: {}", answer.everything());
        assert_eq!(answer.header("location"), "", "{redirect_uri:?}: an open redirect");
        let page = answer.text();
        assert!(!page.contains("http-equiv=\"refresh\""), "{redirect_uri:?}: {page}");
    }
    let missing = office.world.send(&get(Ask::new().with("redirect_uri", None).path()));
    assert!((400..500).contains(&missing.status) && missing.header("location").is_empty(), "{}", missing.everything());
    for redirect_uri in
        [REDIRECT_URI, "http://127.0.0.1:1/callback", "http://[::1]:8765/callback", "http://127.0.0.1/callback"]
    {
        let answer = office.world.send(&get(Ask::new().with("redirect_uri", Some(redirect_uri)).path()));
        assert!(answer.status < 400, "{redirect_uri:?} is the client's own: {}", answer.everything());
    }
}

#[test]
fn a_client_that_nobody_registered_is_refused_without_redirecting() {
    let office = Office::open();
    for client_id in [None, Some(""), Some("daypass-cli "), Some("somebody-else"), Some("<script>alert(1)</script>")] {
        let answer = office.world.send(&get(Ask::new().with("client_id", client_id).path()));
        assert!((400..500).contains(&answer.status), "{client_id:?}: {}", answer.everything());
        assert_eq!(answer.header("location"), "", "{client_id:?}");
        assert!(!answer.text().contains("<script>alert"), "{client_id:?}");
    }
}

#[test]
fn a_request_without_a_proper_challenge_goes_back_with_an_error_and_the_state() {
    let office = Office::open();
    let plain = challenge(VERIFIER);
    for (what, ask) in [
        ("no challenge", Ask::new().with("code_challenge", None)),
        ("an empty challenge", Ask::new().with("code_challenge", Some(""))),
        ("a short challenge", Ask::new().with("code_challenge", Some("short"))),
        ("a long challenge", Ask::new().with("code_challenge", Some(&"x".repeat(129)))),
        ("no digest", Ask::new().with("code_challenge", Some(&"*".repeat(43)))),
        ("plain", Ask::new().with("code_challenge_method", Some("plain"))),
        ("plain by default", Ask::new().with("code_challenge_method", None)),
        ("another method", Ask::new().with("code_challenge_method", Some("S512"))),
        ("the implicit flow", Ask::new().with("response_type", Some("token"))),
        ("a hybrid flow", Ask::new().with("response_type", Some("code token"))),
        ("no response type", Ask::new().with("response_type", None)),
        ("a provider nobody has", Ask::new().with("provider", Some("nobody"))),
        ("two challenges", Ask::new().and("code_challenge", &plain)),
    ] {
        let answer = office.world.send(&get(ask.path()));
        let location = answer.header("location");
        // Either a page of ours, or back to the client with the error, its state and who says so (RFC 9207).
        if location.is_empty() {
            assert!((400..500).contains(&answer.status), "{what}: {}", answer.everything());
        } else {
            assert!(location.starts_with(REDIRECT_URI), "{what}: {location}");
            let value = |name: &str| parameter(location, name);
            assert!(value("error").is_some() && value("code").is_none(), "{what}: {location}");
            assert_eq!(value("state").as_deref(), Some("the-state"), "{what}: {location}");
            assert_eq!(value("iss"), Some(office.world.url()), "{what}: {location}");
        }
    }
}

#[test]
fn parameters_that_come_twice_are_refused() {
    let office = Office::open();
    for (name, value) in [
        ("redirect_uri", REDIRECT_URI),
        ("client_id", "daypass-cli"),
        ("state", "the-state"),
        ("response_type", "code"),
        ("code_challenge_method", "S256"),
    ] {
        let answer = office.world.send(&get(Ask::new().and(name, value).path()));
        let went_on = answer.status < 400 && parameter(answer.header("location"), "error").is_none();
        assert!(!went_on, "{name}: {}", answer.everything());
    }
    let fields = [
        ("grant_type", "refresh_token"),
        ("grant_type", "refresh_token"),
        ("refresh_token", "x"),
        ("client_id", "daypass-cli"),
    ];
    let answer = office.world.send(&post_form("/oauth/token", &fields));
    assert_eq!((answer.status, &answer.json()["error"]), (400, &json!("invalid_request")), "{}", answer.everything());
}

#[test]
fn a_code_is_worth_nothing_to_whoever_did_not_ask_for_it_or_comes_a_second_time() {
    let mut office = Office::open();
    let back = office.allowed(&Ask::new());
    assert_eq!(parameter(&back, "state").as_deref(), Some("the-state"));
    assert_eq!(parameter(&back, "iss"), Some(office.world.url()), "RFC 9207");
    let code = parameter(&back, "code").unwrap();
    let refused = |office: &Office, what: &str, fields: &[(&str, &str)]| {
        let answer = office.token(fields);
        assert_eq!(answer.status, 400, "{what}: {}", answer.everything());
        let error = text_of(&answer.json(), "error");
        assert!(["invalid_grant", "invalid_request"].contains(&error.as_str()), "{what}: {}", answer.everything());
    };
    let grant = ("grant_type", "authorization_code");
    let other = "another-verifier-that-is-long-enough-to-be-valid-0";
    let (code_, uri, verifier) = (("code", &*code), ("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER));
    refused(&office, "no verifier", &[grant, code_, uri]);
    let mut office = office;
    for (what, change) in [
        ("another verifier", ("code_verifier", other)),
        ("the challenge as verifier", ("code_verifier", &*challenge(VERIFIER))),
        ("another port", ("redirect_uri", "http://127.0.0.1:8766/callback")),
        ("another address", ("redirect_uri", "http://[::1]:8765/callback")),
    ] {
        // A code that met a wrong proof is spent: each try has its own.
        office.browser.another_machine();
        let code = office.code(&Ask::new());
        let fields = [grant, ("code", &*code), uri, verifier]
            .map(|(name, value)| if name == change.0 { change } else { (name, value) });
        refused(&office, what, &fields);
    }
    office.browser.another_machine();
    let code = office.code(&Ask::new());
    let first = office.redeem(&code);
    assert_eq!(first.status, 200, "{}", first.everything());
    refused(&office, "twice", &[grant, ("code", &*code), uri, verifier]);
    // RFC 6749 §4.1.2: what the first brought is withdrawn.
    office.refuses_soon(&text_of(&first.json(), "access_token"));
    assert_eq!(office.refresh(&text_of(&first.json(), "refresh_token")).json()["error"], "invalid_grant");
    office.happened("session.reused");
}

#[test]
fn another_client_cannot_spend_a_code_or_a_refresh_token() {
    let client =
        "[[client]]\nclient_id = \"other\"\nname = \"Other\"\nredirect_uris = [\"http://127.0.0.1/callback\"]\n";
    let mut office = Office::open_with(World::plan(), client);
    let code = office.code(&Ask::new());
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", "other"),
    ];
    let answer = office.world.send(&post_form("/oauth/token", &fields));
    assert_eq!(answer.json()["error"], "invalid_grant", "{}", answer.everything());
    office.browser.another_machine();
    let session = office.session();
    let refresh_token = text_of(&session, "refresh_token");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", &refresh_token), ("client_id", "other")];
    let answer = office.world.send(&post_form("/oauth/token", &fields));
    assert_eq!(answer.json()["error"], "invalid_grant", "{}", answer.everything());
}

/// The provider's way back to us, caught before it arrives.
fn caught(office: &mut Office, ask: &Ask) -> String {
    let callback = format!("{}/oauth/callback/", office.world.url());
    office.browser.another_machine();
    office.browser.stops_at(&callback);
    office.browser.visited();
    office.browser.arrives_at_provider(&format!("{}{}", office.world.url(), ask.path()));
    office.browser.signs_in_as("alice");
    let visited = office.browser.visited();
    visited.iter().rfind(|url| url.starts_with(&callback)).unwrap_or_else(|| panic!("{visited:#?}")).clone()
}

#[test]
fn somebody_elses_way_back_signs_nobody_in() {
    let mut office = Office::open();
    // The attacker signs in and sends the last address to somebody, who is to work in the attacker's name.
    let address = caught(&mut office, &Ask::new());
    office.browser.another_machine();
    let page = office.browser.open(&address);
    office.assert_refused(&page);
    // And again in the middle of a sign-in of their own.
    let address = caught(&mut office, &Ask::new());
    office.browser.another_machine();
    office.browser.arrives_at_provider(&format!("{}{}", office.world.url(), Ask::new().path()));
    let page = office.browser.open(&address);
    office.assert_refused(&page);
    assert!(office.world.audit_of("session.created").is_empty());
}

#[test]
fn a_way_back_with_another_state_or_none_is_refused() {
    let mut office = Office::open();
    for state in ["", "x", "the-state"] {
        let address = caught(&mut office, &Ask::new());
        let changed = address.replace(&parameter(&address, "state").unwrap(), state);
        let answer = office.world.send(&get(changed.strip_prefix(&office.world.url()).unwrap()));
        assert!((400..500).contains(&answer.status), "{}", answer.everything());
        assert!(answer.header("location").is_empty());
    }
}

#[test]
fn a_provider_that_says_it_is_another_is_not_believed() {
    let mut office = Office::open();
    let nobody = "https://evil.example.com";
    let now = daypass_testkit::oidc::unix_now();
    for (what, id_token, callback) in [
        ("another issuer in the ID token", json!({ "iss": nobody }), json!({})),
        ("another issuer on the way back", json!({}), json!({ "iss": nobody })),
        ("no issuer on the way back, though it promised", json!({}), json!({ "iss": null })),
        ("an ID token for somebody else", json!({ "aud": "another-client" }), json!({})),
        ("for somebody else too", json!({ "aud": ["daypass", "another-client"], "azp": "another-client" }), json!({})),
        ("another nonce", json!({ "nonce": "another" }), json!({})),
        ("no nonce", json!({ "nonce": null }), json!({})),
        ("an old ID token", json!({ "exp": now - 600, "iat": now - 1200 }), json!({})),
        ("one from the future", json!({ "iat": now + 3600, "exp": now + 7200 }), json!({})),
        ("no subject", json!({ "sub": "" }), json!({})),
        ("a code of nobody", json!({}), json!({ "code": "nonsense" })),
    ] {
        office.corp.lie(&id_token, &callback);
        office.browser.another_machine();
        office.browser.stops_at("http://127.0.0.1:8765/");
        office.browser.visited();
        office.browser.arrives_at_provider(&format!("{}{}", office.world.url(), Ask::new().path()));
        office.browser.signs_in_as("alice");
        let visited = office.browser.visited();
        assert!(!visited.iter().any(|url| url.contains("code=daypass_ac_")), "{what}: {visited:#?}");
    }
    assert!(office.world.audit_of("session.created").is_empty());
    office.corp.lie(&json!({}), &json!({}));
    office.browser.another_machine();
    assert_eq!(office.redeem_of_a_new_code(), 200, "the truth is believed");
}

#[test]
fn a_provider_behind_another_address_than_its_issuer_is_not_used() {
    let mut office = Office::open();
    // The address is right and answers, but its metadata names another issuer (OpenID Discovery §4.3).
    let port = office.corp.issuer.rsplit(':').next().unwrap().to_owned();
    let elsewhere = format!("http://127.0.0.3:{}", crate::world::free_port());
    let forward = std::net::TcpListener::bind(elsewhere.trim_start_matches("http://")).unwrap();
    std::thread::spawn(move || {
        for client in forward.incoming().flatten() {
            let server = std::net::TcpStream::connect(format!("127.0.0.2:{port}")).unwrap();
            let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
            let (mut from, mut to) = (server, client);
            std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        }
    });
    let issuer = office.corp.issuer.clone();
    office.change_policy(&issuer, &elsewhere);
    std::thread::sleep(std::time::Duration::from_secs(5));
    let page = office.browser.arrives_at_provider(&format!("{}{}", office.world.url(), Ask::new().path()));
    office.assert_refused(&page);
    assert!(!page.text.contains(&elsewhere), "a stranger learns nothing: {}", page.text);
}

#[test]
fn a_code_of_one_provider_is_never_shown_to_another() {
    let plan = World::plan();
    let stage = crate::stage::Stage::find();
    let redirect_uri = format!("{}/oauth/callback/evil", plan.url());
    let mut evil = Corp::start(&stage, plan.folder(), "127.0.0.3", &redirect_uri);
    let mut office = Office::open_with(plan, &provider("evil", "Evil Inc", &evil.issuer));
    office.browser.knows_provider(&evil.issuer);
    let begin = |office: &mut Office, provider: &str| {
        office.browser.visited();
        let path = Ask::new().with("provider", Some(provider)).path();
        office.browser.arrives_at_provider(&format!("{}{path}", office.world.url()));
        let visited = office.browser.visited();
        visited.into_iter().find(|url| url.contains("/auth?")).expect("it went to the provider")
    };
    // Alice means to sign in at the attacker's, who sends her on to her company with the state of that sign-in.
    let at_evil = begin(&mut office, "evil");
    let of_evil = |name: &str| parameter(&at_evil, name).unwrap();
    office.browser.tab(1);
    let at_corp = begin(&mut office, "corp");
    let mut mixed = url::Url::parse(&at_corp).unwrap();
    let changed: Vec<_> = mixed
        .query_pairs()
        .map(|(name, value)| match &*name {
            "state" | "nonce" => (name.clone().into_owned(), of_evil(&name)),
            _ => (name.into_owned(), value.into_owned()),
        })
        .collect();
    mixed.query_pairs_mut().clear().extend_pairs(changed);
    office.browser.open(mixed.as_str());
    let page = office.browser.signs_in_as("alice");
    office.assert_refused(&page);
    assert_eq!(evil.asked("/token"), 0, "the company's code went to the attacker");
    assert!(office.world.audit_of("session.created").is_empty());
}

#[test]
fn a_page_of_ours_cannot_be_framed_cached_or_told_where_people_came_from() {
    let office = Office::open();
    for path in [
        Ask::new().with("provider", None).path(),
        "/device".to_owned(),
        "/oauth/signed-in".to_owned(),
        "/invite/nonsense".to_owned(),
    ] {
        let answer = office.world.send(&get(&*path));
        let policy = answer.header("content-security-policy");
        for wanted in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
            assert!(policy.contains(wanted), "{path}: no {wanted} in {policy:?}");
        }
        assert!(policy.contains("form-action 'self'") || policy.contains("form-action 'none'"), "{path}: {policy}");
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        assert!(answer.header("cache-control").contains("no-store"), "{path}: {}", answer.everything());
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[test]
fn a_form_that_was_posted_from_elsewhere_does_nothing() {
    let office = Office::open();
    for (path, fields) in [
        ("/oauth/sign-in", vec![("provider", "corp")]),
        ("/oauth/sign-in/password", vec![("name", "ada"), ("password", "guess")]),
        ("/oauth/sign-in/passkey", vec![("credential", "x")]),
        ("/device/confirm", vec![("decision", "allow")]),
    ] {
        for request in ["", "nonsense"] {
            let all: Vec<_> = fields.iter().copied().chain([("request", request)]).collect();
            let answer = office.world.send(&post_form(path, &all).header("origin", "https://evil.example.com"));
            assert!((400..500).contains(&answer.status), "{path}: {}", answer.everything());
        }
    }
}
