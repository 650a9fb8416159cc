//! Whom the attestations of uploads are believed from.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use daypass_index::TrustRoot;
use serde::Deserialize;

use super::read_text;
use crate::failure::Failure;

/// `[attestations]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAttestations {
    /// A Sigstore trusted root.
    pub(super) trusted_root: Option<PathBuf>,
}

/// Reads the trusted root, if one is named.
pub(crate) fn read(trusted_root: Option<&Path>) -> Result<Option<Arc<TrustRoot>>, Failure> {
    let Some(path) = trusted_root else { return Ok(None) };
    let root = TrustRoot::parse(read_text(path)?.as_bytes()).map_err(|error| {
        Failure::configuration(format!("`[attestations] trusted_root`, {}: {error}", path.display()))
            .hint("take the `trusted_root.json` that Sigstore's tools keep, or the one of your own Sigstore")
    })?;
    Ok(Some(Arc::new(root)))
}
