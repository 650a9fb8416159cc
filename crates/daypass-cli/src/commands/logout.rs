//! `daypass logout`: revokes at the server, deletes here, and forgets the server.

use daypass_core::{clock::Clock, public_url::PublicUrl};
use serde::Serialize;

use crate::{
    arguments::{Format, Logout},
    cache::{Cache, Holder, Key, delete, entry::Entry},
    config::edit,
    environment::Environment,
    failure::Failure,
    issuer_client,
    lock::Waiter,
    output,
    profile::ProfileName,
    session::{self, Session},
    trust::{Trusted, server_url},
};

#[derive(Serialize)]
struct Answer {
    servers: Vec<Forgotten>,
}

#[derive(Serialize)]
struct Forgotten {
    server: PublicUrl,
    /// Credentials that the server took back, and sessions that it ended.
    revoked: usize,
    /// Those that it could not be asked to take back; they end by themselves.
    not_revoked: usize,
}

/// Signs out.
pub(crate) fn run(arguments: &Logout, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let cache = Cache::open(&environment.folders)?;
    let config = match &environment.config {
        Some(path) => path.clone(),
        None => environment.folders.config()?,
    };
    let profile: Option<ProfileName> = arguments.profile.as_deref().map(str::parse).transpose()?;
    let urls = match &arguments.server {
        Some(text) => vec![server_url(text)?],
        None => urls(&trusted, profile.as_ref()),
    };
    let mut servers = Vec::new();
    for server in urls {
        let meant = Meant { profile: profile.as_ref(), identity: identity_of(&trusted, &server, profile.as_ref()) };
        // Forgotten first: whatever fails below, no helper hands out a credential of this account any more.
        edit::forget(&config, &server, profile.as_ref(), clock)?;
        let mut forgotten = Forgotten { server, revoked: 0, not_revoked: 0 };
        let mut ended = Vec::new();
        for session in Session::of_server(&cache, &forgotten.server)? {
            if meant.is(session.key()) {
                let _lock = cache.lock(session.key(), Waiter::Person, clock)?;
                forgotten.count(end(&cache, &session, clock)?);
                ended.push(session);
            }
        }
        for (path, entry) in cache.of_server(&forgotten.server)? {
            // With its session a credential has ended too.
            let has_ended = ended.iter().any(|session| session.key() == entry.key());
            if meant.is(entry.key()) && !has_ended {
                // Nobody may be about to put a new one into its place.
                let _lock = cache.lock(entry.key(), Waiter::Person, clock)?;
                delete(&path)?;
                if entry.left(clock.now()).is_positive() {
                    forgotten.count(revoke(&entry, clock));
                }
            }
        }
        servers.push(forgotten);
    }
    if matches!(arguments.output, Format::Json) {
        return output::json(&Answer { servers });
    }
    if servers.is_empty() {
        output::note("not signed in anywhere: there is nothing to do");
    }
    for forgotten in &servers {
        let profile = profile.as_ref().map_or_else(String::new, |profile| format!(" (profile `{profile}`)"));
        output::note(&format!("signed out of {}{profile}", forgotten.server));
        if environment.server.is_some() && trusted.only().is_ok_and(|named| named.url == forgotten.server) {
            output::note("\nhint: `DAYPASS_SERVER` still names it; unset it to be signed out for good");
        }
    }
    Ok(())
}

/// Which of a server's credentials and sessions are to go.
struct Meant<'a> {
    /// Those of this profile; all, where none is named.
    profile: Option<&'a ProfileName>,
    /// The identity that was remembered under the profile.
    identity: Option<&'a str>,
}

impl Meant<'_> {
    fn is(&self, key: Key<'_>) -> bool {
        let Some(meant) = self.profile else { return true };
        match key.holder {
            Holder::Person(profile) => profile == meant,
            Holder::Identity(asked) => self.identity == Some(asked),
        }
    }
}

/// The servers that are known, each once.
fn urls(trusted: &Trusted, profile: Option<&ProfileName>) -> Vec<PublicUrl> {
    let meant = trusted.servers().iter().filter(|server| profile.is_none_or(|profile| server.profile == *profile));
    let mut urls: Vec<PublicUrl> = Vec::new();
    for server in meant {
        if !urls.contains(&server.url) {
            urls.push(server.url.clone());
        }
    }
    urls
}

fn identity_of<'a>(trusted: &'a Trusted, url: &PublicUrl, profile: Option<&ProfileName>) -> Option<&'a str> {
    let known = trusted.account(url, profile?)?;
    known.is_for_an_identity().then(|| known.identity_or_empty())
}

/// Ends a session at the server and deletes it here, with its credential. Whether the server could be asked.
///
/// The caller holds the lock, or has just taken the account over.
pub(super) fn end(cache: &Cache, session: &Session, clock: &dyn Clock) -> Result<Option<bool>, Failure> {
    let refresh_token = session.refresh_token();
    let entry = cache.find(session.key())?;
    session::forget(cache, session)?;
    delete(&cache.path(session.key()))?;
    if session.is_over(clock.now()) {
        return Ok(None);
    }
    let ended = if let Some(token) = refresh_token {
        issuer_client::session::end(&session.server, &token, clock)
    } else {
        // The least that can be done: what is at hand is taken back.
        if let Some(entry) = entry.filter(|entry| entry.left(clock.now()).is_positive()) {
            let _ = issuer_client::revoke(&entry.server, &entry.access_token, clock);
        }
        Err(Failure::local(format!("{} does not answer", session.place(cache))))
    };
    Ok(Some(ended.map_err(|failure| warn("session", session.ends_at.map(|at| at.to_string()), &failure)).is_ok()))
}

impl Forgotten {
    fn count(&mut self, revoked: impl Into<Option<bool>>) {
        match revoked.into() {
            Some(true) => self.revoked += 1,
            Some(false) => self.not_revoked += 1,
            None => {}
        }
    }
}

fn revoke(entry: &Entry, clock: &dyn Clock) -> bool {
    let revoked = issuer_client::revoke(&entry.server, &entry.access_token, clock);
    revoked.map_err(|failure| warn("credential", Some(entry.expires_at.to_string()), &failure)).is_ok()
}

fn warn(what: &str, end: Option<String>, failure: &Failure) {
    let end = end.map_or_else(|| "by itself".to_owned(), |end| format!("at {end}"));
    output::warn(&format!("the {what} is deleted here but could not be revoked, and ends {end}: {}", failure.message));
}
