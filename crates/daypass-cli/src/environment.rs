//! The environment, read once and passed on.
//!
//! | variable | what |
//! |---|---|
//! | `DAYPASS_SERVER` | the server to use, by any of its URLs; naming it here trusts it |
//! | `DAYPASS_IDENTITY` | the identity to assume |
//! | `DAYPASS_IDENTITY_TOKEN` | the outside token that proves who this is: its value, or the path of a file |
//! | `DAYPASS_CONFIG` | the configuration file, instead of the one in the user's configuration folder |
//!
//! And by the platforms' conventions: `HOME`, `XDG_CONFIG_HOME`, `XDG_CONFIG_DIRS`, `XDG_CACHE_HOME`; on Windows
//! `APPDATA`, `LOCALAPPDATA`, `PROGRAMDATA`; and those that tell who is there (`surroundings.rs`). A variable that is
//! set to nothing counts as not set.
//!
//! What is *not* here: what the values mean. No other file reads the environment (clippy holds it to that).

use std::{ffi::OsString, path::PathBuf};

use daypass_core::secret::Secret;

use crate::{folders::Folders, surroundings::Surroundings};

/// What the environment says.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    /// `DAYPASS_SERVER`.
    pub(crate) server: Option<String>,
    /// `DAYPASS_IDENTITY`.
    pub(crate) identity: Option<String>,
    /// `DAYPASS_IDENTITY_TOKEN`: a value or a path, so it is secret until it is known which.
    pub(crate) identity_token: Option<Secret>,
    /// `DAYPASS_CONFIG`.
    pub(crate) config: Option<PathBuf>,
    /// The platform's folders.
    pub(crate) folders: Folders,
    /// Whether there is somebody who could sign in.
    pub(crate) surroundings: Surroundings,
}

impl Environment {
    /// Reads this process's environment.
    pub(crate) fn read() -> Self {
        // A value that is not Unicode is none of ours; for paths it may be.
        let text = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        Self {
            server: text("DAYPASS_SERVER"),
            identity: text("DAYPASS_IDENTITY"),
            identity_token: text("DAYPASS_IDENTITY_TOKEN").map(Secret::new),
            config: variable("DAYPASS_CONFIG").map(PathBuf::from),
            folders: Folders::of_platform(variable),
            surroundings: Surroundings::of_environment(text),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where the environment enters")]
fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
