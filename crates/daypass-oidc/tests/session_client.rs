//! The client's side of a person's sign-in, against a server that answers as it is told.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Form, Json, Router,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    SignedDuration, Timestamp, clock::ManualClock, digest::Sha256, public_url::PublicUrl, secret::Secret,
};
use daypass_oidc::{
    exchange::ExchangeError,
    http::{HttpClient, HttpError, HttpOptions, Reach},
    session_client::{
        Authorization, Poll, Redirect, SessionEndpoints, SessionError, Tokens, authorize_device, discover, end,
        exchange_code, poll, refresh, report,
    },
};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use url::Url;

type FormFields = HashMap<String, String>;

/// A server of ours, reduced to its answers: one after the other, the last one again and again.
#[derive(Clone)]
struct Fake {
    url: String,
    metadata: Arc<Mutex<Value>>,
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    forms: Arc<Mutex<Vec<FormFields>>>,
}

impl Fake {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let metadata = json!({
            "issuer": url, "authorization_endpoint": format!("{url}/oauth/authorize"),
            "token_endpoint": format!("{url}/oauth/token"), "revocation_endpoint": format!("{url}/oauth/revoke"),
            "device_authorization_endpoint": format!("{url}/oauth/device_authorization"),
        });
        let fake = Self {
            url: url.clone(),
            metadata: Arc::new(Mutex::new(metadata)),
            answers: Arc::new(Mutex::new(VecDeque::from([(200, tokens())]))),
            forms: Arc::default(),
        };
        let (metadata, server, session) = (fake.metadata.clone(), fake.clone(), fake.clone());
        let answer = move |Form(form): Form<FormFields>| {
            server.forms.lock().unwrap().push(form);
            let answer = server.next();
            async { answer }
        };
        let resource = json!({ "resource": url, "authorization_servers": [url] });
        let router = Router::new()
            .route("/.well-known/oauth-protected-resource", get(move || async move { Json(resource) }))
            .route(
                "/.well-known/oauth-authorization-server",
                get(move || async move { Json(metadata.lock().unwrap().clone()) }),
            )
            .route("/oauth/token", post(answer.clone()))
            .route("/oauth/revoke", post(answer.clone()))
            .route("/oauth/device_authorization", post(answer))
            .route(
                "/api/v1/session",
                get(move |headers: HeaderMap| async move {
                    assert_eq!(headers.get(header::AUTHORIZATION).unwrap(), "Bearer access.token.x");
                    session.next()
                }),
            );
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    fn next(&self) -> Response {
        let mut answers = self.answers.lock().unwrap();
        let (status, body) =
            if answers.len() > 1 { answers.pop_front().unwrap() } else { answers.front().cloned().unwrap() };
        let date = [(header::DATE, "Mon, 23 Nov 2026 12:10:00 GMT")];
        (StatusCode::from_u16(status).unwrap(), date, Json(body)).into_response()
    }

    fn answers(&self, status: u16, body: Value) {
        *self.answers.lock().unwrap() = VecDeque::from([(status, body)]);
    }

    fn form(&self) -> FormFields {
        self.forms.lock().unwrap().last().unwrap().clone()
    }

    async fn endpoints(&self) -> SessionEndpoints {
        discover(&http(), &self.url.parse().unwrap()).await.unwrap()
    }
}

fn tokens() -> Value {
    json!({
        "access_token": "access.token.x", "token_type": "Bearer", "expires_in": 3600,
        "refresh_token": "daypass_rt_x", "scope": "offline_access", "session_expires_in": 43200,
        "person": "ada@exa\u{202e}mple.com\u{1b}[31m",
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

const CALLBACK: &str = "http://127.0.0.1:8/callback";

async fn begin(fake: &Fake) -> Authorization {
    Authorization::begin(&fake.endpoints().await, CALLBACK.to_owned(), Some("corp")).unwrap()
}

fn parameter(url: &Url, name: &str) -> String {
    url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned()
}

#[tokio::test]
async fn a_sign_in_in_the_browser_is_the_standards() {
    let fake = Fake::start().await;
    let (first, second) = (begin(&fake).await, begin(&fake).await);
    assert!(first.url().as_str().starts_with(&format!("{}/oauth/authorize?", fake.url)));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "daypass-cli"),
        ("redirect_uri", CALLBACK),
        ("code_challenge_method", "S256"),
        ("provider", "corp"),
        ("resource", &fake.url),
    ] {
        assert_eq!(parameter(first.url(), name), value);
    }
    for name in ["state", "code_challenge"] {
        assert_eq!(parameter(first.url(), name).len(), 43, "{name}");
        assert_ne!(parameter(first.url(), name), parameter(second.url(), name), "{name}");
    }
    let code = Secret::new("daypass_ac_x");
    let done = exchange_code(&http(), &clock(), &fake.endpoints().await, &first, &code).await.unwrap();
    let form = fake.form();
    for (name, value) in [("grant_type", "authorization_code"), ("code", "daypass_ac_x"), ("redirect_uri", CALLBACK)] {
        assert_eq!(form.get(name).unwrap(), value);
    }
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::of(form.get("code_verifier").unwrap()).as_bytes());
    assert_eq!(challenge, parameter(first.url(), "code_challenge"));
    assert_eq!(done.person.unwrap(), "ada@example.com [31m", "nothing of a server's text steers a terminal");
    assert_eq!(done.session_expires_in, Some(SignedDuration::from_hours(12)));
    assert_eq!(done.server_time.unwrap().to_string(), "2026-11-23T12:10:00Z");
    assert!(!format!("{first:?}").contains(form.get("code_verifier").unwrap()));
}

#[tokio::test]
async fn only_an_answer_to_this_very_sign_in_counts() {
    let fake = Fake::start().await;
    let begun = begin(&fake).await;
    let (state, iss) = (parameter(begun.url(), "state"), fake.url.clone());
    let good = format!("code=c&state={state}&iss={iss}");
    assert_eq!(begun.read(&good), Redirect::Code(Secret::new("c")));
    for query in [
        String::new(),
        format!("code=c&iss={iss}"),
        format!("code=c&state=&iss={iss}"),
        format!("code=c&state={state}x&iss={iss}"),
        format!("code=c&state={}&iss={iss}", state.to_uppercase()),
        format!("{good}&state={state}"),
        format!("{good}&code=d"),
        format!("{good}&error=access_denied"),
        format!("code=&state={state}&iss={iss}"),
        format!("state={state}&iss={iss}"),
    ] {
        assert_eq!(begun.read(&query), Redirect::NotOurs, "{query}");
    }
    for query in [
        format!("code=c&state={state}"),
        format!("code=c&state={state}&iss={iss}/"),
        format!("code=c&state={state}&iss=https://evil.example.com"),
        format!("{good}&iss={iss}"),
    ] {
        assert_eq!(begun.read(&query), Redirect::OtherIssuer, "{query}");
    }
    let refused = begun.read(&format!("error=access_denied&error_description=no%1b&state={state}&iss={iss}"));
    assert_eq!(refused, Redirect::Refused { error: "access_denied".to_owned(), description: "no ".to_owned() });
}

#[tokio::test]
async fn a_server_that_names_endpoints_elsewhere_is_not_signed_in_to() {
    let fake = Fake::start().await;
    let server: PublicUrl = fake.url.parse().unwrap();
    for name in ["authorization_endpoint", "token_endpoint", "device_authorization_endpoint", "revocation_endpoint"] {
        let truth = std::mem::replace(
            fake.metadata.lock().unwrap().get_mut(name).unwrap(),
            json!("https://evil.example.com/oauth"),
        );
        let error = discover(&http(), &server).await.unwrap_err();
        assert!(matches!(error, SessionError::Server(ExchangeError::OtherServer { .. })), "{name}");
        *fake.metadata.lock().unwrap().get_mut(name).unwrap() = truth;
    }
    for name in ["authorization_endpoint", "device_authorization_endpoint"] {
        fake.metadata.lock().unwrap().as_object_mut().unwrap().remove(name);
    }
    let endpoints = fake.endpoints().await;
    let error = Authorization::begin(&endpoints, CALLBACK.to_owned(), None).unwrap_err();
    assert!(matches!(error, SessionError::NotOffered(_)) && error.hint().is_some());
    let error = authorize_device(&http(), &clock(), &endpoints, None).await.unwrap_err();
    assert!(matches!(error, SessionError::NotOffered(_)));
}

#[tokio::test]
async fn a_device_polls_as_the_standard_says() {
    let fake = Fake::start().await;
    let (endpoints, clock) = (fake.endpoints().await, clock());
    fake.answers(
        200,
        json!({
            "device_code": "daypass_dc_x", "user_code": "WDJB-MJHT", "verification_uri": format!("{}/device", fake.url),
            "verification_uri_complete": format!("{}/device?user_code=WDJB-MJHT", fake.url), "expires_in": 600,
        }),
    );
    let device = authorize_device(&http(), &clock, &endpoints, Some("corp")).await.unwrap();
    assert_eq!(fake.form().get("provider").unwrap(), "corp");
    assert_eq!((device.user_code.as_str(), device.interval), ("WDJB-MJHT", Duration::from_secs(5)));
    let poll = async |status, body| {
        fake.answers(status, body);
        poll(&http(), &clock, &endpoints, &device.device_code).await
    };
    let error = |code: &str| json!({ "error": code });
    assert!(matches!(poll(400, error("authorization_pending")).await, Ok(Poll::Pending)));
    assert!(matches!(poll(400, error("slow_down")).await, Ok(Poll::SlowDown)));
    assert!(matches!(poll(400, error("access_denied")).await, Ok(Poll::Denied { .. })));
    assert!(matches!(poll(400, error("expired_token")).await, Ok(Poll::Expired)));
    assert!(matches!(poll(400, error("invalid_client")).await, Err(SessionError::Server(_))));
    assert!(matches!(poll(503, json!({})).await, Err(SessionError::Server(ExchangeError::Unavailable { .. }))));
    let Ok(Poll::Done(done)) = poll(200, tokens()).await else { panic!("not done") };
    assert_eq!(done.refresh_token.expose(), "daypass_rt_x");
    assert_eq!(fake.form().get("grant_type").unwrap(), "urn:ietf:params:oauth:grant-type:device_code");
    assert_eq!(fake.form().get("device_code").unwrap(), "daypass_dc_x");
}

#[tokio::test]
async fn a_device_code_that_leads_elsewhere_or_cannot_be_typed_is_refused() {
    let fake = Fake::start().await;
    let endpoints = fake.endpoints().await;
    let good = json!({
        "device_code": "d", "user_code": "WDJB-MJHT", "verification_uri": format!("{}/device", fake.url), "expires_in": 9,
    });
    for (name, value) in [
        ("verification_uri", json!("https://evil.example.com/device")),
        ("verification_uri_complete", json!("https://evil.example.com/device")),
        ("user_code", json!("AB\u{1b}[31mCD")),
        ("user_code", json!("")),
    ] {
        let mut bad = good.clone();
        bad.as_object_mut().unwrap().insert(name.to_owned(), value);
        fake.answers(200, bad);
        assert!(authorize_device(&http(), &clock(), &endpoints, None).await.is_err(), "{name}");
    }
    fake.answers(200, good);
    authorize_device(&http(), &clock(), &endpoints, None).await.unwrap();
}

#[tokio::test]
async fn a_refresh_brings_the_next_refresh_token_or_says_that_the_session_has_ended() {
    let fake = Fake::start().await;
    let (endpoints, old) = (fake.endpoints().await, Secret::new("daypass_rt_old"));
    let Tokens { refresh_token, .. } = refresh(&http(), &clock(), &endpoints, &old).await.unwrap();
    assert_eq!(refresh_token.expose(), "daypass_rt_x");
    assert_eq!(fake.form().get("refresh_token").unwrap(), "daypass_rt_old");
    fake.answers(400, json!({ "error": "invalid_grant", "error_description": "over", "reason": "session_expired" }));
    let error = refresh(&http(), &clock(), &endpoints, &old).await.unwrap_err();
    assert!(matches!(&error, SessionError::Ended { reason, .. } if reason == "session_expired"), "{error}");
    // Anything else says nothing about the session.
    for (status, body) in [(400, json!({ "error": "invalid_request" })), (503, json!({})), (429, json!({}))] {
        fake.answers(status, body);
        let error = refresh(&http(), &clock(), &endpoints, &old).await.unwrap_err();
        assert!(matches!(error, SessionError::Server(_)), "{error}");
    }
    let mut lacking = tokens();
    lacking.as_object_mut().unwrap().remove("refresh_token");
    fake.answers(200, lacking);
    let error = refresh(&http(), &clock(), &endpoints, &old).await.unwrap_err();
    assert!(matches!(error, SessionError::Server(ExchangeError::Malformed(_))), "{error}");
}

#[tokio::test]
async fn a_lost_answer_is_asked_for_again_with_the_same_refresh_token() {
    // Takes the request and hangs up the first time.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let requests = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = vec![0; 4096];
            let read = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            let text = String::from_utf8_lossy(request.get(..read).unwrap()).into_owned();
            let first = requests.lock().unwrap().is_empty();
            requests.lock().unwrap().push(text);
            if first {
                continue;
            }
            let body = tokens().to_string();
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            tokio::io::AsyncWriteExt::write_all(&mut stream, (head + &body).as_bytes()).await.unwrap();
        }
    });
    let endpoints = SessionEndpoints {
        server: url.parse().unwrap(),
        authorization: None,
        device_authorization: None,
        token: format!("{url}/oauth/token").parse().unwrap(),
        revocation: None,
    };
    let done = refresh(&http(), &clock(), &endpoints, &Secret::new("daypass_rt_old")).await.unwrap();
    assert_eq!(done.refresh_token.expose(), "daypass_rt_x");
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 2);
    assert!(seen.iter().all(|request| request.contains("refresh_token=daypass_rt_old")));
}

#[tokio::test]
async fn after_a_time_out_the_first_request_may_come_second_so_there_is_no_other() {
    // Takes the requests, and thinks.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let kept = Arc::new(Mutex::new(Vec::new()));
    let taken = Arc::clone(&kept);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            taken.lock().unwrap().push(stream);
        }
    });
    let endpoints = SessionEndpoints {
        server: url.parse().unwrap(),
        authorization: None,
        device_authorization: None,
        token: format!("{url}/oauth/token").parse().unwrap(),
        revocation: None,
    };
    let error = refresh(&http(), &clock(), &endpoints, &Secret::new("daypass_rt_old")).await.unwrap_err();
    let timed_out = matches!(error, SessionError::Server(ExchangeError::Http(HttpError::TimedOut { .. })));
    assert!(timed_out, "{error}");
    assert_eq!(kept.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_session_is_ended_by_its_refresh_token() {
    let fake = Fake::start().await;
    let endpoints = fake.endpoints().await;
    fake.answers(200, json!({}));
    end(&http(), &clock(), &endpoints, &Secret::new("daypass_rt_x")).await.unwrap();
    assert_eq!(fake.form().get("token_type_hint").unwrap(), "refresh_token");
    assert_eq!(fake.form().get("token").unwrap(), "daypass_rt_x");
    let cannot = SessionEndpoints { revocation: None, ..endpoints };
    assert!(end(&http(), &clock(), &cannot, &Secret::new("daypass_rt_x")).await.is_err());
}

#[tokio::test]
async fn a_server_tells_who_somebody_is_and_what_they_may_do() {
    let fake = Fake::start().await;
    let server: PublicUrl = fake.url.parse().unwrap();
    let now = Timestamp::UNIX_EPOCH;
    let access_token = Secret::new("access.token.x");
    fake.answers(
        200,
        json!({
            "person": { "name": "Ada\u{7}", "provider": "corp", "email": null }, "identity": null,
            "session_expires_at": "2026-11-24T00:00:00Z", "expires_at": "2026-11-23T13:00:00Z",
            "indexes": [{ "index": "python", "url": "https://x/python/simple/", "projects": ["*"], "actions": ["pull"] }],
        }),
    );
    let told = report(&http(), now, &server, &access_token).await.unwrap();
    assert_eq!(told.person.unwrap().name, "Ada ");
    assert_eq!(told.indexes.first().unwrap().actions, ["pull"]);
    assert_eq!(told.server_time.unwrap().to_string(), "2026-11-23T12:10:00Z");
    fake.answers(401, json!({ "detail": "no" }));
    assert!(matches!(report(&http(), now, &server, &access_token).await, Err(SessionError::Ended { .. })));
    fake.answers(503, json!({}));
    assert!(matches!(report(&http(), now, &server, &access_token).await, Err(SessionError::Server(_))));
}
