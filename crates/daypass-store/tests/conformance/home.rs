//! A database of its own for each test.

use std::{
    env,
    sync::atomic::{AtomicU32, Ordering},
};

use daypass_core::{
    SignedDuration, Timestamp,
    audit::{AuditEvent, AuditKind, Outcome},
    issuer::Replay,
};
use daypass_store::{AuditQuery, AuditRow, SpentProof, Store, StoreUrl};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

/// Where a test's database lives.
pub(crate) struct Home {
    /// With the password, where there is one.
    pub(crate) text: String,
    folder: Option<TempDir>,
    schema: Option<(String, String)>,
}

impl Home {
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("sqlite:{}", folder.path().join("data/daypass.db").display());
        Self { text, folder: Some(folder), schema: None }
    }

    /// `None` when there is no server to test with.
    pub(crate) async fn postgres() -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Some(admin) = variable("DAYPASS_TEST_POSTGRES") else {
            println!("skipped: DAYPASS_TEST_POSTGRES is not set");
            return None;
        };
        sqlx::any::install_default_drivers();
        let schema = format!("daypass_test_{}_{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = AnyConnection::connect(&admin).await.unwrap();
        let create = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        let separator = if admin.contains('?') { '&' } else { '?' };
        let text = format!("{admin}{separator}options[search_path]={schema}&application_name={schema}");
        Some(Self { text, folder: None, schema: Some((admin, schema)) })
    }

    pub(crate) fn url(&self) -> StoreUrl {
        self.text.parse().unwrap()
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url()).await.unwrap()
    }

    /// A connection behind the store's back.
    pub(crate) async fn behind(&self) -> AnyConnection {
        sqlx::any::install_default_drivers();
        AnyConnection::connect(&self.text).await.unwrap()
    }

    /// Runs SQL behind the store's back.
    pub(crate) async fn execute(&self, sql: &'static str) {
        let mut connection = self.behind().await;
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    /// One number, read behind the store's back.
    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        let mut connection = self.behind().await;
        let number = sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        number
    }

    pub(crate) async fn remove(self) {
        if let Some((admin, schema)) = self.schema {
            let mut connection = AnyConnection::connect(&admin).await.unwrap();
            let drop = sqlx::AssertSqlSafe(format!("DROP SCHEMA {schema} CASCADE"));
            sqlx::raw_sql(drop).execute(&mut connection).await.unwrap();
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the tests' one place for the environment")]
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// The same instant for all tests.
pub(crate) fn noon() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn event(request_id: &str) -> AuditEvent {
    AuditEvent::new(noon(), AuditKind::TokenExchanged, Outcome::Success, request_id)
}

pub(crate) fn refusal(request_id: &str) -> AuditEvent {
    AuditEvent::new(noon(), AuditKind::TokenRefused, Outcome::Refused, request_id)
}

pub(crate) fn proof(jti: &str) -> SpentProof {
    SpentProof {
        issuer: "https://ci.example.com".to_owned(),
        proof: format!("jti:{jti}"),
        until: noon() + SignedDuration::from_mins(10),
        replay: Replay::Once,
    }
}

/// The whole log, page by page.
pub(crate) async fn whole_log(store: &Store) -> Vec<AuditRow> {
    let mut rows: Vec<AuditRow> = Vec::new();
    loop {
        let after_seq = rows.last().map_or(0, |row| row.seq);
        let page = store.audit(&AuditQuery { after_seq, limit: 500, ..AuditQuery::default() }).await.unwrap();
        if page.is_empty() {
            return rows;
        }
        rows.extend(page);
    }
}
