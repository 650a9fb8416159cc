//! The programs that a runner puts onto `PATH`, which ask its API for the job.
//!
//! They know the real command lines and refuse every other one: a client that is wrong should fail here, too.

#![expect(clippy::expect_used, reason = "test code fails by panicking")]

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf};

use super::{Kind, State};

const BUILDKITE_AGENT: &str = include_str!("programs/buildkite-agent.py");
const CIRCLECI: &str = include_str!("programs/circleci.py");

/// The folder of programs, if there are any.
pub(super) fn folder(state: &State) -> Option<PathBuf> {
    program(state.kind).map(|_| state.folder.join("bin"))
}

fn program(kind: Kind) -> Option<(&'static str, &'static str)> {
    match kind {
        Kind::Buildkite => Some(("buildkite-agent", BUILDKITE_AGENT)),
        Kind::CircleCi => Some(("circleci", CIRCLECI)),
        _ => None,
    }
}

/// Writes them.
pub(super) fn write(state: &State) {
    let (Some(folder), Some((name, text))) = (folder(state), program(state.kind)) else { return };
    fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    let script = format!("#!{} -I\nAPI = {:?}\n{text}", state.python.display(), state.api);
    fs::write(&path, script).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a program");
}
