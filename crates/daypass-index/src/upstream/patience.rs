//! When an upstream is asked again, and when it is left alone.
//!
//! A failure may be a moment's, so a request is repeated; an upstream that fails often has no use for three times the
//! requests, so repeating is paid from a budget that answers fill. And when an upstream says when to come back
//! (`Retry-After`, RFC 9110 §10.2.3), it is believed, within bounds.

use std::{
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, SystemTime},
};

use axum::http::{HeaderMap, header};
use moka::sync::Cache;
use url::Url;

use super::UpstreamError;

/// How often one request is repeated at most.
pub(super) const MOST_RETRIES: u32 = 2;

/// How long before it is repeated, at most; twice as long each time.
const PAUSE: Duration = Duration::from_millis(100);

/// How many retries may be saved up, and how many answers earn one.
const SAVINGS: u32 = 10;
const ANSWERS_PER_RETRY: u32 = 10;

/// How long an upstream may ask to be left alone, and how long it is when it does not say.
const LONGEST_REST: Duration = Duration::from_mins(5);
const SHORTEST_REST: Duration = Duration::from_secs(1);
const USUAL_REST: Duration = Duration::from_secs(10);

/// What repeated requests are paid from.
#[derive(Debug)]
pub(super) struct RetryBudget(AtomicU32);

impl RetryBudget {
    pub(super) fn full() -> Self {
        Self(AtomicU32::new(SAVINGS * ANSWERS_PER_RETRY))
    }

    /// Pays for one retry, if there is enough.
    pub(super) fn spend(&self) -> bool {
        let pay = |saved: u32| saved.checked_sub(ANSWERS_PER_RETRY);
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay).is_ok()
    }

    /// An answer came.
    pub(super) fn earn(&self) {
        let earn = |saved: u32| (saved < SAVINGS * ANSWERS_PER_RETRY).then_some(saved + 1);
        // Full already: nothing to add.
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, earn);
    }
}

/// How long to wait before the `nth` retry: anything up to the whole pause, so that many do not come back together.
/// `random` is any number.
pub(super) fn pause(nth: u32, random: u64) -> Duration {
    let longest = PAUSE.saturating_mul(1 << nth.min(4));
    longest.saturating_mul(u32::try_from(random % 1000).unwrap_or(0)) / 1000
}

/// Until when origins want to be left alone, in milliseconds since the Unix epoch.
#[derive(Debug)]
pub(super) struct Rests(Cache<Box<str>, i64>);

impl Rests {
    pub(super) fn none() -> Self {
        Self(Cache::new(100))
    }

    /// Refuses to ask an origin that rests.
    pub(super) fn check(&self, url: &Url, now: i64) -> Result<(), UpstreamError> {
        match self.0.get(&*origin(url)) {
            Some(until) if now < until => Err(UpstreamError::Resting(seconds(until.saturating_sub(now)))),
            _ => Ok(()),
        }
    }

    /// The origin of `url` wants to be left alone, for as long as it says.
    pub(super) fn begin(&self, url: &Url, rest: Option<Duration>, now: i64) -> UpstreamError {
        let rest = rest.unwrap_or(USUAL_REST).clamp(SHORTEST_REST, LONGEST_REST);
        let rest = i64::try_from(rest.as_millis()).unwrap_or(i64::MAX);
        self.0.insert(origin(url).into(), now.saturating_add(rest));
        UpstreamError::Resting(seconds(rest))
    }
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}

fn seconds(milliseconds: i64) -> u32 {
    u32::try_from(milliseconds.saturating_add(999) / 1000).unwrap_or(1).max(1)
}

/// What `Retry-After` says: seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: i64) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(u64::try_from(now).ok()?))?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn ten_retries_are_saved_up_and_ten_answers_earn_one() {
        let budget = RetryBudget::full();
        budget.earn();
        assert_eq!((0..100).filter(|_| budget.spend()).count(), 10);
        for _ in 0..9 {
            budget.earn();
        }
        assert!(!budget.spend());
        budget.earn();
        assert!(budget.spend() && !budget.spend());
    }

    #[test]
    fn a_pause_is_short_and_never_the_same() {
        assert_eq!(pause(1, 0), Duration::ZERO);
        assert!(pause(1, 999) < Duration::from_millis(200));
        assert!(pause(2, 999) > pause(1, 999));
        assert!(pause(u32::MAX, u64::MAX) < Duration::from_secs(2));
    }

    #[test]
    fn an_origin_rests_as_long_as_it_says_within_bounds() {
        let rests = Rests::none();
        let (url, other) = ("https://a.example.com/x".parse().unwrap(), "https://b.example.com/x".parse().unwrap());
        assert_eq!(rests.check(&url, 0), Ok(()));
        assert_eq!(rests.begin(&url, Some(Duration::from_secs(30)), 0), UpstreamError::Resting(30));
        assert_eq!(rests.check(&url, 1_500), Err(UpstreamError::Resting(29)));
        assert_eq!((rests.check(&url, 30_000), rests.check(&other, 0)), (Ok(()), Ok(())));
        assert_eq!(rests.begin(&url, Some(Duration::from_secs(u64::MAX)), 0), UpstreamError::Resting(300));
        assert_eq!(rests.begin(&url, Some(Duration::ZERO), 0), UpstreamError::Resting(1));
        assert_eq!(rests.begin(&url, None, 0), UpstreamError::Resting(10));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let said = |text: &'static str| {
            let headers = HeaderMap::from_iter([(header::RETRY_AFTER, HeaderValue::from_static(text))]);
            retry_after(&headers, 1_000_000_000_000)
        };
        assert_eq!(said("7"), Some(Duration::from_secs(7)));
        // 2001-09-09T01:46:40Z is the second 1,000,000,000.
        assert_eq!(said("Sun, 09 Sep 2001 01:47:00 GMT"), Some(Duration::from_secs(20)));
        assert_eq!(said("Sun, 09 Sep 2001 01:40:00 GMT"), Some(Duration::ZERO));
        for nonsense in ["", "-1", "soon", "1.5"] {
            assert_eq!(said(nonsense), None, "{nonsense}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), 0), None);
    }
}
