//! The corpus of distributions that must be refused, and its good twins.

use axum::http::StatusCode;
use daypass_testkit::hostile::{self, Sample};
use tempfile::TempDir;

use crate::world::World;

/// What lies in the folder for files, but for the folders themselves.
pub(crate) fn kept(world: &World) -> Vec<std::path::PathBuf> {
    fn walk(folder: &std::path::Path, found: &mut Vec<std::path::PathBuf>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { walk(&path, found) } else { found.push(path) }
        }
    }
    let mut found = Vec::new();
    walk(&world.files_folder(), &mut found);
    found.sort();
    found
}

async fn import(world: &World, sample: &Sample) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(&sample.file);
    std::fs::write(&path, &sample.bytes).unwrap();
    world.import_path(&path).await.map(drop).map_err(|error| error.to_string())
}

#[test]
fn there_are_more_than_a_hundred_and_no_two_are_the_same() {
    let refused = hostile::refused();
    assert!(refused.len() >= 100, "{}", refused.len());
    for (number, one) in refused.iter().enumerate() {
        let same = refused.iter().skip(number + 1).find(|other| other.bytes == one.bytes && other.file == one.file);
        assert!(same.is_none(), "{} is {}", one.what, same.unwrap().what);
    }
}

#[tokio::test]
async fn every_hostile_file_is_refused_with_its_reason_and_nothing_is_kept() {
    // Making them takes a while, in which the world would go blind.
    let samples = hostile::refused();
    let world = World::alone().await;
    let mut wrong = Vec::new();
    for sample in samples {
        match import(&world, &sample).await {
            Err(why) if why.contains(sample.reason) && !why.contains('\n') => {}
            other => wrong.push(format!("{} ({}): {other:?}", sample.what, sample.reason)),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(kept(&world), Vec::<std::path::PathBuf>::new());
    assert!(world.store.hosted_projects(&"python".parse().unwrap()).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_good_twin_is_taken_and_served_whole() {
    let mut wrong = Vec::new();
    for sample in hostile::taken() {
        // Each in an index of its own: they have one name.
        let world = World::alone().await;
        if let Err(why) = import(&world, &sample).await {
            wrong.push(format!("{}: {why}", sample.what));
            continue;
        }
        let served = world.get(&format!("/python/files/{}/{}", hostile::PROJECT, sample.file)).await;
        assert_eq!((served.status, served.bytes()), (StatusCode::OK, &sample.bytes.into()), "{}", sample.what);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
