//! An access token of ours for a narrower one (RFC 8693), so that a build gets no more than it needs.
//!
//! What the narrower one is for is said in `authorization_details` (RFC 9396). Nothing is ever widened, and nothing is
//! left out silently: whatever is asked for must be held, by the access token and by its holder as things stand now.
//! The narrower one is its holder's like the wider one: whatever ends that one (its end, a revocation, the session, the
//! role, the rule) ends this one.
//!
//! What is *not* here: which grant contains which (`daypass_core::grant`, pure).

use std::sync::{Arc, atomic::Ordering};

use axum::{
    http::StatusCode,
    response::{IntoResponse, Response},
};
use daypass_core::{
    Timestamp,
    access_token::{AccessTokenClaims, MOST_PARENTS},
    audit::{AuditKind, Outcome},
    digest::Sha256,
    grant::{Grant, not_held},
    secret::Secret,
};
use daypass_oidc::{
    shown::shown,
    verify::{ExpectedAccess, Refused, verify_access_token},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use crate::{
    caller::Caller,
    error::{NO_STORE, OAuthError},
    exchange::{ACCESS_TOKEN_TYPE, Frame, check_frame},
    form::Form,
    issuer::Parts,
    refusal::Refusal,
    session::pass,
};

/// The one type of authorization details there is (RFC 9396 §2).
pub(crate) const DETAIL_TYPE: &str = "daypass_grant";

/// The longest narrower access token, in bytes. As Basic credentials it is a third longer, which is the 8 KiB that
/// proxies take in one header line.
const LONGEST: usize = 6_000;

/// How many narrower ones may come of one access token within a minute, those of its narrower ones included.
const MOST_A_MINUTE: u32 = 60;

/// How many of the grants that are not held are named.
const MOST_NAMED: usize = 5;

/// RFC 9396 §2.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type")]
enum Detail {
    #[serde(rename = "daypass_grant")]
    Grant(Grant),
}

/// A narrower access token.
pub(crate) struct Narrowed {
    access_token: Secret,
    /// Seconds.
    expires_in: i64,
    claims: AccessTokenClaims,
}

impl Narrowed {
    /// RFC 8693 §2.2.1, with what was granted (RFC 9396 §7).
    pub(crate) fn answer(self) -> Response {
        let details: Vec<_> = self.claims.grants.into_iter().map(Detail::Grant).collect();
        let body = json!({
            "access_token": self.access_token.expose(),
            "issued_token_type": ACCESS_TOKEN_TYPE,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
            "identity": self.claims.holder.identity(),
            "person": self.claims.holder.person(),
            "authorization_details": details,
        });
        (StatusCode::OK, NO_STORE, body.to_string()).into_response()
    }
}

/// What the request asks for, before anything of it is believed.
struct Wanted<'a> {
    subject_token: &'a str,
    token_sha256: Sha256,
    details: &'a str,
    /// Seconds.
    life: Option<i64>,
    client_id: Option<&'a str>,
}

/// Exchanges an access token of ours for a narrower one.
pub(crate) async fn narrow(parts: &Parts, caller: &Caller, form: &Form) -> Result<Narrowed, Refusal> {
    let wanted = parse(parts, form)?;
    let now = parts.clock.now();
    let held = prove(parts, &wanted, now).await?;
    // It has arrived at its holder: the refresh token that came with it is spent (RFC 9700 §4.14.2).
    parts.store.note_use(&held, now);
    let refuse = |answer: OAuthError, code| about(refusal(&wanted, answer, code), &held);
    let current = parts.trust.in_force().policy.current_grants(&held).ok_or_else(|| {
        let text = "what the subject token was signed for was withdrawn; get a new access token";
        refuse(OAuthError::invalid_request(text).because("withdrawn"), "withdrawn")
    })?;
    let grants = grants(wanted.details).map_err(|text| refuse(invalid_details(text), "details_malformed"))?;
    for (holds, what) in [(&held.grants, "the subject token does not grant"), (&current, "its holder may not any more")]
    {
        let missing: Vec<_> = grants.iter().flat_map(|grant| not_held(holds, grant)).collect();
        if !missing.is_empty() {
            return Err(refuse(invalid_details(format!("{what}: {}", named(&missing))), "not_held"));
        }
    }
    if held.parents.len() >= MOST_PARENTS {
        let text = format!("this access token was narrowed {MOST_PARENTS} times already; narrow a wider one");
        return Err(refuse(OAuthError::invalid_request(text).because("too_narrow"), "too_narrow"));
    }
    if is_one_too_many(parts, &held) {
        let answer = OAuthError {
            description: "this access token was narrowed too often within a minute; try again later".to_owned(),
            ..OAuthError::slow_down(60)
        };
        // Nothing is written: that is the point.
        return Err(Refusal { routine: true, ..refuse(answer.because("too_many_narrowed"), "too_many_narrowed") });
    }
    let claims = claims(&wanted, &held, grants, now);
    hand_out(parts, caller, &wanted, &held, claims, now).await
}

fn parse<'a>(parts: &Parts, form: &'a Form) -> Result<Wanted<'a>, Refusal> {
    let malformed = |answer| Refusal::new(answer, "malformed_request");
    let subject_token = form.require("subject_token").map_err(malformed)?;
    let token_sha256 = Sha256::of(subject_token);
    let refuse = |answer, code| Refusal { token_sha256: Some(token_sha256), ..Refusal::new(answer, code) };
    let Frame { client_id, life } = check_frame(parts, form).map_err(|(answer, code)| refuse(answer, code))?;
    if form.find("identity").is_some() {
        let text = "an access token is narrowed by `authorization_details`, and not by `identity`";
        return Err(refuse(OAuthError::invalid_request(text), "malformed_request"));
    }
    let details = form.require("authorization_details").map_err(|answer| refuse(answer, "malformed_request"))?;
    Ok(Wanted { subject_token, token_sha256, details, life, client_id })
}

/// What the subject token says, if it is ours, in time, and not revoked. There is no leeway: it must have some life
/// to give away.
async fn prove(parts: &Parts, wanted: &Wanted<'_>, now: Timestamp) -> Result<AccessTokenClaims, Refusal> {
    // As `bearer::verified`: while nobody knows which keys are good, no token is called a bad one.
    if parts.keys.is_blind() {
        return Err(refusal(wanted, OAuthError::unavailable(), "not_ready"));
    }
    let url = parts.public_url.as_str();
    let expected = ExpectedAccess { issuer: url, audience: url, now };
    let held = verify_access_token(wanted.subject_token, &expected, &parts.keys.public().load())
        .map_err(|refused| unproven(wanted, &refused))?;
    if held.exp <= now.as_second() {
        return Err(about(unproven(wanted, &Refused::Expired), &held));
    }
    if parts.store.is_revoked(&held).await.map_err(|error| pass::not_now(&error))? {
        let answer = OAuthError::invalid_request("the subject token was revoked; get a new access token");
        return Err(about(refusal(wanted, answer.because("revoked"), "revoked"), &held));
    }
    Ok(held)
}

/// A stranger learns nothing but that it was refused.
fn unproven(wanted: &Wanted<'_>, refused: &Refused) -> Refusal {
    let (code, reason) = (refused.code(), refused.to_string());
    let holds_genuine = refused.is_after_proof();
    let answer = if holds_genuine {
        OAuthError::invalid_request(reason.clone()).because(code)
    } else {
        OAuthError::invalid_request("the subject token is not an access token of this server that is good now")
    };
    Refusal { reason, holds_genuine, ..refusal(wanted, answer, code) }
}

fn refusal(wanted: &Wanted<'_>, answer: OAuthError, code: &'static str) -> Refusal {
    Refusal { token_sha256: Some(wanted.token_sha256), ..Refusal::new(answer, code) }
}

/// Says whose access token it was.
fn about(refusal: Refusal, held: &AccessTokenClaims) -> Refusal {
    Refusal {
        actor: Some(Box::new(held.act.clone())),
        identity: held.holder.identity().map(ToString::to_string),
        person: held.holder.person().map(ToOwned::to_owned),
        session: held.holder.session(),
        ..refusal
    }
}

/// RFC 9396 §5.
fn invalid_details(text: impl Into<String>) -> OAuthError {
    OAuthError::bad_request("invalid_authorization_details", text).because("invalid_authorization_details")
}

/// Reads the details; or says what is wrong with them.
fn grants(details: &str) -> Result<Vec<Grant>, String> {
    if details.len() > LONGEST {
        return Err(too_many());
    }
    let details: Vec<Detail> = serde_json::from_str(details)
        .map_err(|error| format!("`authorization_details` is not understood: {}", shown(&error.to_string())))?;
    let grants: Vec<_> = details.into_iter().map(|Detail::Grant(grant)| grant).collect();
    if grants.is_empty() || grants.iter().any(|grant| grant.projects.is_empty() || grant.actions.is_empty()) {
        return Err(
            "each of the `authorization_details` needs a project and an action, and one there must be".to_owned()
        );
    }
    Ok(grants)
}

fn too_many() -> String {
    format!(
        "so many projects do not fit into an access token of at most {LONGEST} bytes; ask for families such as \
         `acme-*`, or for fewer"
    )
}

/// Grants of one action on one project each, in words.
fn named(missing: &[Grant]) -> String {
    let one = |grant: &Grant| {
        let (actions, projects) = (grant.actions.iter(), grant.projects.iter());
        let words: Vec<_> =
            actions.zip(projects).map(|(action, project)| format!("{action} `{}`", project.as_str())).collect();
        format!("{} of index `{}`", words.join(", "), grant.index.as_str())
    };
    let mut words: Vec<_> = missing.iter().take(MOST_NAMED).map(one).collect();
    if missing.len() > MOST_NAMED {
        words.push(format!("and {} more", missing.len() - MOST_NAMED));
    }
    words.join(", ")
}

fn is_one_too_many(parts: &Parts, held: &AccessTokenClaims) -> bool {
    let widest = held.parents.last().unwrap_or(&held.jti).clone();
    let counted = parts.narrowed.get_with(widest, Arc::default);
    counted.fetch_add(1, Ordering::Relaxed) >= MOST_A_MINUTE
}

/// The narrower claims: everything is as it was but what is narrower. `iat` too: see [`AccessTokenClaims::iat`].
fn claims(wanted: &Wanted<'_>, held: &AccessTokenClaims, grants: Vec<Grant>, now: Timestamp) -> AccessTokenClaims {
    let exp = wanted.life.map_or(held.exp, |life| held.exp.min(now.as_second().saturating_add(life)));
    let parents = held.ids().map(ToOwned::to_owned).collect();
    let client_id = wanted.client_id.unwrap_or(&held.client_id).to_owned();
    AccessTokenClaims { exp, jti: Uuid::new_v4().simple().to_string(), parents, client_id, grants, ..held.clone() }
}

/// Signs, records, and hands out only what is on record.
async fn hand_out(
    parts: &Parts,
    caller: &Caller,
    wanted: &Wanted<'_>,
    held: &AccessTokenClaims,
    claims: AccessTokenClaims,
    now: Timestamp,
) -> Result<Narrowed, Refusal> {
    let access_token = parts.keys.sign(&claims).map_err(|error| {
        tracing::error!(request_id = %caller.context.id, %error, "could not sign");
        Refusal::new(OAuthError::unavailable(), "signing_failed")
    })?;
    if access_token.expose().len() > LONGEST {
        return Err(about(refusal(wanted, invalid_details(too_many()), "too_many_grants"), held));
    }
    let mut event = caller.event(now, AuditKind::TokenExchanged, Outcome::Success);
    event.set_holder(&claims);
    event.reason = Some(format!("narrowed from the access token {}", held.jti));
    event.token_sha256 = Some(Sha256::of(access_token.expose()));
    event.subject_token_sha256 = Some(wanted.token_sha256);
    event.token_id = Some(claims.jti.clone());
    event.expires_at = Timestamp::from_second(claims.exp).ok();
    parts.store.record(event).await.map_err(|error| pass::not_now(&error))?;
    Ok(Narrowed { access_token, expires_in: claims.exp - now.as_second(), claims })
}
