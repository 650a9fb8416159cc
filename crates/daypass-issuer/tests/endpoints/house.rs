//! An issuer with a database of its own, an outside provider, and somebody to ask it.

use std::sync::Arc;

use axum::{body::Body, http::Request};
use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    clock::{Clock, ManualClock, SystemClock},
    key_rotation::RotateEvery,
    policy::Policy,
    request::{RequestContext, RequestId},
    secret::Secret,
    session::SessionLimits,
};
use daypass_issuer::{Issuer, IssuerOptions, KeyEncryptionKey, LoadedPolicy};
use daypass_store::{AuditQuery, Store};
use daypass_testkit::oidc::Provider;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) const URL: &str = "https://packages.example.com";

/// RFC 8693 §2.1, spelt out once more: the test must not learn it from the code.
pub(crate) const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
pub(crate) const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

pub(crate) struct House {
    pub(crate) provider: Provider,
    pub(crate) issuer: Issuer,
    pub(crate) store: Store,
    pub(crate) clock: Arc<ManualClock>,
    /// What the signing keys are sealed under.
    pub(crate) kek: Secret,
    /// Where the database is.
    pub(crate) folder: TempDir,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.body))
    }

    /// The status, the error and what the asker is told.
    pub(crate) fn error(&self) -> String {
        let body = self.json();
        format!("{} {}: {}", self.status, body["error"].as_str().unwrap(), body["error_description"].as_str().unwrap())
    }
}

impl House {
    pub(crate) async fn build() -> Self {
        Self::build_at(URL, SessionLimits::default(), policy).await
    }

    /// At another public URL, with other limits, and with the policy that `policy` makes of the provider's URL.
    pub(crate) async fn build_at(
        public_url: &str,
        sessions: SessionLimits,
        policy: impl FnOnce(&str) -> LoadedPolicy,
    ) -> Self {
        let provider = Provider::start().await;
        let folder = tempfile::tempdir().unwrap();
        let store =
            Store::open(&folder.path().join("test.sqlite").display().to_string().parse().unwrap()).await.unwrap();
        // The provider stamps its tokens with the real time; from there on the tests move the clock.
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let kek = KeyEncryptionKey::generate().unwrap();
        let issuer = Issuer::open(IssuerOptions {
            public_url: public_url.parse().unwrap(),
            key_encryption_key: KeyEncryptionKey::parse(&kek).unwrap(),
            store: store.clone(),
            policy: policy(provider.url()),
            clock: clock.clone(),
            sessions,
            rotate_keys_every: RotateEvery::default(),
            indexes: vec!["python".parse().unwrap()],
            allow_loopback_issuers: true,
        })
        .await
        .unwrap();
        Self { provider, issuer, store, clock, kek, folder }
    }

    /// A replica: another issuer with the usual policy on the same database, which it opens for itself.
    pub(crate) async fn another_issuer(&self) -> Issuer {
        let path = self.folder.path().join("test.sqlite").display().to_string();
        Issuer::open(IssuerOptions {
            public_url: URL.parse().unwrap(),
            key_encryption_key: KeyEncryptionKey::parse(&self.kek).unwrap(),
            store: Store::open(&path.parse().unwrap()).await.unwrap(),
            policy: policy(self.provider.url()),
            clock: self.clock.clone(),
            sessions: SessionLimits::default(),
            rotate_keys_every: RotateEvery::default(),
            indexes: vec!["python".parse().unwrap()],
            allow_loopback_issuers: true,
        })
        .await
        .unwrap()
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<RequestContext>().is_none() {
            request.extensions_mut().insert(from("192.0.2.7"));
        }
        let response = self.issuer.router().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    pub(crate) async fn post(&self, path: &str, form: &[(&str, &str)]) -> Answer {
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        body.extend_pairs(form);
        self.post_raw(path, body.finish()).await
    }

    pub(crate) async fn post_raw(&self, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header("content-type", "application/x-www-form-urlencoded");
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn exchange(&self, outside_token: &str, more: &[(&str, &str)]) -> Answer {
        let mut form = vec![("grant_type", EXCHANGE), ("subject_token_type", JWT), ("subject_token", outside_token)];
        form.extend_from_slice(more);
        self.post("/oauth/token", &form).await
    }

    /// An outside token that matches `ci/app`, unless `claims` says otherwise.
    pub(crate) fn outside_token(&self, claims: Value) -> String {
        self.provider.token(job(claims))
    }

    pub(crate) async fn audit(&self) -> Vec<AuditEvent> {
        let query = AuditQuery { since: None, until: None, after_seq: 0, limit: 1000 };
        self.store.audit(&query).await.unwrap().into_iter().map(|row| row.event).collect()
    }

    pub(crate) async fn last_event(&self) -> AuditEvent {
        self.audit().await.pop().unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// What the server knows of a request from that address.
pub(crate) fn from(peer: &str) -> RequestContext {
    RequestContext { id: RequestId { process: 7, number: 1 }, peer: peer.parse().unwrap() }
}

/// What a job's token says, with `claims` laid over.
pub(crate) fn job(claims: Value) -> Value {
    let mut all = json!({"sub": "job-1", "aud": URL, "repository_id": "74", "ref": "refs/heads/main"});
    for (name, value) in claims.as_object().unwrap() {
        all[name] = value.clone();
    }
    all
}

pub(crate) fn policy(provider: &str) -> LoadedPolicy {
    let text = format!(
        r#"
        [[issuer]]
        name = "ci"
        url = "{provider}"
        keys = {{ discovery = true }}

        [[identity]]
        name = "ci/app"
        issuer = "ci"
        claims = {{ repository_id = "74", ref = "refs/heads/main" }}
        grants = [ {{ index = "python", projects = ["*"], actions = ["pull"] }} ]
        ttl = "1h"

        [[identity]]
        name = "ci/auditor"
        issuer = "ci"
        claims = {{ repository_id = "75" }}
        grants = [ {{ index = "python", projects = ["*"], actions = ["admin"] }} ]
        "#
    );
    LoadedPolicy {
        policy: Arc::new(Policy::merge([Policy::parse(&text).unwrap()]).unwrap()),
        ..LoadedPolicy::default()
    }
}
