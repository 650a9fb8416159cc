//! Device authorizations (RFC 8628): a device waits until a person has decided, elsewhere.
//!
//! What is *not* here: how often a device may ask, and how often a user code may be guessed (the issuer counts that in
//! memory); redeeming (`redeem`).

use std::sync::Arc;

use daypass_core::{
    Timestamp,
    audit::AuditEvent,
    digest::Sha256,
    names::{ClientId, ProviderName},
    person::PersonId,
};

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    rows::{self, Boxed, Columns},
    store::Store,
};

/// A device that asks to be let in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDevice {
    /// The digest of its device code.
    pub device_code: Sha256,
    /// What the person types, in the one form it is looked up by. Not a secret for long.
    pub user_code: String,
    /// The client that asks.
    pub client_id: ClientId,
    /// The address that it asks from.
    pub source: Option<String>,
    /// The `User-Agent` that it asks with.
    pub user_agent: Option<String>,
    /// The provider that it would like the person to come from.
    pub provider_hint: Option<ProviderName>,
    /// When it asked.
    pub created_at: Timestamp,
    /// Until when a person may decide, and the device redeem.
    pub expires_at: Timestamp,
}

/// What became of a device that was to be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddDevice {
    /// It waits.
    Added,
    /// Another one has this user code: try another.
    UserCodeTaken,
    /// Too many wait already.
    TooMany,
}

/// How far a device has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has decided.
    Pending,
    /// A person let it in.
    Approved {
        /// Who. They may have been shut out since.
        person: PersonId,
        /// The groups that they are in.
        groups: Vec<String>,
    },
    /// A person did not let it in.
    Denied,
    /// It was let in, and has its session.
    Redeemed,
}

/// A device that asked to be let in, expired or not. Times are kept to the microsecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredDevice {
    /// What the person types.
    pub user_code: String,
    /// The client that asks.
    pub client_id: ClientId,
    /// The address that it asked from.
    pub source: Option<String>,
    /// The `User-Agent` that it asked with.
    pub user_agent: Option<String>,
    /// The provider that it would like the person to come from.
    pub provider_hint: Option<ProviderName>,
    /// When it asked.
    pub created_at: Timestamp,
    /// Until when a person may decide, and the device redeem.
    pub expires_at: Timestamp,
    /// How far it has come.
    pub state: DeviceState,
}

/// What a person decides about a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeviceDecision {
    /// Let it in.
    Approve {
        /// As whom. They must have been recorded ([`Store::record_person`]).
        person: PersonId,
        /// The groups that they are in.
        groups: Vec<String>,
    },
    /// Do not.
    Deny,
}

macro_rules! select_device {
    ($tail:literal) => {
        concat!(
            "SELECT digest, user_code, client_id, source, user_agent, provider_hint, created_at_us, expires_at_us, \
             state, person, group_names FROM device_authorization ",
            $tail
        )
    };
}

fn read_row(columns: &mut Columns<'_>) -> Result<StoredDevice, Boxed> {
    let _: &str = columns.take()?;
    let (user_code, client_id, source) = (columns.take()?, columns.parsed()?, columns.take()?);
    let (user_agent, provider_hint) = (columns.take()?, columns.parsed_or_none()?);
    let (created_at, expires_at) = (columns.time()?, columns.time()?);
    let state = match columns.take()? {
        "pending" => DeviceState::Pending,
        "approved" => DeviceState::Approved { person: columns.parsed()?, groups: columns.names()? },
        "denied" => DeviceState::Denied,
        "redeemed" => DeviceState::Redeemed,
        other => return Err(format!("an unknown state: {other}").into()),
    };
    Ok(StoredDevice { user_code, client_id, source, user_agent, provider_hint, created_at, expires_at, state })
}

impl Store {
    /// Remembers a device that asks to be let in, unless `most_open` that have not expired at `now` are remembered,
    /// decided or not; durable when this returns [`AddDevice::Added`]. The user code of an expired one is free again.
    pub async fn add_device(&self, device: NewDevice, most_open: u32, now: Timestamp) -> Result<AddDevice, StoreError> {
        self.change(Add { device, most_open, now }).await
    }

    /// The device with that device code.
    pub async fn device(&self, device_code: &Sha256) -> Result<Option<StoredDevice>, StoreError> {
        let query = sqlx::query(select_device!("WHERE digest = $1"));
        self.find("device_authorization", query.bind(device_code.to_string()), read_row).await
    }

    /// The device with that user code.
    pub async fn device_by_user_code(&self, user_code: &str) -> Result<Option<StoredDevice>, StoreError> {
        let query = sqlx::query(select_device!("WHERE user_code = $1"));
        self.find("device_authorization", query.bind(user_code), read_row).await
    }

    /// Decides about a device and writes `event`; in one transaction, durable when this returns.
    ///
    /// `false` when there is no such device, it has expired at `now` or it was decided about before; then nothing is
    /// written.
    pub async fn decide_device(
        &self,
        user_code: &str,
        decision: DeviceDecision,
        now: Timestamp,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        self.change(Decide { user_code: user_code.to_owned(), decision, now, event: Entry::new(&event)? }).await
    }
}

struct Add {
    device: NewDevice,
    most_open: u32,
    now: Timestamp,
}

impl Change for Add {
    type Outcome = AddDevice;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<AddDevice>, sqlx::Error> {
        let now_us = self.now.as_microsecond();
        // Counted once for all of a batch: a flood is cheap to refuse.
        let open = if let Some(open) = work.counted.open_devices {
            open
        } else {
            sqlx::query_scalar("SELECT COUNT(*) FROM device_authorization WHERE expires_at_us > $1")
                .bind(now_us)
                .fetch_one(&mut *work.connection)
                .await?
        };
        work.counted.open_devices = Some(open);
        if open >= i64::from(self.most_open) {
            return Ok((AddDevice::TooMany, None));
        }
        sqlx::query("DELETE FROM device_authorization WHERE user_code = $1 AND expires_at_us <= $2")
            .bind(&*self.device.user_code)
            .bind(now_us)
            .execute(&mut *work.connection)
            .await?;
        let added = sqlx::query(
            "INSERT INTO device_authorization (digest, user_code, client_id, source, user_agent, provider_hint, \
             created_at_us, expires_at_us, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'pending') \
             ON CONFLICT (user_code) DO NOTHING",
        )
        .bind(self.device.device_code.to_string())
        .bind(&*self.device.user_code)
        .bind(self.device.client_id.as_str())
        .bind(self.device.source.as_deref())
        .bind(self.device.user_agent.as_deref())
        .bind(self.device.provider_hint.as_ref().map(ProviderName::as_str))
        .bind(self.device.created_at.as_microsecond())
        .bind(self.device.expires_at.as_microsecond())
        .execute(&mut *work.connection)
        .await?;
        if added.rows_affected() == 0 {
            return Ok((AddDevice::UserCodeTaken, None));
        }
        work.counted.open_devices = Some(open + 1);
        Ok((AddDevice::Added, None))
    }
}

struct Decide {
    user_code: String,
    decision: DeviceDecision,
    now: Timestamp,
    event: Arc<Entry>,
}

impl Change for Decide {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let (state, person, groups) = match &self.decision {
            DeviceDecision::Approve { person, groups } => {
                ("approved", Some(person.to_string()), Some(rows::names_as_text(groups)))
            }
            DeviceDecision::Deny => ("denied", None, None),
        };
        let decided = sqlx::query(
            "UPDATE device_authorization SET state = $1, person = $2, group_names = $3 \
             WHERE user_code = $4 AND state = 'pending' AND expires_at_us > $5",
        )
        .bind(state)
        .bind(person)
        .bind(groups)
        .bind(&*self.user_code)
        .bind(self.now.as_microsecond())
        .execute(&mut *work.connection)
        .await?;
        let decided = decided.rows_affected() == 1;
        Ok((decided, decided.then(|| Arc::clone(&self.event))))
    }
}
