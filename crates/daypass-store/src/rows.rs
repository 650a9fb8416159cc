//! Rows, read from left to right into the words of the domain.

use std::{error::Error, str::FromStr};

use daypass_core::Timestamp;
use sqlx::{
    Any, Decode, Row, Type,
    any::{AnyArguments, AnyRow},
    query::Query,
};

use crate::{error::StoreError, store::Store};

/// Why a row cannot be read: for nobody's eyes but ours, [`StoreError::Unreadable`] says which row.
pub(crate) type Boxed = Box<dyn Error + Send + Sync>;

/// The columns of one row, taken one after the other.
pub(crate) struct Columns<'a> {
    row: &'a AnyRow,
    next: usize,
}

impl<'a> Columns<'a> {
    pub(crate) fn new(row: &'a AnyRow) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as the database has it.
    pub(crate) fn take<T: Decode<'a, Any> + Type<Any>>(&mut self) -> Result<T, sqlx::Error> {
        let column = self.next;
        self.next += 1;
        self.row.try_get(column)
    }

    /// A text that one of our types reads.
    pub(crate) fn parsed<T: FromStr>(&mut self) -> Result<T, Boxed>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        Ok(self.take::<&str>()?.parse()?)
    }

    /// The same, where there may be none.
    pub(crate) fn parsed_or_none<T: FromStr>(&mut self) -> Result<Option<T>, Boxed>
    where
        T::Err: Error + Send + Sync + 'static,
    {
        Ok(self.take::<Option<&str>>()?.map(str::parse).transpose()?)
    }

    /// An instant.
    pub(crate) fn time(&mut self) -> Result<Timestamp, Boxed> {
        Ok(Timestamp::from_microsecond(self.take()?)?)
    }

    /// An instant, where there may be none.
    pub(crate) fn time_or_none(&mut self) -> Result<Option<Timestamp>, Boxed> {
        Ok(self.take::<Option<i64>>()?.map(Timestamp::from_microsecond).transpose()?)
    }

    /// Whether there is anything.
    pub(crate) fn is_set(&mut self) -> Result<bool, sqlx::Error> {
        Ok(self.take::<Option<i64>>()?.is_some())
    }

    /// A JSON list of texts.
    pub(crate) fn names(&mut self) -> Result<Vec<String>, Boxed> {
        Ok(serde_json::from_str(self.take()?)?)
    }
}

/// A list of texts as it is kept.
pub(crate) fn names_as_text(names: &[String]) -> String {
    serde_json::Value::from(names).to_string()
}

impl Store {
    /// All rows that `query` finds. The first column is what a row that cannot be read is called.
    pub(crate) async fn find_all<T>(
        &self,
        table: &'static str,
        query: Query<'_, Any, AnyArguments>,
        read: impl Fn(&mut Columns<'_>) -> Result<T, Boxed>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.read(query.fetch_all(self.readers())).await?;
        rows.iter().map(|row| read_row(table, row, &read)).collect()
    }

    /// The one row that `query` finds, if there is one.
    pub(crate) async fn find<T>(
        &self,
        table: &'static str,
        query: Query<'_, Any, AnyArguments>,
        read: impl Fn(&mut Columns<'_>) -> Result<T, Boxed>,
    ) -> Result<Option<T>, StoreError> {
        let row = self.read(query.fetch_optional(self.readers())).await?;
        row.map(|row| read_row(table, &row, &read)).transpose()
    }
}

fn read_row<T>(
    table: &'static str,
    row: &AnyRow,
    read: impl Fn(&mut Columns<'_>) -> Result<T, Boxed>,
) -> Result<T, StoreError> {
    read(&mut Columns::new(row)).map_err(|error| {
        let row = row.try_get(0).unwrap_or_default();
        tracing::error!(table, row, error, "a row cannot be read");
        StoreError::Unreadable { table, row }
    })
}
