//! What a request's credential turned out to be: an access token, or a pull token.

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    access_token::AccessTokenClaims,
    audit::AuditEvent,
    grant::{Action, Grant},
    names::{IndexName, ProjectName},
};

use crate::pull_tokens::Known;

/// A credential that is good, but for what may end it from one request to the next.
pub(crate) enum Proven {
    /// An access token of ours, by what it says.
    AccessToken(Box<AccessTokenClaims>),
    /// A pull token of ours.
    PullToken(Arc<Known>),
}

impl Proven {
    /// What it was made for.
    pub(crate) fn grants(&self) -> &[Grant] {
        match self {
            Self::AccessToken(claims) => &claims.grants,
            Self::PullToken(known) => &known.pull_token.grants,
        }
    }

    /// Whether it was made to do `action` on `project` of `index`.
    pub(crate) fn allows(&self, index: &IndexName, project: &ProjectName, action: Action) -> bool {
        self.grants().iter().any(|grant| grant.allows(index, project, action))
    }

    /// Whether it was made to do `action` on anything at all of `index`.
    pub(crate) fn allows_on_index(&self, index: &IndexName, action: Action) -> bool {
        self.grants().iter().any(|grant| grant.allows_on_index(index, action))
    }

    /// What to call its holder.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::AccessToken(claims) => format!("identity `{}`", claims.holder.shown()),
            Self::PullToken(known) => {
                let pull_token = &known.pull_token;
                format!("pull token `{}` of `{}`", pull_token.name, pull_token.maker.shown)
            }
        }
    }

    /// Says in an audit event what was used, and who stands behind it.
    pub(crate) fn describe(&self, event: &mut AuditEvent) {
        match self {
            Self::AccessToken(claims) => {
                event.token_id = Some(claims.jti.clone());
                event.expires_at = Timestamp::from_second(claims.exp).ok();
                event.set_holder(claims);
            }
            Self::PullToken(known) => event.set_pull_token(&known.pull_token),
        }
    }
}
