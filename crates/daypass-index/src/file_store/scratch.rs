//! Files that are still being written. They lose their place when dropped, and at the next start after a crash.

use std::{
    fs::{self, File, OpenOptions},
    io,
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// Younger files are not swept.
const YOUNG: Duration = Duration::from_mins(1);

/// A folder for scratch files.
#[derive(Debug, Clone)]
pub(crate) struct Scratch(Arc<Folder>);

#[derive(Debug)]
struct Folder {
    path: PathBuf,
    next: AtomicU64,
    run: u64,
}

impl Scratch {
    /// Creates the folder and sweeps what processes that are gone have left in it.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let run = getrandom::u64().map_err(io::Error::other)?;
        let scratch = Self(Arc::new(Folder { path: path.to_owned(), next: AtomicU64::new(0), run }));
        // The time by the clock that the others' times are by.
        let now = scratch.create()?.file.metadata()?.modified()?;
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            if is_left_over(&entry, now) {
                // Somebody else may have swept it a moment ago.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(scratch)
    }

    pub(super) fn create(&self) -> io::Result<ScratchFile> {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed);
        let name = format!("{:016x}-{number}", self.0.run);
        let path = self.0.path.join(&name);
        // 0600: a private wheel is nobody else's, whatever the umask.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        file.lock()?;
        Ok(ScratchFile { path, name, file: Arc::new(file), renamed: AtomicBool::new(false) })
    }
}

/// Whether nobody holds the file any more. Its writer holds a lock on it, which ends with the process however that ends;
/// so `daypassd import` may run beside the server in the same folder, and neither sweeps the other's files.
///
/// One that was written to a moment ago may be about to be locked.
fn is_left_over(entry: &fs::DirEntry, now: SystemTime) -> bool {
    let written = entry.metadata().and_then(|metadata| metadata.modified());
    if !written.is_ok_and(|written| now.duration_since(written).is_ok_and(|age| age >= YOUNG)) {
        return false;
    }
    File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok())
}

/// A file that is being written. Removed when dropped, unless it was given a name.
#[derive(Debug)]
pub(crate) struct ScratchFile {
    path: PathBuf,
    name: String,
    file: Arc<File>,
    renamed: AtomicBool,
}

impl ScratchFile {
    /// The open file, for reading and writing at positions. Good even after the file has lost its name.
    pub(crate) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    /// How many bytes it has now.
    pub(super) fn length(&self) -> u64 {
        self.file.metadata().map(|metadata| metadata.len()).unwrap_or_default()
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    pub(super) fn was_renamed(&self) {
        self.renamed.store(true, Ordering::Relaxed);
    }
}

impl Drop for ScratchFile {
    fn drop(&mut self) {
        if !self.renamed.load(Ordering::Relaxed) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Fills `buffer` from `at` on; shorter only at the end of the file.
pub(crate) fn read_at(file: &File, buffer: &mut [u8], at: u64) -> io::Result<usize> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at + filled as u64) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Writes `bytes` at the beginning.
pub(crate) fn write_all(file: &File, bytes: &[u8]) -> io::Result<()> {
    file.write_all_at(bytes, 0)
}
