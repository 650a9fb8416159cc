//! Why a sign-in or a refresh did not come about.

use crate::exchange::ExchangeError;

/// Why there is no session. The text is one sentence for people; [`SessionError::hint`] says what next.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// What can go wrong with any request to a server.
    #[error(transparent)]
    Server(#[from] ExchangeError),
    /// The session has ended, or the code was no good (RFC 6749 §5.2, `invalid_grant`).
    #[error("{description}")]
    Ended {
        /// Our servers' word for why, such as `session_expired`; empty where it gave none.
        reason: String,
        /// The server's words, shortened and printable.
        description: String,
    },
    /// The server does not sign people in this way.
    #[error("the server has no {0}")]
    NotOffered(&'static str),
    /// No randomness could be had.
    #[error("the system gives no random numbers")]
    NoRandomness,
}

impl SessionError {
    /// What to do next, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Server(error) => error.hint(),
            Self::NotOffered(_) => Some("sign in with an identity token: `--identity-token PATH`".to_owned()),
            Self::Ended { .. } | Self::NoRandomness => None,
        }
    }
}
