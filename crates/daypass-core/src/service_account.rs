//! Service accounts: machines with nothing that could vouch for them, which prove who they are with a key of their own
//! (RFC 7523).
//!
//! To everything else a service account is an identity like any other: one of an issuer that vouches for nobody else. So
//! index, audit, revocation and lint know nothing of it.
//!
//! What is *not* here: keys, signatures.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::{
    clock::Ttl,
    issuer::{KeySource, Limits, TrustedIssuer},
    names::{IdentityName, InvalidName, IssuerName, ServiceAccountName},
};

/// How the `iss` and the `sub` of its assertions begin: no URL does so, so no outside issuer can be taken for it.
const SUBJECT: &str = "service-account:";

/// How the name of its identity begins.
const IDENTITY: &str = "service-account/";

/// The longest life of an assertion: it is signed when it is needed (RFC 7523 §3).
pub const LONGEST_ASSERTION_LIFE: Ttl = Ttl::from_secs(300);

/// The `iss` and the `sub` of the assertions of a service account, and its `client_id`.
pub fn subject(name: &ServiceAccountName) -> String {
    format!("{SUBJECT}{name}")
}

/// The service account whose assertions have this `iss`.
pub fn named_by(iss: &str) -> Option<ServiceAccountName> {
    iss.strip_prefix(SUBJECT)?.parse().ok()
}

/// The identity that a service account is.
///
/// # Errors
/// None for a name that is one: it is short enough.
pub fn identity(name: &ServiceAccountName) -> Result<IdentityName, InvalidName> {
    format!("{IDENTITY}{name}").parse()
}

/// The service account that an identity is.
pub fn of_identity(name: &IdentityName) -> Option<ServiceAccountName> {
    name.as_str().strip_prefix(IDENTITY)?.parse().ok()
}

/// The issuer that vouches for a service account alone, with its `keys`.
///
/// # Errors
/// None for a name that is one: it is short enough.
pub fn issuer(name: &ServiceAccountName, keys: KeySource) -> Result<TrustedIssuer, InvalidName> {
    let limits = Limits { longest_life: LONGEST_ASSERTION_LIFE, ..Limits::default() };
    let called: IssuerName = format!("service-account.{name}").parse()?;
    Ok(TrustedIssuer { keys, limits, ..TrustedIssuer::generic(called, &subject(name)) })
}

/// What its assertions must say.
pub fn claims(name: &ServiceAccountName) -> BTreeMap<String, Value> {
    BTreeMap::from([("sub".to_owned(), Value::from(subject(name)))])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_a_service_account_lead_back_to_it() {
        for text in ["build-box", "A.b_c", &"x".repeat(40)] {
            let name: ServiceAccountName = text.parse().unwrap();
            assert_eq!(named_by(&subject(&name)), Some(name.clone()));
            assert_eq!(of_identity(&identity(&name).unwrap()), Some(name.clone()));
            assert_eq!(*issuer(&name, KeySource::Discovery).unwrap().url, *subject(&name));
        }
        for text in ["", "-x", "a/b", "a:b", &"x".repeat(41)] {
            assert!(text.parse::<ServiceAccountName>().is_err(), "{text}");
        }
        for iss in ["https://ci.example.com", "service-account:", "service-account:a b", "SERVICE-ACCOUNT:a", "a"] {
            assert_eq!(named_by(iss), None, "{iss}");
        }
    }
}
