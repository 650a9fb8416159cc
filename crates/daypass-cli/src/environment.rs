//! The environment, read once and passed on.
//!
//! | variable | what |
//! |---|---|
//! | `DAYPASS_SERVER` | the server to use, by any of its URLs; naming it here trusts it |
//! | `DAYPASS_IDENTITY` | the identity to assume |
//! | `DAYPASS_IDENTITY_TOKEN` | the outside token that proves who this is: its value, or the path of a file |
//! | `DAYPASS_AMBIENT` | who may vouch for this job or machine: a provider's name, `auto` (the default), or `off` |
//! | `DAYPASS_CONFIG` | the configuration file, instead of the one in the user's configuration folder |
//! | `DAYPASS_CACHE` | the folder for credentials, instead of the one in the user's cache folder |
//!
//! `DAYPASS_KEYRING_HANDED_OVER` is set by `helper/keyring/next.rs` for whom it hands a question over to, and means nothing to
//! people.
//!
//! And by the platforms' conventions: `HOME`, `XDG_CONFIG_HOME`, `XDG_CONFIG_DIRS`, `XDG_CACHE_HOME`; on Windows
//! `APPDATA`, `LOCALAPPDATA`, `PROGRAMDATA`; and those that tell who is there (`surroundings.rs`). A variable that is
//! set to nothing counts as not set. Each CI system and cloud has variables of its own, which only `ambient` reads, and only
//! when it is asked: through [`Lookup`].
//!
//! What is *not* here: what the values mean. No other file reads the environment (clippy holds it to that).

use std::{ffi::OsString, path::PathBuf};

use daypass_core::secret::Secret;

use crate::{ambient::machine::ThisMachine, folders::Folders, surroundings::Surroundings};

/// What the environment says.
#[derive(Debug, Clone)]
pub(crate) struct Environment {
    /// `DAYPASS_SERVER`.
    pub(crate) server: Option<String>,
    /// `DAYPASS_IDENTITY`.
    pub(crate) identity: Option<String>,
    /// `DAYPASS_IDENTITY_TOKEN`: a value or a path, so it is secret until it is known which.
    pub(crate) identity_token: Option<Secret>,
    /// `DAYPASS_AMBIENT`.
    pub(crate) ambient: Option<String>,
    /// `DAYPASS_CONFIG`.
    pub(crate) config: Option<PathBuf>,
    /// The platform's folders.
    pub(crate) folders: Folders,
    /// Whether there is somebody who could sign in.
    pub(crate) surroundings: Surroundings,
    lookup: Lookup,
}

/// Reads any other variable.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lookup(fn(&str) -> Option<OsString>);

impl Lookup {
    /// The value of a variable that is set, and not to nothing.
    pub(crate) fn text(self, name: &str) -> Option<String> {
        // A value that is not Unicode is none of ours; for paths it may be.
        (self.0)(name).and_then(|value| value.into_string().ok())
    }
}

impl Environment {
    /// Reads this process's environment.
    pub(crate) fn read() -> Self {
        let lookup = Lookup(variable);
        let text = |name: &str| lookup.text(name);
        Self {
            server: text("DAYPASS_SERVER"),
            identity: text("DAYPASS_IDENTITY"),
            identity_token: text("DAYPASS_IDENTITY_TOKEN").map(Secret::new),
            ambient: text("DAYPASS_AMBIENT"),
            config: variable("DAYPASS_CONFIG").map(PathBuf::from),
            folders: Folders::of_platform(variable),
            surroundings: Surroundings::of_environment(text),
            lookup,
        }
    }

    /// The same, for a job that keeps what it has in places of its own.
    pub(crate) fn of_job(&self, server: &str, config: PathBuf, cache: PathBuf) -> Self {
        let folders = self.folders.clone().with_cache(cache);
        Self { server: Some(server.to_owned()), config: Some(config), folders, ..self.clone() }
    }

    /// The machine, for whoever looks for its identity.
    pub(crate) fn machine(&self) -> ThisMachine {
        ThisMachine::new(self.lookup)
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the environment enters")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
