//! Revocations: what is refused before its end.

use std::sync::Arc;

use daypass_core::{
    SignedDuration, Timestamp,
    access_token::AccessTokenClaims,
    audit::AuditEvent,
    person::{PersonId, SessionId},
};
use sqlx::AnyConnection;

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    rows::{Boxed, Columns},
    store::Store,
};

/// How long the end of a session, and the cut that a person's access tokens got, is remembered. No access token of a
/// session may live longer than a day; the rest is for clocks that differ.
pub const CUT_REMEMBERED_FOR: SignedDuration = SignedDuration::from_hours(25);

/// What is good no more.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Revoked {
    /// One access token, by its `jti`, and those that were narrowed from it.
    AccessToken(String),
    /// Every access token of a session, by their `sid`.
    Session(SessionId),
    /// Every access token that a person's sessions got until an instant. Later ones are good: a person who was
    /// disabled may be enabled again.
    Person {
        /// The person, the `sub` of those access tokens.
        id: PersonId,
        /// Those with this `iat` or an earlier one (kept to the microsecond).
        issued_before: Timestamp,
    },
}

impl Revoked {
    /// Whether the access token with these claims is meant.
    pub fn covers(&self, claims: &AccessTokenClaims) -> bool {
        match self {
            Self::AccessToken(id) => claims.ids().any(|known| known == id),
            Self::Session(id) => claims.holder.session() == Some(*id),
            Self::Person { id, issued_before } => {
                claims.holder.session().is_some()
                    && claims.iat <= issued_before.as_second()
                    && claims.sub.parse() == Ok(*id)
            }
        }
    }

    fn as_row(&self) -> (&'static str, String, i64) {
        match self {
            Self::AccessToken(id) => (ACCESS_TOKEN, id.clone(), 0),
            Self::Session(id) => (SESSION, id.to_string(), 0),
            Self::Person { id, issued_before } => (PERSON, id.to_string(), issued_before.as_microsecond()),
        }
    }
}

const ACCESS_TOKEN: &str = "access_token";
const SESSION: &str = "session";
const PERSON: &str = "person";

/// Something that is good no more, and until when that must be remembered.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Revocation {
    /// What.
    pub what: Revoked,
    /// When it would have ended by itself (kept to the microsecond). Then the revocation may be forgotten.
    pub expires_at: Timestamp,
}

/// A revocation and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RevocationRow {
    /// The number of its event in the audit log. A row never appears before one that was read. Several have the same
    /// when one event revoked them.
    pub seq: i64,
    /// What was revoked.
    pub revocation: Revocation,
}

impl Store {
    /// Revokes and writes `event`; in one transaction, durable when this returns. Revoking twice is the same as once,
    /// with two events. It ends no session: see [`end_session`](Store::end_session).
    pub async fn revoke(&self, revocation: Revocation, event: AuditEvent) -> Result<(), StoreError> {
        self.change(Revoke { revocation, event: Entry::new(&event)? }).await
    }

    /// Returns the revocations with a number above `seq`, in order; 0 for all.
    ///
    /// A reader that goes on from the last number it saw misses none, whoever writes: numbers become visible in order.
    pub async fn revocations_after(&self, seq: i64) -> Result<Vec<RevocationRow>, StoreError> {
        let query = sqlx::query(
            "SELECT subject, kind, issued_before_us, expires_at_us, seq FROM revocation WHERE seq > $1 ORDER BY seq",
        );
        self.find_all("revocation", query.bind(seq), read_row).await
    }
}

pub(crate) fn read_row(columns: &mut Columns<'_>) -> Result<RevocationRow, Boxed> {
    let (subject, kind): (&str, &str) = (columns.take()?, columns.take()?);
    let issued_before = columns.time()?;
    let what = match kind {
        ACCESS_TOKEN => Revoked::AccessToken(subject.to_owned()),
        SESSION => Revoked::Session(subject.parse()?),
        PERSON => Revoked::Person { id: subject.parse()?, issued_before },
        other => return Err(format!("an unknown kind: {other}").into()),
    };
    let expires_at = columns.time()?;
    Ok(RevocationRow { seq: columns.take()?, revocation: Revocation { what, expires_at } })
}

/// A revocation on its way to the database.
struct Revoke {
    revocation: Revocation,
    event: Arc<Entry>,
}

impl Change for Revoke {
    type Outcome = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<()>, sqlx::Error> {
        insert(work.connection, &self.revocation, work.seq).await?;
        Ok(((), Some(Arc::clone(&self.event))))
    }
}

/// Writes a revocation. One that is there already is kept, with the later instants of the two.
pub(crate) async fn insert(
    connection: &mut AnyConnection,
    revocation: &Revocation,
    seq: i64,
) -> Result<(), sqlx::Error> {
    let (kind, subject, issued_before_us) = revocation.what.as_row();
    sqlx::query(
        "INSERT INTO revocation (kind, subject, issued_before_us, expires_at_us, seq) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (kind, subject) DO UPDATE SET seq = excluded.seq, \
         issued_before_us = CASE WHEN excluded.issued_before_us > revocation.issued_before_us \
             THEN excluded.issued_before_us ELSE revocation.issued_before_us END, \
         expires_at_us = CASE WHEN excluded.expires_at_us > revocation.expires_at_us \
             THEN excluded.expires_at_us ELSE revocation.expires_at_us END \
         WHERE excluded.expires_at_us > revocation.expires_at_us \
            OR excluded.issued_before_us > revocation.issued_before_us",
    )
    .bind(kind)
    .bind(subject)
    .bind(issued_before_us)
    .bind(revocation.expires_at.as_microsecond())
    .bind(seq)
    .execute(connection)
    .await
    .map(drop)
}

/// The end of something at `at`, remembered long enough.
pub(crate) fn cut(what: Revoked, at: Timestamp) -> Revocation {
    Revocation { what, expires_at: at.checked_add(CUT_REMEMBERED_FOR).unwrap_or(Timestamp::MAX) }
}
