//! Scripts, read by linters.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};

use crate::{
    command::{answer, finish, run},
    system,
    workspace::Workspace,
};

/// All of them; and each linter is shown something bad first, to see that it can say no.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    shell(workspace)?;
    super::workflows::check(workspace)
}

fn shell(workspace: &Workspace) -> Result<()> {
    let shellcheck = system::require("shellcheck", "shellcheck")?;
    let folder = tempfile::tempdir()?;
    let bad = folder.path().join("bad.sh");
    fs::write(&bad, "#!/bin/sh\ncd $1\n[[ -d $2 ]] && rm -rf $2/*\n")?;
    refuses(Command::new(&shellcheck).arg(&bad), "SC3010")?;
    let scripts = scripts(&workspace.root)?;
    ensure!(scripts.iter().any(|path| path == "action/install.sh"), "install.sh is not among the scripts");
    run(Command::new(&shellcheck).current_dir(&workspace.root).args(scripts))
}

/// Fails unless `linter` fails, and names `finding`.
pub(super) fn refuses(linter: &mut Command, finding: &str) -> Result<()> {
    let finished = finish(linter)?;
    let words = finished.stdout + &finished.stderr;
    ensure!(!finished.status.success() && words.contains(finding), "the linter let a bad file pass: {words}");
    Ok(())
}

/// The files in git that a shell runs, by their first line.
fn scripts(root: &Path) -> Result<Vec<String>> {
    let tracked = answer(Command::new("git").current_dir(root).args(["ls-files", "-z"])).context("not a checkout")?;
    let is_script = |path: &&str| {
        let text = fs::read(root.join(path)).unwrap_or_default();
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        first.starts_with(b"#!") && (first.ends_with(b"sh") || first.ends_with(b"bash"))
    };
    Ok(tracked.split_terminator('\0').filter(is_script).map(str::to_owned).collect())
}
