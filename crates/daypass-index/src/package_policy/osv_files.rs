//! Reads advisories in the OSV format from a folder of JSON files or a zip file of them.
//!
//! Everything is bounded: whoever can put a file there must not be able to take the memory of the server.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    path::{Path, PathBuf},
};

use zip::ZipArchive;

use super::advisory::Advisories;

/// The most advisories in one place.
const MOST_FILES: usize = 500_000;

/// The longest advisory, in bytes.
const LONGEST_FILE: u64 = 4 * 1024 * 1024;

/// How much is read in one place altogether, in bytes, decompressed.
const MOST_BYTES: u64 = 4 * 1024 * 1024 * 1024;

/// How deep folders may be.
const DEEPEST: usize = 10;

/// Why advisories cannot be read. One sentence each, for the operator.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// The system says no.
    #[error("the advisories in {place} cannot be read: {source}")]
    Io {
        /// Where.
        place: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is no zip file.
    #[error("{place} is neither a folder nor a readable zip file")]
    Zip {
        /// Where.
        place: PathBuf,
        /// What is wrong with it.
        source: zip::result::ZipError,
    },
    /// It is no advisory.
    #[error("`{file}` in {place} is not an advisory in the OSV format: {source}")]
    Advisory {
        /// Where.
        place: PathBuf,
        /// Which file.
        file: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// There is more than is read.
    #[error("{place} holds too much: at most {MOST_FILES} advisories of 4 MiB each, 4 GiB altogether")]
    TooMuch {
        /// Where.
        place: PathBuf,
    },
}

/// What may still be read.
struct Budget {
    files: usize,
    bytes: u64,
}

/// Reads all advisories of one place.
pub(super) fn read(place: &Path, advisories: &mut Advisories) -> Result<(), Unreadable> {
    let mut reading =
        Reading { place, advisories, budget: Budget { files: MOST_FILES, bytes: MOST_BYTES }, text: Vec::new() };
    if place.is_dir() { reading.folder(place, DEEPEST) } else { reading.zip() }
}

struct Reading<'a> {
    place: &'a Path,
    advisories: &'a mut Advisories,
    budget: Budget,
    text: Vec<u8>,
}

impl Reading<'_> {
    fn folder(&mut self, folder: &Path, deepest: usize) -> Result<(), Unreadable> {
        let failed = |source| Unreadable::Io { place: folder.to_owned(), source };
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if name.starts_with('.') {
                continue;
            }
            if entry.file_type().map_err(failed)?.is_dir() {
                let deeper = deepest.checked_sub(1).ok_or_else(|| self.too_much())?;
                self.folder(&path, deeper)?;
            } else if is_advisory(&name) {
                let file = File::open(&path).map_err(failed)?;
                self.one(file, &name)?;
            }
        }
        Ok(())
    }

    fn zip(&mut self) -> Result<(), Unreadable> {
        let place = self.place;
        let file = File::open(place).map_err(|source| Unreadable::Io { place: place.to_owned(), source })?;
        let failed = |source| Unreadable::Zip { place: place.to_owned(), source };
        let mut archive = ZipArchive::new(BufReader::new(file)).map_err(failed)?;
        for number in 0..archive.len() {
            let entry = archive.by_index(number).map_err(failed)?;
            let name = entry.name().map_or_else(|_| String::new(), |name| name.to_string());
            if is_advisory(&name) {
                self.one(entry, &name)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, from: impl Read, name: &str) -> Result<(), Unreadable> {
        self.budget.files = self.budget.files.checked_sub(1).ok_or_else(|| self.too_much())?;
        self.text.clear();
        let read = from.take(LONGEST_FILE + 1).read_to_end(&mut self.text);
        let read = read.map_err(|source| Unreadable::Io { place: self.place.to_owned(), source })? as u64;
        self.budget.bytes = self.budget.bytes.checked_sub(read).ok_or_else(|| self.too_much())?;
        if read > LONGEST_FILE {
            return Err(self.too_much());
        }
        self.advisories.add(&self.text).map_err(|source| {
            let file = name.chars().take(100).flat_map(char::escape_debug).collect();
            Unreadable::Advisory { place: self.place.to_owned(), file, source }
        })
    }

    fn too_much(&self) -> Unreadable {
        Unreadable::TooMuch { place: self.place.to_owned() }
    }
}

fn is_advisory(name: &str) -> bool {
    Path::new(name).extension().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use zip::{ZipWriter, write::SimpleFileOptions};

    use super::*;

    const ADVISORY: &str = r#"{"id": "MAL-2026-1", "affected": [{"package": {"ecosystem": "PyPI", "name": "acme"}, "versions": ["1.0"]}]}"#;

    fn count(place: &Path) -> Result<usize, Unreadable> {
        let mut advisories = Advisories::default();
        read(place, &mut advisories).map(|()| advisories.len())
    }

    #[test]
    fn a_folder_is_read_with_the_folders_in_it_and_nothing_that_is_hidden() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("malicious/acme");
        fs::create_dir_all(&deep).unwrap();
        fs::create_dir_all(folder.path().join(".git")).unwrap();
        for file in ["MAL-1.json", "malicious/acme/MAL-2.json"] {
            fs::write(folder.path().join(file), ADVISORY).unwrap();
        }
        for file in ["README.md", ".git/index.json", ".half.json"] {
            fs::write(folder.path().join(file), "nonsense").unwrap();
        }
        assert_eq!(count(folder.path()).unwrap(), 2);
    }

    #[test]
    fn a_zip_file_is_read_like_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("all.zip");
        let mut zip = ZipWriter::new(File::create(&path).unwrap());
        for name in ["MAL-1.json", "deep/MAL-2.json", "README.md"] {
            zip.start_file(name, SimpleFileOptions::default()).unwrap();
            zip.write_all(ADVISORY.as_bytes()).unwrap();
        }
        zip.finish().unwrap();
        assert_eq!(count(&path).unwrap(), 2);
    }

    #[test]
    fn what_is_broken_is_named_and_nothing_else_is_taken_for_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("MAL-1.json");
        fs::write(&file, "{\"id\": \"MAL-1\"").unwrap();
        let error = count(folder.path()).unwrap_err().to_string();
        assert!(error.contains("`MAL-1.json`"), "{error}");
        fs::write(&file, " ".repeat(5 * 1024 * 1024)).unwrap();
        assert!(matches!(count(folder.path()), Err(Unreadable::TooMuch { .. })));
        assert!(matches!(count(&file), Err(Unreadable::Zip { .. })));
        assert!(matches!(count(&folder.path().join("gone")), Err(Unreadable::Io { .. })));
    }

    #[test]
    fn folders_that_are_too_deep_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let deep: PathBuf = (0..12).map(|_| "d").collect();
        fs::create_dir_all(folder.path().join(deep)).unwrap();
        assert!(matches!(count(folder.path()), Err(Unreadable::TooMuch { .. })));
    }
}
