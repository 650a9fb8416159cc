//! `kill -9` at any instant.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use daypass_testkit::wheel::Wheel;

use crate::{
    http::get,
    index::absolute,
    world::{World, exchange_request, sha256},
};

const EXCHANGES: usize = 1_000;
const FILES: usize = 12;

/// What the clients saw, over all lives of the server.
#[derive(Default)]
struct Seen {
    access_tokens: Mutex<Vec<String>>,
    done: AtomicBool,
    whole_files: AtomicUsize,
    broken: AtomicUsize,
}

#[test]
fn whole_machine_kill_9_loses_no_audit_event_and_serves_no_half_file() {
    let mut world = World::start();
    let wheels: BTreeMap<String, Wheel> = (0..FILES)
        .map(|number| {
            let wheel = Wheel::new(&format!("big-{number}"), "1.0").padding(300_000 + number * 50_000);
            world.upstream.add_wheel(&wheel);
            (wheel.name().to_owned(), wheel)
        })
        .collect();
    let digests: BTreeMap<String, String> =
        wheels.iter().map(|(name, wheel)| (name.clone(), sha256(wheel.bytes()))).collect();
    let first = world.access_token();
    let outside_tokens: Vec<String> = (0..EXCHANGES).map(|_| world.outside_token()).collect();
    let (seen, next, authority) = (Seen::default(), AtomicUsize::new(0), world.authority());

    let kills = thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| exchange_all(&authority, &outside_tokens, &next, &seen));
        }
        for number in 0..2 {
            let (seen, digests, authority, first) = (&seen, &digests, &authority, &first);
            scope.spawn(move || download_all(authority, digests, first, number, seen));
        }
        let mut kills = 0;
        while next.load(Ordering::SeqCst) < EXCHANGES {
            thread::sleep(Duration::from_millis(20 + random() % 230));
            world.kill();
            kills += 1;
            world.restart();
        }
        // A last one with nothing to hold it back.
        world.kill();
        world.restart();
        thread::sleep(Duration::from_millis(300));
        seen.done.store(true, Ordering::SeqCst);
        kills
    });

    let handed_out = seen.access_tokens.into_inner().unwrap();
    let audited = world.audited_tokens();
    let missing = handed_out.iter().filter(|token| !audited.contains(&sha256(token))).count();
    assert_eq!(missing, 0, "of {} access tokens that were handed out, {kills} kills", handed_out.len());
    assert!(handed_out.len() > EXCHANGES / 4 && kills >= 5, "{} access tokens, {kills} kills", handed_out.len());
    assert!(seen.broken.into_inner() > 0, "the kills hit nothing");

    // Everything goes on: old access tokens, new ones, and every file whole.
    assert_eq!(world.fetch("/python/simple/acme-hello/", handed_out.last().unwrap()).status, 200);
    let access_token = world.access_token();
    for (project, digest) in &digests {
        assert_eq!(download(&authority, project, &access_token).as_ref(), Some(digest), "{project}");
    }
    assert!(seen.whole_files.into_inner() > 0);
}

/// Every outside token once. Whoever's connection broke does not know whether it was spent, and takes the next.
fn exchange_all(authority: &str, outside_tokens: &[String], next: &AtomicUsize, seen: &Seen) {
    while let Some(outside_token) = outside_tokens.get(next.fetch_add(1, Ordering::SeqCst)) {
        match exchange_request(outside_token).send(authority) {
            Ok(answer) if answer.status == 200 => {
                let access_token = answer.json()["access_token"].as_str().unwrap().to_owned();
                seen.access_tokens.lock().unwrap().push(access_token);
            }
            Ok(answer) => assert!(matches!(answer.status, 503), "{}", answer.everything()),
            Err(_) => {
                seen.broken.fetch_add(1, Ordering::SeqCst);
                thread::sleep(Duration::from_millis(5));
            }
        }
    }
}

fn download_all(authority: &str, digests: &BTreeMap<String, String>, access_token: &str, number: usize, seen: &Seen) {
    for (project, digest) in digests.iter().cycle().skip(number * FILES / 2) {
        if seen.done.load(Ordering::SeqCst) {
            return;
        }
        if let Some(found) = download(authority, project, access_token) {
            assert_eq!(&found, digest, "{project} arrived whole but wrong");
            seen.whole_files.fetch_add(1, Ordering::SeqCst);
        } else {
            seen.broken.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The digest of the project's file; `None` if the connection broke.
fn download(authority: &str, project: &str, access_token: &str) -> Option<String> {
    let page_path = format!("/python/simple/{project}/");
    let page = get(&page_path).basic("_token", access_token).send(authority).ok()?;
    assert_eq!(page.status, 200, "{}", page.everything());
    let text = page.text();
    let url = text.split_once("href=\"").unwrap().1.split('"').next().unwrap();
    let file = get(absolute(url, &page_path)).basic("_token", access_token).send(authority).ok()?;
    assert_eq!(file.status, 200, "{}", file.everything().chars().take(500).collect::<String>());
    Some(sha256(&file.body))
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(0)
}
