//! `daypass logout`: forgets the server, revokes there, and deletes here.
//!
//! In this order: from the first step on no helper hands out a credential, and whoever is interrupted has lost nothing
//! that the server could still be asked to take back; the next `logout` finds it. Nor is the server spared for what is
//! over by this machine's clock, which may be wrong.

use daypass_core::{Timestamp, clock::Clock, public_url::PublicUrl};
use serde::Serialize;

use crate::{
    arguments::{Format, Logout},
    cache::{Cache, Holder, Key, delete, entry::Entry},
    config::edit,
    environment::Environment,
    failure::Failure,
    issuer_client::{self, session::NotEnded},
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
        None => urls(&trusted, &cache, profile.as_ref())?,
    };
    let mut servers = Vec::new();
    for server in urls {
        let meant = Meant { profile: profile.as_ref(), identity: identity_of(&trusted, &server, profile.as_ref()) };
        // Forgotten first: whatever fails below, no helper hands out a credential of this account any more.
        edit::forget(&config, &server, profile.as_ref(), clock)?;
        let mut forgotten = Forgotten { server, revoked: 0, not_revoked: 0 };
        for session in Session::all(&cache)? {
            if session.server == forgotten.server && meant.is(session.key()) {
                let _lock = cache.lock(session.key(), Waiter::Person, clock)?;
                forgotten.count(end(&cache, &session, clock)?);
            }
        }
        // Those of the sessions have gone with them.
        for (path, entry) in cache.all()? {
            if entry.server == forgotten.server && meant.is(entry.key()) {
                // Nobody may be about to put a new one into its place.
                let _lock = cache.lock(entry.key(), Waiter::Person, clock)?;
                let revoked = revoke(&entry, clock);
                delete(&path)?;
                forgotten.count(Outcome { revoked: revoked.into(), not_revoked: (!revoked).into() });
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
            Holder::Identity { asked, .. } => self.identity == Some(asked),
        }
    }
}

/// The servers that are known, each once; and those of which something is left here, because a sign-out was interrupted.
fn urls(trusted: &Trusted, cache: &Cache, profile: Option<&ProfileName>) -> Result<Vec<PublicUrl>, Failure> {
    let meant = Meant { profile, identity: None };
    let known = trusted.servers().iter().filter(|server| profile.is_none_or(|profile| server.profile == *profile));
    let mut urls: Vec<_> = known.map(|server| server.url.clone()).collect();
    let sessions = Session::all(cache)?;
    urls.extend(sessions.iter().filter(|session| meant.is(session.key())).map(|session| session.server.clone()));
    let entries = cache.all()?;
    urls.extend(entries.iter().filter(|(_, entry)| meant.is(entry.key())).map(|(_, entry)| entry.server.clone()));
    let mut seen = Vec::new();
    urls.retain(|url| {
        let new = !seen.contains(url);
        if new {
            seen.push(url.clone());
        }
        new
    });
    Ok(urls)
}

fn identity_of<'a>(trusted: &'a Trusted, url: &PublicUrl, profile: Option<&ProfileName>) -> Option<&'a str> {
    let known = trusted.account(url, profile?)?;
    known.is_for_an_identity().then(|| known.identity_or_empty())
}

/// What became of what was to be taken back.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    revoked: usize,
    not_revoked: usize,
}

/// Ends a session at the server and deletes it here, with its credential.
///
/// The caller holds the lock, or has just taken the account over.
pub(super) fn end(cache: &Cache, session: &Session, clock: &dyn Clock) -> Result<Outcome, Failure> {
    let entry = cache.find(session.key()).ok().flatten();
    let access_token = entry.as_ref().map(|entry| &entry.access_token);
    let ended = issuer_client::session::end(&session.server, session.refresh_token(cache), access_token, clock);
    session::forget(cache, session)?;
    delete(&cache.path(session.key()))?;
    Ok(match ended {
        Ok(()) => Outcome { revoked: 1, not_revoked: 0 },
        Err(NotEnded { failure, access_token_revoked }) => {
            let end = until(session.ends_at, session.is_over(clock.now()));
            let but = if access_token_revoked { "; its credential was revoked" } else { "" };
            output::warn(&format!(
                "the session is deleted here but could not be ended at the server{end}: {}{but}",
                failure.message
            ));
            Outcome { revoked: access_token_revoked.into(), not_revoked: 1 }
        }
    })
}

impl Forgotten {
    fn count(&mut self, outcome: Outcome) {
        self.revoked += outcome.revoked;
        self.not_revoked += outcome.not_revoked;
    }
}

/// Revokes a credential. Whether that came about.
pub(super) fn revoke(entry: &Entry, clock: &dyn Clock) -> bool {
    let revoked = issuer_client::revoke(&entry.server, &entry.access_token, clock);
    let is_over = !entry.left(clock.now()).is_positive();
    let told = |failure: Failure| {
        let end = until(Some(entry.expires_at), is_over);
        output::warn(&format!("the credential is deleted here but could not be revoked{end}: {}", failure.message));
    };
    revoked.map_err(told).is_ok()
}

/// When something ends that the server was not there to end.
fn until(end: Option<Timestamp>, is_over: bool) -> String {
    match end {
        _ if is_over => ", and is over by this machine's clock".to_owned(),
        Some(end) => format!(", and ends at {}", super::status::rounded(end)),
        None => ", and ends by itself".to_owned(),
    }
}
