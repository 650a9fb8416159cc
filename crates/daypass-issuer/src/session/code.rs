//! A session for an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.6).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use daypass_core::{
    audit::{AuditKind, Outcome},
    digest::Sha256,
    opaque::Kind,
    person::SessionId,
};

use super::pass::{self, Holding, Pass};
use crate::{caller::Caller, client_auth, error::OAuthError, form::Form, issuer::Parts, refusal::Refusal};
use axum::http::HeaderMap;

/// What every refusal says to somebody who has proven nothing: which part was wrong is not theirs to know.
const REFUSED: &str = "the code was not accepted; begin the sign-in anew";

/// Redeems a code.
pub(crate) async fn redeem(parts: &Parts, caller: &Caller, headers: &HeaderMap, form: &Form) -> Result<Pass, Refusal> {
    let client = client_auth::client(parts, headers, form)?;
    let malformed = |answer| Refusal::new(answer, "malformed_request");
    let (code, verifier) =
        (form.require("code").map_err(malformed)?, form.require("code_verifier").map_err(malformed)?);
    let redirect_uri = form.require("redirect_uri").map_err(malformed)?;
    let refuse = |code| {
        let refusal = Refusal::new(OAuthError::invalid_grant(REFUSED, code), code);
        Refusal { kind: AuditKind::SessionRefused, ..refusal }
    };
    let digest = Kind::AuthorizationCode.digest(code).ok_or_else(|| refuse("code_unknown"))?;
    let stored = parts.store.code(&digest).await.map_err(|error| pass::not_now(&error))?;
    let stored = stored.ok_or_else(|| refuse("code_unknown"))?;
    let holding = Holding {
        session: SessionId::random(),
        person: &stored.person,
        client_id: &client.id,
        groups: &stored.groups,
        session_expires_at: pass::ends(parts, parts.clock.now()),
    };
    let refuse = |code| Refusal { session: stored.redeemed_by, ..pass::about(refuse(code), &holding) };
    if stored.client_id != client.id {
        return Err(refuse("code_of_another_client"));
    }
    if stored.redirect_uri != redirect_uri {
        return Err(refuse("redirect_uri_differs"));
    }
    if !is_verifier_of(verifier, &stored.code_challenge) {
        return Err(refuse("wrong_code_verifier"));
    }
    if stored.redeemed_by.is_none() && stored.expires_at <= parts.clock.now() {
        return Err(refuse("code_expired"));
    }
    let made = pass::make(parts, &holding).await.map_err(pass::before_any_session)?;
    let opened = made.event(caller, AuditKind::SessionCreated, &holding);
    let mut replayed = caller.event(made.now, AuditKind::SessionReused, Outcome::Refused);
    pass::describe(&mut replayed, &holding);
    replayed.session = stored.redeemed_by;
    replayed.reason = Some("replayed: the authorization code was redeemed before; its session was ended".to_owned());
    let new_session = made.new_session(parts, caller, &holding);
    let outcome = parts.store.redeem_code(&digest, new_session, opened, replayed).await;
    pass::redeemed(outcome.map_err(|error| pass::not_now(&error))?, made, &holding, REFUSED)
}

/// RFC 7636 §4.6, S256 only.
fn is_verifier_of(verifier: &str, challenge: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    let sane = (43..=128).contains(&verifier.len()) && verifier.bytes().all(good);
    sane && URL_SAFE_NO_PAD.encode(Sha256::of(verifier).as_bytes()) == challenge
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verifier_of_rfc_7636_appendix_b_is_the_one() {
        let challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_verifier_of(verifier, challenge));
        for other in ["", challenge, &verifier[1..], &format!("{verifier} "), &"a".repeat(129)] {
            assert!(!is_verifier_of(other, challenge), "{other}");
        }
        assert!(!is_verifier_of(verifier, verifier), "the plain method");
    }
}
