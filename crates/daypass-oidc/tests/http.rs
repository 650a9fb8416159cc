//! What an HTTP client of ours does not do, however it is asked.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};
use daypass_oidc::http::{HttpClient, HttpError, HttpOptions, Reach};
use tokio::net::TcpListener;
use url::Url;

/// Serves `router` on loopback until the test ends.
async fn serve(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn url(address: SocketAddr, path: &str) -> Url {
    Url::parse(&format!("http://{address}{path}")).unwrap()
}

fn client(change: impl FnOnce(&mut HttpOptions)) -> HttpClient {
    let mut options = HttpOptions::new(Reach::AnyServer);
    change(&mut options);
    HttpClient::new(options)
}

#[tokio::test]
async fn an_answer_is_read_up_to_its_limit_and_no_further() {
    let router = Router::new()
        .route("/known", get(|| async { "x".repeat(1000) }))
        // Compressed a thousandfold: what counts is what would be held in memory.
        .route("/bomb", get(|| async { ([(header::CONTENT_ENCODING, "gzip")], gzip_bomb()) }));
    let address = serve(router).await;
    let http = client(|_| {});
    let answer = http.get_bounded(&url(address, "/known"), 1000).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (StatusCode::OK, 1000));
    for (path, limit) in [("/known", 999), ("/bomb", 100_000)] {
        let error = http.get_bounded(&url(address, path), limit).await.unwrap_err();
        assert!(matches!(error, HttpError::TooLarge { .. }), "{path}: {error}");
    }
}

/// A megabyte of zeros: deflate's longest match, over and over (RFC 1951, fixed codes).
fn gzip_bomb() -> Vec<u8> {
    // Bits, least significant first: last block, fixed Huffman codes, then literal 0, then (length 258, distance 1)…
    let mut bits: Vec<bool> = vec![true, true, false];
    bits.extend([false, false, true, true, false, false, false, false]);
    for _ in 0..4064 {
        bits.extend([true, true, false, false, false, true, false, true]);
        bits.extend([false; 5]);
    }
    bits.extend([false; 7]);
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend(bits.chunks(8).map(|byte| byte.iter().rev().fold(0, |all, bit| all << 1 | u8::from(*bit))));
    out.extend([0; 8]);
    out
}

#[tokio::test]
async fn redirects_are_followed_only_when_asked_and_never_to_another_scheme_or_place() {
    let to = |target: &'static str| get(move || async move { (StatusCode::FOUND, [(header::LOCATION, target)]) });
    let router = Router::new()
        .route("/there", get(|| async { "here" }))
        .route("/once", to("/there"))
        .route("/loop", to("/loop"))
        .route("/scheme", to("https://packages.example.com/"))
        .route("/file", to("file:///etc/passwd"))
        .route("/metadata", to("http://169.254.169.254/latest/meta-data/"))
        .route("/elsewhere", to("http://10.0.0.1/"));
    let address = serve(router).await;

    let careful = client(|_| {});
    assert_eq!(careful.get_bounded(&url(address, "/once"), 99).await.unwrap().status, StatusCode::FOUND);

    let following = client(|options| options.follow_redirects = true);
    let answer = following.get_bounded(&url(address, "/once"), 99).await.unwrap();
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, &b"here"[..]));
    for path in ["/loop", "/scheme", "/file", "/metadata", "/elsewhere"] {
        let status = following.get_bounded(&url(address, path), 99).await.unwrap().status;
        assert_eq!(status, StatusCode::FOUND, "{path}");
    }
}

#[tokio::test]
async fn who_cannot_be_reached_who_is_slow_and_who_breaks_off_are_told_apart() {
    let router = Router::new().route("/never", get(std::future::pending::<()>));
    let address = serve(router).await;
    let http = client(|options| options.total_timeout = Some(Duration::from_millis(200)));

    let error = http.get_bounded(&url(address, "/never?secret=1"), 9).await.unwrap_err();
    assert!(matches!(error, HttpError::TimedOut { .. }) && !error.is_unreachable());
    assert!(!format!("{error} {error:?}").contains("secret"));

    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = http.get_bounded(&url(closed, "/?secret=1"), 9).await.unwrap_err();
    assert!(error.is_unreachable(), "{error}");
    assert!(!format!("{error} {error:?}").contains("secret"));

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rude = listener.local_addr().unwrap();
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let error = http.get_bounded(&url(rude, "/"), 9).await.unwrap_err();
    assert!(matches!(error, HttpError::BrokeOff { .. }), "{error}");
}

#[tokio::test]
async fn a_form_is_sent_as_a_form_by_a_named_client() {
    let echo = |headers: HeaderMap, body: String| async move {
        let named = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default().to_owned();
        format!("{} {} {body}", named(header::CONTENT_TYPE), named(header::USER_AGENT)).into_response()
    };
    let address = serve(Router::new().route("/", post(echo))).await;
    let http = client(|options| options.user_agent = "daypass-test/1".to_owned());
    let answer = http.post_form_bounded(&url(address, "/"), &[("a b", "c&d"), ("e", "")], 999).await.unwrap();
    assert_eq!(&*answer.body, b"application/x-www-form-urlencoded daypass-test/1 a+b=c%26d&e=");
}

#[tokio::test]
async fn what_may_not_be_reached_is_not_even_connected_to() {
    let asked = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&asked);
    let router = Router::new().fallback(move || async move { counter.fetch_add(1, Ordering::SeqCst).to_string() });
    let address = serve(router).await;
    let strict = HttpClient::new(HttpOptions::new(Reach::Public));
    for url in [url(address, "/"), Url::parse(&format!("https://localhost:{}/", address.port())).unwrap()] {
        let error = strict.get_bounded(&url, 9).await.unwrap_err();
        assert!(matches!(error, HttpError::NotAllowed { .. }), "{error}");
    }
    let named = Url::parse(&format!("http://localhost:{}/", address.port())).unwrap();
    client(|_| {}).get_bounded(&named, 9).await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}
