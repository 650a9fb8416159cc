//! The credentials that are kept on this machine: one file per server, audience and holder. A holder is a person, or an
//! identity by what proved it (`cache/origin.rs`): jobs that share this folder do not share what is in it.
//!
//! ```text
//! ~/.cache/daypass/               0700
//!     <sha256>.json               0600  an entry: see `cache/entry.rs`
//!     <sha256>.session            0600  a person's session: see `session.rs`
//!     <sha256>.lock               0600  whoever renews that entry holds its lock
//!     <sha256>.note               0600  what they tell those who wait for it
//! ```
//!
//! What is *not* here: where a new credential comes from (`credential.rs`).

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use daypass_core::{SignedDuration, Timestamp, clock::Clock, digest::Sha256, public_url::PublicUrl};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    failure::Failure,
    folders::Folders,
    lock::{Lock, Waiter},
    private_folder::{self, Draft, trouble},
    profile::ProfileName,
};

pub(crate) mod entry;
pub(crate) mod origin;

use entry::Entry;
use origin::Origin;

/// The space that is taken on the disk *before* a proof is spent: more than an entry needs.
const RESERVED: usize = 16 * 1024;

/// How long an identity's entry is kept after its end: by then, the job that it was for is over.
const KEPT_AFTER_ITS_END: SignedDuration = SignedDuration::from_hours(24);

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
    /// Who may use it.
    pub(crate) holder: Holder<'a>,
}

/// Whose a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder<'a> {
    /// That of an identity.
    Identity {
        /// What was asked for; empty where the server chose.
        asked: &'a str,
        /// By what it came. What was kept before that was told apart has none, and nobody asks for it.
        origin: Option<&'a Origin>,
    },
    /// That of whoever signed in under this profile.
    Person(&'a ProfileName),
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
        let holder = match key.holder {
            Holder::Identity { asked, origin: None } => asked.to_owned(),
            Holder::Identity { asked, origin: Some(origin) } => format!("{asked}\n{origin}"),
            Holder::Person(profile) => format!("\n{profile}"),
        };
        let name = Sha256::of(format!("{}\n{}\n{holder}", key.server, key.audience));
        self.folder.join(format!("{name}.json"))
    }

    /// The entry, if there is one that can be read. A damaged one counts as none: it will be replaced.
    pub(crate) fn find(&self, key: Key<'_>) -> Result<Option<Entry>, Failure> {
        let path = self.path(key);
        Ok(read(&path)?.filter(|entry: &Entry| entry.is_for(key)))
    }

    /// Takes the entry's lock, making the folder if need be.
    pub(crate) fn lock(&self, key: Key<'_>, waiter: Waiter, clock: &dyn Clock) -> Result<Lock, Failure> {
        private_folder::make(&self.folder)?;
        let path = self.path(key).with_extension("lock");
        Lock::take(&path, &format!("gets a credential from {}", key.server), waiter, clock)
    }

    /// Makes sure that an entry can be written, so that a full disk is found before a proof is spent.
    ///
    /// The caller holds the lock.
    pub(crate) fn seat(&self, key: Key<'_>) -> Result<Seat, Failure> {
        self.seat_at(self.path(key))
    }

    /// The same for another file in this folder.
    pub(crate) fn seat_at(&self, path: PathBuf) -> Result<Seat, Failure> {
        let reserved = Draft::beside(&path).and_then(|mut draft| draft.reserve(RESERVED).map(|()| draft));
        match reserved {
            Ok(draft) => Ok(Seat { draft, path }),
            Err(error) => Err(trouble("cannot keep a credential in", &self.folder, &error)),
        }
    }

    /// All entries, with their files.
    pub(crate) fn all(&self) -> Result<Vec<(PathBuf, Entry)>, Failure> {
        let mut found = Vec::new();
        for path in self.files("json")? {
            found.extend(read::<Entry>(&path)?.map(|entry| (path, entry)));
        }
        Ok(found)
    }

    /// Sweeps away what jobs have left here that ended a day ago. What cannot be deleted stays.
    pub(crate) fn sweep(&self, now: Timestamp) {
        for (path, entry) in self.all().unwrap_or_default() {
            let is_old = now.duration_since(entry.expires_at) > KEPT_AFTER_ITS_END;
            if is_old && matches!(entry.key().holder, Holder::Identity { .. }) {
                for extension in ["json", "note", "lock"] {
                    let _stays = delete(&path.with_extension(extension));
                }
            }
        }
    }

    /// All files in this folder whose name ends with `extension`.
    pub(crate) fn files(&self, extension: &str) -> Result<Vec<PathBuf>, Failure> {
        let listed = match fs::read_dir(&self.folder) {
            Ok(listed) => listed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(trouble("cannot list", &self.folder, &error)),
        };
        let paths = listed.filter_map(|item| item.ok().map(|item| item.path()));
        Ok(paths.filter(|path| path.extension().is_some_and(|found| found == extension)).collect())
    }
}

/// Deletes a file of this folder. One that is not there is as good as deleted.
pub(crate) fn delete(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(trouble("cannot delete", path, &error)),
        _ => Ok(()),
    }
}

/// An entry's place, taken on the disk.
#[derive(Debug)]
pub(crate) struct Seat {
    draft: Draft,
    path: PathBuf,
}

impl Seat {
    /// Writes what belongs there.
    pub(crate) fn keep(self, content: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_vec(content).map_err(|error| Failure::local(format!("cannot write JSON: {error}")))?;
        if text.len() > RESERVED {
            return Err(Failure::new(
                crate::failure::Status::Unreachable,
                "the server sent a credential that is too long to keep",
            ));
        }
        self.draft.publish(&text, &self.path).map_err(|error| trouble("cannot write", &self.path, &error))
    }
}

/// Reads a file of this folder. One that is not there, or is of another form, is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, Failure> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(trouble("cannot read", path, &error)),
    }
}
