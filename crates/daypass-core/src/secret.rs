//! Values that print nothing.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};
use zeroize::Zeroizing;

/// A string nobody should ever see: an access token, an outside token, a password.
///
/// It has no `Display`, prints `[secret]` in `Debug`, and is wiped from memory when dropped.
/// [`Secret::expose`] is the only way out; search for it in a review.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Hides `value`.
    pub fn new(value: impl Into<String>) -> Self {
        Self(Zeroizing::new(value.into()))
    }

    /// The hidden value: the boundary past which the caller answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Length in bytes, which is not secret.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is hidden here.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self::new(value)
    }
}

/// Serializes the hidden value.
///
/// Use as `#[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]`, so that a struct with a secret
/// in it can only be written out by somebody who meant it: `Secret` itself is not `Serialize`.
pub fn expose_on_purpose<S: Serializer>(secret: &Secret, serializer: S) -> Result<S::Ok, S::Error> {
    secret.expose().serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_nothing_of_the_value() {
        let secret = Secret::new("hunter2");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "[secret] Some(\n    [secret],\n)");
    }
}
