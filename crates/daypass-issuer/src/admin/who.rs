//! Whoever asks the administration, and what they administer: as their access token says, and as things stand now.

use axum::{
    extract::Request,
    http::{Extensions, HeaderMap, StatusCode},
    response::Response,
};
use daypass_core::{
    access_token::AccessTokenClaims,
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    policy::{Authority, ObjectKind, Policy, granted},
};

use crate::{
    audit_api::{is_administrator_by, problem, unauthorized, unavailable},
    bearer,
    caller::Caller,
    issuer::Parts,
};

/// Somebody who administers something.
pub(super) struct Administrator {
    claims: AccessTokenClaims,
    token_sha256: Option<Sha256>,
    caller: Caller,
    pub(super) authority: Authority,
}

/// What of a request says who asks.
pub(super) struct Asked {
    extensions: Extensions,
    headers: HeaderMap,
}

impl Asked {
    pub(super) fn of(request: &Request) -> Self {
        Self { extensions: request.extensions().clone(), headers: request.headers().clone() }
    }
}

impl Administrator {
    /// Lets through a live access token whose holder administers something. Anybody else is told no, and an auditor is
    /// told of whoever is somebody.
    pub(super) async fn of(parts: &Parts, extensions: &Extensions, headers: &HeaderMap) -> Result<Self, Response> {
        Self::as_of(parts, extensions, headers, &parts.trust.in_force().policy).await
    }

    /// The same, judged by the policy that a change is made to: it may be later than what is in force here. The access
    /// token may have been revoked while the request was on its way.
    pub(super) async fn changing(parts: &Parts, asked: &Asked, before: &Policy) -> Result<Self, Response> {
        let who = Self::as_of(parts, &asked.extensions, &asked.headers, before).await?;
        if who.claims.parents.is_empty() {
            return Ok(who);
        }
        // It was made to be worth less, and for a shorter time: what it changes would stay.
        Err(who.denied(parts, "a narrower access token does not change the policy; use the wider one"))
    }

    async fn as_of(
        parts: &Parts,
        extensions: &Extensions,
        headers: &HeaderMap,
        policy: &Policy,
    ) -> Result<Self, Response> {
        let claims = bearer::claims(parts, headers).await.map_err(|error| unavailable(&error))?;
        let claims = claims.ok_or_else(unauthorized)?;
        let current = policy.current_grants(&claims).unwrap_or_default();
        let who = Self {
            authority: Authority {
                held: vec![claims.grants.clone(), current],
                everything: is_administrator_by(parts, policy, &claims),
            },
            claims,
            token_sha256: bearer::raw(headers).map(Sha256::of),
            caller: Caller::of(extensions, headers),
        };
        if who.authority.administers_something() {
            Ok(who)
        } else {
            Err(who.denied(parts, "administering the policy needs the action `admin`"))
        }
    }

    /// Says no, and records it.
    pub(super) fn denied(&self, parts: &Parts, reason: &str) -> Response {
        let mut event = self.event(parts, AuditKind::AccessDenied, Outcome::Refused);
        event.reason = Some(reason.to_owned());
        // Nothing was changed, so nothing hangs on this row: a full queue may drop it.
        let _ = parts.store.record_soon(event);
        problem(StatusCode::FORBIDDEN, reason)
    }

    /// An audit event about what they do.
    pub(super) fn event(&self, parts: &Parts, kind: AuditKind, outcome: Outcome) -> AuditEvent {
        let mut event = self.caller.event(parts.clock.now(), kind, outcome);
        event.set_holder(&self.claims);
        event.token_sha256 = self.token_sha256;
        event
    }

    /// Whether an object is shown to them. Whom the server trusts, every administrator may know: their identities name it.
    pub(super) fn sees(&self, policy: &Policy, kind: ObjectKind, name: &str) -> bool {
        kind == ObjectKind::Issuer || self.authority.administers(&granted(policy, kind, name))
    }

    /// Whether something that is left out is shown to them: it grants nothing, so it is nobody's.
    pub(super) fn sees_left_out(&self, kind: ObjectKind) -> bool {
        kind == ObjectKind::Issuer || self.authority.everything
    }
}
