//! The thread that serves, and the routes.

#![expect(clippy::expect_used, reason = "a test kit that cannot start should stop the test")]

use std::{net::SocketAddr, thread::JoinHandle};

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode, header},
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
    shared.lock().seen.push(seen);
    next.run(request).await
}

async fn project(State(shared): State<Shared>, Path(project): Path<String>, headers: HeaderMap) -> Response {
    let (rendered, trouble) = {
        let state = shared.lock();
        (page::render(&state, &project, &headers), state.manner.pages.clone())
    };
    answer::send(shared, trouble, rendered.unwrap_or_else(|| StatusCode::NOT_FOUND.into_response())).await
}

async fn file(State(shared): State<Shared>, Path((project, name)): Path<(String, String)>) -> Response {
    let (found, trouble) = {
        let state = shared.lock();
        let files = state.projects.get(&project).map(Vec::as_slice).unwrap_or_default();
        if let Some(of) = name.strip_suffix(".metadata") {
            let file = files.iter().find(|file| file.name == of).filter(|_| state.manner.core_metadata);
            let metadata = file.and_then(|file| file.metadata.clone());
            (metadata.map(String::into_bytes), state.manner.metadata.clone())
        } else {
            let file = files.iter().find(|file| file.name == name);
            (file.map(|file| file.bytes.clone()), state.manner.files.clone())
        }
    };
    let response = match found {
        Some(bytes) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    };
    answer::send(shared, trouble, response).await
}
