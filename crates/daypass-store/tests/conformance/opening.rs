//! What cannot be opened is refused in one sentence, and left as it is.

use std::{
    error::Error as _,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use daypass_core::key_rotation::{Key, KeyState};
use daypass_store::{Revocation, RevocationRow, Revoked, Store, StoreError, StoreUrl};
use sqlx::Connection;
use tokio::{net::TcpListener, time::Instant};

use crate::{
    child::run_under_shell,
    home::{Home, event, noon, whole_log},
};

async fn refused(url: &StoreUrl) -> StoreError {
    let error = Store::open(url).await.unwrap_err();
    let sentence = error.to_string();
    assert!(sentence.contains(": ") && !sentence.contains('\n') && !sentence.ends_with('.'), "{sentence}");
    error
}

pub(crate) async fn a_newer_schema_is_refused_and_left_as_it_is(home: &Home) {
    let store = home.open().await;
    store.record(event("a")).await.unwrap();
    store.close().await;
    home.execute(
        "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
         SELECT 9999, description, success, checksum, 0 FROM _sqlx_migrations WHERE version = 1",
    )
    .await;
    let before = home.url().path().map(|path| fs::read(path).unwrap());
    let error = refused(&home.url()).await;
    let migrations = names(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/migrations")));
    let newest: i64 = migrations.last().unwrap().split('_').next().unwrap().parse().unwrap();
    assert!(matches!(error, StoreError::Newer { found: 9999, known, .. } if known == newest), "{error:?}");
    assert_eq!(home.url().path().map(|path| fs::read(path).unwrap()), before);
    assert_eq!(home.number("SELECT COUNT(*) FROM audit").await, 1);
}

pub(crate) async fn a_schema_of_another_build_is_refused(home: &Home) {
    home.open().await.close().await;
    let spoil = if home.is_sqlite() {
        "UPDATE _sqlx_migrations SET checksum = x'00'"
    } else {
        "UPDATE _sqlx_migrations SET checksum = '\\x00'"
    };
    home.execute(spoil).await;
    let error = refused(&home.url()).await;
    assert!(matches!(error, StoreError::Foreign { .. }), "{error:?}");
}

/// What the first schema knew of revocations are access tokens' ids.
pub(crate) async fn a_database_of_the_first_schema_keeps_what_it_has(home: &Home) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("0001_begin.sql"), include_str!("../../migrations/0001_begin.sql")).unwrap();
    if let Some(path) = home.url().path() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let first = sqlx::migrate::Migrator::new(folder.path()).await.unwrap();
    let mut connection = home.behind().await;
    first.run_direct(None, &mut connection, false).await.unwrap();
    connection.close().await.unwrap();
    home.execute("INSERT INTO revocation (token_id, expires_at_us, seq) VALUES ('a', 1767268800000000, 7)").await;
    home.execute("INSERT INTO signing_key VALUES (1, 'kid', 'active', '{}', 'sealed', 1767268800000000)").await;
    let store = home.open().await;
    let keys = store.signing_keys().await.unwrap();
    let active = Key { kid: "kid".to_owned(), state: KeyState::Active, since: noon() };
    assert_eq!((&keys[0].key, keys[0].created_at), (&active, noon()));
    assert_eq!(keys[0].sealed_private.as_deref(), Some("sealed"));
    let what = Revoked::AccessToken("a".to_owned());
    let revocation = Revocation { what, expires_at: "2026-01-01T12:00:00Z".parse().unwrap() };
    assert_eq!(store.revocations_after(0).await.unwrap(), [RevocationRow { seq: 7, revocation }]);
    store.record(event("goes on")).await.unwrap();
    assert_eq!(store.people().await.unwrap(), []);
}

/// The names in a folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn a_corrupt_file_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("daypass.db");
    let good = {
        let home = Home::sqlite();
        let store = home.open().await;
        for number in 0..50 {
            store.record(event(&format!("{number}"))).await.unwrap();
        }
        store.close().await;
        fs::read(home.url().path().unwrap()).unwrap()
    };
    let cut = good[..good.len() / 2].to_vec();
    let mut overwritten = good.clone();
    overwritten[..4096].fill(0x5a);
    for damaged in [b"this is no database".repeat(100), cut, overwritten, vec![0; 8192]] {
        fs::write(&path, &damaged).unwrap();
        let error = refused(&StoreUrl::sqlite(&path)).await;
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
        assert_eq!(fs::read(&path).unwrap(), damaged);
        assert_eq!(names(folder.path()), ["daypass.db"]);
    }
    fs::write(&path, &good).unwrap();
    assert_eq!(whole_log(&Store::open(&StoreUrl::sqlite(&path)).await.unwrap()).await.len(), 50);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_refused_and_left_untouched() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let places = ["file/daypass.db", "folder", "/proc/daypass/daypass.db", "/proc/daypass.db"];
    for place in places.map(|place| folder.path().join(place)) {
        let error = refused(&StoreUrl::sqlite(&place)).await;
        assert!(matches!(error, StoreError::Unwritable { .. }), "{error:?}");
        assert!(error.source().is_some());
    }
    assert_eq!(names(folder.path()), ["file", "folder"]);
    assert_eq!(names(&folder.path().join("folder")), [""; 0]);
}

#[tokio::test]
async fn unusual_paths_are_taken_literally() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("real")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("real"), folder.path().join("link")).unwrap();
    for path in ["a b/100%25 #1&x=ü.db", "link/../real/x.db", "link/y.db", "new/er/z.db"] {
        let path = folder.path().join(path);
        let store = Store::open(&StoreUrl::sqlite(&path)).await.unwrap();
        store.record(event("a")).await.unwrap();
        store.close().await;
        assert!(path.is_file(), "{}", path.display());
    }
    assert_eq!(names(&folder.path().join("real")), ["x.db", "y.db"]);
}

#[test]
fn files_are_private_whatever_the_umask() {
    for umask in ["000", "022", "277"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data/inner/daypass.db");
        let output = run_under_shell(&format!("umask {umask}"), "open_and_list", &path);
        let mode = |path: PathBuf| format!("{:o}", fs::metadata(path).unwrap().permissions().mode() & 0o7777);
        assert_eq!(mode(folder.path().join("data")), "700", "{output}");
        assert_eq!(mode(folder.path().join("data/inner")), "700");
        assert_eq!(mode(path), "600");
        // While it was open: the file, its log and its index.
        assert_eq!(output.matches(" 600 ").count(), 3, "{output}");
        assert!(output.contains("daypass.db-wal") && output.contains("daypass.db-shm"), "{output}");
    }
}

#[tokio::test]
async fn an_unreachable_server_is_told_in_time_without_the_password() {
    // One that refuses, one that accepts and says nothing.
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    for port in [closed, silent.local_addr().unwrap().port()] {
        let begun = Instant::now();
        let error = refused(&format!("postgres://app:hunter2@127.0.0.1:{port}/x").parse().unwrap()).await;
        assert!(matches!(error, StoreError::Unreachable { .. }), "{error:?}");
        assert!(begun.elapsed() < Duration::from_secs(7));
        let printed = format!("{error} {error:?} {error:#?} {:?}", error.source().map(ToString::to_string));
        assert!(!printed.contains("hunter2") && printed.contains("127.0.0.1"), "{printed}");
    }
}
