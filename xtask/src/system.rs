//! Programs of the system: found, or installed from its packages.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};

use crate::{
    command::{answer, run},
    environment,
    say::complain,
};

/// The program `name` on `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    environment::search_path().into_iter().map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// The program `name`, installed from `package` if it is missing.
pub(crate) fn require(name: &str, package: &str) -> Result<PathBuf> {
    // Debian's servers are in /usr/sbin, which an unprivileged user's PATH may leave out.
    let look = || program(name).or_else(|| Some(Path::new("/usr/sbin").join(name)).filter(|path| path.is_file()));
    if let Some(found) = look() {
        return Ok(found);
    }
    install(package)?;
    look().with_context(|| format!("the package `{package}` brought no `{name}`"))
}

/// Installs `package` with apt-get, as root or through sudo.
pub(crate) fn install(package: &str) -> Result<()> {
    if program("apt-get").is_none() {
        bail!("`{package}` is missing, and there is no apt-get to install it with: install it by hand");
    }
    complain(format_args!("installing {package} from the system's packages"));
    let mut attempt = apt_get(&["install", "--yes", "--no-install-recommends", package]);
    if run(&mut attempt).is_err() {
        run(&mut apt_get(&["update"]))?;
        run(&mut apt_get(&["install", "--yes", "--no-install-recommends", package]))
            .with_context(|| format!("`{package}` cannot be installed"))?;
    }
    Ok(())
}

/// Whether this process may do anything.
pub(crate) fn is_root() -> bool {
    answer(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

fn apt_get(arguments: &[&str]) -> Command {
    let mut command = if is_root() {
        Command::new("apt-get")
    } else {
        let mut sudo = Command::new("sudo");
        sudo.args(["--non-interactive", "apt-get"]);
        sudo
    };
    command.args(["-qq", "-o", "Dpkg::Use-Pty=0"]).args(arguments);
    command.env("DEBIAN_FRONTEND", "noninteractive").stdout(Stdio::null());
    command
}
