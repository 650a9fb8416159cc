//! What is believed while the stored policy cannot be followed: nothing.

use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use daypass_core::{
    clock::SystemClock,
    request::{RequestContext, RequestId},
};
use daypass_store::StoreUrl;
use tower::ServiceExt;

use super::*;

async fn issuer(folder: &tempfile::TempDir) -> (Issuer, Store) {
    let store = Store::open(&StoreUrl::sqlite(folder.path().join("x"))).await.unwrap();
    let issuer = Issuer::open(IssuerOptions {
        public_url: "https://packages.example.com".parse().unwrap(),
        key_encryption_key: KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap(),
        store: store.clone(),
        policy: LoadedPolicy::default(),
        clock: Arc::new(SystemClock),
        sessions: SessionLimits::default(),
        rotate_keys_every: RotateEvery::default(),
        indexes: Vec::new(),
        allow_loopback_issuers: false,
    });
    (issuer.await.unwrap(), store)
}

async fn status(issuer: &Issuer, mut request: Request<Body>) -> StatusCode {
    let id = RequestId { process: 7, number: 1 };
    request.extensions_mut().insert(RequestContext { id, peer: "192.0.2.7".parse().unwrap() });
    issuer.router().oneshot(request).await.unwrap().status()
}

/// What the endpoints say to nonsense: that it is nonsense, unless they cannot know.
async fn statuses(issuer: &Issuer) -> [StatusCode; 3] {
    let exchange = |kind: &str| {
        let body = format!(
            "grant_type=urn:ietf:params:oauth:grant-type:token-exchange&subject_token=x&authorization_details=[]\
             &subject_token_type=urn:ietf:params:oauth:token-type:{kind}"
        );
        let request = Request::post("/oauth/token").header("content-type", "application/x-www-form-urlencoded");
        request.body(Body::from(body)).unwrap()
    };
    let session = Request::get("/api/v1/session").header("authorization", "Bearer x").body(Body::empty()).unwrap();
    [
        status(issuer, exchange("jwt")).await,
        status(issuer, exchange("access_token")).await,
        status(issuer, session).await,
    ]
}

#[tokio::test]
async fn after_four_seconds_without_the_stored_policy_nothing_is_believed() {
    let folder = tempfile::tempdir().unwrap();
    let (issuer, store) = issuer(&folder).await;
    let running = issuer.clone();
    let following = tokio::spawn(async move { running.follow_policy().await });
    let good = [StatusCode::BAD_REQUEST, StatusCode::BAD_REQUEST, StatusCode::UNAUTHORIZED];
    assert_eq!(statuses(&issuer).await, good);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    store.close().await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!issuer.0.keys.is_blind(), "a short while is no harm");
    tokio::time::sleep(Duration::from_millis(3500)).await;
    assert_eq!(statuses(&issuer).await, [StatusCode::SERVICE_UNAVAILABLE; 3]);
    assert!(issuer.keys().load().is_empty(), "the index refuses, too");
    following.abort();
}

#[tokio::test]
async fn good_keys_alone_are_not_enough_and_all_is_believed_again_once_the_policy_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let (issuer, _store) = issuer(&folder).await;
    issuer.0.trust.set_blind(true);
    let running = issuer.clone();
    let keys = tokio::spawn(async move { running.follow_keys().await });
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(issuer.0.keys.is_blind());
    assert_eq!(statuses(&issuer).await, [StatusCode::SERVICE_UNAVAILABLE; 3]);
    let running = issuer.clone();
    let policy = tokio::spawn(async move { running.follow_policy().await });
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(!issuer.0.keys.is_blind() && !issuer.0.trust.is_blind());
    keys.abort();
    policy.abort();
}
