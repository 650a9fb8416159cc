//! People, and what a sign-in leaves.
//!
//! A person is known by who vouches for them and under which subject, never by an e-mail address: addresses are
//! given to others, subjects are not (OpenID Connect Core 1.0 §5.7).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::names::ProviderName;

/// The name of the provider that the built-in accounts come from. No other provider can have it.
pub const LOCAL_PROVIDER: &str = "local";

/// The namespace of people's ids (RFC 9562 §5.5).
const PERSON_NAMESPACE: Uuid = Uuid::from_u128(0x5b1e_93c4_0c0b_4a76_9e0e_7b7a_a1c2_50f3);

macro_rules! id_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(::uuid::Uuid);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                ::std::fmt::Display::fmt(&self.0, f)
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = ::uuid::Error;

            fn from_str(text: &str) -> Result<Self, ::uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

pub(crate) use id_type;

id_type!(
    /// A person's immutable id, the `sub` of the access tokens of their sessions.
    PersonId
);
id_type!(
    /// A session's id, the `sid` of its access tokens.
    SessionId
);

impl PersonId {
    /// The id that belongs to `subject` of `issuer`, the same on every replica and for ever.
    pub fn of(issuer: &str, subject: &str) -> Self {
        // A NUL cannot be part of a URL, so no two pairs run together.
        Self(Uuid::new_v5(&PERSON_NAMESPACE, format!("{issuer}\0{subject}").as_bytes()))
    }
}

impl SessionId {
    /// A new random one.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

/// Somebody whose provider vouches for them: what was proven at sign-in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenPerson {
    /// The provider.
    pub provider: ProviderName,
    /// Its issuer URL. For a built-in account, this server's public URL.
    pub issuer: String,
    /// Who they are there, for ever.
    pub subject: String,
    /// What to call them.
    pub name: String,
    /// Their e-mail address, if the provider's rule says that it is theirs.
    pub email: Option<String>,
    /// The groups that the provider says they are in.
    pub groups: Vec<String>,
}

impl ProvenPerson {
    /// Their id.
    pub fn id(&self) -> PersonId {
        PersonId::of(&self.issuer, &self.subject)
    }

    /// How they are shown: their e-mail address, else their name.
    pub fn shown(&self) -> &str {
        self.email.as_deref().unwrap_or(&self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_by_issuer_and_subject_together() {
        let of = PersonId::of;
        assert_eq!(of("https://a.example.com", "1"), of("https://a.example.com", "1"));
        assert_ne!(of("https://a.example.com", "1"), of("https://b.example.com", "1"));
        assert_ne!(of("https://a.example.com", "1"), of("https://a.example.com", "2"));
        assert_ne!(of("https://a.example.com/1", "2"), of("https://a.example.com/", "12"));
    }
}
