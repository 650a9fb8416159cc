//! That a transparency log has an attestation, and since when (Rekor's entries of kind `dsse`, version 0.0.1).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use daypass_core::{
    SignedDuration, Timestamp,
    digest::{Sha256, hexadecimal},
};
use serde::{Deserialize, Deserializer, de};

use super::{
    Why,
    envelope::Attestation,
    inclusion::{self, Proof},
    signature,
    trust_root::{Base64, LogId, TrustRoot},
};

/// How far a log's clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// An entry, as Sigstore's `sigstore_rekor.proto` has it in JSON.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Entry {
    log_index: Number,
    log_id: LogId,
    kind_version: KindVersion,
    #[serde(default)]
    integrated_time: Option<Number>,
    #[serde(default)]
    inclusion_promise: Option<Promise>,
    #[serde(default)]
    inclusion_proof: Option<Proof>,
    canonicalized_body: Base64,
}

#[derive(Debug, Deserialize)]
struct KindVersion {
    kind: String,
    version: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Promise {
    signed_entry_timestamp: Base64,
}

/// A number of 64 bits: protobuf's JSON writes it as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Number(pub(super) u64);

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Either {
            Number(u64),
            Text(String),
        }
        match Either::deserialize(deserializer)? {
            Either::Number(number) => Ok(Self(number)),
            Either::Text(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                text.parse().map(Self).map_err(|_| de::Error::custom("a number is not understood"))
            }
            Either::Text(_) => Err(de::Error::custom("a number is not understood")),
        }
    }
}

/// What the log keeps of an attestation.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    api_version: String,
    kind: String,
    spec: Spec,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Spec {
    payload_hash: Hash,
    signatures: Vec<Signed>,
}

#[derive(Deserialize)]
struct Hash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Signed {
    signature: Base64,
    /// The certificate, as PEM.
    verifier: Base64,
}

const KIND: (&str, &str) = ("dsse", "0.0.1");

/// Verifies that a log which is believed has `attestation` in `entry`; since when.
pub(super) fn verify(
    entry: &Entry,
    attestation: &Attestation,
    trust: &TrustRoot,
    now: Timestamp,
) -> Result<Timestamp, Why> {
    if (&*entry.kind_version.kind, &*entry.kind_version.version) != KIND {
        return Err(Why::Log("is of a kind that is not taken here; `dsse` of version 0.0.1 is"));
    }
    is_of(&entry.canonicalized_body.0, attestation)?;
    let seconds = entry.integrated_time.and_then(|time| i64::try_from(time.0).ok()).filter(|seconds| *seconds > 0);
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()).ok_or(Why::Log("has no time"))?;
    if at > now + AHEAD {
        return Err(Why::Log("is from the future"));
    }
    let log = trust.log(&entry.log_id.key_id.0).filter(|log| log.valid.contains(at));
    let log = log.ok_or(Why::Log("is of no log that is trusted here"))?;
    let promise = entry.inclusion_promise.as_ref().ok_or(Why::Log("has no signed time"))?;
    if !signature::is_of(&log.key, promised(entry, at).as_bytes(), &promise.signed_entry_timestamp.0) {
        return Err(Why::Log("has a time that the log did not sign"));
    }
    let proof = entry.inclusion_proof.as_ref().ok_or(Why::Log("has no proof that it is in the log"))?;
    inclusion::verify(proof, &entry.canonicalized_body.0, log)?;
    Ok(at)
}

/// What the log signs with a time: canonical JSON (RFC 8785). All values are numbers, Base64 and hexadecimal, so
/// nothing needs an escape.
fn promised(entry: &Entry, at: Timestamp) -> String {
    let log_id = hexadecimal(&entry.log_id.key_id.0);
    format!(
        r#"{{"body":"{}","integratedTime":{},"logID":"{log_id}","logIndex":{}}}"#,
        STANDARD.encode(&entry.canonicalized_body.0),
        at.as_second(),
        entry.log_index.0
    )
}

/// Whether `body` is what the log keeps of `attestation`: an entry of something else proves nothing (CVE-2022-36056).
fn is_of(body: &[u8], attestation: &Attestation) -> Result<(), Why> {
    let body: Body = serde_json::from_slice(body).map_err(|_| Why::Log("is not understood"))?;
    if (&*body.kind, &*body.api_version) != KIND {
        return Err(Why::Log("says two kinds"));
    }
    let hash = &body.spec.payload_hash;
    if hash.algorithm != "sha256" || hash.value != Sha256::of(&attestation.statement).to_string() {
        return Err(Why::Log("is about another statement"));
    }
    let [signed] = body.spec.signatures.as_slice() else {
        return Err(Why::Log("does not have exactly one signature"));
    };
    if signed.signature.0 != attestation.signature {
        return Err(Why::Log("is about another signature"));
    }
    if pem(&signed.verifier.0).is_none_or(|certificate| certificate != *attestation.certificate) {
        return Err(Why::Log("is about another certificate"));
    }
    Ok(())
}

/// The only certificate of a PEM text (RFC 7468).
fn pem(text: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let inner = text.strip_prefix("-----BEGIN CERTIFICATE-----")?.strip_suffix("-----END CERTIFICATE-----")?;
    STANDARD.decode(inner.split_ascii_whitespace().collect::<String>()).ok()
}
