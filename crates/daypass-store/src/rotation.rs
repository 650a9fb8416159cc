//! How a session goes on: its refresh token is exchanged for the next.
//!
//! What is *not* here: the rule that tells a lost answer from a replay (`daypass_core::session`).

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    person::SessionId,
    session::{Presented, Refresh, on_refresh},
};

use crate::{
    account::{self, RoleAsRead},
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    revocation::{self, Revocation, Revoked},
    rows::{Boxed, Columns},
    session,
    store::Store,
};

/// A refresh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// The digest of the refresh token that was presented.
    pub presented: Sha256,
    /// The digest of the one that is handed out for it.
    pub next: Sha256,
    /// The `jti` of the access token that goes with it, whose `iat` must not be after `now`.
    pub access_token_id: String,
    /// The role of the person's built-in account that its grants were made from.
    pub role: Option<RoleAsRead>,
    /// When that access token ends.
    pub access_token_expires_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// When the session ends if it is not refreshed again; cut to its end.
    pub idle_until: Timestamp,
}

/// What is written to the audit log: one of these, or nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RotationEvents {
    /// For [`Rotated::Refreshed`].
    pub refreshed: AuditEvent,
    /// For [`Rotated::Reissued`].
    pub reissued: AuditEvent,
    /// For [`Rotated::Replayed`].
    pub replayed: AuditEvent,
}

/// What became of a refresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The next refresh token is in force, the presented one is spent.
    Refreshed,
    /// The answer to the last refresh was lost: its refresh token is worthless, its access token revoked, and the next
    /// one is in force instead. The presented one is still the one before it, so several losses in a row are forgiven,
    /// but no more than [`daypass_core::session::MOST_REISSUES`].
    Reissued,
    /// The presented one was spent: the session is ended, and its access tokens are revoked.
    Replayed,
    /// The person's account got another role since the access token's grants were made. Nothing was changed.
    RoleChanged,
    /// The session has ended, expired or fallen idle, or its person is shut out. Nothing was changed.
    Ended,
    /// No such refresh token, or of a session that is forgotten. Nothing was changed.
    Unknown,
}

impl Store {
    /// Exchanges a refresh token, and writes the event of the outcome; in one transaction, durable when this returns
    /// [`Rotated::Refreshed`] or [`Rotated::Reissued`]: then, and only then, hand out what is new.
    ///
    /// Of many who present the current one at once, the first is refreshed, and each that follows is a lost answer to
    /// the one before: the last has the refresh token that is in force, and whoever got another and uses it, is taken
    /// for a thief. So a client must refresh once for all its processes: where too many ask, the session ends.
    pub async fn rotate(&self, rotation: Rotation, events: RotationEvents) -> Result<Rotated, StoreError> {
        let RotationEvents { refreshed, reissued, replayed } = &events;
        let (refreshed, reissued, replayed) = (Entry::new(refreshed)?, Entry::new(reissued)?, Entry::new(replayed)?);
        self.change(Rotate { rotation, refreshed, reissued, replayed }).await
    }
}

struct Rotate {
    rotation: Rotation,
    refreshed: Arc<Entry>,
    reissued: Arc<Entry>,
    replayed: Arc<Entry>,
}

/// A session as a refresh finds it.
struct Found {
    id: SessionId,
    /// Of the refresh token that was presented.
    presented: i64,
    current: i64,
    previous: i64,
    /// How many answers in a row were given up for lost.
    reissues: i64,
    access_token_id: String,
    access_token_expires_at: Timestamp,
    access_token_used: bool,
    idle_until: Timestamp,
    expires_at: Timestamp,
    ended: bool,
    person_disabled: bool,
}

impl Found {
    fn read(columns: &mut Columns<'_>) -> Result<Self, Boxed> {
        Ok(Self {
            id: columns.parsed()?,
            presented: columns.take()?,
            current: columns.take()?,
            previous: columns.take()?,
            reissues: columns.take()?,
            access_token_id: columns.take()?,
            access_token_expires_at: columns.time()?,
            access_token_used: columns.is_set()?,
            idle_until: columns.time()?,
            expires_at: columns.time()?,
            ended: columns.is_set()?,
            person_disabled: columns.is_set()?,
        })
    }

    fn is_over(&self, now: Timestamp) -> bool {
        self.ended || self.person_disabled || self.idle_until <= now || self.expires_at <= now
    }

    fn presented(&self) -> Presented {
        match self.presented {
            generation if generation == self.current => Presented::Current,
            generation if generation == self.previous => Presented::Previous,
            _ => Presented::Older,
        }
    }
}

impl Change for Rotate {
    type Outcome = Rotated;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<Rotated>, sqlx::Error> {
        let Some(found) = self.find(work).await? else { return Ok((Rotated::Unknown, None)) };
        let now = self.rotation.now;
        if found.is_over(now) {
            return Ok((Rotated::Ended, None));
        }
        // A count that is none is one too many.
        let reissues = u32::try_from(found.reissues).unwrap_or(u32::MAX);
        let refresh = on_refresh(found.presented(), found.access_token_used, reissues);
        if refresh != Refresh::Replayed
            && !account::role_still_holds(work.connection, self.rotation.role.as_ref()).await?
        {
            return Ok((Rotated::RoleChanged, None));
        }
        match refresh {
            Refresh::Rotate => {
                self.put_in_force(work, &found, found.current, 0).await?;
                Ok((Rotated::Refreshed, Some(Arc::clone(&self.refreshed))))
            }
            Refresh::Reissue => {
                let what = Revoked::AccessToken(found.access_token_id.clone());
                let lost = Revocation { what, expires_at: found.access_token_expires_at };
                revocation::insert(work.connection, &lost, work.seq).await?;
                self.put_in_force(work, &found, found.previous, found.reissues.saturating_add(1)).await?;
                Ok((Rotated::Reissued, Some(Arc::clone(&self.reissued))))
            }
            Refresh::Replayed => {
                session::end(work, found.id, now).await?;
                Ok((Rotated::Replayed, Some(Arc::clone(&self.replayed))))
            }
        }
    }
}

impl Rotate {
    async fn find(&self, work: &mut Work<'_>) -> Result<Option<Found>, sqlx::Error> {
        let row = sqlx::query(
            "SELECT s.id, t.generation, s.generation, s.previous_generation, s.reissues, \
             s.access_token_id, s.access_token_expires_at_us, s.access_token_used_at_us, s.idle_until_us, \
             s.expires_at_us, s.ended_at_us, p.disabled_at_us \
             FROM refresh_token t JOIN session s ON s.id = t.session JOIN person p ON p.id = s.person \
             WHERE t.digest = $1",
        )
        .bind(self.rotation.presented.to_string())
        .fetch_optional(&mut *work.connection)
        .await?;
        row.map(|row| Found::read(&mut Columns::new(&row))).transpose().map_err(sqlx::Error::Decode)
    }

    /// The next refresh token takes the place of the current one; `previous` is the one it was exchanged for.
    async fn put_in_force(
        &self,
        work: &mut Work<'_>,
        found: &Found,
        previous: i64,
        reissues: i64,
    ) -> Result<(), sqlx::Error> {
        let (rotation, generation) = (&self.rotation, found.current.saturating_add(1));
        sqlx::query(
            "UPDATE session SET generation = $1, previous_generation = $2, reissues = $3, refreshed_at_us = $4, \
             idle_until_us = $5, access_token_id = $6, access_token_expires_at_us = $7, \
             access_token_used_at_us = NULL WHERE id = $8",
        )
        .bind(generation)
        .bind(previous)
        .bind(reissues)
        .bind(rotation.now.as_microsecond())
        .bind(rotation.idle_until.min(found.expires_at).as_microsecond())
        .bind(&*rotation.access_token_id)
        .bind(rotation.access_token_expires_at.as_microsecond())
        .bind(found.id.to_string())
        .execute(&mut *work.connection)
        .await?;
        session::add_refresh_token(work.connection, &rotation.next, found.id, generation).await
    }
}
