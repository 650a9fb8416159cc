//! Passkeys: what an authenticator says, verified (Web Authentication Level 3).
//!
//! Pure: bytes in, yes or no out. By hand, because the crates for it bring OpenSSL or `rsa`, and because we need
//! little: attestation is never asked for and never believed (an authenticator says of itself what it likes), so
//! there are no certificates here. What is left is three small formats and one signature.
//!
//! What is *not* here: challenges (`challenge`), whose passkey it is, counters (the store keeps them).

use aws_lc_rs::digest;
use ciborium::Value;

use authenticator_data::AuthenticatorData;
use client_data::Ceremony;
pub(crate) use public_key::PublicKey;

mod authenticator_data;
mod cbor;
mod client_data;
mod public_key;

/// Us, as authenticators know us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RelyingParty {
    /// The public URL's host. Never an IP address (WebAuthn §5.1.2, "effective domain").
    pub(crate) id: String,
    /// The public URL.
    pub(crate) origin: String,
}

/// Why what an authenticator said is not accepted. For the audit log; the person is told nothing so exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotAccepted {
    #[error("the passkey's answer is malformed")]
    Malformed,
    #[error("the passkey's answer is for another ceremony")]
    WrongType,
    #[error("the passkey's answer is for another challenge")]
    WrongChallenge,
    #[error("the passkey's answer is for another origin")]
    WrongOrigin,
    #[error("the passkey's answer was given inside a page of another site")]
    Embedded,
    #[error("the passkey's answer is for another server")]
    WrongRelyingParty,
    #[error("nobody was present")]
    NobodyPresent,
    #[error("the authenticator did not verify the person")]
    PersonNotVerified,
    #[error("the passkey's key is of a kind that is not accepted")]
    WrongKey,
    #[error("the passkey's signature is wrong")]
    WrongSignature,
}

impl NotAccepted {
    /// A stable word for logs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "passkey_malformed",
            Self::WrongType => "passkey_wrong_type",
            Self::WrongChallenge => "passkey_wrong_challenge",
            Self::WrongOrigin => "passkey_wrong_origin",
            Self::Embedded => "passkey_embedded",
            Self::WrongRelyingParty => "passkey_wrong_server",
            Self::NobodyPresent => "passkey_nobody_present",
            Self::PersonNotVerified => "passkey_person_not_verified",
            Self::WrongKey => "passkey_wrong_key",
            Self::WrongSignature => "passkey_wrong_signature",
        }
    }
}

/// A passkey that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Made {
    pub(crate) credential_id: Vec<u8>,
    /// Checked to be of a kind that [`check_use`] verifies.
    pub(crate) public_key: PublicKey,
    pub(crate) sign_count: u32,
}

/// What a browser sends when a passkey was used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Used<'a> {
    pub(crate) client_data: &'a [u8],
    pub(crate) authenticator_data: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Checks that a passkey was made for us, now, by a person that the authenticator verified (WebAuthn §7.1).
///
/// The attestation statement is not looked at: none was asked for, and nothing follows from it here.
pub(crate) fn check_made(
    party: &RelyingParty,
    challenge: &str,
    client_data: &[u8],
    attestation: &[u8],
) -> Result<Made, NotAccepted> {
    client_data::check(client_data, Ceremony::Make, challenge, party)?;
    let attestation = cbor::read_all(attestation)?;
    let Some(Value::Bytes(data)) = cbor::find(&attestation, &Value::from("authData"))? else {
        return Err(NotAccepted::Malformed);
    };
    let data = AuthenticatorData::parse(data)?;
    data.check(party)?;
    let credential = data.credential.ok_or(NotAccepted::Malformed)?;
    Ok(Made { credential_id: credential.id, public_key: credential.public_key, sign_count: data.sign_count })
}

/// Checks that the holder of `public_key` used it for us, now, and was verified by the authenticator (WebAuthn §7.2).
///
/// Returns how often the authenticator says the passkey was used: whoever keeps the count must compare.
pub(crate) fn check_use(
    party: &RelyingParty,
    challenge: &str,
    public_key: &PublicKey,
    used: &Used<'_>,
) -> Result<u32, NotAccepted> {
    client_data::check(used.client_data, Ceremony::Use, challenge, party)?;
    let data = AuthenticatorData::parse(used.authenticator_data)?;
    data.check(party)?;
    let mut signed = used.authenticator_data.to_vec();
    signed.extend_from_slice(digest::digest(&digest::SHA256, used.client_data).as_ref());
    public_key.verify(&signed, used.signature)?;
    Ok(data.sign_count)
}
