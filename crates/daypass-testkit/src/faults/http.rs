//! An HTTP proxy before an S3-compatible store.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::served::{ANY, Served, serve};

/// The longest request that is passed on.
const LONGEST: usize = 64 * 1024 * 1024;

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing.
    None,
    /// Every request is answered with this status, and not passed on.
    Status(u16),
    /// Every other request is.
    Flaps(u16),
    /// Bodies of answers come at so many bytes a second.
    Slow(usize),
    /// Bodies of answers end after so many bytes, and so does the connection.
    Truncate(usize),
    /// Bodies of answers end after so many bytes, and their head says that this is all.
    Shorten(usize),
    /// No answer, ever.
    Hang,
    /// Conditions are not passed on: whatever is put is taken.
    Careless,
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenByStore {
    /// `GET` or another method.
    pub method: String,
    /// The path.
    pub path: String,
    /// The query.
    pub query: String,
}

/// A proxy before an S3-compatible store. Ends when dropped.
#[derive(Debug)]
pub struct S3Faults {
    shared: Shared,
    address: SocketAddr,
    served: Option<Served>,
}

#[derive(Debug, Clone)]
struct Shared {
    to: SocketAddr,
    state: Arc<Mutex<Now>>,
}

#[derive(Debug)]
struct Now {
    fault: Fault,
    seen: Vec<SeenByStore>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl S3Faults {
    /// A proxy before the store at `to`, with nothing wrong yet.
    pub fn before(to: SocketAddr) -> Self {
        let state = Now { fault: Fault::None, seen: Vec::new() };
        let shared = Shared { to, state: Arc::new(Mutex::new(state)) };
        let (address, served) = start(ANY, shared.clone());
        Self { shared, address, served: Some(served) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what goes wrong; makes a cut connection whole.
    pub fn set(&mut self, fault: Fault) {
        self.shared.lock().fault = fault;
        if self.served.is_none() {
            self.served = Some(start(self.address, self.shared.clone()).1);
        }
    }

    /// Cuts it off: connections break, new ones are refused.
    pub fn cut(&mut self) {
        self.served = None;
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<SeenByStore> {
        self.shared.lock().seen.clone()
    }
}

fn start(at: SocketAddr, shared: Shared) -> (SocketAddr, Served) {
    serve(at, move |listener| async move {
        let router = Router::new().fallback(pass).with_state(shared);
        drop(axum::serve(listener, router).await);
    })
}

async fn pass(State(shared): State<Shared>, request: Request) -> Response {
    let (fault, number) = {
        let mut now = shared.lock();
        let uri = request.uri();
        let (path, query) = (uri.path().to_owned(), uri.query().unwrap_or_default().to_owned());
        now.seen.push(SeenByStore { method: request.method().to_string(), path, query });
        (now.fault, now.seen.len())
    };
    match fault {
        Fault::Hang => std::future::pending().await,
        Fault::Status(status) => return refusal(status),
        Fault::Flaps(status) if number.is_multiple_of(2) => return refusal(status),
        _ => {}
    }
    let method = request.method().clone();
    let answer = match forward(shared.to, request, fault == Fault::Careless).await {
        Ok(answer) => answer,
        Err(error) => return (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    };
    answer.with(fault, &method)
}

fn refusal(status: u16) -> Response {
    let body = "<?xml version=\"1.0\"?><Error><Code>InternalError</Code><Message>out of order</Message></Error>";
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body).into_response()
}

struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

impl Answer {
    fn with(self, fault: Fault, method: &Method) -> Response {
        let Self { status, headers, mut body } = self;
        let whole = body.len();
        let is_object = *method == Method::GET && status.is_success();
        let body = match fault {
            Fault::Slow(rate) if is_object => Body::from_stream(dripping(body, rate)),
            Fault::Truncate(length) if is_object && length < whole => {
                body.truncate(length);
                let cut = Err(io::Error::from(io::ErrorKind::ConnectionReset));
                Body::from_stream(stream::iter([Ok(body), cut]))
            }
            Fault::Shorten(length) if is_object => {
                body.truncate(length);
                Body::from(body)
            }
            _ => Body::from(body),
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        for (name, value) in headers {
            if name == header::CONTENT_LENGTH && matches!(fault, Fault::Shorten(_)) && is_object {
                continue;
            }
            response.headers_mut().append(name, value);
        }
        response
    }
}

/// A tenth of a second's worth at a time.
fn dripping(body: Vec<u8>, rate: usize) -> impl futures_util::Stream<Item = io::Result<Vec<u8>>> {
    stream::unfold(body, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        let next = rest.split_off(rest.len().min((rate / 10).max(1)));
        Some((Ok(rest), next))
    })
}

async fn forward(to: SocketAddr, request: Request, careless: bool) -> io::Result<Answer> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, LONGEST).await.map_err(io::Error::other)?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = format!("{} {target} HTTP/1.1\r\nconnection: close\r\n", parts.method).into_bytes();
    for (name, value) in &parts.headers {
        let ours = [header::CONNECTION, header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::EXPECT];
        let condition = [header::IF_NONE_MATCH, header::IF_MATCH].contains(name);
        let left_out = ours.contains(name) || (careless && condition);
        if !left_out {
            head.extend([name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat());
        }
    }
    if !matches!(parts.method, Method::GET | Method::HEAD) {
        head.extend(format!("content-length: {}\r\n", body.len()).into_bytes());
    }
    head.extend(b"\r\n");
    let mut stream = TcpStream::connect(to).await?;
    stream.write_all(&head).await?;
    stream.write_all(&body).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    parse(&bytes).ok_or_else(|| io::Error::other("the store's answer makes no sense"))
}

fn parse(bytes: &[u8]) -> Option<Answer> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(bytes.get(..end)?).ok()?;
    let mut lines = head.split("\r\n");
    let status = StatusCode::from_u16(lines.next()?.split(' ').nth(1)?.parse().ok()?).ok()?;
    let mut body = bytes.get(end + 4..)?.to_vec();
    let mut headers = Vec::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (name, value) = (name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value.trim()).ok()?);
        if name == header::TRANSFER_ENCODING {
            body = unchunked(&body)?;
        } else if name != header::CONNECTION {
            headers.push((name, value));
        }
    }
    Some(Answer { status, headers, body })
}

fn unchunked(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|two| two == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(rest.get(..end)?).ok()?, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        rest = rest.get(end + 2..)?;
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
