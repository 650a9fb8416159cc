//! Which bytes are asked for: metadata without files, and the rest of what broke off.

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use daypass_testkit::wheel::Wheel;

use super::desk::{Desk, PRIVATE_APP, PUBLIC_APP, THIRTY, says};

#[test]
fn who_resolves_fetches_metadata_and_no_file() {
    let desk = Desk::with_closures();
    let names = [PRIVATE_APP, PUBLIC_APP];
    let input = desk.world.path("requirements.in");
    std::fs::write(&input, names.join("\n")).unwrap();
    let resolved = says(desk.uv(&["pip", "compile", "--no-cache", "--quiet"]).arg(&input));
    assert_eq!(resolved.lines().filter(|line| line.contains("==")).count(), 2 * THIRTY, "{resolved}");
    let venv = desk.venv("venv", "newest");
    let planned = says(&mut desk.pip(&venv, &["install", "--no-cache-dir", "--dry-run", PRIVATE_APP, PUBLIC_APP]));
    assert!(planned.contains("Would install"), "{planned}");
    assert_eq!(desk.files_asked_outside(), Vec::<String>::new());
    assert_eq!(desk.world.audit_of("file.downloaded").len(), 0, "nobody got a file");
}

#[test]
fn pip_goes_on_where_a_download_broke_off() {
    let desk = Desk::new();
    let big = Wheel::new("acme-big", "1.0").padding(3_000_000);
    desk.import(std::slice::from_ref(&big));
    let line = BadLine::to(&desk.world.authority(), 2);
    let venv = desk.venv("venv", "newest");
    let mut pip = desk.pip(&venv, &["install", "--no-cache-dir", "--resume-retries", "5", "acme-big"]);
    says(pip.env("PIP_INDEX_URL", desk.at(&line.authority)));
    assert_eq!(desk.version(&venv.python(), "acme-big").as_deref(), Some("1.0"));
    assert_eq!(line.left(), 0, "the line broke off");
    let ranges = line.ranges();
    assert_eq!(ranges.len(), 2, "{ranges:?}");
    assert!(ranges.iter().all(|range| !range.starts_with("bytes=0-")), "it did not begin again: {ranges:?}");
}

#[test]
fn uv_tries_again_when_a_download_broke_off() {
    let desk = Desk::new();
    desk.import(&[Wheel::new("acme-big", "1.0").padding(3_000_000)]);
    let line = BadLine::to(&desk.world.authority(), 1);
    let venv = desk.venv("venv", "newest");
    let mut uv = desk.uv_pip(&venv, "install", &["--no-cache", "acme-big"]);
    says(uv.env("UV_DEFAULT_INDEX", desk.at(&line.authority)));
    assert_eq!(desk.version(&venv.python(), "acme-big").as_deref(), Some("1.0"));
    assert_eq!(line.left(), 0, "the line broke off");
}

/// A relay in front of the server, that breaks off in the middle of wheels.
struct BadLine {
    authority: String,
    state: Arc<State>,
}

struct State {
    left: AtomicUsize,
    ranges: Mutex<Vec<String>>,
}

/// After so many bytes of an answer.
const BREAKS_AFTER: usize = 1_000_000;

impl BadLine {
    /// One that breaks off so many times. It ends with the test's process.
    fn to(server: &str, times: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let state = Arc::new(State { left: AtomicUsize::new(times), ranges: Mutex::default() });
        let (server, shared) = (server.to_owned(), Arc::clone(&state));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let (server, shared) = (TcpStream::connect(&server).unwrap(), Arc::clone(&shared));
                thread::spawn(move || relay(client, server, &shared));
            }
        });
        Self { authority, state }
    }

    /// How often it would still break off.
    fn left(&self) -> usize {
        self.state.left.load(Ordering::SeqCst)
    }

    /// The `Range` of each request for a part of a wheel.
    fn ranges(&self) -> Vec<String> {
        self.state.ranges.lock().unwrap().clone()
    }
}

/// Passes on requests, one by one, and their answers; what is asked for tells whether to break off.
fn relay(client: TcpStream, server: TcpStream, state: &Arc<State>) {
    let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let wheels = Arc::new(AtomicUsize::new(0));
    let (asked, shared) = (Arc::clone(&wheels), Arc::clone(state));
    thread::spawn(move || {
        let mut piece = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from_client.read(&mut piece) {
            // A request of an installer is short: it comes in one piece.
            let head = String::from_utf8_lossy(&piece[..length]).into_owned();
            if head.starts_with("GET ") && head.lines().next().unwrap().contains(".whl HTTP/") {
                asked.store(1, Ordering::SeqCst);
                let range =
                    head.lines().find_map(|line| line.to_lowercase().strip_prefix("range: ").map(str::to_owned));
                shared.ranges.lock().unwrap().extend(range);
            }
            if to_server.write_all(&piece[..length]).is_err() {
                break;
            }
        }
        let _gone = to_server.shutdown(Shutdown::Both);
    });
    let (mut from_server, mut to_client) = (server, client);
    let (mut piece, mut passed) = (vec![0; 16 * 1024], 0);
    while let Ok(length @ 1..) = from_server.read(&mut piece) {
        if to_client.write_all(&piece[..length]).is_err() {
            break;
        }
        if wheels.load(Ordering::SeqCst) == 1 {
            passed += length;
        }
        let breaks = |left: usize| left.checked_sub(1);
        if passed > BREAKS_AFTER && state.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, breaks).is_ok() {
            break;
        }
    }
    let _gone = to_client.shutdown(Shutdown::Both);
    let _gone = from_server.shutdown(Shutdown::Both);
}
