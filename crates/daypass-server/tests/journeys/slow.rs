//! Clients that take their time on purpose.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

use crate::{http::get, world::World};

#[test]
fn a_body_that_never_ends_is_given_up_and_others_are_served_meanwhile() {
    let world = World::start();
    let mut slow = TcpStream::connect(world.authority()).unwrap();
    slow.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let head = "POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                content-length: 1000\r\n\r\ngrant_type=";
    slow.write_all(head.as_bytes()).unwrap();
    let began = Instant::now();
    assert_eq!(world.send(&get("/healthz")).status, 200);
    let mut answer = [0; 12];
    slow.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
    let refused = world.audit_of("token.refused").pop().unwrap();
    assert!(refused["reason"].as_str().unwrap().starts_with("body_too_slow"), "{refused}");
}
