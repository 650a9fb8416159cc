//! When a file may be deleted.

use std::{fmt, str::FromStr};

use daypass_core::{SignedDuration, Timestamp, clock::Ttl};

/// An index's rule. By default within 72 hours of the upload: a mistake can be undone, and what others may have pinned
/// stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Nothing is ever deleted.
    Never,
    /// Within so long after its upload.
    Within(SignedDuration),
    /// At any time.
    Always,
}

impl Default for Deletion {
    fn default() -> Self {
        Self::Within(SignedDuration::from_hours(72))
    }
}

impl Deletion {
    /// The instant since which a file must have been uploaded to be deleted at `now`: `Some(None)` where that is all the
    /// same, `None` where nothing may be deleted.
    #[expect(clippy::option_option, reason = "never, always and since when are three things, as the store takes them")]
    pub(crate) fn since(self, now: Timestamp) -> Option<Option<Timestamp>> {
        match self {
            Self::Never => None,
            Self::Within(life) => Some(Some(now.checked_sub(life).unwrap_or(Timestamp::MIN))),
            Self::Always => Some(None),
        }
    }
}

/// A text is no [`Deletion`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither `never`, `always`, nor a duration such as `72h`")]
pub struct InvalidDeletion(String);

impl FromStr for Deletion {
    type Err = InvalidDeletion;

    fn from_str(text: &str) -> Result<Self, InvalidDeletion> {
        match text {
            "never" => Ok(Self::Never),
            "always" => Ok(Self::Always),
            text => {
                let invalid = |_| InvalidDeletion(text.chars().take(40).flat_map(char::escape_debug).collect());
                text.parse::<Ttl>().map(|life| Self::Within(life.as_duration())).map_err(invalid)
            }
        }
    }
}

impl fmt::Display for Deletion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => f.write_str("never"),
            Self::Within(life) => write!(f, "within {life:#} of its upload"),
            Self::Always => f.write_str("at any time"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_never_a_time_or_always() {
        let now: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        assert_eq!("never".parse::<Deletion>().unwrap().since(now), None);
        assert_eq!("always".parse::<Deletion>().unwrap().since(now), Some(None));
        let since = "2026-11-20T00:00:00Z".parse().unwrap();
        assert_eq!("72h".parse::<Deletion>().unwrap().since(now), Some(Some(since)));
        assert_eq!(Deletion::default(), "72h".parse().unwrap());
        assert!("soon".parse::<Deletion>().is_err() && "-1h".parse::<Deletion>().is_err());
        assert_eq!(Deletion::default().to_string(), "within 72h of its upload");
    }
}
