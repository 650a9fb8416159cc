//! The issuer's endpoints, through the real router and a real database. The files mirror the URLs.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![expect(clippy::needless_pass_by_value, reason = "json!({…}) reads best without a borrow")]

mod accounts;
mod admin;
mod admin_files;
mod admin_limits;
mod audit;
mod authenticator;
mod authorize;
mod code;
mod code_and_credential;
mod console;
mod device;
mod discovery;
mod house;
mod introspect;
mod keys;
mod narrower;
mod pages;
mod passkeys;
mod people;
mod pull_tokens;
mod refresh;
mod refresh_bounds;
mod refresh_role;
mod revoke;
mod secrets;
mod service_accounts;
mod session_api;
mod sign_in;
mod sign_out;
mod tab;
mod token;
mod token_attacks;
mod trusted_publishing;
mod workloads;
