//! The folder with everything the server keeps on its machine.

use std::{
    fs::{self, File, OpenOptions},
    io::{ErrorKind, Write},
    path::{Path, PathBuf},
};

use daypass_core::{public_url::PublicUrl, secret::Secret};
use daypass_issuer::KeyEncryptionKey;

use crate::failure::Failure;

/// The file with the key under which signing keys are sealed.
const KEY_FILE: &str = "key-encryption.key";

/// The file with the URL under which the server was known when it last started.
const URL_FILE: &str = "public-url";

/// The folder for packages.
const FILES: &str = "files";

/// The folder for files on their way to another place.
const SCRATCH: &str = "scratch";

/// Creates a folder for packages (0700, whatever the umask) or checks the one that is there.
pub(crate) fn open_folder(path: &Path) -> Result<(), Failure> {
    create_private(path).map_err(|error| {
        Failure::data(format!("could not create the folder {}: {error}", path.display()))
            .hint("choose another as `[files] folder`, or create it for the user that runs daypassd")
    })?;
    refuse_open_to_others(path)
}

/// A data folder that exists and is closed to others.
#[derive(Debug)]
pub(crate) struct DataFolder(PathBuf);

impl DataFolder {
    /// Creates the folder (0700, whatever the umask) or checks the one that is there.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        create_private(path).map_err(|error| {
            Failure::data(format!("could not create the data folder {}: {error}", path.display()))
                .hint("choose another folder with `--data DIR`, or create it for the user that runs daypassd")
        })?;
        refuse_open_to_others(path)?;
        Ok(Self(path.to_owned()))
    }

    /// The folder of a server that has run before. None is made: what a new key-encryption key seals, no server opens.
    pub(crate) fn existing(path: &Path) -> Result<Self, Failure> {
        if path.join(KEY_FILE).exists() {
            return Self::open(path);
        }
        Err(Failure::data(format!("there is no {KEY_FILE} in the data folder {}", path.display())).hint(
            "name the data folder of a server that has run with `--data DIR`, or its configuration with `--config FILE`",
        ))
    }

    /// Takes the folder for one server: two would sweep each other's half-written files.
    /// The lock ends with the process, however it ends.
    pub(crate) fn lock(&self) -> Result<File, Failure> {
        let path = self.0.join("serve.lock");
        let file = private_file().create(true).truncate(false).open(&path).map_err(|error| self.unusable(&error))?;
        file.try_lock().map_err(|_| {
            Failure::data(format!("another daypassd is serving from the data folder {}", self.0.display()))
                .hint("stop it, or give this one its own folder with `--data DIR`")
        })?;
        Ok(file)
    }

    /// Reads the key-encryption key; makes it in a new folder.
    pub(crate) fn key_encryption_key(&self) -> Result<KeyEncryptionKey, Failure> {
        let path = self.0.join(KEY_FILE);
        refuse_readable_by_others(&path)?;
        let text = match fs::read_to_string(&path) {
            Ok(text) => Secret::new(text),
            Err(error) if error.kind() == ErrorKind::NotFound => self.make_key(&path)?,
            Err(error) => return Err(self.unusable(&error)),
        };
        KeyEncryptionKey::parse(&text).map_err(|error| {
            Failure::data(format!("{}: {error}", path.display()))
                .hint("restore the file from your backup; without it the stored signing keys cannot be used")
        })
    }

    fn make_key(&self, path: &Path) -> Result<Secret, Failure> {
        let text = KeyEncryptionKey::generate().map_err(Failure::other)?;
        let write = || -> std::io::Result<()> {
            // A temporary name first: a crash must not leave half a key.
            let temporary = path.with_extension(format!("new-{}", std::process::id()));
            let mut file = private_file().create_new(true).open(&temporary)?;
            file.write_all(text.expose().as_bytes())?;
            file.sync_all()?;
            // A hard link does not replace: of two servers that start at once, one key wins.
            let linked = fs::hard_link(&temporary, path);
            fs::remove_file(&temporary)?;
            match linked {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
                other => other,
            }?;
            File::open(&self.0)?.sync_all()
        };
        write().map_err(|error| self.unusable(&error))?;
        fs::read_to_string(path).map(Secret::new).map_err(|error| self.unusable(&error))
    }

    /// Writes down the URL under which the server is known, for the commands that work beside it.
    pub(crate) fn keep_public_url(&self, url: &PublicUrl) -> Result<(), Failure> {
        let (path, temporary) = (self.0.join(URL_FILE), self.0.join(format!("{URL_FILE}.new-{}", std::process::id())));
        let _ = fs::remove_file(&temporary);
        private_file()
            .create_new(true)
            .open(&temporary)
            .and_then(|mut file| file.write_all(format!("{url}\n").as_bytes()))
            .and_then(|()| fs::rename(&temporary, path))
            .map_err(|error| self.unusable(&error))
    }

    /// The URL under which the server was known when it last started, if it ever was.
    pub(crate) fn public_url(&self) -> Option<PublicUrl> {
        fs::read_to_string(self.0.join(URL_FILE)).ok()?.trim().parse().ok()
    }

    /// The folder for packages.
    pub(crate) fn files(&self) -> Result<PathBuf, Failure> {
        let path = self.0.join(FILES);
        create_private(&path).map_err(|error| self.unusable(&error))?;
        Ok(path)
    }

    /// The folder for files that are still being written, where packages are kept elsewhere.
    pub(crate) fn scratch(&self) -> Result<PathBuf, Failure> {
        let path = self.0.join(SCRATCH);
        create_private(&path).map_err(|error| self.unusable(&error))?;
        Ok(path)
    }

    fn unusable(&self, error: &std::io::Error) -> Failure {
        Failure::data(format!("the data folder {} cannot be used: {error}", self.0.display()))
            .hint("it must be writable by the user that runs daypassd, on a disk with room")
    }
}

#[cfg(unix)]
fn create_private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o700))
}

#[cfg(not(unix))]
fn create_private(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(unix)]
fn private_file() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

#[cfg(not(unix))]
fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    options
}

/// Everything inside is private by itself; but whoever may write here, or owns the place, could replace it.
#[cfg(unix)]
fn refuse_open_to_others(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let metadata =
        fs::metadata(path).map_err(|error| Failure::data(format!("could not look at {}: {error}", path.display())))?;
    let (owner, us) = (metadata.uid(), rustix::process::geteuid().as_raw());
    if owner != us && owner != 0 {
        return Err(Failure::data(format!("the data folder {} belongs to another user", path.display()))
            .hint("run daypassd as its owner, or choose another with `--data DIR`"));
    }
    let mode = metadata.mode() & 0o777;
    if mode & 0o022 == 0 {
        return Ok(());
    }
    Err(Failure::data(format!("other users may write into the data folder {} (mode {mode:o})", path.display()))
        .hint(format!("close it with `chmod 700 {}`, or choose another with `--data DIR`", path.display())))
}

/// The key opens the signing keys.
#[cfg(unix)]
fn refuse_readable_by_others(path: &Path) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;
    let mode = fs::metadata(path).map_or(0, |metadata| metadata.mode() & 0o777);
    if mode & 0o077 == 0 {
        return Ok(());
    }
    Err(Failure::data(format!("other users may read the key file {} (mode {mode:o})", path.display()))
        .hint(format!("close it with `chmod 600 {}`", path.display())))
}

#[cfg(not(unix))]
fn refuse_readable_by_others(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

#[cfg(not(unix))]
fn refuse_open_to_others(_path: &Path) -> Result<(), Failure> {
    Ok(())
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn the_folder_and_its_key_are_closed_to_others() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        let folder = DataFolder::open(&path).unwrap();
        folder.key_encryption_key().unwrap();
        assert_eq!((mode(&path), mode(&path.join(KEY_FILE))), (0o700, 0o600));
        let first = fs::read(path.join(KEY_FILE)).unwrap();
        DataFolder::open(&path).unwrap().key_encryption_key().unwrap();
        assert_eq!(fs::read(path.join(KEY_FILE)).unwrap(), first);
        assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_others_may_write_into_is_refused_and_one_they_may_read_is_not() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("open");
        fs::create_dir(&path).unwrap();
        for (bits, good) in [(0o777, false), (0o720, false), (0o755, true), (0o700, true)] {
            fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
            assert_eq!(DataFolder::open(&path).is_ok(), good, "{bits:o}");
        }
    }

    #[test]
    fn a_folder_without_a_key_is_no_servers_and_is_not_made() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("d");
        assert!(DataFolder::existing(&path).is_err());
        assert!(!path.exists());
        DataFolder::open(&path).unwrap().key_encryption_key().unwrap();
        assert!(DataFolder::existing(&path).is_ok());
    }

    #[test]
    fn a_broken_key_file_is_an_error_and_stays_as_it_is() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&parent.path().join("d")).unwrap();
        fs::write(folder.0.join(KEY_FILE), "broken").unwrap();
        assert!(folder.key_encryption_key().is_err());
        assert_eq!(fs::read_to_string(folder.0.join(KEY_FILE)).unwrap(), "broken");
    }

    #[test]
    fn a_key_file_that_others_may_read_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&parent.path().join("d")).unwrap();
        folder.key_encryption_key().unwrap();
        fs::set_permissions(folder.0.join(KEY_FILE), fs::Permissions::from_mode(0o640)).unwrap();
        assert!(folder.key_encryption_key().is_err());
        fs::set_permissions(folder.0.join(KEY_FILE), fs::Permissions::from_mode(0o600)).unwrap();
        assert!(folder.key_encryption_key().is_ok());
    }

    #[test]
    fn the_url_of_the_last_start_is_remembered() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&parent.path().join("d")).unwrap();
        assert_eq!(folder.public_url(), None);
        for url in ["http://127.0.0.1:7411", "https://packages.example.com"] {
            folder.keep_public_url(&url.parse().unwrap()).unwrap();
            assert_eq!(folder.public_url().unwrap().as_str(), url);
        }
        fs::write(folder.0.join(URL_FILE), "nonsense").unwrap();
        assert_eq!(folder.public_url(), None);
    }

    #[test]
    fn one_folder_serves_one_server() {
        let parent = tempfile::tempdir().unwrap();
        let folder = DataFolder::open(&parent.path().join("d")).unwrap();
        let held = folder.lock().unwrap();
        assert!(folder.lock().is_err());
        drop(held);
        assert!(folder.lock().is_ok());
    }
}
