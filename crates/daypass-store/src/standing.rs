//! Shutting people out and letting them in again, and cutting off what they hold.

use std::sync::Arc;

use daypass_core::{Timestamp, audit::AuditEvent, person::PersonId};

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    pull_token,
    revocation::{self, Revoked},
    store::Store,
};

impl Store {
    /// Shuts a person out, or lets them in again, and writes `event`; in one transaction, durable when this returns.
    ///
    /// Whoever is shut out loses their sessions, their pull tokens, what waits to become one (a code, a device that was let in) and, by a
    /// [`Revoked::Person`], every access token they got until now. Access tokens of sessions that begin in a later second are good again, once they are let in.
    ///
    /// `false` when there is no such person or nothing changes; then nothing is written.
    pub async fn set_person_disabled(
        &self,
        id: PersonId,
        disabled: bool,
        at: Timestamp,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        self.change(SetDisabled { id, disabled, at, event: Entry::new(&event)? }).await
    }
}

struct SetDisabled {
    id: PersonId,
    disabled: bool,
    at: Timestamp,
    event: Arc<Entry>,
}

impl Change for SetDisabled {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let text = if self.disabled {
            "UPDATE person SET disabled_at_us = $1 WHERE id = $2 AND disabled_at_us IS NULL"
        } else {
            "UPDATE person SET disabled_at_us = $1 WHERE id = $2 AND disabled_at_us IS NOT NULL"
        };
        let disabled_at_us = self.disabled.then_some(self.at.as_microsecond());
        let set = sqlx::query(text).bind(disabled_at_us).bind(self.id.to_string());
        let set = set.execute(&mut *work.connection).await?;
        if set.rows_affected() == 0 {
            return Ok((false, None));
        }
        if self.disabled {
            withdraw_what_waits(work, self.id).await?;
            cut_off(work, self.id, self.at).await?;
            end_sessions(work, self.id, self.at).await?;
            pull_token::revoke_all(work, self.id, self.at).await?;
        }
        Ok((true, Some(Arc::clone(&self.event))))
    }
}

/// Revokes the access tokens that a person's sessions got until now.
///
/// "Now" is `at`, or when the last of them was made, if that is later: another replica's clock may be ahead, and
/// whoever asked may have waited for the writer. So no access token that was handed out is missed, whatever the
/// clocks say, and none that is made in a later second is hit: no slack is needed.
pub(crate) async fn cut_off(work: &mut Work<'_>, person: PersonId, at: Timestamp) -> Result<(), sqlx::Error> {
    let newest: Option<i64> = sqlx::query_scalar("SELECT MAX(refreshed_at_us) FROM session WHERE person = $1")
        .bind(person.to_string())
        .fetch_one(&mut *work.connection)
        .await?;
    let newest = newest.and_then(|us| Timestamp::from_microsecond(us).ok());
    let issued_before = newest.map_or(at, |newest| newest.max(at));
    let cut = revocation::cut(Revoked::Person { id: person, issued_before }, at);
    revocation::insert(work.connection, &cut, work.seq).await
}

/// Takes back what a person has proven and nobody has come for yet: their codes are forgotten, and the devices that they
/// let in and that have no session are denied. A code that was redeemed stays: when it comes again it is a replay.
pub(crate) async fn withdraw_what_waits(work: &mut Work<'_>, person: PersonId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM authorization_code WHERE person = $1 AND redeemed_by IS NULL")
        .bind(person.to_string())
        .execute(&mut *work.connection)
        .await?;
    sqlx::query(
        "UPDATE device_authorization SET state = 'denied', person = NULL, group_names = NULL \
         WHERE person = $1 AND state = 'approved'",
    )
    .bind(person.to_string())
    .execute(&mut *work.connection)
    .await
    .map(drop)
}

/// Ends all sessions of a person: none is refreshed any more.
pub(crate) async fn end_sessions(work: &mut Work<'_>, person: PersonId, at: Timestamp) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE session SET ended_at_us = $1, over_at_us = $2 WHERE person = $3 AND ended_at_us IS NULL")
        .bind(at.as_microsecond())
        .bind(at.as_microsecond())
        .bind(person.to_string())
        .execute(&mut *work.connection)
        .await
        .map(drop)
}

/// Revokes the sessions of a person, one by one: unlike [`cut_off`], what they get in the same second is good.
pub(crate) async fn revoke_sessions(work: &mut Work<'_>, person: PersonId, at: Timestamp) -> Result<(), sqlx::Error> {
    let ids: Vec<String> = sqlx::query_scalar("SELECT id FROM session WHERE person = $1 AND ended_at_us IS NULL")
        .bind(person.to_string())
        .fetch_all(&mut *work.connection)
        .await?;
    for id in ids {
        let id = id.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        revocation::insert(work.connection, &revocation::cut(Revoked::Session(id), at), work.seq).await?;
    }
    end_sessions(work, person, at).await
}
