//! People who have signed in once, or were invited.
//!
//! What is *not* here: groups and roles. They are asked for at each sign-in and kept with its session only.

use daypass_core::{
    Timestamp,
    names::ProviderName,
    person::{PersonId, ProvenPerson},
};
use sqlx::{AnyConnection, Row};

use crate::{
    change::{Change, Done, Work},
    error::StoreError,
    rows::{Boxed, Columns},
    store::Store,
};

/// As many people are listed at most.
pub const MOST_PEOPLE: i64 = 10_000;

/// A person, as a provider described them at their last sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenPerson {
    /// Follows from issuer and subject.
    pub id: PersonId,
    /// The provider.
    pub provider: ProviderName,
    /// Its issuer URL.
    pub issuer: String,
    /// Who they are there, for ever.
    pub subject: String,
    /// What to call them.
    pub name: String,
    /// Their e-mail address; nobody is known by it.
    pub email: Option<String>,
}

impl From<&ProvenPerson> for SeenPerson {
    fn from(proven: &ProvenPerson) -> Self {
        Self {
            id: proven.id(),
            provider: proven.provider.clone(),
            issuer: proven.issuer.clone(),
            subject: proven.subject.clone(),
            name: proven.name.clone(),
            email: proven.email.clone(),
        }
    }
}

/// A person as they are remembered. Times are kept to the microsecond.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRecord {
    /// Who.
    pub person: SeenPerson,
    /// When they were first seen.
    pub created_at: Timestamp,
    /// When they were last seen: a sign-in, not each refresh.
    pub seen_at: Timestamp,
    /// Whether they are shut out.
    pub disabled: bool,
}

/// Whether a person may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PersonStanding {
    /// Whether they are shut out.
    pub disabled: bool,
}

/// The columns that [`PersonRecord::read`] reads, of the table `person` as `p`.
macro_rules! person_columns {
    () => {
        "p.id, p.provider, p.issuer, p.subject, p.name, p.email, p.created_at_us, p.seen_at_us, p.disabled_at_us"
    };
}
pub(crate) use person_columns;

impl PersonRecord {
    pub(crate) fn read(columns: &mut Columns<'_>) -> Result<Self, Boxed> {
        let person = SeenPerson {
            id: columns.parsed()?,
            provider: columns.parsed()?,
            issuer: columns.take()?,
            subject: columns.take()?,
            name: columns.take()?,
            email: columns.take()?,
        };
        Ok(Self { person, created_at: columns.time()?, seen_at: columns.time()?, disabled: columns.is_set()? })
    }
}

impl Store {
    /// Remembers a person as they are described now, and says whether they may come in; durable when this returns.
    /// When they were first seen and whether they are shut out stays as it is.
    pub async fn record_person(&self, person: SeenPerson, at: Timestamp) -> Result<PersonStanding, StoreError> {
        self.change(Record { person, at }).await
    }

    /// The person of that id.
    pub async fn person(&self, id: PersonId) -> Result<Option<PersonRecord>, StoreError> {
        let query = sqlx::query(concat!("SELECT ", person_columns!(), " FROM person p WHERE p.id = $1"));
        self.find("person", query.bind(id.to_string()), PersonRecord::read).await
    }

    /// Everybody whom `provider` knows or knew as `subject`, whoever was seen last first. A provider that got another
    /// issuer URL has other people, and may have got it for a while only.
    pub async fn people_by(&self, provider: &ProviderName, subject: &str) -> Result<Vec<PersonRecord>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            person_columns!(),
            " FROM person p WHERE p.provider = $1 AND p.subject = $2 ORDER BY p.seen_at_us DESC, p.id"
        ));
        self.find_all("person", query.bind(provider.as_str()).bind(subject), PersonRecord::read).await
    }

    /// All people by provider and name, [`MOST_PEOPLE`] at most.
    pub async fn people(&self) -> Result<Vec<PersonRecord>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT ",
            person_columns!(),
            " FROM person p ORDER BY p.provider, p.name, p.id LIMIT $1"
        ));
        self.find_all("person", query.bind(MOST_PEOPLE), PersonRecord::read).await
    }
}

/// A person on the way to the database.
struct Record {
    person: SeenPerson,
    at: Timestamp,
}

impl Change for Record {
    type Outcome = PersonStanding;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<PersonStanding>, sqlx::Error> {
        Ok((record(work.connection, &self.person, self.at).await?, None))
    }
}

/// Writes a person, or what changed about them.
pub(crate) async fn record(
    connection: &mut AnyConnection,
    person: &SeenPerson,
    at: Timestamp,
) -> Result<PersonStanding, sqlx::Error> {
    let row = sqlx::query(
        "INSERT INTO person (id, provider, issuer, subject, name, email, created_at_us, seen_at_us) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
         ON CONFLICT (id) DO UPDATE SET provider = excluded.provider, name = excluded.name, \
         email = excluded.email, seen_at_us = excluded.seen_at_us \
         RETURNING disabled_at_us",
    )
    .bind(person.id.to_string())
    .bind(person.provider.as_str())
    .bind(&*person.issuer)
    .bind(&*person.subject)
    .bind(&*person.name)
    .bind(person.email.as_deref())
    .bind(at.as_microsecond())
    .bind(at.as_microsecond())
    .fetch_one(connection)
    .await?;
    Ok(PersonStanding { disabled: row.try_get::<Option<i64>, _>(0)?.is_some() })
}

/// Whether there is such a person, and they may come in.
pub(crate) async fn may_come_in(connection: &mut AnyConnection, id: PersonId) -> Result<bool, sqlx::Error> {
    let row = sqlx::query("SELECT id FROM person WHERE id = $1 AND disabled_at_us IS NULL").bind(id.to_string());
    Ok(row.fetch_optional(connection).await?.is_some())
}
