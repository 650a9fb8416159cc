//! Policy files and key files, as they lie on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use daypass_core::{
    issuer::{KeySource, TrustedIssuer},
    policy::Policy,
};
use daypass_oidc::jwks::KeySet;

use crate::{failure::Failure, private_folder::trouble};

/// The policy files, and the folders they stand in: a JWKS file is named relative to its policy file.
pub(super) struct Policies {
    /// All of them as one.
    pub(super) merged: Policy,
    parts: Vec<(Policy, PathBuf)>,
}

impl Policies {
    /// Reads the files.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut parts = Vec::new();
        for path in paths {
            let text = fs::read_to_string(path).map_err(|error| trouble("cannot read", path, &error))?;
            let policy = Policy::parse(&text)
                .map_err(|error| Failure::local(format!("policy `{}`: {error}", path.display())))?;
            parts.push((policy, path.parent().map(Path::to_path_buf).unwrap_or_default()));
        }
        let merged = Policy::merge(parts.iter().map(|(policy, _)| policy.clone()))
            .map_err(|error| Failure::local(format!("the policies do not fit together: {error}")))?;
        Ok(Self { merged, parts })
    }

    /// The issuer whose tokens have this `iss`, and the folder of its policy file.
    pub(super) fn issuer_at(&self, url: &str) -> Option<(&TrustedIssuer, &Path)> {
        self.parts.iter().find_map(|(policy, folder)| {
            let issuer = policy.issuers().iter().find(|issuer| *issuer.url == *url)?;
            Some((issuer, folder.as_path()))
        })
    }

    /// The keys of an issuer, if a file holds them.
    pub(super) fn keys_of(issuer: &TrustedIssuer, folder: &Path) -> Result<Option<KeySet>, Failure> {
        match &issuer.keys {
            KeySource::JwksFile(file) => read_keys(&folder.join(&**file)).map(Some),
            KeySource::Discovery => Ok(None),
        }
    }
}

/// Reads a JWKS file.
pub(super) fn read_keys(path: &Path) -> Result<KeySet, Failure> {
    let document = fs::read(path).map_err(|error| trouble("cannot read", path, &error))?;
    KeySet::parse(&document).map_err(|error| Failure::local(format!("keys `{}`: {error}", path.display())))
}
