//! What is written into the audit log once a minute at most, however often it happens.
//!
//! Somebody proven may ask for the same thing a thousand times a second. The first time is news; a row for each would
//! fill the log's queue, and keep others from what they may have.

use daypass_core::{SignedDuration, Timestamp, digest::Sha256};
use moka::{ops::compute::Op, sync::Cache};

/// How many different things are remembered.
const REMEMBERED: u64 = 10_000;

/// For how long a thing is no news.
const SELDOM: SignedDuration = SignedDuration::from_mins(1);

/// Things that were written a moment ago.
pub(crate) struct Seldom {
    /// When a thing was written.
    things: Cache<Thing, Timestamp>,
    /// Since when, and how many.
    counts: Cache<Sha256, (Timestamp, u32)>,
    /// How many different things of one access token are news within that time.
    most: u32,
}

/// Something done: with which access token, by its digest, and what.
pub(crate) type Thing = (Sha256, String);

impl Seldom {
    /// Where `most` different things of one access token are news within a minute.
    pub(crate) fn new(most: u32) -> Self {
        let (things, counts) = (Cache::new(REMEMBERED), Cache::new(REMEMBERED));
        Self { things, counts, most }
    }

    /// Whether `thing` is news.
    pub(crate) fn is_news(&self, now: Timestamp, thing: &Thing) -> bool {
        let is_old = |then: &Timestamp| now.duration_since(*then).abs() >= SELDOM;
        let written = self.things.entry_by_ref(thing).or_insert_with_if(|| now, is_old);
        written.is_fresh() && self.counts_on(now, thing.0)
    }

    /// Makes `thing` news again, because it could not be written.
    pub(crate) fn forget(&self, thing: &Thing) {
        self.things.invalidate(thing);
    }

    /// Counts one more thing, unless there were too many.
    fn counts_on(&self, now: Timestamp, access_token: Sha256) -> bool {
        let next = |known: Option<moka::Entry<Sha256, (Timestamp, u32)>>| match known.map(moka::Entry::into_value) {
            Some((since, count)) if now.duration_since(since).abs() < SELDOM => {
                if count < self.most {
                    Op::Put((since, count + 1))
                } else {
                    Op::Nop
                }
            }
            _ => Op::Put((now, 1)),
        };
        !matches!(self.counts.entry(access_token).and_compute_with(next), moka::ops::compute::CompResult::Unchanged(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thing_is_news_once_a_minute_for_everybody() {
        let seldom = Seldom::new(100);
        let (now, one, other) = (Timestamp::UNIX_EPOCH, Sha256::of("1"), Sha256::of("2"));
        let is_news = |now, token, thing: &str| seldom.is_news(now, &(token, thing.to_owned()));
        assert!(is_news(now, one, "a"));
        assert!(!is_news(now, one, "a"));
        assert!(is_news(now, one, "b") && is_news(now, other, "a"));
        assert!(!is_news(now + SignedDuration::from_secs(59), one, "a"));
        assert!(is_news(now + SignedDuration::from_secs(60), one, "a"));
        seldom.forget(&(one, "a".to_owned()));
        assert!(is_news(now + SignedDuration::from_secs(60), one, "a"));
    }

    #[test]
    fn who_invents_things_makes_a_hundred_rows_a_minute() {
        let seldom = Seldom::new(100);
        let news = |now| (0..1000).filter(|n| seldom.is_news(now, &(Sha256::of("1"), format!("{now} {n}")))).count();
        assert_eq!(news(Timestamp::UNIX_EPOCH), 100);
        assert_eq!(news(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(59)), 0);
        assert_eq!(news(Timestamp::UNIX_EPOCH + SignedDuration::from_secs(60)), 100);
    }
}
