//! When files of upstream were last used: what tells those that may go from those that should stay.

use std::collections::HashMap;

use daypass_core::{Timestamp, digest::Sha256};

use crate::{
    change::{Change, Done, Work},
    error::StoreError,
    rows::Columns,
    store::Store,
};

impl Store {
    /// Notes that these files of upstream are used, `now`. An earlier note is replaced, a later one stays.
    pub async fn note_upstream_uses(&self, files: Vec<Sha256>, now: Timestamp) -> Result<(), StoreError> {
        self.change(Note { files, used_at_us: now.as_microsecond() }).await
    }

    /// Returns when files of upstream were last noted to be used.
    pub async fn upstream_uses(&self) -> Result<HashMap<Sha256, Timestamp>, StoreError> {
        let query = sqlx::query("SELECT sha256, used_at_us FROM upstream_use");
        let read = |columns: &mut Columns<'_>| Ok((columns.parsed()?, columns.time()?));
        Ok(self.find_all("upstream_use", query, read).await?.into_iter().collect())
    }

    /// Forgets the notes about files that are gone.
    pub async fn forget_upstream_uses(&self, files: Vec<Sha256>) -> Result<(), StoreError> {
        self.change(Forget { files }).await
    }
}

struct Note {
    files: Vec<Sha256>,
    used_at_us: i64,
}

impl Change for Note {
    type Outcome = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<()>, sqlx::Error> {
        for sha256 in &self.files {
            sqlx::query(
                "INSERT INTO upstream_use (sha256, used_at_us) VALUES ($1, $2) ON CONFLICT (sha256) \
                 DO UPDATE SET used_at_us = excluded.used_at_us WHERE upstream_use.used_at_us < excluded.used_at_us",
            )
            .bind(sha256.to_string())
            .bind(self.used_at_us)
            .execute(&mut *work.connection)
            .await?;
        }
        Ok(((), None))
    }
}

struct Forget {
    files: Vec<Sha256>,
}

impl Change for Forget {
    type Outcome = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<()>, sqlx::Error> {
        for sha256 in &self.files {
            sqlx::query("DELETE FROM upstream_use WHERE sha256 = $1")
                .bind(sha256.to_string())
                .execute(&mut *work.connection)
                .await?;
        }
        Ok(((), None))
    }
}
