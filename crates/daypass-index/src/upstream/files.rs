//! Upstream's files: kept once verified, and served only if whole.
//!
//! A kept file is a blob under its digest and a *pin* beside the page: this file name is these bytes. For a file whose
//! page gives no digest the pin is ours, taken from the first download. A pin is binding from then on.
//!
//! Without a pin there is no kept file, whatever digest a page names: only a download from this upstream makes one.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use daypass_core::{digest::Sha256, names::ProjectName};
use futures_util::StreamExt as _;
use moka::sync::Cache;
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use url::Url;

use super::{Shelf, UpstreamError, client::UpstreamClient, download::Download};
use crate::{
    file_store::{Blob, FileStore, FileStoreError},
    page::PageFile,
};

/// The longest file that is pulled through, in bytes.
const LONGEST_FILE: u64 = 16 * 1024 * 1024 * 1024;

/// The longest core metadata, in bytes.
const LONGEST_METADATA: u64 = 16 * 1024 * 1024;

/// How many files are pulled through at the same time; others wait their turn.
const AT_ONCE: usize = 32;

/// What a file's bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pin {
    /// Their digest.
    pub sha256: Sha256,
    /// How many they are.
    pub size: u64,
}

/// A file that is wanted from upstream.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    /// Its project.
    pub project: ProjectName,
    /// Its name, or that of its metadata.
    pub name: Box<str>,
    /// Where upstream has it.
    pub url: Url,
    /// Its digest, if the page gives one.
    pub sha256: Option<Sha256>,
    /// Its length, if the page gives it.
    pub size: Option<u64>,
    /// The longest it may be.
    pub limit: u64,
}

impl Wish {
    /// The file itself.
    pub(crate) fn file(project: &ProjectName, file: &PageFile) -> Option<Self> {
        Some(Self {
            project: project.clone(),
            name: file.name.as_str().into(),
            url: Url::parse(file.source.as_deref()?).ok()?,
            sha256: file.sha256(),
            size: file.size,
            limit: file.size.unwrap_or(LONGEST_FILE).min(LONGEST_FILE),
        })
    }

    /// Its core metadata, if upstream says that there is some (PEP 658).
    pub(crate) fn metadata(project: &ProjectName, file: &PageFile) -> Option<Self> {
        if !file.metadata.is_there() {
            return None;
        }
        let mut url = Url::parse(file.source.as_deref()?).ok()?;
        url.set_path(&format!("{}.metadata", url.path()));
        Some(Self {
            project: project.clone(),
            name: format!("{}.metadata", file.name).into(),
            url,
            sha256: file.metadata.sha256(),
            size: None,
            limit: LONGEST_METADATA,
        })
    }

    fn key(&self) -> Box<str> {
        format!("{}/{}", self.project, self.name).into()
    }

    /// Whether these may be the bytes.
    fn fits(&self, pin: &Pin) -> bool {
        self.sha256.is_none_or(|sha256| sha256 == pin.sha256) && self.size.is_none_or(|size| size == pin.size)
    }
}

/// A wish come true, or coming.
pub(crate) enum Found {
    /// Whole, in the file store.
    Kept(Pin),
    /// On its way.
    Coming(Arc<Download>),
}

/// The files of one upstream.
#[derive(Clone)]
pub(crate) struct UpstreamFiles(Arc<Inner>);

/// A file and the digest that it is to have: a page may change meanwhile, and who expects other bytes must not join.
type Expected = (Box<str>, Option<Sha256>);

pub(super) struct Inner {
    pub(super) client: Arc<UpstreamClient>,
    pub(super) files: FileStore,
    pub(super) turns: Semaphore,
    shelf: Shelf,
    /// Pins whose blob was seen whole.
    pins: Cache<Box<str>, Pin>,
    coming: Mutex<HashMap<Expected, Arc<Download>>>,
}

impl UpstreamFiles {
    pub(super) fn new(client: Arc<UpstreamClient>, files: FileStore, shelf: Shelf) -> Self {
        let pins = Cache::builder().max_capacity(10_000).build();
        let turns = Semaphore::new(AT_ONCE);
        Self(Arc::new(Inner { client, files, turns, shelf, pins, coming: Mutex::default() }))
    }

    /// The file, kept or coming. Whoever asks first sends for it.
    pub(crate) async fn find(&self, wish: &Wish) -> Result<Found, UpstreamError> {
        if let Some(pin) = self.0.kept(wish).await? {
            return Ok(Found::Kept(pin));
        }
        let mut coming = self.0.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let download = coming
            .entry((wish.key(), wish.sha256))
            .or_insert_with(|| Download::begin(Arc::clone(&self.0), wish.clone()));
        Ok(Found::Coming(Arc::clone(download)))
    }

    /// Says that a kept file turned out not to be there, so that the next [`find`](Self::find) fetches it again.
    pub(crate) fn is_lost(&self, wish: &Wish) {
        self.0.pins.invalidate(&wish.key());
    }
}

impl Inner {
    /// The pin of a file that is kept, whole, and what the page says it is.
    pub(super) async fn kept(&self, wish: &Wish) -> Result<Option<Pin>, UpstreamError> {
        let key = wish.key();
        if let Some(pin) = self.pins.get(&key).filter(|pin| wish.fits(pin)) {
            return Ok(Some(pin));
        }
        let Some(pin) = self.pinned(wish).await? else {
            self.pins.invalidate(&key);
            return Ok(None);
        };
        let head = self.files.objects().head(&Blob::upstream(pin.sha256).key()).await;
        let Some(blob) = there(head.map_err(FileStoreError::from))? else { return Ok(None) };
        if blob.size != pin.size {
            tracing::error!(sha256 = %pin.sha256, "a kept file has changed its length; it is fetched again");
            return Ok(None);
        }
        self.pins.insert(key, pin);
        Ok(Some(pin))
    }

    /// What a file was pinned to. A page that says otherwise is refused.
    async fn pinned(&self, wish: &Wish) -> Result<Option<Pin>, UpstreamError> {
        let Some(bytes) = there(self.files.get(&self.pin_key(wish)).await)? else { return Ok(None) };
        let pin = serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))?;
        if wish.fits(&pin) { Ok(Some(pin)) } else { Err(self.changed(wish, &pin)) }
    }

    /// Remembers, durably, that a file is these bytes. Of two downloads that differ the first one counts.
    pub(super) async fn pin(&self, wish: &Wish, pin: Pin) -> Result<(), UpstreamError> {
        let first = match self.pinned(wish).await? {
            Some(first) => first,
            None => self.pins.entry(wish.key()).or_insert(pin).into_value(),
        };
        if first != pin {
            return Err(self.changed(wish, &first));
        }
        let bytes = serde_json::to_vec(&pin).unwrap_or_default();
        if let Err(error) = self.files.put(&self.pin_key(wish), bytes.into()).await {
            self.pins.invalidate(&wish.key());
            return Err(unreadable(&error));
        }
        self.pins.insert(wish.key(), pin);
        Ok(())
    }

    fn changed(&self, wish: &Wish, pin: &Pin) -> UpstreamError {
        let Wish { project, name, .. } = wish;
        let object = self.pin_key(wish);
        tracing::error!(
            %project, file = %name, pinned = %pin.sha256, %object,
            "upstream has other bytes than before under this file name; they are refused, because installers were told \
             that they never change. If the new ones are right, delete this object from the file store"
        );
        UpstreamError::Wrong("the file is not the one that it had before under this name")
    }

    /// Ends a download: the next who asks finds the file kept, or sends for it again.
    pub(super) fn came(&self, wish: &Wish) {
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).remove(&(wish.key(), wish.sha256));
    }

    fn pin_key(&self, wish: &Wish) -> object_store::path::Path {
        self.shelf.key(["files", wish.project.as_str(), &object_name(&wish.name)])
    }
}

/// The last part of a pin's key. File systems take no longer one than 255 bytes, and `….metadata` may be longer; then it
/// is a digest, with a mark that no file's name begins with.
fn object_name(name: &str) -> Cow<'_, str> {
    if name.len() <= 255 { name.into() } else { format!("-{}", Sha256::of(name)).into() }
}

/// What was read; `None` if it is certainly not there. A store that does not answer is no absence.
fn there<T>(read: Result<T, FileStoreError>) -> Result<Option<T>, UpstreamError> {
    match read {
        Ok(found) => Ok(Some(found)),
        Err(FileStoreError::Absent) => Ok(None),
        Err(error) => Err(unreadable(&error)),
    }
}

fn unreadable(error: &dyn std::error::Error) -> UpstreamError {
    tracing::error!(%error, "what is kept of a file of upstream cannot be read");
    UpstreamError::Disk
}

/// What a project's files were pinned to, by file name.
pub(super) async fn pins_of(files: &FileStore, shelf: &Shelf, project: &ProjectName) -> HashMap<String, Pin> {
    let mut pinned = HashMap::new();
    let prefix = shelf.key(["files", project.as_str()]);
    let mut listed = files.objects().list(Some(&prefix));
    while let Some(Ok(meta)) = listed.next().await {
        let Some(name) = meta.location.filename().map(ToOwned::to_owned) else { continue };
        if let Ok(bytes) = files.get(&meta.location).await
            && let Ok(pin) = serde_json::from_slice::<Pin>(&bytes)
        {
            pinned.insert(name, pin);
        }
    }
    pinned
}
