//! What can be wrong with a policy file.

use crate::{
    claim_rule::InvalidClaimRule,
    names::{IdentityName, IssuerName},
};

/// What is wrong with a policy file, in one sentence.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum InvalidPolicy {
    /// Not TOML, an unknown key, a value of the wrong kind.
    #[error("{0}")]
    Syntax(String),
    /// Two things of the same kind have one name.
    #[error("{kind} `{name}` is defined twice")]
    Twice {
        /// `issuer` or `identity`.
        kind: &'static str,
        /// The name.
        name: String,
    },
    /// Two issuers have one URL: a token could not say whose rules it falls under.
    #[error("issuers `{first}` and `{second}` have the same URL")]
    SameUrl {
        /// One.
        first: IssuerName,
        /// The other.
        second: IssuerName,
    },
    /// An issuer's URL cannot be an `iss`.
    #[error("issuer `{issuer}`: `{url}` is not a URL such as `{form}`, without query, fragment or user name")]
    IssuerUrl {
        /// The issuer.
        issuer: IssuerName,
        /// What was written.
        url: String,
        /// What could be.
        form: &'static str,
    },
    /// An issuer does not say where its keys come from, or says it twice.
    #[error(
        "issuer `{0}`: `keys` must be one of `{{ discovery = true }}`, `{{ jwks_uri = \"https://…\" }}`, \
         `{{ jwks = \"FILE\" }}` and `{{ inline = {{ keys = [ … ] }} }}`"
    )]
    Keys(IssuerName),
    /// An identity names an issuer that is not there.
    #[error("identity `{identity}` names the issuer `{issuer}`, which is not defined")]
    NoSuchIssuer {
        /// The identity.
        identity: IdentityName,
        /// What it names.
        issuer: IssuerName,
    },
    /// An identity without claims would let in everybody its issuer vouches for.
    #[error("identity `{0}` has no `claims`: it would match every token of its issuer")]
    NoClaims(IdentityName),
    /// The only claims are ones that all tokens of the issuer share.
    #[error("identity `{0}` pins only `iss` or `aud`, which all tokens of its issuer share")]
    NothingPinned(IdentityName),
    /// A claim rule that is none.
    #[error("identity `{identity}`: claim `{claim}` {reason}")]
    ClaimRule {
        /// The identity.
        identity: IdentityName,
        /// The claim.
        claim: String,
        /// What is wrong with it.
        reason: InvalidClaimRule,
    },
    /// A claim that every identity of an issuer must pin is not pinned.
    #[error("identity `{identity}` must pin {claims} exactly: {why}")]
    NotPinned {
        /// The identity.
        identity: IdentityName,
        /// The claims, one of which is needed.
        claims: String,
        /// Why.
        why: String,
    },
    /// An identity that grants nothing.
    #[error("identity `{0}` has no `grants`")]
    NoGrants(IdentityName),
    /// A grant without projects or without actions.
    #[error("identity `{0}`: a grant needs at least one project and one action")]
    EmptyGrant(IdentityName),
    /// Too long a life.
    #[error("identity `{0}`: `ttl` is longer than 24 hours")]
    TtlTooLong(IdentityName),
    /// A provider, a client or a role that makes no sense.
    #[error("{kind} `{name}`: {reason}")]
    Makes {
        /// `provider`, `client` or `role`.
        kind: &'static str,
        /// Its name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}
