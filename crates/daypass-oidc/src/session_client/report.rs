//! What a server says about the holder of an access token: who, until when, which indexes.

use daypass_core::{Timestamp, public_url::PublicUrl, secret::Secret};
use http::{Method, StatusCode};
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use super::{SessionError, answer::server_time};
use crate::{
    exchange::{ExchangeError, MAX_ANSWER_BYTES, answer::success},
    http::{HttpClient, read_bounded},
    shown::shown,
};

const PATH: &str = "/api/v1/session";

/// What the server says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SessionReport {
    /// Who signed in; absent for an identity.
    pub person: Option<SessionPerson>,
    /// As which identity; absent for a person.
    #[serde(default, deserialize_with = "printable_if_any")]
    pub identity: Option<String>,
    /// When the session ends, by the server's clock.
    pub session_expires_at: Option<Timestamp>,
    /// When the access token ends, by the server's clock.
    pub expires_at: Option<Timestamp>,
    /// What its holder may do, index by index.
    #[serde(default)]
    pub indexes: Vec<IndexRights>,
    /// What the server's clock showed.
    #[serde(skip)]
    pub server_time: Option<Timestamp>,
}

/// A person, for people to read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct SessionPerson {
    /// What they are called.
    #[serde(deserialize_with = "printable")]
    pub name: String,
    /// Where they signed in.
    #[serde(default, deserialize_with = "printable_if_any")]
    pub provider: Option<String>,
    /// Their address.
    #[serde(default, deserialize_with = "printable_if_any")]
    pub email: Option<String>,
}

/// What may be done on one index. Words that this version does not know are shown all the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexRights {
    /// The index.
    #[serde(deserialize_with = "printable")]
    pub index: String,
    /// Its simple index.
    #[serde(deserialize_with = "printable")]
    pub url: String,
    /// On which projects, as patterns.
    #[serde(default, deserialize_with = "all_printable")]
    pub projects: Vec<String>,
    /// What.
    #[serde(default, deserialize_with = "all_printable")]
    pub actions: Vec<String>,
}

/// Asks `server` about the holder of `access_token`. [`SessionError::Ended`]: the access token is no good any more.
pub async fn report(
    http: &HttpClient,
    now: Timestamp,
    server: &PublicUrl,
    access_token: &Secret,
) -> Result<SessionReport, SessionError> {
    let not_daypass = || ExchangeError::NotDaypass { server: server.clone() };
    let url = Url::parse(&server.join(PATH)).map_err(|_| not_daypass())?;
    let request = http.request(Method::GET, &url).map_err(ExchangeError::Http)?.bearer_auth(access_token.expose());
    let response = http.send(request).await.map_err(ExchangeError::Http)?;
    let answer = read_bounded(response, MAX_ANSWER_BYTES).await.map_err(ExchangeError::Http)?;
    match answer.status {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED => {
            let description = "the server does not take the credential any more".to_owned();
            return Err(SessionError::Ended { reason: String::new(), description });
        }
        _ => success(&answer, now)?,
    }
    let report: SessionReport = serde_json::from_slice(&answer.body)
        .map_err(|_| ExchangeError::Malformed("it is not a report about a session"))?;
    Ok(SessionReport { server_time: server_time(&answer.headers), ..report })
}

fn printable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(shown(&String::deserialize(deserializer)?))
}

fn printable_if_any<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(|text| shown(&text)))
}

fn all_printable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    Ok(Vec::<String>::deserialize(deserializer)?.iter().map(|text| shown(text)).collect())
}
