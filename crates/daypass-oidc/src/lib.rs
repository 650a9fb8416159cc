//! Speaking OAuth and OpenID Connect to somebody's server.
//!
//! The server uses it to find out whether an outside token is genuine and who a person is; the command uses it to
//! exchange one. Whatever comes from outside enters through here: bounded in size and time, parsed strictly, refused
//! with a stable code.
//!
//! What is *not* here: who may do what (that is `daypass_core::decide`), which proofs are spent (the store), the keys
//! that the server signs with.
//!
//! | module | idea |
//! |---|---|
//! | [`assertion`] | a machine's own key, and the assertions that it signs (RFC 7523) |
//! | [`aws_caller`] | who signed a request to AWS: rebuilt here, and answered by AWS |
//! | [`http`] | the only maker of HTTP clients: limits, time-outs, and which addresses may be reached |
//! | [`jwks`] | public keys that may be used, picked out of what an issuer publishes |
//! | [`issuer_keys`] | one issuer's keys, fetched, kept fresh, and kept through an outage |
//! | [`verify`] | the one strict verifier, for outside tokens and for our own |
//! | [`metadata`] | the discovery documents of authorization servers and protected resources |
//! | [`provider`] | the relying party: how people sign in at somebody else's provider |
//! | [`exchange`] | the client's side: discover a server, exchange an outside token, revoke an access token |
//! | [`session_client`] | the client's side of a person's sign-in: browser, device, refresh |
//! | [`shown`] | text of somebody else's, made fit to be shown |

pub mod assertion;
pub mod aws_caller;
pub mod exchange;
pub mod http;
pub mod issuer_keys;
pub mod jwks;
pub mod metadata;
pub mod provider;
pub mod session_client;
pub mod shown;
mod strict_json;
pub mod verify;
