//! Policy files and key files, as they lie on this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use daypass_core::{
    issuer::{KeySource, TrustedIssuer},
    policy::Policy,
};
use daypass_oidc::{jwks::KeySet, verify::Unverified};

use crate::{failure::Failure, private_folder::trouble};

/// The policy files, and the folders they stand in: a JWKS file is named relative to its policy file.
pub(crate) struct Policies {
    /// All of them as one.
    pub(crate) merged: Policy,
    parts: Vec<(Policy, PathBuf)>,
}

impl Policies {
    /// Reads the files.
    pub(crate) fn read(paths: &[PathBuf]) -> Result<Self, Failure> {
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

    /// The issuer that a token says it is from, and the folder of its policy file.
    pub(super) fn issuer_of(&self, unverified: &Unverified) -> Option<(&TrustedIssuer, &Path)> {
        let is = |issuer: &&TrustedIssuer| {
            issuer.spellings().any(|spelling| *spelling == *unverified.iss)
                || (issuer.limits.trust_domain.is_some() && unverified.trust_domain.as_deref() == Some(&issuer.url))
        };
        self.parts.iter().find_map(|(policy, folder)| Some((policy.issuers().iter().find(is)?, folder.as_path())))
    }

    /// The issuer whose tokens have that `iss`.
    pub(super) fn issuer_called(&self, iss: &str) -> Option<&TrustedIssuer> {
        self.merged.issuers().iter().find(|issuer| issuer.spellings().any(|spelling| *spelling == *iss))
    }

    /// The keys of an issuer, if a file holds them.
    pub(super) fn keys_of(issuer: &TrustedIssuer, folder: &Path) -> Result<Option<KeySet>, Failure> {
        match &issuer.keys {
            KeySource::JwksFile(file) => read_keys(&folder.join(&**file)).map(Some),
            KeySource::Inline(text) => KeySet::parse(text.as_bytes())
                .map(Some)
                .map_err(|error| Failure::local(format!("issuer `{}`: {error}", issuer.name))),
            KeySource::Discovery | KeySource::JwksUri(_) | KeySource::AwsSts { .. } => Ok(None),
        }
    }
}

/// Reads a JWKS file.
pub(super) fn read_keys(path: &Path) -> Result<KeySet, Failure> {
    let document = fs::read(path).map_err(|error| trouble("cannot read", path, &error))?;
    KeySet::parse(&document).map_err(|error| Failure::local(format!("keys `{}`: {error}", path.display())))
}
