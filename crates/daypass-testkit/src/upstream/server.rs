//! The thread that serves, and the routes.

#![expect(clippy::expect_used, reason = "a test kit that cannot start should stop the test")]

use std::{net::SocketAddr, thread::JoinHandle};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use tokio::sync::oneshot;

use super::{SeenRequest, Shared, answer, page};

/// Dropping it ends the thread, its runtime and every connection.
#[derive(Debug)]
pub(super) struct Running {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

pub(super) fn start(shared: Shared) -> (SocketAddr, Running) {
    let (end, ended) = oneshot::channel::<()>();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    let serve = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            let serving = axum::serve(listener, router(shared));
            tokio::select! {
                _ = serving.into_future() => {}
                _ = ended => {}
            }
        });
    };
    let thread = std::thread::spawn(serve);
    (address, Running { end: Some(end), thread: Some(thread) })
}

fn router(shared: Shared) -> Router {
    Router::new()
        .route("/simple/{project}/", get(project))
        .route("/files/{project}/{file}", get(file))
        .route("/provenance/{project}/{file}", get(provenance))
        .layer(middleware::from_fn_with_state(shared.clone(), count))
        .with_state(shared)
}

async fn count(State(shared): State<Shared>, request: Request, next: Next) -> Response {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let seen = SeenRequest {
        method: request.method().to_string(),
        path: request.uri().path().to_owned(),
        headers: request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
    };
    let (admitted, cookie) = {
        let mut state = shared.lock();
        let wanted = state.manner.authorization.as_ref();
        let admitted = wanted.is_none_or(|wanted| seen.headers.get("authorization") == Some(wanted));
        state.seen.push(seen);
        (admitted, state.manner.cookie)
    };
    if !admitted {
        let challenge = (header::WWW_AUTHENTICATE, "Basic realm=\"upstream\"");
        return (StatusCode::UNAUTHORIZED, [challenge]).into_response();
    }
    let mut response = next.run(request).await;
    if cookie {
        response.headers_mut().insert(header::SET_COOKIE, HeaderValue::from_static("session=theirs; Path=/"));
    }
    response
}

async fn project(State(shared): State<Shared>, Path(project): Path<String>, headers: HeaderMap) -> Response {
    let (rendered, trouble) = {
        let mut state = shared.lock();
        (page::render(&state, &project, &headers), state.manner.pages.next())
    };
    answer::send(shared, trouble, rendered.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())).await
}

async fn file(
    State(shared): State<Shared>,
    Path((project, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let (found, trouble, ranges) = {
        let mut state = shared.lock();
        let (ranges, has_metadata) = (state.manner.ranges, state.manner.core_metadata);
        let files = state.projects.get(&project).map(Vec::as_slice).unwrap_or_default();
        if let Some(of) = name.strip_suffix(".metadata") {
            let file = files.iter().find(|file| file.name == of).filter(|_| has_metadata);
            let metadata = file.and_then(|file| file.metadata.clone());
            (metadata.map(String::into_bytes), state.manner.metadata.next(), false)
        } else {
            let file = files.iter().find(|file| file.name == name);
            (file.map(|file| file.bytes.clone()), state.manner.files.next(), ranges)
        }
    };
    let response = match (found, headers.get(header::RANGE).filter(|_| ranges)) {
        (Some(bytes), Some(range)) => part(&bytes, range.to_str().unwrap_or_default()),
        (Some(bytes), None) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        (None, _) => StatusCode::NOT_FOUND.into_response(),
    };
    answer::send(shared, trouble, response).await
}

/// `bytes=FIRST-LAST` or `bytes=FIRST-` of a file.
fn part(bytes: &[u8], range: &str) -> Response {
    let (first, last) = range.trim_start_matches("bytes=").split_once('-').unwrap_or_default();
    let end = last.parse().map_or(bytes.len(), |last: usize| (last + 1).min(bytes.len()));
    let Some((first, part)) = first.parse().ok().and_then(|first: usize| Some((first, bytes.get(first..end)?))) else {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    };
    let said = format!("bytes {first}-{}/{}", end.saturating_sub(1), bytes.len());
    (StatusCode::PARTIAL_CONTENT, [(header::CONTENT_RANGE, said)], part.to_vec()).into_response()
}

async fn provenance(State(shared): State<Shared>, Path((project, name)): Path<(String, String)>) -> Response {
    let (found, trouble) = {
        let mut state = shared.lock();
        let files = state.projects.get(&project).map(Vec::as_slice).unwrap_or_default();
        let found = files.iter().find(|file| file.name == name).and_then(|file| file.provenance.clone());
        (found, state.manner.provenance.next())
    };
    let response = match found {
        Some(text) => ([(header::CONTENT_TYPE, "application/vnd.pypi.integrity.v1+json")], text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    };
    answer::send(shared, trouble, response).await
}
