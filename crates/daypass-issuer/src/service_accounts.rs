//! Service accounts: a machine signs an assertion with a key of its own, and gets an access token for it (RFC 7523).
//!
//! To the rest a service account is an identity, and its assertion an outside token: it is verified, decided about and
//! spent as any other. Only the wire differs: there is a client that authenticates (§2.2), or a grant that is an
//! assertion (§2.1).
//!
//! What is *not* here: what a service account is called where (`daypass_core::service_account`).

use axum::http::{HeaderMap, StatusCode, header};
use daypass_core::{digest::Sha256, service_account};
use daypass_oidc::verify;

use crate::{
    caller::Caller,
    error::OAuthError,
    exchange::{self, Frame, Issued, OutsideKind, Purpose, Wanted, check_frame},
    form::Form,
    issuer::Parts,
    refusal::Refusal,
};

/// RFC 7523 §2.2.
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a stranger is told.
const NOT_ACCEPTED: &str =
    "the assertion was not accepted; the operator finds the reason in the audit log under this request's id";

/// How the assertion comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// A client authenticates by it and asks for itself (RFC 7523 §2.2, RFC 6749 §4.4).
    Client,
    /// It is the grant (RFC 7523 §2.1).
    Grant,
}

/// Gives a service account an access token.
pub(crate) async fn grant(
    parts: &Parts,
    caller: &Caller,
    headers: &HeaderMap,
    form: &Form,
    way: Way,
) -> Result<Issued, Refusal> {
    let assertion = assertion(headers, form, way).map_err(|answer| Refusal::new(answer, "malformed_request"))?;
    let token_sha256 = Sha256::of(assertion);
    let refuse = |answer, code| Refusal { token_sha256: Some(token_sha256), ..Refusal::new(answer, code) };
    let Frame { client_id, life } = check_frame(parts, form).map_err(|(answer, code)| refuse(answer, code))?;
    let unknown = |reason: String, code| Refusal { reason, ..refuse(said(way, NOT_ACCEPTED), code) };
    let unverified = verify::peek(assertion).map_err(|refused| unknown(refused.to_string(), refused.code()))?;
    // Only a service account's: whatever else vouches is exchanged (RFC 8693), and is not one of our clients.
    let identity = service_account::named_by(&unverified.iss).and_then(|name| service_account::identity(&name).ok());
    let Some(identity) = identity else {
        let reason = "the assertion's `iss` is not `service-account:NAME`".to_owned();
        return Err(unknown(reason, "issuer_unknown"));
    };
    // RFC 7521 §4.2: where both are given, they name the same client.
    if client_id.is_some_and(|id| id != unverified.iss) {
        return Err(unknown("the `client_id` is not the assertion's".to_owned(), "wrong_client"));
    }
    let wanted = Wanted {
        outside_token: assertion,
        kind: OutsideKind::Jwt,
        token_sha256,
        identity: Some(identity.as_str()),
        life,
        client_id: &unverified.iss,
        purpose: Purpose::All,
    };
    exchange::assume(parts, caller, &wanted).await.map_err(|refusal| in_words_of(way, refusal))
}

/// The assertion, and no other proof beside it (RFC 6749 §2.3).
fn assertion<'a>(headers: &HeaderMap, form: &'a Form, way: Way) -> Result<&'a str, OAuthError> {
    if headers.contains_key(header::AUTHORIZATION) || form.find("client_secret").is_some() {
        return Err(OAuthError::invalid_request("send the assertion, and no other credential beside it"));
    }
    match way {
        Way::Grant if form.find("client_assertion").is_some() => {
            Err(OAuthError::invalid_request("send one assertion: `assertion`, and no `client_assertion`"))
        }
        Way::Grant => form.require("assertion"),
        Way::Client if form.require("client_assertion_type")? != ASSERTION_TYPE => {
            Err(OAuthError::invalid_request(format!("use the client_assertion_type `{ASSERTION_TYPE}`")))
        }
        Way::Client => form.require("client_assertion"),
    }
}

/// RFC 6749 §5.2: a client that is not authenticated; RFC 7521 §4.1: a grant that is not good.
fn said(way: Way, text: &str) -> OAuthError {
    match way {
        Way::Client => {
            OAuthError { status: StatusCode::UNAUTHORIZED, ..OAuthError::bad_request("invalid_client", text) }
        }
        Way::Grant => OAuthError::bad_request("invalid_grant", text),
    }
}

/// A refusal of the exchange, as whoever sent an assertion understands it. What is not about the assertion stays.
fn in_words_of(way: Way, refusal: Refusal) -> Refusal {
    if refusal.answer.code != "invalid_request" {
        return refusal;
    }
    let proven = refusal.is_of_somebody_proven();
    let text = match refusal.code {
        "replayed" => "this assertion was used before; sign another for each request",
        _ if proven => &*refusal.answer.description,
        _ => NOT_ACCEPTED,
    };
    let answer = OAuthError { reason: refusal.answer.reason, ..said(way, text) };
    Refusal { answer, ..refusal }
}
