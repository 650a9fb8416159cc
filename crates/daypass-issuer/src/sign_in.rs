//! A sign-in under way in somebody's browser: what it is for, and how it ends.
//!
//! Nothing is kept here between two pages: the sign-in travels sealed in a hidden field, bound to the browser by a
//! cookie. Whoever has only one of the two (a link that was sent, a page of another site) has nothing.
//!
//! What is *not* here: how people prove who they are (`accounts`, `sign_in::provider_door`), the pages' looks (`pages`).

use axum::{
    http::{HeaderMap, StatusCode},
    response::Response,
};
use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditKind, Outcome},
    console,
    digest::Sha256,
    names::ClientId,
    opaque::Kind,
    person::ProvenPerson,
};
use daypass_store::{NewCode, StoreError};
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

use crate::{
    caller::Caller,
    issuer::{self, Parts},
    pages::{
        onward::Onward,
        outcome::{NoAccess, Problem},
    },
    refusals::Bound,
    session::rights,
};
use browser::Browser;

pub(crate) mod browser;
pub(crate) mod choose;
pub(crate) mod provider_door;

/// How long a person may take from the first page to the last.
const PATIENCE: SignedDuration = SignedDuration::from_mins(30);

/// How long a client may take to redeem a code (RFC 6749 §4.1.2 asks for at most ten minutes).
const CODE_LIFE: SignedDuration = SignedDuration::from_secs(60);

/// What a sealed sign-in is bound to, so that no other sealed value can be passed off as one.
const SEALED_AS: &str = "sign-in";

/// A sign-in under way.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SignIn {
    /// What it is for.
    pub(crate) purpose: Purpose,
    /// Digest of the browser's cookie.
    browser: Sha256,
    /// When it began, in seconds since the epoch.
    began: i64,
}

/// What a sign-in is for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Purpose {
    /// An authorization code for a client (RFC 6749 §4.1).
    Code(CodeRequest),
    /// Allowing a device (RFC 8628 §3.3).
    Device {
        /// Its user code, normalized.
        user_code: String,
    },
}

/// What a client asked for, checked (RFC 6749 §4.1.1, RFC 7636 §4.3).
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct CodeRequest {
    pub(crate) client_id: ClientId,
    pub(crate) redirect_uri: String,
    pub(crate) state: Option<String>,
    /// The S256 challenge.
    pub(crate) code_challenge: String,
}

/// A sealed sign-in cannot be gone on with: it is too old, another browser's, or none of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Lost;

impl SignIn {
    /// Begins one in this browser.
    pub(crate) fn begin(purpose: Purpose, browser: &Browser, now: Timestamp) -> Self {
        Self { purpose, browser: browser.digest(), began: now.as_second() }
    }

    /// When it began, in seconds since the epoch.
    pub(crate) fn began(&self) -> i64 {
        self.began
    }

    /// Whether it ends at a port of this computer (RFC 8252 §7.3), at which anybody may listen. Our own console is not
    /// meant, though the whole server may be there.
    pub(crate) fn goes_to_loopback(&self) -> bool {
        let native = |request: &CodeRequest| request.client_id.as_str() != console::CLIENT;
        matches!(&self.purpose, Purpose::Code(request) if native(request) && request.redirect_uri.starts_with("http://"))
    }

    /// As the hidden field of a page.
    pub(crate) fn seal(&self, parts: &Parts) -> Result<String, Lost> {
        parts.seal(SEALED_AS, self).ok_or(Lost)
    }

    /// Reads the hidden field that came back from the browser with these headers.
    pub(crate) fn open(parts: &Parts, headers: &HeaderMap, sealed: &str) -> Result<Self, Lost> {
        let sign_in: Self = parts.unseal(SEALED_AS, sealed).ok_or(Lost)?;
        if sign_in.is_of(headers, parts) { Ok(sign_in) } else { Err(Lost) }
    }

    /// Whether it belongs to the browser that sent these headers, and is not over.
    pub(crate) fn is_of(&self, headers: &HeaderMap, parts: &Parts) -> bool {
        let age = parts.clock.now().as_second() - self.began;
        let same = Browser::of(headers, parts).is_some_and(|browser| browser.digest() == self.browser);
        same && (-60..=PATIENCE.as_secs()).contains(&age)
    }
}

/// What a person is told when they cannot go on: what it is in a few words, what happened, and what to do about it.
pub(crate) struct Trouble<'a> {
    pub(crate) title: &'a str,
    pub(crate) what: &'a str,
    pub(crate) next: &'a str,
}

/// The page that says so.
pub(crate) fn tell(parts: &Parts, caller: &Caller, status: StatusCode, trouble: &Trouble<'_>) -> Response {
    let (server, request_id) = (parts.public_url.authority(), caller.context.id.to_string());
    Problem { server, title: trouble.title, what: trouble.what, next: trouble.next, request_id: &request_id }
        .answer(status)
}

/// The page for a sign-in that is [`Lost`].
pub(crate) fn lost(parts: &Parts, caller: &Caller) -> Response {
    let trouble = Trouble {
        title: "This sign-in is over",
        what: "It took too long, it was begun in another browser, or cookies are turned off.",
        next: "Go back to where you started, for example your terminal, and begin again.",
    };
    tell(parts, caller, StatusCode::BAD_REQUEST, &trouble)
}

/// The page for when the database does not answer: the door stays shut.
pub(crate) fn unavailable(parts: &Parts, caller: &Caller, error: &dyn std::error::Error) -> Response {
    tracing::error!(request_id = %caller.context.id, %error, "could not go on with a sign-in");
    let trouble = Trouble {
        title: "Not now",
        what: "The server cannot go on with this sign-in at the moment.",
        next: "Try again in a few seconds.",
    };
    tell(parts, caller, StatusCode::SERVICE_UNAVAILABLE, &trouble)
}

/// Ends the sign-in of a person who has proven who they are: a code for the client, or the question about the device.
///
/// A disabled person and one without any role are refused here, after the proof and with the reason.
pub(crate) async fn finish(parts: &Parts, caller: &Caller, sign_in: &SignIn, person: ProvenPerson) -> Response {
    let now = parts.clock.now();
    let standing = match parts.store.record_person((&person).into(), now).await {
        Ok(standing) => standing,
        Err(error) => return unavailable(parts, caller, &error),
    };
    if standing.disabled {
        let reason = "your access to this server was taken away; ask whoever runs it";
        return refuse(parts, caller, sign_in, Some(&person), "person_disabled", reason).await;
    }
    let rights = match rights::of(parts, &person.provider, &person.issuer, &person.subject, &person.groups).await {
        Ok(rights) => rights,
        Err(error) => return unavailable(parts, caller, &error),
    };
    if rights.grants.is_empty() {
        let shown = person.shown().to_owned();
        let reason = format!("{shown} has no role on this server; ask whoever runs it for one");
        return refuse(parts, caller, sign_in, Some(&person), "no_access", &reason).await;
    }
    match rights::credential_is_newer(parts, &person, sign_in.began()).await {
        Ok(false) => {}
        Ok(true) => return lost(parts, caller),
        Err(error) => return unavailable(parts, caller, &error),
    }
    match &sign_in.purpose {
        Purpose::Code(request) => send_code(parts, caller, request, &person, now).await,
        Purpose::Device { user_code } => crate::device::confirm_page(parts, caller, sign_in, user_code, &person).await,
    }
}

async fn send_code(
    parts: &Parts,
    caller: &Caller,
    request: &CodeRequest,
    person: &ProvenPerson,
    now: Timestamp,
) -> Response {
    let code = match issuer::new_secret(Kind::AuthorizationCode) {
        Ok(code) => code,
        Err(error) => return unavailable(parts, caller, &error),
    };
    let stored = NewCode {
        code: Sha256::of(code.expose()),
        client_id: request.client_id.clone(),
        redirect_uri: request.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        person: person.id(),
        groups: person.groups.clone(),
        expires_at: now.saturating_add(CODE_LIFE).unwrap_or(now),
    };
    if let Err(error) = parts.store.add_code(stored).await {
        return unavailable(parts, caller, &error);
    }
    back_to_client(parts, request, &[("code", code.expose())])
}

/// Takes the browser back to the client with the answer. The page before may have been a form, so it goes by a page.
pub(crate) fn back_to_client(parts: &Parts, request: &CodeRequest, answer: &[(&str, &str)]) -> Response {
    let url = answer_url(parts, request, answer);
    Onward { server: parts.public_url.authority(), heading: "Taking you back", url: &url }.answer()
}

/// Refuses a sign-in: in the audit log, and to the client that waits for it, or else to the person.
pub(crate) async fn refuse(
    parts: &Parts,
    caller: &Caller,
    sign_in: &SignIn,
    person: Option<&ProvenPerson>,
    code: &'static str,
    reason: &str,
) -> Response {
    if let Err(error) = record_refusal(parts, caller, person, code, reason).await {
        return unavailable(parts, caller, &error);
    }
    match &sign_in.purpose {
        Purpose::Code(request) => {
            // RFC 6749 §4.1.2.1: the client is told, so that nobody waits in vain.
            let answer = [("error", "access_denied"), ("error_description", reason)];
            back_to_client(parts, request, &answer)
        }
        Purpose::Device { .. } => refusal_page(parts, caller, person, reason),
    }
}

/// Writes to the audit log that a sign-in was refused, and why.
pub(crate) async fn record_refusal(
    parts: &Parts,
    caller: &Caller,
    person: Option<&ProvenPerson>,
    code: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let mut event = caller.event(parts.clock.now(), AuditKind::SignInRefused, Outcome::Refused);
    event.reason = Some(format!("{code}: {reason}"));
    if let Some(person) = person {
        event.actor = Some(rights::actor(&person.issuer, &person.subject));
        event.person = Some(person.shown().to_owned());
    }
    // A provider's refusal costs a stranger nothing, so here too the log is not theirs to fill.
    let (refusals, peer) = (&parts.refusals, caller.context.peer);
    let proven = person.is_some() && refusals.takes_proven(peer, None);
    let bound = if proven { Bound::Within } else { refusals.count(peer, None) };
    if bound == Bound::Reached {
        event.reason = Some("too_many_refusals: further ones are counted".to_owned());
    }
    if bound == Bound::Past { Ok(()) } else { parts.store.record(event).await }
}

/// The redirect URI with the answer's parameters, and who answers (RFC 9207 §2).
pub(crate) fn answer_url(parts: &Parts, request: &CodeRequest, answer: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(answer);
    if let Some(state) = &request.state {
        query.append_pair("state", state);
    }
    query.append_pair("iss", parts.public_url.as_str());
    let joint = if request.redirect_uri.contains('?') { '&' } else { '?' };
    format!("{}{joint}{}", request.redirect_uri, query.finish())
}

fn refusal_page(parts: &Parts, caller: &Caller, person: Option<&ProvenPerson>, reason: &str) -> Response {
    let Some(person) = person else {
        let next = "Ask whoever runs this server; they find more in its audit log.";
        let trouble = Trouble { title: "You were not signed in", what: reason, next };
        return tell(parts, caller, StatusCode::FORBIDDEN, &trouble);
    };
    let (server, request_id) = (parts.public_url.authority(), caller.context.id.to_string());
    let policy = &parts.trust.in_force().policy;
    let provider = policy.provider(&person.provider).map_or(person.provider.as_str(), |provider| &provider.label);
    let member = format!("{}/{}", person.provider, person.subject);
    NoAccess { server, person: person.shown(), provider, member: &member, request_id: &request_id }.answer()
}
