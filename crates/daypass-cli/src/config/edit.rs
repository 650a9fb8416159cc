//! Changing the configuration file: `login` adds a server, `logout` forgets one.
//!
//! One process at a time, whole files only, closed to others. What is *not* here: reading (`config.rs`).

use std::path::{Path, PathBuf};

use daypass_core::{clock::Clock, public_url::PublicUrl};

use super::Config;
use crate::{
    failure::Failure,
    lock::{Lock, Waiter},
    private_folder::{self, Draft, trouble},
    profile::ProfileName,
    server::Server,
};

const HEADING: &str = "# The servers that get credentials from `daypass`. Written by `daypass login` and `logout`.\n\n";

/// Remembers `server`, in the place of what was known about the same account. As the default, if it says so: then no
/// other account of that server is.
pub(crate) fn remember(path: &Path, server: Server, clock: &dyn Clock) -> Result<(), Failure> {
    edit(path, clock, |config| {
        let same_server = |known: &&mut Server| known.url == server.url;
        if server.default {
            config.servers.iter_mut().filter(same_server).for_each(|known| known.default = false);
        }
        match config.servers.iter_mut().find(|known| known.is_same_account(&server)) {
            Some(known) => *known = Server { default: known.default || server.default, ..server },
            None => config.servers.push(server),
        }
    })
}

/// Forgets the accounts at `url`, or only that of `profile`. Whether any was known.
pub(crate) fn forget(
    path: &Path,
    url: &PublicUrl,
    profile: Option<&ProfileName>,
    clock: &dyn Clock,
) -> Result<bool, Failure> {
    let meant = |known: &Server| known.url == *url && profile.is_none_or(|profile| known.profile == *profile);
    // Nothing to change must not fail where nothing can be written.
    if !Config::read(path)?.servers.iter().any(meant) {
        return Ok(false);
    }
    edit(path, clock, |config| config.servers.retain(|known| !meant(known)))?;
    Ok(true)
}

fn edit(path: &Path, clock: &dyn Clock, change: impl FnOnce(&mut Config)) -> Result<(), Failure> {
    // A link into a folder of settings that somebody keeps elsewhere stays a link.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if let Some(folder) = path.parent().filter(|folder| !folder.is_dir()) {
        private_folder::make(folder)?;
    }
    let _lock = Lock::take(&beside(path, ".lock"), "changes the configuration", Waiter::Program, clock)?;
    let before = Config::read(path)?;
    let mut after = before.clone();
    change(&mut after);
    if after == before {
        return Ok(());
    }
    // What would be refused when it is read is not written.
    after.check(path)?;
    let text = toml::to_string(&after).map_err(|error| Failure::local(format!("cannot write TOML: {error}")))?;
    let written = Draft::beside(path).and_then(|draft| draft.publish(format!("{HEADING}{text}").as_bytes(), path));
    written.map_err(|error| trouble("cannot write", path, &error))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}{suffix}"))
}
