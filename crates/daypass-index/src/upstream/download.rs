//! One file on its way from upstream: into a scratch file, from which any number of clients read along.
//!
//! The last 64 KiB are withheld until the digest matches, so nobody ever holds a whole file that was not verified.
//! The download goes on when its clients leave. On any failure the clients' connections are aborted and nothing is
//! kept.

use std::{
    fs::File,
    io,
    os::unix::fs::FileExt as _,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use axum::http::{HeaderMap, HeaderValue, header};
use bytes::Bytes;
use daypass_core::digest::Sha256Hasher;
use futures_util::FutureExt as _;
use reqwest::Response;
use tokio::sync::watch;

use super::{
    UpstreamError,
    client::in_time,
    files::{Inner, Pin, Wish},
};
use crate::file_store::{Blob, ScratchFile, blocking};

/// How many bytes at the end are withheld until the whole is verified.
pub(crate) const WITHHELD: u64 = 64 * 1024;

/// How many bytes are hashed and written at a time, at most.
const BATCH: usize = 1024 * 1024;

/// A file that is coming.
pub(crate) struct Download {
    progress: watch::Receiver<Progress>,
    head: Arc<OnceLock<Head>>,
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
        Arc::new(Self { progress, head })
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
                Progress::Written(written) => written.min(self.size.saturating_sub(WITHHELD)),
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
        if let Err(error) = outcome {
            let Wish { project, name, .. } = &self.wish;
            tracing::warn!(%project, file = %name, %error, "a file of upstream cannot be fetched");
        }
        self.inner.came(&self.wish);
        self.sender.send_replace(match outcome {
            Ok(pin) => Progress::Kept(pin),
            Err(error) => Progress::Failed(error),
        });
    }

    async fn fetch(&self) -> Result<Pin, UpstreamError> {
        // Somebody may have fetched it between the question and now.
        if let Some(pin) = self.inner.kept(&self.wish).await? {
            return Ok(pin);
        }
        let turn = in_time(self.inner.client.pace.turn, self.inner.turns.acquire()).await;
        let turn = turn.inspect_err(|_| tracing::warn!("too many files are on their way from upstream"))?;
        let _turn = turn.map_err(|_| UpstreamError::Disk)?;
        let mut headers = HeaderMap::new();
        // The bytes as they are: their digest is what counts.
        headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        let response = self.inner.client.get(&self.wish.url, headers).await?;
        let size = response.content_length().or(self.wish.size);
        if self.wish.size.is_some_and(|promised| size != Some(promised)) {
            return Err(UpstreamError::Wrong("the file's length is not what the page says"));
        }
        if size.is_some_and(|size| size > self.wish.limit) {
            return Err(UpstreamError::Wrong("the file is too long"));
        }
        let scratch = self.inner.files.scratch().await.map_err(|error| disk(&error))?;
        // Only the first one counts, and there is no second.
        let _ = self.head.set(Head { file: scratch.handle(), size });
        let (written, hasher) = self.copy(response, &scratch).await?;
        let pin = Pin { sha256: hasher.finish(), size: written };
        if size.is_some_and(|size| size != written) {
            return Err(UpstreamError::Wrong("the file's length is not what was promised"));
        }
        if self.wish.sha256.is_some_and(|expected| expected != pin.sha256) {
            return Err(UpstreamError::Wrong("the file's SHA-256 is not what the page says"));
        }
        self.inner.files.keep(scratch, &Blob::upstream(pin.sha256).key()).await.map_err(|error| disk(&error))?;
        self.inner.pin(&self.wish, pin).await?;
        Ok(pin)
    }

    /// Copies the body into the scratch file; returns its length, and its digest in the making.
    async fn copy(&self, mut response: Response, scratch: &ScratchFile) -> Result<(u64, Sha256Hasher), UpstreamError> {
        let mut hasher = Sha256Hasher::new();
        let mut written = 0;
        let began = Instant::now();
        self.sender.send_replace(Progress::Written(0));
        loop {
            let batch = self.batch(&mut response).await?;
            if batch.is_empty() {
                return Ok((written, hasher));
            }
            let file = scratch.handle();
            let copied = blocking(move || {
                let mut at = written;
                for chunk in &batch {
                    file.write_all_at(chunk, at)?;
                    hasher.update(chunk);
                    at += chunk.len() as u64;
                }
                Ok((at, hasher))
            });
            (written, hasher) = copied.await.map_err(|error| disk(&error))?;
            if written > self.wish.limit {
                return Err(UpstreamError::Wrong("the file is too long"));
            }
            self.sender.send_replace(Progress::Written(written));
            self.require_pace(began.elapsed(), written)?;
        }
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
