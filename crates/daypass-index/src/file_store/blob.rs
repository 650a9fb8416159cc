//! Which bytes: a digest, and the side they came from.
//!
//! Hosted and upstream's bytes are kept apart. What is hosted may be secret, and upstream's pages name whatever digest
//! they like: it must never lead to somebody else's bytes.

use daypass_core::digest::Sha256;
use object_store::path::Path as Key;

/// The bytes of one digest, on one side.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Blob {
    side: Side,
    /// Their digest.
    pub sha256: Sha256,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Side {
    Hosted,
    Upstream,
}

impl Side {
    fn name(self) -> &'static str {
        match self {
            Self::Hosted => "hosted",
            Self::Upstream => "upstream",
        }
    }
}

impl Blob {
    /// Bytes that were imported here.
    pub(crate) fn hosted(sha256: Sha256) -> Self {
        Self { side: Side::Hosted, sha256 }
    }

    /// Bytes that were pulled through from upstream.
    pub(crate) fn upstream(sha256: Sha256) -> Self {
        Self { side: Side::Upstream, sha256 }
    }

    /// Where they are kept.
    pub(crate) fn key(&self) -> Key {
        let digits = self.sha256.to_string();
        let folder = digits.get(..2).unwrap_or_default();
        Key::from_iter(["blobs", self.side.name(), "sha256", folder, digits.as_str()])
    }

    /// What is kept under this key, if it is a blob's.
    pub(crate) fn of_key(key: &Key) -> Option<Self> {
        let sha256 = key.filename()?.parse().ok()?;
        [Self::hosted(sha256), Self::upstream(sha256)].into_iter().find(|blob| blob.key() == *key)
    }

    /// What the keys of all hosted blobs begin with.
    pub(crate) fn all_hosted() -> Key {
        Key::from_iter(["blobs", Side::Hosted.name()])
    }

    /// What the keys of all of upstream's blobs begin with.
    pub(crate) fn all_upstream() -> Key {
        Key::from_iter(["blobs", Side::Upstream.name()])
    }

    /// Whether they came from upstream, and can be had again from there.
    pub(crate) fn is_upstream(&self) -> bool {
        self.side == Side::Upstream
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_leads_back_to_its_blob_and_no_other_key_does() {
        let sha256 = Sha256::of("abc");
        for blob in [Blob::hosted(sha256), Blob::upstream(sha256)] {
            assert_eq!(Blob::of_key(&blob.key()), Some(blob));
        }
        for other in ["blobs/hosted/sha256/00", "blobs/x/sha256/ba", "a", "trash/ab"] {
            assert_eq!(Blob::of_key(&Key::from(format!("{other}/{sha256}"))), None, "{other}");
        }
    }
}
