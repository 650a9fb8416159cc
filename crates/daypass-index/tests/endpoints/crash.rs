//! What a crash leaves behind is swept, and never served.

use daypass_index::FileStore;
use tempfile::TempDir;

#[test]
fn scratch_files_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    let folder = TempDir::new().unwrap();
    let scratch = folder.path().join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    let file = |name: &str| std::fs::File::create(scratch.join(name)).unwrap();
    let dead = file("0123-0");
    let a_while_ago = dead.metadata().unwrap().modified().unwrap() - std::time::Duration::from_mins(2);
    dead.set_modified(a_while_ago).unwrap();
    drop(dead);
    let living = file("4567-0");
    living.set_modified(a_while_ago).unwrap();
    living.lock().unwrap();
    // Between its creation and its lock.
    file("89ab-0");
    FileStore::folder(folder.path()).unwrap();
    let mut left: Vec<_> = std::fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["4567-0", "89ab-0"]);
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = FileStore::folder(&file).unwrap_err().to_string();
    assert!(error.contains("cannot be used") && !error.contains('\n'), "{error}");
}
