//! Built-in accounts: people without a provider of their own.
//!
//! What is *not* here: hashing and checking passwords, Web Authentication. How an account gets its credential is in `invite`.

use std::{collections::HashMap, sync::Arc};

use daypass_core::{Timestamp, audit::AuditEvent, names::AccountName, person::PersonId, role::Role, secret::Secret};
use sqlx::AnyConnection;

use crate::{
    audit::Entry,
    change::{Change, Done, Work},
    error::StoreError,
    invite::{self, NewInvite},
    passkey::StoredPasskey,
    person::{self, MOST_PEOPLE, SeenPerson},
    pull_token,
    rows::{Boxed, Columns},
    standing,
    store::Store,
};

/// An account that is to be made. It has no credential until its invite is accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewAccount {
    /// Its name.
    pub name: AccountName,
    /// What to call its person.
    pub display_name: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their role on all indexes.
    pub role: Role,
    /// The person it is for.
    pub person: SeenPerson,
    /// Now.
    pub created_at: Timestamp,
}

/// An account that is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: AccountName,
    /// What to call its person.
    pub display_name: String,
    /// Their e-mail address.
    pub email: Option<String>,
    /// Their role on all indexes.
    pub role: Role,
    /// The person it is for.
    pub person: PersonId,
    /// The hash of their password, as whoever hashed it writes it.
    pub password_hash: Option<Secret>,
    /// Their passkeys.
    pub passkeys: Vec<StoredPasskey>,
    /// Since when they have the credential they have, kept to the microsecond. A sign-in that began before it may have
    /// been proven with another.
    pub credential_since: Option<Timestamp>,
    /// When it was made, kept to the microsecond.
    pub created_at: Timestamp,
    /// Whether the person is shut out.
    pub disabled: bool,
}

/// A role as it was read, for what is made from it to be written only while the account still has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAsRead {
    /// The account.
    pub account: AccountName,
    /// The role it had.
    pub role: Role,
}

/// Whether the account still has the role that something was made from; without one there is nothing to ask. Within the
/// transaction of a change the answer stays true until that is written.
pub(crate) async fn role_still_holds(
    connection: &mut AnyConnection,
    read: Option<&RoleAsRead>,
) -> Result<bool, sqlx::Error> {
    let Some(RoleAsRead { account, role }) = read else { return Ok(true) };
    let row = sqlx::query("SELECT name FROM account WHERE name = $1 AND role = $2")
        .bind(account.as_str())
        .bind(role.as_str())
        .fetch_optional(connection)
        .await?;
    Ok(row.is_some())
}

macro_rules! select_accounts {
    ($tail:literal) => {
        concat!(
            "SELECT a.name, a.display_name, a.email, a.role, a.person, a.password_hash, \
             a.credential_since_us, a.created_at_us, p.disabled_at_us FROM account a JOIN person p ON p.id = a.person ",
            $tail
        )
    };
}

/// Without its passkeys.
fn read_row(columns: &mut Columns<'_>) -> Result<Account, Boxed> {
    Ok(Account {
        name: columns.parsed()?,
        display_name: columns.take()?,
        email: columns.take()?,
        role: columns.parsed()?,
        person: columns.parsed()?,
        password_hash: columns.take::<Option<String>>()?.map(Secret::from),
        passkeys: Vec::new(),
        credential_since: columns.time_or_none()?,
        created_at: columns.time()?,
        disabled: columns.is_set()?,
    })
}

impl Store {
    /// Makes an account with an invite (for this account, whatever it says), remembers its person and writes `event`;
    /// in one transaction, durable when this returns.
    ///
    /// `false` when the name is taken, or the person has an account; then nothing is written.
    pub async fn add_account(
        &self,
        account: NewAccount,
        invite: NewInvite,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let invite = NewInvite { account: account.name.clone(), ..invite };
        self.change(Add { account, invite, event: Entry::new(&event)? }).await
    }

    /// The account of that name.
    pub async fn account(&self, name: &AccountName) -> Result<Option<Account>, StoreError> {
        let query = sqlx::query(select_accounts!("WHERE a.name = $1")).bind(name.as_str());
        let Some(account) = self.find("account", query, read_row).await? else { return Ok(None) };
        Ok(Some(Account { passkeys: self.passkeys_of(name).await?, ..account }))
    }

    /// Whether there is any account.
    pub async fn has_accounts(&self) -> Result<bool, StoreError> {
        let query = sqlx::query("SELECT name FROM account LIMIT 1");
        Ok(self.find("account", query, |columns| Ok(columns.take::<&str>()?.len())).await?.is_some())
    }

    /// All accounts by name, [`MOST_PEOPLE`] at most.
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let query = sqlx::query(select_accounts!("ORDER BY a.name LIMIT $1")).bind(MOST_PEOPLE);
        let mut accounts = self.find_all("account", query, read_row).await?;
        let mut passkeys: HashMap<AccountName, Vec<StoredPasskey>> = HashMap::new();
        for (account, passkey) in self.all_passkeys().await? {
            passkeys.entry(account).or_default().push(passkey);
        }
        for account in &mut accounts {
            account.passkeys = passkeys.remove(&account.name).unwrap_or_default();
        }
        Ok(accounts)
    }

    /// Gives an account another role, cuts off the access tokens that its person got until now, and writes `event`;
    /// in one transaction, durable when this returns. The person's sessions go on, with the new role.
    ///
    /// `false` when there is no such account or it has this role; then nothing is written.
    pub async fn set_account_role(
        &self,
        name: &AccountName,
        role: Role,
        now: Timestamp,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        self.change(SetRole { name: name.clone(), role, now, event: Entry::new(&event)? }).await
    }
}

struct Add {
    account: NewAccount,
    invite: NewInvite,
    event: Arc<Entry>,
}

impl Change for Add {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let account = &self.account;
        let added = sqlx::query(
            "INSERT INTO account (name, display_name, email, role, person, created_at_us) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
        )
        .bind(account.name.as_str())
        .bind(&*account.display_name)
        .bind(account.email.as_deref())
        .bind(account.role.as_str())
        .bind(account.person.id.to_string())
        .bind(account.created_at.as_microsecond())
        .execute(&mut *work.connection)
        .await?;
        if added.rows_affected() == 0 {
            return Ok((false, None));
        }
        person::record(work.connection, &account.person, account.created_at).await?;
        invite::insert(work.connection, &self.invite).await?;
        Ok((true, Some(Arc::clone(&self.event))))
    }
}

struct SetRole {
    name: AccountName,
    role: Role,
    now: Timestamp,
    event: Arc<Entry>,
}

impl Change for SetRole {
    type Outcome = bool;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<bool>, sqlx::Error> {
        let person: Option<String> =
            sqlx::query_scalar("UPDATE account SET role = $1 WHERE name = $2 AND role <> $3 RETURNING person")
                .bind(self.role.as_str())
                .bind(self.name.as_str())
                .bind(self.role.as_str())
                .fetch_optional(&mut *work.connection)
                .await?;
        let Some(person) = person else { return Ok((false, None)) };
        let person = person.parse().map_err(|error| sqlx::Error::Decode(Box::new(error)))?;
        standing::cut_off(work, person, self.now).await?;
        pull_token::maker_changed(work, person).await?;
        Ok((true, Some(Arc::clone(&self.event))))
    }
}
