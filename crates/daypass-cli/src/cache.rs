//! The credentials that are kept on this machine: one file per server, audience and identity.
//!
//! ```text
//! ~/.cache/daypass/               0700
//!     <sha256>.json               0600  an entry: see `cache/entry.rs`
//!     <sha256>.lock               0600  whoever renews that entry holds its lock
//! ```
//!
//! What is *not* here: where a new credential comes from (`credential.rs`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use daypass_core::{clock::Clock, digest::Sha256, public_url::PublicUrl};

use crate::{
    failure::Failure,
    folders::Folders,
    lock::Lock,
    private_folder::{self, Draft, trouble},
};

pub(crate) mod entry;

use entry::Entry;

/// The space that is taken on the disk *before* a proof is spent: more than an entry needs.
const RESERVED: usize = 16 * 1024;

/// The cache folder.
#[derive(Debug)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// What an entry is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key<'a> {
    /// Who issued it.
    pub(crate) server: &'a PublicUrl,
    /// Who accepts it.
    pub(crate) audience: &'a PublicUrl,
    /// The identity that was asked for; empty where the server chose.
    pub(crate) identity: &'a str,
}

impl Cache {
    /// The cache of this user. Refused when the folder is not ours alone.
    pub(crate) fn open(folders: &Folders) -> Result<Self, Failure> {
        let folder = folders.cache()?;
        private_folder::check(&folder)?;
        Ok(Self { folder })
    }

    /// The file of an entry, whether it is there or not.
    pub(crate) fn path(&self, key: Key<'_>) -> PathBuf {
        // No part can contain a line break, so no two keys are written alike.
        let name = Sha256::of(format!("{}\n{}\n{}", key.server, key.audience, key.identity));
        self.folder.join(format!("{name}.json"))
    }

    /// The entry, if there is one that can be read. A damaged one counts as none: it will be replaced.
    pub(crate) fn find(&self, key: Key<'_>) -> Result<Option<Entry>, Failure> {
        let path = self.path(key);
        Ok(read(&path)?.filter(|entry| entry.is_for(key)))
    }

    /// Takes the entry's lock, making the folder if need be.
    pub(crate) fn lock(&self, key: Key<'_>, clock: &dyn Clock) -> Result<Lock, Failure> {
        private_folder::make(&self.folder)?;
        let path = self.path(key).with_extension("lock");
        Lock::take(&path, &format!("gets a credential from {}", key.server), clock)
    }

    /// Makes sure that an entry can be written, so that a full disk is found before a proof is spent.
    ///
    /// The caller holds the lock.
    pub(crate) fn seat(&self, key: Key<'_>) -> Result<Seat, Failure> {
        let path = self.path(key);
        let reserved = Draft::beside(&path).and_then(|mut draft| draft.reserve(RESERVED).map(|()| draft));
        match reserved {
            Ok(draft) => Ok(Seat { draft, path }),
            Err(error) => Err(trouble("cannot keep a credential in", &self.folder, &error)),
        }
    }

    /// All entries of `server`, with their files.
    pub(crate) fn of_server(&self, server: &PublicUrl) -> Result<Vec<(PathBuf, Entry)>, Failure> {
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(trouble("cannot list", &self.folder, &error)),
        };
        let mut found = Vec::new();
        for path in listed.filter_map(|item| item.ok().map(|item| item.path())) {
            if path.extension().is_some_and(|extension| extension == "json")
                && let Some(entry) = read(&path)?
                && entry.server == *server
            {
                found.push((path, entry));
            }
        }
        Ok(found)
    }
}

/// An entry's place, taken on the disk.
#[derive(Debug)]
pub(crate) struct Seat {
    draft: Draft,
    path: PathBuf,
}

impl Seat {
    /// Writes the entry.
    pub(crate) fn keep(self, entry: &Entry) -> Result<(), Failure> {
        let text = serde_json::to_vec(entry).map_err(|error| Failure::local(format!("cannot write JSON: {error}")))?;
        if text.len() > RESERVED {
            return Err(Failure::new(
                crate::failure::Status::Unreachable,
                format!("{} sent an access token that is too long to keep", entry.server),
            ));
        }
        self.draft.publish(&text, &self.path).map_err(|error| trouble("cannot write", &self.path, &error))
    }
}

fn read(path: &Path) -> Result<Option<Entry>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(trouble("cannot read", path, &error)),
    }
}
