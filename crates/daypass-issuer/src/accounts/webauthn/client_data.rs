//! What the browser says: which ceremony, which challenge, which page asked (WebAuthn §5.8.1).

use serde::Deserialize;

use super::{NotAccepted, RelyingParty};

/// What was asked of the authenticator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ceremony {
    Make,
    Use,
}

impl Ceremony {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Make => "webauthn.create",
            Self::Use => "webauthn.get",
        }
    }
}

/// Browsers may add members (WebAuthn §5.8.1): what is not known is passed over, what is there twice is refused.
#[derive(Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(default, rename = "crossOrigin")]
    cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<String>,
}

/// Checks that a page of ours asked for exactly this.
pub(super) fn check(json: &[u8], ceremony: Ceremony, challenge: &str, party: &RelyingParty) -> Result<(), NotAccepted> {
    let said: ClientData = serde_json::from_slice(json).map_err(|_| NotAccepted::Malformed)?;
    if said.r#type != ceremony.as_str() {
        return Err(NotAccepted::WrongType);
    }
    // The challenge was sealed by us and is spent by now: nobody learns it by how long this takes.
    if said.challenge != challenge {
        return Err(NotAccepted::WrongChallenge);
    }
    if said.origin != party.origin {
        return Err(NotAccepted::WrongOrigin);
    }
    // Our pages are never framed.
    if said.cross_origin || said.top_origin.is_some() {
        return Err(NotAccepted::Embedded);
    }
    Ok(())
}
