//! Passkeys of built-in accounts: the public halves, and how often they say they were used.
//!
//! What is *not* here: what a passkey proves (Web Authentication is the issuer's), and how an account gets one (`invite`).

use daypass_core::{Timestamp, names::AccountName};
use sqlx::AnyConnection;

use crate::{
    change::{Change, Done, Work},
    error::StoreError,
    rows::{Boxed, Columns},
    store::Store,
};

/// The public half of a passkey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredPasskey {
    /// Its id, base64url. Only one account can have it.
    pub credential_id: String,
    /// Its key, base64url, in the form that whoever verifies chose.
    pub public_key: String,
    /// How often it says it was used (Web Authentication §6.1.1); 0 when it does not count.
    pub sign_count: i64,
    /// When it was registered, kept to the microsecond.
    pub created_at: Timestamp,
}

macro_rules! select_passkeys {
    ($tail:literal) => {
        concat!("SELECT credential_id, account, public_key, sign_count, created_at_us FROM passkey ", $tail)
    };
}

fn read_row(columns: &mut Columns<'_>) -> Result<(AccountName, StoredPasskey), Boxed> {
    let (credential_id, account) = (columns.take()?, columns.parsed()?);
    let (public_key, sign_count, created_at) = (columns.take()?, columns.take()?, columns.time()?);
    Ok((account, StoredPasskey { credential_id, public_key, sign_count, created_at }))
}

impl Store {
    /// The passkey of that id (base64url), and whose it is.
    pub async fn passkey(&self, credential_id: &str) -> Result<Option<(AccountName, StoredPasskey)>, StoreError> {
        let query = sqlx::query(select_passkeys!("WHERE credential_id = $1"));
        self.find("passkey", query.bind(credential_id), read_row).await
    }

    /// Notes that a passkey was used; durable when this returns.
    ///
    /// `false` when there is no such passkey, or it says that it was used no more often than it said before, and it
    /// does count: then there may be a copy of it (Web Authentication §7.2, step 22), and nothing is written. Of two who show the
    /// same count at once one gets `true`.
    pub async fn note_passkey_used(
        &self,
        credential_id: &str,
        sign_count: i64,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        self.change(Used { credential_id: credential_id.to_owned(), sign_count, at }).await
    }

    pub(crate) async fn passkeys_of(&self, account: &AccountName) -> Result<Vec<StoredPasskey>, StoreError> {
        let query = sqlx::query(select_passkeys!("WHERE account = $1 ORDER BY created_at_us, credential_id"));
        let found = self.find_all("passkey", query.bind(account.as_str()), read_row).await?;
        Ok(found.into_iter().map(|(_, passkey)| passkey).collect())
    }

    pub(crate) async fn all_passkeys(&self) -> Result<Vec<(AccountName, StoredPasskey)>, StoreError> {
        let query = sqlx::query(select_passkeys!("ORDER BY created_at_us, credential_id"));
        self.find_all("passkey", query, read_row).await
    }
}

struct Used {
    credential_id: String,
    sign_count: i64,
    at: Timestamp,
}

impl Change for Used {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let noted = sqlx::query(
            "UPDATE passkey SET sign_count = $1, used_at_us = $2 \
             WHERE credential_id = $3 AND (sign_count < $4 OR (sign_count = 0 AND $5 = 0))",
        )
        .bind(self.sign_count)
        .bind(self.at.as_microsecond())
        .bind(&*self.credential_id)
        .bind(self.sign_count)
        .bind(self.sign_count)
        .execute(&mut *work.connection)
        .await?;
        Ok((noted.rows_affected() == 1, None))
    }
}

/// Replaces the passkeys of an account by `passkey`, if there is one. `false` when another account has it.
pub(crate) async fn replace(
    connection: &mut AnyConnection,
    account: &AccountName,
    passkey: Option<&StoredPasskey>,
) -> Result<bool, sqlx::Error> {
    if let Some(passkey) = passkey {
        let taken = sqlx::query("SELECT account FROM passkey WHERE credential_id = $1 AND account <> $2")
            .bind(&*passkey.credential_id)
            .bind(account.as_str())
            .fetch_optional(&mut *connection)
            .await?;
        if taken.is_some() {
            return Ok(false);
        }
    }
    sqlx::query("DELETE FROM passkey WHERE account = $1").bind(account.as_str()).execute(&mut *connection).await?;
    if let Some(passkey) = passkey {
        sqlx::query(
            "INSERT INTO passkey (credential_id, account, public_key, sign_count, created_at_us) \
             VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(&*passkey.credential_id)
        .bind(account.as_str())
        .bind(&*passkey.public_key)
        .bind(passkey.sign_count)
        .bind(passkey.created_at.as_microsecond())
        .execute(connection)
        .await?;
    }
    Ok(true)
}
