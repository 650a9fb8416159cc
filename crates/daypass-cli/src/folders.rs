//! Where this platform keeps a program's files.
//!
//! | | Linux and others | macOS | Windows |
//! |---|---|---|---|
//! | cache | `$XDG_CACHE_HOME` or `~/.cache` | `~/Library/Caches` | `%LOCALAPPDATA%` |
//! | configuration | `$XDG_CONFIG_HOME` or `~/.config` | the same | `%APPDATA%` |
//! | for all users | `$XDG_CONFIG_DIRS`, then `/etc` | `/Library/Application Support` | `%PROGRAMDATA%` |
//!
//! `DAYPASS_CACHE` names our own cache folder itself, before all of these.
//!
//! What is *not* here: files and folders themselves; this only names them.

use std::{ffi::OsString, path::PathBuf};

use crate::failure::Failure;

/// The platform's folders, without our own name in them. `None`: the environment does not tell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Folders {
    /// Our own cache folder, where somebody named it.
    own_cache: Option<PathBuf>,
    cache: Option<PathBuf>,
    config: Option<PathBuf>,
    system: Vec<PathBuf>,
}

impl Folders {
    /// The folders of this platform, from its variables.
    pub(crate) fn of_platform(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        // XDG Base Directory Specification: "If an implementation encounters a relative path [...] it should
        // consider the path invalid and ignore it."
        let absolute = |name: &str| variable(name).map(PathBuf::from).filter(|path| path.is_absolute());
        // Not ignored where it is relative: what was named must not silently be another folder.
        let own_cache = variable("DAYPASS_CACHE").map(PathBuf::from);
        if cfg!(windows) {
            return Self {
                own_cache,
                cache: absolute("LOCALAPPDATA"),
                config: absolute("APPDATA"),
                system: absolute("PROGRAMDATA").into_iter().collect(),
            };
        }
        let home = absolute("HOME");
        let in_home = |path: &str| home.as_ref().map(|home| home.join(path));
        let mac = cfg!(target_os = "macos");
        let cache = if mac { in_home("Library/Caches") } else { in_home(".cache") };
        Self {
            own_cache,
            cache: absolute("XDG_CACHE_HOME").or(cache),
            config: absolute("XDG_CONFIG_HOME").or_else(|| in_home(".config")),
            system: if mac { vec!["/Library/Application Support".into()] } else { for_all_users(&variable) },
        }
    }

    /// The same, with another cache folder of ours.
    pub(crate) fn with_cache(self, folder: PathBuf) -> Self {
        Self { own_cache: Some(folder), ..self }
    }

    /// Our cache folder.
    pub(crate) fn cache(&self) -> Result<PathBuf, Failure> {
        match &self.own_cache {
            Some(folder) if folder.is_absolute() => return Ok(folder.clone()),
            Some(folder) => {
                let message = format!("`DAYPASS_CACHE` must be an absolute path, not `{}`", folder.display());
                return Err(Failure::local(message).hint("correct it or unset it"));
            }
            None => {}
        }
        self.cache.as_ref().map(|folder| folder.join("daypass")).ok_or_else(|| unknown("cache", "XDG_CACHE_HOME"))
    }

    /// The user's configuration file.
    pub(crate) fn config(&self) -> Result<PathBuf, Failure> {
        let file = self.config.as_ref().map(|folder| folder.join("daypass/config.toml"));
        file.ok_or_else(|| unknown("configuration", "XDG_CONFIG_HOME"))
    }

    /// The configuration files for all users of this machine, the most important first.
    pub(crate) fn system_configs(&self) -> impl Iterator<Item = PathBuf> {
        self.system.iter().map(|folder| folder.join("daypass/config.toml"))
    }
}

fn for_all_users(variable: &impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let named = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".into());
    let absolute = std::env::split_paths(&named).filter(|path| path.is_absolute());
    absolute.chain([PathBuf::from("/etc")]).collect()
}

fn unknown(what: &str, variable: &str) -> Failure {
    let variable = if cfg!(windows) { "LOCALAPPDATA` and `APPDATA" } else { variable };
    let message = format!("the {what} folder is not known, because the environment names no home folder");
    Failure::local(message).hint(format!("set `HOME` or `{variable}` to an absolute path"))
}

#[cfg(all(test, unix, not(target_os = "macos")))]
mod tests {
    use super::*;

    fn folders(variables: &[(&str, &str)]) -> Folders {
        Folders::of_platform(|name| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn xdg_variables_win_over_home() {
        let both = folders(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/fast")]);
        assert_eq!(both.cache().unwrap(), PathBuf::from("/fast/daypass"));
        assert_eq!(both.config().unwrap(), PathBuf::from("/home/ada/.config/daypass/config.toml"));
    }

    #[test]
    fn a_cache_that_was_named_is_taken_as_it_is() {
        let named = folders(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "/fast"), ("DAYPASS_CACHE", "/job/cache")]);
        assert_eq!(named.cache().unwrap(), PathBuf::from("/job/cache"));
        assert!(folders(&[("HOME", "/home/ada"), ("DAYPASS_CACHE", "cache")]).cache().is_err());
        assert_eq!(named.with_cache("/other".into()).cache().unwrap(), PathBuf::from("/other"));
    }

    #[test]
    fn a_company_may_put_its_file_into_any_folder_for_all_users() {
        let listed = |variables: &[(&str, &str)]| folders(variables).system_configs().collect::<Vec<_>>();
        let files = |names: &[&str]| names.iter().map(PathBuf::from).collect::<Vec<_>>();
        assert_eq!(listed(&[]), files(&["/etc/xdg/daypass/config.toml", "/etc/daypass/config.toml"]));
        assert_eq!(
            listed(&[("XDG_CONFIG_DIRS", "/a:relative:/b")]),
            files(&["/a/daypass/config.toml", "/b/daypass/config.toml", "/etc/daypass/config.toml"])
        );
    }

    #[test]
    fn relative_paths_count_as_not_set() {
        let relative = folders(&[("HOME", "/home/ada"), ("XDG_CACHE_HOME", "cache")]);
        assert_eq!(relative.cache().unwrap(), PathBuf::from("/home/ada/.cache/daypass"));
        assert!(folders(&[("HOME", "ada")]).cache().is_err());
    }
}
