//! Which files an entry of the policy is about.

use daypass_core::{grant::ProjectPattern, names::ProjectName};
use pep440_rs::{Version, VersionSpecifiers};

use super::{Facts, named::FileType};

/// Some files: all conditions that are given must hold.
#[derive(Debug, Clone)]
pub(crate) struct Selector {
    pub(crate) project: Projects,
    pub(crate) versions: Versions,
    /// Empty: of any type.
    pub(crate) types: Vec<FileType>,
    /// Only those that are yanked.
    pub(crate) yanked: bool,
}

/// Some projects.
#[derive(Debug, Clone)]
pub(crate) enum Projects {
    /// Those of a pattern.
    Like(ProjectPattern),
    /// One.
    One(ProjectName),
}

/// Some versions.
#[derive(Debug, Clone)]
pub(crate) enum Versions {
    /// Every one, also what is no version at all.
    Every,
    /// Those in a range (PEP 440).
    Within(VersionSpecifiers),
    /// One: with or without a local part, whatever was asked for.
    One(Version),
}

impl Selector {
    /// Whether the file is meant, or may be: where its version cannot be read, a rule that blocks must not be evaded.
    pub(crate) fn may_mean(&self, facts: &Facts<'_>) -> bool {
        self.means(facts, true)
    }

    /// Whether the file is meant for certain: an exception must not be got by a version that cannot be read.
    pub(crate) fn surely_means(&self, facts: &Facts<'_>) -> bool {
        self.means(facts, false)
    }

    fn means(&self, facts: &Facts<'_>, in_doubt: bool) -> bool {
        let project = match &self.project {
            Projects::Like(pattern) => pattern.matches(facts.project),
            Projects::One(name) => name == facts.project,
        };
        let version = || match (&self.versions, &facts.named.version) {
            (Versions::Every, _) => true,
            (_, None) => in_doubt,
            (Versions::Within(range), Some(version)) => range.contains(version),
            (Versions::One(one), Some(version)) => one == version,
        };
        project
            && (self.types.is_empty() || self.types.contains(&facts.named.file_type))
            && (!self.yanked || facts.yanked)
            && version()
    }
}

impl std::fmt::Display for Selector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.project {
            Projects::Like(pattern) if pattern.as_str() == "*" => f.write_str("every project")?,
            Projects::Like(pattern) => write!(f, "`{}`", pattern.as_str())?,
            Projects::One(name) => write!(f, "`{name}`")?,
        }
        match &self.versions {
            Versions::Every => {}
            Versions::Within(range) => write!(f, " {range}")?,
            Versions::One(version) => write!(f, " {version}")?,
        }
        if !self.types.is_empty() {
            let types: Vec<&str> = self.types.iter().map(|file_type| file_type.as_str()).collect();
            write!(f, ", {} only", types.join(" and "))?;
        }
        if self.yanked { f.write_str(", if yanked") } else { Ok(()) }
    }
}
