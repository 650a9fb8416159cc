//! `install.sh`, as users and CIs run it: in three shells, with whatever tools a machine has, against a release host
//! that lies, breaks and serves what is stale.
//!
//! Releases are made here with the `minisign` of the system's packages; the last tests judge what `cargo xtask dist`
//! makes. A machine is a `PATH` that holds nothing but what the test says.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod archives;
mod asked;
mod dist;
mod downloads;
mod forgeries;
mod kept;
mod machine;
mod release;
mod tools;
