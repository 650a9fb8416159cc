//! A person signs in in the browser while an install waits.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use insta::assert_snapshot;
use url::Url;

use crate::{
    browser::{Browser, get, request},
    fake_issuer::{
        FakeIssuer,
        people::{access_token_of_session, refresh_token},
    },
    person::Person,
    terminal::{self, Running},
};

/// Somebody with a browser, whose helper was just asked for a credential.
fn asked(issuer: &FakeIssuer) -> (Person, Browser, Running) {
    let (person, browser) = Browser::of(Person::new().with("DAYPASS_SERVER", issuer.url()));
    let arguments = ["helper", "keyring", "--mode=creds", "--output=json", "get", &issuer.index_url()];
    let running = terminal::run(&person, "pip", &arguments);
    (person, browser, running)
}

fn parameter(url: &str, name: &str) -> String {
    Url::parse(url).unwrap().query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[test]
fn the_browser_opens_and_the_install_goes_on() {
    let issuer = FakeIssuer::start();
    let (person, browser, running) = asked(&issuer);
    let page = browser.sign_in();
    assert_eq!((page.status, page.text.as_str()), (200, "You may close this tab."));
    let done = running.end();
    assert!(done.status.success(), "{done:?}");
    let credential = format!("{{\"username\": \"_token\", \"password\": \"{}\"}}\n", access_token_of_session(1));
    assert_eq!((done.stdout, done.stderr.as_str()), (credential, ""), "nothing but the answer, and not a word");
    // Seen in the terminal, although pip swallows stderr.
    let [tab] = browser.tabs().try_into().unwrap();
    assert_snapshot!(person.told_text(&done.screen.replace(&tab, "[TAB]")), @r"

    daypass: sign in to http://[SERVER] in the browser that has just been opened, or at

        [TAB]

    No browser in sight? `daypass login http://[SERVER] --device` shows a code for any device.
    Waiting for up to 10 minutes; Ctrl-C gives up.

    daypass: signed in to http://[SERVER] as ada@example.com
    ");
    assert!(parameter(&tab, "redirect_uri").starts_with("http://127.0.0.1:"));
    // And from now on it just works, without a terminal too.
    let again = person.run(["helper", "keyring", "get", issuer.authority(), "ada"]);
    assert_eq!(String::from_utf8(again.stdout).unwrap(), format!("{}\n", access_token_of_session(1)));
    assert_eq!((browser.tabs().len(), issuer.sessions()), (1, 1));
}

#[test]
fn strangers_are_turned_away_and_the_wait_goes_on() {
    let issuer = FakeIssuer::start();
    let (_person, browser, running) = asked(&issuer);
    let answer = browser.answer();
    let callback = Url::parse(&answer).unwrap();
    let authority = format!("127.0.0.1:{}", callback.port().unwrap());
    let path = &answer[answer.find("/callback").unwrap()..];
    // Somebody who says nothing, and somebody who never stops.
    let silent = TcpStream::connect(&authority).unwrap();
    assert!(request(&authority, &"x".repeat(200_000)).is_none());
    for (path, host, status) in [
        ("/favicon.ico", authority.as_str(), 404),
        ("/", &authority, 404),
        (path, "evil.example.com", 421),
        (path, "localhost", 421),
        ("/callback?code=c&state=wrong", &authority, 400),
        (&path.replace("state=", "state=x"), &authority, 400),
        (&path.replace("state=", "nostate="), &authority, 400),
        ("/callback", &authority, 400),
    ] {
        let page = request(&authority, &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
        assert_eq!(page.status, status, "{path} {host}");
        assert!(page.location.is_none());
    }
    let posted = request(&authority, &format!("POST {path} HTTP/1.1\r\nHost: {authority}\r\n\r\n")).unwrap();
    assert_eq!(posted.status, 405);
    assert_eq!(issuer.forms().len(), 0, "no code was tried");
    let page = get(&answer);
    assert_eq!((page.status, page.location), (303, Some(format!("{}/oauth/signed-in", issuer.url()))));
    assert!(running.end().status.success());
    assert!(TcpStream::connect(&authority).is_err(), "the door is closed");
    drop(silent);
}

#[test]
fn a_visitor_who_says_nothing_is_hung_up_on_soon() {
    let issuer = FakeIssuer::start();
    let (_person, browser, running) = asked(&issuer);
    let authority = format!("127.0.0.1:{}", Url::parse(&browser.answer()).unwrap().port().unwrap());
    let mut silent = TcpStream::connect(&authority).unwrap();
    silent.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let begun = Instant::now();
    assert_eq!(silent.read(&mut [0; 8]).unwrap_or(0), 0);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    browser.sign_in();
    assert!(running.end().status.success());
}

#[test]
fn however_many_say_nothing_the_browser_is_heard_at_once() {
    let issuer = FakeIssuer::start();
    let (_person, browser, running) = asked(&issuer);
    let answer = browser.answer();
    let authority = format!("127.0.0.1:{}", Url::parse(&answer).unwrap().port().unwrap());
    // Some say nothing, some say a word and no more.
    let crowd: Vec<_> = (0..200)
        .map(|number| {
            let mut stream = TcpStream::connect(&authority).unwrap();
            if number % 2 == 0 {
                stream.write_all(b"G").unwrap();
            }
            stream
        })
        .collect();
    let begun = Instant::now();
    assert_eq!(get(&answer).status, 303);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    assert!(running.end().status.success());
    drop(crowd);
}

#[test]
fn an_answer_from_another_server_is_a_mix_up_and_its_code_is_not_used() {
    let issuer = FakeIssuer::start();
    issuer.treat_people(|manners| manners.iss = Some("https://evil.example.com"));
    let (person, browser, running) = asked(&issuer);
    let page = browser.sign_in();
    assert!(page.text.contains("You are not signed in"), "{page:?}");
    let done = running.end();
    assert_eq!(done.status.code(), Some(3));
    assert_snapshot!(person.told_text(&done.stderr), @r"
    error: the browser came back from another server than http://[SERVER]

    hint: close its other tabs and sign in again
    ");
    assert_eq!(issuer.forms().len(), 0);
}

#[test]
fn a_person_who_says_no_is_believed() {
    let issuer = FakeIssuer::start();
    issuer.treat_people(|manners| manners.denied = true);
    let (person, browser, running) = asked(&issuer);
    let page = browser.sign_in();
    assert!(page.text.contains("did not sign you in: not today."), "{page:?}");
    let done = running.end();
    assert_eq!(done.status.code(), Some(3));
    assert_snapshot!(person.told_text(&done.stderr), @"error: http://[SERVER] did not sign you in: not today");
    assert!(done.stdout.is_empty() && person.entries().is_empty());
    let end = "\ndaypass: error: http://[SERVER] did not sign you in: not today\n";
    assert!(person.told_text(&done.screen).ends_with(end), "pip keeps stderr to itself: {done:?}");
    // pip asks again at once, by the bare host, and uv by the origin too: no second tab.
    let again = terminal::run(&person, "pip-again", &["helper", "keyring", "get", issuer.authority()]).end();
    assert_eq!((again.status.code(), again.stderr), (Some(3), done.stderr));
    assert_eq!(browser.tabs().len(), 1);
    // Who asks for a sign-in gets one.
    issuer.treat_people(|manners| manners.denied = false);
    let login = terminal::run(&person, "login", &["login", issuer.url()]);
    let tab = crate::browser::wait_for("a second tab", || browser.tabs().into_iter().nth(1));
    get(&get(&tab).location.unwrap());
    assert!(login.end().status.success());
}

#[test]
fn without_a_browser_that_opens_a_code_is_shown_by_itself() {
    let issuer = FakeIssuer::start();
    issuer.treat_people(|manners| manners.device = crate::fake_issuer::people::Decision::Approved);
    let person = Person::new().with("DAYPASS_SERVER", issuer.url()).with("BROWSER", "/nowhere/browser");
    let helper = ["helper", "keyring", "get", &issuer.index_url()];
    let done = terminal::run_after(&person, "pip", "PATH=/nowhere", &helper).end();
    assert!(done.status.success() && done.screen.contains("WDJB-MJHT"), "{done:?}");
}

#[test]
fn ctrl_c_gives_up() {
    let issuer = FakeIssuer::start();
    let (person, browser, running) = asked(&issuer);
    browser.tab();
    running.wait_for("Ctrl-C");
    running.signal(rustix::process::Signal::INT);
    let done = running.end();
    assert_eq!(done.status.code(), Some(4));
    assert_snapshot!(person.told_text(&done.stderr), @"error: the sign-in to http://[SERVER] was given up");
}

#[test]
fn login_signs_in_and_remembers_the_server() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new());
    let running = terminal::run(&person, "login", &["login", &issuer.index_url(), "--provider", "corp"]);
    assert_eq!(parameter(&browser.tab(), "provider"), "corp");
    browser.sign_in();
    let done = running.end();
    assert!(done.status.success(), "{done:?}");
    assert_snapshot!(person.told_text(&done.stderr), @r"
    signed in to http://[SERVER] as `ada@example.com` for 12 hours, until [TIME]

    hint: `pip install --index-url http://[SERVER]/python/simple/ PACKAGE` gets the credential by itself
    ");
    let config = std::fs::read_to_string(person.config()).unwrap();
    assert!(config.ends_with(&format!("[[server]]\nurl = \"{}\"\n", issuer.url())), "{config}");
    // The refresh token is in one closed file, and nowhere else.
    let session = person.entry().with_extension("session");
    assert!(std::fs::read_to_string(&session).unwrap().contains(&refresh_token(1)));
    assert_eq!(crate::person::mode(&session), 0o600);
    assert!(!done.screen.contains("daypass_") && !done.stderr.contains("daypass_"));
}

#[test]
fn signing_in_again_ends_the_session_before() {
    let issuer = FakeIssuer::start();
    let (person, browser) = Browser::of(Person::new());
    for name in ["first", "second"] {
        let running = terminal::run(&person, name, &["login", issuer.url()]);
        crate::browser::wait_for("another tab", || (browser.tabs().len() == issuer.sessions() + 1).then_some(()));
        let location = get(browser.tabs().last().unwrap()).location.unwrap();
        get(&location);
        assert!(running.end().status.success());
    }
    assert_eq!(issuer.revoked(), [refresh_token(1)]);
    assert_eq!(issuer.sessions(), 2);
}
