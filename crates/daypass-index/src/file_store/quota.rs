//! Room for upstream's files: when they are more than the quota, the ones that were not used for longest go.
//!
//! Hosted files are kept under other keys and are never looked at here. Of upstream's, only the bytes go: pages, pins and
//! what was first seen when stay, and an evicted file is fetched again from where it came, to be the same bytes.

use std::{sync::Arc, time::Duration};

use daypass_core::{Timestamp, clock::Clock, digest::Sha256};
use daypass_store::{Store, StoreError};
use futures_util::TryStreamExt as _;
use moka::sync::Cache;

use super::{Blob, FileStore, FileStoreError};

/// How often what was used is written down, and how full it is is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_mins(1);

/// How often the whole is counted anew: other processes keep and evict files in the same store.
const COUNT_EVERY: u32 = 60;

/// For how long it is not written down again that a file is used.
const NOTED_FOR: Duration = Duration::from_hours(1);

/// How many uses are written down in one transaction.
const BATCH: usize = 500;

/// Keeps upstream's files within their quota.
pub(crate) struct Housekeeping {
    files: FileStore,
    store: Store,
    clock: Arc<dyn Clock>,
    quota: u64,
    /// What was written down as used a while ago.
    noted: Cache<Sha256, ()>,
    /// How many bytes there were at the last count, and have come since.
    bytes: Option<u64>,
    looks: u32,
}

/// One of upstream's files, as it lies there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct KeptFile {
    sha256: Sha256,
    size: u64,
    used_at: Timestamp,
}

#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Files(#[from] FileStoreError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Housekeeping {
    /// None where there is no quota.
    pub(crate) fn of(files: &FileStore, store: &Store, clock: &Arc<dyn Clock>) -> Option<Self> {
        let noted = Cache::builder().max_capacity(100_000).time_to_live(NOTED_FOR).build();
        let (store, clock, quota) = (store.clone(), Arc::clone(clock), files.upstream_quota?);
        Some(Self { files: files.clone(), store, clock, quota, noted, bytes: None, looks: 0 })
    }

    /// Goes on until it is dropped.
    pub(crate) async fn run(mut self, every: Duration) {
        let mut look = tokio::time::interval(every);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            look.tick().await;
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "upstream's files cannot be held within their quota at the moment");
                self.bytes = None;
            }
        }
    }

    async fn look(&mut self) -> Result<(), Failed> {
        self.note_uses().await?;
        let kept = self.files.uses.take_kept();
        self.looks = self.looks.wrapping_add(1);
        if self.looks.is_multiple_of(COUNT_EVERY) {
            self.bytes = None;
        }
        self.bytes = Some(match self.bytes {
            Some(bytes) => bytes.saturating_add(kept),
            None => self.count().await?,
        });
        if self.bytes > Some(self.quota) {
            self.bytes = Some(self.evict().await?);
        }
        Ok(())
    }

    async fn note_uses(&self) -> Result<(), Failed> {
        let mut batch = self.files.uses.take_batch();
        batch.retain(|sha256| !self.noted.contains_key(sha256));
        for piece in batch.chunks(BATCH) {
            self.store.note_upstream_uses(piece.to_vec(), self.clock.now()).await?;
            for sha256 in piece {
                self.noted.insert(*sha256, ());
            }
        }
        Ok(())
    }

    async fn count(&self) -> Result<u64, Failed> {
        let listed = self.files.list(&Blob::all_upstream());
        Ok(listed.try_fold(0, async |sum: u64, found| Ok(sum.saturating_add(found.size))).await?)
    }

    /// Makes room; returns how many bytes are left.
    async fn evict(&self) -> Result<u64, Failed> {
        let uses = self.store.upstream_uses().await?;
        let mut kept = Vec::new();
        let mut listed = self.files.list(&Blob::all_upstream());
        while let Some(found) = listed.try_next().await? {
            let Some(Blob { sha256, .. }) = Blob::of_key(&found.location) else { continue };
            // What was never noted is as old as the file.
            let modified =
                Timestamp::from_microsecond(found.last_modified.timestamp_micros()).unwrap_or(Timestamp::MIN);
            let used_at = uses.get(&sha256).map_or(modified, |used_at| modified.max(*used_at));
            kept.push(KeptFile { sha256, size: found.size, used_at });
        }
        let (mut bytes, mut gone) = (kept.iter().map(|file| file.size).sum::<u64>(), Vec::new());
        let before = bytes;
        for file in to_evict(kept, self.quota, |sha256| self.files.uses.is_in_use(sha256)) {
            self.files.forget(&Blob::upstream(file.sha256).key()).await?;
            bytes = bytes.saturating_sub(file.size);
            self.noted.invalidate(&file.sha256);
            gone.push(file.sha256);
        }
        if bytes > self.quota {
            tracing::warn!(bytes, quota = self.quota, "upstream's files are over their quota, and all are in use");
        }
        let files = gone.len();
        for piece in gone.chunks(BATCH) {
            self.store.forget_upstream_uses(piece.to_vec()).await?;
        }
        if files > 0 {
            tracing::info!(
                files,
                bytes = before - bytes,
                left = bytes,
                "evicted files of upstream that were not used lately"
            );
        }
        Ok(bytes)
    }
}

/// Which files go, so that nine tenths of the quota are left: those that were not used for longest, and none in use.
fn to_evict(mut kept: Vec<KeptFile>, quota: u64, is_in_use: impl Fn(&Sha256) -> bool) -> Vec<KeptFile> {
    let mut bytes: u64 = kept.iter().map(|file| file.size).sum();
    if bytes <= quota {
        return Vec::new();
    }
    let enough = quota - quota / 10;
    kept.sort_by_key(|file| (file.used_at, file.sha256));
    kept.retain(|file| {
        let goes = bytes > enough && !is_in_use(&file.sha256);
        if goes {
            bytes -= file.size;
        }
        goes
    });
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u8, size: u64, used_at: i64) -> KeptFile {
        KeptFile { sha256: Sha256::of([number]), size, used_at: Timestamp::from_second(used_at).unwrap() }
    }

    #[test]
    fn what_was_not_used_for_longest_goes_until_nine_tenths_are_left() {
        let kept = vec![file(1, 40, 3), file(2, 40, 1), file(3, 30, 2)];
        assert_eq!(to_evict(kept.clone(), 110, |_| false), []);
        // 110 of 100: one goes, 70 are left. 110 of 75: two go, because 70 is more than 67.5.
        assert_eq!(to_evict(kept.clone(), 100, |_| false), [file(2, 40, 1)]);
        assert_eq!(to_evict(kept.clone(), 75, |_| false), [file(2, 40, 1), file(3, 30, 2)]);
        assert_eq!(to_evict(kept, 0, |_| false).len(), 3);
    }

    #[test]
    fn what_is_in_use_stays_even_over_the_quota() {
        let kept = vec![file(1, 40, 3), file(2, 40, 1), file(3, 30, 2)];
        assert_eq!(to_evict(kept.clone(), 100, |sha256| *sha256 == Sha256::of([2])), [file(3, 30, 2)]);
        assert_eq!(to_evict(kept, 10, |_| true), []);
    }
}
