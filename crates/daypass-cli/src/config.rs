//! The configuration file: which servers are ours, and as who.
//!
//! Read on every call of a helper, so it is one small file. `login` and `logout` write it ([`edit`]); a company may
//! ship one for all users of a machine, which only root may be able to write. A project's folder never holds one: whoever can change a project's files
//! must not be able to name a server that gets our credentials.

use std::{fs, io, path::Path};

use daypass_core::service_account;
use serde::{Deserialize, Serialize};

use crate::{failure::Failure, output, private_folder::trouble, server::Server};

pub(crate) mod edit;
#[cfg(unix)]
mod writers;

/// What the file says. Unknown keys are errors: a misspelt setting must not silently be none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The servers, in the order of the file.
    #[serde(default, rename = "server", skip_serializing_if = "Vec::is_empty")]
    pub(crate) servers: Vec<Server>,
}

/// More than anybody's list of servers, and less than a mistake such as `/dev/zero`.
const LARGEST: u64 = 1024 * 1024;

impl Config {
    /// Reads the user's file at `path`. A file that is not there says nothing.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let Some(file) = open(path)? else { return Ok(Self::default()) };
        // On Windows the profile's folders are closed to others by their access control lists.
        #[cfg(unix)]
        writers::check(&file, path, writers::Writers::User)?;
        Self::parse(file, path)
    }

    /// Reads the file for all users at `path`. One that others than root can write says nothing either, and a warning
    /// tells so: it must not stand in the way of what the user's own file says.
    pub(crate) fn read_for_all_users(path: &Path) -> Result<Self, Failure> {
        let Ok(Some(file)) = open(path) else { return Ok(Self::default()) };
        #[cfg(unix)]
        if let Err(failure) = writers::check(&file, path, writers::Writers::Root) {
            output::warn(&format!("{}; it is ignored", failure.message));
            return Ok(Self::default());
        }
        Self::parse(file, path)
    }

    fn parse(file: fs::File, path: &Path) -> Result<Self, Failure> {
        let text = read_bounded(file).map_err(|error| trouble("cannot read", path, &error))?;
        let config: Self = toml::from_str(&text).map_err(|error| {
            let line = error.span().map_or(1, |span| line_of(&text, span.start));
            let message = format!("`{}` line {line}: {}", path.display(), first_line(error.message()));
            Failure::local(message).hint("correct the line, or move the file away and run `daypass login` again")
        })?;
        config.check(path)?;
        Ok(config)
    }

    fn check(&self, path: &Path) -> Result<(), Failure> {
        for (position, server) in self.servers.iter().enumerate() {
            if self.servers.iter().skip(position + 1).any(|other| other.is_same_account(server)) {
                return Err(Failure::local(format!("`{}` lists {} twice", path.display(), server.account()))
                    .hint("remove one of the two `[[server]]` tables"));
            }
            if server.identity_token_path.is_some() && server.ambient.is_some() {
                return Err(Failure::local(format!("`{}`: {} has two sources", path.display(), server.account()))
                    .hint("remove either `identity_token_path` or `ambient`"));
            }
            if let Some(token) = server.identity_token_path.as_ref().filter(|token| !token.is_absolute()) {
                let message =
                    format!("`{}`: `identity_token_path` must be absolute, not `{}`", path.display(), token.display());
                return Err(Failure::local(message).hint("it would depend on the folder a tool is started in"));
            }
            if let Some(key) = &server.service_account_key_path {
                let is_one = server.identity.as_ref().is_some_and(|name| service_account::of_identity(name).is_some());
                if !is_one || !key.is_absolute() {
                    let message = format!(
                        "`{}`: `service_account_key_path` must be absolute, and `identity` a service account's",
                        path.display()
                    );
                    return Err(Failure::local(message).hint("`daypass login --service-account` writes both"));
                }
            }
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<Option<fs::File>, Failure> {
    match fs::File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(trouble("cannot read", path, &error)),
    }
}

fn read_bounded(file: fs::File) -> io::Result<String> {
    let mut text = String::new();
    let read = io::Read::read_to_string(&mut io::Read::take(file, LARGEST + 1), &mut text)?;
    if read as u64 > LARGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is larger than 1 MiB"));
    }
    Ok(text)
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
