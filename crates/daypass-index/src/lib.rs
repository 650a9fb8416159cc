//! Serves packages to whoever holds a grant.
//!
//! Pages and files of two sources: hosted files first, then an upstream index that is pulled through. A name that is
//! hosted is never looked up upstream.
//!
//! What is *not* here: signing keys (an access token is verified with public keys that are passed in), and who may
//! become which identity (that was decided when the access token was signed).
//!
//! | module | idea |
//! |---|---|
//! | [`index`] | everything put together: [`Index::open`], [`Index::router`] |
//! | [`options`] | what an index is given |
//! | [`import`] | puts a file into an index, offline |
//! | [`care`] | looks after hosted files: verifying, sweeping |
//! | [`file_store`] | where bytes are kept, whole or not at all |
//! | `serve` | one request: parse, who asks, decide, do |
//! | `target`, `negotiate`, `range` | what a request asks for |
//! | `credential`, `proven`, `guard` | who asks, and what they may do |
//! | `following`, `revocations`, `pull_tokens` | what was revoked meanwhile, and which pull tokens there are |
//! | `source`, `hosted`, `upstream` | where projects come from |
//! | `page` | what a project page says; reading and writing its forms |
//! | `content`, `body`, `memory` | bytes of files as answers |
//! | `attestation` | attestations of uploaded files (PEP 740) |
//! | `namespace` | names that belong together (PEP 752) |
//! | `archive` | strict reading of wheels and source distributions |
//! | `publish` | the one way of a file into an index |
//! | `upload` | files that are sent: `POST /{index}/legacy/` |
//! | `manage` | `/api/v1/indexes/…`: yank, status, deletion |
//! | `console` | what people see: search, project pages |
//! | [`package_policy`] | which files may be pulled: cooldown, lists, licences, advisories |
//! | `screen` | pages through a policy and a view |
//! | `error` | refusals, and what they are in HTTP |

mod archive;
mod attestation;
mod audit;
mod body;
pub mod care;
mod coding;
mod console;
mod content;
mod credential;
mod error;
pub mod file_store;
mod flight;
mod following;
mod guard;
mod hosted;
pub mod import;
pub mod index;
mod lists;
mod manage;
mod memory;
mod namespace;
mod negotiate;
pub mod options;
pub mod package_policy;
mod page;
mod proven;
mod publish;
mod pull_tokens;
mod range;
mod revocations;
mod screen;
mod serve;
mod source;
mod target;
mod upload;
mod upstream;

pub use attestation::{InvalidTrustRoot, TrustRoot};
pub use care::{Care, CareError};
pub use file_store::{AMBIENT_VARIABLES, FileStore, FileStoreError, S3Keys, S3Spec};
pub use import::{ImportError, Imported, import_file};
pub use index::Index;
pub use options::{
    Deletion, Freshness, IndexOptions, IndexSpec, InvalidDeletion, InvalidNamespaces, Namespace, Namespaces, Pace,
    SecretSource, SourceSpec, UpstreamCredential, UpstreamSpec, View,
};
