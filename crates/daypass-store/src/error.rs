//! What can go wrong, one sentence each.

use std::{error::Error, fmt, sync::Arc};

/// Why the store did not do something.
///
/// Variants with a `place` come from [`Store::open`](crate::Store::open) only and are for the operator; the others
/// may come at any time, and their words are safe for whoever asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// A newer daypass wrote the schema. Nothing was changed.
    #[error(
        "the database `{place}` was written by a newer daypass (schema {found}, this one knows {known}): start that version or a later one"
    )]
    Newer {
        /// Where.
        place: String,
        /// The newest migration in the database.
        found: i64,
        /// The newest migration of this program.
        known: i64,
    },
    /// The schema has our number but not our form. Nothing was changed.
    #[error(
        "the database `{place}` was made by another build of daypass: use that build, or start with an empty database"
    )]
    Foreign {
        /// Where.
        place: String,
    },
    /// Damaged, or not a database at all. Nothing was changed.
    #[error("the database `{place}` is damaged or is not a database: move it away and put your last backup there")]
    Corrupt {
        /// Where.
        place: String,
        /// What the database said.
        #[source]
        cause: Cause,
    },
    /// The file or its folder cannot be written.
    #[error(
        "the database `{place}` cannot be opened for writing: let the user that runs daypass write the file and its folder"
    )]
    Unwritable {
        /// Where.
        place: String,
        /// What the system said.
        #[source]
        cause: Cause,
    },
    /// Nobody answers there.
    #[error("the database `{place}` cannot be reached: see that it runs and accepts connections from this machine")]
    Unreachable {
        /// Where.
        place: String,
        /// What the network said.
        #[source]
        cause: Cause,
    },
    /// It answers, but will not let us in or work.
    #[error("the database `{place}` refuses us: check the user, the password, the database's name and its rights")]
    Denied {
        /// Where.
        place: String,
        /// What the database said.
        #[source]
        cause: Cause,
    },
    /// No space left.
    #[error("the database has no space left: free some on its disk, then try again")]
    Full {
        /// What the database said.
        #[source]
        cause: Cause,
    },
    /// Slow, locked, away, failing or closed. What was asked for may have happened, but nobody may rely on it.
    #[error("the database does not answer at the moment: try again in a few seconds")]
    Unavailable {
        /// What the database said, when it said something.
        #[source]
        cause: Option<Cause>,
    },
    /// More audit events wait than we hold in memory.
    #[error("too many audit events wait to be written: try again in a second")]
    Busy,
    /// The database did not take a value, such as a text with a NUL.
    #[error("the database does not accept this value")]
    Rejected {
        /// What the database said.
        #[source]
        cause: Cause,
    },
    /// A row holds what this version cannot read.
    #[error("row {row} of `{table}` was written by another version of daypass: use that version to read it")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// Its key.
        row: String,
    },
}

/// What lies behind a [`StoreError`]: for our log, not for whoever asked. Cheap to clone, because every waiter of
/// a failed batch gets it.
#[derive(Clone)]
pub struct Cause(Arc<dyn Error + Send + Sync>);

impl Cause {
    pub(crate) fn new(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(error.into()))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// As [`fmt::Display`]: the drivers' own `Debug` goes into details such as the rejected row.
impl fmt::Debug for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cause({})", self.0)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

impl StoreError {
    /// What the error of an open store means to whoever asked: not where the database is, which is for our log.
    pub(crate) fn at_work(self) -> Self {
        match self {
            Self::Newer { .. }
            | Self::Foreign { .. }
            | Self::Corrupt { .. }
            | Self::Unwritable { .. }
            | Self::Unreachable { .. }
            | Self::Denied { .. } => Self::Unavailable { cause: Some(Cause::new(self)) },
            error => error,
        }
    }

    /// Unavailable without the database having said why: a time-out, or closed.
    pub(crate) const fn silence() -> Self {
        Self::Unavailable { cause: None }
    }
}
