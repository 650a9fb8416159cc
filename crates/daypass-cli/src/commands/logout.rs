//! `daypass logout`: revokes at the server, deletes here, and forgets the server.

use std::{fs, io, path::Path};

use daypass_core::{clock::Clock, public_url::PublicUrl};
use serde::Serialize;

use crate::{
    arguments::{Format, Logout},
    cache::{Cache, entry::Entry},
    config::edit,
    environment::Environment,
    failure::Failure,
    issuer_client, output,
    private_folder::trouble,
    trust::{Trusted, server_url},
};

#[derive(Serialize)]
struct Answer {
    servers: Vec<Forgotten>,
}

#[derive(Serialize)]
struct Forgotten {
    server: PublicUrl,
    /// Credentials that the server took back.
    revoked: usize,
    /// Credentials that it could not be asked to take back; they end by themselves.
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
    let urls = match &arguments.server {
        Some(text) => vec![server_url(text)?],
        None => trusted.servers().iter().map(|server| server.url.clone()).collect(),
    };
    let mut servers = Vec::new();
    for server in urls {
        // Forgotten first: whatever fails below, no helper hands out a credential of this server any more.
        edit::forget(&config, &server, clock)?;
        let mut forgotten = Forgotten { server, revoked: 0, not_revoked: 0 };
        for (path, entry) in cache.of_server(&forgotten.server)? {
            // Nobody may be about to put a new one into its place.
            let _lock = cache.lock(entry.key(), clock)?;
            delete(&path)?;
            revoke(&entry, &mut forgotten, clock);
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
        output::note(&format!("signed out of {}", forgotten.server));
        if environment.server.is_some() && trusted.only().is_ok_and(|named| named.url == forgotten.server) {
            output::note("\nhint: `DAYPASS_SERVER` still names it; unset it to be signed out for good");
        }
    }
    Ok(())
}

fn delete(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(trouble("cannot delete", path, &error)),
        _ => Ok(()),
    }
}

fn revoke(entry: &Entry, forgotten: &mut Forgotten, clock: &dyn Clock) {
    if !entry.left(clock.now()).is_positive() {
        return;
    }
    match issuer_client::revoke(&entry.server, &entry.access_token, clock) {
        Ok(()) => forgotten.revoked += 1,
        Err(failure) => {
            forgotten.not_revoked += 1;
            output::warn(&format!(
                "the credential is deleted here but could not be revoked, and ends at {}: {}",
                entry.expires_at, failure.message
            ));
        }
    }
}
