//! The Python package's own checks.

use std::process::Command;

use anyhow::{Context, Result};

use crate::{
    command::run,
    tools::{self, KEYRING},
    workspace::Workspace,
};

/// ruff, mypy and pytest on `python/keyrings-daypass`.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let needed = ["ruff==0.17.6", "mypy==2.4.1", "pytest==9.0.1", "keyrings.alt==5.0.2", KEYRING];
    let programs = tools::environment(workspace, "python-tests", &needed)?;
    let package = workspace.root.join("python/keyrings-daypass");
    let tool = |name: &str| {
        let mut command = Command::new(programs.join(name));
        command.current_dir(&package);
        command
    };
    run(tool("ruff").args(["check", "--no-cache", "."]))?;
    run(tool("ruff").args(["format", "--no-cache", "--check", "."]))?;
    run(tool("mypy").args(["--strict", "--cache-dir"]).arg(workspace.target.join("mypy")).arg("."))?;
    // The source, beside a real neighbour in the namespace; the wheel itself is the journeys' business.
    run(tool("python").args(["-m", "pytest", "-q"]).env("PYTHONPATH", package.join("src")))
        .context("the tests of keyrings-daypass failed")
}
