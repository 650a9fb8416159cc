//! The file that holds the private key of a service account.
//!
//! Read anew each time, and never kept anywhere else. One that others could have read is refused: it may be theirs by
//! now.
//!
//! What is *not* here: what is done with the key (`daypass_oidc::assertion`).

use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
};

use daypass_core::secret::Secret;
use daypass_oidc::assertion::AssertionKey;

use crate::{failure::Failure, private_folder};

/// The largest file that is read, in bytes; a key has about 250.
const LARGEST: u64 = 16 * 1024;

/// Reads the key.
pub(crate) fn read(path: &Path) -> Result<AssertionKey, Failure> {
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    check_private(path, &file)?;
    let mut text = String::new();
    let read = file.take(LARGEST + 1).read_to_string(&mut text);
    let text = Secret::new(text);
    if read.map_err(|error| unreadable(path, &error))? as u64 > LARGEST {
        return Err(Failure::local(format!("`{}` is too long for a key", path.display())));
    }
    AssertionKey::from_pem(&text).map_err(|error| Failure::local(format!("`{}`: {error}", path.display())))
}

/// Writes a new key to a file that is not there yet.
pub(crate) fn write_new(path: &Path, key: &AssertionKey) -> Result<(), Failure> {
    let pem = key.to_pem().map_err(|error| Failure::local(error.to_string()))?;
    let written = private_folder::open_private(path, OpenOptions::new().create_new(true))
        .and_then(|mut file| file.write_all(pem.expose().as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("`{}` is there already, and is not touched", path.display()))
                .hint("a key that is in use is replaced by another file: sign in with it, then delete the old one")
        }
        _ => Failure::local(format!("cannot write the key to `{}`: {error}", path.display())),
    })
}

fn unreadable(path: &Path, error: &io::Error) -> Failure {
    let failure = Failure::local(format!("cannot read the service account's key from `{}`: {error}", path.display()));
    failure.hint("`daypass login --service-account NAME --key FILE` remembers another path")
}

#[cfg(unix)]
fn check_private(path: &Path, file: &File) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;

    let found = file.metadata().map_err(|error| unreadable(path, &error))?;
    let (mode, shown) = (found.mode() & 0o7777, path.display());
    if !found.is_file() {
        return Err(Failure::local(format!("`{shown}` is no file")));
    }
    if mode & 0o077 != 0 {
        let message = format!("the key `{shown}` is open to other users (mode {mode:04o})");
        return Err(Failure::local(message).hint(format!("`chmod 600 '{shown}'`, if nobody else can have read it")));
    }
    Ok(())
}

/// On Windows the profile's folders are closed to others by their access control lists.
#[cfg(not(unix))]
fn check_private(_: &Path, _: &File) -> Result<(), Failure> {
    Ok(())
}
