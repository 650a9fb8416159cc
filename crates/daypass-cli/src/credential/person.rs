//! The credential of a person: **refreshed** from their session, or else from a new sign-in.
//!
//! One process at a time does either; the others wait and then find what it kept. What is *not* here: the looking into
//! the cache that comes before (`credential.rs`), and the sign-in itself (`sign_in.rs`).

use daypass_core::{Timestamp, clock::Clock};
use daypass_oidc::session_client::Tokens;

use super::{Wanted, missing};
use crate::{
    cache::{self, Cache, Seat, entry::Entry},
    environment::Environment,
    failure::{Failure, Status},
    issuer_client::session::{self as wire, Refreshed},
    lock::{Lock, Waiter},
    output,
    prompt::Prompt,
    server::Server,
    session::{self, Session},
    sign_in::{Manner, sign_in},
    surroundings::Reachable,
};

/// Where the results go: the space is taken before anything is spent for them.
struct Seats {
    entry: Seat,
    session: Seat,
}

/// Gets a new credential unless another process has just put one into the cache that is `good`. Before anybody is asked to
/// sign in, `instead` may know another way.
pub(crate) fn renew(
    cache: &Cache,
    wanted: Wanted<'_>,
    environment: &Environment,
    clock: &dyn Clock,
    good: impl Fn(&Entry) -> bool,
    instead: impl Fn() -> Result<Option<Entry>, Failure>,
) -> Result<Entry, Failure> {
    let prompt = Prompt::open();
    let reachable = environment.surroundings.reachable(prompt.has_terminal());
    let key = wanted.person_key();
    let nobody = |over: Option<&str>| nobody(environment, wanted.server, over, &environment.surroundings.why_nobody());
    let had_a_session = Session::find(cache, key)?.is_some();
    if !had_a_session {
        if let Some(entry) = instead()? {
            return Ok(entry);
        }
        if reachable == Reachable::Nobody {
            return Err(nobody(None));
        }
    }
    let (mut lock, seats) = match lead(cache, wanted, reachable, clock, good)? {
        Turn::Leader(lock, seats) => (lock, seats),
        Turn::Follower(entry) => return Ok(entry),
    };
    let (seats, over) = match refresh(seats, cache, wanted, &mut lock, clock)? {
        Outcome::Refreshed(entry) => return Ok(entry),
        Outcome::Over(seats, why) => (seats, why),
    };
    if had_a_session && let Some(entry) = instead()? {
        return Ok(entry);
    }
    if reachable == Reachable::Nobody {
        return Err(nobody(over.as_deref()));
    }
    // Whoever has just said no is not asked again by the next question of the same install.
    if let Some(failure) = lock.still_no.take() {
        return Err(failure);
    }
    let manner = Manner { prompt: &prompt, reachable, provider: None };
    let entry = ask(&mut lock, seats, wanted, manner, clock)?;
    prompt.tell(&format!("daypass: signed in to {} as {}", wanted.server.account(), entry.name()));
    Ok(entry)
}

/// Refreshes the session, if there is one that goes on, without asking anybody to sign in.
pub(crate) fn renew_quietly(cache: &Cache, wanted: Wanted<'_>, clock: &dyn Clock) -> Result<Option<Entry>, Failure> {
    let live = |entry: &Entry| entry.left(clock.now()).is_positive();
    match lead(cache, wanted, Reachable::Nobody, clock, live)? {
        Turn::Follower(entry) => Ok(Some(entry)),
        Turn::Leader(mut lock, seats) => match refresh(seats, cache, wanted, &mut lock, clock)? {
            Outcome::Refreshed(entry) => Ok(Some(entry)),
            Outcome::Over(..) => Ok(None),
        },
    }
}

/// Has a person sign in anew, whatever there is, unless another process has just put a credential into the cache that
/// is `good`. The session before is ended.
pub(crate) fn begin(
    cache: &Cache,
    wanted: Wanted<'_>,
    manner: Manner<'_>,
    clock: &dyn Clock,
    good: impl Fn(&Entry) -> bool,
) -> Result<Entry, Failure> {
    let (mut lock, seats) = match lead(cache, wanted, manner.reachable, clock, good)? {
        Turn::Leader(lock, seats) => (lock, seats),
        Turn::Follower(entry) => return Ok(entry),
    };
    let key = wanted.person_key();
    // Read before the new one takes its place.
    let before = Session::find(cache, key)?.map(|session| session.refresh_token(cache));
    let entry_before = cache.find(key)?;
    let entry = ask(&mut lock, seats, wanted, manner, clock)?;
    let access_token = entry_before.as_ref().map(|entry| &entry.access_token);
    if let Some(Err(not)) = before.map(|token| wire::end(&wanted.server.url, token, access_token, clock)) {
        output::warn(&format!("the session before could not be ended, and ends by itself: {}", not.failure.message));
    }
    Ok(entry)
}

/// Who does the work.
enum Turn {
    /// This process: it holds the lock, and the space for the results.
    Leader(Lock, Seats),
    /// Another one did it while this one waited.
    Follower(Entry),
}

/// Waits for the turn of this process. A failure that another one shared is its failure too.
fn lead(
    cache: &Cache,
    wanted: Wanted<'_>,
    reachable: Reachable,
    clock: &dyn Clock,
    good: impl Fn(&Entry) -> bool,
) -> Result<Turn, Failure> {
    let waiter = if reachable == Reachable::Nobody { Waiter::Program } else { Waiter::Person };
    let mut lock = cache.lock(wanted.person_key(), waiter, clock)?;
    if let Some(entry) = cache.find(wanted.person_key())?.filter(good) {
        return Ok(Turn::Follower(entry));
    }
    if let Some(failure) = lock.shared_failure.take() {
        return Err(failure);
    }
    if lock.still_no.is_none() {
        lock.clear();
    }
    Ok(Turn::Leader(lock, Seats::take(cache, wanted)?))
}

/// What became of the session that there may have been.
enum Outcome {
    /// It goes on.
    Refreshed(Entry),
    /// There is none any more; perhaps it is known why.
    Over(Seats, Option<String>),
}

/// Refreshes the session, if there is one.
fn refresh(
    seats: Seats,
    cache: &Cache,
    wanted: Wanted<'_>,
    lock: &mut Lock,
    clock: &dyn Clock,
) -> Result<Outcome, Failure> {
    let Some(session) = Session::find(cache, wanted.person_key())? else { return Ok(Outcome::Over(seats, None)) };
    let asked_at = clock.now();
    let refresh_token = match session.refresh_token(cache) {
        Ok(token) => token,
        Err(failure) => return Ok(Outcome::Over(seats, Some(failure.message))),
    };
    match wire::refresh(&wanted.server.url, &refresh_token, clock) {
        Ok(Refreshed::Tokens(tokens)) => seats.keep(wanted, &tokens, asked_at, Some(&session)).map(Outcome::Refreshed),
        Ok(Refreshed::Ended(why)) => {
            session::forget(cache, &session)?;
            cache::delete(&cache.path(wanted.person_key()))?;
            Ok(Outcome::Over(seats, Some(why)))
        }
        Err(failure) => {
            lock.share(&failure, clock);
            Err(failure)
        }
    }
}

/// Nobody is signed in, and nobody is there who could.
pub(crate) fn nobody(environment: &Environment, server: &Server, over: Option<&str>, why_nobody: &str) -> Failure {
    let reason = over.map_or_else(String::new, |over| format!(": {over}"));
    let message =
        format!("no credential for {}{reason}; nobody can be asked to sign in here: {why_nobody}", server.account());
    Failure::new(Status::SignInNeeded, message).hint(missing(environment, server).unwrap_or_else(|| {
        format!(
            "`{}` in a terminal signs in; a job needs an identity token: `DAYPASS_IDENTITY_TOKEN`",
            login_command(server)
        )
    }))
}

/// How a person signs in to `server`.
pub(crate) fn login_command(server: &Server) -> String {
    let profile = if server.profile.is_unnamed() { String::new() } else { format!(" --profile {}", server.profile) };
    format!("daypass login {}{profile}", server.url)
}

/// Has a person sign in, and tells those who wait how it went if it did not go well.
fn ask(
    lock: &mut Lock,
    seats: Seats,
    wanted: Wanted<'_>,
    manner: Manner<'_>,
    clock: &dyn Clock,
) -> Result<Entry, Failure> {
    lock.say_that_a_person_signs_in();
    let signed_in = sign_in(wanted.server, manner, clock).inspect_err(|failure| lock.share_with_all(failure, clock))?;
    let entry = seats.keep(wanted, &signed_in.tokens, signed_in.asked_at, None)?;
    lock.clear();
    Ok(entry)
}

impl Seats {
    fn take(cache: &Cache, wanted: Wanted<'_>) -> Result<Self, Failure> {
        let key = wanted.person_key();
        Ok(Self { entry: cache.seat(key)?, session: session::seat(cache, key)? })
    }

    /// The session first: once somebody uses the access token, the refresh token before is worth nothing.
    fn keep(
        self,
        wanted: Wanted<'_>,
        tokens: &Tokens,
        asked_at: Timestamp,
        prior: Option<&Session>,
    ) -> Result<Entry, Failure> {
        let key = wanted.person_key();
        let session = session::keep(self.session, key, &wanted.server.profile, tokens, asked_at, prior)?;
        let entry = Entry::new(key, session.person, tokens.access_token.clone(), asked_at, tokens.expires_in);
        self.entry.keep(&entry)?;
        Ok(entry)
    }
}
