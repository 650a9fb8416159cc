//! Putting files into an index.

use axum::http::StatusCode;
use daypass_core::audit::AuditKind;
use daypass_index::{ImportError, import::NotADistribution};
use daypass_testkit::wheel::Wheel;
use tempfile::TempDir;

use crate::world::{World, eventually};

async fn import(world: &World, name: &str, bytes: &[u8]) -> Result<daypass_index::Imported, ImportError> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    world.import_path(&path).await
}

#[tokio::test]
async fn wheels_and_sdists_are_served_as_they_were_given() {
    let world = World::alone().await;
    let wheel = Wheel::new("acme-hello", "1.0");
    import(&world, &wheel.file_name(), &wheel.bytes()).await.unwrap();
    import(&world, &wheel.sdist_name(), &wheel.sdist_bytes()).await.unwrap();
    let sdist = world.get("/python/files/acme-hello/acme_hello-1.0.tar.gz").await;
    assert_eq!((sdist.status, sdist.bytes()), (StatusCode::OK, &wheel.sdist_bytes().into()));
    let metadata = world.get("/python/files/acme-hello/acme_hello-1.0.tar.gz.metadata").await;
    assert_eq!(metadata.status, StatusCode::NOT_FOUND);
    eventually(async || world.get_json("/python/simple/acme-hello/").await.json()["files"][1].is_object()).await;
}

#[tokio::test]
async fn the_same_file_twice_is_no_error_and_other_bytes_are_a_conflict() {
    let world = World::alone().await;
    let wheel = Wheel::new("acme-hello", "1.0");
    assert!(!import(&world, &wheel.file_name(), &wheel.bytes()).await.unwrap().was_there);
    assert!(import(&world, &wheel.file_name(), &wheel.bytes()).await.unwrap().was_there);
    let other = wheel.clone().module("evil = True\n");
    let error = import(&world, &other.file_name(), &other.bytes()).await.unwrap_err();
    assert!(matches!(error, ImportError::Conflict { .. }), "{error}");
    let served = world.get("/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl").await;
    assert_eq!(served.bytes(), &wheel.bytes());
    let imported = world.audit().await.into_iter().filter(|event| event.kind == AuditKind::FileImported).count();
    assert_eq!(imported, 1);
}

#[tokio::test]
async fn what_is_no_distribution_is_refused_in_one_sentence() {
    let world = World::alone().await;
    let wheel = Wheel::new("acme-hello", "1.0");
    let refused = async |name: &str, bytes: &[u8]| match import(&world, name, bytes).await {
        Err(ImportError::NotADistribution { source, .. }) => source,
        other => panic!("{name}: {other:?}"),
    };
    assert!(matches!(refused("acme.txt", b"").await, NotADistribution::Name));
    assert!(matches!(refused(&wheel.file_name(), b"not a zip").await, NotADistribution::NotAZip));
    for name in ["acme_hello-2.0-py3-none-any.whl", "evil-1.0-py3-none-any.whl"] {
        assert!(matches!(refused(name, &wheel.bytes()).await, NotADistribution::DistInfo(_)), "{name}");
    }
    assert!(world.store.hosted_projects(&"python".parse().unwrap()).await.unwrap().is_empty());
    let scratch = std::fs::read_dir(world.files_folder().join("scratch")).unwrap().count();
    assert_eq!(scratch, 0);
}
