//! A service of a CI system or a cloud, as a test wants it: it notes what it is asked, and answers what the test says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, mpsc},
    thread,
};

use axum::{
    Router,
    body::{Bytes, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, Uri},
    response::Response,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// What it was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// Counted from 1.
    pub(crate) number: usize,
    pub(crate) method: String,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(&format!("http://x{}", self.uri)).unwrap();
        url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

type Answer = dyn Fn(&Asked) -> Response + Send + Sync;

/// A running service. It ends with the test's process.
#[derive(Clone)]
pub(crate) struct FakeService {
    url: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

#[derive(Clone)]
struct Shared {
    asked: Arc<Mutex<Vec<Asked>>>,
    answer: Arc<Answer>,
}

impl FakeService {
    pub(crate) fn start(answer: impl Fn(&Asked) -> Response + Send + Sync + 'static) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let shared = Shared { asked: Arc::clone(&asked), answer: Arc::new(answer) };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
                sender.send(format!("http://{}", listener.local_addr().unwrap())).unwrap();
                axum::serve(listener, Router::new().fallback(serve).with_state(shared)).await.unwrap();
            });
        });
        Self { url: receiver.recv().unwrap(), asked }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn authority(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn serve(State(shared): State<Shared>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1024 * 1024).await.unwrap();
    let asked = {
        let mut all = shared.asked.lock().unwrap();
        let number = all.len() + 1;
        let asked = Asked { number, method: head.method.to_string(), uri: head.uri, headers: head.headers, body };
        all.push(asked.clone());
        asked
    };
    (shared.answer)(&asked)
}

/// An answer of one JSON document.
pub(crate) fn says(status: u16, document: &Value) -> Response {
    let body = axum::body::Body::from(document.to_string());
    Response::builder().status(StatusCode::from_u16(status).unwrap()).body(body).unwrap()
}

/// An outside token for `audience`, the `number`th of its kind.
pub(crate) fn outside_token(audience: &str, number: usize) -> String {
    let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({"aud": audience, "sub": "job-1", "jti": number, "exp": 4_000_000_000_u64});
    format!("{}.{}.b3V0c2lkZS1wcm9vZg", encoded(json!({"alg": "RS256", "kid": "k"})), encoded(claims))
}
