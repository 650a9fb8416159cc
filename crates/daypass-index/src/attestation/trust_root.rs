//! Whose certificates and logs are believed: a trusted root, as Sigstore's tools write it (`trusted_root.json`).
//!
//! What is *not* here: fetching and updating it. The operator puts the file where the server reads it.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use daypass_core::Timestamp;
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer};
use serde::{Deserialize, Deserializer, de};
use webpki::{RawPublicKeyEntity, anchor_from_trusted_cert};

/// Whom attestations are believed from.
#[derive(Debug)]
pub struct TrustRoot {
    /// Who gives certificates to workflows.
    pub(super) authorities: Vec<Authority>,
    /// The logs of certificates. Without any, certificates need not be in one.
    pub(super) certificate_logs: Vec<Log>,
    /// The logs of attestations.
    pub(super) logs: Vec<Log>,
}

/// A file is no trusted root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrustRoot {
    /// It is no JSON, or not of that kind.
    #[error("it is not a Sigstore trusted root: {0}")]
    Malformed(String),
    /// Nobody is named.
    #[error("it names no {0} that can be used, so no attestation could ever be good")]
    Nobody(&'static str),
}

/// A certificate authority.
#[derive(Debug)]
pub(super) struct Authority {
    /// The last of its chain.
    pub(super) root: CertificateDer<'static>,
    /// The others, from its signing certificate on.
    pub(super) intermediates: Vec<CertificateDer<'static>>,
    pub(super) valid: Window,
}

/// A log, of certificates or of attestations.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) id: Vec<u8>,
    pub(super) key: SubjectPublicKeyInfoDer<'static>,
    pub(super) valid: Window,
}

/// When it was, or is, good.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Window {
    start: Option<Timestamp>,
    end: Option<Timestamp>,
}

impl Window {
    pub(super) fn contains(self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| start <= at) && self.end.is_none_or(|end| at <= end)
    }
}

impl TrustRoot {
    /// Reads a `trusted_root.json`.
    ///
    /// # Errors
    /// When it is not one, or names nobody who could be believed.
    pub fn parse(json: &[u8]) -> Result<Self, InvalidTrustRoot> {
        let file: File =
            serde_json::from_slice(json).map_err(|error| InvalidTrustRoot::Malformed(error.to_string()))?;
        if !file.media_type.starts_with("application/vnd.dev.sigstore.trustedroot") {
            return Err(InvalidTrustRoot::Malformed("its `mediaType` says something else".to_owned()));
        }
        let authorities: Vec<_> = file.certificate_authorities.into_iter().filter_map(Authority::read).collect();
        let logs: Vec<_> = file.tlogs.into_iter().filter_map(Log::read).collect();
        if authorities.is_empty() {
            return Err(InvalidTrustRoot::Nobody("certificate authority"));
        }
        if logs.is_empty() {
            return Err(InvalidTrustRoot::Nobody("transparency log"));
        }
        let listed = file.ctlogs.len();
        let certificate_logs: Vec<_> = file.ctlogs.into_iter().filter_map(Log::read).collect();
        // None that can be used is not the same as none: that would take less where more was asked for.
        if certificate_logs.is_empty() && listed > 0 {
            return Err(InvalidTrustRoot::Nobody("certificate log"));
        }
        Ok(Self { authorities, certificate_logs, logs })
    }

    /// The log of that id.
    pub(super) fn log(&self, id: &[u8]) -> Option<&Log> {
        self.logs.iter().find(|log| log.id == id)
    }
}

impl Authority {
    fn read(written: WrittenAuthority) -> Option<Self> {
        let mut chain: Vec<_> =
            written.cert_chain.certificates.into_iter().map(|raw| CertificateDer::from(raw.raw_bytes.0)).collect();
        let root = chain.pop()?;
        anchor_from_trusted_cert(&root).ok()?;
        Some(Self { root, intermediates: chain, valid: written.valid_for })
    }
}

impl Log {
    /// A log whose key is of a kind that is not known here cannot be believed, and is left out.
    fn read(written: WrittenLog) -> Option<Self> {
        let key = SubjectPublicKeyInfoDer::from(written.public_key.raw_bytes.0);
        RawPublicKeyEntity::try_from(&key).ok()?;
        Some(Self { id: written.log_id.key_id.0, key, valid: written.public_key.valid_for })
    }
}

/// The messages of Sigstore's `sigstore_trustroot.proto`, as JSON; what is of no use here is not read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct File {
    media_type: String,
    #[serde(default)]
    tlogs: Vec<WrittenLog>,
    #[serde(default)]
    certificate_authorities: Vec<WrittenAuthority>,
    #[serde(default)]
    ctlogs: Vec<WrittenLog>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenLog {
    public_key: WrittenKey,
    log_id: LogId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenKey {
    raw_bytes: Base64,
    #[serde(default)]
    valid_for: Window,
}

/// Which log is meant: the digest of its key.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogId {
    pub(super) key_id: Base64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenAuthority {
    cert_chain: Chain,
    #[serde(default)]
    valid_for: Window,
}

#[derive(Deserialize)]
struct Chain {
    certificates: Vec<RawCertificate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawCertificate {
    raw_bytes: Base64,
}

/// Bytes, written as Base64 with padding (RFC 4648 §4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base64(pub(super) Vec<u8>);

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map(Self).map_err(|_| de::Error::custom("a text is not Base64"))
    }
}

#[cfg(test)]
mod tests {
    use daypass_testkit::sigstore::Sigstore;

    use super::*;

    #[test]
    fn a_trusted_root_names_whom_to_believe() {
        let trust = TrustRoot::parse(Sigstore::new().trusted_root().to_string().as_bytes()).unwrap();
        assert_eq!((trust.authorities.len(), trust.logs.len(), trust.certificate_logs.len()), (1, 1, 1));
    }

    #[test]
    fn what_names_nobody_is_no_trusted_root() {
        let refused = |change: &dyn Fn(&mut serde_json::Value)| {
            let mut root = Sigstore::new().trusted_root();
            change(&mut root);
            TrustRoot::parse(root.to_string().as_bytes()).unwrap_err().to_string()
        };
        let none = serde_json::json!([]);
        for (member, what) in [("tlogs", "transparency log"), ("certificateAuthorities", "certificate authority")] {
            assert!(refused(&|root| root[member] = none.clone()).contains(what));
        }
        let other_key = |root: &mut serde_json::Value| root["ctlogs"][0]["publicKey"]["rawBytes"] = "AAAA".into();
        assert!(refused(&other_key).contains("certificate log"), "less is not taken in silence");
        assert!(refused(&|root| root["mediaType"] = "application/json".into()).contains("mediaType"));
        assert!(refused(&|root| root["tlogs"][0]["logId"]["keyId"] = "!".into()).contains("Base64"));
        assert!(TrustRoot::parse(b"").is_err());
    }
}
