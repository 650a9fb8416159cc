//! Which OAuth client asks, and whether it is really that one (RFC 6749 §2.3).

use axum::http::{HeaderMap, StatusCode, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use daypass_core::{audit::AuditKind, client::Client, digest::Sha256, names::ClientId};

use crate::{error::OAuthError, form::Form, issuer::Parts, refusal::Refusal};

/// The client of a request to the token endpoint. A confidential one has proven that it is that client.
pub(crate) fn client(parts: &Parts, headers: &HeaderMap, form: &Form) -> Result<Client, Refusal> {
    let named = named(headers, form).ok_or_else(|| {
        let answer = OAuthError::invalid_request("say once which client asks, with `client_id`");
        Refusal::new(answer, "malformed_request")
    })?;
    let trust = parts.trust.in_force();
    let id = named.id.parse::<ClientId>().ok();
    let client = id.and_then(|id| parts.client(&id));
    let client = client.ok_or_else(|| unauthenticated("the client is not registered", "client_unknown"))?;
    match trust.client_secret(&client.id) {
        Some(expected) if named.secrets().any(|secret| Sha256::of(secret) == expected) => Ok(client),
        None if client.secret.is_none() && named.secret.is_empty() => Ok(client),
        _ => Err(unauthenticated("the client's secret is not right", "client_secret_wrong")),
    }
}

/// The client of a request to the introspection endpoint: a confidential one (RFC 7662 §2.1).
pub(crate) fn confidential(parts: &Parts, headers: &HeaderMap, form: &Form) -> Result<Client, Refusal> {
    let client = client(parts, headers, form)?;
    if client.secret.is_some() {
        return Ok(client);
    }
    Err(unauthenticated("only a client with a secret may ask this", "client_not_confidential"))
}

fn unauthenticated(text: &str, code: &'static str) -> Refusal {
    let mut answer = OAuthError::bad_request("invalid_client", text);
    answer.status = StatusCode::UNAUTHORIZED;
    Refusal { kind: AuditKind::SessionRefused, ..Refusal::new(answer, code) }
}

struct Named {
    id: String,
    secret: String,
    /// As it was sent, where that may be something else: many clients do not form-encode it in `Authorization: Basic`.
    raw_secret: Option<String>,
}

impl Named {
    /// What the secret may be.
    fn secrets(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.secret).chain(self.raw_secret.as_deref())
    }
}

/// The client as the request names it: in the form, or in `Authorization: Basic`, where both parts are form-encoded
/// (RFC 6749 §2.3.1). Some clients send an empty secret there for a client that has none; that names it as well.
fn named(headers: &HeaderMap, form: &Form) -> Option<Named> {
    let in_form = form.find("client_id");
    let Some(value) = headers.get(header::AUTHORIZATION) else {
        let secret = form.find("client_secret").unwrap_or_default().to_owned();
        return Some(Named { id: in_form?.to_owned(), secret, raw_secret: None });
    };
    let (scheme, encoded) = value.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || form.find("client_secret").is_some() {
        return None;
    }
    let pair = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (id, secret) = pair.split_once(':')?;
    let decode = |text: &str| {
        let spaced = text.replace('+', " ");
        percent_encoding::percent_decode_str(&spaced).decode_utf8().ok().map(std::borrow::Cow::into_owned)
    };
    let named = Named { id: decode(id)?, secret: decode(secret)?, raw_secret: Some(secret.to_owned()) };
    in_form.is_none_or(|id| id == named.id).then_some(named)
}
