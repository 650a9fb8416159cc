//! A person's session as it is kept on this machine: who, until when, and the refresh token that renews it.
//!
//! The refresh token is in the keychain of the operating system, where there is one that answers; otherwise in this
//! file, which is closed to others. Whatever happens, the one that was sent stays where it is until the next one is
//! on the disk: the server forgives an answer that was lost, but not a refresh token that was.
//!
//! What is *not* here: when it is refreshed (`credential/person.rs`).

use std::path::PathBuf;

use daypass_core::{SignedDuration, Timestamp, public_url::PublicUrl, secret::Secret};
use daypass_oidc::session_client::Tokens;
use serde::{Deserialize, Serialize, Serializer};

use crate::{
    cache::{self, Cache, Holder, Key, Seat},
    failure::Failure,
    profile::ProfileName,
};

mod keychain;

use keychain::Account;

/// The form of the file. Another number is another program's session, and counts as none.
const VERSION: u32 = 1;

/// A session. The times but one are of *this machine's* clock, as in `cache/entry.rs`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    version: u32,
    /// Whose server it is.
    pub(crate) server: PublicUrl,
    /// Under which profile.
    pub(crate) profile: ProfileName,
    /// Who signed in, as the server tells.
    pub(crate) person: String,
    /// Where the refresh token is.
    kept_in: Place,
    #[serde(default, skip_serializing_if = "Option::is_none", serialize_with = "expose_if_any")]
    refresh_token: Option<Secret>,
    /// The moment before it was last refreshed.
    obtained_at: Timestamp,
    /// When it ends, if the server told.
    expires_at: Option<Timestamp>,
    /// The same by the *server's* clock: what people are told.
    pub(crate) ends_at: Option<Timestamp>,
}

/// Where a refresh token is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// The operating system's keychain.
    Keychain,
    /// The session's own file.
    File,
}

impl Session {
    /// The session of `key`, if there is one that can be read.
    pub(crate) fn find(cache: &Cache, key: Key<'_>) -> Result<Option<Self>, Failure> {
        let found: Option<Self> = cache::read(&path(cache, key))?;
        Ok(found.filter(|session| session.version == VERSION && session.is_for(key)))
    }

    /// All sessions of this user.
    pub(crate) fn all(cache: &Cache) -> Result<Vec<Self>, Failure> {
        let mut found = Vec::new();
        for path in cache.files("session")? {
            found.extend(cache::read::<Self>(&path)?);
        }
        Ok(found)
    }

    fn is_for(&self, key: Key<'_>) -> bool {
        self.key() == key
    }

    /// What it is for.
    pub(crate) fn key(&self) -> Key<'_> {
        Key { server: &self.server, audience: &self.server, holder: Holder::Person(&self.profile) }
    }

    /// The refresh token. An error where the keychain that holds it does not answer, or has lost it.
    pub(crate) fn refresh_token(&self, cache: &Cache) -> Result<Secret, Failure> {
        let found = match (self.kept_in, &self.refresh_token) {
            (Place::File, token) => token.clone(),
            (Place::Keychain, _) => keychain::read(&self.account()).ok().flatten(),
        };
        found.ok_or_else(|| Failure::local(format!("{} does not give the refresh token", self.place(cache))))
    }

    /// Where the refresh token is, for people.
    pub(crate) fn place(&self, cache: &Cache) -> String {
        match self.kept_in {
            Place::Keychain => keychain::NAME.to_owned(),
            Place::File => path(cache, self.key()).display().to_string(),
        }
    }

    /// Whether it has ended by the length of its life, as far as a clock that may have been set tells.
    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// How long it goes on, as far as that is known here.
    pub(crate) fn left(&self, now: Timestamp) -> Option<SignedDuration> {
        self.expires_at.map(|end| end.duration_since(now))
    }

    fn account(&self) -> Account {
        Account { server: self.server.to_string(), profile: self.profile.to_string() }
    }
}

/// Takes the space for the session of `key` on the disk. The caller holds the lock.
pub(crate) fn seat(cache: &Cache, key: Key<'_>) -> Result<Seat, Failure> {
    cache.seat_at(path(cache, key))
}

/// Keeps what a sign-in or the refresh of `prior` brought, which was asked for at `asked_at`.
///
/// Before anybody uses the access token that came with it: from then on the refresh token before is worth nothing.
pub(crate) fn keep(
    seat: Seat,
    key: Key<'_>,
    profile: &ProfileName,
    tokens: &Tokens,
    asked_at: Timestamp,
    prior: Option<&Session>,
) -> Result<Session, Failure> {
    let after = |start: Timestamp, life: SignedDuration| start.checked_add(life).unwrap_or(Timestamp::MAX);
    let person = tokens.person.clone().or_else(|| prior.map(|prior| prior.person.clone()));
    let mut session = Session {
        version: VERSION,
        server: key.server.clone(),
        profile: profile.clone(),
        person: person.unwrap_or_default(),
        kept_in: Place::File,
        refresh_token: None,
        obtained_at: asked_at,
        expires_at: tokens.session_expires_in.map(|life| after(asked_at, life)),
        ends_at: tokens.session_expires_in.map(|life| after(tokens.server_time.unwrap_or(asked_at), life)),
    };
    // A file stays a file until the next sign-in: the keychain is asked once a day, and not once an hour.
    let may_be_in_keychain = prior.is_none_or(|prior| prior.kept_in == Place::Keychain);
    if may_be_in_keychain && keychain::write(&session.account(), &tokens.refresh_token).is_ok() {
        session.kept_in = Place::Keychain;
    } else {
        session.refresh_token = Some(tokens.refresh_token.clone());
    }
    seat.keep(&session)?;
    Ok(session)
}

/// Forgets `session`.
pub(crate) fn forget(cache: &Cache, session: &Session) -> Result<(), Failure> {
    if session.kept_in == Place::Keychain {
        // What stays there is worth nothing once the server has ended the session.
        let _ = keychain::delete(&session.account());
    }
    cache::delete(&path(cache, session.key()))
}

fn path(cache: &Cache, key: Key<'_>) -> PathBuf {
    cache.path(key).with_extension("session")
}

#[expect(clippy::ref_option, reason = "serde passes the field as it is")]
fn expose_if_any<S: Serializer>(secret: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(Secret::expose).serialize(serializer)
}
