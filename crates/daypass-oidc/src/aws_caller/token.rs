//! The parts of a signed request, as they are sent.

use daypass_core::secret::{Secret, expose_on_purpose};
use serde::{Deserialize, Serialize, Serializer};

use super::{CallerRefused, MAX_CALLER_BYTES};

/// What is sent as `subject_token`: the parts of a signed `GetCallerIdentity` request that are not the same for
/// everybody, as one JSON object.
///
/// ```json
/// {"region": "eu-central-1", "access_key_id": "ASIA…", "amz_date": "20261126T152544Z", "security_token": "…",
///  "signature": "<64 hexadecimal digits>", "audience": "https://packages.example.com", "identity": "ci/app",
///  "nonce": "<32 hexadecimal digits>"}
/// ```
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerToken {
    /// The region whose Security Token Service is asked, and in whose scope the request is signed.
    pub region: String,
    /// The id of the key that signed.
    pub access_key_id: String,
    /// When it was signed: the header `x-amz-date`.
    pub amz_date: String,
    /// The session that a temporary key belongs to: the header `x-amz-security-token`.
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "expose_optional")]
    pub security_token: Option<Secret>,
    /// The signature, in lower-case hexadecimal.
    #[serde(serialize_with = "expose_on_purpose")]
    pub signature: Secret,
    /// The server it was signed for: the header [`super::AUDIENCE_HEADER`].
    pub audience: String,
    /// The identity it was signed for, or nothing: the header [`super::IDENTITY_HEADER`].
    pub identity: String,
    /// What makes it differ from others of the same second: the header [`super::NONCE_HEADER`].
    pub nonce: String,
}

#[expect(clippy::ref_option, reason = "serde passes it so")]
fn expose_optional<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => expose_on_purpose(secret, serializer),
        None => serializer.serialize_none(),
    }
}

impl CallerToken {
    /// Reads the parts. An unknown member, a second one of a name, and a missing one are refused.
    pub(super) fn read(text: &str) -> Result<Self, CallerRefused> {
        if text.len() > MAX_CALLER_BYTES {
            return Err(CallerRefused::TooLarge);
        }
        // Nothing of what the parser says goes on: it may quote the token.
        serde_json::from_str(text)
            .map_err(|_| CallerRefused::Malformed("it is not the JSON object of a signed request"))
    }

    /// The text to send.
    pub fn to_text(&self) -> Secret {
        // Strings only, so it cannot fail; an empty text would be refused.
        Secret::new(serde_json::to_string(self).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"region":"eu-central-1","access_key_id":"ASIAEXAMPLEEXAMPLE","amz_date":"20261126T152544Z","security_token":"t","signature":"00","audience":"https://packages.example.com","identity":"ci/app","nonce":"00"}"#;

    #[test]
    fn what_is_written_is_read_again() {
        let read = CallerToken::read(GOOD).unwrap();
        assert_eq!(read.to_text().expose(), GOOD);
        let without = GOOD.replace(r#""security_token":"t","#, "");
        assert_eq!(CallerToken::read(&without).unwrap().to_text().expose(), without);
    }

    #[test]
    fn every_member_is_there_once_and_no_other_is() {
        for member in ["region", "access_key_id", "amz_date", "signature", "audience", "identity", "nonce"] {
            let renamed = GOOD.replace(&format!("\"{member}\""), "\"other\"");
            assert!(CallerToken::read(&renamed).is_err(), "{member} missing");
            let twice = GOOD.replacen('{', &format!("{{\"{member}\":\"x\","), 1);
            assert!(CallerToken::read(&twice).is_err(), "{member} twice");
            let escaped =
                GOOD.replacen('{', &format!("{{\"\\u{:04x}{}\":\"x\",", member.as_bytes()[0], &member[1..]), 1);
            assert!(CallerToken::read(&escaped).is_err(), "{member} twice, once escaped");
        }
        // What would let a caller choose the request is not a member, so it cannot be sent.
        for member in ["url", "host", "headers", "method", "body", "query", "signed_headers", "authorization"] {
            let more = GOOD.replacen('{', &format!("{{\"{member}\":\"x\","), 1);
            assert!(CallerToken::read(&more).is_err(), "{member}");
        }
    }

    #[test]
    fn it_is_bounded_and_shows_no_secret() {
        let long = GOOD.replace("\"t\"", &format!("\"{}\"", "t".repeat(MAX_CALLER_BYTES)));
        assert!(matches!(CallerToken::read(&long), Err(CallerRefused::TooLarge)));
        let shown = format!(
            "{:?}",
            CallerToken::read(&GOOD.replace("\"signature\":\"00\"", "\"signature\":\"hunter2\"")).unwrap()
        );
        assert!(!shown.contains("hunter2") && shown.contains("[secret]"), "{shown}");
    }
}
