//! How many uploads come at a time, and how many are read at a time.

use tokio::sync::{Semaphore, SemaphorePermit};

use crate::{error::Refusal, options::Pace};

/// Uploads at a time: each has a scratch file of up to the longest file.
const UPLOADS: usize = 64;

/// Archives that are read at a time: each takes a processor, and up to some ten megabytes.
const CHECKS: usize = 8;

/// Whose turn it is.
pub(crate) struct Turns {
    pace: Pace,
    uploads: Semaphore,
    checks: Semaphore,
}

impl Turns {
    pub(crate) fn new(pace: Pace) -> Self {
        Self { pace, uploads: Semaphore::new(UPLOADS), checks: Semaphore::new(CHECKS) }
    }

    /// How long things may take.
    pub(super) fn pace(&self) -> Pace {
        self.pace
    }

    /// Waits for a turn to send.
    pub(super) async fn upload(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.wait(&self.uploads).await
    }

    /// Waits for a turn to be read.
    pub(super) async fn check(&self) -> Result<SemaphorePermit<'_>, Refusal> {
        self.wait(&self.checks).await
    }

    async fn wait<'a>(&self, turns: &'a Semaphore) -> Result<SemaphorePermit<'a>, Refusal> {
        match tokio::time::timeout(self.pace.turn, turns.acquire()).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Refusal::NotReady("too many uploads are under way")),
        }
    }
}
