use std::sync::{Arc, Mutex};

use axum::{
    Router,
    extract::{Request, State},
    response::Response,
};
use daypass_core::Timestamp;
use serde_json::json;

use super::{
    super::{ExpectedCaller, SignedCaller},
    *,
};

const SIGNATURE: &str = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";

fn token(security_token: Option<&str>) -> String {
    let mut token = json!({
        "region": "eu-central-1",
        "access_key_id": "ASIAIOSFODNN7EXAMPLE",
        "amz_date": "20261126T120000Z",
        "signature": SIGNATURE,
        "audience": "https://packages.example.com",
        "identity": "ci/app",
        "nonce": "00112233445566778899aabbccddeeff",
    });
    if let Some(security_token) = security_token {
        token["security_token"] = json!(security_token);
    }
    token.to_string()
}

fn caller(security_token: Option<&str>) -> CheckedCaller {
    let regions = ["eu-central-1".parse().unwrap()];
    let now: Timestamp = "2026-11-26T12:00:00Z".parse().unwrap();
    let audiences = ["https://packages.example.com".into()];
    let expected = ExpectedCaller { audiences: &audiences, identity: Some("ci/app"), regions: &regions, now };
    SignedCaller::parse(&token(security_token)).unwrap().check(&expected).unwrap()
}

/// A service that answers as it was told, and keeps what it was asked: method, path with query, headers.
struct Fake {
    sts: Sts,
    seen: Arc<Mutex<Vec<String>>>,
}

async fn fake(status: u16, body: &'static str) -> Fake {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let answer = move |State(seen): State<Arc<Mutex<Vec<String>>>>, request: Request| async move {
        let mut lines = vec![format!("{} {}", request.method(), request.uri())];
        lines.extend(request.headers().iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())));
        lines.sort();
        seen.lock().unwrap().extend(lines);
        Response::builder().status(status).header("location", "http://127.0.0.1:1/").body(body.to_owned()).unwrap()
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = Url::parse(&format!("http://{}/ignored?ignored", listener.local_addr().unwrap())).unwrap();
    let router = Router::new().fallback(answer).with_state(Arc::clone(&seen));
    tokio::spawn(async move { axum::serve(listener, router).await });
    Fake { sts: Sts::new(StsOptions { endpoint: Some(endpoint) }), seen }
}

const YES: &str = r#"{"GetCallerIdentityResponse":{"GetCallerIdentityResult":{"UserId":"AROAIOSFODNN7EXAMPLE:x","Arn":"arn:aws:sts::123456789012:assumed-role/build/x","Account":"123456789012"}}}"#;

#[tokio::test]
async fn what_is_sent_is_what_was_signed_and_nothing_else() {
    let fake = fake(200, YES).await;
    fake.sts.ask(&caller(Some("IQoJb3JpZ2luX2VjE+/="))).await.unwrap();
    let seen = fake.seen.lock().unwrap();
    // Neither the client's own headers nor these are signed.
    let sent: Vec<_> = seen
        .iter()
        .filter(|line| !["user-agent:", "accept-encoding:", "content-length:"].iter().any(|own| line.starts_with(own)))
        .collect();
    let authorization = format!(
        "authorization: AWS4-HMAC-SHA256 Credential=ASIAIOSFODNN7EXAMPLE/20261126/eu-central-1/sts/aws4_request, \
         SignedHeaders=accept;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-daypass-audience;\
         x-daypass-identity;x-daypass-nonce, Signature={SIGNATURE}"
    );
    assert_eq!(
        sent,
        [
            "POST /?Action=GetCallerIdentity&Version=2011-06-15",
            "accept: application/json",
            &authorization,
            "host: sts.eu-central-1.amazonaws.com",
            "x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "x-amz-date: 20261126T120000Z",
            "x-amz-security-token: IQoJb3JpZ2luX2VjE+/=",
            "x-daypass-audience: https://packages.example.com",
            "x-daypass-identity: ci/app",
            "x-daypass-nonce: 00112233445566778899aabbccddeeff",
        ]
    );
}

#[tokio::test]
async fn a_key_without_a_session_signs_one_header_less() {
    let fake = fake(200, YES).await;
    let proven = fake.sts.ask(&caller(None)).await.unwrap();
    let seen = fake.seen.lock().unwrap().join("\n");
    assert!(!seen.contains("security-token"), "{seen}");
    assert_eq!(proven.claims.issuer(), ISSUER);
    assert_eq!(proven.claims.get("principal_id").unwrap(), "AROAIOSFODNN7EXAMPLE");
    assert!(proven.replay_key.starts_with("sha256:"));
    // It is remembered for longer than it would be accepted.
    let accepted_until: Timestamp = "2026-11-26T12:15:00Z".parse().unwrap();
    assert_eq!(proven.expires_at, accepted_until);
    assert!(proven.spend_until > accepted_until);
}

#[tokio::test]
async fn whatever_aws_says_but_yes_is_no() {
    let no = r#"{"Error":{"Code":"SignatureDoesNotMatch","Message":"m","Type":"Sender"},"RequestId":"r"}"#;
    let throttled = r#"{"Error":{"Code":"Throttling","Message":"m"}}"#;
    for (status, body, code, later) in [
        (403, no, "bad_signature", false),
        (400, no, "bad_signature", false),
        (403, "", "bad_signature", false),
        (400, throttled, "aws_unavailable", true),
        (429, "", "aws_unavailable", true),
        (500, "", "aws_unavailable", true),
        (503, YES, "aws_unavailable", true),
        // A redirect is not followed, and no other yes is the one.
        (302, YES, "aws_answer_malformed", false),
        (307, YES, "aws_answer_malformed", false),
        (201, YES, "aws_answer_malformed", false),
        (404, YES, "aws_answer_malformed", false),
        (200, "", "aws_answer_malformed", false),
        (200, no, "aws_answer_malformed", false),
    ] {
        let refused = fake(status, body).await.sts.ask(&caller(None)).await.unwrap_err();
        assert_eq!((refused.code(), refused.is_try_later()), (code, later), "{status} {body}: {refused}");
    }
    let refused = fake(403, no).await.sts.ask(&caller(None)).await.unwrap_err();
    assert_eq!(refused.to_string(), "AWS refused the signed request (403, SignatureDoesNotMatch)");
}

#[tokio::test]
async fn nobody_near_is_asked_unless_that_was_said() {
    let sts = Sts::new(StsOptions::default());
    // The host is made from the region alone.
    assert_eq!(
        sts.url("sts.eu-central-1.amazonaws.com").unwrap().as_str(),
        "https://sts.eu-central-1.amazonaws.com/?Action=GetCallerIdentity&Version=2011-06-15"
    );
    assert!(sts.http.check(&Url::parse("http://127.0.0.1:1/").unwrap()).is_err());
}

#[tokio::test]
async fn only_so_many_are_asked_about_at_a_time() {
    let sts = Sts::new(StsOptions::default());
    let _all = sts.free.acquire_many(u32::try_from(MOST_AT_A_TIME).unwrap()).await.unwrap();
    let refused = sts.ask(&caller(None)).await.unwrap_err();
    assert_eq!((refused.code(), refused.is_try_later()), ("aws_unavailable", true));
}
