//! How many uploads come at a time, and how many are read at a time.

use std::sync::Arc;

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit};

use crate::{error::Refusal, options::Pace};

/// Uploads at a time: each has a scratch file of up to the longest file.
const UPLOADS: usize = 64;

/// Archives that are read at a time: each takes a processor, and up to some ten megabytes.
const CHECKS: usize = 8;

/// Whose turn it is.
pub(crate) struct Turns {
    pace: Pace,
    uploads: Semaphore,
    checks: Arc<Semaphore>,
}

impl Turns {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, uploads: Semaphore::new(UPLOADS), checks: Arc::new(Semaphore::new(CHECKS)) }
    }

    /// How long things may take.
    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Waits for a turn to send.
    pub(super) async fn upload(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.wait(self.uploads.acquire()).await
    }

    /// Waits for a turn to be read. It belongs to whatever reads, which goes on when the client is gone.
    pub(super) async fn check(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.wait(Arc::clone(&self.checks).acquire_owned()).await
    }

    async fn wait<T>(&self, turn: impl Future<Output = Result<T, AcquireError>>) -> Result<T, Refusal> {
        match tokio::time::timeout(self.pace.turn, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Refusal::NotReady("too many uploads are under way")),
        }
    }
}
