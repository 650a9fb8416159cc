//! The files of a project, by version.

use std::collections::BTreeMap;

use pep440_rs::Version;

use super::answers::File;
use crate::archive::{Distribution, Kind};

/// The releases of a project, the newest first.
pub(super) struct Releases(Vec<Release>);

/// One version, and its files.
pub(super) struct Release {
    pub(super) version: Version,
    pub(super) files: Vec<File>,
}

impl Release {
    /// Whether installers pass it over unless it is asked for by its version (PEP 592).
    pub(super) fn is_yanked(&self) -> bool {
        self.files.iter().all(|file| file.yanked.is_some())
    }

    /// Why, where a reason is given.
    pub(super) fn yanked_because(&self) -> Option<&str> {
        let reasons = self.files.iter().filter_map(|file| file.yanked.as_deref());
        if self.is_yanked() { reasons.into_iter().find(|reason| !reason.is_empty()) } else { None }
    }

    /// When its first file came.
    pub(super) fn uploaded(&self) -> Option<&str> {
        self.files.iter().filter_map(|file| file.upload_time.as_deref()).min()
    }

    /// The file whose metadata speaks for the release: a wheel's before an sdist's, whose may still change when it is
    /// built.
    pub(super) fn spokesman(&self) -> Option<&File> {
        let with = || self.files.iter().filter(|file| file.metadata);
        with().find(|file| is_wheel(file)).or_else(|| with().next())
    }
}

fn is_wheel(file: &File) -> bool {
    Distribution::of(&file.filename).is_ok_and(|one| one.kind == Kind::Wheel)
}

impl Releases {
    /// Sorts the files. What has no version that PEP 440 can read cannot be installed, and is left out.
    pub(super) fn of(files: Vec<File>) -> Self {
        let mut by_version: BTreeMap<Version, Vec<File>> = BTreeMap::new();
        for file in files {
            if let Ok(distribution) = Distribution::of(&file.filename) {
                by_version.entry(distribution.version).or_default().push(file);
            }
        }
        let mut releases: Vec<Release> =
            by_version.into_iter().rev().map(|(version, files)| Release { version, files }).collect();
        for release in &mut releases {
            // The sdist first, then wheels by name.
            release.files.sort_by_cached_key(|file| (is_wheel(file), file.filename.clone()));
        }
        Self(releases)
    }

    /// All, the newest first.
    pub(super) fn all(&self) -> &[Release] {
        &self.0
    }

    /// The one that an installer takes which asks for no version: the newest that is neither yanked nor a pre-release, else
    /// the newest that is not yanked, else the newest.
    pub(super) fn latest(&self) -> Option<&Release> {
        let fit = || self.0.iter().filter(|release| !release.is_yanked());
        fit().find(|release| !release.version.any_prerelease()).or_else(|| fit().next()).or_else(|| self.0.first())
    }

    /// The one of that version.
    pub(super) fn find(&self, version: &str) -> Option<&Release> {
        let version: Version = version.parse().ok()?;
        self.0.iter().find(|release| release.version == version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn releases(files: &[(&str, bool)]) -> Releases {
        let file = |(name, yanked): &(&str, bool)| {
            serde_json::from_value(serde_json::json!({ "filename": name, "url": "x", "yanked": yanked })).unwrap()
        };
        Releases::of(files.iter().map(file).collect())
    }

    fn latest(files: &[(&str, bool)]) -> Option<String> {
        releases(files).latest().map(|release| release.version.to_string())
    }

    #[test]
    fn the_latest_is_what_an_installer_takes() {
        let no = false;
        assert_eq!(latest(&[("a-1.9.tar.gz", no), ("a-1.10.tar.gz", no), ("a-2.0rc1.tar.gz", no)]).unwrap(), "1.10");
        assert_eq!(latest(&[("a-1.0.tar.gz", no), ("a-2.0.tar.gz", true)]).unwrap(), "1.0");
        assert_eq!(latest(&[("a-1.0.dev1.tar.gz", no), ("a-1.0a1.tar.gz", no)]).unwrap(), "1.0a1");
        assert_eq!(latest(&[("a-1.0.tar.gz", true)]).unwrap(), "1.0");
        assert_eq!(latest(&[("whatever.exe", no)]), None);
    }

    #[test]
    fn a_release_is_yanked_when_all_of_its_files_are() {
        let releases = releases(&[("a-1.0.tar.gz", true), ("a-1.0-py3-none-any.whl", false), ("a-2.0.tar.gz", true)]);
        let yanked: Vec<_> = releases.all().iter().map(|one| (one.version.to_string(), one.is_yanked())).collect();
        assert_eq!(yanked, [("2.0".to_owned(), true), ("1.0".to_owned(), false)]);
        assert_eq!(releases.find("1.0.0").unwrap().files[0].filename, "a-1.0.tar.gz");
        assert!(releases.find("3").is_none() && releases.find("<script>").is_none());
    }
}
