//! The words and the rules of daypass.
//!
//! Everything here is pure: a function gets the time, the randomness and the configuration it needs as
//! parameters and returns a value. It can be tested with a table, without a mock.
//!
//! What is *not* here: files, sockets, databases, environment variables, async, HTTP status codes.
//!
//! | module | idea |
//! |---|---|
//! | [`names`] | what things may be called: index, project, file, issuer, identity |
//! | [`public_url`] | the one URL under which a server is known, and when another URL belongs to it |
//! | [`request`] | which request something belongs to |
//! | [`secret`] | values that print nothing |
//! | [`clock`] | where the time comes from; durations as people write them |
//! | [`digest`] | SHA-256, as hexadecimal |
//! | [`claims`] | what a *verified* outside token says |
//! | [`grant`] | what may be done, on which index and projects |
//! | [`identity`] | a named rule: which claims may become which grants |
//! | [`issuer`] | who outside is trusted, and with which keys |
//! | [`policy`] | the policy file: issuers and identities as data |
//! | [`decide`] | claims + identities → permit or refusal |
//! | [`access_token`] | the claims of the tokens that daypass signs (RFC 9068) |
//! | [`audit`] | what happened, as an auditor reads it |

pub mod access_token;
pub mod audit;
pub mod claims;
pub mod clock;
pub mod decide;
pub mod digest;
pub mod grant;
pub mod identity;
pub mod issuer;
pub mod names;
pub mod policy;
pub mod public_url;
pub mod request;
pub mod secret;

pub use jiff::{SignedDuration, Timestamp};
