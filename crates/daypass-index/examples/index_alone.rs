//! Serves two hosted projects and nothing else, to be measured: `cargo run --release --example index_alone`.
//!
//! Prints the URLs of a small page and of a 20 MB wheel, and an `Authorization` header. The server proper adds
//! little to it; see `cargo xtask bench` for the whole.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a tool for measuring, run by hand"
)]

#[path = "../tests/endpoints/signer.rs"]
mod signer;

use std::{convert::Infallible, io::Write as _, sync::Arc};

use arc_swap::ArcSwap;
use axum::body::Body;
use daypass_core::{
    clock::{Clock as _, SystemClock},
    identity::Identity,
    policy::Policy,
};
use daypass_index::{FileStore, Index, IndexOptions, IndexSpec, Pace, import_file};
use daypass_oidc::jwks::KeySet;
use daypass_store::Store;
use daypass_testkit::wheel::Wheel;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::json;

const POLICY: &str = r#"
    [[issuer]]
    name = "ci"
    url = "https://ci.example.com"
    keys = { discovery = true }

    [[identity]]
    name = "ci/app"
    issuer = "ci"
    claims = { repository_id = "1" }
    grants = [ { index = "python", projects = ["*"], actions = ["pull"] } ]
"#;

#[tokio::main]
async fn main() {
    let folder = tempfile::TempDir::new().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let public_url = format!("http://{}", listener.local_addr().unwrap());
    let store = Store::open(&folder.path().join("daypass.db").to_str().unwrap().parse().unwrap()).await.unwrap();
    let files = FileStore::folder(&folder.path().join("files")).unwrap();
    let now = SystemClock.now();
    for wheel in [Wheel::new("small", "1.0"), Wheel::new("large", "1.0").padding(20_000_000)] {
        let path = folder.path().join(wheel.file_name());
        std::fs::write(&path, wheel.bytes()).unwrap();
        import_file(&store, &files, &"python".parse().unwrap(), &path, now, "import").await.unwrap();
    }
    let signer = signer::Signer::new("key-1");
    let policy = Policy::merge([Policy::parse(POLICY).unwrap()]).unwrap();
    let rule = policy.identities().first().map(|identity| policy.rule_digest(identity));
    let options = IndexOptions {
        public_url: public_url.parse().unwrap(),
        indexes: vec![IndexSpec::simple("python".parse().unwrap(), None)],
        store,
        files,
        keys: Arc::new(ArcSwap::from_pointee(KeySet::from_jwk_values(&[signer.jwk()]).unwrap())),
        policy: Arc::new(ArcSwap::from_pointee(policy)),
        clock: Arc::new(SystemClock),
        trust: None,
        pace: Pace::default(),
    };
    let index = Index::open(options).await.unwrap();
    let second = now.as_second();
    let access_token = signer.sign(&json!({
        "iss": public_url, "aud": public_url, "sub": Identity::id_of(&"ci/app".parse().unwrap()).to_string(),
        "exp": second + 3600, "iat": second, "nbf": second, "jti": "one", "client_id": "daypass-cli",
        "identity": "ci/app", "rule": rule, "grants": [{ "index": "python", "projects": ["*"], "actions": ["pull"] }],
        "act": { "iss": "https://ci.example.com", "sub": "repo" },
    }));
    println!("{public_url}/python/simple/small/");
    println!("{public_url}/python/files/small/small-1.0-py3-none-any.whl");
    println!("{public_url}/python/files/large/large-1.0-py3-none-any.whl");
    println!("Authorization: Bearer {access_token}");
    std::io::stdout().flush().unwrap();
    // As the server proper does it: no router between, small answers in one piece.
    loop {
        let (socket, _) = listener.accept().await.unwrap();
        socket.set_nodelay(true).unwrap();
        let index = index.clone();
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let index = index.clone();
            async move { Ok::<_, Infallible>(index.answer(request.map(Body::new)).await) }
        });
        tokio::spawn(http1::Builder::new().writev(false).serve_connection(TokioIo::new(socket), service));
    }
}
