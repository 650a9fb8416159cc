//! A private file in a private folder, whatever the umask.
//!
//! The database holds sealed keys and everybody's comings and goings. SQLite gives its `-wal` and `-shm` files the
//! mode of the database file, so it is enough to make that one well.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

/// A database file that is there, and whether we put it there.
#[derive(Debug)]
pub(crate) struct SqliteFile {
    /// Absolute, the folder without symbolic links.
    pub(crate) path: PathBuf,
    created: bool,
}

impl SqliteFile {
    /// Makes an empty file (0600) and the folders above it (0700) where there are none. What is there stays as it is.
    pub(crate) fn prepare(path: &Path) -> io::Result<Self> {
        let absolute = std::path::absolute(path)?;
        let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(io::Error::new(ErrorKind::IsADirectory, "a folder, not a file"));
        };
        make_folder(folder)?;
        let folder = folder.canonicalize()?;
        let path = folder.join(name);
        if path.is_dir() {
            return Err(io::Error::new(ErrorKind::IsADirectory, "a folder, not a file"));
        }
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Ok(file) => {
                file.set_permissions(Permissions::from_mode(0o600))?;
                // The file's name must survive a power cut as surely as what will be in it.
                File::open(&folder)?.sync_all()?;
                Ok(Self { path, created: true })
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // SQLite would silently open a file it may not write for reading only.
                OpenOptions::new().read(true).write(true).open(&path)?;
                Ok(Self { path, created: false })
            }
            Err(error) => Err(error),
        }
    }

    /// Takes back what [`prepare`](Self::prepare) made, if nobody has written to it since.
    pub(crate) fn take_back(&self) {
        if self.created && fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() == 0) {
            // Best effort: an empty file left behind is opened as an empty database next time.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Makes `folder` and those above it. Each gets its mode at once and again: `mkdir` obeys the umask.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folder(above)?;
    }
    match DirBuilder::new().mode(0o700).create(folder) {
        Ok(()) => fs::set_permissions(folder, Permissions::from_mode(0o700)),
        // Somebody else was quicker, or a dangling link or a file is in the way: the next step tells.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}
