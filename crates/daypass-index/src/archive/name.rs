//! What the name of a distribution file says (PEP 427, PEP 625, PEP 440).
//!
//! What is *not* here: whether a wheel's tags fit a machine. That is the installers' business, and there are new
//! platforms each year.

use daypass_core::names::{FileName, ProjectName};
use pep440_rs::Version;

use super::NotADistribution;

/// What a file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Distribution {
    /// The file name itself.
    pub file: FileName,
    /// The project.
    pub project: ProjectName,
    /// The version, as PEP 440 normalizes it.
    pub version: Version,
    /// What kind of file it is.
    pub kind: Kind,
}

/// Kinds of distribution files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A built distribution.
    Wheel,
    /// A source distribution.
    Sdist,
}

/// How exact a name must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Naming {
    /// In the one form that today's builders write: two names are never one file.
    Today,
    /// As it was ever allowed: for what was published elsewhere, long ago, and is locked by that name.
    Ever,
}

impl Distribution {
    /// Reads a file name, in whatever form it was ever allowed.
    pub(crate) fn of(name: &str) -> Result<Self, NotADistribution> {
        Self::read(name, Naming::Ever)
    }

    /// Reads a file name.
    pub(crate) fn read(name: &str, naming: Naming) -> Result<Self, NotADistribution> {
        let file: FileName = name.parse().map_err(|_| NotADistribution::Name)?;
        let parsed = if let Some(stem) = name.strip_suffix(".whl") {
            wheel(stem, file)
        } else {
            let stem = name.strip_suffix(".tar.gz").or_else(|| name.strip_suffix(".zip"));
            stem.and_then(|stem| sdist(stem, file))
        };
        let parsed = parsed.ok_or(NotADistribution::Name)?;
        if naming == Naming::Today {
            parsed.require_form(name)?;
        }
        Ok(parsed)
    }

    /// The project as it stands in the names of files and folders (PEP 427, PEP 625): `acme_hello`.
    pub(super) fn escaped_project(&self) -> String {
        self.project.as_str().replace('-', "_")
    }

    /// Whether `folder`, without its ending, is of this project and version: `acme_hello-1.0`.
    pub(super) fn is_meant_by(&self, folder: &str) -> bool {
        folder.rsplit_once('-').is_some_and(|(project, version)| {
            project.parse().ok().as_ref() == Some(&self.project) && version.parse().ok().as_ref() == Some(&self.version)
        })
    }

    /// The project and version, as a folder within is called.
    pub(super) fn folder(&self) -> String {
        format!("{}-{}", self.escaped_project(), self.version)
    }

    /// Whether it is in the form of today. A version may be written as builders do, `1.0.0` and `1.0` alike, but not
    /// in one that PEP 440 normalizes away.
    fn require_form(&self, name: &str) -> Result<(), NotADistribution> {
        let begin = format!("{}-", self.folder());
        let (begin, ending) = match self.kind {
            Kind::Wheel => (begin.as_str(), ".whl"),
            Kind::Sdist => (begin.trim_end_matches('-'), if name.ends_with("zip") { ".zip" } else { ".tar.gz" }),
        };
        let is_so = match self.kind {
            Kind::Wheel => name.starts_with(begin),
            Kind::Sdist => name.strip_suffix(ending) == Some(begin),
        };
        let dots = if self.kind == Kind::Wheel { "…" } else { "" };
        if is_so { Ok(()) } else { Err(NotADistribution::NameForm(format!("{begin}{dots}{ending}"))) }
    }
}

fn wheel(stem: &str, file: FileName) -> Option<Distribution> {
    let parts: Vec<&str> = stem.split('-').collect();
    // With a build number, and without. Hyphens in names and versions are escaped as underscores.
    let (project, version, tags) = match *parts.as_slice() {
        [project, version, python, abi, platform] => (project, version, [python, abi, platform]),
        [project, version, build, python, abi, platform] if build.starts_with(|first: char| first.is_ascii_digit()) => {
            (project, version, [python, abi, platform])
        }
        _ => return None,
    };
    // Each is a set, compressed with dots (PEP 425).
    let is_tag = |tag: &str| !tag.is_empty() && tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !tags.iter().all(|set| set.split('.').all(is_tag)) {
        return None;
    }
    Some(Distribution { project: project.parse().ok()?, version: version.parse().ok()?, file, kind: Kind::Wheel })
}

fn sdist(stem: &str, file: FileName) -> Option<Distribution> {
    // Older sdists have hyphens in the name; a version has none.
    let (project, version) = stem.rsplit_once('-')?;
    Some(Distribution { project: project.parse().ok()?, version: version.parse().ok()?, file, kind: Kind::Sdist })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_say_project_and_version() {
        for (name, project, version, kind) in [
            ("acme_hello-1.0-py3-none-any.whl", "acme-hello", "1.0", Kind::Wheel),
            ("Acme.Hello-1.0-1-py2.py3-none-any.whl", "acme-hello", "1.0", Kind::Wheel),
            ("a-1.0+cgr.1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", "a", "1.0+cgr.1", Kind::Wheel),
            ("acme_hello-1.0.tar.gz", "acme-hello", "1.0", Kind::Sdist),
            ("acme-hello-1.0rc1.zip", "acme-hello", "1.0rc1", Kind::Sdist),
        ] {
            let distribution = Distribution::read(name, Naming::Ever).expect(name);
            assert_eq!(distribution.project.as_str(), project, "{name}");
            assert_eq!(distribution.version, version.parse().unwrap(), "{name}");
            assert_eq!(distribution.kind, kind, "{name}");
        }
    }

    #[test]
    fn other_names_are_refused() {
        for name in [
            "",
            "acme.whl",
            "acme-1.0.whl",
            "acme-1.0-py3-none.whl",
            "acme-1.0-build-py3-none-any.whl",
            "acme-1.0-py3.-none-any.whl",
            "acme-1.0-py3-no+ne-any.whl",
            "a-b-c-d-e-f-g.whl",
            "acme-x-py3-none-any.whl",
            "acme.tar.gz",
            "acme-.tar.gz",
            "-1.0.tar.gz",
            "acme-1.0.exe",
            "acme-1.0.tar.bz2",
            "../a-1.0.tar.gz",
        ] {
            assert!(matches!(Distribution::read(name, Naming::Ever), Err(NotADistribution::Name)), "{name}");
        }
    }

    #[test]
    fn today_there_is_one_form_of_each_name() {
        for name in [
            "acme_hello-1.0-py3-none-any.whl",
            "acme_hello-1.0.0-1-py3-none-any.whl",
            "a-1!2.0.dev1+local.1-py3-none-any.whl",
            "acme_hello-1.0rc1.tar.gz",
            "acme_hello-1.0.zip",
        ] {
            assert!(Distribution::read(name, Naming::Today).is_ok(), "{name}");
        }
        for (name, form) in [
            ("Acme_Hello-1.0-py3-none-any.whl", "acme_hello-1.0-….whl"),
            ("acme.hello-1.0-py3-none-any.whl", "acme_hello-1.0-….whl"),
            ("acme-1.0RC1-py3-none-any.whl", "acme-1.0rc1-….whl"),
            ("acme-hello-1.0.tar.gz", "acme_hello-1.0.tar.gz"),
            ("acme_hello-v1.0.tar.gz", "acme_hello-1.0.tar.gz"),
            ("acme__hello-1.0.zip", "acme_hello-1.0.zip"),
        ] {
            assert!(Distribution::read(name, Naming::Ever).is_ok(), "{name}");
            let refused = Distribution::read(name, Naming::Today).unwrap_err();
            assert!(matches!(&refused, NotADistribution::NameForm(found) if found == form), "{name}: {refused}");
        }
    }
}
