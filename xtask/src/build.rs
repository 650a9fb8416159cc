//! `cargo xtask build`: the binaries and the wheel.

use std::{
    fs::{self, TryLockError},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{
    command::{pause, run},
    say::complain,
    tools::{self, MATURIN},
    workspace::{Profile, Workspace},
};

/// What was built.
pub(crate) struct Built {
    /// The folder with `daypassd` and `daypass` (and the testkit's `fake-ci`, which is no part of the product).
    pub(crate) binaries: PathBuf,
    /// The wheel of `keyrings-daypass`.
    pub(crate) wheel: PathBuf,
}

/// Makes the release binaries and the wheel, and says where they are.
pub(crate) fn release(workspace: &Workspace) -> Result<Built> {
    let built = everything(workspace, Profile::Release)?;
    for name in ["daypassd", "daypass"] {
        complain(format_args!("built {}", built.binaries.join(name).display()));
    }
    complain(format_args!("built {}", built.wheel.display()));
    Ok(built)
}

/// Makes the binaries and the wheel in `profile`.
///
/// maturin calls cargo with the same target folder and profile, and leaves `daypass` among the other binaries: it is
/// compiled once.
pub(crate) fn everything(workspace: &Workspace, profile: Profile) -> Result<Built> {
    let _one_at_a_time = lock(workspace)?;
    let packages = ["--package", "daypass-server", "--package", "daypass-testkit", "--bins"];
    run(workspace.cargo().args(["build", "--profile", profile.name()]).args(packages))?;
    Ok(Built { binaries: workspace.binaries(profile), wheel: wheel(workspace, profile)? })
}

/// maturin moves `daypass` about while it packs it; another build must not look for it meanwhile.
fn lock(workspace: &Workspace) -> Result<fs::File> {
    fs::create_dir_all(&workspace.target)?;
    let file = fs::File::create(workspace.target.join("xtask.lock"))?;
    while let Err(error) = file.try_lock() {
        match error {
            TryLockError::WouldBlock => pause(Duration::from_millis(100))?,
            TryLockError::Error(error) => return Err(error.into()),
        }
    }
    Ok(file)
}

fn wheel(workspace: &Workspace, profile: Profile) -> Result<PathBuf> {
    let programs = tools::environment(workspace, "maturin", &[MATURIN])?;
    let folder = workspace.wheels(profile);
    let making = folder.join("new");
    // An older version's wheel must not be taken for this one.
    if making.exists() {
        fs::remove_dir_all(&making)?;
    }
    run(Command::new(programs.join("maturin"))
        .current_dir(workspace.root.join("python/keyrings-daypass"))
        .args(["build", "--quiet", "--profile", profile.name(), "--out"])
        .arg(&making)
        .arg("--target-dir")
        .arg(&workspace.target))
    .context("the wheel of keyrings-daypass was not built")?;
    let made = tools::only_file(&making, "keyrings_daypass-", ".whl")?;
    let name = made.file_name().context("a wheel without a name")?;
    for entry in fs::read_dir(&folder)? {
        let old = entry?.path();
        if old.extension().is_some_and(|extension| extension == "whl") {
            fs::remove_file(old)?;
        }
    }
    let wheel = folder.join(name);
    fs::rename(&made, &wheel)?;
    fs::remove_dir(&making)?;
    Ok(wheel)
}
