//! Looks for secrets where others can see them: in files that others may read, and on command lines.

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};

/// Reads the command lines of all processes again and again, in the background.
pub(super) struct Watch {
    stop: Arc<AtomicBool>,
    reader: JoinHandle<BTreeSet<Vec<u8>>>,
}

/// The command lines that were seen.
pub(super) struct Seen(BTreeSet<Vec<u8>>);

impl Watch {
    pub(super) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let reader = thread::spawn(move || {
            let mut seen = BTreeSet::new();
            while !stopped.load(Ordering::Relaxed) {
                seen.extend(command_lines());
                thread::sleep(Duration::from_millis(3));
            }
            seen
        });
        Self { stop, reader }
    }

    pub(super) fn stop(self) -> Seen {
        self.stop.store(true, Ordering::Relaxed);
        Seen(self.reader.join().unwrap_or_default())
    }
}

impl Seen {
    /// How many different command lines were read.
    pub(super) fn count(&self) -> usize {
        self.0.len()
    }

    /// The command lines that hold one of `secrets`.
    pub(super) fn with_any(&self, secrets: &[String]) -> usize {
        self.0.iter().filter(|line| secrets.iter().any(|secret| contains(line, secret))).count()
    }
}

fn command_lines() -> impl Iterator<Item = Vec<u8>> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered = processes.filter(|entry| entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()));
    numbered.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok())
}

/// What a walk through a folder found.
#[derive(Default)]
pub(super) struct Walk {
    /// All files.
    pub(super) files: usize,
    /// Files that hold a secret and that only their owner may read.
    pub(super) private: Vec<PathBuf>,
    /// Files that hold a secret and that somebody else may read.
    pub(super) exposed: Vec<PathBuf>,
}

/// Reads every file under `folder`. Only the file's own mode counts: not that the folder above it is closed.
pub(super) fn walk(folder: &Path, secrets: &[String]) -> Result<Walk> {
    let mut walk = Walk::default();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
            let path = entry?.path();
            let about = fs::symlink_metadata(&path)?;
            if about.is_dir() {
                open.push(path);
            } else if about.is_file() {
                walk.files += 1;
                let bytes = fs::read(&path)?;
                if secrets.iter().any(|secret| contains(&bytes, secret)) {
                    let open_to = about.permissions().mode() & 0o077;
                    if open_to == 0 { &mut walk.private } else { &mut walk.exposed }.push(path);
                }
            }
        }
    }
    Ok(walk)
}

/// The secrets are ASCII, so what is not text may be lost on the way.
fn contains(haystack: &[u8], needle: &str) -> bool {
    String::from_utf8_lossy(haystack).contains(needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_in_a_file_that_others_may_read_is_exposed_and_in_a_private_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let secret = "eyJh.bcd.efg".to_owned();
        for (name, mode, text) in
            [("a", 0o600, "x eyJh.bcd.efg"), ("b", 0o640, "eyJh.bcd.efg y"), ("c", 0o644, "eyJh.bcd.ef")]
        {
            let path = folder.path().join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        }
        let walk = walk(folder.path(), &[secret]).unwrap();
        assert_eq!(walk.files, 3);
        assert_eq!(walk.private, [folder.path().join("a")]);
        assert_eq!(walk.exposed, [folder.path().join("b")]);
    }

    #[test]
    fn a_command_line_with_a_secret_is_counted() {
        let seen = Seen([b"pip\0eyJh.b.c".to_vec(), b"pip\0install".to_vec()].into());
        assert_eq!((seen.count(), seen.with_any(&["eyJh.b.c".to_owned()])), (2, 1));
    }
}
