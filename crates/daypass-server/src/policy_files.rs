//! The policy files: read at start, and again when they change.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use daypass_core::{
    issuer::{KeySource, TrustedIssuer},
    policy::Policy,
    provider::SecretSource,
    secret::Secret,
    service_account,
};
use daypass_issuer::LoadedPolicy;
use daypass_oidc::jwks::KeySet;

use crate::{config::read_text, failure::Failure};

/// How often the files are looked at. A withdrawn identity must be refused within five seconds.
pub(crate) const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Reads all policy files, and the key files they name, as one policy.
///
/// The watch is over everything that was looked at, as it was *before* it was read, so no change in between is missed;
/// it is there also when the policy makes no sense, to notice when that is mended.
pub(crate) fn load(paths: &[PathBuf]) -> (Result<LoadedPolicy, Failure>, Watch) {
    let mut watch = Watch::default();
    let loaded = read(paths, &mut watch);
    (loaded, watch)
}

fn read(paths: &[PathBuf], watch: &mut Watch) -> Result<LoadedPolicy, Failure> {
    let mut parts = Vec::new();
    let mut key_files = Vec::new();
    let mut ca_files = Vec::new();
    let mut fixed_keys = BTreeMap::new();
    let mut provider_secrets = Vec::new();
    let mut client_secrets = Vec::new();
    for path in paths {
        watch.add(path.clone());
    }
    for path in paths {
        let text = read_text(path)?;
        let part = Policy::parse(&text).map_err(|error| senseless(format!("{}: {error}", path.display())))?;
        // Relative to the policy file that names it.
        let beside = |file: &str| path.parent().unwrap_or(Path::new("")).join(file);
        for issuer in part.issuers() {
            match &issuer.keys {
                KeySource::JwksFile(file) => key_files.push((issuer.clone(), beside(file))),
                KeySource::Inline(text) => {
                    let keys = KeySet::parse(text.as_bytes())
                        .map_err(|error| senseless(format!("issuer `{}`: {error}", issuer.name)))?;
                    usable(issuer, &keys)?;
                    fixed_keys.insert(issuer.name.clone(), keys);
                }
                KeySource::Discovery | KeySource::JwksUri(_) | KeySource::AwsSts { .. } => {}
            }
            ca_files.extend(issuer.ca_file.as_ref().map(|file| (issuer.name.clone(), beside(file))));
        }
        for provider in part.providers() {
            let place = provider.client_secret.as_ref().map(|source| SecretPlace::of(source, beside));
            provider_secrets.extend(place.map(|place| (provider.name.clone(), place)));
        }
        for client in part.clients() {
            let place = client.secret.as_ref().map(|source| SecretPlace::of(source, beside));
            client_secrets.extend(place.map(|place| (client.id.clone(), place)));
        }
        parts.push(part);
    }
    let policy = Policy::merge(parts).map_err(senseless)?;
    let mut loaded = LoadedPolicy { policy: Arc::new(policy), fixed_keys, ..LoadedPolicy::default() };
    for path in key_files.iter().map(|(_, path)| path).chain(ca_files.iter().map(|(_, path)| path)) {
        watch.add(path.clone());
    }
    for (_, place) in &provider_secrets {
        place.watch(watch);
    }
    for (_, place) in &client_secrets {
        place.watch(watch);
    }
    for (provider, place) in provider_secrets {
        loaded.provider_secrets.insert(provider, place.read()?);
    }
    for (client, place) in client_secrets {
        loaded.client_secrets.insert(client, place.read()?);
    }
    for (issuer, path) in key_files {
        let keys = KeySet::parse(read_text(&path)?.as_bytes())
            .map_err(|error| senseless(format!("{}: {error}", path.display())))?;
        usable(&issuer, &keys)?;
        loaded.fixed_keys.insert(issuer.name, keys);
    }
    for (issuer, path) in ca_files {
        loaded.issuer_cas.insert(issuer, read_text(&path)?.into());
    }
    Ok(loaded)
}

/// A service account has a key that can be used: without one it is a mistake, and not a machine.
fn usable(issuer: &TrustedIssuer, keys: &KeySet) -> Result<(), Failure> {
    match service_account::named_by(&issuer.url) {
        Some(account) if keys.is_empty() => {
            Err(senseless(format!("service account `{account}`: none of its keys can be used to verify a signature")))
        }
        _ => Ok(()),
    }
}

/// Where a secret is.
enum SecretPlace {
    File(PathBuf),
    Environment(String),
}

impl SecretPlace {
    fn of(source: &SecretSource, beside: impl Fn(&str) -> PathBuf) -> Self {
        match source {
            SecretSource::File(file) => Self::File(beside(file)),
            SecretSource::Environment(name) => Self::Environment(name.to_string()),
        }
    }

    fn watch(&self, watch: &mut Watch) {
        if let Self::File(path) = self {
            watch.add(path.clone());
        }
    }

    fn read(&self) -> Result<Secret, Failure> {
        let (text, place) = match self {
            Self::File(path) => (read_text(path)?, path.display().to_string()),
            Self::Environment(name) => {
                #[expect(clippy::disallowed_methods, reason = "the operator wrote the variable's name into the policy")]
                let value = std::env::var(name);
                let missing =
                    || senseless(format!("the environment variable `{name}`, which is to hold a secret, is not set"));
                (value.map_err(|_| missing())?, format!("`{name}`"))
            }
        };
        let secret = Secret::new(text.trim());
        if secret.is_empty() { Err(senseless(format!("the secret in {place} is empty"))) } else { Ok(secret) }
    }
}

fn senseless(message: impl std::fmt::Display) -> Failure {
    Failure::configuration(message).hint("correct the file; `daypassd init` writes a commented one to compare with")
}

/// Notices that one of some files has changed.
#[derive(Default)]
pub(crate) struct Watch(Vec<(PathBuf, Option<Stamp>)>);

/// What tells one state of a file from another.
type Stamp = (SystemTime, u64);

impl Watch {
    /// Watches one more file from now on, whether or not it is there.
    fn add(&mut self, path: PathBuf) {
        let seen = stamp(&path);
        self.0.push((path, seen));
    }

    /// Whether something has changed since it was looked at.
    pub(crate) fn changed(&self) -> bool {
        self.0.iter().any(|(path, seen)| stamp(path) != *seen)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const POLICY: &str =
        "[[issuer]]\nname = \"ci\"\nurl = \"https://ci.example.com\"\nkeys = { jwks = \"keys.json\" }\n";

    #[test]
    fn a_secret_comes_from_a_file_beside_the_policy_and_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, secret) = (folder.path().join("policy.toml"), folder.path().join("corp.secret"));
        let text = "[[provider]]\nname = \"corp\"\nurl = \"https://login.example.com\"\nclient_id = \"daypass\"\n\
                    client_secret = { file = \"corp.secret\" }\n";
        fs::write(&policy, text).unwrap();
        let (loaded, watch) = load(std::slice::from_ref(&policy));
        assert!(loaded.is_err() && !watch.changed());
        fs::write(&secret, "\n").unwrap();
        assert!(watch.changed());
        let (loaded, watch) = load(std::slice::from_ref(&policy));
        assert!(loaded.is_err());
        fs::write(&secret, "hush\n").unwrap();
        assert!(watch.changed());
        let (loaded, _) = load(std::slice::from_ref(&policy));
        let secrets: Vec<_> = loaded.unwrap().provider_secrets.into_values().collect();
        assert_eq!(secrets, [Secret::new("hush")]);
        fs::write(&policy, text.replace("file = \"corp.secret\"", "env = \"DAYPASS_TEST_NO_SUCH\"")).unwrap();
        assert!(load(std::slice::from_ref(&policy)).0.is_err());
    }

    #[test]
    fn a_key_file_that_is_missing_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, keys) = (folder.path().join("policy.toml"), folder.path().join("keys.json"));
        fs::write(&policy, POLICY).unwrap();
        let (loaded, watch) = load(std::slice::from_ref(&policy));
        assert!(loaded.is_err() && !watch.changed());
        fs::write(&keys, "{\"keys\": []}").unwrap();
        assert!(watch.changed());
        fs::write(&policy, format!("{POLICY}unknown = 1\n")).unwrap();
        let (loaded, watch) = load(std::slice::from_ref(&policy));
        assert!(loaded.is_err() && !watch.changed());
        fs::remove_file(&policy).unwrap();
        assert!(watch.changed());
    }
}
