//! Why a signed request is refused.

use crate::http::HttpError;

/// Why a signed request is refused. [`CallerRefused::code`] is stable; the text is for the audit log, and holds nothing
/// of the signature.
///
/// All of it comes before AWS has said who called, so a stranger is told none of it.
#[derive(Debug, thiserror::Error)]
pub enum CallerRefused {
    /// Longer than [`super::MAX_CALLER_BYTES`].
    #[error("the signed request is longer than 8 KiB")]
    TooLarge,
    /// Not the JSON object that it must be, or a part of it is not of its kind.
    #[error("the signed request is malformed: {0}")]
    Malformed(&'static str),
    /// The region is not one that the issuer lists.
    #[error("the region `{0}` is not among the issuer's regions")]
    RegionNotListed(String),
    /// It was signed for another server.
    #[error("the request was signed for another audience")]
    WrongAudience,
    /// It was signed for another identity than the one that is asked for.
    #[error("the request was signed for another identity than the one that is asked for")]
    WrongIdentity,
    /// Signed longer ago than [`super::LONGEST_AGE`].
    #[error("the request was signed more than 15 minutes ago")]
    Expired,
    /// Signed later than now, by more than [`super::FARTHEST_AHEAD`].
    #[error("the request was signed in the future; a clock is wrong")]
    SignedInFuture,
    /// AWS does not accept the signature.
    #[error("AWS refused the signed request ({status}, {code})")]
    RefusedByAws {
        /// The status of its answer.
        status: u16,
        /// The code in its answer, such as `SignatureDoesNotMatch`; `no code` if there is none.
        code: String,
    },
    /// AWS answered something else than who called.
    #[error("the answer of AWS is not one to `GetCallerIdentity`: {0}")]
    NotAnAnswer(&'static str),
    /// AWS could not be asked.
    #[error("AWS cannot be asked: {0}")]
    Unreachable(#[from] HttpError),
    /// AWS has no answer now, or is being asked too often.
    #[error("AWS does not answer now ({0})")]
    TryLater(u16),
    /// Too many such requests are on their way already.
    #[error("too many signed requests wait for the answer of AWS")]
    Busy,
}

impl CallerRefused {
    /// A stable word for logs, audit events and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "token_too_large",
            Self::Malformed(_) => "token_malformed",
            Self::RegionNotListed(_) => "region_not_listed",
            Self::WrongAudience => "wrong_audience",
            Self::WrongIdentity => "wrong_identity",
            Self::Expired => "expired",
            Self::SignedInFuture => "issued_in_future",
            Self::RefusedByAws { .. } => "bad_signature",
            Self::NotAnAnswer(_) => "aws_answer_malformed",
            Self::Unreachable(_) | Self::TryLater(_) | Self::Busy => "aws_unavailable",
        }
    }

    /// Whether the same request may be accepted a little later: nothing was found wrong with it.
    pub const fn is_try_later(&self) -> bool {
        matches!(self, Self::Unreachable(_) | Self::TryLater(_) | Self::Busy)
    }
}
