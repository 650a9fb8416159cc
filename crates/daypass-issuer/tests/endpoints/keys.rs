//! The signing keys' life: two issuers on one store, and the operator beside them.

use std::time::{Duration, Instant};

use axum::{
    Router,
    body::Body,
    http::{Method, Request},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{SignedDuration, audit::AuditKind, clock::Clock};
use daypass_issuer::{Issuer, IssuerError, KeyAdmin, KeyAdminError, KeyEncryptionKey};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tower::ServiceExt;

use crate::house::{House, from};

/// How long a key is published before it signs.
const AHEAD: SignedDuration = SignedDuration::from_mins(15);

/// One store, two issuers that run.
struct Replicas {
    house: House,
    issuers: [Issuer; 2],
    _running: JoinSet<()>,
}

impl Replicas {
    async fn start() -> Self {
        let house = House::build().await;
        let issuers = [house.issuer.clone(), house.another_issuer().await];
        let mut running = JoinSet::new();
        for issuer in issuers.clone() {
            running.spawn(async move { issuer.run().await });
        }
        Self { house, issuers, _running: running }
    }

    fn admin(&self) -> KeyAdmin {
        KeyAdmin::new(self.house.store.clone(), KeyEncryptionKey::parse(&self.house.kek).unwrap())
    }

    /// An access token from one of them.
    async fn token(&self, replica: usize) -> String {
        let now = self.house.now().as_second();
        let outside = self.house.outside_token(json!({"iat": now, "nbf": now, "exp": now + 300}));
        let form = [
            ("grant_type", crate::house::EXCHANGE),
            ("subject_token_type", crate::house::JWT),
            ("subject_token", &outside),
        ];
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        let request = Request::post("/oauth/token").header("content-type", "application/x-www-form-urlencoded");
        let (status, body) = ask(&self.issuers[replica].router(), request.body(body.finish().into()).unwrap()).await;
        assert_eq!(status, 200, "{body}");
        let body: Value = serde_json::from_str(&body).unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// How each of them answers an access token.
    async fn statuses(&self, access_token: &str) -> Vec<u16> {
        let mut statuses = Vec::new();
        for issuer in &self.issuers {
            let request = Request::get("/api/v1/session").header("authorization", format!("Bearer {access_token}"));
            statuses.push(ask(&issuer.router(), request.body(Body::empty()).unwrap()).await.0);
        }
        statuses
    }

    /// The `kid`s that both publish, in the same order.
    async fn published(&self) -> Option<Vec<String>> {
        let request = || Request::get("/.well-known/jwks.json").method(Method::GET).body(Body::empty()).unwrap();
        let one = ask(&self.issuers[0].router(), request()).await.1;
        let other = ask(&self.issuers[1].router(), request()).await.1;
        let document: Value = serde_json::from_str(&one).unwrap();
        let keys = document["keys"].as_array().unwrap();
        (one == other).then(|| keys.iter().map(|jwk| jwk["kid"].as_str().unwrap().to_owned()).collect())
    }

    async fn until_published(&self, count: usize) -> Vec<String> {
        let began = Instant::now();
        loop {
            let published = self.published().await;
            if let Some(kids) = published.filter(|kids| kids.len() == count) {
                return kids;
            }
            assert!(began.elapsed() < Duration::from_secs(20), "no {count} keys: {:?}", self.published().await);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_signed_by(&self, kid: &str) {
        let began = Instant::now();
        while kid_of(&self.token(0).await) != kid || kid_of(&self.token(1).await) != kid {
            assert!(began.elapsed() < Duration::from_secs(20), "{kid} does not sign");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The events about keys, in order.
    async fn events(&self) -> Vec<AuditKind> {
        let kinds = self.house.audit().await.into_iter().map(|event| event.kind);
        kinds.filter(|kind| kind.as_str().starts_with("key.")).collect()
    }
}

async fn ask(router: &Router, mut request: Request<Body>) -> (u16, String) {
    request.extensions_mut().insert(from("192.0.2.7"));
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

fn kid_of(access_token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(access_token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn by_the_clock_two_replicas_make_activate_and_forget_each_key_once() {
    let replicas = Replicas::start().await;
    let clock = &replicas.house.clock;
    let [first] = replicas.until_published(1).await.try_into().unwrap();
    let old = replicas.token(0).await;
    assert_eq!((kid_of(&old), replicas.statuses(&old).await), (first.clone(), vec![200, 200]));

    clock.advance(SignedDuration::from_hours(30 * 24) - AHEAD);
    let [_, second] = replicas.until_published(2).await.try_into().unwrap();
    // Nobody signs with it before those who keep a copy of the key set know it.
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    let old = replicas.token(1).await;
    assert_eq!((kid_of(&old), kid_of(&replicas.token(0).await)), (first.clone(), first.clone()));

    clock.advance(AHEAD);
    replicas.until_signed_by(&second).await;
    assert_eq!(replicas.published().await.unwrap(), [first.clone(), second.clone()]);
    assert_eq!(replicas.statuses(&old).await, [200, 200]);
    let stored = replicas.house.store.signing_keys().await.unwrap();
    assert_eq!((&stored[0].sealed_private, stored[1].sealed_private.is_some()), (&None, true));

    clock.advance(SignedDuration::from_hours(47));
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(replicas.until_published(2).await.len(), 2);
    clock.advance(SignedDuration::from_hours(1));
    assert_eq!(replicas.until_published(1).await, [second]);
    let events = [
        AuditKind::KeyCreated,
        AuditKind::KeyCreated,
        AuditKind::KeyActivated,
        AuditKind::KeyRetired,
        AuditKind::KeyRemoved,
    ];
    assert_eq!(replicas.events().await, events);
}

#[tokio::test]
async fn a_key_that_the_operator_makes_signs_in_its_time_and_what_the_old_one_signed_stays_good() {
    let replicas = Replicas::start().await;
    let [first] = replicas.until_published(1).await.try_into().unwrap();
    let old = replicas.token(0).await;
    replicas.admin().rotate(replicas.house.now()).await.unwrap();
    let again = replicas.admin().rotate(replicas.house.now()).await.unwrap();
    assert_eq!(again.before, again.after);
    let [_, second] = replicas.until_published(2).await.try_into().unwrap();
    assert_eq!(kid_of(&replicas.token(0).await), first);
    replicas.house.clock.advance(AHEAD);
    replicas.until_signed_by(&second).await;
    assert_eq!(replicas.statuses(&old).await, [200, 200]);

    let old = replicas.token(1).await;
    let changed = replicas.admin().rotate_now(replicas.house.now()).await.unwrap();
    let third = changed.after.last().unwrap().key.kid.clone();
    replicas.until_signed_by(&third).await;
    assert_eq!(replicas.statuses(&old).await, [200, 200]);
}

#[tokio::test]
async fn what_a_revoked_key_signed_is_refused_by_all_within_five_seconds() {
    let replicas = Replicas::start().await;
    let [first] = replicas.until_published(1).await.try_into().unwrap();
    let old = replicas.token(0).await;
    assert_eq!(replicas.statuses(&old).await, [200, 200]);
    let changed = replicas.admin().revoke(&first, replicas.house.clock.now()).await.unwrap();
    let began = Instant::now();
    while replicas.statuses(&old).await != [401, 401] {
        assert!(began.elapsed() < Duration::from_secs(5), "{:?}", replicas.statuses(&old).await);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let fresh = changed.after[0].key.kid.clone();
    assert_eq!(replicas.until_published(1).await, [&*fresh]);
    replicas.until_signed_by(&fresh).await;
    let new = replicas.token(1).await;
    assert_eq!(replicas.statuses(&new).await, [200, 200]);
    assert_eq!(replicas.events().await, [AuditKind::KeyCreated, AuditKind::KeyRevoked, AuditKind::KeyCreated]);
    let refused = replicas.admin().revoke(&first, replicas.house.now()).await;
    assert!(matches!(refused, Err(KeyAdminError::Unknown(kid)) if kid == first));
}

#[tokio::test]
async fn another_key_encryption_key_changes_nothing() {
    let replicas = Replicas::start().await;
    let other = KeyEncryptionKey::parse(&KeyEncryptionKey::generate().unwrap()).unwrap();
    let admin = KeyAdmin::new(replicas.house.store.clone(), other);
    let (before, now) = (replicas.house.store.signing_keys().await.unwrap(), replicas.house.now());
    let kid = before[0].key.kid.clone();
    for refused in [admin.rotate(now).await, admin.rotate_now(now).await, admin.revoke(&kid, now).await] {
        assert!(matches!(refused, Err(KeyAdminError::Issuer(IssuerError::WrongKeyEncryptionKey(_)))), "{refused:?}");
    }
    assert_eq!(replicas.house.store.signing_keys().await.unwrap(), before);
    assert_eq!(replicas.events().await, [AuditKind::KeyCreated]);
}
