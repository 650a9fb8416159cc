//! People who sign in at somebody else's provider, honest or not.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod callback;
mod conformance;
mod github;
mod outage;
mod people;
mod request;
mod rules;
mod world;
