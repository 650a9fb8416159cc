//! Where people come from: OpenID providers and GitHub, as the policy names them.
//!
//! What is *not* here: talking to them (`daypass_oidc::provider`), and the built-in accounts.

use std::collections::BTreeMap;

use crate::{claim_rule::ClaimRule, names::ProviderName};

/// A provider that people may sign in at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name, never [`crate::person::LOCAL_PROVIDER`].
    pub name: ProviderName,
    /// What its button says.
    pub label: Box<str>,
    /// What it speaks.
    pub kind: ProviderKind,
    /// Its issuer URL: the exact `iss` of its ID tokens. For GitHub, the URL of the site, without a trailing slash.
    pub url: Box<str>,
    /// Us, as it knows us.
    pub client_id: Box<str>,
    /// Our secret there. `None`: we are a public client, protected by PKCE alone.
    pub client_secret: Option<SecretSource>,
    /// The scopes to ask for.
    pub scopes: Vec<Box<str>>,
    /// E-mail domains, in lower case: people with such an address are sent here, and only they are let in. Empty: all.
    pub domains: Vec<Box<str>>,
    /// When an e-mail address is believed.
    pub email_verified: EmailRule,
    /// What the ID token must say besides. Empty for GitHub.
    pub claims: BTreeMap<Box<str>, ClaimRule>,
    /// Whether it may be reached on a private or loopback address, over plain `http` there.
    pub allow_private_network: bool,
}

/// What a provider speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderKind {
    /// OpenID Connect, by discovery.
    Oidc {
        /// The claim that lists a person's groups.
        groups_claim: Box<str>,
    },
    /// GitHub's OAuth 2.0. Organizations and teams are the groups.
    GitHub {
        /// The URL of its API, without a trailing slash.
        api_url: Box<str>,
    },
}

/// When an e-mail address is believed to be the person's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EmailRule {
    /// When `email_verified` is `true`.
    #[default]
    Require,
    /// Always: the provider knows no other, and says nothing.
    Assume,
}

/// Where a secret is, which never stands in a policy file itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// In a file, relative to the policy file.
    File(Box<str>),
    /// In an environment variable of the server.
    Environment(Box<str>),
}
