//! Who is on the other end of a request, as far as is known before anything is proven.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::{Extensions, HeaderMap, header};
use daypass_core::{
    Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    request::{RequestContext, RequestId},
};

/// The longest user agent that is kept.
const LONGEST_USER_AGENT: usize = 200;

/// The caller of one request.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    pub(crate) context: RequestContext,
    user_agent: Option<String>,
}

impl Caller {
    pub(crate) fn of(extensions: &Extensions, headers: &HeaderMap) -> Self {
        // The server always sets the context; without one the caller is nobody in particular.
        let nobody =
            RequestContext { id: RequestId { process: 0, number: 0 }, peer: IpAddr::V4(Ipv4Addr::UNSPECIFIED) };
        let context = extensions.get().copied().unwrap_or(nobody);
        let user_agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
        Self { context, user_agent: user_agent.map(|text| text.chars().take(LONGEST_USER_AGENT).collect()) }
    }

    /// The program, as it calls itself.
    pub(crate) fn user_agent(&self) -> Option<&str> {
        self.user_agent.as_deref()
    }

    /// An audit event about this caller.
    pub(crate) fn event(&self, now: Timestamp, kind: AuditKind, outcome: Outcome) -> AuditEvent {
        let mut event = AuditEvent::new(now, kind, outcome, self.context.id.to_string());
        event.source = Some(self.context.peer.to_string());
        event.user_agent.clone_from(&self.user_agent);
        event
    }
}
