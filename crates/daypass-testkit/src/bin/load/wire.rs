//! A connection that one thread has to itself, so that no scheduler of ours is part of what is timed.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::{Duration, Instant},
};

/// A connection to one server, opened again when the server has closed it.
pub(crate) struct Wire {
    address: String,
    stream: Option<TcpStream>,
    buffer: Vec<u8>,
    /// Where the bytes arrive.
    piece: Vec<u8>,
}

/// What came back.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// From sending the request to having one byte of the body, or the whole answer if that is empty.
    pub(crate) first_byte: Duration,
    /// From sending the request to having all of the answer.
    pub(crate) took: Duration,
}

/// How the end of a body is known.
enum Until {
    Length(usize),
    LastChunk,
    Close,
}

impl Wire {
    /// To the server of `http://ADDRESS:PORT/…`.
    pub(crate) fn to(url: &str) -> Self {
        let address = url.trim_start_matches("http://").split('/').next().unwrap_or_default().to_owned();
        Self { address, stream: None, buffer: Vec::new(), piece: vec![0; 256 * 1024] }
    }

    /// Sends a whole request, and reads its answer to the end.
    pub(crate) fn ask(&mut self, request: &[u8]) -> Answer {
        let mut stream = self.stream.take().unwrap_or_else(|| self.open());
        let began = Instant::now();
        let sent = stream.write_all(request).is_ok();
        self.buffer.clear();
        let Some(answer) = sent.then(|| self.read(&mut stream, began)).flatten() else {
            // A server may close what was idle; then the request was never read.
            let mut stream = self.open();
            stream.write_all(request).expect("the server reads");
            self.buffer.clear();
            let answer = self.read(&mut stream, began).expect("the server answers");
            self.stream = answer.1.then_some(stream);
            return answer.0;
        };
        self.stream = answer.1.then_some(stream);
        answer.0
    }

    fn open(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the server listens");
        stream.set_nodelay(true).expect("a socket");
        stream.set_read_timeout(Some(Duration::from_mins(1))).expect("a socket");
        stream
    }

    /// The answer, and whether the connection stays open; `None` when it ended before the first byte.
    fn read(&mut self, stream: &mut TcpStream, began: Instant) -> Option<(Answer, bool)> {
        let Self { buffer: head_buffer, piece, .. } = self;
        let mut more = |buffer: &mut Vec<u8>| -> usize {
            // A broken connection is one that ended.
            let length = stream.read(piece).unwrap_or(0);
            buffer.extend_from_slice(piece.get(..length).unwrap_or_default());
            length
        };
        let end = loop {
            if let Some(at) = head_buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            if more(head_buffer) == 0 {
                assert!(head_buffer.is_empty(), "the server cut its answer off");
                return None;
            }
        };
        let head = String::from_utf8_lossy(head_buffer.get(..end).unwrap_or_default()).to_lowercase();
        let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let field = |name: &str| head.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
        let until = match (field("content-length:").and_then(|length| length.parse().ok()), status) {
            (_, 204 | 304) => Until::Length(0),
            (Some(length), _) => Until::Length(length),
            (None, _) if field("transfer-encoding:") == Some("chunked") => Until::LastChunk,
            (None, _) => Until::Close,
        };
        let keeps = !matches!(until, Until::Close)
            && field("connection:").is_none_or(|connection| connection != "close")
            && !head.starts_with("http/1.0");
        let mut body = head_buffer.split_off(end);
        let mut first_byte = None;
        let mut received = body.len();
        loop {
            if received > 0 && first_byte.is_none() {
                first_byte = Some(began.elapsed());
            }
            let whole = match until {
                Until::Length(length) => received >= length,
                Until::LastChunk => body.ends_with(b"0\r\n\r\n"),
                Until::Close => false,
            };
            if whole {
                break;
            }
            // Of what is counted, only the end is looked at.
            let keep = body.len().saturating_sub(16);
            body.drain(..keep);
            let length = more(&mut body);
            received += length;
            if length == 0 {
                assert!(matches!(until, Until::Close), "the server cut its answer off");
                break;
            }
        }
        let took = began.elapsed();
        Some((Answer { status, first_byte: first_byte.unwrap_or(took), took }, keeps))
    }
}

/// A `GET`, ready to be written. `headers` is any number of whole lines.
pub(crate) fn get(url: &str, headers: &str) -> Vec<u8> {
    let rest = url.trim_start_matches("http://");
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n{headers}\r\n").into_bytes()
}

/// `p50_ms`, `p99_ms` and how many.
pub(crate) fn percentiles(mut times: Vec<Duration>) -> serde_json::Value {
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 1000).map_or(0.0, |time| time.as_secs_f64() * 1000.0);
    serde_json::json!({ "done": times.len(), "p50_ms": at(500), "p99_ms": at(990) })
}
