//! The program `keyring` that would be found if this one were not there.
//!
//! A job may have another one, for other indexes. Only those that come later on `PATH` are taken, and only once: what is
//! handed over to may be a shim that looks for `keyring` again, and finds this one.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::{
    ambient::machine::{Machine, ThisMachine},
    failure::Failure,
};

/// Set for whoever is handed over to.
const HANDED_OVER: &str = "DAYPASS_KEYRING_HANDED_OVER";

/// The next one, if there is one.
pub(super) fn find(machine: ThisMachine) -> Option<PathBuf> {
    if machine.variable(HANDED_OVER).is_some() {
        return None;
    }
    let us = std::env::current_exe().and_then(fs::canonicalize).ok()?;
    let programs = machine.places("keyring").into_iter().filter(|path| machine.has_file(path));
    after(programs, |path| fs::canonicalize(path).is_ok_and(|found| found == us))
}

/// The first of `programs` that comes after one of ours and is none.
fn after(programs: impl Iterator<Item = PathBuf>, is_ours: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    let mut behind_us = programs.skip_while(|path| !is_ours(path));
    behind_us.find(|path| !is_ours(path))
}

/// Lets `program` answer in our place.
pub(super) fn become_it(program: &Path, arguments: &[OsString]) -> Result<(), Failure> {
    let mut command = Command::new(program);
    command.args(arguments).env(HANDED_OVER, "1");
    let failed = |error| Failure::local(format!("cannot run `{}`: {error}", program.display()));
    #[cfg(unix)]
    {
        Err(failed(std::os::unix::process::CommandExt::exec(&mut command)))
    }
    #[cfg(not(unix))]
    {
        let status = command.status().map_err(failed)?;
        if status.success() { Ok(()) } else { Err(Failure::silent()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_comes_later_is_handed_over_to() {
        let find = |programs: &[&str]| {
            after(programs.iter().map(PathBuf::from), |path| path.starts_with("/job"))
                .map(|path| path.display().to_string())
        };
        assert_eq!(find(&["/job/bin/keyring", "/usr/bin/keyring"]).as_deref(), Some("/usr/bin/keyring"));
        assert_eq!(
            find(&["/job/a", "/job/b", "/usr/bin/keyring", "/bin/keyring"]).as_deref(),
            Some("/usr/bin/keyring")
        );
        assert_eq!(find(&["/other/keyring", "/job/bin/keyring"]), None, "it comes before us");
        assert_eq!(find(&["/usr/bin/keyring"]), None, "we are not on `PATH`");
        assert_eq!(find(&[]), None);
    }
}
