//! The name of one of several accounts at one server.
//!
//! What is *not* here: which profile is meant when none is named (`trust.rs`).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::failure::Failure;

/// What a profile is called when nobody named it.
const UNNAMED: &str = "default";

/// A profile's name, such as `work`.
///
/// It begins with a letter or a digit, so that it can be neither an option nor one of the made-up user names
/// (`_token`, `__token__`) that tools send in the place where a profile may stand.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ProfileName(Box<str>);

impl ProfileName {
    /// As text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is the one that nobody named.
    pub(crate) fn is_unnamed(&self) -> bool {
        &*self.0 == UNNAMED
    }
}

impl Default for ProfileName {
    fn default() -> Self {
        Self(UNNAMED.into())
    }
}

impl FromStr for ProfileName {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Self, Failure> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if text.len() <= 64 && text.bytes().all(good) && text.starts_with(|first: char| first.is_ascii_alphanumeric()) {
            return Ok(Self(text.into()));
        }
        let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
        Err(Failure::usage(format!(
            "`{shown}` is not a valid profile name: use up to 64 ASCII letters, digits and `-_.`, beginning with a \
             letter or a digit"
        )))
    }
}

impl fmt::Display for ProfileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for ProfileName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProfileName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|failure: Failure| de::Error::custom(failure.message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_up_user_name_is_no_profile() {
        for text in ["work", "ada@".trim_end_matches('@'), "2", "a.b-c_d"] {
            assert_eq!(text.parse::<ProfileName>().unwrap().as_str(), text);
        }
        for text in ["", "_token", "__token__", "-x", "a b", "a/b", "ä", &"a".repeat(65)] {
            assert!(text.parse::<ProfileName>().is_err(), "{text}");
        }
    }
}
