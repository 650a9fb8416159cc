//! The policy files: read at start, and again when they change.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use daypass_core::{issuer::KeySource, policy::Policy};
use daypass_issuer::LoadedPolicy;
use daypass_oidc::jwks::KeySet;

use crate::{config::read_text, failure::Failure};

/// How often the files are looked at. A withdrawn identity must be refused within five seconds.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads all policy files, and the key files they name, as one policy.
pub(crate) fn load(paths: &[PathBuf]) -> Result<(LoadedPolicy, Vec<PathBuf>), Failure> {
    let mut parts = Vec::new();
    let mut key_files = Vec::new();
    for path in paths {
        let text = read_text(path)?;
        let part = Policy::parse(&text).map_err(|error| senseless(format!("{}: {error}", path.display())))?;
        for issuer in part.issuers() {
            if let KeySource::JwksFile(file) = &issuer.keys {
                // Relative to the policy file that names it.
                key_files.push((issuer.name.clone(), path.parent().unwrap_or(Path::new("")).join(&**file)));
            }
        }
        parts.push(part);
    }
    let policy = Policy::merge(parts).map_err(senseless)?;
    let mut loaded = LoadedPolicy { policy: Arc::new(policy), ..LoadedPolicy::default() };
    let mut watched = paths.to_vec();
    for (issuer, path) in key_files {
        let keys = KeySet::parse(read_text(&path)?.as_bytes())
            .map_err(|error| senseless(format!("{}: {error}", path.display())))?;
        loaded.key_files.insert(issuer, keys);
        watched.push(path);
    }
    Ok((loaded, watched))
}

fn senseless(message: impl std::fmt::Display) -> Failure {
    Failure::configuration(message).hint("correct the file; `daypassd init` writes a commented one to compare with")
}

/// Notices that one of some files has changed.
pub(crate) struct Watch {
    paths: Vec<PathBuf>,
    seen: Vec<Option<(SystemTime, u64)>>,
}

impl Watch {
    /// Watches `paths` from now on.
    pub(crate) fn new(paths: Vec<PathBuf>) -> Self {
        let seen = look(&paths);
        Self { paths, seen }
    }

    /// Whether something changed since the last time this was asked.
    pub(crate) fn changed(&mut self) -> bool {
        let now = look(&self.paths);
        let changed = now != self.seen;
        self.seen = now;
        changed
    }
}

fn look(paths: &[PathBuf]) -> Vec<Option<(SystemTime, u64)>> {
    let look_at = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    paths.iter().map(look_at).collect()
}
