//! Why somebody could not be signed in.

use std::sync::Arc;

use crate::{http::HttpError, issuer_keys::KeysUnavailable, verify::Refused};

/// Why somebody could not be signed in at a provider.
///
/// The text is for the person who tries: it has no secrets and nothing of how the server is built. What it leaves out
/// is in the `source`, for the log.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProviderError {
    /// No answer.
    #[error("the sign-in provider does not answer now; try again in a minute")]
    Unreachable(#[source] Arc<HttpError>),
    /// All requests together took too long.
    #[error("the sign-in provider takes too long; try again in a minute")]
    TooSlow,
    /// It says itself that it cannot answer now.
    #[error("the sign-in provider cannot answer now; try again in a minute")]
    Unavailable {
        /// The HTTP status.
        status: u16,
    },
    /// Its keys cannot be fetched.
    #[error("the sign-in provider's keys cannot be had now; try again in a minute")]
    Keys(#[source] KeysUnavailable),
    /// An answer is not what the standard says.
    #[error("the sign-in provider's answer makes no sense: {0}")]
    Nonsense(&'static str),
    /// The discovery document is another's (OpenID Connect Discovery 1.0 §4.3).
    #[error("the sign-in provider describes itself as another one; tell whoever runs this server")]
    OtherDiscovery,
    /// An endpoint is not `https`.
    #[error("the sign-in provider's {0} is not `https`; tell whoever runs this server")]
    Insecure(&'static str),
    /// It takes none of the ways in which we can send our secret.
    #[error("the sign-in provider wants this server to identify itself in a way it cannot; tell whoever runs it")]
    Authentication,
    /// It does not know us, or not our secret or our address.
    #[error("the sign-in provider does not accept this server; tell whoever runs it")]
    ClientRefused,
    /// It does not let us read what was asked for.
    #[error(
        "the sign-in provider does not let this server read {0}; grant it when you are asked, or tell whoever runs it"
    )]
    Forbidden(&'static str),
    /// The ID token is not good.
    #[error("the sign-in provider's word about you is not accepted: {0}")]
    IdToken(#[source] Refused),
    /// What it says about a person is about another one (OpenID Connect Core 1.0 §5.3.2).
    #[error("the sign-in provider answered about somebody else")]
    OtherPerson,
    /// The code is spent, expired, or not of this sign-in. Beginning anew helps.
    #[error("this sign-in was used already or took too long; begin again")]
    CodeRefused,
    /// What the browser brought is not a callback.
    #[error("the sign-in provider sent you back with something that makes no sense; begin again")]
    MalformedCallback,
    /// What was begun was begun at another provider.
    #[error("this sign-in was begun at another provider; begin again")]
    OtherProvider,
    /// The callback's `iss` is another's (RFC 9207 §2.4).
    #[error("another provider than the one you were sent to sent you back; begin again")]
    CallbackOfAnother,
    /// The callback has no `iss` although the provider says that it always sends one.
    #[error("the sign-in provider sent you back without saying who it is; begin again")]
    CallbackWithoutIssuer,
    /// There is no randomness.
    #[error("this server cannot make random numbers now")]
    Randomness,

    /// The provider, or the person there, said no.
    #[error("the sign-in was not completed at the provider")]
    Declined,
    /// A claim that the policy asks for is not there or another.
    #[error("your account does not have what this server asks for (`{claim}`)")]
    Claim {
        /// Which.
        claim: Box<str>,
    },
    /// Only certain e-mail domains are let in and there is no address.
    #[error("your account has no e-mail address, and this server lets in only people with certain ones")]
    NoEmail,
    /// Only certain e-mail domains are let in and the provider does not vouch for the address.
    #[error("your e-mail address is not verified at the sign-in provider")]
    EmailNotVerified,
    /// Only certain e-mail domains are let in and this is another.
    #[error("your e-mail address is not in a domain that this server lets in")]
    EmailDomain,
}

impl ProviderError {
    /// What the `error` of a callback means (RFC 6749 §4.1.2.1, OpenID Connect Core 1.0 §3.1.2.6).
    pub fn of_callback(error: &str) -> Self {
        match error {
            "access_denied"
            | "login_required"
            | "consent_required"
            | "interaction_required"
            | "account_selection_required" => Self::Declined,
            "server_error" | "temporarily_unavailable" => Self::Unavailable { status: 503 },
            _ => Self::ClientRefused,
        }
    }

    /// A stable word for logs, audit events and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreachable(_) => "provider_unreachable",
            Self::TooSlow => "provider_too_slow",
            Self::Unavailable { .. } => "provider_unavailable",
            Self::Keys(_) => "provider_keys_unavailable",
            Self::Nonsense(_) => "provider_nonsense",
            Self::OtherDiscovery => "discovery_of_another",
            Self::Insecure(_) => "insecure_endpoint",
            Self::Authentication => "client_authentication",
            Self::ClientRefused => "client_refused",
            Self::Forbidden(_) => "provider_forbids",
            Self::IdToken(_) => "id_token_refused",
            Self::OtherPerson => "userinfo_of_another",
            Self::CodeRefused => "code_refused",
            Self::MalformedCallback => "callback_malformed",
            Self::OtherProvider => "other_provider",
            Self::CallbackOfAnother => "callback_of_another",
            Self::CallbackWithoutIssuer => "callback_without_issuer",
            Self::Randomness => "no_randomness",
            Self::Declined => "declined",
            Self::Claim { .. } => "claim_differs",
            Self::NoEmail => "email_missing",
            Self::EmailNotVerified => "email_not_verified",
            Self::EmailDomain => "email_domain",
        }
    }

    /// Whether somebody said no: a rule of the policy, the provider, or the person. Otherwise something is out of
    /// order.
    pub const fn is_refusal(&self) -> bool {
        matches!(self, Self::Declined | Self::Claim { .. } | Self::NoEmail | Self::EmailNotVerified | Self::EmailDomain)
    }
}

impl From<HttpError> for ProviderError {
    fn from(error: HttpError) -> Self {
        Self::Unreachable(Arc::new(error))
    }
}

impl From<KeysUnavailable> for ProviderError {
    fn from(error: KeysUnavailable) -> Self {
        Self::Keys(error)
    }
}

impl From<Refused> for ProviderError {
    fn from(refused: Refused) -> Self {
        Self::IdToken(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callback_with_an_error_is_a_no_or_a_fault() {
        for (error, code, refusal) in [
            ("access_denied", "declined", true),
            ("login_required", "declined", true),
            ("temporarily_unavailable", "provider_unavailable", false),
            ("unauthorized_client", "client_refused", false),
            ("<script>", "client_refused", false),
        ] {
            let found = ProviderError::of_callback(error);
            assert_eq!((found.code(), found.is_refusal()), (code, refusal), "{error}");
            assert!(!found.to_string().contains(error));
        }
    }
}
