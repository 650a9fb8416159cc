//! Why a token is refused.

/// Why a token is refused. [`Refused::code`] is stable; the text is for people, and holds nothing of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Longer than [`super::MAX_TOKEN_BYTES`].
    #[error("the token is longer than 16 KiB")]
    TooLarge,
    /// Not three parts of canonical base64url with JSON in them.
    #[error("the token is malformed: {0}")]
    Malformed(&'static str),
    /// The header asks for something that is not done, such as fetching a key from where the token says.
    #[error("the token's header has `{0}`, which is not accepted")]
    Header(&'static str),
    /// `alg` is not one that is accepted, or not the one of the key.
    #[error("the token's `alg` is not accepted for its key")]
    Algorithm,
    /// `typ` says that this is another kind of token.
    #[error("this is another kind of token: its `typ` does not fit")]
    TokenType,
    /// No `kid`, and the issuer has more than one key.
    #[error("the token does not name its key")]
    KeyNotNamed,
    /// The issuer has no such key. Fetching its keys anew may help.
    #[error("the token's key is not one of its issuer")]
    UnknownKey,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing.
    #[error("the token has no claim `{0}`")]
    MissingClaim(&'static str),
    /// A claim is of the wrong kind.
    #[error("the token's claim `{0}` is malformed")]
    MalformedClaim(&'static str),
    /// The claims are not JSON that can be read in one way only.
    #[error("the token's claims are not plain JSON: a name occurs twice, or they are nested too deep")]
    MalformedClaims,
    /// `iss` is another.
    #[error("the token is from another issuer")]
    WrongIssuer,
    /// `aud` is another, or several.
    #[error("the token is meant for another audience")]
    WrongAudience,
    /// `azp` is another, or missing where there are several audiences.
    #[error("the token was issued to another client")]
    WrongAuthorizedParty,
    /// `nonce` is not the one that was sent: the token answers another request.
    #[error("the token answers another request (`nonce`)")]
    WrongNonce,
    /// `exp` is past.
    #[error("the token has expired")]
    Expired,
    /// `nbf` is to come.
    #[error("the token is not valid yet (`nbf`); if it is fresh, a clock is wrong")]
    NotYetValid,
    /// `iat` is to come.
    #[error("the token was issued in the future (`iat`); a clock is wrong")]
    IssuedInFuture,
    /// It lives longer than its issuer's limit, or ends before it begins.
    #[error("the token's life from `iat` to `exp` is longer than its issuer's tokens may live, or negative")]
    LivesTooLong,
    /// It was issued longer ago than its issuer's limit.
    #[error("the token was issued too long ago (`iat`)")]
    TooOld,
}

impl Refused {
    /// A stable word for logs, audit events and tests.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLarge => "token_too_large",
            Self::Malformed(_) => "token_malformed",
            Self::Header(_) => "header_not_accepted",
            Self::Algorithm => "algorithm_not_accepted",
            Self::TokenType => "wrong_token_type",
            Self::KeyNotNamed => "key_not_named",
            Self::UnknownKey => "unknown_key",
            Self::Signature => "bad_signature",
            Self::MissingClaim(_) => "claim_missing",
            Self::MalformedClaim(_) => "claim_malformed",
            Self::MalformedClaims => "claims_malformed",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::WrongAuthorizedParty => "wrong_authorized_party",
            Self::WrongNonce => "wrong_nonce",
            Self::Expired => "expired",
            Self::NotYetValid => "not_yet_valid",
            Self::IssuedInFuture => "issued_in_future",
            Self::LivesTooLong => "lives_too_long",
            Self::TooOld => "too_old",
        }
    }

    /// Whether the signature was found good before this was found wrong: only then is whoever sent the token somebody
    /// who may be told about it. A stranger learns nothing.
    pub const fn is_after_proof(&self) -> bool {
        match self {
            Self::TooLarge
            | Self::Malformed(_)
            | Self::Header(_)
            | Self::Algorithm
            | Self::TokenType
            | Self::KeyNotNamed
            | Self::UnknownKey
            | Self::Signature => false,
            Self::MissingClaim(_)
            | Self::MalformedClaim(_)
            | Self::MalformedClaims
            | Self::WrongIssuer
            | Self::WrongAudience
            | Self::WrongAuthorizedParty
            | Self::WrongNonce
            | Self::Expired
            | Self::NotYetValid
            | Self::IssuedInFuture
            | Self::LivesTooLong
            | Self::TooOld => true,
        }
    }
}
