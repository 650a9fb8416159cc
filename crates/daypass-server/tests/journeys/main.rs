//! Journeys: the whole product as its users meet it. A real `daypassd`, the real `daypass` in its real wheel, real
//! pip and uv, for people a real browser and a certified provider; only the rest of the world is faked (a CI's OpenID
//! provider, an upstream index), by code that shares nothing with ours.
//!
//! `cargo xtask test` brings the installers. Run by anything else, the journeys that need them say so.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod action;
mod administration;
mod aws;
mod clients;
mod contract;
mod crash;
mod environment;
mod exchange;
mod http;
mod index;
mod installers;
mod keys;
mod mirror;
mod moving;
mod narrower;
mod package_policy;
mod parallel;
mod people;
mod pull_tokens;
mod secrets;
mod server;
mod service_accounts;
mod siblings;
mod slow;
mod stage;
mod storage;
mod tour;
mod trusted_publishing;
mod uploads;
mod users;
mod workloads;
mod world;
