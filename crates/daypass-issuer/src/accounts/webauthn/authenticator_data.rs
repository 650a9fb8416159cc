//! What the authenticator says: for which server, with whom present, how often (WebAuthn §6.1).

use aws_lc_rs::digest;
use ciborium::Value;

use super::{NotAccepted, PublicKey, RelyingParty, cbor};

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const BACKUP_ELIGIBLE: u8 = 0x08;
const BACKED_UP: u8 = 0x10;
const CREDENTIAL_INCLUDED: u8 = 0x40;
const EXTENSIONS_INCLUDED: u8 = 0x80;

/// The longest credential id, in bytes (WebAuthn §4, "credential ID").
const LONGEST_ID: usize = 1023;

/// Authenticator data, read but not believed.
#[derive(Debug)]
pub(super) struct AuthenticatorData {
    party_sha256: [u8; 32],
    flags: u8,
    pub(super) sign_count: u32,
    /// Only when a passkey is made.
    pub(super) credential: Option<Credential>,
}

/// A new passkey.
#[derive(Debug)]
pub(super) struct Credential {
    pub(super) id: Vec<u8>,
    pub(super) public_key: PublicKey,
}

impl AuthenticatorData {
    /// Reads the whole, to the last byte.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, NotAccepted> {
        let mut rest = bytes;
        let party_sha256 = take(&mut rest)?;
        let [flags] = take(&mut rest)?;
        let sign_count = u32::from_be_bytes(take(&mut rest)?);
        let credential = (flags & CREDENTIAL_INCLUDED != 0).then(|| Credential::parse(&mut rest)).transpose()?;
        // None were asked for. An authenticator that adds some says nothing that we go by.
        if flags & EXTENSIONS_INCLUDED != 0 && !matches!(cbor::read(&mut rest)?, Value::Map(_)) {
            return Err(NotAccepted::Malformed);
        }
        if !rest.is_empty() {
            return Err(NotAccepted::Malformed);
        }
        Ok(Self { party_sha256, flags, sign_count, credential })
    }

    /// Checks that it is for us, and that the person was there and verified: by fingerprint, face or PIN.
    pub(super) fn check(&self, party: &RelyingParty) -> Result<(), NotAccepted> {
        if digest::digest(&digest::SHA256, party.id.as_bytes()).as_ref() != self.party_sha256 {
            return Err(NotAccepted::WrongRelyingParty);
        }
        if self.flags & USER_PRESENT == 0 {
            return Err(NotAccepted::NobodyPresent);
        }
        if self.flags & USER_VERIFIED == 0 {
            return Err(NotAccepted::PersonNotVerified);
        }
        if self.flags & BACKED_UP != 0 && self.flags & BACKUP_ELIGIBLE == 0 {
            return Err(NotAccepted::Malformed);
        }
        Ok(())
    }
}

impl Credential {
    /// WebAuthn §6.5.1.
    fn parse(rest: &mut &[u8]) -> Result<Self, NotAccepted> {
        let _aaguid: [u8; 16] = take(rest)?;
        let length = usize::from(u16::from_be_bytes(take(rest)?));
        if length == 0 || length > LONGEST_ID {
            return Err(NotAccepted::Malformed);
        }
        let (id, after) = rest.split_at_checked(length).ok_or(NotAccepted::Malformed)?;
        *rest = after;
        Ok(Self { id: id.to_vec(), public_key: PublicKey::read(rest)? })
    }
}

fn take<const LENGTH: usize>(rest: &mut &[u8]) -> Result<[u8; LENGTH], NotAccepted> {
    let (taken, after) = rest.split_first_chunk().ok_or(NotAccepted::Malformed)?;
    *rest = after;
    Ok(*taken)
}
