//! The catalogue: a name belongs to its first bytes for ever.

use daypass_core::{digest::Sha256, names::IndexName};
use daypass_store::{AddFile, HostedFile, StoreError};

use crate::home::{Home, event, noon, whole_log};

fn file(index: &str, name: &str, bytes: &str) -> HostedFile {
    let project = name.split('-').next().unwrap();
    HostedFile {
        index: index.parse().unwrap(),
        project: project.parse().unwrap(),
        file: name.parse().unwrap(),
        version: "1.0".to_owned(),
        sha256: Sha256::of(bytes),
        size: bytes.len() as u64,
        upload_time: noon(),
        requires_python: Some(">=3.9".to_owned()),
        metadata_sha256: None,
        metadata_size: Some(12),
        licence: Some("MIT".to_owned()),
        uploader: Some("identity `ci/app`".to_owned()),
        yanked: None,
        provenance_sha256: None,
    }
}

pub(crate) async fn the_same_file_is_identical_and_other_bytes_are_a_conflict(home: &Home) {
    let store = home.open().await;
    let python: IndexName = "python".parse().unwrap();
    let wheel = file("python", "acme_hello-1.0-py3-none-any.whl", "wheel");
    let mut sdist = file("python", "acme_hello-1.0.tar.gz", "sdist");
    sdist.requires_python = None;
    sdist.metadata_sha256 = Some(Sha256::of("metadata"));
    assert_eq!(store.add_hosted_file(wheel.clone(), event("1")).await.unwrap(), AddFile::Added);
    assert_eq!(store.add_hosted_file(wheel.clone(), event("2")).await.unwrap(), AddFile::Identical);
    let other = HostedFile { sha256: Sha256::of("other"), ..wheel.clone() };
    assert_eq!(store.add_hosted_file(other, event("3")).await.unwrap(), AddFile::Conflict);
    assert_eq!(store.add_hosted_file(sdist.clone(), event("4")).await.unwrap(), AddFile::Added);

    assert_eq!(store.hosted_files(&python, &wheel.project).await.unwrap(), [wheel.clone(), sdist]);
    assert_eq!(store.hosted_files(&python, &"acme".parse().unwrap()).await.unwrap(), []);
    assert_eq!(store.hosted_projects(&python).await.unwrap(), vec![wheel.project.clone()]);
    let log: Vec<_> = whole_log(&store).await.into_iter().map(|row| row.event).collect();
    assert_eq!(log, [event("1"), event("4")]);
    let too_big = HostedFile { size: u64::MAX, ..file("python", "b-1.tar.gz", "b") };
    assert!(matches!(store.add_hosted_file(too_big, event("5")).await, Err(StoreError::Rejected { .. })));
}

pub(crate) async fn the_catalogue_version_grows_with_its_own_index_only(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let (python, other): (IndexName, IndexName) = ("python".parse().unwrap(), "other".parse().unwrap());
    assert_eq!(store.catalogue_version(&python).await.unwrap(), 0);
    store.add_hosted_file(file("python", "a-1.tar.gz", "a"), event("1")).await.unwrap();
    let first = replica.catalogue_version(&python).await.unwrap();
    assert!(first > 0);
    store.add_hosted_file(file("python", "a-1.tar.gz", "a"), event("2")).await.unwrap();
    store.add_hosted_file(file("other", "a-1.tar.gz", "x"), event("3")).await.unwrap();
    assert_eq!(replica.catalogue_version(&python).await.unwrap(), first);
    replica.add_hosted_file(file("python", "a-2.tar.gz", "a"), event("4")).await.unwrap();
    assert!(store.catalogue_version(&python).await.unwrap() > first);
    assert!(store.catalogue_version(&other).await.unwrap() > 0);
}
