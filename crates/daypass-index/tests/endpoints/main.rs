//! The index through its real router: who gets what, and what upstream's whims do to it.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod audit_rows;
mod care;
mod console;
mod crash;
mod hosted_files;
mod hostile;
mod import;
mod manage;
mod mirrors;
mod move_in;
mod namespaces;
mod package_policy;
mod pages;
mod people;
mod provenance;
mod pull_tokens;
mod quota;
mod refusals;
mod signer;
mod sockets;
mod sources;
mod uploads;
mod upstream_access;
mod upstream_failures;
mod upstream_files;
mod upstream_forms;
mod upstream_freshness;
mod upstream_metadata;
mod upstream_pages;
mod upstream_parts;
mod upstream_provenance;
mod withdrawal;
mod world;
