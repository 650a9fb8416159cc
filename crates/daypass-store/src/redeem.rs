//! How a session begins: a code or a device code is redeemed, once.

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    names::ClientId,
    person::{PersonId, SessionId},
};
use sqlx::Row;

use crate::{
    account::{self, RoleAsRead},
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    person, pull_token, rows, session,
    store::Store,
};

/// A session that is to begin, with its first refresh token and access token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, random.
    pub id: SessionId,
    /// Whose it is. They must have been recorded ([`Store::record_person`]).
    pub person: PersonId,
    /// The OAuth client that it is given to.
    pub client_id: ClientId,
    /// What its access tokens are for.
    pub audience: String,
    /// The groups that the person is in.
    pub groups: Vec<String>,
    /// The digest of its first refresh token.
    pub refresh_token: Sha256,
    /// The `jti` of its first access token, whose `iat` must not be after `created_at`.
    pub access_token_id: String,
    /// The role of the person's built-in account that its grants were made from.
    pub role: Option<RoleAsRead>,
    /// When that access token ends.
    pub access_token_expires_at: Timestamp,
    /// Now.
    pub created_at: Timestamp,
    /// When it ends if it is not refreshed; cut to `expires_at`.
    pub idle_until: Timestamp,
    /// When it ends whatever happens.
    pub expires_at: Timestamp,
    /// The address that it is begun from.
    pub source: Option<String>,
    /// The `User-Agent` that it is begun with.
    pub user_agent: Option<String>,
}

/// What became of a code or device code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// The session has begun.
    Opened,
    /// It was redeemed before. No session begins.
    Replayed,
    /// It is unknown, expired or not approved; was made for another client or person; or its person may not come in
    /// any more. No session begins, nothing is written.
    Gone,
    /// The person's account got another role since the access token's grants were made. No session begins, nothing is
    /// written: it can be redeemed once more.
    RoleChanged,
}

impl Store {
    /// Redeems an authorization code: `session` begins and `opened` is written; in one transaction, durable when this
    /// returns [`Redeemed::Opened`]. "Now" is the session's `created_at`.
    ///
    /// A code that was redeemed before, expired or not, is [`Redeemed::Replayed`]: `replayed` is written, and the
    /// session that came of it is ended and its access tokens revoked (RFC 6749 §4.1.2). Of many who redeem the same
    /// code at once one begins a session, and loses it to the second.
    pub async fn redeem_code(
        &self,
        code: &Sha256,
        session: NewSession,
        opened: AuditEvent,
        replayed: AuditEvent,
    ) -> Result<Redeemed, StoreError> {
        let (opened, replayed) = (Entry::new(&opened)?, Entry::new(&replayed)?);
        self.change(RedeemCode { code: *code, session, opened, replayed }).await
    }

    /// Redeems a device code that was approved: `session` begins and `opened` is written; in one transaction, durable
    /// when this returns [`Redeemed::Opened`]. On the other outcomes nothing is written: a device that asks twice at
    /// once is clumsy, not an attack (RFC 8628 §3.5).
    pub async fn redeem_device(
        &self,
        device_code: &Sha256,
        session: NewSession,
        now: Timestamp,
        opened: AuditEvent,
    ) -> Result<Redeemed, StoreError> {
        self.change(RedeemDevice { device_code: *device_code, session, now, opened: Entry::new(&opened)? }).await
    }
}

struct RedeemCode {
    code: Sha256,
    session: NewSession,
    opened: Arc<Entry>,
    replayed: Arc<Entry>,
}

impl Change for RedeemCode {
    type Outcome = Redeemed;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<Redeemed>, sqlx::Error> {
        let (code, new) = (self.code.to_string(), &self.session);
        let row = sqlx::query(
            "SELECT redeemed_by, expires_at_us, client_id, person FROM authorization_code WHERE digest = $1",
        )
        .bind(&*code)
        .fetch_optional(&mut *work.connection)
        .await?;
        let Some(row) = row else { return Ok((Redeemed::Gone, None)) };
        if let Some(session) = row.try_get::<Option<&str>, _>(0)? {
            let session = session.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
            session::end(work, session, new.created_at).await?;
            return Ok((Redeemed::Replayed, Some(Arc::clone(&self.replayed))));
        }
        let live = row.try_get::<i64, _>(1)? > new.created_at.as_microsecond();
        let fits = row.try_get::<&str, _>(2)? == new.client_id.as_str()
            && row.try_get::<&str, _>(3)? == new.person.to_string();
        if !live || !fits || !person::may_come_in(work.connection, new.person).await? {
            return Ok((Redeemed::Gone, None));
        }
        if !account::role_still_holds(work.connection, new.role.as_ref()).await? {
            return Ok((Redeemed::RoleChanged, None));
        }
        sqlx::query("UPDATE authorization_code SET redeemed_by = $1 WHERE digest = $2")
            .bind(new.id.to_string())
            .bind(code)
            .execute(&mut *work.connection)
            .await?;
        begin(work, new).await?;
        Ok((Redeemed::Opened, Some(Arc::clone(&self.opened))))
    }
}

struct RedeemDevice {
    device_code: Sha256,
    session: NewSession,
    now: Timestamp,
    opened: Arc<Entry>,
}

impl Change for RedeemDevice {
    type Outcome = Redeemed;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<Redeemed>, sqlx::Error> {
        let (device_code, new) = (self.device_code.to_string(), &self.session);
        let state: Option<String> = sqlx::query_scalar("SELECT state FROM device_authorization WHERE digest = $1")
            .bind(&*device_code)
            .fetch_optional(&mut *work.connection)
            .await?;
        if state.as_deref() == Some("redeemed") {
            return Ok((Redeemed::Replayed, None));
        }
        if state.is_none() || !person::may_come_in(work.connection, new.person).await? {
            return Ok((Redeemed::Gone, None));
        }
        if !account::role_still_holds(work.connection, new.role.as_ref()).await? {
            return Ok((Redeemed::RoleChanged, None));
        }
        let redeemed = sqlx::query(
            "UPDATE device_authorization SET state = 'redeemed' WHERE digest = $1 AND state = 'approved' \
             AND expires_at_us > $2 AND client_id = $3 AND person = $4",
        )
        .bind(device_code)
        .bind(self.now.as_microsecond())
        .bind(new.client_id.as_str())
        .bind(new.person.to_string())
        .execute(&mut *work.connection)
        .await?;
        if redeemed.rows_affected() == 0 {
            return Ok((Redeemed::Gone, None));
        }
        begin(work, new).await?;
        Ok((Redeemed::Opened, Some(Arc::clone(&self.opened))))
    }
}

/// Writes a session and its first refresh token. What the person made before follows the groups that they are in now.
async fn begin(work: &mut Work<'_>, new: &NewSession) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO session (id, person, client_id, audience, group_names, source, user_agent, created_at_us, \
         refreshed_at_us, idle_until_us, expires_at_us, over_at_us, generation, previous_generation, \
         reissues, access_token_id, access_token_expires_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 1, 0, 0, $13, $14)",
    )
    .bind(new.id.to_string())
    .bind(new.person.to_string())
    .bind(new.client_id.as_str())
    .bind(&*new.audience)
    .bind(rows::names_as_text(&new.groups))
    .bind(new.source.as_deref())
    .bind(new.user_agent.as_deref())
    .bind(new.created_at.as_microsecond())
    .bind(new.created_at.as_microsecond())
    .bind(new.idle_until.min(new.expires_at).as_microsecond())
    .bind(new.expires_at.as_microsecond())
    .bind(new.expires_at.as_microsecond())
    .bind(&*new.access_token_id)
    .bind(new.access_token_expires_at.as_microsecond())
    .execute(&mut *work.connection)
    .await?;
    session::add_refresh_token(work.connection, &new.refresh_token, new.id, 1).await?;
    pull_token::maker_signed_in(work, new.person, &new.groups).await
}
