//! Authorization codes (RFC 6749 §4.1.2), until they are redeemed (`redeem`).

use daypass_core::{
    Timestamp,
    digest::Sha256,
    names::ClientId,
    person::{PersonId, SessionId},
};

use crate::{
    change::{Change, Done, Work},
    error::StoreError,
    person::{PersonRecord, person_columns},
    rows::{self, Boxed, Columns},
    store::Store,
};

/// An authorization code that is handed to a client's redirect URI.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCode {
    /// Its digest.
    pub code: Sha256,
    /// The client that asked.
    pub client_id: ClientId,
    /// Where it is sent; redeeming it must name the same (RFC 6749 §4.1.3).
    pub redirect_uri: String,
    /// The S256 challenge that the verifier must answer (RFC 7636 §4.6).
    pub code_challenge: String,
    /// Who signed in. They must have been recorded ([`Store::record_person`]).
    pub person: PersonId,
    /// The groups that they are in.
    pub groups: Vec<String>,
    /// Until when it may be redeemed.
    pub expires_at: Timestamp,
}

/// An authorization code that is remembered, expired or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredCode {
    /// The client that asked.
    pub client_id: ClientId,
    /// Where it was sent.
    pub redirect_uri: String,
    /// The S256 challenge.
    pub code_challenge: String,
    /// Who signed in, and whether they are shut out by now.
    pub person: PersonRecord,
    /// The groups that they were in.
    pub groups: Vec<String>,
    /// Until when it may be redeemed, kept to the microsecond.
    pub expires_at: Timestamp,
    /// The session that came of it, once it was redeemed.
    pub redeemed_by: Option<SessionId>,
}

impl Store {
    /// Remembers an authorization code; durable when this returns.
    pub async fn add_code(&self, code: NewCode) -> Result<(), StoreError> {
        self.change(Add(code)).await
    }

    /// The authorization code of that digest. Reading it decides nothing: [`redeem_code`](Store::redeem_code) does.
    pub async fn code(&self, code: &Sha256) -> Result<Option<StoredCode>, StoreError> {
        let query = sqlx::query(concat!(
            "SELECT c.digest, c.client_id, c.redirect_uri, c.code_challenge, c.group_names, c.expires_at_us, \
             c.redeemed_by, ",
            person_columns!(),
            " FROM authorization_code c JOIN person p ON p.id = c.person WHERE c.digest = $1"
        ));
        self.find("authorization_code", query.bind(code.to_string()), read_row).await
    }
}

fn read_row(columns: &mut Columns<'_>) -> Result<StoredCode, Boxed> {
    let _: &str = columns.take()?;
    let (client_id, redirect_uri, code_challenge) = (columns.parsed()?, columns.take()?, columns.take()?);
    let (groups, expires_at, redeemed_by) = (columns.names()?, columns.time()?, columns.parsed_or_none()?);
    let person = PersonRecord::read(columns)?;
    Ok(StoredCode { client_id, redirect_uri, code_challenge, person, groups, expires_at, redeemed_by })
}

struct Add(NewCode);

impl Change for Add {
    type Outcome = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<Done<()>, sqlx::Error> {
        let Self(code) = self;
        sqlx::query(
            "INSERT INTO authorization_code (digest, client_id, redirect_uri, code_challenge, person, group_names, \
             expires_at_us) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(code.code.to_string())
        .bind(code.client_id.as_str())
        .bind(&*code.redirect_uri)
        .bind(&*code.code_challenge)
        .bind(code.person.to_string())
        .bind(rows::names_as_text(&code.groups))
        .bind(code.expires_at.as_microsecond())
        .execute(&mut *work.connection)
        .await?;
        Ok(((), None))
    }
}
