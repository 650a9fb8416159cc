//! Looking after hosted files: what is damaged is found, what nobody names is swept, and nothing else is touched.

use axum::http::StatusCode;
use daypass_core::{SignedDuration, Timestamp};
use daypass_index::{
    Care, Imported,
    care::{Damage, Finding, Part, Swept, Verified},
};
use daypass_testkit::wheel::Wheel;

use crate::world::World;

const FILE: &str = "/python/files/acme-hello/acme_hello-1.0-py3-none-any.whl";

fn blob(world: &World, sha256: &impl ToString) -> std::path::PathBuf {
    let digits = sha256.to_string();
    world.files_folder().join("blobs/hosted/sha256").join(&digits[..2]).join(&digits)
}

fn care(world: &World) -> Care {
    Care::new(world.store.clone(), world.files.clone())
}

async fn world() -> (World, Wheel, Imported) {
    let (world, wheel) = (World::alone().await, Wheel::new("acme-hello", "1.0"));
    let imported = world.import(&wheel).await;
    world.import(&Wheel::new("acme-other", "1.0").padding(2_000_000)).await;
    (world, wheel, imported)
}

async fn verify(world: &World) -> (Verified, Vec<Finding>) {
    let mut all = Vec::new();
    let verified = care(world).verify(|_, findings| all.extend_from_slice(findings)).await.unwrap();
    (verified, all)
}

#[tokio::test]
async fn what_is_whole_is_found_whole_and_what_is_damaged_is_named() {
    let (world, wheel, imported) = world().await;
    let (verified, findings) = verify(&world).await;
    assert_eq!((verified.files, verified.damaged, findings), (2, 0, Vec::new()));
    assert!(verified.bytes > 2_000_000);

    let path = blob(&world, &imported.sha256);
    let mut bytes = wheel.bytes();
    bytes[100] ^= 1;
    std::fs::write(&path, &bytes).unwrap();
    let finding = |part, sha256, damage| Finding {
        index: "python".parse().unwrap(),
        file: imported.file.clone(),
        part,
        sha256,
        damage,
    };
    let (verified, findings) = verify(&world).await;
    assert_eq!((verified.files, verified.damaged), (2, 1));
    assert_eq!(findings, [finding(Part::File, imported.sha256, Damage::Changed)]);

    std::fs::remove_file(&path).unwrap();
    let metadata = daypass_core::digest::Sha256::of(wheel.metadata());
    std::fs::remove_file(blob(&world, &metadata)).unwrap();
    let missing =
        [finding(Part::File, imported.sha256, Damage::Missing), finding(Part::Metadata, metadata, Damage::Missing)];
    assert_eq!(verify(&world).await.1, missing);
}

fn real_now() -> Timestamp {
    let modified = tempfile::NamedTempFile::new().unwrap().as_file().metadata().unwrap().modified().unwrap();
    Timestamp::try_from(modified).unwrap()
}

fn days(number: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * number)
}

#[tokio::test]
async fn bytes_without_a_row_go_by_way_of_the_trash_and_all_others_stay() {
    let (world, wheel, _) = world().await;
    let orphan = daypass_core::digest::Sha256::of("orphan");
    let path = blob(&world, &orphan);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "orphan").unwrap();
    let (care, now) = (care(&world), real_now());
    // An upload may be on its way.
    assert_eq!(care.sweep(now).await.unwrap(), Swept::default());
    assert!(path.exists());
    let trashed = care.sweep(now + days(1)).await.unwrap();
    assert_eq!(trashed, Swept { trashed: 1, bytes: 6, ..Swept::default() });
    assert!(!path.exists());
    assert_eq!(care.sweep(now + days(2)).await.unwrap(), Swept::default());
    assert_eq!(care.sweep(now + days(3)).await.unwrap(), Swept { removed: 1, ..Swept::default() });
    assert_eq!(care.sweep(now + days(9)).await.unwrap(), Swept::default());
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
    assert_eq!(verify(&world).await.0.damaged, 0);
}

#[tokio::test]
async fn what_is_named_while_it_is_in_the_trash_comes_back() {
    let (world, wheel, imported) = world().await;
    let digits = imported.sha256.to_string();
    let day = (real_now().as_second() / 86_400).to_string();
    let trash = world.files_folder().join("trash").join(day);
    std::fs::create_dir_all(&trash).unwrap();
    std::fs::rename(blob(&world, &digits), trash.join(&digits)).unwrap();
    assert_eq!(world.get(FILE).await.status, StatusCode::SERVICE_UNAVAILABLE);
    let swept = care(&world).sweep(real_now()).await.unwrap();
    assert_eq!(swept, Swept { restored: 1, ..Swept::default() });
    assert_eq!(world.get(FILE).await.bytes(), &wheel.bytes());
}
