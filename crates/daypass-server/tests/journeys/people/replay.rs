//! A refresh token that comes twice: from a thief, or from somebody whose answer was lost.

use std::{
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use super::{office::Office, wire::text_of};
use crate::{installers::text, world::World};

#[test]
fn when_two_machines_have_the_session_the_later_one_ends_it_for_both() {
    let mut office = Office::open();
    let stolen = office.session();
    let owner = office.refresh(&text_of(&stolen, "refresh_token"));
    assert_eq!(owner.status, 200, "{}", owner.everything());
    let access_token = text_of(&owner.json(), "access_token");
    assert!(office.lets_in(&access_token), "the owner's answer arrived, for it is used");
    let thief = office.refresh(&text_of(&stolen, "refresh_token"));
    assert_eq!(thief.json()["error"], "invalid_grant", "{}", thief.everything());
    assert_eq!(thief.json()["reason"], "replayed", "{}", thief.everything());
    office.refuses_soon(&access_token);
    let owner = office.refresh(&text_of(&owner.json(), "refresh_token"));
    assert_eq!(owner.json()["error"], "invalid_grant", "{}", owner.everything());
    let event = office.happened("session.reused").pop().unwrap();
    assert!(!event["session"].is_null() && !event["source"].is_null(), "{event}");
}

#[test]
fn a_copied_session_file_ends_the_session_when_both_machines_have_refreshed() {
    let mut office = Office::open_with(World::plan().config("[session]\naccess_token = \"5s\"\n"), "");
    office.logs_in("home", "alice");
    let copied = std::process::Command::new("cp")
        .args(["-a"])
        .arg(office.world.path("home"))
        .arg(office.world.path("thief"))
        .status();
    assert!(copied.unwrap().success());
    thread::sleep(Duration::from_secs(6));
    let token = |home: &str| {
        let mut daypass = office.world.clean(World::daypass(), home);
        daypass.env("DAYPASS_SERVER", office.world.url()).arg("token").output().unwrap()
    };
    let owner = token("home");
    assert!(owner.status.success(), "{}", text(&owner));
    assert!(office.lets_in(String::from_utf8_lossy(&owner.stdout).trim()));
    let thief = token("thief");
    assert!(!thief.status.success(), "{}", text(&thief));
    office.happened("session.reused");
    thread::sleep(Duration::from_secs(6));
    let owner = token("home");
    assert!(!owner.status.success(), "{}", text(&owner));
    assert!(text(&owner).contains("hint: "), "{}", text(&owner));
}

#[test]
fn an_answer_that_was_lost_on_its_way_is_forgiven() {
    let mut office = Office::open_with(World::plan().config("[session]\naccess_token = \"5s\"\n"), "");
    let session = office.session();
    let lossy = Lossy::start(&office.world.authority());
    lossy.lose.store(true, Ordering::Relaxed);
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &text_of(&session, "refresh_token")),
        ("client_id", "daypass-cli"),
    ];
    let request = crate::http::post_form("/oauth/token", &fields);
    assert!(request.send(&lossy.authority).is_err(), "the answer is lost");
    lossy.lose.store(false, Ordering::Relaxed);
    let again = request.send(&lossy.authority).unwrap();
    assert_eq!(again.status, 200, "{}", again.everything());
    let next = again.json();
    assert!(office.lets_in(&text_of(&next, "access_token")));
    assert_eq!(office.refresh(&text_of(&next, "refresh_token")).status, 200, "the session goes on");
    assert!(office.world.audit_of("session.reused").is_empty());
}

/// A way to the server on which answers can get lost.
struct Lossy {
    authority: String,
    lose: Arc<AtomicBool>,
}

impl Lossy {
    fn start(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let lose = Arc::new(AtomicBool::new(false));
        let (losing, server) = (Arc::clone(&lose), server.to_owned());
        thread::spawn(move || {
            for client in listener.incoming() {
                pass_on(client.unwrap(), TcpStream::connect(&server).unwrap(), losing.load(Ordering::Relaxed));
            }
        });
        Self { authority, lose }
    }
}

fn pass_on(mut client: TcpStream, mut server: TcpStream, lose: bool) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut answer = Vec::new();
    // The server did its part before anything gets lost.
    let _ended = server.read_to_end(&mut answer);
    if !lose {
        client.write_all(&answer).unwrap();
    }
    let _gone = client.shutdown(std::net::Shutdown::Both);
}
