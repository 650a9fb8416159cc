//! Sweeps bytes that no row of the catalogue names.

use std::{collections::HashSet, time::Duration};

use daypass_core::{SignedDuration, Timestamp, digest::Sha256};
use futures_util::TryStreamExt as _;
use object_store::{ObjectStoreExt as _, path::Path as Key};

use super::{Care, CareError};
use crate::file_store::{Blob, FileStoreError};

/// How long bytes may be there without a row. An upload keeps its bytes a moment before its row.
const YOUNG: SignedDuration = SignedDuration::from_hours(24);

/// How often the server sweeps.
const EVERY: Duration = Duration::from_hours(24);

/// How long after a start it sweeps first: not while everybody comes back.
const FIRST_AFTER: Duration = Duration::from_mins(15);

const SECONDS_A_DAY: i64 = 24 * 60 * 60;

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// How many were moved into the trash, and how many bytes.
    pub trashed: u64,
    /// Of how many bytes they were.
    pub bytes: u64,
    /// How many were taken back out of the trash, because they are counted on after all.
    pub restored: u64,
    /// How many were in the trash for more than a day, and are gone.
    pub removed: u64,
}

/// What is in the trash: bytes, and since which day.
struct Trashed {
    key: Key,
    blob: Blob,
    day: i64,
}

impl Care {
    /// Sweeps each day, until it is dropped.
    pub async fn run(self, now: impl Fn() -> Timestamp) {
        tokio::time::sleep(FIRST_AFTER).await;
        loop {
            match self.sweep(now()).await {
                Ok(Swept { trashed: 0, restored: 0, removed: 0, .. }) => {}
                Ok(Swept { trashed, bytes, restored, removed }) => {
                    tracing::info!(trashed, bytes, restored, removed, "swept hosted files that nothing names");
                }
                Err(error) => tracing::warn!(%error, "hosted files that nothing names cannot be swept at the moment"),
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    /// Moves what no row names, and did not for a day, into the trash; brings back what is named after all; empties the
    /// trash of what was in it for more than a day.
    pub async fn sweep(&self, now: Timestamp) -> Result<Swept, CareError> {
        let mut swept = Swept::default();
        let today = now.as_second().div_euclid(SECONDS_A_DAY);
        let mut old = Vec::new();
        let mut listed = self.files.list(&Blob::all_hosted());
        while let Some(found) = listed.try_next().await? {
            let modified =
                Timestamp::from_microsecond(found.last_modified.timestamp_micros()).unwrap_or(Timestamp::MAX);
            if let Some(blob) = Blob::of_key(&found.location).filter(|_| now.duration_since(modified) >= YOUNG) {
                old.push((blob, found.size));
            }
        }
        // Read after the listing: what was kept before its row was written is named by now.
        let named = self.named().await?;
        for (blob, size) in old {
            if !named.contains(&blob.sha256) {
                self.rename(&blob.key(), &trash_key(today, &blob.sha256)).await?;
                swept.trashed += 1;
                swept.bytes += size;
            }
        }
        // And again: a row may have been written while its bytes were on the way to the trash.
        let named = self.named().await?;
        for Trashed { key, blob, day } in self.trash().await? {
            if !named.contains(&blob.sha256) {
                if today - day >= 2 {
                    self.files.forget(&key).await?;
                    swept.removed += 1;
                }
            } else if self.is_there(&blob).await? {
                // Not at once: another sweep may be moving the only copy here at this moment.
                if today - day >= 2 {
                    self.files.forget(&key).await?;
                }
            } else {
                // A copy: what is in the trash goes when it is old, and never while somebody else moves it.
                self.copy(&key, &blob.key()).await?;
                swept.restored += 1;
            }
        }
        Ok(swept)
    }

    async fn named(&self) -> Result<HashSet<Sha256>, CareError> {
        let (mut named, mut last) = (HashSet::new(), None);
        loop {
            let some = self.next(&mut last).await?;
            if some.is_empty() {
                return Ok(named);
            }
            named.extend(some.iter().flat_map(daypass_store::HostedBlobs::digests));
        }
    }

    async fn trash(&self) -> Result<Vec<Trashed>, CareError> {
        let mut trash = Vec::new();
        let mut listed = self.files.list(&Key::from(TRASH));
        while let Some(found) = listed.try_next().await? {
            let key = found.location;
            if let Some((day, blob)) = of_trash_key(&key) {
                trash.push(Trashed { key, blob, day });
            }
        }
        Ok(trash)
    }

    async fn is_there(&self, blob: &Blob) -> Result<bool, CareError> {
        match self.files.length(&blob.key()).await {
            Ok(_) => Ok(true),
            Err(FileStoreError::Absent) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Another replica may have emptied the trash a moment ago.
    async fn copy(&self, from: &Key, to: &Key) -> Result<(), CareError> {
        match self.files.objects().copy(from, to).await.map_err(FileStoreError::from) {
            Ok(()) | Err(FileStoreError::Absent) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Another replica may have done it a moment ago.
    async fn rename(&self, from: &Key, to: &Key) -> Result<(), CareError> {
        match self.files.objects().rename(from, to).await.map_err(FileStoreError::from) {
            Ok(()) | Err(FileStoreError::Absent) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

const TRASH: &str = "trash";

/// Where hosted bytes go that nobody counts on. The day is a part of it: a moved file keeps its old time.
fn trash_key(day: i64, sha256: &Sha256) -> Key {
    Key::from_iter([TRASH, &day.to_string(), &sha256.to_string()])
}

fn of_trash_key(key: &Key) -> Option<(i64, Blob)> {
    let mut parts = key.parts().skip(1);
    let day = parts.next()?.as_ref().parse().ok()?;
    Some((day, Blob::hosted(parts.next()?.as_ref().parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_trash_is_known_by_its_key() {
        let sha256 = Sha256::of("abc");
        assert_eq!(of_trash_key(&trash_key(20_783, &sha256)), Some((20_783, Blob::hosted(sha256))));
        for other in ["trash/20783/nonsense", "trash/yesterday/ab", "trash"] {
            assert_eq!(of_trash_key(&Key::from(other)), None, "{other}");
        }
    }
}
