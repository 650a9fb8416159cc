//! A connection that stays open, and how long its answers took.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// A connection to the server.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    times: Vec<Duration>,
    failed: usize,
}

impl Connection {
    /// Opens one.
    pub(crate) async fn open(url: &str) -> Self {
        let address: SocketAddr = url.trim_start_matches("http://").parse().expect("an address and a port");
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new(), times: Vec::new(), failed: 0 }
    }

    /// Sends a whole request; the body of its answer, if that is 200.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Option<&[u8]> {
        let began = Instant::now();
        self.stream.write_all(request).await.expect("the server reads");
        let (good, body) = self.answer().await;
        if !good {
            self.failed += 1;
            return None;
        }
        self.times.push(began.elapsed());
        self.buffer.get(body..)
    }

    /// Reads one answer that says how long it is: whether it is 200, and where its body begins.
    async fn answer(&mut self) -> (bool, usize) {
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await.expect("the server answers");
            assert!(read > 0, "the server closed the connection");
            let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
            let head = String::from_utf8_lossy(self.buffer.get(..end).unwrap_or_default()).to_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
            if self.buffer.len() >= end + 4 + length.expect("a length") {
                return (head.starts_with("http/1.1 200"), end + 4);
            }
        }
    }
}

/// How it went on all connections, which took so long together.
pub(crate) fn report(connections: Vec<Connection>, took: Duration) -> Value {
    let failed: usize = connections.iter().map(|connection| connection.failed).sum();
    let mut times: Vec<Duration> = connections.into_iter().flat_map(|connection| connection.times).collect();
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    let seconds = took.as_secs_f64();
    json!({ "done": times.len(), "failed": failed, "seconds": seconds, "p50_ms": at(500), "p99_ms": at(990) })
}

/// A form for the token endpoint of the server at `url`, ready to be written.
pub(crate) fn token_request(url: &str, body: &str) -> Vec<u8> {
    let host = url.trim_start_matches("http://");
    let media_type = "application/x-www-form-urlencoded";
    let length = body.len();
    format!(
        "POST /oauth/token HTTP/1.1\r\nhost: {host}\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}
