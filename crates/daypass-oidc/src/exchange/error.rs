//! Why there is no access token, and what to do about it.

use daypass_core::{SignedDuration, public_url::PublicUrl};

use crate::http::{Answer, HttpError};

/// Why a server did not do what was asked. The text is one sentence for people; [`ExchangeError::hint`] says what next.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// No answer, and nothing done.
    #[error(transparent)]
    Http(HttpError),
    /// The outside token was sent and no answer came: it may be spent or not.
    #[error("the server may have taken the outside token: {0}")]
    Uncertain(#[source] HttpError),
    /// The server answers, but is not one of ours.
    #[error("`{server}` is not a daypass server")]
    NotDaypass {
        /// The server.
        server: PublicUrl,
    },
    /// The server's own documents name another server.
    #[error("`{server}` does not describe itself but another server")]
    OtherServer {
        /// The server.
        server: PublicUrl,
    },
    /// The server cannot revoke.
    #[error("`{server}` has no revocation endpoint")]
    NoRevocation {
        /// The server.
        server: PublicUrl,
    },
    /// The outside token was exchanged before.
    #[error("the server takes this outside token no more: it was exchanged before")]
    Replayed,
    /// The server refused (RFC 6749 §5.2).
    #[error("the server refused: {description}")]
    Refused {
        /// The error code, such as `invalid_request`.
        error: String,
        /// The server's words, shortened and printable.
        description: String,
        /// How far the server's clock is ahead of this machine's, when they differ by more than five minutes.
        clock_ahead: Option<SignedDuration>,
    },
    /// The server cannot answer now.
    #[error("the server {} (status {status})", if *status == 429 { "is asked too often" } else { "cannot answer now" })]
    Unavailable {
        /// The HTTP status.
        status: u16,
        /// After how many seconds to try again, if the server said.
        retry_after: Option<u32>,
    },
    /// The answer is not what the standard says.
    #[error("the server's answer makes no sense: {0}")]
    Malformed(&'static str),
}

impl ExchangeError {
    pub(crate) fn unavailable(answer: &Answer) -> Self {
        let retry_after = answer.headers.get(http::header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).and_then(|value| value.parse().ok());
        Self::Unavailable { status: answer.status.as_u16(), retry_after }
    }

    /// What to do next, where there is something to say.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Refused { clock_ahead: Some(ahead), .. } => {
                let direction = if ahead.is_negative() { "ahead of" } else { "behind" };
                let minutes = ahead.as_mins().abs();
                Some(format!("this machine's clock is {minutes} minutes {direction} the server's; set it right"))
            }
            Self::Replayed => Some("request a fresh outside token from the CI for every exchange".to_owned()),
            Self::Uncertain(_) => Some("request a fresh outside token from the CI before trying again".to_owned()),
            Self::Http(HttpError::Unreachable { .. }) => {
                Some("check the network, the proxy settings and the server's URL".to_owned())
            }
            Self::NotDaypass { .. } | Self::OtherServer { .. } => {
                Some("check the URL; behind a reverse proxy, the server's `public_url` must be the URL used".to_owned())
            }
            Self::Unavailable { retry_after: Some(1), .. } => Some("try again in a second".to_owned()),
            Self::Unavailable { retry_after: Some(seconds), .. } => Some(format!("try again in {seconds} seconds")),
            Self::Unavailable { retry_after: None, .. } => Some("try again in a few seconds".to_owned()),
            Self::Refused { .. } | Self::NoRevocation { .. } | Self::Malformed(_) | Self::Http(_) => None,
        }
    }
}
