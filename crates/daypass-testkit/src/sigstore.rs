//! A Sigstore: an authority that gives certificates to workflows, a log of certificates, and a transparency log.
//!
//! Everything is as the real services write it, and signed with keys of its own. An [`Order`] says what is attested;
//! every part of it can be made wrong.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::format_collect,
    reason = "a fake that cannot be made fails its test at once"
)]

mod certificate;
mod der;
mod log;

use std::sync::Arc;

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair as _},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

pub use certificate::Workflow;

/// The predicate type of a file that is published. It is a name, and nothing is asked there.
pub const PUBLISH: &str = concat!("https://docs.", "pypi", ".org/attestations/publish/v1");

/// The predicate type of how a file was built.
pub const SLSA: &str = "https://slsa.dev/provenance/v1";

/// Everything of one Sigstore.
#[derive(Clone)]
pub struct Sigstore {
    pub(crate) root: Key,
    pub(crate) intermediate: Key,
    pub(crate) certificate_log: Key,
    pub(crate) log: Key,
    /// Of the authority's own certificates, in seconds since the epoch.
    since: i64,
}

/// What is to be attested, and what is to be wrong with it.
pub struct Order {
    /// The statement, as JSON.
    pub statement: Value,
    /// Who signs.
    pub workflow: Workflow,
    /// When the log takes it, in seconds since the epoch.
    pub at: i64,
    /// When the certificate begins, which lives for ten minutes.
    pub certified_at: i64,
    /// Whether the certificate is one to sign code with.
    pub code_signing: bool,
    /// Whether it has the timestamp of the log of certificates.
    pub logged: bool,
    /// What the statement is once it is signed and in the log.
    pub afterwards: Option<Value>,
    /// How many signatures the log's entry has.
    pub signatures: usize,
}

impl Order {
    /// A good one: `workflow` has published `name`, of which this is the SHA-256, at `at`.
    pub fn of(name: &str, sha256: &str, workflow: Workflow, at: i64) -> Self {
        Self {
            statement: statement(name, sha256, PUBLISH),
            workflow,
            at,
            certified_at: at - 5,
            code_signing: true,
            logged: true,
            afterwards: None,
            signatures: 1,
        }
    }
}

/// An in-toto statement about one file.
pub fn statement(name: &str, sha256: &str, predicate: &str) -> Value {
    json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{ "name": name, "digest": { "sha256": sha256 } }],
        "predicateType": predicate,
        "predicate": null,
    })
}

/// A key pair on P-256.
#[derive(Clone)]
pub(crate) struct Key(Arc<EcdsaKeyPair>);

impl Key {
    pub(crate) fn new() -> Self {
        Self(Arc::new(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap()))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.0.sign(&SystemRandom::new(), message).unwrap().as_ref().to_vec()
    }

    /// Its `SubjectPublicKeyInfo`.
    pub(crate) fn spki(&self) -> Vec<u8> {
        let algorithm = der::sequence(&[der::oid("1.2.840.10045.2.1"), der::oid("1.2.840.10045.3.1.7")]);
        der::sequence(&[algorithm, der::bits(0, self.0.public_key().as_ref())])
    }

    /// How logs are called: by the digest of their key.
    pub(crate) fn id(&self) -> Vec<u8> {
        Sha256::digest(self.spki()).to_vec()
    }
}

impl Sigstore {
    /// A new one, with keys of its own, which has been there for a year before 2026.
    #[expect(clippy::new_without_default, reason = "it makes keys")]
    pub fn new() -> Self {
        let [root, intermediate, certificate_log, log] = [(); 4].map(|()| Key::new());
        Self { root, intermediate, certificate_log, log, since: 1_735_689_600 }
    }

    /// The same with another of its parts, which nobody knows: `log`, `certificate_log` or `authority`.
    #[must_use]
    pub fn with_another(mut self, part: &str) -> Self {
        match part {
            "log" => self.log = Key::new(),
            "certificate_log" => self.certificate_log = Key::new(),
            "authority" => (self.root, self.intermediate) = (Key::new(), Key::new()),
            other => panic!("there is no {other}"),
        }
        self
    }

    /// What whoever trusts it writes down (`trusted_root.json`).
    pub fn trusted_root(&self) -> Value {
        let valid = json!({ "start": "2025-01-01T00:00:00Z" });
        let log = |key: &Key, url: &str| {
            json!({
                "baseUrl": url,
                "hashAlgorithm": "SHA2_256",
                "publicKey": {
                    "rawBytes": STANDARD.encode(key.spki()),
                    "keyDetails": "PKIX_ECDSA_P256_SHA_256",
                    "validFor": valid,
                },
                "logId": { "keyId": STANDARD.encode(key.id()) },
            })
        };
        let [root, intermediate] = certificate::authority(self, self.since);
        let raw = |der: &[u8]| json!({ "rawBytes": STANDARD.encode(der) });
        json!({
            "mediaType": "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            "tlogs": [log(&self.log, "https://rekor.example.com")],
            "certificateAuthorities": [{
                "subject": { "organization": "example.com", "commonName": "authority" },
                "uri": "https://fulcio.example.com",
                "certChain": { "certificates": [raw(&intermediate), raw(&root)] },
                "validFor": valid,
            }],
            "ctlogs": [log(&self.certificate_log, "https://ctfe.example.com")],
            "timestampAuthorities": [],
        })
    }

    /// An attestation object (PEP 740).
    pub fn attest(&self, order: &Order) -> Value {
        let key = Key::new();
        self.attest_with(order, &key, &key)
    }

    /// The same, signed with another key than the certificate's.
    pub fn forge(&self, order: &Order) -> Value {
        self.attest_with(order, &Key::new(), &Key::new())
    }

    fn attest_with(&self, order: &Order, key: &Key, signer: &Key) -> Value {
        let statement = order.statement.to_string();
        let signature = signer.sign(&pae(&statement));
        let certificate = certificate::leaf(self, key, order);
        let entry =
            log::entry(&self.log, &statement, &vec![signature.clone(); order.signatures], &certificate, order.at);
        let afterwards = order.afterwards.as_ref().map_or(statement, Value::to_string);
        json!({
            "version": 1,
            "verification_material": {
                "certificate": STANDARD.encode(certificate),
                "transparency_entries": [entry],
            },
            "envelope": {
                "statement": STANDARD.encode(afterwards),
                "signature": STANDARD.encode(signature),
            },
        })
    }
}

/// DSSE's pre-authentication encoding.
fn pae(statement: &str) -> Vec<u8> {
    let kind = "application/vnd.in-toto+json";
    format!("DSSEv1 {} {kind} {} {statement}", kind.len(), statement.len()).into_bytes()
}
