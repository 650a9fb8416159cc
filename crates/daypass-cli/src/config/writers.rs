//! Who can write a configuration file: this user and root only, or it is not believed. A file for all users must be
//! root's alone.
//!
//! Whoever can write the file can have our proof of identity sent to a server of theirs, and whoever can write the
//! folder that holds it can put another file in its place. A link is followed here step by step, because each
//! folder on the way can be such a place.
//!
//! What is *not* here: the folders above, which the system keeps closed, and the cache's own folder, which nobody
//! else may even read (`private_folder.rs`).

use std::{
    fs::{self, File, Metadata},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use crate::{failure::Failure, private_folder::trouble};

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// Who may write a file, besides root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Writers {
    /// This user.
    User,
    /// Nobody.
    Root,
}

/// Checks the open `file`, which was found at `path`.
pub(super) fn check(file: &File, path: &Path, writers: Writers) -> Result<(), Failure> {
    let us = match writers {
        Writers::User => rustix::process::geteuid().as_raw(),
        Writers::Root => 0,
    };
    let cannot = |path: &Path, error: &io::Error| trouble("cannot look at", path, error);
    let found = file.metadata().map_err(|error| cannot(path, &error))?;
    check_owner(us, &found, path)?;
    // A device such as `/dev/null` is everybody's to write, and keeps nothing.
    if found.is_file() {
        check_mode(&found, path)?;
    }
    let mut path = path.to_owned();
    for _ in 0..MOST_LINKS {
        let entry = match fs::symlink_metadata(&path) {
            Ok(entry) => entry,
            // A pipe, or something else that was opened without being in a folder.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(cannot(&path, &error)),
        };
        let folder = folder_of(&path);
        let holder = fs::metadata(&folder).map_err(|error| cannot(&folder, &error))?;
        check_owner(us, &holder, &folder)?;
        // In a sticky folder such as `/tmp`, nobody else can move or replace what is ours.
        if !(holder.mode() & 0o1000 != 0 && entry.uid() == us) {
            check_mode(&holder, &folder)?;
        }
        if !entry.is_symlink() {
            break;
        }
        let target = fs::read_link(&path).map_err(|error| cannot(&path, &error))?;
        path = folder.join(target);
    }
    Ok(())
}

fn folder_of(path: &Path) -> PathBuf {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or_else(|| Path::new(".")).to_owned()
}

fn check_owner(us: u32, found: &Metadata, path: &Path) -> Result<(), Failure> {
    let owner = found.uid();
    if owner == us || owner == 0 {
        return Ok(());
    }
    let shown = path.display();
    let message = format!("`{shown}` belongs to another user ({owner}, not {us}), so what it says cannot be believed");
    Err(Failure::local(message).hint(format!("look into it, then `sudo chown {us} '{shown}'` makes it yours")))
}

fn check_mode(found: &Metadata, path: &Path) -> Result<(), Failure> {
    if found.mode() & 0o022 == 0 {
        return Ok(());
    }
    let (shown, mode) = (path.display(), found.mode() & 0o7777);
    let message = format!("other users may write `{shown}` (mode {mode:04o}), so what it says cannot be believed");
    Err(Failure::local(message).hint(format!("look into it, then `chmod go-w '{shown}'` closes it")))
}
