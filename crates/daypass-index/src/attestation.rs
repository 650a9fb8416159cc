//! Attestations of uploaded files (PEP 740): read, verified against whoever uploads, and kept as provenance.
//!
//! An attestation is a statement about one file, signed with the key of a certificate that lived for minutes, which a
//! certificate authority gave to a workflow, and entered into a transparency log meanwhile. All of it is verified here,
//! with nothing but the bytes at hand and what the operator trusts (`trust_root`): no request is made.
//!
//! What is *not* here: the upload itself, the serving of what is kept, the signing. Times that an authority stamped
//! (RFC 3161) have no place in PEP 740, so entries of logs that give no time of their own are refused.
//!
//! | module | idea |
//! |---|---|
//! | `trust_root` | whose certificates and logs are believed |
//! | `envelope` | what an attestation says, and that its signature covers it |
//! | `certificate` | what a certificate says |
//! | `chain` | that an authority gave it, and a log of certificates has seen it |
//! | `log`, `inclusion` | that a transparency log has the attestation, since when |
//! | `workflow` | that the certificate is the uploader's |

use daypass_core::{Timestamp, access_token::AccessTokenClaims, digest::Sha256, publisher::Publisher};
use serde_json::{Value, json};

use self::envelope::{Attestation, Statement};

mod certificate;
mod chain;
mod envelope;
mod inclusion;
mod log;
mod signature;
mod trust_root;
mod workflow;

pub use trust_root::{InvalidTrustRoot, TrustRoot};

/// The largest field `attestations`, in bytes. Two honest attestations take about 20 KiB.
pub(crate) const LARGEST_FIELD: usize = 64 * 1024;

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
    /// A person, a machine account, or a CI without words for its workflows.
    #[error(
        "attestations are taken from a CI job only, which publishes as what it is and with no secret of its own; upload \
         without them, or by trusted publishing"
    )]
    NoPublisher,
    /// It is no array of attestation objects.
    #[error("the field `attestations` is not understood: {0}")]
    Malformed(String),
    /// Several of the same kind.
    #[error("two attestations have the predicate type `{0}`; one of each is taken")]
    Twice(&'static str),
    /// One of them is not good.
    #[error("attestation {number} is not good: {why}")]
    NotGood {
        /// Which of them, beginning with one.
        number: usize,
        /// What is wrong with it.
        why: Why,
    },
}

/// What is wrong with one attestation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Why {
    /// The envelope or the statement.
    #[error("{0}")]
    Statement(&'static str),
    /// It is about another file.
    #[error("it is about {what} than the uploaded one")]
    OtherFile {
        /// What differs.
        what: &'static str,
    },
    /// The certificate.
    #[error("its certificate {0}")]
    Certificate(&'static str),
    /// The signature does not belong to the statement and the certificate.
    #[error("its signature does not verify with its certificate's key")]
    Signature,
    /// The transparency log's entry.
    #[error("its entry in the transparency log {0}")]
    Log(&'static str),
    /// Somebody else's.
    #[error("its certificate is of another workflow than the one that uploads: {0} differs")]
    OtherWorkflow(&'static str),
}

/// Checks the upload's field `attestations`: a JSON array of attestation objects, all of them about `file`, made by the
/// workflow that `uploader` is, and believed by `trust` at `now`.
///
/// There is no middle way: one that is not good refuses the upload.
pub(crate) fn check(
    field: &str,
    file: Attested<'_>,
    uploader: Option<&AccessTokenClaims>,
    trust: Option<&TrustRoot>,
    now: Timestamp,
) -> Result<Provenance, Refused> {
    let trust = trust.ok_or(Refused::NoTrustRoot)?;
    let (claims, publisher) =
        uploader.and_then(|claims| Some((claims, claims.holder.publisher()?))).ok_or(Refused::NoPublisher)?;
    if field.len() > LARGEST_FIELD {
        return Err(Refused::Malformed(format!("it is longer than {LARGEST_FIELD} bytes")));
    }
    let malformed = |error: &serde_json::Error| Refused::Malformed(error.to_string().chars().take(200).collect());
    let objects: Vec<Value> = serde_json::from_str(field).map_err(|error| malformed(&error))?;
    if objects.is_empty() {
        return Err(Refused::Malformed("it is empty; leave it out instead".to_owned()));
    }
    // One of each kind is all there can be.
    if objects.len() > envelope::PREDICATES.len() {
        return Err(Refused::Malformed(format!("it has more than {} attestations", envelope::PREDICATES.len())));
    }
    let mut seen: Vec<&'static str> = Vec::new();
    for (object, number) in objects.iter().zip(1..) {
        let attestation = Attestation::read(object).map_err(|error| malformed(&error))?;
        let good = is_good(&attestation, file, publisher, &claims.act.iss, trust, now);
        let predicate = good.map_err(|why| Refused::NotGood { number, why })?;
        if seen.contains(&predicate) {
            return Err(Refused::Twice(predicate));
        }
        seen.push(predicate);
    }
    // PEP 740, "Provenance objects".
    let provenance = json!({
        "version": 1,
        "attestation_bundles": [{ "publisher": publisher, "attestations": objects }],
    });
    Ok(Provenance { json: provenance.to_string().into_bytes() })
}

/// Verifies one attestation; its predicate type.
fn is_good(
    attestation: &Attestation,
    file: Attested<'_>,
    publisher: &Publisher,
    issuer: &str,
    trust: &TrustRoot,
    now: Timestamp,
) -> Result<&'static str, Why> {
    let leaf = chain::Leaf::read(&attestation.certificate)?;
    // First when, then who: a certificate that has long ended was good when the log says that it was used.
    for entry in &attestation.entries {
        let at = log::verify(entry, attestation, trust, now)?;
        leaf.verify(trust, at)?;
    }
    leaf.verify_signature(&attestation.signed_bytes(), &attestation.signature)?;
    workflow::is_of(leaf.certificate(), publisher, issuer)?;
    Statement::read(&attestation.statement)?.is_about(file)
}

#[cfg(test)]
mod tests;
