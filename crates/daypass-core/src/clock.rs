//! Where the time comes from, and durations as people write them.

use std::{
    borrow::Cow,
    sync::atomic::{AtomicI64, Ordering},
};

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, de};

/// Tells the time. Passed to whoever needs it; tests move a [`ManualClock`].
pub trait Clock: Send + Sync + 'static {
    /// The current instant.
    fn now(&self) -> Timestamp;
}

/// The machine's own clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place where time enters")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// A clock that stands still until it is moved.
#[derive(Debug)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// A clock that shows `at` (to the millisecond).
    pub fn new(at: Timestamp) -> Self {
        Self(AtomicI64::new(at.as_millisecond()))
    }

    /// Moves the clock, forwards or backwards.
    pub fn advance(&self, by: SignedDuration) {
        let by = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).unwrap_or(Timestamp::MAX)
    }
}

/// A positive length of time as written in files and on the command line: `15m`, `1h 30m`, `7d`.
///
/// A day is 24 hours here. Zero and negative values are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ttl(SignedDuration);

impl Ttl {
    /// A length of time in whole seconds.
    pub const fn from_secs(seconds: u32) -> Self {
        Self(SignedDuration::from_secs(seconds as i64))
    }

    /// As a duration.
    pub const fn as_duration(self) -> SignedDuration {
        self.0
    }

    /// In whole seconds, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.as_secs()
    }
}

/// Why a text is not a [`Ttl`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a positive duration such as `15m`, `1h` or `7d`")]
pub struct NotATtl(String);

impl std::str::FromStr for Ttl {
    type Err = NotATtl;

    fn from_str(text: &str) -> Result<Self, NotATtl> {
        let refuse = || NotATtl(text.chars().take(40).collect());
        let span: Span = text.trim().parse().map_err(|_| refuse())?;
        let duration = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| refuse())?;
        if duration.is_positive() { Ok(Self(duration)) } else { Err(refuse()) }
    }
}

impl<'de> Deserialize<'de> for Ttl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl JsonSchema for Ttl {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["15m", "1h 30m", "7d"], "minLength": 2 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_people_write_them() {
        for (text, seconds) in [("15m", 900), ("1h", 3600), ("1h 30m", 5400), ("7d", 604_800), ("90s", 90)] {
            assert_eq!(text.parse::<Ttl>().unwrap().as_secs(), seconds, "{text}");
        }
    }

    #[test]
    fn zero_negative_and_nonsense_are_refused() {
        for text in ["", "0s", "-5m", "soon", "15", "1 month", "1y"] {
            assert!(text.parse::<Ttl>().is_err(), "{text}");
        }
    }
}
