//! Sessions: what a sign-in leaves, until it ends.
//!
//! What is *not* here: how one begins (`redeem`) and goes on (`rotation`), and how long one may last (`daypass-core`).

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    names::ClientId,
    person::{PersonId, SessionId},
};
use sqlx::AnyConnection;

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    person::{PersonRecord, person_columns},
    revocation::{self, Revoked},
    rows::{Boxed, Columns},
    store::Store,
};

/// A session that is remembered. Times are kept to the microsecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredSession {
    /// Its id, the `sid` of its access tokens.
    pub id: SessionId,
    /// Whose it is.
    pub person: PersonRecord,
    /// The OAuth client that it was given to.
    pub client_id: ClientId,
    /// What its access tokens are for.
    pub audience: String,
    /// The groups that the person was in when they signed in.
    pub groups: Vec<String>,
    /// The address that it was begun from.
    pub source: Option<String>,
    /// The `User-Agent` that it was begun with.
    pub user_agent: Option<String>,
    /// When it began.
    pub created_at: Timestamp,
    /// When it got its last access token.
    pub refreshed_at: Timestamp,
    /// When it ends if it is not refreshed; never after `expires_at`.
    pub idle_until: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// Whether it was ended before that. (Time alone does not set it.)
    pub ended: bool,
}

macro_rules! select_sessions {
    ($tail:literal) => {
        concat!(
            "SELECT s.id, s.client_id, s.audience, s.group_names, s.source, s.user_agent, s.created_at_us, \
             s.refreshed_at_us, s.idle_until_us, s.expires_at_us, s.ended_at_us, ",
            person_columns!(),
            " FROM session s JOIN person p ON p.id = s.person ",
            $tail
        )
    };
}

fn read_row(columns: &mut Columns<'_>) -> Result<StoredSession, Boxed> {
    let id = columns.parsed()?;
    let (client_id, audience, groups) = (columns.parsed()?, columns.take()?, columns.names()?);
    let (source, user_agent) = (columns.take()?, columns.take()?);
    let (created_at, refreshed_at) = (columns.time()?, columns.time()?);
    let (idle_until, expires_at, ended) = (columns.time()?, columns.time()?, columns.is_set()?);
    let person = PersonRecord::read(columns)?;
    Ok(StoredSession {
        id,
        person,
        client_id,
        audience,
        groups,
        source,
        user_agent,
        created_at,
        refreshed_at,
        idle_until,
        expires_at,
        ended,
    })
}

impl Store {
    /// The session of that id.
    pub async fn session(&self, id: SessionId) -> Result<Option<StoredSession>, StoreError> {
        let query = sqlx::query(select_sessions!("WHERE s.id = $1"));
        self.find("session", query.bind(id.to_string()), read_row).await
    }

    /// The session that a refresh token is or was of, also a spent one. Whether it is good is
    /// [`rotate`](Store::rotate)'s to say.
    pub async fn session_by_refresh(&self, refresh_token: &Sha256) -> Result<Option<StoredSession>, StoreError> {
        let query = sqlx::query(select_sessions!("JOIN refresh_token t ON t.session = s.id WHERE t.digest = $1"));
        self.find("session", query.bind(refresh_token.to_string()), read_row).await
    }

    /// A person's sessions that are remembered, the youngest first; also those that have ended not long ago. 1,000 at
    /// most.
    pub async fn sessions_of(&self, person: PersonId) -> Result<Vec<StoredSession>, StoreError> {
        let query = sqlx::query(select_sessions!("WHERE s.person = $1 ORDER BY s.created_at_us DESC, s.id LIMIT 1000"));
        self.find_all("session", query.bind(person.to_string()), read_row).await
    }

    /// Ends a session, revokes its access tokens and writes `event`; in one transaction, durable when this returns.
    ///
    /// `false` when there is no such session or it was ended before; then nothing is written.
    pub async fn end_session(&self, id: SessionId, now: Timestamp, event: AuditEvent) -> Result<bool, StoreError> {
        self.change(End { id, now, event: Entry::new(&event)? }).await
    }

    /// Notes that the session's access token of that id was used, so that the refresh which brought it has arrived;
    /// of older access tokens nothing is noted. Does not wait, and does not fail: while the database does, or when too
    /// much waits to be written, the note is lost. Then a spent refresh token may be forgiven once where it should
    /// not have been.
    pub fn note_access_token_used(&self, session: SessionId, token_id: &str, at: Timestamp) {
        if let Err(error) = self.change_soon(Used { session, token_id: token_id.to_owned(), at }) {
            tracing::debug!(%error, "the use of an access token is not noted");
        }
    }
}

struct End {
    id: SessionId,
    now: Timestamp,
    event: Arc<Entry>,
}

impl Change for End {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let ended = end(work, self.id, self.now).await?;
        Ok((ended, ended.then(|| Arc::clone(&self.event))))
    }
}

/// Ends a session that was not ended before, and revokes its access tokens.
pub(crate) async fn end(work: &mut Work<'_>, id: SessionId, now: Timestamp) -> Result<bool, sqlx::Error> {
    let ended =
        sqlx::query("UPDATE session SET ended_at_us = $1, over_at_us = $2 WHERE id = $3 AND ended_at_us IS NULL")
            .bind(now.as_microsecond())
            .bind(now.as_microsecond())
            .bind(id.to_string())
            .execute(&mut *work.connection)
            .await?
            .rows_affected()
            == 1;
    if ended {
        revocation::insert(work.connection, &revocation::cut(Revoked::Session(id), now), work.seq).await?;
    }
    Ok(ended)
}

struct Used {
    session: SessionId,
    token_id: String,
    at: Timestamp,
}

impl Change for Used {
    type Outcome = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<()>, sqlx::Error> {
        sqlx::query(
            "UPDATE session SET access_token_used_at_us = $1 \
             WHERE id = $2 AND access_token_id = $3 AND access_token_used_at_us IS NULL",
        )
        .bind(self.at.as_microsecond())
        .bind(self.session.to_string())
        .bind(&*self.token_id)
        .execute(&mut *work.connection)
        .await?;
        Ok(((), None))
    }
}

/// Writes a refresh token of a session.
pub(crate) async fn add_refresh_token(
    connection: &mut AnyConnection,
    digest: &Sha256,
    session: SessionId,
    generation: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO refresh_token (digest, session, generation) VALUES ($1, $2, $3)")
        .bind(digest.to_string())
        .bind(session.to_string())
        .bind(generation)
        .execute(connection)
        .await
        .map(drop)
}
