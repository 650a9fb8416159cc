//! What an attestation says, and what its signature covers (PEP 740, DSSE, in-toto statements).

use rustls_pki_types::CertificateDer;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::{Attested, Why, log::Entry, trust_root::Base64};

/// The type of what is in the envelope (DSSE).
const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The predicate types that are taken: names, which nobody looks up. The first says that the file was published, the
/// second how it was built.
pub(super) const PREDICATES: [&str; 2] =
    [concat!("https://docs.", "pypi", ".org/attestations/publish/v1"), "https://slsa.dev/provenance/v1"];

/// How many entries of transparency logs one attestation may bring.
const MOST_ENTRIES: usize = 3;

/// An attestation object (PEP 740, version 1).
#[derive(Debug)]
pub(super) struct Attestation {
    pub(super) certificate: CertificateDer<'static>,
    /// At least one.
    pub(super) entries: Vec<Entry>,
    pub(super) statement: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    verification_material: Material,
    envelope: Envelope,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Material {
    certificate: Base64,
    transparency_entries: Vec<Entry>,
}

/// One signature, not DSSE's list of them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    statement: Base64,
    signature: Base64,
}

impl Attestation {
    pub(super) fn read(object: &Value) -> Result<Self, serde_json::Error> {
        let written = Written::deserialize(object)?;
        let wrong = |text: &str| <serde_json::Error as serde::de::Error>::custom(text);
        if written.version != 1 {
            return Err(wrong("attestations of version 1 are taken"));
        }
        let entries = written.verification_material.transparency_entries;
        if entries.is_empty() || entries.len() > MOST_ENTRIES {
            return Err(wrong("an attestation has one entry of a transparency log"));
        }
        Ok(Self {
            certificate: CertificateDer::from(written.verification_material.certificate.0),
            entries,
            statement: written.envelope.statement.0,
            signature: written.envelope.signature.0,
        })
    }

    /// DSSE's pre-authentication encoding.
    pub(super) fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = format!("DSSEv1 {} {PAYLOAD_TYPE} {} ", PAYLOAD_TYPE.len(), self.statement.len()).into_bytes();
        bytes.extend_from_slice(&self.statement);
        bytes
    }
}

/// An in-toto statement.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
}

#[derive(Deserialize)]
struct Subject {
    name: String,
    digest: BTreeMap<String, String>,
}

impl Statement {
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Why> {
        let statement: Self =
            serde_json::from_slice(bytes).map_err(|_| Why::Statement("it holds no in-toto statement"))?;
        if statement.kind == STATEMENT_TYPE {
            Ok(statement)
        } else {
            Err(Why::Statement("it holds no in-toto statement of version 1"))
        }
    }

    /// Verifies that it is about `file` and nothing else; what it says of it.
    pub(super) fn is_about(&self, file: Attested<'_>) -> Result<&'static str, Why> {
        let [subject] = self.subject.as_slice() else {
            return Err(Why::Statement("it is not about exactly one file"));
        };
        if subject.name != file.name {
            return Err(Why::OtherFile { what: "a file of another name" });
        }
        if subject.digest.get("sha256").is_none_or(|digest| *digest != file.sha256.to_string()) {
            return Err(Why::OtherFile { what: "a file of another SHA-256" });
        }
        let known = PREDICATES.into_iter().find(|known| *known == self.predicate_type);
        known.ok_or(Why::Statement("its predicate type is not taken here"))
    }
}
