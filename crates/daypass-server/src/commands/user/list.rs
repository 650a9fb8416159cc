//! `daypassd user list`.

use std::collections::HashMap;

use daypass_core::person::PersonId;
use daypass_store::{Account, PersonRecord, Store};
use serde_json::json;

use super::say;
use crate::{arguments::Output, assemble::store_failure, failure::Failure};

/// Shows the people of all providers.
pub(super) async fn run(store: &Store, output: Output) -> Result<(), Failure> {
    let people = store.people().await.map_err(store_failure)?;
    let accounts = store.accounts().await.map_err(store_failure)?;
    let accounts: HashMap<PersonId, Account> = accounts.into_iter().map(|account| (account.person, account)).collect();
    let rows: Vec<Row<'_>> =
        people.iter().map(|person| Row { person, account: accounts.get(&person.person.id) }).collect();
    let lines = match output {
        Output::Json => rows.iter().map(|row| format!("{}\n", row.json())).collect(),
        Output::Text => table(&rows),
    };
    say(&lines.concat())
}

struct Row<'a> {
    person: &'a PersonRecord,
    account: Option<&'a Account>,
}

impl Row<'_> {
    /// How the person signs in, as far as that is ours to know.
    fn credential(&self) -> Option<&'static str> {
        let account = self.account?;
        Some(match (&account.password_hash, account.passkeys.as_slice()) {
            (Some(_), _) => "password",
            (None, [_, ..]) => "passkey",
            (None, []) => "invited",
        })
    }

    /// An account's person is remembered from when it was made.
    fn has_signed_in(&self) -> bool {
        self.account.is_none() || self.person.seen_at != self.person.created_at
    }

    fn json(&self) -> serde_json::Value {
        let person = &self.person.person;
        json!({
            "provider": person.provider,
            "subject": person.subject,
            "name": person.name,
            "email": person.email,
            "role": self.account.map(|account| account.role),
            "credential": self.credential(),
            "disabled": self.person.disabled,
            "created_at": self.person.created_at.to_string(),
            "seen_at": self.has_signed_in().then(|| self.person.seen_at.to_string()),
        })
    }

    /// What is shown to people. A provider wrote the name: it must not move the cursor.
    fn cells(&self) -> [String; 5] {
        let person = &self.person.person;
        let standing = match (self.person.disabled, self.credential()) {
            (true, _) => "disabled",
            (false, Some("invited")) => "invited",
            (false, _) => "active",
        };
        [
            format!("{}/{}", person.provider, person.subject.escape_debug()),
            person.email.as_ref().unwrap_or(&person.name).escape_debug().to_string(),
            self.account.map_or_else(|| "by policy".to_owned(), |account| account.role.to_string()),
            standing.to_owned(),
            if self.has_signed_in() {
                format!("seen {}", self.person.seen_at.strftime("%Y-%m-%d %H:%M UTC"))
            } else {
                "never seen".to_owned()
            },
        ]
    }
}

fn table(rows: &[Row<'_>]) -> Vec<String> {
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    let mut widths = [0; 5];
    for row in &cells {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; 5]| {
        let padded: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", padded.join("  ").trim_end())
    };
    cells.iter().map(line).collect()
}
