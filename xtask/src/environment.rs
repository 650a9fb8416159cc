//! The environment, read in one place.

use std::{ffi::OsString, path::PathBuf};

/// The variable `name`, if it is set and not empty.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The folders of `PATH`.
pub(crate) fn search_path() -> Vec<PathBuf> {
    variable("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}

/// The variables that would make pip, uv, keyring or daypass behave differently on this machine than on another.
pub(crate) fn personal_variables() -> Vec<OsString> {
    let personal = |name: &str| {
        ["PIP_", "UV_", "DAYPASS_", "PYTHON", "KEYRING_"].iter().any(|prefix| name.starts_with(prefix))
            || matches!(name, "VIRTUAL_ENV" | "NETRC" | "XDG_CACHE_HOME" | "XDG_CONFIG_HOME" | "XDG_DATA_HOME")
    };
    std::env::vars_os().map(|(name, _value)| name).filter(|name| name.to_str().is_some_and(personal)).collect()
}
