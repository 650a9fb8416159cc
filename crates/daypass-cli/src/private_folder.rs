//! Folders and files that belong to one person alone.
//!
//! A folder that somebody else can look into or put things into is refused, not mended: what is in it may
//! already have been read or planted. Nothing here ever *creates* a folder or a file that others may enter,
//! whatever the umask.
//!
//! What is *not* here: what is kept in the files.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// Checks that `folder` is a real folder, ours, and closed to others. `Ok(false)`: it is not there.
///
/// The one `lstat` that a credential from the cache costs.
pub(crate) fn check(folder: &Path) -> Result<bool, Failure> {
    let found = match fs::symlink_metadata(folder) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(trouble("cannot look at", folder, &error)),
    };
    let shown = folder.display();
    if found.is_symlink() {
        let message = format!("the cache folder `{shown}` is a symbolic link, which somebody else could turn");
        return Err(Failure::local(message).hint(format!("`rm '{shown}'` removes the link and leaves its target")));
    }
    if !found.is_dir() {
        let message = format!("`{shown}` is in the way: a folder for the cache is needed there");
        return Err(Failure::local(message).hint(format!("`rm '{shown}'` makes room")));
    }
    check_owner(folder, &found)?;
    Ok(true)
}

#[cfg(unix)]
fn check_owner(folder: &Path, found: &fs::Metadata) -> Result<(), Failure> {
    use std::os::unix::fs::MetadataExt;

    let (shown, us) = (folder.display(), rustix::process::geteuid().as_raw());
    if found.uid() != us {
        let message = format!("the cache folder `{shown}` belongs to another user ({}, not {us})", found.uid());
        let hint = format!("`sudo rm -r '{shown}'`, or set `XDG_CACHE_HOME` to a folder of your own");
        return Err(Failure::local(message).hint(hint));
    }
    let mode = found.mode() & 0o7777;
    if mode & 0o077 != 0 {
        let message = format!("the cache folder `{shown}` is open to other users (mode {mode:04o})");
        return Err(Failure::local(message).hint(format!("`chmod 700 '{shown}'` closes it")));
    }
    Ok(())
}

/// On Windows the profile's folders are closed to others by their access control lists.
#[cfg(not(unix))]
fn check_owner(_: &Path, _: &fs::Metadata) -> Result<(), Failure> {
    Ok(())
}

/// Makes `folder` and what is missing above it, closed to others from the first moment; then checks it.
pub(crate) fn make(folder: &Path) -> Result<(), Failure> {
    if check(folder)? {
        return Ok(());
    }
    make_closed(folder).map_err(|error| trouble("cannot create", folder, &error))?;
    check(folder).map(drop)
}

#[cfg(unix)]
fn make_closed(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;

    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // The umask can only take away, but it may take from the owner too.
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
}

#[cfg(not(unix))]
fn make_closed(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// Opens a file for reading and writing, making it if `options` say so: mode 0600, whatever the umask.
pub(crate) fn open_private(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

        let file = options.mode(0o600).open(path)?;
        // The umask can only take away, but it may take from the owner too.
        if file.metadata()?.permissions().mode() & 0o7777 != 0o600 {
            file.set_permissions(fs::Permissions::from_mode(0o600))?;
        }
        Ok(file)
    }
    #[cfg(not(unix))]
    options.open(path)
}

/// A new file that is not yet in its place: whole and on the disk, or not there at all.
///
/// Dropped before [`Draft::publish`], it leaves nothing behind; after a crash it leaves a file whose name begins
/// with a dot, which nobody reads and the next draft of the same file replaces.
#[derive(Debug)]
pub(crate) struct Draft {
    file: File,
    path: PathBuf,
    published: bool,
}

impl Draft {
    /// Begins a file beside `target`. The caller holds the target's lock, so there is one draft at a time.
    pub(crate) fn beside(target: &Path) -> io::Result<Self> {
        let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let path = target.with_file_name(format!(".{name}.draft"));
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        // `create_new` follows no link that somebody put there in between.
        let file = open_private(&path, OpenOptions::new().create_new(true))?;
        Ok(Self { file, path, published: false })
    }

    /// Takes `bytes` of space on the disk now, so that writing as much later cannot fail for want of it.
    pub(crate) fn reserve(&mut self, bytes: usize) -> io::Result<()> {
        self.file.write_all(&vec![0; bytes])?;
        self.file.sync_all()
    }

    /// Writes `content`, waits until it is on the disk, and puts it in the place of `target`.
    pub(crate) fn publish(mut self, content: &[u8], target: &Path) -> io::Result<()> {
        io::Seek::rewind(&mut self.file)?;
        self.file.write_all(content)?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.path, target)?;
        self.published = true;
        // The rename itself is durable once the folder is; where a folder cannot be synced, it comes a little later.
        if let Some(folder) = target.parent() {
            let _ = File::open(folder).and_then(|folder| folder.sync_all());
        }
        Ok(())
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.published {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A failure of the file system, told with the path and what may help.
pub(crate) fn trouble(what: &str, path: &Path, error: &io::Error) -> Failure {
    let shown = path.display();
    let (why, hint) = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            ("no space is left", format!("free some space for `{shown}`, or move it with `XDG_CACHE_HOME`"))
        }
        io::ErrorKind::ReadOnlyFilesystem => {
            ("the file system is read-only", "set `XDG_CACHE_HOME` to a folder that can be written".to_owned())
        }
        io::ErrorKind::PermissionDenied => ("permission denied", format!("`ls -ld '{shown}'` shows who may")),
        io::ErrorKind::FileTooLarge => ("the file size limit is reached", "`ulimit -f` shows the limit".to_owned()),
        io::ErrorKind::NotADirectory => {
            ("a part of the path is not a folder", format!("`ls -ld '{shown}'` shows more"))
        }
        _ => return Failure::local(format!("{what} `{shown}`: {error}")),
    };
    Failure::local(format!("{what} `{shown}`: {why}")).hint(hint)
}
