//! Who called AWS: the identity behind a signed `sts:GetCallerIdentity` request.
//!
//! AWS gives a workload no token that we could verify, but keys to sign requests with. So the workload signs one
//! request that asks who it is, and hands us the *parts* of the signature ([`CallerToken`]); we put the request
//! together, send it to AWS, and believe what AWS answers.
//!
//! Whoever may choose a part of such a request chooses whom we ask and what we are told: that is how two servers were
//! got around (CVE-2020-16250, CVE-2020-16251: the client sent URL, headers and body). Here nothing is taken over as it
//! came. Method, path, query, body and the list of signed headers are constants; the host is made from a region that
//! the policy lists; every other part is of a kind that has one spelling ([`SignedCaller`]). So there is no header to
//! smuggle, to repeat or to fold, no second `SignedHeaders`, no other action, and no host of a stranger.
//!
//! What binds the request to one use: the headers [`AUDIENCE_HEADER`] and [`IDENTITY_HEADER`] are inside the signature,
//! so one that was made for another server or identity is refused before anybody is asked; its date is at most
//! [`LONGEST_AGE`] old; and it is spent as any other proof is. A date of AWS's has whole
//! seconds, so a third header, [`NONCE_HEADER`], keeps apart what one machine signs within one.
//!
//! | file | idea |
//! |---|---|
//! | `token.rs` | the parts, as they are sent |
//! | `caller.rs` | the same, each of its own kind, and compared with what the exchange asks for |
//! | `region.rs` | a region, and the host that follows from it |
//! | `request.rs` | the one request that is ever signed |
//! | `sts.rs` | asking AWS |
//! | `answer.rs` | what AWS says, as claims |
//!
//! What is *not* here: making a signature (the command does, for its machine), which identities there are, and tokens
//! that AWS signs itself (`sts:GetWebIdentityToken`): those are JWTs like any other.

mod answer;
mod caller;
mod refused;
mod region;
mod request;
mod sts;
mod token;

use daypass_core::SignedDuration;

pub use caller::{CheckedCaller, ExpectedCaller, SignedCaller};
pub use refused::CallerRefused;
pub use region::{InvalidRegion, Region};
pub use request::{
    ACCEPT, AUDIENCE_HEADER, EMPTY_SHA256, IDENTITY_HEADER, NONCE_HEADER, NoRandomness, QUERY, SERVICE, fresh_nonce,
    signed_headers,
};
pub use sts::{Sts, StsOptions};
pub use token::CallerToken;

/// The `subject_token_type` of an exchange (RFC 8693 §3) whose outside token is a [`CallerToken`].
pub const TOKEN_TYPE: &str = "urn:daypass:params:oauth:token-type:aws-sigv4";

/// Who vouches for the claims that are made from an answer: their `iss`.
pub const ISSUER: &str = "https://sts.amazonaws.com";

/// How old a signature may be. AWS takes none that is older.
pub const LONGEST_AGE: SignedDuration = SignedDuration::from_mins(15);

/// How far ahead the clock of whoever signed may be.
pub const FARTHEST_AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// The longest outside token of this kind, in bytes.
pub const MAX_CALLER_BYTES: usize = 8 * 1024;
