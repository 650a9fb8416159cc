//! Attestations of uploaded files (PEP 740): read, verified against whoever uploads, and kept as provenance.
//!
//! What is *not* here: the upload itself, the serving of what is kept.

use daypass_core::{Timestamp, access_token::AccessTokenClaims, digest::Sha256};

/// Whom attestations are believed from: a Sigstore's authorities and logs.
#[derive(Debug)]
pub struct TrustRoot {}

/// The file that attestations must be about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Attested<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// The digest of its bytes, as they arrived.
    pub(crate) sha256: &'a Sha256,
}

/// A provenance object (PEP 740): attestations that were found good, and who made them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Provenance {
    /// The JSON to keep and to serve, byte for byte.
    pub(crate) json: Vec<u8>,
}

/// Why attestations are refused, and with them the file. One sentence, for whoever uploads.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    /// Nobody said whom to believe.
    #[error(
        "attestations cannot be verified here: this server is not told whom to believe; upload without them, or ask \
         whoever runs it to set `trusted_root` under `[attestations]`"
    )]
    NoTrustRoot,
}

/// Checks the upload's field `attestations`: a JSON array of attestation objects, all of them about `file`, made by the
/// workflow that `uploader` is, and believed by `trust` at `now`.
///
/// There is no middle way: one that is not good refuses the upload.
#[expect(clippy::needless_pass_by_value, unused_variables, reason = "the rest follows")]
pub(crate) fn check(
    field: &str,
    file: Attested<'_>,
    uploader: Option<&AccessTokenClaims>,
    trust: Option<&TrustRoot>,
    now: Timestamp,
) -> Result<Provenance, Refused> {
    Err(Refused::NoTrustRoot)
}
