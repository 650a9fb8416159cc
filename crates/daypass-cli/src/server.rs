//! A server that is ours, and what is remembered about it.
//!
//! What is *not* here: where that is written down (`config.rs`), and which server a service name means (`trust.rs`).

use std::path::PathBuf;

use daypass_core::{names::IdentityName, public_url::PublicUrl};
use serde::{Deserialize, Serialize};

/// One server, as the configuration file knows it:
///
/// ```toml
/// [[server]]
/// url = "https://packages.example.com"
/// identity = "ci/app"
/// identity_token_path = "/var/run/secrets/tokens/daypass"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Its public URL.
    pub(crate) url: PublicUrl,
    /// The identity to assume, by name or id. Without one the server takes the only one that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<IdentityName>,
    /// The file that holds a fresh outside token. Never the token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_token_path: Option<PathBuf>,
}

impl Server {
    /// A server of which only the URL is known.
    pub(crate) fn at(url: PublicUrl) -> Self {
        Self { url, identity: None, identity_token_path: None }
    }

    /// The identity as the cache and the server are told it: nothing where none was chosen.
    pub(crate) fn identity_or_empty(&self) -> &str {
        self.identity.as_ref().map_or("", IdentityName::as_str)
    }
}
