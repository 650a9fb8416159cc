//! Invites: whoever has the link sets the credential of an account, once.

use std::sync::Arc;

use daypass_core::{
    Timestamp, audit::AuditEvent, digest::Sha256, names::AccountName, person::PersonId, secret::Secret,
};
use sqlx::AnyConnection;

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    passkey::{self, StoredPasskey},
    pull_token,
    rows::{Boxed, Columns},
    standing,
    store::Store,
};

/// An invite that is handed to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewInvite {
    /// Its digest.
    pub invite: Sha256,
    /// The account that it is for.
    pub account: AccountName,
    /// Now.
    pub created_at: Timestamp,
    /// Until when it may be accepted.
    pub expires_at: Timestamp,
}

/// An invite that may be accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The account that it is for.
    pub account: AccountName,
    /// Until when it may be accepted, kept to the microsecond.
    pub expires_at: Timestamp,
}

/// What the holder of an invite chose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A password, hashed.
    PasswordHash(Secret),
    /// A passkey.
    Passkey(StoredPasskey),
}

impl Store {
    /// Makes an invite and writes `event`; in one transaction, durable when this returns. Older invites of the account
    /// are worthless from now on.
    ///
    /// `false` when there is no such account; then nothing is written.
    pub async fn add_invite(&self, invite: NewInvite, event: AuditEvent) -> Result<bool, StoreError> {
        self.change(Add { invite, event: Entry::new(&event)? }).await
    }

    /// The invite of that digest, if it may be accepted: not spent, not expired at `now`, and its person not shut out.
    pub async fn invite(&self, invite: &Sha256, now: Timestamp) -> Result<Option<Invite>, StoreError> {
        let query = sqlx::query(OPEN).bind(invite.to_string()).bind(now.as_microsecond());
        let open = self.find("invite", query, Open::read).await?;
        Ok(open.map(|open| Invite { account: open.account, expires_at: open.expires_at }))
    }

    /// Accepts an invite and writes `event`; in one transaction, durable when this returns `true`. `credential` is the
    /// account's only one from now on: what it had before is forgotten, the sessions and pull tokens that came of it are ended and
    /// revoked, and what waits to become one (a code, a device that was let in) is withdrawn. What is proven and not yet
    /// written is for the asker to refuse, by [`Account::credential_since`](crate::Account::credential_since).
    ///
    /// `false` when the invite may not be accepted ([`invite`](Store::invite)), or the passkey is another account's;
    /// then nothing is written.
    pub async fn accept_invite(
        &self,
        invite: &Sha256,
        now: Timestamp,
        credential: Credential,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        self.change(Accept { invite: *invite, now, credential, event: Entry::new(&event)? }).await
    }
}

const OPEN: &str = "SELECT i.digest, i.account, i.expires_at_us, a.person \
    FROM invite i JOIN account a ON a.name = i.account JOIN person p ON p.id = a.person \
    WHERE i.digest = $1 AND i.expires_at_us > $2 AND i.spent_at_us IS NULL AND p.disabled_at_us IS NULL";

/// An invite that may be accepted.
struct Open {
    account: AccountName,
    expires_at: Timestamp,
    person: PersonId,
}

impl Open {
    fn read(columns: &mut Columns<'_>) -> Result<Self, Boxed> {
        let _: &str = columns.take()?;
        Ok(Self { account: columns.parsed()?, expires_at: columns.time()?, person: columns.parsed()? })
    }
}

struct Add {
    invite: NewInvite,
    event: Arc<Entry>,
}

impl Change for Add {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let account = sqlx::query("SELECT name FROM account WHERE name = $1")
            .bind(self.invite.account.as_str())
            .fetch_optional(&mut *work.connection)
            .await?;
        if account.is_none() {
            return Ok((false, None));
        }
        insert(work.connection, &self.invite).await?;
        Ok((true, Some(Arc::clone(&self.event))))
    }
}

/// Writes an invite; those before it are spent.
pub(crate) async fn insert(connection: &mut AnyConnection, invite: &NewInvite) -> Result<(), sqlx::Error> {
    sqlx::query("UPDATE invite SET spent_at_us = $1 WHERE account = $2 AND spent_at_us IS NULL")
        .bind(invite.created_at.as_microsecond())
        .bind(invite.account.as_str())
        .execute(&mut *connection)
        .await?;
    sqlx::query("INSERT INTO invite (digest, account, created_at_us, expires_at_us) VALUES ($1, $2, $3, $4)")
        .bind(invite.invite.to_string())
        .bind(invite.account.as_str())
        .bind(invite.created_at.as_microsecond())
        .bind(invite.expires_at.as_microsecond())
        .execute(connection)
        .await
        .map(drop)
}

struct Accept {
    invite: Sha256,
    now: Timestamp,
    credential: Credential,
    event: Arc<Entry>,
}

impl Change for Accept {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let (digest, now_us) = (self.invite.to_string(), self.now.as_microsecond());
        let row = sqlx::query(OPEN).bind(&*digest).bind(now_us).fetch_optional(&mut *work.connection).await?;
        let open = row.map(|row| Open::read(&mut Columns::new(&row))).transpose().map_err(sqlx::Error::Decode)?;
        let Some(open) = open else { return Ok((false, None)) };
        let (password_hash, passkey) = match &self.credential {
            Credential::PasswordHash(hash) => (Some(hash.expose()), None),
            Credential::Passkey(passkey) => (None, Some(passkey)),
        };
        if !passkey::replace(work.connection, &open.account, passkey).await? {
            return Ok((false, None));
        }
        sqlx::query("UPDATE account SET password_hash = $1, credential_since_us = $2 WHERE name = $3")
            .bind(password_hash)
            .bind(now_us)
            .bind(open.account.as_str())
            .execute(&mut *work.connection)
            .await?;
        sqlx::query("UPDATE invite SET spent_at_us = $1 WHERE digest = $2")
            .bind(now_us)
            .bind(digest)
            .execute(&mut *work.connection)
            .await?;
        standing::withdraw_what_waits(work, open.person).await?;
        standing::revoke_sessions(work, open.person, self.now).await?;
        pull_token::revoke_all(work, open.person, self.now).await?;
        Ok((true, Some(Arc::clone(&self.event))))
    }
}
