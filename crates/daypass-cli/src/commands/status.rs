//! `daypass status`: who, until when, for which indexes, and what next.
//!
//! From what this machine knows, without asking anybody.

use std::path::PathBuf;

use daypass_core::{SignedDuration, Timestamp, clock::Clock, names::IndexName, public_url::PublicUrl};
use serde::Serialize;

use crate::{
    arguments::{Format, Status},
    cache::{Cache, entry::Entry},
    credential::{Source, Wanted, sign_in_needed},
    environment::Environment,
    failure::{self, Failure},
    identity_token::{IdentityToken, NamedBy},
    output,
    server::Server,
    trust::{Trusted, no_server},
};

/// What is known of one server.
#[derive(Serialize)]
struct Known {
    server: PublicUrl,
    identity: Option<String>,
    state: State,
    expires_at: Option<Timestamp>,
    index_urls: Vec<String>,
    kept_in: PathBuf,
    next: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// There is a credential with enough life left.
    SignedIn,
    /// There is none, but the next install will get one by itself.
    Renewable,
    /// A person must sign in.
    SignInNeeded,
}

#[derive(Serialize)]
struct Answer {
    servers: Vec<Known>,
}

/// Shows the status.
pub(crate) fn run(arguments: &Status, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let cache = Cache::open(&environment.folders)?;
    let look = |server| look(server, &cache, environment, clock.now());
    let servers = trusted.servers().iter().map(look).collect::<Result<Vec<_>, _>>()?;
    let answer = Answer { servers };
    match arguments.output {
        Format::Json => output::json(&answer)?,
        Format::Text => output::data(&answer.servers.iter().map(told).collect::<Vec<_>>().join("\n"))?,
    }
    if answer.servers.is_empty() {
        return Err(no_server());
    }
    match answer.servers.iter().find(|known| known.state == State::SignInNeeded) {
        // The text above has said it; only the exit code is missing.
        Some(_) => Err(Failure::new(failure::Status::SignInNeeded, "")),
        None => Ok(()),
    }
}

fn look(server: &Server, cache: &Cache, environment: &Environment, now: Timestamp) -> Result<Known, Failure> {
    let key = Wanted::of(server).key();
    let entry = cache.find(key)?.filter(|entry| entry.left(now).is_positive());
    let source = Source::first(environment, server).ok_or_else(|| sign_in_needed(server));
    // A source that would be refused before anything is sent is none.
    let source = source.and_then(|source| source.outside_token_for(server).map(|_| source));
    let state = match (&entry, &source) {
        (Some(entry), _) if entry.has_enough_life(now) => State::SignedIn,
        (_, Ok(_)) => State::Renewable,
        (_, Err(_)) => State::SignInNeeded,
    };
    let next = match (state, source) {
        (_, Ok(Source::IdentityToken(token, _))) => format!("nothing to do, as long as {} is fresh", place_of(&token)),
        (State::SignedIn, Err(_)) => "nothing to do until then; after that, sign in again".to_owned(),
        (_, Err(failure)) => failure.hint.unwrap_or(failure.message),
    };
    Ok(Known {
        server: server.url.clone(),
        identity: entry
            .as_ref()
            .map(|entry| entry.identity.clone())
            .or_else(|| server.identity.as_ref().map(ToString::to_string)),
        state,
        expires_at: entry.map(|entry| entry.expires_at),
        index_urls: vec![index_url(&server.url)],
        kept_in: cache.path(key),
        next,
    })
}

fn place_of(token: &IdentityToken) -> String {
    match token {
        IdentityToken::File(path, NamedBy::Config) => format!("the identity token in `{}`", path.display()),
        _ => "the identity token in `DAYPASS_IDENTITY_TOKEN`".to_owned(),
    }
}

fn told(known: &Known) -> String {
    let identity = known.identity.as_deref().unwrap_or("(the only one that matches)");
    let until = known.expires_at.map_or("no credential now".to_owned(), |at| rounded(at).to_string());
    format!(
        "{}\n  identity   {identity}\n  until      {until}\n  index URL  {}\n  kept in    {}\n  next       {}\n",
        known.server,
        known.index_urls.join(", "),
        known.kept_in.display(),
        known.next
    )
}

/// The URL of the server's default index, whose name is part of the contract.
pub(super) fn index_url(server: &PublicUrl) -> String {
    "python".parse::<IndexName>().map_or_else(|_| server.join("/python/simple/"), |index| server.index_url(&index))
}

/// Until when `entry` is good, for people.
pub(super) fn until(entry: &Entry, now: Timestamp) -> String {
    let left = entry.left(now).max(SignedDuration::ZERO);
    let minutes = left.as_mins();
    let length = if minutes >= 120 { format!("{} hours", left.as_hours()) } else { format!("{minutes} minutes") };
    format!("for {length}, until {}", rounded(entry.expires_at))
}

/// To the second: nobody reads further.
fn rounded(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}
