//! Over a real socket: what only shows on the wire.

use axum::http::StatusCode;
use daypass_testkit::{
    upstream::{Trouble, Upstream},
    wheel::Wheel,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::world::{World, basic};

/// Sends one request and reads until the server closes.
async fn raw(world: &World, request: &str, credential: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::spawn(axum::serve(listener, world.router()).into_future());
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("{request}\r\nhost: x\r\nconnection: close\r\nauthorization: {credential}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    serving.abort();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_reason_of_a_403_stands_in_the_status_line() {
    let world = World::alone().await;
    let credential = basic(&world.access_token("ci/acme"));
    let answer = raw(&world, "GET /python/simple/other/ HTTP/1.1", &credential).await;
    let line = answer.lines().next().unwrap();
    insta::assert_snapshot!(line, @"HTTP/1.1 403 Forbidden: identity `ci/acme` may not pull project `other` of index `python`");
}

#[tokio::test]
async fn head_promises_the_length_and_sends_nothing() {
    let world = World::alone().await;
    let wheel = Wheel::new("acme-hello", "1.0");
    world.import(&wheel).await;
    let credential = basic(&world.access_token("ci/app"));
    for path in ["/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl", "/python/simple/acme-hello/"] {
        let answer = raw(&world, &format!("HEAD {path} HTTP/1.1"), &credential).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK") && body.is_empty(), "{answer}");
        assert_eq!(head.matches("content-length:").count(), 1, "{head}");
        assert!(!head.contains("content-length: 0"), "{head}");
    }
}

#[tokio::test]
async fn a_corrupt_download_breaks_the_connection_before_the_promised_length() {
    let wheel = Wheel::new("requests", "1.0").padding(2_000_000);
    let upstream = Upstream::start();
    upstream.add_wheel(&wheel);
    upstream.set(|manner| (manner.files, manner.ranges) = (Trouble::Truncate, false));
    let world = World::before(&upstream).await;
    let credential = basic(&world.access_token("ci/app"));
    let path = "/python/files/requests/requests-1.0-py3-none-any.whl";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, world.router()).into_future());
    let mut socket = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: x\r\nauthorization: {credential}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // No `connection: close` was asked for: that it ends at all is the abort.
    let _ = socket.read_to_end(&mut answer).await;
    assert!(answer.len() < wheel.bytes().len(), "{}", answer.len());
    upstream.set(|manner| manner.files = Trouble::None);
    assert_eq!(world.get(path).await.status, StatusCode::OK);
}
