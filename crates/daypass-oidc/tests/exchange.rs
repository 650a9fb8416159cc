//! The client's side of an exchange, against a server that answers as it is told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use daypass_core::{SignedDuration, Timestamp, clock::ManualClock, public_url::PublicUrl, secret::Secret};
use daypass_oidc::{
    exchange::{ExchangeError, IssuedToken, ServerEndpoints, discover, exchange, revoke},
    http::{HttpClient, HttpError, HttpOptions, Reach},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A server of ours, reduced to its answers.
#[derive(Clone)]
struct Fake {
    url: String,
    resource: Arc<Mutex<Value>>,
    metadata: Arc<Mutex<Value>>,
    answer: Arc<Mutex<(u16, String, Option<&'static str>)>>,
    requests: Arc<AtomicU64>,
    form: Arc<Mutex<String>>,
}

fn body(value: &Mutex<Value>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], value.lock().unwrap().to_string()).into_response()
}

impl Fake {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let resource = json!({ "resource": url, "authorization_servers": [url] });
        let metadata = json!({
            "issuer": url, "token_endpoint": format!("{url}/oauth/token"),
            "revocation_endpoint": format!("{url}/oauth/revoke"), "response_types_supported": [],
        });
        let fake = Self {
            url,
            resource: Arc::new(Mutex::new(resource)),
            metadata: Arc::new(Mutex::new(metadata)),
            answer: Arc::new(Mutex::new((200, success().to_string(), None))),
            requests: Arc::default(),
            form: Arc::default(),
        };
        let (resource, metadata, server) = (fake.resource.clone(), fake.metadata.clone(), fake.clone());
        let answer = move |form: String| {
            server.requests.fetch_add(1, Ordering::SeqCst);
            *server.form.lock().unwrap() = form;
            let (status, body, date) = server.answer.lock().unwrap().clone();
            let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
            if let Some(date) = date {
                response.headers_mut().insert(header::DATE, date.parse().unwrap());
            }
            async { response }
        };
        let router = Router::new()
            .route("/.well-known/oauth-protected-resource", get(move || async move { body(&resource) }))
            .route("/.well-known/oauth-authorization-server", get(move || async move { body(&metadata) }))
            .route("/oauth/token", post(answer.clone()))
            .route("/oauth/revoke", post(answer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    fn server(&self) -> PublicUrl {
        self.url.parse().unwrap()
    }

    fn answers(&self, status: u16, body: &impl ToString, date: Option<&'static str>) {
        *self.answer.lock().unwrap() = (status, body.to_string(), date);
    }

    async fn discover(&self) -> Result<ServerEndpoints, ExchangeError> {
        discover(&http(), &self.server()).await
    }

    async fn exchange(&self) -> Result<IssuedToken, ExchangeError> {
        let endpoints = self.discover().await.unwrap();
        exchange(&http(), &clock(), &endpoints, &Secret::new("outside.token.x"), Some("ci/app")).await
    }
}

fn success() -> Value {
    json!({
        "access_token": "access.token.x", "issued_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "token_type": "Bearer", "expires_in": 3600, "identity": "ci/\u{202e}\u{200b}app",
    })
}

fn http() -> HttpClient {
    HttpClient::new(HttpOptions {
        total_timeout: Some(Duration::from_millis(500)),
        ..HttpOptions::new(Reach::AnyServer)
    })
}

/// It shows 12:00.
fn clock() -> ManualClock {
    ManualClock::new("2026-11-23T12:00:00Z".parse::<Timestamp>().unwrap())
}

#[tokio::test]
async fn an_outside_token_becomes_an_access_token() {
    let fake = Fake::start().await;
    let issued = fake.exchange().await.unwrap();
    assert_eq!(issued.access_token.expose(), "access.token.x");
    assert_eq!((issued.expires_in, issued.identity.as_deref()), (SignedDuration::from_hours(1), Some("ci/app")));
    let form = fake.form.lock().unwrap().clone();
    for expected in [
        "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange",
        "subject_token=outside.token.x",
        "subject_token_type=urn%3Aietf%3Aparams%3Aoauth%3Atoken-type%3Ajwt",
        "identity=ci%2Fapp",
        "client_id=daypass-cli",
    ] {
        assert!(form.split('&').any(|field| field == expected), "{expected} in {form}");
    }
    assert!(!format!("{issued:?}").contains("access.token"));
}

#[tokio::test]
async fn a_server_that_describes_another_is_not_given_an_outside_token() {
    let evil = "https://evil.example.com";
    let fake = Fake::start().await;
    let lies: [(&Mutex<Value>, &str, Value); 7] = [
        (&fake.resource, "resource", json!(evil)),
        (&fake.resource, "resource", json!(format!("{}/", fake.url))),
        (&fake.resource, "authorization_servers", json!([evil])),
        (&fake.resource, "authorization_servers", json!([])),
        (&fake.metadata, "issuer", json!(evil)),
        (&fake.metadata, "token_endpoint", json!(format!("{evil}/oauth/token"))),
        (&fake.metadata, "revocation_endpoint", json!("http://127.0.0.1:1/oauth/revoke")),
    ];
    for (document, name, lie) in lies {
        let truth = std::mem::replace(&mut document.lock().unwrap()[name], lie);
        assert!(matches!(fake.discover().await, Err(ExchangeError::OtherServer { .. })), "{name}");
        document.lock().unwrap()[name] = truth;
    }
    let endpoints = fake.discover().await.unwrap();
    assert_eq!(endpoints.token.as_str(), format!("{}/oauth/token", fake.url));
    assert_eq!(fake.requests.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn what_is_not_a_daypass_server_is_called_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server: PublicUrl = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(|| async { "<html>" })).await });
    let error = discover(&http(), &server).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NotDaypass { .. }), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn refusals_keep_the_servers_words_without_control_characters() {
    let fake = Fake::start().await;
    fake.answers(
        400,
        &json!({ "error": "invalid_request", "error_description": "claim `ref` differs\u{1b}[31m" }),
        Some("Mon, 23 Nov 2026 12:00:00 GMT"),
    );
    let error = fake.exchange().await.unwrap_err();
    assert!(matches!(&error, ExchangeError::Refused { error, clock_ahead: None, .. } if error == "invalid_request"));
    assert_eq!(error.to_string(), "the server refused: claim `ref` differs [31m");
    for body in [
        json!({ "error": "invalid_request", "reason": "replayed" }),
        json!({ "error": "invalid_request", "error_description": "this outside token was already exchanged once" }),
    ] {
        fake.answers(400, &body, None);
        assert!(matches!(fake.exchange().await, Err(ExchangeError::Replayed)));
    }
    fake.answers(503, &"", None);
    assert!(matches!(fake.exchange().await, Err(ExchangeError::Unavailable { status: 503, .. })));
    let busy = Router::new().fallback(|| async { StatusCode::TOO_MANY_REQUESTS });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, busy).await });
    let error = discover(&http(), &server).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Unavailable { status: 429, .. }), "{error}");
    fake.answers(429, &"", None);
    let error = fake.exchange().await.unwrap_err();
    assert_eq!(error.to_string(), "the server is asked too often (status 429)");
    fake.answers(400, &"<html>", None);
    assert!(matches!(fake.exchange().await, Err(ExchangeError::Malformed(_))));
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_pointed_out_when_the_server_refuses() {
    let fake = Fake::start().await;
    let refusal = json!({ "error": "invalid_request", "error_description": "the token has expired" });
    for (date, hint) in [
        (Some("Mon, 23 Nov 2026 12:04:00 GMT"), None),
        (Some("Mon, 23 Nov 2026 12:10:00 GMT"), Some("this machine's clock is 10 minutes behind the server's")),
        (Some("Mon, 23 Nov 2026 11:50:00 GMT"), Some("this machine's clock is 10 minutes ahead of the server's")),
        (Some("yesterday"), None),
    ] {
        fake.answers(400, &refusal, date);
        let said = fake.exchange().await.unwrap_err().hint();
        match hint {
            Some(hint) => assert!(said.as_deref().unwrap_or_default().starts_with(hint), "{said:?}"),
            None => assert_eq!(said, None),
        }
    }
}

#[tokio::test]
async fn an_answer_that_is_not_a_bearer_access_token_is_not_used() {
    let fake = Fake::start().await;
    for (name, value) in [
        ("token_type", json!("DPoP")),
        ("issued_token_type", json!("urn:ietf:params:oauth:token-type:refresh_token")),
        ("access_token", json!("")),
        ("access_token", Value::Null),
        ("expires_in", json!(0)),
        ("expires_in", json!(-1)),
        ("expires_in", json!("3600")),
    ] {
        let mut answer = success();
        answer[name] = value;
        fake.answers(200, &answer, None);
        assert!(matches!(fake.exchange().await, Err(ExchangeError::Malformed(_))), "{answer}");
    }
    let mut answer = success();
    answer["token_type"] = json!("bearer");
    fake.answers(200, &answer, None);
    fake.exchange().await.unwrap();
}

#[tokio::test]
async fn a_proof_that_was_sent_is_never_sent_again() {
    // Takes the request and hangs up.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server: PublicUrl = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let accepted = Arc::new(AtomicU64::new(0));
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let mut some = [0; 64];
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut some).await;
        }
    });
    let error = send(&server).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Uncertain(_)), "{error}");
    assert!(error.hint().unwrap().contains("fresh outside token"));
    assert_eq!(accepted.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let free: SocketAddr = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = send(&format!("http://{free}").parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, ExchangeError::Http(HttpError::Unreachable { .. })), "{error}");
    assert!(!format!("{error:?}").contains("outside.token"));
}

async fn send(server: &PublicUrl) -> Result<IssuedToken, ExchangeError> {
    let token = server.join("/oauth/token").parse().unwrap();
    let endpoints = ServerEndpoints { server: server.clone(), token, revocation: None };
    exchange(&http(), &clock(), &endpoints, &Secret::new("outside.token.x"), None).await
}

#[tokio::test]
async fn an_access_token_is_revoked_where_the_server_says() {
    let fake = Fake::start().await;
    let endpoints = fake.discover().await.unwrap();
    fake.answers(200, &"", None);
    revoke(&http(), &clock(), &endpoints, &Secret::new("access.token.x")).await.unwrap();
    assert!(fake.form.lock().unwrap().starts_with("token=access.token.x&token_type_hint=access_token"));
    let cannot = ServerEndpoints { revocation: None, ..endpoints };
    let error = revoke(&http(), &clock(), &cannot, &Secret::new("access.token.x")).await.unwrap_err();
    assert!(matches!(error, ExchangeError::NoRevocation { .. }));
}
