//! The one order in which a credential is found.
//!
//! 1. **Cached**, with enough life left.
//! 2. From an **identity token** that somebody handed us, from a provider that somebody chose, or with the key of a
//!    **service account** that signed in here: whoever names one wants that identity, and no person.
//! 3. **Refreshed** from a person's session (`credential/person.rs`).
//! 4. **Ambient**: by what this job or machine is (`ambient.rs`). Looked for only now, so that nobody with a session pays
//!    for it.
//! 5. From a new **sign-in**: in the browser, or with a code. Never in a CI job.
//! 6. What is left of the cached one.
//!
//! Any number of processes that want the same credential do the work once: see [`obtain`].
//!
//! What is *not* here: the wire (`issuer_client.rs`), the files (`cache.rs`).

use std::path::PathBuf;

use daypass_core::{clock::Clock, names::ServiceAccountName, public_url::PublicUrl, secret::Secret, service_account};

use crate::{
    ambient::{self, Ambient, Choice, Kind, Proof, Supply},
    cache::{Cache, Holder, Key, entry::Entry, origin::Origin},
    environment::Environment,
    failure::{Failure, Status},
    identity_token::{
        IdentityToken, NamedBy,
        addressee::{Pairing, has_ended},
    },
    issuer_client, key_file,
    lock::Waiter,
    output,
    prompt::Prompt,
    server::Server,
    surroundings::Reachable,
    trust::server_url,
};

pub(crate) mod person;

/// A way to a new credential of an identity, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// An outside token that somebody handed us, and how it came together with the server.
    IdentityToken(IdentityToken, Pairing),
    /// A provider that vouches for this job or machine, and how it came together with the server.
    Ambient(Ambient, Pairing),
    /// The private key of a service account: it signs an assertion each time.
    ServiceAccount(ServiceAccountName, PathBuf),
}

/// What is sent to the server to prove who this is.
enum Sent {
    /// What somebody else vouches with.
    Proof(Proof),
    /// What the key of a service account signed.
    Assertion(Secret),
}

impl Source {
    /// The first source that somebody named for `server`: what the environment says now, before what `login` remembered.
    pub(crate) fn first(environment: &Environment, server: &Server) -> Result<Option<Self>, Failure> {
        let pairing = pairing(environment, server);
        if let Some(named) = &environment.identity_token {
            return Ok(Some(Self::IdentityToken(IdentityToken::of(named, NamedBy::Variable), pairing)));
        }
        let choice = choice(environment)?;
        if let Choice::Named(ambient) = choice {
            return Ok(Some(Self::Ambient(ambient, pairing)));
        }
        // The paths, or the provider, stand in this server's own entry.
        let account = server.identity.as_ref().and_then(service_account::of_identity);
        if let Some((account, key)) = account.zip(server.service_account_key_path.clone()) {
            return Ok(Some(Self::ServiceAccount(account, key)));
        }
        if let Some(path) = server.identity_token_path.clone() {
            return Ok(Some(Self::IdentityToken(IdentityToken::File(path, NamedBy::Config), Pairing::Explicit)));
        }
        let remembered = server.ambient.filter(|_| choice != Choice::Off);
        Ok(remembered.map(|ambient| Self::Ambient(ambient, Pairing::Explicit)))
    }

    /// The provider that is here, if there is one and nobody has switched this off. An error if it gives nothing.
    pub(crate) fn ambient(environment: &Environment, server: &Server) -> Result<Option<Self>, Failure> {
        if choice(environment)? == Choice::Off {
            return Ok(None);
        }
        let found = ambient::find(&environment.machine(), &server.url)?;
        // Nobody chose it, so nobody paired it with the server: a token that is for somebody else stays here.
        Ok(found.map(|ambient| Self::Ambient(ambient, Pairing::ByAudience)))
    }

    /// Whether there is something to send to `server`, as far as can be told without asking anybody.
    pub(crate) fn check(&self, environment: &Environment, server: &Server) -> Result<(), Failure> {
        match self {
            Self::IdentityToken(identity_token, pairing) => {
                outside_token_for(identity_token, *pairing, server).map(drop)
            }
            Self::Ambient(ambient, _) => ambient.check(&environment.machine(), &server.url),
            Self::ServiceAccount(_, key) => key_file::read(key).map(drop),
        }
    }

    /// What proves who this is, read or made afresh, if it may be sent to `server`.
    fn proof_for(&self, environment: &Environment, server: &Server, clock: &dyn Clock) -> Result<Sent, Failure> {
        match self {
            Self::IdentityToken(identity_token, pairing) => {
                outside_token_for(identity_token, *pairing, server).map(|token| Sent::Proof(Proof::Jwt(token)))
            }
            Self::Ambient(ambient, pairing) => {
                ambient.proof_for(&environment.machine(), server, *pairing).map(Sent::Proof)
            }
            Self::ServiceAccount(account, key) => {
                let signed = key_file::read(key)?.sign(account, &server.url, clock.now());
                signed.map(Sent::Assertion).map_err(|error| Failure::local(error.to_string()))
            }
        }
    }

    /// `failure` of the server's, with the remedy of those who do not have a fresh outside token for each request.
    fn advise(&self, failure: Failure, sent: &Sent, clock: &dyn Clock) -> Failure {
        let (Self::Ambient(ambient, _), Sent::Proof(Proof::Jwt(outside_token))) = (self, sent) else { return failure };
        let provider = ambient.provider();
        match (provider.supply, failure.status) {
            (Supply::Kept, Status::Replayed) => failure.hint(format!(
                "{} gives the same identity token again until it is nearly over, and this server takes it no more: have \
                 the server take it more often (`replay` of its issuer)",
                provider.title
            )),
            (Supply::OnePerJob(_), Status::Replayed) => failure.hint(format!(
                "{} gives each job one identity token, and this server takes it no more: install while the credential of \
                 the first time lasts, or have the server take it more often (`replay` of its issuer)",
                provider.title
            )),
            (Supply::OnePerJob(life), Status::Refused) if has_ended(outside_token, clock.now()) => failure.hint(format!(
                "{} gives each job one identity token, which lives {life}, and this one is over: no new one can be had \
                 in this job",
                provider.title
            )),
            _ => failure,
        }
    }
}

/// What is missing for a provider to vouch for this job or machine, if something is.
fn missing(environment: &Environment, server: &Server) -> Option<String> {
    let off = choice(environment).is_ok_and(|choice| choice == Choice::Off);
    if off { None } else { ambient::nearly(&environment.machine(), &server.url) }
}

/// What `DAYPASS_AMBIENT` says.
fn choice(environment: &Environment) -> Result<Choice, Failure> {
    let Some(text) = &environment.ambient else { return Ok(Choice::Auto) };
    text.parse().map_err(|why| {
        Failure::local(format!("`DAYPASS_AMBIENT`: {why}")).hint("name one of them, or `auto`, or `off`; or unset it")
    })
}

/// How what the environment names came together with `server`.
pub(crate) fn pairing(environment: &Environment, server: &Server) -> Pairing {
    if is_named(environment, server) { Pairing::Explicit } else { Pairing::ByAudience }
}

/// The identity token, read afresh, if it may be sent to `server`.
fn outside_token_for(identity_token: &IdentityToken, pairing: Pairing, server: &Server) -> Result<Secret, Failure> {
    let outside_token = identity_token.read()?;
    pairing.check(&outside_token, &server.url, server.audience())?;
    Ok(outside_token)
}

/// Whether `DAYPASS_SERVER` names `server`.
fn is_named(environment: &Environment, server: &Server) -> bool {
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

    /// Its key in the cache, as an identity's that came by `origin`.
    pub(crate) fn key(self, origin: &'a Origin) -> Key<'a> {
        let holder = Holder::Identity { asked: self.server.identity_or_empty(), origin: Some(origin) };
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
    let origin = Origin::of(environment, wanted.server);
    let key = wanted.key(&origin);
    if let Some(entry) = cache.find(key)?.filter(fresh) {
        return Ok(entry);
    }
    let renewed_from = |source: &Source| {
        renew(&cache, key, wanted, source, environment, clock, fresh)
            .or_else(|failure| make_do(&cache, key, failure, clock))
    };
    if let Some(source) = Source::first(environment, wanted.server)? {
        return renewed_from(&source);
    }
    let by_what_this_is = || match Source::ambient(environment, wanted.server)? {
        Some(source) => renewed_from(&source).map(Some).or_else(|failure| ask_a_person(&source, environment, failure)),
        None => Ok(None),
    };
    if of_a_person {
        return person::renew(&cache, wanted, environment, clock, fresh, by_what_this_is)
            .or_else(|failure| make_do(&cache, wanted.person_key(), failure, clock));
    }
    match Source::ambient(environment, wanted.server)? {
        Some(source) => renewed_from(&source),
        None => Err(sign_in_needed(environment, wanted.server)),
    }
}

/// Has a person sign in, if one is there, where the machine's own identity is of no use: many a machine in a cloud is
/// somebody's desk. Not in a job.
fn ask_a_person(source: &Source, environment: &Environment, failure: Failure) -> Result<Option<Entry>, Failure> {
    let Source::Ambient(ambient, _) = source else { return Err(failure) };
    let reachable = || environment.surroundings.reachable(Prompt::open().has_terminal());
    if ambient.provider().kind == Kind::Job || failure.status == Status::Local || reachable() == Reachable::Nobody {
        return Err(failure);
    }
    output::note(&format!("{} vouches for this machine, but: {}", ambient.provider().title, failure.message));
    Ok(None)
}

/// Whether a person is meant: nobody has named an identity, or something that proves one.
pub(crate) fn asks_for_a_person(environment: &Environment, server: &Server) -> bool {
    !server.is_for_an_identity() && !an_identity_is_named(environment)
}

/// Whether the environment names an identity, or something that proves one.
pub(crate) fn an_identity_is_named(environment: &Environment) -> bool {
    let provider = environment.ambient.as_deref().is_some_and(|choice| !matches!(choice, "auto" | "off"));
    provider || environment.identity.is_some() || environment.identity_token.is_some()
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

/// Gets a new credential from `source`, kept under `key`, unless another process has just put one there that is `good`.
pub(crate) fn renew(
    cache: &Cache,
    key: Key<'_>,
    wanted: Wanted<'_>,
    source: &Source,
    environment: &Environment,
    clock: &dyn Clock,
    good: impl Fn(&Entry) -> bool,
) -> Result<Entry, Failure> {
    let mut lock = cache.lock(key, Waiter::Program, clock)?;
    if let Some(entry) = cache.find(key)?.filter(good) {
        return Ok(entry);
    }
    if let Some(failure) = lock.shared_failure.take() {
        return Err(failure);
    }
    // Before the proof is spent: it may be good only once.
    let seat = cache.seat(key)?;
    let evidence =
        source.proof_for(environment, wanted.server, clock).inspect_err(|failure| lock.share(failure, clock))?;
    let asked_at = clock.now();
    let issued = match &evidence {
        Sent::Proof(proof) => issuer_client::exchange(wanted, proof, clock),
        Sent::Assertion(assertion) => issuer_client::authenticate(wanted, assertion, clock),
    };
    let issued = issued.map_err(|failure| {
        lock.share(&failure, clock);
        source.advise(failure, &evidence, clock)
    })?;
    let entry = Entry::new(key, issued.identity, issued.access_token, asked_at, issued.life);
    seat.keep(&entry)?;
    cache.sweep(clock.now());
    Ok(entry)
}

/// Nobody is signed in, and nothing else proves who this is.
pub(crate) fn sign_in_needed(environment: &Environment, server: &Server) -> Failure {
    let identity = if server.identity.is_none() { " --identity ID" } else { "" };
    let hint = missing(environment, server).unwrap_or_else(|| {
        format!(
            "`daypass login {}{identity} --identity-token PATH` signs in, and so does `DAYPASS_IDENTITY_TOKEN`",
            server.url
        )
    });
    Failure::new(Status::SignInNeeded, format!("no credential for {}, and nothing to get one with", server.url))
        .hint(hint)
}
