//! What the journeys of people need: a browser, a company's provider, certified clients, poetry and twine.
//!
//! The scripts are in `tests/people`; they run from a copy beside the packages they need, since Node looks for those
//! in the folders above a script.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    command::run,
    say::complain,
    system,
    tools::{self, KEYRING, Python},
    workspace::Workspace,
};

const POETRY: &str = "poetry==2.5.1";
const TWINE: &str = "twine==7.0.0";
const AUTHLIB: [&str; 2] = ["authlib==1.9.9", "requests==2.34.2"];

/// The folder with the scripts and what they need.
pub(super) fn scripts(workspace: &Workspace) -> Result<PathBuf> {
    // Chromium's path is the same everywhere; its package is not.
    if !Path::new("/usr/bin/chromium").is_file() {
        system::install("chromium")?;
    }
    beside_packages(workspace, "people", "a provider, a browser's driver and certified clients")
}

/// A folder of `tests`, copied beside the Node packages that its lock file names.
pub(super) fn beside_packages(workspace: &Workspace, name: &str, what: &str) -> Result<PathBuf> {
    system::require("node", "nodejs")?;
    let (source, folder) = (workspace.root.join("tests").join(name), workspace.tools().join(name));
    packages(&source, &folder, what)?;
    for entry in fs::read_dir(&source)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), folder.join(entry.file_name()))?;
        }
    }
    Ok(folder)
}

/// The Node packages, when the lock file is another one than last time.
fn packages(source: &Path, folder: &Path, what: &str) -> Result<()> {
    let (lock, stamp) = (fs::read(source.join("package-lock.json"))?, folder.join("installed.json"));
    if fs::read(&stamp).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    complain(format_args!("installing {what} for the journeys"));
    system::require("npm", "npm")?;
    fs::create_dir_all(folder)?;
    for name in ["package.json", "package-lock.json"] {
        fs::copy(source.join(name), folder.join(name))?;
    }
    run(Command::new("npm").current_dir(folder).args([
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--silent",
    ]))
    .context("the Node packages cannot be installed: is the registry that your npm uses within reach?")?;
    fs::write(stamp, lock)?;
    Ok(())
}

/// poetry, with our wheel beside it.
pub(super) fn poetry(workspace: &Workspace, wheel: &Path) -> Result<PathBuf> {
    with_wheel(workspace, "poetry", &[POETRY, KEYRING], wheel)
}

/// twine, with our wheel beside it.
pub(super) fn twine(workspace: &Workspace, wheel: &Path) -> Result<PathBuf> {
    with_wheel(workspace, "twine", &[TWINE, KEYRING], wheel)
}

/// The Python that has authlib.
pub(super) fn authlib(workspace: &Workspace) -> Result<PathBuf> {
    Ok(tools::environment(workspace, "authlib", &AUTHLIB)?.join("python"))
}

/// The program of the name in an environment that holds our wheel too: these tools import keyring themselves.
fn with_wheel(workspace: &Workspace, name: &str, requirements: &[&str], wheel: &Path) -> Result<PathBuf> {
    let programs = tools::environment(workspace, name, requirements)?;
    let folder = workspace.tools().join(name);
    let (bytes, stamp) = (fs::read(wheel)?, folder.join("wheel.whl"));
    if fs::read(&stamp).is_ok_and(|installed| installed == bytes) {
        return Ok(programs.join(name));
    }
    run(Python::find()?
        .pip(&folder)
        .args(["install", "--quiet", "--no-index", "--no-deps", "--force-reinstall"])
        .arg(wheel))
    .with_context(|| format!("the wheel cannot be installed beside {name}"))?;
    fs::write(&stamp, bytes)?;
    Ok(programs.join(name))
}
