//! One file on its way from upstream: into a scratch file, from which any number of clients read along.
//!
//! The last 64 KiB are withheld until the digest matches, so nobody ever holds a whole file that was not verified.
//! The download goes on when its clients leave, and where it broke off if upstream can do that. On any failure the
//! clients' connections are aborted and nothing is kept.

use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt as _,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use bytes::Bytes;
use daypass_core::digest::Sha256Hasher;
use futures_util::FutureExt as _;
use reqwest::Response;
use tokio::sync::watch;

use super::{
    UpstreamError,
    claim::ClaimHasher,
    client::{identity, in_time},
    files::{Inner, Pin, Wish},
    wheel_metadata,
};
use crate::file_store::{Blob, ScratchFile, blocking};

/// How many bytes at the end are withheld until the whole is verified.
pub(crate) const WITHHELD: u64 = 64 * 1024;

/// How many bytes are hashed and written at a time, at most.
const BATCH: usize = 1024 * 1024;

/// How many bytes of a file are passed on before it is verified, at most: of a part that does not come in its turn.
const PASSED_ON: u64 = 1024 * 1024;

/// How many bytes at the end of a stream are withheld: more than parts that were passed on can make up for.
fn withheld(size: u64) -> u64 {
    WITHHELD.saturating_add(PASSED_ON.min(size / 4))
}

/// A file that is coming.
pub(crate) struct Download {
    progress: watch::Receiver<Progress>,
    head: Arc<OnceLock<Head>>,
    /// How many unverified bytes were passed on.
    passed_on: AtomicU64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Progress {
    /// Upstream has not answered yet.
    Asked,
    /// So many bytes are in the scratch file.
    Written(u64),
    /// Verified and kept.
    Kept(Pin),
    /// Given up.
    Failed(UpstreamError),
}

/// What is known once upstream has answered.
#[derive(Debug, Clone)]
struct Head {
    file: Arc<File>,
    /// Its length, if upstream says so.
    size: Option<u64>,
}

/// A file that clients can read while it comes: its length and digest are known.
pub(crate) struct Stream {
    progress: watch::Receiver<Progress>,
    /// The scratch file, good even after it was renamed.
    pub file: Arc<File>,
    /// Its length.
    pub size: u64,
}

/// What somebody who waits for a download gets.
pub(crate) enum Arrival {
    /// The whole file.
    Kept(Pin),
    /// A file to be read while it comes.
    Stream(Stream),
}

impl Download {
    pub(super) fn begin(inner: Arc<Inner>, wish: Wish) -> Arc<Self> {
        let (sender, progress) = watch::channel(Progress::Asked);
        let head = Arc::new(OnceLock::new());
        let run = Run { inner, wish, sender, head: Arc::clone(&head) };
        tokio::spawn(run.finish());
        Arc::new(Self { progress, head, passed_on: AtomicU64::new(0) })
    }

    /// Whether a part of this file, of `size` bytes, may be passed on unverified: it will not come in its turn soon, and
    /// with all that was passed on before it is never more than a quarter of the file. Counts it as passed on.
    pub(super) fn may_pass_on(&self, part: &Range<u64>, size: u64) -> bool {
        let readable = match *self.progress.borrow() {
            Progress::Asked => 0,
            Progress::Written(written) => written,
            Progress::Kept(_) | Progress::Failed(_) => return false,
        };
        if part.end <= readable.saturating_add(WITHHELD) && part.end <= size.saturating_sub(withheld(size)) {
            return false;
        }
        let most = PASSED_ON.min(size / 4);
        let length = part.end.saturating_sub(part.start);
        let more = |passed: u64| passed.checked_add(length).filter(|passed| *passed <= most);
        self.passed_on.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Waits until the file can be served: whole, or as a stream if it is long and can be verified (`streams`).
    pub(crate) async fn arrival(&self, streams: bool) -> Result<Arrival, UpstreamError> {
        let mut progress = self.progress.clone();
        loop {
            let now = *progress.borrow_and_update();
            match now {
                Progress::Kept(pin) => return Ok(Arrival::Kept(pin)),
                Progress::Failed(error) => return Err(error),
                Progress::Asked => {}
                Progress::Written(_) => {
                    if let Some(Head { file, size: Some(size) }) = self.head.get().filter(|_| streams)
                        && *size > WITHHELD
                    {
                        return Ok(Arrival::Stream(Stream { progress, file: Arc::clone(file), size: *size }));
                    }
                }
            }
            progress.changed().await.map_err(|_| UpstreamError::Unavailable)?;
        }
    }
}

impl Stream {
    /// Waits until there are bytes to read from `at` on; returns up to where. An error ends the client's connection.
    pub(crate) async fn readable(&mut self, at: u64) -> io::Result<u64> {
        loop {
            let now = *self.progress.borrow_and_update();
            let until = match now {
                Progress::Kept(_) => self.size,
                Progress::Written(written) => written.min(self.size.saturating_sub(withheld(self.size))),
                Progress::Asked => 0,
                Progress::Failed(error) => return Err(io::Error::other(error)),
            };
            if until > at {
                return Ok(until);
            }
            self.progress.changed().await.map_err(io::Error::other)?;
        }
    }
}

/// Digests in the making.
struct Hashes {
    sha256: Sha256Hasher,
    claim: Option<ClaimHasher>,
}

impl Hashes {
    fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(claim) = &mut self.claim {
            claim.update(bytes);
        }
    }
}

/// The task that fetches.
struct Run {
    inner: Arc<Inner>,
    wish: Wish,
    sender: watch::Sender<Progress>,
    head: Arc<OnceLock<Head>>,
}

impl Run {
    async fn finish(self) {
        let outcome = self.fetch().await;
        if let Err(error) = &outcome {
            let Wish { project, name, .. } = &self.wish;
            tracing::warn!(%project, file = %name, %error, "a file of upstream cannot be fetched");
        }
        self.inner.came(&self.wish, outcome.as_ref().map(|(pin, _)| pin).copied());
        let (progress, metadata) = match outcome {
            Ok((pin, metadata)) => (Progress::Kept(pin), metadata),
            Err(error) => (Progress::Failed(error), None),
        };
        self.sender.send_replace(progress);
        // Nobody who waits for the file waits for this.
        if let Some(metadata) = metadata {
            self.inner.keep_metadata(&self.wish, metadata).await;
        }
    }

    /// Fetches, verifies and keeps the file; returns with it the metadata inside, if the page does not promise it.
    async fn fetch(&self) -> Result<(Pin, Option<Vec<u8>>), UpstreamError> {
        // Somebody may have fetched it between the question and now.
        if let Some(pin) = self.inner.kept(&self.wish).await? {
            return Ok((pin, None));
        }
        let turn = in_time(self.inner.client.pace.turn, self.inner.turns.acquire()).await;
        let turn = turn.inspect_err(|_| tracing::warn!("too many files are on their way from upstream"))?;
        let _turn = turn.map_err(|_| UpstreamError::Disk)?;
        let response = self.inner.client.get(&self.wish.url, identity()).await?;
        let size = response.content_length().or(self.wish.size);
        if self.wish.size.is_some_and(|promised| size != Some(promised)) {
            return Err(UpstreamError::Corrupt("the file's length is not what the page says"));
        }
        if size.is_some_and(|size| size > self.wish.limit) {
            return Err(UpstreamError::Corrupt("the file is too long"));
        }
        let scratch = self.inner.files.scratch().await.map_err(|error| disk(&error))?;
        // Only the first one counts, and there is no second.
        let _ = self.head.set(Head { file: scratch.handle(), size });
        let (written, hashes) = self.copy(response, &scratch, size).await?;
        if size.is_some_and(|size| size != written) {
            return Err(UpstreamError::Corrupt("the file's length is not what was promised"));
        }
        if !hashes.claim.is_none_or(ClaimHasher::holds) {
            return Err(UpstreamError::Corrupt("the file's digest is not what the page says"));
        }
        let pin = Pin { sha256: hashes.sha256.finish(), size: written };
        if self.wish.sha256.is_some_and(|expected| expected != pin.sha256) {
            return Err(UpstreamError::Corrupt("the file's SHA-256 is not what the page says"));
        }
        let metadata =
            if self.wish.wants_metadata { wheel_metadata::read(&self.wish.name, scratch.handle()).await } else { None };
        self.inner.files.keep(scratch, &Blob::upstream(pin.sha256).key()).await.map_err(|error| disk(&error))?;
        self.inner.pin(&self.wish, pin).await?;
        Ok((pin, metadata))
    }

    /// Copies the body into the scratch file; returns its length, and its digests in the making.
    async fn copy(
        &self,
        mut response: Response,
        scratch: &ScratchFile,
        size: Option<u64>,
    ) -> Result<(u64, Hashes), UpstreamError> {
        let claim = self.wish.claim.as_ref().map(super::claim::Claim::hasher);
        let mut hashes = Hashes { sha256: Sha256Hasher::new(), claim };
        let (mut written, mut attempt) = (0, 1);
        let began = Instant::now();
        self.sender.send_replace(Progress::Written(0));
        loop {
            let batch = match self.batch(&mut response).await {
                Ok(batch) => batch,
                Err(error) => {
                    response = self.go_on(written, size, error, attempt).await?;
                    attempt += 1;
                    continue;
                }
            };
            if batch.is_empty() {
                return Ok((written, hashes));
            }
            let file = scratch.handle();
            let copied = blocking(move || {
                let mut at = written;
                for chunk in &batch {
                    file.write_all_at(chunk, at)?;
                    hashes.update(chunk);
                    at += chunk.len() as u64;
                }
                Ok((at, hashes))
            });
            (written, hashes) = copied.await.map_err(|error| disk(&error))?;
            if written > self.wish.limit {
                return Err(UpstreamError::Corrupt("the file is too long"));
            }
            self.sender.send_replace(Progress::Written(written));
            self.require_pace(began.elapsed(), written)?;
        }
    }

    /// Goes on where an answer broke off. Only where the whole will be verified: the rest may be of another file.
    async fn go_on(
        &self,
        written: u64,
        size: Option<u64>,
        error: UpstreamError,
        attempt: u32,
    ) -> Result<Response, UpstreamError> {
        let Some(size) = size.filter(|size| written > 0 && written < *size && self.wish.sha256.is_some()) else {
            return Err(error);
        };
        if !self.inner.client.may_repeat(error, attempt).await {
            return Err(error);
        }
        self.inner.client.get_range(&self.wish.url, written..size, size).await
    }

    /// Gives up on who drips.
    fn require_pace(&self, elapsed: Duration, written: u64) -> Result<(), UpstreamError> {
        let pace = self.inner.client.pace;
        if elapsed < pace.settled || u128::from(written) * 1000 >= u128::from(pace.slowest) * elapsed.as_millis() {
            return Ok(());
        }
        tracing::warn!(written, ?elapsed, "upstream sends a file too slowly");
        Err(UpstreamError::Unavailable)
    }

    /// Waits for bytes, and takes what else is there already: one trip to the disk for all of it.
    async fn batch(&self, response: &mut Response) -> Result<Vec<Bytes>, UpstreamError> {
        let Some(first) = self.inner.client.next(response).await? else { return Ok(Vec::new()) };
        let mut length = first.len();
        let mut batch = vec![first];
        while length < BATCH {
            match self.inner.client.next(response).now_or_never() {
                Some(Ok(Some(chunk))) => {
                    length += chunk.len();
                    batch.push(chunk);
                }
                // At its end or broken: what is here is written first, then this is found again.
                Some(Ok(None)) | None => break,
                Some(Err(error)) => return Err(error),
            }
        }
        // An empty chunk in the middle must not be taken for the end.
        batch.retain(|chunk| !chunk.is_empty());
        if batch.is_empty() { Box::pin(self.batch(response)).await } else { Ok(batch) }
    }
}

fn disk(error: &dyn std::error::Error) -> UpstreamError {
    tracing::error!(%error, "a file of upstream cannot be written");
    UpstreamError::Disk
}
