//! The tokens of one step of a session. They are made first, recorded second, and handed out last.

use daypass_core::{
    SignedDuration, Timestamp,
    access_token::{AccessTokenClaims, Holder},
    audit::{AuditEvent, AuditKind, Outcome},
    digest::Sha256,
    names::ClientId,
    opaque::Kind,
    person::SessionId,
    policy::Rights,
    secret::Secret,
};
use daypass_store::{NewSession, PersonRecord, Redeemed, RoleAsRead, SeenPerson};
use uuid::Uuid;

use super::rights;
use crate::{
    caller::Caller,
    error::OAuthError,
    issuer::{self, Parts},
    refusal::Refusal,
};

/// The longest access token that is handed out, in bytes. Installers send it as the password of Basic credentials,
/// a third longer, and servers look at no more than 16 KiB of them.
pub(crate) const LONGEST_ACCESS_TOKEN: usize = 12_000;

/// An access token and the refresh token that goes with it.
pub(crate) struct Pass {
    pub(crate) access_token: Secret,
    pub(crate) refresh_token: Secret,
    pub(crate) access_token_id: String,
    pub(crate) access_token_expires_at: Timestamp,
    /// Seconds.
    pub(crate) expires_in: i64,
    /// When the session ends, whatever happens.
    pub(crate) session_expires_at: Timestamp,
    pub(crate) person: String,
    /// The role of the person's built-in account that it was made from.
    role: Option<RoleAsRead>,
    pub(crate) now: Timestamp,
}

/// Whose pass it is to be.
pub(crate) struct Holding<'a> {
    pub(crate) session: SessionId,
    pub(crate) person: &'a PersonRecord,
    pub(crate) client_id: &'a ClientId,
    /// The groups that the provider named at sign-in.
    pub(crate) groups: &'a [String],
    pub(crate) session_expires_at: Timestamp,
}

/// Makes the pass of a person who may still come in, after looking at their rights again.
///
/// Their role may change meanwhile. Whoever changes it cuts off what was signed in that second or before (`iat` and all
/// that the person's sessions got so far). So the clock is looked at first and the role is read after it: no access
/// token says that it was signed later than its role was read. But the other one's clock may differ, or have been looked
/// at long before the change is written. So the store compares the role once more in the transaction that records the
/// pass ([`RoleAsRead`]): either the change comes first, and this pass is never handed out, or the pass comes first, and
/// is cut off.
pub(crate) async fn make(parts: &Parts, holding: &Holding<'_>) -> Result<Pass, Refusal> {
    let (now, person) = (parts.clock.now(), holding.person);
    let refused = |code, text: String| about(Refusal::new(OAuthError::invalid_grant(text, code), code), holding);
    if person.disabled {
        let text = "access to this server was taken away from this person; ask whoever runs it".to_owned();
        return Err(refused("person_disabled", text));
    }
    let SeenPerson { provider, issuer, subject, .. } = &person.person;
    let role = rights::role(parts, provider, subject).await.map_err(|error| not_now(&error))?;
    let has = role.as_ref().map(|read| read.role);
    let rights = rights::with_role(parts, provider, issuer, subject, holding.groups, has);
    if rights.grants.is_empty() {
        let text = format!("{} has no role on this server any more; ask whoever runs it", shown(person));
        return Err(refused("no_access", text));
    }
    sign(parts, holding, rights, role, now)
}

fn sign(
    parts: &Parts,
    holding: &Holding<'_>,
    rights: Rights,
    role: Option<RoleAsRead>,
    now: Timestamp,
) -> Result<Pass, Refusal> {
    // Unused, the session ends with its idle time: the access token must not be good for longer.
    let left = holding.session_expires_at.min(idle_until(parts, now)).as_second() - now.as_second();
    if left < 1 {
        let answer = OAuthError::invalid_grant("the session is over; sign in again", "session_expired");
        return Err(about(Refusal::new(answer, "session_expired"), holding));
    }
    let expires_in = parts.sessions.access_token.as_secs().min(left);
    let person = holding.person;
    let claims = AccessTokenClaims {
        iss: parts.public_url.to_string(),
        sub: person.person.id.to_string(),
        aud: parts.public_url.to_string(),
        exp: now.as_second() + expires_in,
        iat: now.as_second(),
        nbf: now.as_second(),
        jti: Uuid::new_v4().simple().to_string(),
        parents: Vec::new(),
        client_id: holding.client_id.to_string(),
        holder: Holder::Person { sid: holding.session, person: shown(person).to_owned(), seats: rights.seats },
        grants: rights.grants,
        act: rights::actor(&person.person.issuer, &person.person.subject),
    };
    let failed = |reason: String| {
        tracing::error!(reason, "could not make the tokens of a session");
        Refusal::new(OAuthError::unavailable(), "signing_failed")
    };
    let access_token = parts.keys.sign(&claims).map_err(|error| failed(error.to_string()))?;
    if access_token.expose().len() > LONGEST_ACCESS_TOKEN {
        let text = format!(
            "{} has {} different grants here, which do not fit into an access token; ask whoever runs the server to bind \
             their groups to fewer roles",
            shown(person),
            claims.grants.len(),
        );
        let answer = OAuthError::invalid_grant(text, "too_many_grants");
        return Err(about(Refusal::new(answer, "too_many_grants"), holding));
    }
    let refresh_token = issuer::new_secret(Kind::RefreshToken).map_err(|error| failed(error.to_string()))?;
    Ok(Pass {
        access_token,
        refresh_token,
        access_token_id: claims.jti,
        access_token_expires_at: now.saturating_add(SignedDuration::from_secs(expires_in)).unwrap_or(now),
        expires_in,
        session_expires_at: holding.session_expires_at,
        person: shown(person).to_owned(),
        role,
        now,
    })
}

impl Pass {
    /// The audit event of handing it out.
    pub(crate) fn event(&self, caller: &Caller, kind: AuditKind, holding: &Holding<'_>) -> AuditEvent {
        let mut event = caller.event(self.now, kind, Outcome::Success);
        describe(&mut event, holding);
        event.token_sha256 = Some(Sha256::of(self.access_token.expose()));
        event.token_id = Some(self.access_token_id.clone());
        event.expires_at = Some(self.access_token_expires_at);
        event
    }

    /// The role that must still hold when it is recorded.
    pub(crate) fn role(&self) -> Option<RoleAsRead> {
        self.role.clone()
    }

    /// The session that begins with it.
    pub(crate) fn new_session(&self, parts: &Parts, caller: &Caller, holding: &Holding<'_>) -> NewSession {
        NewSession {
            id: holding.session,
            person: holding.person.person.id,
            client_id: holding.client_id.clone(),
            audience: parts.public_url.to_string(),
            groups: holding.groups.to_vec(),
            refresh_token: Sha256::of(self.refresh_token.expose()),
            access_token_id: self.access_token_id.clone(),
            role: self.role(),
            access_token_expires_at: self.access_token_expires_at,
            created_at: self.now,
            idle_until: idle_until(parts, self.now),
            expires_at: self.session_expires_at,
            source: Some(caller.context.peer.to_string()),
            user_agent: caller.user_agent().map(ToOwned::to_owned),
        }
    }
}

/// Until when a session that was used now may stay unused.
pub(crate) fn idle_until(parts: &Parts, now: Timestamp) -> Timestamp {
    now.saturating_add(parts.sessions.idle.as_duration()).unwrap_or(now)
}

/// When a session that begins now ends.
pub(crate) fn ends(parts: &Parts, now: Timestamp) -> Timestamp {
    now.saturating_add(parts.sessions.absolute.as_duration()).unwrap_or(now)
}

/// How a person is shown.
pub(crate) fn shown(person: &PersonRecord) -> &str {
    person.person.email.as_deref().unwrap_or(&person.person.name)
}

/// Says in an audit event whose session it is about.
pub(crate) fn describe(event: &mut AuditEvent, holding: &Holding<'_>) {
    event.actor = Some(rights::actor(&holding.person.person.issuer, &holding.person.person.subject));
    event.person = Some(shown(holding.person).to_owned());
    event.session = Some(holding.session);
}

/// A refusal that is about this session.
pub(crate) fn about(mut refusal: Refusal, holding: &Holding<'_>) -> Refusal {
    refusal.kind = AuditKind::SessionRefused;
    refusal.actor = Some(Box::new(rights::actor(&holding.person.person.issuer, &holding.person.person.subject)));
    refusal.person = Some(shown(holding.person).to_owned());
    refusal.session = Some(holding.session);
    refusal
}

/// The same, where no session has begun.
pub(crate) fn before_any_session(refusal: Refusal) -> Refusal {
    Refusal { session: None, ..refusal }
}

/// The database, or the machine's randomness, does not answer.
pub(crate) fn not_now(error: &dyn std::error::Error) -> Refusal {
    tracing::error!(%error, "could not go on with a session");
    Refusal::new(OAuthError::unavailable(), "not_recorded")
}

/// The person's role was changed while the pass was made: nothing is written, nothing is spent.
pub(crate) fn role_changed(holding: &Holding<'_>) -> Refusal {
    about(Refusal::new(OAuthError::unavailable(), "role_changed"), holding)
}

/// Hands the pass out if the session was opened with it.
pub(crate) fn redeemed(outcome: Redeemed, pass: Pass, holding: &Holding<'_>, replayed: &str) -> Result<Pass, Refusal> {
    match outcome {
        Redeemed::Opened => Ok(pass),
        Redeemed::Replayed => {
            let refusal = Refusal::new(OAuthError::invalid_grant(replayed, "replayed"), "replayed");
            Err(Refusal { recorded: true, ..about(refusal, holding) })
        }
        Redeemed::RoleChanged => Err(before_any_session(role_changed(holding))),
        Redeemed::Gone => {
            let refusal = Refusal::new(OAuthError::invalid_grant("it is over; sign in again", "expired"), "expired");
            Err(before_any_session(about(refusal, holding)))
        }
    }
}
