//! The package policies of the indexes: read at start, and again when they or their advisories change.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    clock::Clock,
    names::IndexName,
};
use daypass_index::package_policy::{InForce, LivePolicy, PackagePolicy};
use daypass_store::Store;

use crate::{
    config::{Settings, read_text},
    failure::Failure,
    policy_files::LOOK_EVERY,
};

/// How often every file in folders of advisories is looked at. That files came or went is seen each second.
const LOOK_CLOSELY_EVERY: Duration = Duration::from_mins(1);

/// How deep folders of advisories are looked into.
const DEEPEST: usize = 10;

/// The package policies of all indexes that have a file for it.
pub(crate) struct PackagePolicies(Vec<Followed>);

struct Followed {
    index: IndexName,
    path: PathBuf,
    live: LivePolicy,
    seen: Seen,
}

impl PackagePolicies {
    /// Reads all of them, and puts them in force.
    pub(crate) fn load(settings: &Settings) -> Result<Self, Failure> {
        let mut all = Vec::new();
        for (name, path) in &settings.package_policies {
            let Some(spec) = settings.indexes.iter().find(|spec| spec.name == *name) else { continue };
            // As it was before it was read: no change in between is missed.
            let seen = Seen::of(path, []);
            let policy = read(path)?;
            let seen = Seen { policy: seen.policy, ..Seen::of(path, policy.osv_paths(base(path))) };
            spec.policy.replace(InForce::load(policy, base(path)).map_err(senseless)?);
            all.push(Followed { index: name.clone(), path: path.to_owned(), live: spec.policy.clone(), seen });
        }
        Ok(Self(all))
    }

    /// Follows them for ever.
    pub(crate) async fn follow(mut self, store: &Store, clock: &dyn Clock) {
        let mut look = tokio::time::interval(LOOK_EVERY);
        let closely = u32::try_from(LOOK_CLOSELY_EVERY.as_secs() / LOOK_EVERY.as_secs().max(1)).unwrap_or(60);
        for round in 0_u32.. {
            look.tick().await;
            let closely = round % closely == closely - 1;
            for followed in &mut self.0 {
                if let Some(changed) = followed.changed(closely).await {
                    followed.reload(changed, store, clock).await;
                }
            }
        }
    }
}

/// Reads one policy, without its advisories.
pub(crate) fn read(path: &Path) -> Result<PackagePolicy, Failure> {
    let text = read_text(path)?;
    PackagePolicy::parse(&text).map_err(|error| senseless(format!("{}: {error}", path.display())))
}

fn base(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}

fn senseless(message: impl std::fmt::Display) -> Failure {
    Failure::configuration(message).hint("correct it; the keys are in docs/reference/package-policy.md")
}

impl Followed {
    /// What there is now, if it differs from what was seen.
    async fn changed(&self, closely: bool) -> Option<Seen> {
        let (path, seen) = (self.path.clone(), self.seen.clone());
        let now = tokio::task::spawn_blocking(move || seen.again(&path, closely)).await.ok()?;
        (now != self.seen).then_some(now)
    }

    async fn reload(&mut self, changed: Seen, store: &Store, clock: &dyn Clock) {
        let path = self.path.clone();
        let read = tokio::task::spawn_blocking(move || {
            let policy = read(&path).map_err(|failure| (failure, None))?;
            let osv = Seen::of(&path, policy.osv_paths(base(&path)));
            match InForce::load(policy, base(&path)) {
                Ok(read) => Ok((read, osv)),
                // What it names is followed already: it may be on its way.
                Err(error) => Err((senseless(error), Some(osv.osv))),
            }
        });
        let index = &self.index;
        match read.await {
            Ok(Ok((in_force, seen))) => {
                let advisories = in_force.advisories();
                self.live.replace(in_force);
                self.seen = Seen { policy: changed.policy, ..seen };
                tracing::info!(%index, advisories, "the package policy was read again");
                let mut event = AuditEvent::new(clock.now(), AuditKind::PolicyLoaded, Outcome::Success, "policy");
                event.index = Some(index.clone());
                event.reason = Some(format!("the package policy, with {advisories} advisories"));
                if let Err(error) = store.record(event).await {
                    tracing::error!(%error, "that the package policy was read again could not be recorded");
                }
            }
            Ok(Err((failure, osv))) => {
                self.seen = Seen { osv: osv.unwrap_or(changed.osv), ..changed };
                tracing::error!(%index, %failure, "the changed package policy is not valid; the one before stays in force");
            }
            Err(error) => tracing::error!(%index, %error, "the package policy could not be read again"),
        }
    }
}

/// What tells one state of a policy and its advisories from another.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    policy: Option<Stamp>,
    osv: Vec<SeenPlace>,
}

/// A place of advisories.
#[derive(Debug, Clone, PartialEq, Eq)]
struct SeenPlace {
    path: PathBuf,
    stamp: Option<Stamp>,
    /// Of every file in a folder.
    closely: u64,
}

type Stamp = (SystemTime, u64);

impl Seen {
    fn of(path: &Path, osv: impl IntoIterator<Item = PathBuf>) -> Self {
        let place = |path: PathBuf| SeenPlace { stamp: stamp(&path), closely: look_closely(&path), path };
        Self { policy: stamp(path), osv: osv.into_iter().map(place).collect() }
    }

    fn again(&self, path: &Path, closely: bool) -> Self {
        let place = |seen: &SeenPlace| {
            let stamp = stamp(&seen.path);
            let closely = if closely || stamp != seen.stamp { look_closely(&seen.path) } else { seen.closely };
            SeenPlace { path: seen.path.clone(), stamp, closely }
        };
        Self { policy: stamp(path), osv: self.osv.iter().map(place).collect() }
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A number that is another one when any file in a folder is; 0 for what is no folder.
fn look_closely(folder: &Path) -> u64 {
    fn visit(folder: &Path, deepest: usize) -> u64 {
        let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
        // The order of a folder means nothing, so the sum must not depend on it.
        entries.fold(0, |sum: u64, entry| {
            let path = entry.path();
            let mut hasher = DefaultHasher::new();
            (&path, stamp(&path)).hash(&mut hasher);
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let deeper = if is_folder && deepest > 0 { visit(&path, deepest - 1) } else { 0 };
            sum.wrapping_add(hasher.finish()).wrapping_add(deeper)
        })
    }
    visit(folder, DEEPEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_the_policy_or_of_any_advisory_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (policy, osv) = (folder.path().join("python.policy.toml"), folder.path().join("osv"));
        fs::create_dir_all(osv.join("deep")).unwrap();
        fs::write(&policy, "osv = [\"osv\"]").unwrap();
        fs::write(osv.join("deep/MAL-1.json"), "{}").unwrap();
        let seen = Seen::of(&policy, [osv.clone()]);
        assert_eq!(seen.again(&policy, true), seen);
        fs::write(&policy, "osv = [\"osv\"] # again").unwrap();
        let changed = seen.again(&policy, false);
        assert_ne!(changed, seen);
        // In a folder of the folder: seen when it is looked at closely.
        fs::write(osv.join("deep/MAL-1.json"), "{ }").unwrap();
        assert_eq!(changed.again(&policy, false), changed);
        let closely = changed.again(&policy, true);
        assert_ne!(closely, changed);
        fs::write(osv.join("MAL-2.json"), "{}").unwrap();
        assert_ne!(closely.again(&policy, false), closely);
    }

    #[test]
    fn what_makes_no_sense_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("python.policy.toml");
        assert!(read(&path).is_err());
        fs::write(&path, "cooldwn = \"1d\"").unwrap();
        assert!(read(&path).unwrap_err().to_string().contains("python.policy.toml"));
        fs::write(&path, "osv = [\"gone\"]").unwrap();
        // What it names is read with it.
        assert!(InForce::load(read(&path).unwrap(), base(&path)).unwrap_err().to_string().contains("gone"));
    }
}
