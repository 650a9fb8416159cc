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
//! | [`project_status`] | whether a project still lives (PEP 792) |
//! | [`public_url`] | the one URL under which a server is known, and when another URL belongs to it |
//! | [`request`] | which request something belongs to |
//! | [`secret`] | values that print nothing |
//! | [`clock`] | where the time comes from; durations as people write them |
//! | [`digest`] | SHA-256, as hexadecimal |
//! | [`claims`] | what a *verified* outside token says |
//! | [`grant`] | what may be done, on which index and projects |
//! | [`claim_rule`], [`condition`] | what one claim must be; what must hold besides, in CEL |
//! | [`preset`] | what is known of each CI and cloud: what to pin, what never to believe |
//! | [`lint`] | rules that are too broad, and what to pin instead |
//! | [`identity`] | a named rule: which claims may become which grants |
//! | [`issuer`] | who outside is trusted, and with which keys |
//! | [`person`] | people, and what a sign-in leaves |
//! | [`provider`] | where people come from |
//! | [`client`] | OAuth clients, and where a code may be sent |
//! | [`role`] | bundles of actions, and who has them |
//! | [`session`] | how long a session lasts; what a refresh token that comes back means |
//! | [`pull_token`] | what a pull token may be, and what it is worth |
//! | [`service_account`] | machines that prove who they are with a key of their own |
//! | [`opaque`] | how the opaque secrets that we make look |
//! | [`policy`] | the policy file: issuers, identities, providers, clients and roles as data |
//! | [`publisher`] | who publishes, as PEP 740 says it |
//! | [`decide`] | claims + identities → permit or refusal |
//! | [`console`] | how the web console's session stands in a browser |
//! | [`key_rotation`] | when a signing key begins to sign, stops, and is forgotten |
//! | [`access_token`] | the claims of the tokens that daypass signs (RFC 9068) |
//! | [`audit`] | what happened, as an auditor reads it |

pub mod access_token;
pub mod audit;
pub mod claim_rule;
pub mod claims;
pub mod client;
pub mod clock;
pub mod condition;
pub mod console;
pub mod decide;
pub mod digest;
pub mod grant;
pub mod identity;
pub mod issuer;
pub mod key_rotation;
pub mod lint;
pub mod names;
pub mod opaque;
pub mod person;
pub mod policy;
pub mod preset;
pub mod project_status;
pub mod provider;
pub mod public_url;
pub mod publisher;
pub mod pull_token;
pub mod request;
pub mod role;
pub mod secret;
pub mod service_account;
pub mod session;
mod star;

pub use jiff::{SignedDuration, Timestamp};
