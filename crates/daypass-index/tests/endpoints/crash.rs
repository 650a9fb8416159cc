//! What a crash leaves behind is swept, and never served.

use daypass_index::FileStore;
use tempfile::TempDir;

#[test]
fn scratch_files_of_the_dead_are_swept_and_those_of_the_living_are_not() {
    let folder = TempDir::new().unwrap();
    let scratch = folder.path().join("scratch");
    std::fs::create_dir_all(&scratch).unwrap();
    std::fs::write(scratch.join("0123-0"), b"half a file").unwrap();
    let living = std::fs::File::create(scratch.join("4567-0")).unwrap();
    living.lock().unwrap();
    FileStore::folder(folder.path()).unwrap();
    let left: Vec<_> = std::fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["4567-0"]);
}

#[test]
fn a_folder_that_cannot_be_used_is_an_error_in_one_sentence() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = FileStore::folder(&file).unwrap_err().to_string();
    assert!(error.contains("cannot be used") && !error.contains('\n'), "{error}");
}
