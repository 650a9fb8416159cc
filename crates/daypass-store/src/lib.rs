//! What must be remembered, in SQLite or PostgreSQL from one SQL text.
//!
//! A [`Store`] is a handle to one database: spent proofs, the audit log, revocations, signing keys (sealed by the
//! issuer before they come here), the catalogue of hosted files; and people, how they come in, and their sessions. What it acknowledges is durable: it survives
//! `kill -9` and a power cut. Every wait ends: a database that is slow, locked or away gives
//! [`StoreError::Unavailable`] within [`LONGEST_WAIT`].
//!
//! What is *not* here: rules (`daypass-core`), cryptography, the bytes of files, caches, the time (callers pass it),
//! HTTP. Nothing here knows what a policy means.
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
//! | `change` | what one caller wants done in that transaction |
//! | `rows` | rows, read from left to right into the words of the domain |
//! | `many_rows` | `INSERT` texts of many rows, few enough to stay prepared |
//! | `exchange`, `audit`, `revocation`, `signing_key`, `hosted` | what is remembered, one file each |
//! | `hosted_project`, `hosted_change` | the projects of hosted files; yanks, statuses, deletions |
//! | `policy_object` | the policy that was made over the API |
//! | `person`, `account`, `passkey`, `invite` | who may come in, and with what |
//! | `standing` | shutting people out, and cutting off what they hold |
//! | `code`, `device` | who is on the way in |
//! | `redeem`, `session`, `rotation` | how a session begins, ends and goes on |
//! | `pull_token` | what tools keep that can do nothing better |
//! | `worth` | what one token is worth now |
//! | `upstream_use` | when files of upstream were last used |
//! | `sweep` | forgetting what has ended |

mod account;
mod audit;
mod batch;
mod change;
mod code;
mod connect;
mod device;
mod error;
mod exchange;
mod hosted;
mod hosted_blobs;
mod hosted_change;
mod hosted_project;
mod invite;
mod many_rows;
mod passkey;
mod person;
mod policy_object;
mod pull_token;
mod redeem;
mod revocation;
mod rotation;
mod rows;
mod schema;
mod session;
mod signing_key;
mod sqlite_file;
mod standing;
mod store;
mod store_url;
mod sweep;
mod upstream_use;
mod worth;
mod writer;

pub use account::{Account, NewAccount, RoleAsRead};
pub use audit::{AuditQuery, AuditRow};
pub use code::{NewCode, StoredCode};
pub use device::{AddDevice, DeviceDecision, DeviceState, NewDevice, StoredDevice};
pub use error::{Cause, StoreError};
pub use exchange::{Spend, SpentProof};
pub use hosted::{AddFile, HostedFile, Release};
pub use hosted_blobs::{HOSTED_BLOBS_AT_ONCE, HostedBlobs};
pub use hosted_change::{CatalogueChange, Changed, Which};
pub use hosted_project::{HostedProject, ProjectChange};
pub use invite::{Credential, Invite, NewInvite};
pub use passkey::StoredPasskey;
pub use person::{MOST_PEOPLE, PersonRecord, PersonStanding, SeenPerson};
pub use policy_object::{ChangeObject, PolicyChanged, PolicyObject, PolicyObjects};
pub use pull_token::{
    AddPullToken, MOST_PULL_TOKENS, MOST_PULL_TOKENS_OF_ONE, NewPullToken, PullTokenRow, USE_NOTED_EVERY,
};
pub use redeem::{NewSession, Redeemed};
pub use revocation::{CUT_REMEMBERED_FOR, Revocation, RevocationRow, Revoked};
pub use rotation::{Rotated, Rotation, RotationEvents};
pub use session::StoredSession;
pub use signing_key::{KeyChange, StoredKey};
pub use store::{LONGEST_WAIT, Store};
pub use store_url::{InvalidStoreUrl, StoreUrl};
pub use sweep::{DEVICES_KEPT_AFTER_END, KEPT_AFTER_END, TOLD_AFTER_END};
