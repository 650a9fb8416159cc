//! What an [`Index`](crate::Index) is given.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use daypass_core::{
    Timestamp, clock::Clock, grant::ProjectPattern, names::IndexName, policy::Policy, public_url::PublicUrl,
};
use daypass_oidc::jwks::KeySet;
use daypass_store::Store;
use url::Url;

pub use crate::manage::deletion::{Deletion, InvalidDeletion};
pub use crate::namespace::{InvalidNamespaces, Namespace, Namespaces};
pub use crate::upstream::spec::{Freshness, SecretSource, UpstreamCredential, UpstreamSpec};
use crate::{
    attestation::TrustRoot,
    file_store::{FileStore, quota::LOOK_EVERY},
    package_policy::LivePolicy,
};

/// Everything the indexes of one server need.
#[derive(Clone)]
pub struct IndexOptions {
    /// The server's public URL: issuer and audience of the access tokens that are accepted.
    pub public_url: PublicUrl,
    /// The indexes.
    pub indexes: Vec<IndexSpec>,
    /// The catalogue of hosted files, the revocations and the audit log.
    pub store: Store,
    /// The files themselves.
    pub files: FileStore,
    /// The public halves of the signing keys. A key that is gone from here opens nothing any more.
    pub keys: Arc<ArcSwap<KeySet>>,
    /// The identities: an access token is worth what its identity is granted *now*.
    pub policy: Arc<ArcSwap<Policy>>,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Whom attestations are believed from. Without, uploads that bring some are refused.
    pub trust: Option<Arc<TrustRoot>>,
    /// How long things may take and stay.
    pub pace: Pace,
}

/// One index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexSpec {
    /// Its name, the first segment of its URLs.
    pub name: IndexName,
    /// Where its projects come from, in order. The first source that has a name owns it; nothing is merged.
    pub sources: Vec<SourceSpec>,
    /// Names that are private, whether they exist yet or not: no upstream is ever asked for them.
    pub reserved: Vec<ProjectPattern>,
    /// What of its sources it shows.
    pub view: View,
    /// When hosted files may be deleted.
    pub deletion: Deletion,
    /// Names that belong together, and to somebody (PEP 752): no upstream is asked for them, and only who was granted one
    /// by name uploads into it.
    pub namespaces: Namespaces,
    /// The longest file that may be uploaded, in bytes.
    pub max_file_size: u64,
    /// Which files of theirs may be pulled.
    pub policy: LivePolicy,
}

/// The longest file that may be uploaded where nothing else is said.
pub const MAX_FILE_SIZE: u64 = 100 * 1024 * 1024;

/// Where projects come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceSpec {
    /// Files of this index's own, which may be uploaded.
    Hosted,
    /// Another index of this server, as that one shows itself.
    Index(IndexName),
    /// Somebody else's index, pulled through.
    Upstream(UpstreamSpec),
}

/// A view: what of its sources an index shows. By default everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct View {
    /// Only these projects.
    pub only: Option<Vec<ProjectPattern>>,
    /// Only files that were uploaded before this instant. Of files whose time is unknown none.
    pub before: Option<Timestamp>,
}

impl IndexSpec {
    /// An index with hosted files and, if one is given, an upstream behind them.
    pub fn simple(name: IndexName, upstream: Option<Url>) -> Self {
        let upstream = upstream.map(|url| SourceSpec::Upstream(url.into()));
        let sources = std::iter::once(SourceSpec::Hosted).chain(upstream).collect();
        Self {
            name,
            sources,
            reserved: Vec::new(),
            view: View::default(),
            deletion: Deletion::default(),
            namespaces: Namespaces::default(),
            max_file_size: MAX_FILE_SIZE,
            policy: LivePolicy::default(),
        }
    }
}

/// How long things may take and stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long it is remembered that upstream does not have a project.
    pub absent: Duration,
    /// How long after a failure upstream is left alone, where there is something older to serve.
    pub retry: Duration,
    /// How long upstream may take to begin an answer.
    pub first_byte: Duration,
    /// How long upstream may pause within an answer.
    pub idle: Duration,
    /// After how long a file of upstream must have come at [`Pace::slowest`] on average.
    pub settled: Duration,
    /// How many bytes per second a file of upstream must come at, on average: who drips would hold a turn for ever.
    pub slowest: u64,
    /// How long a file waits for its turn, while as many as may are on their way from upstream.
    pub turn: Duration,
    /// How often the store is asked for revocations and new files.
    pub follow: Duration,
    /// For how long revocations may be unknown before nobody is let in any more.
    pub blind: Duration,
    /// How often it is looked at whether upstream's files are within their quota.
    pub housekeeping: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            absent: Duration::from_mins(1),
            retry: Duration::from_secs(10),
            first_byte: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            settled: Duration::from_secs(30),
            slowest: 10 * 1024,
            turn: Duration::from_secs(30),
            follow: Duration::from_secs(1),
            blind: Duration::from_secs(4),
            housekeeping: LOOK_EVERY,
        }
    }
}

impl std::fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Hosted => f.write_str("hosted projects"),
            Self::Index(name) => write!(f, "index `{name}`"),
            Self::Upstream(spec) => f.write_str(spec.url.host_str().unwrap_or("an upstream")),
        }
    }
}
