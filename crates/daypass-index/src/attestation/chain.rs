//! That an authority gave a certificate, and a log of certificates has seen it.

use daypass_core::{Timestamp, digest::Sha256};
use rustls_pki_types::{CertificateDer, SubjectPublicKeyInfoDer, UnixTime};
use std::time::Duration;
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage, anchor_from_trusted_cert};

use super::{Why, certificate::Certificate, signature, trust_root::TrustRoot};

/// RFC 5280 §4.2.1.12: `id-kp-codeSigning`, 1.3.6.1.5.5.7.3.3.
const CODE_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 3];

/// The certificate of an attestation.
pub(super) struct Leaf<'a> {
    judged: EndEntityCert<'a>,
    read: Certificate<'a>,
}

impl<'a> Leaf<'a> {
    pub(super) fn read(bytes: &'a CertificateDer<'a>) -> Result<Self, Why> {
        let judged = EndEntityCert::try_from(bytes).map_err(|_| Why::Certificate("is not understood"))?;
        let read = Certificate::read(bytes)?;
        if read.may_sign() { Ok(Self { judged, read }) } else { Err(Why::Certificate("is not one to sign with")) }
    }

    /// What it says.
    pub(super) fn certificate(&self) -> &Certificate<'a> {
        &self.read
    }

    /// Verifies that it was good at `at`.
    pub(super) fn verify(&self, trust: &TrustRoot, at: Timestamp) -> Result<(), Why> {
        let issuer = self.issuer(trust, at)?;
        if trust.certificate_logs.is_empty() { Ok(()) } else { self.was_logged(trust, &issuer, at) }
    }

    /// The key of whoever gave it, if that is an authority that is believed.
    fn issuer(&self, trust: &TrustRoot, at: Timestamp) -> Result<SubjectPublicKeyInfoDer<'static>, Why> {
        let seconds = u64::try_from(at.as_second()).map_err(|_| Why::Certificate("is from before all time"))?;
        let time = UnixTime::since_unix_epoch(Duration::from_secs(seconds));
        let mut why = Why::Certificate("is of no authority that is trusted here");
        for authority in trust.authorities.iter().filter(|authority| authority.valid.contains(at)) {
            let Ok(anchor) = anchor_from_trusted_cert(&authority.root) else { continue };
            let anchors = [anchor];
            let path = self.judged.verify_for_usage(
                ALL_VERIFICATION_ALGS,
                &anchors,
                &authority.intermediates,
                time,
                KeyUsage::required(CODE_SIGNING),
                None,
                None,
            );
            match path {
                Ok(path) => return Ok(path.issuer_spki().into_owned()),
                Err(webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. }) => {
                    why = Why::Certificate("was not valid when the transparency log took the entry");
                }
                Err(webpki::Error::RequiredEkuNotFoundContext(_)) => why = Why::Certificate("is not one to sign with"),
                Err(_) => {}
            }
        }
        Err(why)
    }

    /// RFC 6962 §3.2: verifies the signed certificate timestamp, of which Fulcio puts in exactly one.
    fn was_logged(&self, trust: &TrustRoot, issuer: &SubjectPublicKeyInfoDer<'_>, at: Timestamp) -> Result<(), Why> {
        const NOT_LOGGED: Why = Why::Certificate("is in no certificate log that is trusted here");
        let timestamp = self.read.timestamps().and_then(Sct::read_only).ok_or(NOT_LOGGED)?;
        let signed = self.read.before_timestamps().and_then(|seen| timestamp.signed_bytes(&seen, issuer));
        let signed = signed.ok_or(NOT_LOGGED)?;
        let log = trust.certificate_logs.iter().find(|log| log.id == timestamp.log_id && log.valid.contains(at));
        let good = log.is_some_and(|log| signature::is_of(&log.key, &signed, timestamp.signature));
        if good { Ok(()) } else { Err(NOT_LOGGED) }
    }

    /// Verifies a signature with its key.
    pub(super) fn verify_signature(&self, message: &[u8], signed: &[u8]) -> Result<(), Why> {
        let verifies = |algorithm| self.judged.verify_signature(algorithm, message, signed).is_ok();
        if signature::ALGORITHMS.into_iter().any(verifies) { Ok(()) } else { Err(Why::Signature) }
    }
}

/// A signed certificate timestamp (RFC 6962 §3.2).
struct Sct<'a> {
    log_id: &'a [u8],
    timestamp: &'a [u8],
    extensions: &'a [u8],
    signature: &'a [u8],
}

impl<'a> Sct<'a> {
    /// The only one of a list (RFC 6962 §3.3).
    fn read_only(list: &'a [u8]) -> Option<Self> {
        let (list, rest) = sized(list)?;
        let (mut sct, others) = sized(list)?;
        if !rest.is_empty() || !others.is_empty() {
            return None;
        }
        let mut take = |length| {
            let (taken, rest) = sct.split_at_checked(length)?;
            sct = rest;
            Some(taken)
        };
        // Version 1.
        let [0] = take(1)? else { return None };
        let (log_id, timestamp) = (take(32)?, take(8)?);
        let (extensions, rest) = sized(sct)?;
        // `SignatureAndHashAlgorithm` of RFC 5246: SHA-256 or better with ECDSA. The log's key tells the rest.
        let (algorithm, rest) = rest.split_at_checked(2)?;
        let [4..=6, 3] = algorithm else { return None };
        let (signature, rest) = sized(rest)?;
        rest.is_empty().then_some(Self { log_id, timestamp, extensions, signature })
    }

    /// What the log has signed: that it has seen a certificate of `issuer` without timestamps in it.
    fn signed_bytes(&self, seen: &[u8], issuer: &SubjectPublicKeyInfoDer<'_>) -> Option<Vec<u8>> {
        let [_, length @ ..] = u32::try_from(seen.len()).ok()?.to_be_bytes();
        let extensions = u16::try_from(self.extensions.len()).ok()?.to_be_bytes();
        let issuer = Sha256::of(issuer.as_ref());
        // `v1`, `certificate_timestamp`; further on `precert_entry`.
        let parts: [&[u8]; 8] =
            [&[0, 0], self.timestamp, &[0, 1], issuer.as_bytes(), &length, seen, &extensions, self.extensions];
        Some(parts.concat())
    }
}

/// What a length of two bytes stands before (RFC 8446 §3.4), and what comes after.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}
