//! What a verified outside token says.

use serde_json::{Map, Value};

/// The claims of an outside token whose signature, issuer, audience and times have been *proven*.
///
/// Only the verifier makes one ([`Claims::proven`]); the rules take nothing else, so an unproven token cannot
/// reach them by mistake.
#[derive(Debug, Clone, PartialEq)]
pub struct Claims {
    issuer: Box<str>,
    subject: Option<Box<str>>,
    all: Map<String, Value>,
}

impl Claims {
    /// Declares `all` proven. The caller has verified the signature with a key of `issuer`.
    pub fn proven(issuer: &str, all: Map<String, Value>) -> Self {
        let subject = all.get("sub").and_then(Value::as_str).map(Into::into);
        Self { issuer: issuer.into(), subject, all }
    }

    /// The `iss` claim: who vouches (RFC 7519 §4.1.1).
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The `sub` claim, if there is one (RFC 7519 §4.1.2).
    pub fn subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }

    /// A claim by name. A claim that is JSON `null` counts as absent.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.all.get(name).filter(|value| !value.is_null())
    }

    /// All claims, as they were in the token.
    pub fn all(&self) -> &Map<String, Value> {
        &self.all
    }
}
