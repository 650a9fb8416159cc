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
        let side = match self.side {
            Side::Hosted => "hosted",
            Side::Upstream => "upstream",
        };
        let digits = self.sha256.to_string();
        let folder = digits.get(..2).unwrap_or_default();
        Key::from_iter(["blobs", side, "sha256", folder, digits.as_str()])
    }
}
