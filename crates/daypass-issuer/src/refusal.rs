//! Why a request was refused: what the caller is told, and what the auditor reads.

use daypass_core::{
    access_token::Actor,
    audit::{AuditEvent, AuditKind},
    digest::Sha256,
    person::SessionId,
};

use crate::error::OAuthError;

/// Why a request was refused: what the caller is told, and what the auditor reads.
pub(crate) struct Refusal {
    pub(crate) answer: OAuthError,
    pub(crate) code: &'static str,
    /// What kind of event it is.
    pub(crate) kind: AuditKind,
    pub(crate) reason: String,
    pub(crate) actor: Option<Box<Actor>>,
    pub(crate) person: Option<String>,
    pub(crate) session: Option<SessionId>,
    pub(crate) identity: Option<String>,
    pub(crate) token_sha256: Option<Sha256>,
    /// Whether the caller has shown something genuine, though it is not known whose.
    pub(crate) holds_genuine: bool,
    /// Whether the audit event is already written (it was, in the transaction that found the proof spent).
    pub(crate) recorded: bool,
    /// Whether it is part of a protocol that goes well: nothing to record or to count.
    pub(crate) routine: bool,
}

impl Refusal {
    pub(crate) fn new(answer: OAuthError, code: &'static str) -> Self {
        let reason = answer.description.clone();
        Self {
            answer,
            code,
            kind: AuditKind::TokenRefused,
            reason,
            actor: None,
            person: None,
            session: None,
            identity: None,
            token_sha256: None,
            holds_genuine: false,
            recorded: false,
            routine: false,
        }
    }

    /// Whether the caller is more than a stranger.
    pub(crate) fn is_of_somebody_proven(&self) -> bool {
        self.holds_genuine || self.actor.is_some()
    }

    /// Completes the audit event of this refusal.
    pub(crate) fn describe(&self, event: &mut AuditEvent) {
        event.reason = Some(format!("{}: {}", self.code, self.reason));
        event.actor = self.actor.as_deref().cloned();
        event.person.clone_from(&self.person);
        event.session = self.session;
        event.identity.clone_from(&self.identity);
        event.token_sha256 = self.token_sha256;
    }
}
