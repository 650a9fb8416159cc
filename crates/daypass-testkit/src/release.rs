//! A host that releases are downloaded from, with what goes wrong with such hosts and the caches before them.

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use futures_util::stream;

use crate::faults::{ANY, Served, serve};

/// How a file is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manner {
    /// With these bytes.
    Whole(Vec<u8>),
    /// With the second bytes by a cache, and with the first for whoever asks past caches.
    Stale(Vec<u8>, Vec<u8>),
    /// With this status so many times, then with these bytes.
    Late(u16, usize, Vec<u8>),
    /// With half of these bytes the first time, as if the line broke.
    Broken(Vec<u8>),
    /// By sending the client elsewhere.
    Redirect(String),
    /// With so many bytes, of which the head tells nothing.
    Endless(usize),
}

/// A host of releases. Ends when dropped.
#[derive(Debug)]
pub struct ReleaseHost {
    shared: Shared,
    url: String,
    _served: Served,
}

#[derive(Debug, Clone, Default)]
struct Shared(Arc<Mutex<Now>>);

#[derive(Debug, Default)]
struct Now {
    files: BTreeMap<String, Manner>,
    seen: Vec<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Now> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ReleaseHost {
    /// A host with these files.
    pub fn with(files: &BTreeMap<String, Vec<u8>>) -> Self {
        let shared = Shared::default();
        let router = Router::new().fallback(answer).with_state(shared.clone());
        let (address, served) = serve(ANY, |listener| async { drop(axum::serve(listener, router).await) });
        let host = Self { shared, url: format!("http://{address}"), _served: served };
        for (name, bytes) in files {
            host.set(name, Manner::Whole(bytes.clone()));
        }
        host
    }

    /// Where the files are.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on the file is answered so.
    pub fn set(&self, name: &str, manner: Manner) {
        self.shared.lock().files.insert(name.to_owned(), manner);
    }

    /// The names of the files that were asked for, in order; `!` before those that were asked for past caches.
    pub fn seen(&self) -> Vec<String> {
        self.shared.lock().seen.clone()
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let name = request.uri().path().trim_start_matches('/').to_owned();
    let fresh = request.headers().get(header::CACHE_CONTROL).is_some_and(|value| value == "no-cache");
    let manner = {
        let mut now = shared.lock();
        now.seen.push(format!("{}{name}", if fresh { "!" } else { "" }));
        let manner = now.files.get(&name).cloned();
        // What goes wrong a number of times goes wrong once less.
        match &manner {
            Some(Manner::Late(_, 0, bytes) | Manner::Broken(bytes)) => {
                now.files.insert(name, Manner::Whole(bytes.clone()));
            }
            Some(Manner::Late(status, times, bytes)) => {
                now.files.insert(name, Manner::Late(*status, times - 1, bytes.clone()));
            }
            _ => {}
        }
        manner
    };
    match manner {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Manner::Whole(bytes) | Manner::Late(_, 0, bytes)) => bytes.into_response(),
        Some(Manner::Stale(bytes, old)) => if fresh { bytes } else { old }.into_response(),
        Some(Manner::Late(status, ..)) => {
            StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response()
        }
        Some(Manner::Broken(mut bytes)) => {
            let length = bytes.len();
            bytes.truncate(length / 2);
            let cut = stream::iter([Ok(bytes), Err(io::Error::from(io::ErrorKind::ConnectionReset))]);
            let mut response = Response::new(Body::from_stream(cut));
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
            response
        }
        Some(Manner::Redirect(to)) => {
            let mut response = StatusCode::FOUND.into_response();
            if let Ok(value) = HeaderValue::from_str(&to) {
                response.headers_mut().insert(header::LOCATION, value);
            }
            response
        }
        Some(Manner::Endless(length)) => {
            let parts = (0..length / 1000).map(|_| Ok::<_, io::Error>(vec![b'x'; 1000]));
            Response::new(Body::from_stream(stream::iter(parts)))
        }
    }
}
