//! What the server is asked about a person's session.
//!
//! What is *not* here: the sign-in itself, in which a person has a part (`sign_in.rs`).

use std::time::Duration;

use daypass_core::{clock::Clock, public_url::PublicUrl, secret::Secret};
use daypass_oidc::{
    exchange::{self, ServerEndpoints},
    session_client::{self, SessionEndpoints, SessionError, SessionReport, Tokens},
};

use super::{client, failure, run};
use crate::failure::{Failure, Status};

/// How long the server may take for each answer: short enough for two questions and two refreshes within the minute
/// that others wait.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long `status` waits: it knows an answer of its own.
const PATIENCE_OF_STATUS: Duration = Duration::from_secs(3);

/// How a refresh went.
#[derive(Debug)]
pub(crate) enum Refreshed {
    /// The session goes on.
    Tokens(Box<Tokens>),
    /// It does not; one sentence says why.
    Ended(String),
}

/// Refreshes a session. After an error the refresh token is still good.
pub(crate) fn refresh(server: &PublicUrl, refresh_token: &Secret, clock: &dyn Clock) -> Result<Refreshed, Failure> {
    let refreshed = run(async {
        let http = client(PATIENCE);
        let endpoints = session_client::discover(&http, server).await?;
        session_client::refresh(&http, clock, &endpoints, refresh_token).await
    })?;
    match refreshed {
        Ok(tokens) => Ok(Refreshed::Tokens(Box::new(tokens))),
        Err(SessionError::Ended { reason, description }) => Ok(Refreshed::Ended(why_ended(&reason, &description))),
        Err(error) => Err(told(server, &error)),
    }
}

/// A session that the server did not end.
#[derive(Debug)]
pub(crate) struct NotEnded {
    /// Why.
    pub(crate) failure: Failure,
    /// Whether it took back the access token at least.
    pub(crate) access_token_revoked: bool,
}

impl From<Failure> for NotEnded {
    fn from(failure: Failure) -> Self {
        Self { failure, access_token_revoked: false }
    }
}

/// Has the server end a session, with all its access tokens. Where that fails, or there is no refresh token to do it
/// with, the access token is taken back at least: it would be good for up to an hour.
pub(crate) fn end(
    server: &PublicUrl,
    refresh_token: Result<Secret, Failure>,
    access_token: Option<&Secret>,
    clock: &dyn Clock,
) -> Result<(), NotEnded> {
    run(async {
        let http = client(PATIENCE);
        let found = session_client::discover(&http, server).await;
        let endpoints = found.map_err(|error| told(server, &error))?;
        let ended = match refresh_token {
            Ok(token) => {
                let ended = session_client::end(&http, clock, &endpoints, &token).await;
                ended.map_err(|error| told(server, &error))
            }
            Err(failure) => Err(failure),
        };
        let Err(failure) = ended else { return Ok(()) };
        let SessionEndpoints { server, token, revocation, .. } = endpoints;
        let endpoints = ServerEndpoints { server, token, revocation };
        let access_token_revoked = match access_token {
            Some(token) => exchange::revoke(&http, clock, &endpoints, token).await.is_ok(),
            None => false,
        };
        Err(NotEnded { failure, access_token_revoked })
    })?
}

/// Asks who the holder of `access_token` is. `Ok(None)`: nobody any more.
pub(crate) fn report(
    server: &PublicUrl,
    access_token: &Secret,
    clock: &dyn Clock,
) -> Result<Option<SessionReport>, Failure> {
    let http = client(PATIENCE_OF_STATUS);
    match run(session_client::report(&http, clock.now(), server, access_token))? {
        Ok(report) => Ok(Some(report)),
        Err(SessionError::Ended { .. }) => Ok(None),
        Err(error) => Err(told(server, &error)),
    }
}

/// An error as a failure of the command.
pub(crate) fn told(server: &PublicUrl, error: &SessionError) -> Failure {
    match error {
        SessionError::Server(error) => failure(server, error),
        SessionError::Ended { .. } | SessionError::NotOffered(_) => {
            Failure { hint: error.hint(), ..Failure::new(Status::Refused, format!("{server}: {error}")) }
        }
        SessionError::NoRandomness => Failure::local(error.to_string()),
    }
}

fn why_ended(reason: &str, description: &str) -> String {
    match reason {
        "session_expired" => "the session has reached its end".to_owned(),
        "session_ended" => "the session was ended".to_owned(),
        "replayed" => "the session was ended, because its refresh token was used in two places".to_owned(),
        "person_disabled" => "the account was disabled".to_owned(),
        "no_access" => "the account may not use anything there any more".to_owned(),
        _ => format!("the session has ended: {description}"),
    }
}
