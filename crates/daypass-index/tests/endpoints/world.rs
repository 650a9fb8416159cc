//! An index in a temporary folder, with everything around it under the test's control.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::Path,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use daypass_core::{
    SignedDuration, Timestamp,
    audit::AuditEvent,
    clock::{Clock as _, ManualClock},
    identity::Identity,
    policy::Policy,
    request::{RequestContext, RequestId},
};
use daypass_index::{
    FileStore, Imported, Index, IndexOptions, IndexSpec, Pace, SourceSpec, TrustRoot, UpstreamSpec, import_file,
    package_policy::{InForce, LivePolicy, PackagePolicy},
};
use daypass_oidc::jwks::KeySet;
use daypass_store::{AuditQuery, Store};
use daypass_testkit::{upload::Upload, upstream::Upstream, wheel::Wheel};
use futures_util::StreamExt as _;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt as _;

use crate::signer::Signer;

pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1:8080";
pub(crate) const JSON: &str = "application/vnd.pypi.simple.v1+json";

/// `ci/app` may pull everything, `ci/acme` only `acme-*`, `ci/push` may push but not pull;
/// `ci/keeper` may yank and administer everything, `ci/yanker` yank `acme-*`.
const POLICY: &str = r#"
    [[issuer]]
    name = "ci"
    url = "https://ci.example.com"
    keys = { discovery = true }

    [[identity]]
    name = "ci/app"
    issuer = "ci"
    claims = { repository_id = "1" }
    grants = [ { index = "python", projects = ["*"], actions = ["pull"] }, { index = "gone", projects = ["*"], actions = ["pull"] } ]

    [[identity]]
    name = "ci/acme"
    issuer = "ci"
    claims = { repository_id = "2" }
    grants = [ { index = "python", projects = ["acme-*"], actions = ["pull"] } ]

    [[identity]]
    name = "ci/push"
    issuer = "ci"
    claims = { repository_id = "3" }
    grants = [ { index = "python", projects = ["*"], actions = ["push"] } ]

    [[identity]]
    name = "ci/keeper"
    issuer = "ci"
    claims = { repository_id = "4" }
    grants = [ { index = "python", projects = ["*"], actions = ["pull", "yank", "admin"] } ]

    [[identity]]
    name = "ci/mover"
    issuer = "ci"
    claims = { repository_id = "6" }
    grants = [ { index = "python", projects = ["*"], actions = ["push", "yank", "admin"] } ]

    [[identity]]
    name = "ci/yanker"
    issuer = "ci"
    claims = { repository_id = "5" }
    grants = [ { index = "python", projects = ["acme-*"], actions = ["pull", "yank"] } ]
"#;

pub(crate) struct World {
    pub(crate) folder: Arc<TempDir>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) files: FileStore,
    pub(crate) signer: Signer,
    pub(crate) keys: Arc<ArcSwap<KeySet>>,
    pub(crate) policy: Arc<ArcSwap<Policy>>,
    pub(crate) upstream: Option<String>,
    pub(crate) pace: Pace,
    /// Which files of the last index may be pulled: at first all of them.
    pub(crate) package_policy: LivePolicy,
    index: Index,
}

impl World {
    /// An index without upstream.
    pub(crate) async fn alone() -> Self {
        Self::start(Arc::new(TempDir::new().unwrap()), None, quick()).await
    }

    /// An index before `upstream`.
    pub(crate) async fn before(upstream: &Upstream) -> Self {
        Self::start(Arc::new(TempDir::new().unwrap()), Some(upstream.url()), quick()).await
    }

    /// An index before the upstream at `url`.
    pub(crate) async fn before_url(url: &str) -> Self {
        Self::start(Arc::new(TempDir::new().unwrap()), Some(url.to_owned()), quick()).await
    }

    /// The same with another pace.
    pub(crate) async fn paced(upstream: &Upstream, change: impl FnOnce(&mut Pace)) -> Self {
        let mut pace = quick();
        change(&mut pace);
        Self::start(Arc::new(TempDir::new().unwrap()), Some(upstream.url()), pace).await
    }

    /// The same folder, opened anew, as after a restart.
    pub(crate) async fn restarted(self) -> Self {
        let behind = self.upstream.as_ref().map(|url| url.parse().unwrap());
        let indexes = vec![IndexSpec::simple("python".parse().unwrap(), behind)];
        self.restarted_with(indexes).await
    }

    /// The same folder with other indexes.
    pub(crate) async fn restarted_with(self, indexes: Vec<IndexSpec>) -> Self {
        let Self { folder, upstream, pace, clock, signer, store, .. } = self;
        store.close().await;
        let mut world = Self { upstream, ..Self::of(folder, indexes, pace).await };
        world.clock.advance(clock.now().duration_since(world.clock.now()));
        world.keys.store(Arc::new(KeySet::from_jwk_values(&[signer.jwk()]).unwrap()));
        world.signer = signer;
        world
    }

    /// The same with other files: with a quota, or elsewhere than in a folder.
    pub(crate) async fn with_files(
        upstream: &Upstream,
        change: impl FnOnce(&mut Pace),
        files: impl FnOnce(&Path) -> FileStore,
    ) -> Self {
        let (mut pace, folder) = (quick(), Arc::new(TempDir::new().unwrap()));
        change(&mut pace);
        let files = files(&folder.path().join("files"));
        let behind = Some(upstream.url().parse().unwrap());
        let indexes = vec![IndexSpec::simple("python".parse().unwrap(), behind)];
        Self { upstream: Some(upstream.url()), ..Self::over(folder, indexes, pace, files).await }
    }

    async fn start(folder: Arc<TempDir>, upstream: Option<String>, pace: Pace) -> Self {
        let behind = upstream.as_ref().map(|url| url.parse().unwrap());
        let indexes = vec![IndexSpec::simple("python".parse().unwrap(), behind)];
        Self { upstream, ..Self::of(folder, indexes, pace).await }
    }

    /// These indexes. The callers are granted what they are of `python` only.
    pub(crate) async fn made_of(indexes: Vec<IndexSpec>) -> Self {
        Self::of(Arc::new(TempDir::new().unwrap()), indexes, quick()).await
    }

    /// An index that takes files of this length at most.
    pub(crate) async fn with_longest_file(max_file_size: u64) -> Self {
        let index = IndexSpec { max_file_size, ..IndexSpec::simple("python".parse().unwrap(), None) };
        Self::made_of(vec![index]).await
    }

    async fn of(folder: Arc<TempDir>, indexes: Vec<IndexSpec>, pace: Pace) -> Self {
        let files = FileStore::folder(&folder.path().join("files")).unwrap();
        Self::over(folder, indexes, pace, files).await
    }

    /// An index without upstream that believes attestations of these.
    pub(crate) async fn trusting(trust: TrustRoot) -> Self {
        let folder = Arc::new(TempDir::new().unwrap());
        let files = FileStore::folder(&folder.path().join("files")).unwrap();
        let indexes = vec![IndexSpec::simple("python".parse().unwrap(), None)];
        Self::open_with(folder, indexes, quick(), files, Some(trust)).await
    }

    async fn over(folder: Arc<TempDir>, indexes: Vec<IndexSpec>, pace: Pace, files: FileStore) -> Self {
        Self::open_with(folder, indexes, pace, files, None).await
    }

    async fn open_with(
        folder: Arc<TempDir>,
        mut indexes: Vec<IndexSpec>,
        pace: Pace,
        files: FileStore,
        trust: Option<TrustRoot>,
    ) -> Self {
        let package_policy = LivePolicy::new(package_policy("cooldown = \"0\"", Path::new("")));
        indexes.last_mut().unwrap().policy = package_policy.clone();
        let clock = Arc::new(ManualClock::new("2026-11-23T00:00:00Z".parse().unwrap()));
        let database = folder.path().join("daypass.db");
        let store = Store::open(&database.to_str().unwrap().parse().unwrap()).await.unwrap();
        let signer = Signer::new("key-1");
        let keys = Arc::new(ArcSwap::from_pointee(KeySet::from_jwk_values(&[signer.jwk()]).unwrap()));
        let policy = Arc::new(ArcSwap::from_pointee(policy(POLICY)));
        let options = IndexOptions {
            public_url: PUBLIC_URL.parse().unwrap(),
            indexes,
            store: store.clone(),
            files: files.clone(),
            keys: Arc::clone(&keys),
            policy: Arc::clone(&policy),
            clock: Arc::clone(&clock) as _,
            trust: trust.map(Arc::new),
            pace,
        };
        let index = Index::open(options).await.unwrap();
        Self { folder, clock, store, files, signer, keys, policy, upstream: None, pace, package_policy, index }
    }

    pub(crate) fn router(&self) -> Router {
        self.index.router()
    }

    /// The pages for people.
    pub(crate) fn console(&self) -> Router {
        self.index.console()
    }

    pub(crate) fn files_folder(&self) -> std::path::PathBuf {
        self.folder.path().join("files")
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.advance(SignedDuration::from_secs(seconds));
    }

    /// The policy with its text changed, for later.
    pub(crate) fn changed_policy(change: impl FnOnce(&str) -> String) -> Arc<Policy> {
        Arc::new(policy(&change(POLICY)))
    }

    /// Changes the policy's text.
    pub(crate) fn set_policy(&self, change: impl FnOnce(&str) -> String) {
        self.policy.store(Arc::new(policy(&change(POLICY))));
    }

    /// Changes the package policy; its advisories are in the world's folder.
    pub(crate) fn set_package_policy(&self, text: &str) {
        self.package_policy.replace(package_policy(text, self.folder.path()));
    }

    /// The claims of a good access token of `identity`.
    pub(crate) fn claims(&self, identity: &str) -> Value {
        let now = self.now().as_second();
        let policy = policy(POLICY);
        let rule = policy.identities().iter().find(|known| known.name.as_str() == identity);
        let rule = rule.map(|identity| policy.rule_digest(identity)).unwrap_or_default();
        json!({
            "iss": PUBLIC_URL, "aud": PUBLIC_URL, "sub": Identity::id_of(&identity.parse().unwrap()).to_string(),
            "exp": now + 3600, "iat": now, "nbf": now, "jti": format!("jti-{identity}-{now}"),
            "client_id": "daypass-cli", "identity": identity, "rule": rule,
            "grants": [
                { "index": "python", "projects": ["*"], "actions": ["pull"] },
                { "index": "gone", "projects": ["*"], "actions": ["pull"] },
            ],
            "act": { "iss": "https://ci.example.com", "sub": "repo:acme/app" },
        })
    }

    /// A good access token of `identity`.
    pub(crate) fn access_token(&self, identity: &str) -> String {
        self.signer.sign(&self.claims(identity))
    }

    /// Gets `path` as `ci/app`.
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path)).await
    }

    /// Gets `path` as JSON.
    pub(crate) async fn get_json(&self, path: &str) -> Answer {
        self.ask(Request::get(path).header("accept", JSON)).await
    }

    /// Sends a request as `ci/app`.
    pub(crate) async fn ask(&self, request: axum::http::request::Builder) -> Answer {
        self.send(request.header("authorization", basic(&self.access_token("ci/app")))).await
    }

    /// Uploads as somebody whose access token has these grants, of the identity `ci/push`.
    pub(crate) async fn upload(&self, upload: &Upload) -> Answer {
        let token = self.push_token("*");
        let request = Request::post("/python/legacy/").header("authorization", basic(&token));
        self.send_body(request.header("content-type", upload.content_type()), upload.body()).await
    }

    /// An access token of `ci/push` that may push these projects.
    pub(crate) fn push_token(&self, projects: &str) -> String {
        let mut claims = self.claims("ci/push");
        claims["grants"] = json!([{ "index": "python", "projects": [projects], "actions": ["push"] }]);
        self.signer.sign(&claims)
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: axum::http::request::Builder) -> Answer {
        self.send_body(request, Body::empty()).await
    }

    /// Sends a request with a body.
    pub(crate) async fn send_body(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> Answer {
        self.send_to(self.router(), request, body).await
    }

    /// Sends a request to a router of ours.
    pub(crate) async fn send_to(
        &self,
        router: Router,
        request: axum::http::request::Builder,
        body: impl Into<Body>,
    ) -> Answer {
        let context = RequestContext { id: RequestId { process: 1, number: 2 }, peer: IpAddr::V4(Ipv4Addr::LOCALHOST) };
        let request = request.extension(context).body(body.into()).unwrap();
        let (head, body) = router.oneshot(request).await.unwrap().into_parts();
        let phrase = head.extensions.get::<hyper::ext::ReasonPhrase>();
        let phrase = phrase.map(|phrase| String::from_utf8(phrase.as_bytes().to_vec()).unwrap()).unwrap_or_default();
        let collected = body.collect().await;
        Answer {
            status: head.status,
            headers: head.headers,
            phrase,
            body: collected.map(http_body_util::Collected::to_bytes).map_err(|error| error.to_string()),
        }
    }

    /// A good access token of `identity` for these actions on all of `python`.
    pub(crate) fn access_token_for(&self, identity: &str, actions: &[&str]) -> String {
        let mut claims = self.claims(identity);
        claims["grants"] = json!([{ "index": "python", "projects": ["*"], "actions": actions }]);
        self.signer.sign(&claims)
    }

    /// Begins to get `path` as `ci/app`, and reads nothing of the body yet.
    pub(crate) async fn open(&self, path: &str) -> Opened {
        let authorization = basic(&self.access_token("ci/app"));
        let request = Request::get(path).header("authorization", authorization).body(Body::empty()).unwrap();
        let (head, body) = self.router().oneshot(request).await.unwrap().into_parts();
        Opened { status: head.status, body: body.into_data_stream() }
    }

    /// Imports a wheel.
    pub(crate) async fn import(&self, wheel: &Wheel) -> Imported {
        self.import_into("python", wheel).await
    }

    /// Imports a wheel into another index.
    pub(crate) async fn import_into(&self, index: &str, wheel: &Wheel) -> Imported {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join(wheel.file_name());
        std::fs::write(&path, wheel.bytes()).unwrap();
        let index = index.parse().unwrap();
        import_file(&self.store, &self.files, &index, &path, self.now(), "import-1").await.unwrap()
    }

    pub(crate) async fn import_path(&self, path: &Path) -> Result<Imported, daypass_index::ImportError> {
        let index = "python".parse().unwrap();
        import_file(&self.store, &self.files, &index, path, self.now(), "import-1").await
    }

    /// All audit events so far, once they are written.
    pub(crate) async fn audit(&self) -> Vec<AuditEvent> {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let query = AuditQuery { since: None, until: None, after_seq: 0, limit: 10_000 };
        self.store.audit(&query).await.unwrap().into_iter().map(|row| row.event).collect()
    }
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) phrase: String,
    /// An error where the connection would have been aborted.
    pub(crate) body: Result<Bytes, String>,
}

/// An answer whose body is read piece by piece.
pub(crate) struct Opened {
    pub(crate) status: StatusCode,
    body: axum::body::BodyDataStream,
}

impl Opened {
    pub(crate) async fn next(&mut self) -> Option<Result<Bytes, String>> {
        self.body.next().await.map(|next| next.map_err(|error| error.to_string()))
    }
}

impl Answer {
    pub(crate) fn bytes(&self) -> &Bytes {
        self.body.as_ref().unwrap()
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(self.bytes()).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(self.bytes()).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

pub(crate) fn basic(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("_token:{password}")))
}

/// Waits until something has come about: for what happens behind a request's back.
pub(crate) async fn eventually(mut check: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if check().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it did not come about within five seconds");
}

/// An index before these upstreams, in this order.
pub(crate) fn index_before(upstreams: Vec<UpstreamSpec>) -> IndexSpec {
    let sources = upstreams.into_iter().map(SourceSpec::Upstream);
    let sources = std::iter::once(SourceSpec::Hosted).chain(sources).collect();
    IndexSpec { sources, ..IndexSpec::simple("python".parse().unwrap(), None) }
}

fn policy(text: &str) -> Policy {
    Policy::merge([Policy::parse(text).unwrap()]).unwrap()
}

fn package_policy(text: &str, base: &Path) -> InForce {
    InForce::load(PackagePolicy::parse(text).unwrap(), base).unwrap()
}

/// Polls more often than in life, so that tests need not wait.
fn quick() -> Pace {
    Pace {
        follow: Duration::from_millis(20),
        first_byte: Duration::from_millis(700),
        idle: Duration::from_millis(700),
        ..Pace::default()
    }
}
