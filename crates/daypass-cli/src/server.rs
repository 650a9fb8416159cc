//! A server that is ours, and what is remembered about it.
//!
//! What is *not* here: where that is written down (`config.rs`), and which server a service name means (`trust.rs`).

use std::path::PathBuf;

use daypass_core::{names::IdentityName, public_url::PublicUrl};
use serde::{Deserialize, Serialize};

use crate::{ambient::Ambient, identity_token::addressee::TokenAudience, profile::ProfileName};

/// One account at one server, as the configuration file knows it:
///
/// ```toml
/// [[server]]
/// url = "https://packages.example.com"
/// profile = "work"
/// default = true
///
/// [[server]]
/// url = "https://packages.example.com"
/// profile = "robot"
/// identity = "ci/app"
/// ambient = "kubernetes"
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Server {
    /// Its public URL.
    pub(crate) url: PublicUrl,
    /// Which of the accounts there.
    #[serde(default, skip_serializing_if = "ProfileName::is_unnamed")]
    pub(crate) profile: ProfileName,
    /// Whether it is the one that is meant when none is named. Without any, it is the first.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) default: bool,
    /// The identity to assume, by name or id. Without one the server takes the only one that matches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity: Option<IdentityName>,
    /// The file that holds a fresh outside token. Never the token itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) identity_token_path: Option<PathBuf>,
    /// Who vouches for this job or machine there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) ambient: Option<Ambient>,
    /// What identity tokens are asked for as their audience. Without one, it is the URL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) audience: Option<TokenAudience>,
    /// The file that holds the private key of the service account that `identity` is. Never the key itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_account_key_path: Option<PathBuf>,
}

impl Server {
    /// A server of which only the URL is known.
    pub(crate) fn at(url: PublicUrl) -> Self {
        Self {
            url,
            profile: ProfileName::default(),
            default: false,
            identity: None,
            identity_token_path: None,
            ambient: None,
            audience: None,
            service_account_key_path: None,
        }
    }

    /// The identity as the cache and the server are told it: nothing where none was chosen.
    pub(crate) fn identity_or_empty(&self) -> &str {
        self.identity.as_ref().map_or("", IdentityName::as_str)
    }

    /// For whom identity tokens must be meant that are sent here.
    pub(crate) fn audience(&self) -> &str {
        self.audience.as_ref().map_or(self.url.as_str(), TokenAudience::as_str)
    }

    /// Whether it was remembered that an identity signs in here, and not a person.
    pub(crate) fn is_for_an_identity(&self) -> bool {
        self.identity.is_some() || self.identity_token_path.is_some() || self.ambient.is_some()
    }

    /// Whether it is the same account.
    pub(crate) fn is_same_account(&self, other: &Self) -> bool {
        self.url == other.url && self.profile == other.profile
    }

    /// How people are told which account it is.
    pub(crate) fn account(&self) -> String {
        if self.profile.is_unnamed() {
            self.url.to_string()
        } else {
            format!("{} (profile `{}`)", self.url, self.profile)
        }
    }
}
