//! What the server is asked about pull tokens.

use daypass_core::{
    Timestamp,
    grant::Grant,
    names::PullTokenName,
    public_url::PublicUrl,
    pull_token::{PullTokenId, Scope, State},
    secret::Secret,
};
use daypass_oidc::{
    exchange::ExchangeError,
    http::{Answer, HttpError, read_bounded},
};
use http::{Method, StatusCode, header};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use url::Url;

use super::{PATIENCE, client, failure, refused, run};
use crate::failure::{Failure, Status};

/// How large a list may be: all that there can be, of everybody.
const MAX_LIST_BYTES: usize = 64 * 1024 * 1024;

/// What is wanted.
#[derive(Debug, Serialize)]
pub(crate) struct Wish {
    pub(crate) name: PullTokenName,
    /// In seconds.
    pub(crate) expires_in: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grants: Option<Vec<Scope>>,
}

/// A pull token that was just made. It exposes the secret on purpose: this is the one time.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) id: PullTokenId,
    pub(crate) name: PullTokenName,
    #[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]
    pub(crate) pull_token: Secret,
    pub(crate) grants: Vec<Grant>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
}

/// A pull token of the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Listed {
    pub(crate) id: PullTokenId,
    pub(crate) name: PullTokenName,
    pub(crate) person: String,
    pub(crate) state: State,
    pub(crate) grants: Vec<Grant>,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) last_used_at: Option<Timestamp>,
}

/// The list.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct List {
    pub(crate) pull_tokens: Vec<Listed>,
}

/// Makes a pull token.
pub(crate) fn create(server: &PublicUrl, access_token: &Secret, wish: &Wish) -> Result<Made, Failure> {
    let body = serde_json::to_string(wish).map_err(|error| Failure::local(format!("cannot write JSON: {error}")))?;
    let answer = ask(server, access_token, Method::POST, "", Some(body))?;
    read(server, &answer, StatusCode::CREATED)
}

/// Lists the pull tokens that the holder of `access_token` may see.
pub(crate) fn list(server: &PublicUrl, access_token: &Secret) -> Result<Vec<Listed>, Failure> {
    let answer = ask(server, access_token, Method::GET, "", None)?;
    read(server, &answer, StatusCode::OK).map(|list: List| list.pull_tokens)
}

/// Revokes a pull token.
pub(crate) fn revoke(server: &PublicUrl, access_token: &Secret, id: PullTokenId) -> Result<(), Failure> {
    let answer = ask(server, access_token, Method::DELETE, &format!("/{id}"), None)?;
    if answer.status == StatusCode::NO_CONTENT { Ok(()) } else { Err(said_no(server, &answer)) }
}

fn ask(
    server: &PublicUrl,
    access_token: &Secret,
    method: Method,
    tail: &str,
    body: Option<String>,
) -> Result<Answer, Failure> {
    let url = server.join(&format!("/api/v1/pull-tokens{tail}"));
    let url = Url::parse(&url).map_err(|error| Failure::usage(error.to_string()))?;
    let answer: Result<Answer, HttpError> = run(async {
        let http = client(PATIENCE);
        let mut request = http.request(method, &url)?.bearer_auth(access_token.expose());
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        read_bounded(http.send(request).await?, MAX_LIST_BYTES).await
    })?;
    answer.map_err(|error| failure(server, &ExchangeError::Http(error)))
}

fn read<T: DeserializeOwned>(server: &PublicUrl, answer: &Answer, expected: StatusCode) -> Result<T, Failure> {
    if answer.status != expected {
        return Err(said_no(server, answer));
    }
    // What it says is not quoted: it may hold the secret.
    serde_json::from_slice(&answer.body).map_err(|_| {
        Failure::new(Status::Unreachable, format!("{server}: the answer about pull tokens is not understood"))
    })
}

fn said_no(server: &PublicUrl, answer: &Answer) -> Failure {
    let failure = refused(server, answer.status, &answer.body);
    match answer.status {
        // The sentence has said it: no other identity would help.
        StatusCode::FORBIDDEN => Failure { hint: None, ..failure },
        StatusCode::CONFLICT => failure.hint("`daypass pull-token list` shows what there is"),
        _ => failure,
    }
}
