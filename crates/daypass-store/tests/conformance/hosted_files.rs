//! The catalogue: a name belongs to its first bytes for ever.

use daypass_core::{
    SignedDuration,
    digest::Sha256,
    names::{IndexName, ProjectName},
    project_status::ProjectStatus,
};
use daypass_store::{AddFile, CatalogueChange, Changed, HostedFile, Release, Store, StoreError, Which};

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

fn acme(version: &str) -> HostedFile {
    HostedFile { version: version.to_owned(), ..file("python", &format!("acme-{version}.tar.gz"), version) }
}

async fn changed(store: &Store, change: CatalogueChange) -> Changed {
    let (python, acme): (IndexName, ProjectName) = ("python".parse().unwrap(), "acme".parse().unwrap());
    store.change_catalogue(&python, &acme, change, event("change")).await.unwrap()
}

fn names(versions: &[&str]) -> Changed {
    Changed::Done(versions.iter().map(|version| acme(version).file).collect())
}

fn deletion(which: Which) -> CatalogueChange {
    CatalogueChange::Delete { which, uploaded_since: None, at: noon(), reason: Some("spoiled".to_owned()) }
}

pub(crate) async fn a_replica_learns_which_projects_changed_and_a_project_stays_when_its_files_are_gone(home: &Home) {
    let (store, replica) = (home.open().await, home.open().await);
    let (python, project): (IndexName, ProjectName) = ("python".parse().unwrap(), "acme".parse().unwrap());
    store.add_hosted_file(acme("1"), event("1")).await.unwrap();
    store.add_hosted_file(file("python", "b-1.tar.gz", "b"), event("2")).await.unwrap();
    let all = replica.changed_projects(&python, 0, 10).await.unwrap();
    let list: Vec<_> = all.iter().map(|change| change.project.as_str()).collect();
    assert_eq!(list, ["acme", "b"]);
    let seen = all[1].version;
    assert_eq!(replica.changed_projects(&python, seen, 10).await.unwrap(), []);
    assert_eq!(replica.changed_projects(&python, 0, 1).await.unwrap().len(), 1);

    assert_eq!(changed(&store, deletion(Which::All)).await, names(&["1"]));
    let change = replica.changed_projects(&python, seen, 10).await.unwrap();
    assert_eq!((change.len(), change[0].project.as_str()), (1, "acme"));
    assert_eq!(store.hosted_files(&python, &project).await.unwrap(), []);
    let found = store.hosted_project(&python, &project).await.unwrap().unwrap();
    assert_eq!((found.status, found.created_at), (ProjectStatus::Active, noon()));
    assert_eq!(store.hosted_projects_after(&python, "acme", 5).await.unwrap(), ["b".parse().unwrap()]);
    assert_eq!(store.hosted_projects(&python).await.unwrap().len(), 2);
    assert_eq!(store.hosted_project(&"other".parse().unwrap(), &project).await.unwrap(), None);
}

pub(crate) async fn files_are_yanked_and_unyanked_once_with_an_event_each(home: &Home) {
    let store = home.open().await;
    let python: IndexName = "python".parse().unwrap();
    for version in ["1", "2"] {
        store.add_hosted_file(acme(version), event(version)).await.unwrap();
    }
    let yank = |version: &str| CatalogueChange::Yank(Which::Release(version.to_owned()), "broken".to_owned());
    assert_eq!(changed(&store, yank("2")).await, names(&["2"]));
    assert_eq!(changed(&store, yank("2")).await, names(&["2"]));
    assert_eq!(changed(&store, yank("3")).await, Changed::NotFound);
    let yanked = async || {
        let files = store.hosted_files(&python, &"acme".parse().unwrap()).await.unwrap();
        files.into_iter().map(|file| file.yanked).collect::<Vec<_>>()
    };
    assert_eq!(yanked().await, [None, Some("broken".to_owned())]);
    assert_eq!(whole_log(&store).await.len(), 3);
    let one = Which::File("acme-2.tar.gz".parse().unwrap());
    assert_eq!(changed(&store, CatalogueChange::Unyank(one)).await, names(&["2"]));
    assert_eq!(yanked().await, [None, None]);
    assert_eq!(whole_log(&store).await.len(), 4);
    let unknown = Which::File("acme-3.tar.gz".parse().unwrap());
    assert_eq!(changed(&store, CatalogueChange::Yank(unknown, String::new())).await, Changed::NotFound);
}

pub(crate) async fn a_deleted_name_is_never_used_again_and_an_old_file_is_not_deleted(home: &Home) {
    let store = home.open().await;
    for version in ["1", "2"] {
        store.add_hosted_file(acme(version), event(version)).await.unwrap();
    }
    let young = CatalogueChange::Delete {
        which: Which::All,
        uploaded_since: Some(noon() + SignedDuration::from_secs(1)),
        at: noon(),
        reason: None,
    };
    assert_eq!(changed(&store, young).await, Changed::TooOld(acme("1").file));
    assert_eq!(changed(&store, deletion(Which::Release("1".to_owned()))).await, names(&["1"]));
    for bytes in ["1", "other"] {
        let again = HostedFile { sha256: Sha256::of(bytes), ..acme("1") };
        assert_eq!(store.add_hosted_file(again, event("again")).await.unwrap(), AddFile::Deleted);
    }
    assert_eq!(changed(&store, deletion(Which::Release("1".to_owned()))).await, Changed::NotFound);
    assert_eq!(store.add_hosted_file(acme("2"), event("again")).await.unwrap(), AddFile::Identical);
    assert_eq!(whole_log(&store).await.len(), 3);
}

pub(crate) async fn a_project_with_another_status_takes_files_or_does_not(home: &Home) {
    let store = home.open().await;
    store.add_hosted_file(acme("1"), event("1")).await.unwrap();
    for (number, status) in [ProjectStatus::Archived, ProjectStatus::Quarantined].into_iter().enumerate() {
        changed(&store, CatalogueChange::Status(status, Some("because".to_owned()))).await;
        let closed = store.add_hosted_file(acme(&format!("2.{number}")), event("2")).await.unwrap();
        assert_eq!(closed, AddFile::Closed(status));
    }
    changed(&store, CatalogueChange::Status(ProjectStatus::Deprecated, None)).await;
    assert_eq!(store.add_hosted_file(acme("3"), event("3")).await.unwrap(), AddFile::Added);
    let found = store.hosted_project(&"python".parse().unwrap(), &"acme".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!((found.status, found.reason), (ProjectStatus::Deprecated, None));
    let before = whole_log(&store).await.len();
    changed(&store, CatalogueChange::Status(ProjectStatus::Deprecated, None)).await;
    assert_eq!(whole_log(&store).await.len(), before);
}

pub(crate) async fn a_release_has_one_name_and_one_sdist(home: &Home) {
    let store = home.open().await;
    let release = || Release { spellings: vec!["1".into(), "1.0".into(), "1.0.0".into()], one_sdist: true };
    let add = async |name: &str, version: &str, release: Release, id: &str| {
        let file = HostedFile { version: version.to_owned(), ..file("python", name, name) };
        store.add_to_release(file, release, event(id)).await.unwrap()
    };
    assert_eq!(add("a-1.0.tar.gz", "1.0", release(), "1").await, AddFile::Added);
    assert_eq!(add("a-1.0.0-py3-none-any.whl", "1.0.0", release(), "2").await, AddFile::Added);
    let first = || AddFile::SecondSdist("a-1.0.tar.gz".parse().unwrap());
    for (name, id) in [("a-1.0.0.tar.gz", "3"), ("a-1.zip", "4")] {
        assert_eq!(add(name, "1", release(), id).await, first(), "{name}");
    }
    assert_eq!(add("a-1.0.tar.gz", "1.0", release(), "5").await, AddFile::Identical);
    // Of what was published elsewhere, there may be two.
    let as_it_is = Release { one_sdist: false, ..release() };
    assert_eq!(add("a-1.zip", "1", as_it_is, "6").await, AddFile::Added);
    let other = Release { spellings: vec!["2".into()], one_sdist: true };
    assert_eq!(add("a-2.tar.gz", "2", other, "7").await, AddFile::Added);

    let files = store.hosted_files(&"python".parse().unwrap(), &"a".parse().unwrap()).await.unwrap();
    let versions: Vec<&str> = files.iter().map(|file| &*file.version).collect();
    assert_eq!(versions, ["1.0", "1.0", "1.0", "2"]);
    let log: Vec<_> = whole_log(&store).await.into_iter().map(|row| row.event).collect();
    assert_eq!(log, ["1", "2", "6", "7"].map(event));
}
