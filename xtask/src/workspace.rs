//! Where things are: the repository and cargo's target folder.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::{command::answer, environment};

/// The repository and the folder that cargo builds into.
pub(crate) struct Workspace {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder, wherever that is (`CARGO_TARGET_DIR`, cargo's configuration).
    pub(crate) target: PathBuf,
    /// What `cargo metadata` says of our own packages.
    pub(crate) metadata: Value,
}

/// Which of cargo's profiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// Quick to build.
    Dev,
    /// What users get.
    Release,
}

impl Profile {
    /// The name that cargo and maturin know it by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Release => "release",
        }
    }
}

impl Workspace {
    /// Asks cargo.
    pub(crate) fn find() -> Result<Self> {
        let manifest = environment::variable("CARGO_MANIFEST_DIR")
            .context("run this as `cargo xtask`, so that cargo tells where the repository is")?;
        let text = answer(cargo_at(&PathBuf::from(manifest)).args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ]))?;
        let metadata: Value = serde_json::from_str(&text).context("`cargo metadata` gave no JSON")?;
        let folder = |key: &str| {
            let path = metadata.get(key).and_then(Value::as_str);
            path.map(PathBuf::from).with_context(|| format!("`cargo metadata` does not tell `{key}`"))
        };
        let (root, target) = (folder("workspace_root")?, folder("target_directory")?);
        Ok(Self { root, target, metadata })
    }

    /// `cargo`, run in the repository.
    pub(crate) fn cargo(&self) -> Command {
        cargo_at(&self.root)
    }

    /// Where cargo puts the binaries of `profile`.
    pub(crate) fn binaries(&self, profile: Profile) -> PathBuf {
        self.target.join(match profile {
            Profile::Dev => "debug",
            Profile::Release => "release",
        })
    }

    /// Where the wheels are put.
    pub(crate) fn wheels(&self, profile: Profile) -> PathBuf {
        match profile {
            Profile::Release => self.target.join("wheels"),
            Profile::Dev => self.target.join("wheels-dev"),
        }
    }

    /// Where the tools are installed.
    pub(crate) fn tools(&self) -> PathBuf {
        self.target.join("tools")
    }
}

fn cargo_at(folder: &Path) -> Command {
    let mut cargo = Command::new(environment::variable("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(folder);
    // `cargo run` describes xtask in these; they must not leak into what the children build, nor spoil its cache.
    for name in ["CARGO_MANIFEST_DIR", "CARGO_MANIFEST_PATH", "CARGO_PKG_NAME", "CARGO_PKG_VERSION"] {
        cargo.env_remove(name);
    }
    cargo
}
