//! The real binary, run by a person with a home of their own, against a server that the tests made up.
//!
//! One literal for each run: exit code, stdout, stderr. A message that changed shows up in the diff.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says what it skips"
)]

mod browser;
mod fake_issuer;
mod fake_service;
mod person;
mod terminal;

mod addressee;
mod admin;
mod admin_policy;
mod ambient;
mod cache_folder;
mod ci;
mod configuration;
mod freshness;
mod help;
mod helper_keyring;
mod index;
mod index_admin;
mod many_processes;
mod narrower;
mod people;
mod pull_token;
mod refusals;
mod secrets;
mod service_account;
mod sign_in;
mod trust;
mod writers;
