//! Upstream's files: kept once verified, and served only if whole.
//!
//! A kept file is a blob under its digest and a *pin* beside the page: this file name is these bytes. For a file whose
//! page gives no digest the pin is ours, taken from the first download. A pin is binding from then on.
//!
//! Without a pin there is no kept file, whatever digest a page names: only a download from this upstream makes one.

use std::{
    borrow::Cow,
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use daypass_core::{digest::Sha256, names::ProjectName};
use moka::sync::Cache;
use object_store::ObjectStoreExt as _;
use serde::{Deserialize, Serialize};
use tokio::sync::Semaphore;
use url::Url;

use super::{
    Shelf, UpstreamError, claim::Claim, client::UpstreamClient, download::Download, milliseconds, pages::UpstreamPages,
};
use crate::{
    file_store::{Blob, FileStore, FileStoreError},
    flight::Flights,
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
    /// Another digest, if the page gives no SHA-256.
    pub(super) claim: Option<Claim>,
    /// Its length, if the page gives it.
    pub size: Option<u64>,
    /// The longest it may be.
    pub limit: u64,
    /// Whether it is a wheel whose metadata the page does not promise, or without a digest.
    pub(super) wants_metadata: bool,
}

impl Wish {
    /// The file itself.
    pub(crate) fn file(project: &ProjectName, file: &PageFile) -> Option<Self> {
        Some(Self {
            project: project.clone(),
            name: file.name.as_str().into(),
            url: Url::parse(file.source.as_deref()?).ok()?,
            sha256: file.sha256(),
            claim: if file.sha256().is_none() { Claim::strongest(&file.hashes) } else { None },
            size: file.size,
            limit: file.size.unwrap_or(LONGEST_FILE).min(LONGEST_FILE),
            wants_metadata: is_wheel(file) && file.metadata.sha256().is_none(),
        })
    }

    /// The file itself, if it is a wheel.
    pub(crate) fn wheel(project: &ProjectName, file: &PageFile) -> Option<Self> {
        if is_wheel(file) { Self::file(project, file) } else { None }
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
            claim: None,
            size: None,
            limit: LONGEST_METADATA,
            wants_metadata: false,
        })
    }

    /// The metadata inside this wheel, as a thing of its own.
    pub(super) fn metadata_inside(&self) -> Self {
        let name = format!("{}.metadata", self.name).into();
        Self {
            name,
            sha256: None,
            claim: None,
            size: None,
            limit: LONGEST_METADATA,
            wants_metadata: false,
            ..self.clone()
        }
    }

    pub(super) fn key(&self) -> Box<str> {
        format!("{}/{}", self.project, self.name).into()
    }

    fn expected(&self) -> Expected {
        (self.key(), self.sha256)
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
pub(crate) struct UpstreamFiles(pub(super) Arc<Inner>);

/// A file and the digest that it is to have: a page may change meanwhile, and who expects other bytes must not join.
type Expected = (Box<str>, Option<Sha256>);

pub(super) struct Inner {
    pub(super) client: Arc<UpstreamClient>,
    pub(super) files: FileStore,
    pub(super) turns: Semaphore,
    shelf: Shelf,
    /// Whose pages change when something becomes known of a file.
    pages: UpstreamPages,
    /// Pins whose blob was seen whole.
    pins: Cache<Box<str>, Pin>,
    /// Files that were not what the page says, and until when they are not fetched again.
    refused: Cache<Expected, (i64, UpstreamError)>,
    pub(super) reading: Flights<Box<str>, Result<Pin, UpstreamError>>,
    coming: Mutex<HashMap<Expected, Arc<Download>>>,
}

impl UpstreamFiles {
    pub(super) fn new(client: Arc<UpstreamClient>, files: FileStore, shelf: Shelf, pages: UpstreamPages) -> Self {
        Self(Arc::new(Inner {
            refused: Cache::builder().max_capacity(1_000).time_to_live(client.pace.absent).build(),
            client,
            files,
            turns: Semaphore::new(AT_ONCE),
            shelf,
            pages,
            pins: Cache::builder().max_capacity(10_000).build(),
            reading: Flights::default(),
            coming: Mutex::default(),
        }))
    }

    /// The file, kept or coming. Whoever asks first sends for it.
    pub(crate) async fn find(&self, wish: &Wish) -> Result<Found, UpstreamError> {
        if let Some(pin) = self.0.kept(wish).await? {
            return Ok(Found::Kept(pin));
        }
        match self.0.refused.get(&wish.expected()) {
            Some((until, error)) if self.0.client.now() < until => return Err(error),
            _ => {}
        }
        let mut coming = self.0.coming.lock().unwrap_or_else(PoisonError::into_inner);
        let download =
            coming.entry(wish.expected()).or_insert_with(|| Download::begin(Arc::clone(&self.0), wish.clone()));
        Ok(Found::Coming(Arc::clone(download)))
    }

    /// A part of a file that is on its way, as upstream has it now: for whoever reads a long wheel's directory before
    /// anything else. `None` when it has to wait for the file: see [`Download::may_pass_on`].
    pub(crate) async fn part(&self, wish: &Wish, download: &Download, part: Range<u64>) -> Option<Bytes> {
        let size = wish.size.filter(|_| wish.sha256.is_some())?;
        if !download.may_pass_on(&part, size) {
            return None;
        }
        self.0.client.get_part(&wish.url, part, size).await.ok()
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
        if let Err(error) = self.write_pin(wish, pin).await {
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

    /// Ends a download: the next who asks finds the file kept, or sends for it again; not at once, if it was not what
    /// the page says.
    pub(super) fn came(&self, wish: &Wish, outcome: Result<Pin, &UpstreamError>) {
        if let Err(error @ UpstreamError::Corrupt(_)) = outcome {
            let until = self.client.now().saturating_add(milliseconds(self.client.pace.absent));
            self.refused.insert(wish.expected(), (until, *error));
        }
        if outcome.is_ok() && wish.sha256.is_none() {
            // From now on the page gives the digest that was pinned.
            self.pages.outdate(&wish.project);
        }
        self.coming.lock().unwrap_or_else(PoisonError::into_inner).remove(&wish.expected());
    }

    /// Keeps the metadata that was found in a wheel. Where it is not what upstream gave beside the wheel, the wheel is
    /// right: its digest was verified.
    pub(super) async fn keep_metadata(&self, wheel: &Wish, metadata: Vec<u8>) -> Option<Pin> {
        let wish = wheel.metadata_inside();
        let pin = Pin { sha256: Sha256::of(&metadata), size: metadata.len() as u64 };
        let kept = async {
            if self.kept(&wish).await.ok().flatten() == Some(pin) {
                return Ok(());
            }
            self.files.put(&Blob::upstream(pin.sha256).key(), metadata.into()).await?;
            self.write_pin(&wish, pin).await
        };
        match kept.await {
            Ok(()) => {
                self.pins.insert(wish.key(), pin);
                self.pages.outdate(&wish.project);
                Some(pin)
            }
            Err(error) => {
                tracing::warn!(project = %wish.project, file = %wish.name, %error, "metadata cannot be kept");
                None
            }
        }
    }

    async fn write_pin(&self, wish: &Wish, pin: Pin) -> Result<(), FileStoreError> {
        let bytes = serde_json::to_vec(&pin).unwrap_or_default();
        self.files.put(&self.pin_key(wish), bytes.into()).await
    }

    fn pin_key(&self, wish: &Wish) -> object_store::path::Path {
        self.shelf.key(["files", wish.project.as_str(), &object_name(&wish.name)])
    }
}

pub(super) fn is_wheel(file: &PageFile) -> bool {
    file.name.as_str().strip_suffix(".whl").is_some()
}

/// The last part of a pin's key. File systems take no longer one than 255 bytes, and `….metadata` may be longer; then it
/// is a digest, with a mark that no file's name begins with.
pub(super) fn object_name(name: &str) -> Cow<'_, str> {
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
