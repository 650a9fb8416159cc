//! A JWT that AWS signs: `sts:GetWebIdentityToken`.
//!
//! It is there on the regional endpoints only, and only in an account that has turned it on.

use bytes::Bytes;
use daypass_core::{digest::Sha256, secret::Secret};
use daypass_oidc::shown::shown;
use http::{
    Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use serde_json::Value;
use url::form_urlencoded::Serializer;

use super::{context, keys::Signer};
use crate::failure::{Failure, Status};

/// How long the token lives, in seconds: it is exchanged at once.
const SECONDS: &str = "300";

/// What AWS can sign with, the better first.
const ALGORITHMS: [&str; 2] = ["ES384", "RS256"];

const OTHERWISE: &str = "or name an identity and choose `--ambient aws-sigv4`, which needs nothing of the account, if the \
                         server takes it";

const NOT_TURNED_ON: &str = "OutboundWebIdentityFederationDisabledException";

/// Why there is no JWT.
pub(super) struct No {
    pub(super) failure: Failure,
    /// Whether it is because nobody in the account has allowed it: the keys themselves are good.
    pub(super) of_account: bool,
}

impl From<Failure> for No {
    fn from(failure: Failure) -> Self {
        Self { failure, of_account: false }
    }
}

/// Gets a JWT for `audience`.
pub(super) async fn get(signer: &Signer, audience: &str) -> Result<Secret, No> {
    let [better, other] = ALGORITHMS;
    let answer = ask(signer, audience, better).await?;
    // Whoever does not know the algorithm says that the request is wrong.
    let answer = if answer.status() == StatusCode::BAD_REQUEST { ask(signer, audience, other).await? } else { answer };
    if answer.status().is_success() {
        let nonsense = "AWS gives no identity token: its answer has no `WebIdentityToken`";
        return token(answer.body()).ok_or_else(|| Failure::new(Status::Unreachable, nonsense).into());
    }
    Err(refused(&answer))
}

async fn ask(signer: &Signer, audience: &str, algorithm: &str) -> Result<Response<Bytes>, Failure> {
    let mut form = Serializer::new(String::new());
    form.append_pair("Action", "GetWebIdentityToken")
        .append_pair("Version", "2011-06-15")
        .append_pair("Audience.member.1", audience)
        .append_pair("DurationSeconds", SECONDS)
        .append_pair("SigningAlgorithm", algorithm);
    let body = Bytes::from(form.finish());
    let place = match context::sts_endpoint(signer.surroundings()) {
        Some(endpoint) => endpoint.to_string(),
        None => format!("https://{}/", signer.region().sts_host()),
    };
    let request = Request::post(place)
        .header(ACCEPT, "application/json")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("x-amz-content-sha256", Sha256::of(&body).to_string())
        .body(body)
        .map_err(|error| Failure::local(format!("AWS cannot be asked: {error}")))?;
    signer.send(signer.sign(request).await?).await
}

/// The token, in JSON as it was asked for, or in the XML that this service speaks otherwise.
fn token(body: &[u8]) -> Option<Secret> {
    let found = |text: &str| (!text.is_empty()).then(|| Secret::new(text));
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        let place = "/GetWebIdentityTokenResponse/GetWebIdentityTokenResult/WebIdentityToken";
        return document.pointer(place).and_then(Value::as_str).and_then(found);
    }
    element(std::str::from_utf8(body).ok()?, "WebIdentityToken").and_then(found)
}

/// What AWS says of a request that it does not fulfil.
fn refused(answer: &Response<Bytes>) -> No {
    let (code, message) = error(answer.body());
    let status = if answer.status().is_client_error() { Status::SignInNeeded } else { Status::Unreachable };
    let said =
        [code.as_str(), message.as_str()].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(": ");
    let said = if said.is_empty() { format!("status {}", answer.status().as_u16()) } else { shown(&said) };
    let failure = Failure::new(status, format!("AWS gives no identity token: {said}"));
    let hint = match code.as_str() {
        NOT_TURNED_ON => "turn it on, once for the account: `aws iam enable-outbound-web-identity-federation`",
        "AccessDenied" | "AccessDeniedException" => "allow the role the action `sts:GetWebIdentityToken`",
        _ => return failure.into(),
    };
    No { failure: failure.hint(format!("{hint}; {OTHERWISE}")), of_account: true }
}

/// Code and message of an error, in JSON or XML.
fn error(body: &[u8]) -> (String, String) {
    if let Ok(document) = serde_json::from_slice::<Value>(body) {
        let member = |name: &str| {
            let found = document.pointer(&format!("/Error/{name}")).and_then(Value::as_str);
            found.unwrap_or_default().to_owned()
        };
        return (member("Code"), member("Message"));
    }
    let text = String::from_utf8_lossy(body);
    let member = |name: &str| element(&text, name).unwrap_or_default().to_owned();
    (member("Code"), member("Message"))
}

/// What stands between `<name>` and `</name>`.
fn element<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(inside, _)| inside)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused_with(status: StatusCode, body: &'static str) -> No {
        let mut answer = Response::new(Bytes::from_static(body.as_bytes()));
        *answer.status_mut() = status;
        refused(&answer)
    }

    #[test]
    fn the_token_is_found_in_json_and_in_xml_and_nowhere_else() {
        let json = r#"{"GetWebIdentityTokenResponse":{"GetWebIdentityTokenResult":{"WebIdentityToken":"eyJ.a.b","Expiration":1.0}}}"#;
        let xml = "<GetWebIdentityTokenResponse><GetWebIdentityTokenResult><WebIdentityToken>eyJ.a.b</WebIdentityToken></GetWebIdentityTokenResult></GetWebIdentityTokenResponse>";
        for body in [json, xml] {
            assert_eq!(token(body.as_bytes()), Some(Secret::new("eyJ.a.b")));
        }
        for body in ["", "{}", "<WebIdentityToken></WebIdentityToken>", "<WebIdentityToken>eyJ", "eyJ.a.b"] {
            assert_eq!(token(body.as_bytes()), None, "{body}");
        }
    }

    #[test]
    fn who_is_refused_is_told_what_helps() {
        let xml = "<ErrorResponse><Error><Code>OutboundWebIdentityFederationDisabledException</Code><Message>no</Message></Error></ErrorResponse>";
        let json = r#"{"Error":{"Code":"OutboundWebIdentityFederationDisabledException","Message":"no"}}"#;
        for body in [xml, json] {
            let No { failure, of_account } = refused_with(StatusCode::FORBIDDEN, body);
            assert!(of_account);
            let hint = failure.hint.unwrap();
            assert!(hint.contains("enable-outbound-web-identity-federation") && hint.contains("aws-sigv4"), "{hint}");
            assert_eq!(failure.status, Status::SignInNeeded);
        }
        let denied =
            refused_with(StatusCode::FORBIDDEN, r#"{"Error":{"Code":"AccessDenied","Message":"\u001b[31mno"}}"#);
        assert!(denied.failure.hint.unwrap().contains("sts:GetWebIdentityToken"));
        assert!(!denied.failure.message.contains('\u{1b}'), "{}", denied.failure.message);
        // A key that AWS does not know is no better at signing something else.
        let unknown =
            refused_with(StatusCode::FORBIDDEN, r#"{"Error":{"Code":"InvalidClientTokenId","Message":"no"}}"#);
        assert_eq!((unknown.of_account, unknown.failure.status), (false, Status::SignInNeeded));
        let trouble = refused_with(StatusCode::SERVICE_UNAVAILABLE, "");
        assert_eq!((trouble.of_account, trouble.failure.status), (false, Status::Unreachable));
    }
}
