//! Pull tokens: made, listed, revoked, and followed by every index.
//!
//! What is *not* here: what one is worth (`daypass_core::pull_token`), and the secret itself, of which only the digest
//! comes here.

use std::sync::Arc;

use daypass_core::{
    SignedDuration, Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    grant::Grant,
    names::PullTokenName,
    person::{PersonId, SessionId},
    pull_token::{Maker, PullToken, PullTokenId},
    role::Role,
};
use sqlx::AnyConnection;

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::{Cause, StoreError},
    rows::{Boxed, Columns, names_as_text},
    store::Store,
};

/// How many pull tokens one person may have, with those that ended in the last days and are not forgotten yet.
pub const MOST_PULL_TOKENS_OF_ONE: i64 = 100;

/// How many there may be of all people: every replica keeps them in memory, about a kilobyte each.
pub const MOST_PULL_TOKENS: i64 = 20_000;

/// How exactly it is remembered when a pull token was last used.
pub const USE_NOTED_EVERY: SignedDuration = SignedDuration::from_mins(1);

/// A pull token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPullToken {
    /// The digest of the secret.
    pub digest: Sha256,
    /// Its id.
    pub id: PullTokenId,
    /// What its maker calls it.
    pub name: PullTokenName,
    /// Who makes it.
    pub person: PersonId,
    /// In which session of theirs.
    pub session: SessionId,
    /// What it is for.
    pub grants: Vec<Grant>,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What became of a pull token that was to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddPullToken {
    /// It is made.
    Added,
    /// The person has one of that name that is neither over nor revoked.
    NameTaken,
    /// The person has as many as they may, or all have together.
    TooMany,
    /// The session was ended, or there is none of that id and person.
    SessionEnded,
}

/// A pull token as whoever follows reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullTokenRow {
    /// The number of its last change. A row never appears before one that was read.
    pub seq: i64,
    /// The digest of the secret.
    pub digest: Sha256,
    /// What it is.
    pub pull_token: PullToken,
}

macro_rules! select_pull_tokens {
    ($tail:literal) => {
        concat!(
            "SELECT t.id, t.name, t.digest, t.seq, t.grants, t.created_at_us, t.expires_at_us, t.used_at_us, \
             t.revoked_at_us, t.group_names, p.id, p.provider, p.issuer, p.subject, p.name, p.email, p.disabled_at_us, \
             a.role FROM pull_token t JOIN person p ON p.id = t.person LEFT JOIN account a ON a.person = t.person ",
            $tail
        )
    };
}

fn read_row(columns: &mut Columns<'_>) -> Result<PullTokenRow, Boxed> {
    let (id, name, digest, seq) = (columns.parsed()?, columns.parsed()?, columns.parsed()?, columns.take()?);
    let grants = serde_json::from_str(columns.take()?)?;
    let (created_at, expires_at) = (columns.time()?, columns.time()?);
    let (used_at, revoked_at) = (columns.time_or_none()?, columns.time_or_none()?);
    let groups = columns.names()?;
    let (person, provider, issuer, subject) = (columns.parsed()?, columns.parsed()?, columns.take()?, columns.take()?);
    let (called, email): (String, Option<String>) = (columns.take()?, columns.take()?);
    let (disabled, role) = (columns.is_set()?, columns.parsed_or_none::<Role>()?);
    let shown = email.unwrap_or(called);
    let maker = Maker { person, provider, issuer, subject, shown, groups, role, disabled };
    let pull_token = PullToken { id, name, maker, grants, created_at, expires_at, used_at, revoked_at };
    Ok(PullTokenRow { seq, digest, pull_token })
}

impl Store {
    /// Makes a pull token and writes `event`; in one transaction, durable when this returns [`AddPullToken::Added`]. On
    /// the other outcomes nothing is written.
    pub async fn add_pull_token(&self, new: NewPullToken, event: AuditEvent) -> Result<AddPullToken, StoreError> {
        let grants =
            serde_json::to_string(&new.grants).map_err(|error| StoreError::Rejected { cause: Cause::new(error) })?;
        self.change(Add { new, grants, event: Entry::new(&event)? }).await
    }

    /// Revokes a pull token and writes `event`; in one transaction, durable when this returns.
    ///
    /// `false` when there is none of that id or it was revoked before; then nothing is written.
    pub async fn revoke_pull_token(
        &self,
        id: PullTokenId,
        now: Timestamp,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        self.change(Revoke { id, now, event: Entry::new(&event)? }).await
    }

    /// The pull token of that id; also one that has ended not long ago.
    pub async fn pull_token(&self, id: PullTokenId) -> Result<Option<PullToken>, StoreError> {
        let query = sqlx::query(select_pull_tokens!("WHERE t.id = $1")).bind(id.to_string());
        Ok(self.find("pull_token", query, read_row).await?.map(|row| row.pull_token))
    }

    /// The pull token with that digest; also one that has ended not long ago.
    pub async fn pull_token_by_digest(&self, digest: &Sha256) -> Result<Option<PullToken>, StoreError> {
        let query = sqlx::query(select_pull_tokens!("WHERE t.digest = $1")).bind(digest.to_string());
        Ok(self.find("pull_token", query, read_row).await?.map(|row| row.pull_token))
    }

    /// The pull tokens of a person, the youngest first; also those that have ended not long ago.
    pub async fn pull_tokens_of(&self, person: PersonId) -> Result<Vec<PullToken>, StoreError> {
        let query = sqlx::query(select_pull_tokens!("WHERE t.person = $1 ORDER BY t.created_at_us DESC, t.id"));
        let rows = self.find_all("pull_token", query.bind(person.to_string()), read_row).await?;
        Ok(rows.into_iter().map(|row| row.pull_token).collect())
    }

    /// The pull tokens with a number above `seq`, in order; 0 for all. A pull token comes again when it is revoked, and
    /// when something about its maker changes.
    ///
    /// A reader that goes on from the last number it saw misses no change, whoever writes.
    pub async fn pull_tokens_after(&self, seq: i64) -> Result<Vec<PullTokenRow>, StoreError> {
        let query = sqlx::query(select_pull_tokens!("WHERE t.seq > $1 ORDER BY t.seq, t.id")).bind(seq);
        self.find_all("pull_token", query, read_row).await
    }

    /// Notes that a pull token was used, unless that was noted within [`USE_NOTED_EVERY`]. Does not wait, and does not
    /// fail: while the database does, the note is lost.
    pub fn note_pull_token_used(&self, id: PullTokenId, at: Timestamp) {
        if let Err(error) = self.change_soon(Used { id, at }) {
            tracing::debug!(%error, "the use of a pull token is not noted");
        }
    }
}

struct Add {
    new: NewPullToken,
    grants: String,
    event: Arc<Entry>,
}

impl Change for Add {
    type Outcome = AddPullToken;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<AddPullToken>, sqlx::Error> {
        let (new, person) = (&self.new, self.new.person.to_string());
        // Whoever is shut out, or whose credential is replaced, loses pull tokens and sessions in one transaction: what
        // is made in a session after that would be missed.
        let live = sqlx::query("SELECT id FROM session WHERE id = $1 AND person = $2 AND ended_at_us IS NULL")
            .bind(new.session.to_string())
            .bind(&*person)
            .fetch_optional(&mut *work.connection)
            .await?;
        if live.is_none() {
            return Ok((AddPullToken::SessionEnded, None));
        }
        let of_one: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM pull_token WHERE person = $1")
            .bind(&*person)
            .fetch_one(&mut *work.connection)
            .await?;
        let of_all: i64 =
            sqlx::query_scalar("SELECT COUNT(*) FROM pull_token").fetch_one(&mut *work.connection).await?;
        if of_one >= MOST_PULL_TOKENS_OF_ONE || of_all >= MOST_PULL_TOKENS {
            return Ok((AddPullToken::TooMany, None));
        }
        let taken = sqlx::query("SELECT id FROM pull_token WHERE person = $1 AND name = $2 AND over_at_us > $3")
            .bind(&*person)
            .bind(new.name.as_str())
            .bind(new.created_at.as_microsecond())
            .fetch_optional(&mut *work.connection)
            .await?;
        if taken.is_some() {
            return Ok((AddPullToken::NameTaken, None));
        }
        let groups = groups_of(work.connection, &person).await?;
        sqlx::query(
            "INSERT INTO pull_token (digest, id, name, person, group_names, grants, created_at_us, expires_at_us, \
             over_at_us, seq) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        )
        .bind(new.digest.to_string())
        .bind(new.id.to_string())
        .bind(new.name.as_str())
        .bind(person)
        .bind(groups)
        .bind(&*self.grants)
        .bind(new.created_at.as_microsecond())
        .bind(new.expires_at.as_microsecond())
        .bind(new.expires_at.as_microsecond())
        .bind(work.seq)
        .execute(&mut *work.connection)
        .await?;
        Ok((AddPullToken::Added, Some(Arc::clone(&self.event))))
    }
}

/// The groups that a person was in at their last sign-in, whichever session asks.
async fn groups_of(connection: &mut AnyConnection, person: &str) -> Result<String, sqlx::Error> {
    let last: Option<String> =
        sqlx::query_scalar("SELECT group_names FROM session WHERE person = $1 ORDER BY created_at_us DESC, id LIMIT 1")
            .bind(person)
            .fetch_optional(connection)
            .await?;
    Ok(last.unwrap_or_else(|| names_as_text(&[])))
}

struct Revoke {
    id: PullTokenId,
    now: Timestamp,
    event: Arc<Entry>,
}

impl Change for Revoke {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let revoked = sqlx::query(
            "UPDATE pull_token SET revoked_at_us = $1, over_at_us = $2, seq = $3 \
             WHERE id = $4 AND revoked_at_us IS NULL",
        )
        .bind(self.now.as_microsecond())
        .bind(self.now.as_microsecond())
        .bind(work.seq)
        .bind(self.id.to_string())
        .execute(&mut *work.connection)
        .await?
        .rows_affected()
            == 1;
        Ok((revoked, revoked.then(|| Arc::clone(&self.event))))
    }
}

struct Used {
    id: PullTokenId,
    at: Timestamp,
}

impl Change for Used {
    type Outcome = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<()>, sqlx::Error> {
        let before = self.at.checked_sub(USE_NOTED_EVERY).unwrap_or(Timestamp::MIN);
        sqlx::query("UPDATE pull_token SET used_at_us = $1 WHERE id = $2 AND (used_at_us IS NULL OR used_at_us <= $3)")
            .bind(self.at.as_microsecond())
            .bind(self.id.to_string())
            .bind(before.as_microsecond())
            .execute(&mut *work.connection)
            .await?;
        Ok(((), None))
    }
}

/// Revokes all pull tokens of a person: whoever made them is shut out, or was perhaps somebody else.
pub(crate) async fn revoke_all(work: &mut Work<'_>, person: PersonId, at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE pull_token SET revoked_at_us = $1, over_at_us = $2, seq = $3 \
         WHERE person = $4 AND revoked_at_us IS NULL",
    )
    .bind(at.as_microsecond())
    .bind(at.as_microsecond())
    .bind(work.seq)
    .bind(person.to_string())
    .execute(&mut *work.connection)
    .await
    .map(drop)
}

/// Has whoever follows read the pull tokens of a person again, because their account has another role.
pub(crate) async fn maker_changed(work: &mut Work<'_>, person: PersonId) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE pull_token SET seq = $1 WHERE person = $2 AND revoked_at_us IS NULL")
        .bind(work.seq)
        .bind(person.to_string())
        .execute(&mut *work.connection)
        .await
        .map(drop)
}

/// The person has signed in, and the provider said which groups they are in now.
pub(crate) async fn maker_signed_in(
    work: &mut Work<'_>,
    person: PersonId,
    groups: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE pull_token SET group_names = $1, seq = $2 WHERE person = $3 AND revoked_at_us IS NULL")
        .bind(names_as_text(groups))
        .bind(work.seq)
        .bind(person.to_string())
        .execute(&mut *work.connection)
        .await
        .map(drop)
}
