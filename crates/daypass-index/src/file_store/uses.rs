//! Which of upstream's files are used, and which are in use: what eviction must know.
//!
//! All of it is in memory and cheap. What was used is written down in batches; see [`quota`](super::quota).

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use daypass_core::digest::Sha256;

use super::Blob;

/// What is used.
#[derive(Debug, Default)]
pub(crate) struct Uses {
    lately: Mutex<Lately>,
    held: Readers,
    /// How many bytes were kept since the last count.
    kept: AtomicU64,
}

/// What was used since the last batch was taken, and what was in that batch: used a moment ago, in any case.
#[derive(Debug, Default)]
struct Lately {
    now: HashSet<Sha256>,
    before: HashSet<Sha256>,
}

impl Uses {
    pub(super) fn was_used(&self, blob: &Blob) {
        if blob.is_upstream() {
            lock(&self.lately).now.insert(blob.sha256);
        }
    }

    /// Says that an object was written. One of upstream's files counts as used.
    pub(super) fn kept(&self, size: u64, blob: &Blob) {
        if blob.is_upstream() {
            self.kept.fetch_add(size, Ordering::Relaxed);
            self.was_used(blob);
        }
    }

    pub(super) fn hold(&self, blob: &Blob) -> Held {
        if !blob.is_upstream() {
            return Held(None);
        }
        *lock(&self.held).entry(blob.sha256).or_default() += 1;
        Held(Some((blob.sha256, Arc::clone(&self.held))))
    }

    /// How many bytes of upstream's files were kept since this was last asked.
    pub(super) fn take_kept(&self) -> u64 {
        self.kept.swap(0, Ordering::Relaxed)
    }

    /// What was used since this was last asked.
    pub(super) fn take_batch(&self) -> Vec<Sha256> {
        let mut lately = lock(&self.lately);
        lately.before = std::mem::take(&mut lately.now);
        lately.before.iter().copied().collect()
    }

    /// Whether a file is being read, or was used a moment ago.
    pub(super) fn is_in_use(&self, sha256: &Sha256) -> bool {
        let lately = lock(&self.lately);
        lately.now.contains(sha256) || lately.before.contains(sha256) || lock(&self.held).contains_key(sha256)
    }
}

/// As long as this lives, a file is in use.
#[derive(Debug)]
pub(crate) struct Held(Option<(Sha256, Readers)>);

/// How many read each file.
type Readers = Arc<Mutex<HashMap<Sha256, usize>>>;

#[cfg(test)]
impl Held {
    /// Nothing is in use.
    pub(crate) fn none() -> Self {
        Self(None)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some((sha256, held)) = &self.0 else { return };
        let mut held = lock(held);
        if let Some(count) = held.get_mut(sha256) {
            *count -= 1;
            if *count == 0 {
                held.remove(sha256);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_use_as_long_as_the_last_reader_reads() {
        let (uses, blob) = (Uses::default(), Blob::upstream(Sha256::of("abc")));
        let (first, second) = (uses.hold(&blob), uses.hold(&blob));
        drop(first);
        assert!(uses.is_in_use(&blob.sha256));
        drop(second);
        assert!(!uses.is_in_use(&blob.sha256));
    }

    #[test]
    fn what_was_used_is_in_use_until_the_batch_after_the_next() {
        let (uses, blob) = (Uses::default(), Blob::upstream(Sha256::of("abc")));
        uses.was_used(&blob);
        uses.was_used(&Blob::hosted(Sha256::of("hosted")));
        assert_eq!(uses.take_batch(), [blob.sha256]);
        assert!(uses.is_in_use(&blob.sha256));
        assert!(uses.take_batch().is_empty());
        assert!(!uses.is_in_use(&blob.sha256));
    }

    #[test]
    fn only_upstreams_files_are_counted() {
        let uses = Uses::default();
        uses.kept(5, &Blob::upstream(Sha256::of("abc")));
        uses.kept(7, &Blob::hosted(Sha256::of("abc")));
        assert_eq!((uses.take_kept(), uses.take_kept()), (5, 0));
    }
}
