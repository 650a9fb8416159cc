//! `/{index}/provenance/…` of hosted files (PEP 740): what was attested at the upload is served to whoever may have the
//! file.

use axum::http::{Request, StatusCode};
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    project_status::ProjectStatus,
};
use daypass_index::TrustRoot;
use daypass_store::CatalogueChange;
use daypass_testkit::{
    sigstore::{Order, Sigstore, Workflow},
    upload::Upload,
    wheel::Wheel,
};
use serde_json::{Value, json};

use crate::{
    hostile::kept,
    world::{Answer, PUBLIC_URL, World, basic, eventually},
};

const REPOSITORY: &str = "octo-org/octo-repo";

fn wheel() -> Wheel {
    Wheel::new("acme-hello", "1.0")
}

async fn world_of(sigstore: &Sigstore) -> World {
    World::trusting(TrustRoot::parse(sigstore.trusted_root().to_string().as_bytes()).unwrap()).await
}

/// An attestation of the wheel by the workflow of a repository, for whom the world's CI has vouched.
fn attestation(world: &World, sigstore: &Sigstore, repository: &str) -> Value {
    let workflow =
        Workflow { issuer: "https://ci.example.com".to_owned(), ..Workflow::github(repository, "release.yml") };
    let digest = Sha256::of(wheel().bytes()).to_string();
    sigstore.attest(&Order::of(&wheel().file_name(), &digest, workflow, world.now().as_second()))
}

/// Uploads the wheel as the job of [`REPOSITORY`], with these attestations.
async fn upload(world: &World, attestations: &[Value]) -> Answer {
    let mut claims = world.claims("ci/push");
    claims["grants"] = json!([{ "index": "python", "projects": ["*"], "actions": ["push"] }]);
    claims["publisher"] = json!({ "kind": "GitHub", "repository": REPOSITORY, "workflow": "release.yml" });
    let wheel = wheel();
    let upload = Upload::new(wheel.name(), wheel.version(), &wheel.file_name(), &wheel.bytes())
        .with("attestations", &json!(attestations).to_string());
    let request = Request::post("/python/legacy/").header("authorization", basic(&world.signer.sign(&claims)));
    world.send_body(request.header("content-type", upload.content_type()), upload.body()).await
}

const PATH: &str = "/python/provenance/acme-hello/acme_hello-1.0-py3-none-any.whl";

#[tokio::test]
async fn what_was_attested_is_named_on_the_page_and_served_to_whoever_may_have_the_file() {
    let sigstore = Sigstore::new();
    let world = world_of(&sigstore).await;
    let attestation = attestation(&world, &sigstore, REPOSITORY);
    let answer = upload(&world, std::slice::from_ref(&attestation)).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());

    let page = world.get_json("/python/simple/acme-hello/").await.json();
    let url = format!("{PUBLIC_URL}{PATH}");
    assert_eq!(page["files"][0]["provenance"], url);
    // PEP 740 wants a secure URL in HTML; this server has none.
    assert!(!world.get("/python/simple/acme-hello/").await.text().contains("provenance"));

    let served = world.get(PATH).await;
    assert_eq!(served.status, StatusCode::OK);
    assert_eq!(served.header("content-type"), "application/vnd.pypi.integrity.v1+json");
    let expected = json!({
        "version": 1,
        "attestation_bundles": [{
            "publisher": { "kind": "GitHub", "repository": REPOSITORY, "workflow": "release.yml" },
            "attestations": [attestation],
        }],
    });
    assert_eq!(served.json(), expected);
    let head = world.ask(Request::head(PATH)).await;
    assert_eq!((head.status, head.text()), (StatusCode::OK, ""));

    assert_eq!(world.send(Request::get(PATH)).await.status, StatusCode::UNAUTHORIZED);
    let pusher = basic(&world.push_token("*"));
    assert_eq!(world.send(Request::get(PATH).header("authorization", pusher)).await.status, StatusCode::FORBIDDEN);
    assert_eq!(world.get(&PATH.replace("1.0", "1.1")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_without_attestations_has_no_provenance() {
    let world = world_of(&Sigstore::new()).await;
    world.import(&wheel()).await;
    let page = world.get_json("/python/simple/acme-hello/").await.json();
    assert_eq!(page["files"][0].get("provenance"), None);
    assert!(!world.get("/python/simple/acme-hello/").await.text().contains("provenance"));
    assert_eq!(world.get(PATH).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_provenance_of_what_is_in_quarantine_is_not_offered() {
    let sigstore = Sigstore::new();
    let world = world_of(&sigstore).await;
    let attestation = attestation(&world, &sigstore, REPOSITORY);
    assert_eq!(upload(&world, &[attestation]).await.status, StatusCode::OK);
    assert_eq!(world.get(PATH).await.status, StatusCode::OK);
    let (python, project) = ("python".parse().unwrap(), "acme-hello".parse().unwrap());
    let event = AuditEvent::new(world.now(), AuditKind::ProjectStatusChanged, Outcome::Success, "1");
    let change = CatalogueChange::Status(ProjectStatus::Quarantined, None);
    world.store.change_catalogue(&python, &project, change, event).await.unwrap();
    eventually(async || world.get(PATH).await.status == StatusCode::FORBIDDEN).await;
}

#[tokio::test]
async fn attestations_that_are_not_good_refuse_the_file_and_nothing_is_kept() {
    let sigstore = Sigstore::new();
    let world = world_of(&sigstore).await;
    let theirs = attestation(&world, &sigstore, "evil/octo-repo");
    let strangers = attestation(&world, &Sigstore::new(), REPOSITORY);
    for (attestations, expected) in [
        (vec![theirs], "the repository differs"),
        (vec![strangers], "of no log that is trusted here"),
        (vec![json!({})], "is not understood"),
    ] {
        let answer = upload(&world, &attestations).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{}", answer.text());
        assert_eq!(answer.json()["code"], "attestations_refused");
        assert!(answer.json()["detail"].as_str().unwrap().contains(expected), "{}", answer.text());
        assert_eq!(kept(&world), Vec::<std::path::PathBuf>::new());
    }
    assert_eq!(world.get("/python/simple/acme-hello/").await.status, StatusCode::NOT_FOUND);

    let alone = World::alone().await;
    let answer = upload(&alone, &[attestation(&alone, &sigstore, REPOSITORY)]).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert!(answer.json()["detail"].as_str().unwrap().contains("is not told whom to believe"), "{}", answer.text());
}
