//! The one order in which a credential is found.
//!
//! 1. **Cached**, with enough life left.
//! 2. From an **identity token** that somebody handed us: whoever names one wants that identity, and no person.
//! 3. **Refreshed** from a person's session (`credential/person.rs`). The ambient identity of a CI job takes its seat
//!    in [`Source`], after this.
//! 4. From a new **sign-in**: in the browser, or with a code.
//! 5. What is left of the cached one.
//!
//! Any number of processes that want the same credential do the work once: see [`obtain`].
//!
//! What is *not* here: the wire (`issuer_client.rs`), the files (`cache.rs`).

use daypass_core::{clock::Clock, public_url::PublicUrl, secret::Secret};

use crate::{
    cache::{Cache, Holder, Key, entry::Entry},
    environment::Environment,
    failure::{Failure, Status},
    identity_token::{IdentityToken, NamedBy, addressee::Pairing},
    issuer_client,
    lock::Waiter,
    output,
    server::Server,
    trust::server_url,
};

pub(crate) mod person;

/// A way to a new credential of an identity, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// An outside token that somebody handed us, and how it came together with the server.
    IdentityToken(IdentityToken, Pairing),
}

impl Source {
    /// The first source there is for `server`: what the environment says now, before what `login` remembered.
    pub(crate) fn first(environment: &Environment, server: &Server) -> Option<Self> {
        if let Some(named) = &environment.identity_token {
            let pairing = if is_named(environment, server) { Pairing::Explicit } else { Pairing::ByAudience };
            return Some(Self::IdentityToken(IdentityToken::of(named, NamedBy::Variable), pairing));
        }
        // The path stands in this server's own entry.
        let remembered = server.identity_token_path.clone();
        remembered.map(|path| Self::IdentityToken(IdentityToken::File(path, NamedBy::Config), Pairing::Explicit))
    }

    /// The outside token, if it may be sent to `server`.
    pub(crate) fn outside_token_for(&self, server: &Server) -> Result<Secret, Failure> {
        let Self::IdentityToken(identity_token, pairing) = self;
        let outside_token = identity_token.read()?;
        pairing.check(&outside_token, &server.url)?;
        Ok(outside_token)
    }
}

/// Whether `DAYPASS_SERVER` names `server`.
pub(crate) fn is_named(environment: &Environment, server: &Server) -> bool {
    environment.server.as_deref().and_then(|text| server_url(text).ok()).is_some_and(|named| named == server.url)
}

/// What is wanted: a credential of `server` for `audience`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Who issues it.
    pub(crate) server: &'a Server,
    /// Who is to accept it.
    pub(crate) audience: &'a PublicUrl,
}

impl<'a> Wanted<'a> {
    /// A credential for the server's own index.
    pub(crate) fn of(server: &'a Server) -> Self {
        Self { server, audience: &server.url }
    }

    /// Its key in the cache, as an identity's.
    pub(crate) fn key(self) -> Key<'a> {
        let holder = Holder::Identity(self.server.identity_or_empty());
        Key { server: &self.server.url, audience: self.audience, holder }
    }

    /// Its key in the cache, as a person's.
    pub(crate) fn person_key(self) -> Key<'a> {
        Key { server: &self.server.url, audience: self.audience, holder: Holder::Person(&self.server.profile) }
    }
}

/// Returns a credential with enough life left: from the cache, or else a new one. Where there is no new one to be
/// had, the old one is given until it is nearly over.
pub(crate) fn obtain(wanted: Wanted<'_>, environment: &Environment, clock: &dyn Clock) -> Result<Entry, Failure> {
    let cache = Cache::open(&environment.folders)?;
    let fresh = |entry: &Entry| entry.has_enough_life(clock.now());
    let of_a_person = asks_for_a_person(environment, wanted.server);
    if of_a_person && let Some(entry) = cache.find(wanted.person_key())?.filter(fresh) {
        return Ok(entry);
    }
    if let Some(entry) = cache.find(wanted.key())?.filter(fresh) {
        return Ok(entry);
    }
    match Source::first(environment, wanted.server) {
        Some(source) => renew(&cache, wanted, &source, clock, fresh)
            .or_else(|failure| make_do(&cache, wanted.key(), failure, clock)),
        None if of_a_person => person::renew(&cache, wanted, environment, clock, fresh)
            .or_else(|failure| make_do(&cache, wanted.person_key(), failure, clock)),
        None => Err(sign_in_needed(wanted.server)),
    }
}

/// Whether a person is meant: nobody has named an identity, or something that proves one.
pub(crate) fn asks_for_a_person(environment: &Environment, server: &Server) -> bool {
    !server.is_for_an_identity() && environment.identity.is_none() && environment.identity_token.is_none()
}

/// What is in the cache though it has not enough life left, or `failure`.
///
/// Only where time alone is in the way: a spent proof, or a server that is away. Any other refusal is news.
fn make_do(cache: &Cache, key: Key<'_>, failure: Failure, clock: &dyn Clock) -> Result<Entry, Failure> {
    if !matches!(failure.status, Status::Replayed | Status::Unreachable) {
        return Err(failure);
    }
    // Looked up again: somebody may have signed out meanwhile.
    let usable = |entry: &Entry| entry.is_still_usable(clock.now());
    let Some(entry) = cache.find(key)?.filter(usable) else { return Err(failure) };
    let minutes = entry.left(clock.now()).as_mins();
    output::warn(&format!("{}; what is in the cache is good for {minutes} minutes more", failure.message));
    Ok(entry)
}

/// Gets a new credential from `source` unless another process has just put one into the cache that is `good`.
pub(crate) fn renew(
    cache: &Cache,
    wanted: Wanted<'_>,
    source: &Source,
    clock: &dyn Clock,
    good: impl Fn(&Entry) -> bool,
) -> Result<Entry, Failure> {
    let key = wanted.key();
    let mut lock = cache.lock(key, Waiter::Program, clock)?;
    if let Some(entry) = cache.find(key)?.filter(good) {
        return Ok(entry);
    }
    if let Some(failure) = lock.shared_failure.take() {
        return Err(failure);
    }
    // Before the proof is spent: it may be good only once.
    let seat = cache.seat(key)?;
    let outside_token = source.outside_token_for(wanted.server)?;
    let asked_at = clock.now();
    let issued = issuer_client::exchange(wanted, &outside_token, clock);
    let issued = issued.inspect_err(|failure| lock.share(failure, clock))?;
    let entry = Entry::new(key, issued.identity, issued.access_token, asked_at, issued.life);
    seat.keep(&entry)?;
    Ok(entry)
}

/// Nobody is signed in, and nothing else proves who this is.
pub(crate) fn sign_in_needed(server: &Server) -> Failure {
    let identity = if server.identity.is_none() { " --identity ID" } else { "" };
    Failure::new(Status::SignInNeeded, format!("no credential for {}, and nothing to get one with", server.url)).hint(
        format!(
            "`daypass login {}{identity} --identity-token PATH` signs in, and so does `DAYPASS_IDENTITY_TOKEN`",
            server.url
        ),
    )
}
