//! The database is gone for a while: nobody is let in whose revocation could not be seen, and all comes back by itself.

use std::{
    net::SocketAddr,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use daypass_testkit::{faults::Wire, wheel::Wheel};

use super::{
    bucket::beginning,
    publisher::{POLICY, PUBLISHER, path_of, upload},
};
use crate::{
    http::{Answer, get},
    world::World,
};

/// How long what is revoked may be unknown, and a little more.
const BLIND: Duration = Duration::from_secs(10);

/// A database of its own in the PostgreSQL of the tests, at the end of a wire.
struct Database {
    wire: Wire,
    url: String,
}

impl Database {
    fn make() -> Self {
        #[expect(clippy::disallowed_methods, reason = "where the tests' PostgreSQL is")]
        let admin =
            std::env::var("DAYPASS_TEST_POSTGRES").expect("this journey needs PostgreSQL: run `cargo xtask test`");
        let name = format!("journey_{}", std::process::id());
        let made = Command::new("psql").arg(&admin).args(["-qc", &format!("CREATE DATABASE {name}")]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // postgres://USER:PASSWORD@HOST:PORT/DATABASE
        let (before, after) = admin.rsplit_once('@').unwrap();
        let host: SocketAddr = after.split('/').next().unwrap().parse().unwrap();
        let wire = Wire::to(host);
        let url = format!("{before}@{}/{name}", wire.address());
        Self { wire, url }
    }
}

fn until(what: &str, mut comes: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !comes() {
        assert!(Instant::now() < deadline, "{what} did not come about");
        thread::sleep(Duration::from_millis(50));
    }
}

fn page(world: &World, access_token: &str) -> Answer {
    get("/python/simple/acme-hello/").basic("_token", access_token).send(&world.authority()).unwrap()
}

fn is_refused_for_the_moment(answer: &Answer) {
    assert_eq!(answer.status, 503, "{}", beginning(answer));
    assert!(!answer.header("retry-after").is_empty(), "{}", beginning(answer));
}

#[test]
fn a_database_that_is_gone_is_503_with_a_hint_and_its_return_is_noticed() {
    let mut database = Database::make();
    let world = World::plan().policy(POLICY).config(&format!("database = \"{}\"\n", database.url)).start();
    let access_token = world.access_token_for(&world.outside_token_of(PUBLISHER));
    let (wheel, late) = (Wheel::new("acme-one", "1.0"), Wheel::new("acme-two", "1.0"));
    assert_eq!(world.send(&upload(&wheel, &access_token)).status, 200);
    assert_eq!(page(&world, &access_token).status, 200);

    for silent in [false, true] {
        if silent {
            database.wire.stall();
        } else {
            database.wire.cut();
        }
        let began = Instant::now();
        // As long as revocations are known, what is in memory is served; then nothing is.
        until("the refusal", || page(&world, &access_token).status == 503);
        assert!(began.elapsed() < BLIND, "{:?}", began.elapsed());
        is_refused_for_the_moment(&page(&world, &access_token));
        is_refused_for_the_moment(&world.send(&upload(&late, &access_token)));
        is_refused_for_the_moment(&world.exchange(&world.outside_token()));
        assert_eq!(world.send(&get("/healthz")).status, 200);
        is_refused_for_the_moment(&world.send(&get("/readyz")));
        thread::sleep(Duration::from_secs(2));

        database.wire.mend();
        until("the return", || page(&world, &access_token).status == 200);
        until("an access token", || world.exchange(&world.outside_token()).status == 200);
        until("readiness", || world.send(&get("/readyz")).status == 200);
    }
    assert_eq!(world.fetch(&path_of(&wheel), &access_token).body, wheel.bytes());
    assert_eq!(world.fetch(&path_of(&late), &access_token).status, 404);
    assert_eq!(world.send(&upload(&late, &access_token)).status, 200);
    assert_eq!(world.fetch(&path_of(&late), &access_token).body, late.bytes());
}
