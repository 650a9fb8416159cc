//! What must be remembered, in SQLite or PostgreSQL from one SQL text.
//!
//! A [`Store`] is a handle to one database: spent proofs, the audit log, revocations, signing keys (sealed by the
//! issuer before they come here) and the catalogue of hosted files. What it acknowledges is durable: it survives
//! `kill -9` and a power cut. Every wait ends: a database that is slow, locked or away gives
//! [`StoreError::Unavailable`] within [`LONGEST_WAIT`].
//!
//! What is *not* here: rules (`daypass-core`), cryptography, the bytes of files, caches, the time (callers pass it),
//! HTTP. Nothing here knows what a policy is.
//!
//! | module | idea |
//! |---|---|
//! | `store_url` | which database: a path or a `postgres://` URL that prints no password |
//! | `error` | what can go wrong, one sentence each |
//! | `connect` | connections to either database; the only place that knows which one it is |
//! | `sqlite_file` | a private file in a private folder, whatever the umask |
//! | `schema` | migrations; refuses what a newer daypass wrote |
//! | `store` | the handle: open, ask, close |
//! | `writer` | group commit: one task that writes for all |
//! | `batch` | one transaction for many writes, and how rows get their numbers |
//! | `many_rows` | `INSERT` texts of many rows, few enough to stay prepared |
//! | `exchange`, `audit`, `revocation`, `signing_key`, `hosted`, `sweep` | what is remembered, one file each |

mod audit;
mod batch;
mod connect;
mod error;
mod exchange;
mod hosted;
mod many_rows;
mod revocation;
mod schema;
mod signing_key;
mod sqlite_file;
mod store;
mod store_url;
mod sweep;
mod writer;

pub use audit::{AuditQuery, AuditRow};
pub use error::{Cause, StoreError};
pub use exchange::{Spend, SpentProof};
pub use hosted::{AddFile, HostedFile};
pub use revocation::{Revocation, RevocationRow};
pub use signing_key::{KeyState, StoredKey};
pub use store::{LONGEST_WAIT, Store};
pub use store_url::{InvalidStoreUrl, StoreUrl};
pub use sweep::KEPT_AFTER_END;
