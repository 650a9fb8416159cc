//! What the name of a distribution file says: a wheel's (PEP 427) or an sdist's (PEP 625 and older).
//!
//! What is *not* here: whether the file is what its name says. The server looks into it.

use daypass_core::names::{FileName, ProjectName};

/// What a file name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageFile {
    /// The name itself.
    pub(crate) file: FileName,
    /// The project.
    pub(crate) project: ProjectName,
    /// The version, as it is written there.
    pub(crate) version: String,
    /// What kind it is.
    pub(crate) kind: Kind,
}

/// Kinds of distribution files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A built distribution, with its Python tag.
    Wheel(String),
    /// A source distribution.
    Sdist,
}

impl Kind {
    /// `filetype` and `pyversion`, as uploads call them.
    pub(crate) fn fields(&self) -> (&'static str, &str) {
        match self {
            Self::Wheel(python) => ("bdist_wheel", python),
            Self::Sdist => ("sdist", "source"),
        }
    }
}

impl PackageFile {
    /// Reads a file name; `None` where it is neither a wheel's nor an sdist's.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let file: FileName = name.parse().ok()?;
        let (project, version, kind) = if let Some(stem) = name.strip_suffix(".whl") {
            let parts: Vec<&str> = stem.split('-').collect();
            match *parts.as_slice() {
                [project, version, python, _, _] | [project, version, _, python, _, _] => {
                    (project, version, Kind::Wheel(python.to_owned()))
                }
                _ => return None,
            }
        } else {
            let stem = name.strip_suffix(".tar.gz").or_else(|| name.strip_suffix(".zip"))?;
            // Older sdists have hyphens in the name; a version has none.
            let (project, version) = stem.rsplit_once('-')?;
            (project, version, Kind::Sdist)
        };
        let begins = version.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
        begins.then_some(())?;
        Some(Self { project: project.parse().ok()?, version: version.to_owned(), file, kind })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_wheels_and_sdists_say_project_and_version() {
        for (name, project, version, fields) in [
            ("acme_hello-1.0-py3-none-any.whl", "acme-hello", "1.0", ("bdist_wheel", "py3")),
            ("Acme.Hello-1.0-1-cp311-none-any.whl", "acme-hello", "1.0", ("bdist_wheel", "cp311")),
            ("a-1.0+cgr.1.tar.gz", "a", "1.0+cgr.1", ("sdist", "source")),
            ("acme-hello-1.0rc1.zip", "acme-hello", "1.0rc1", ("sdist", "source")),
        ] {
            let read = PackageFile::of(name).unwrap();
            assert_eq!(
                (read.project.as_str(), &*read.version, read.kind.fields()),
                (project, version, fields),
                "{name}"
            );
        }
        for name in
            ["", "acme.whl", "a-1.0-py3-none.whl", "acme.tar.gz", "acme-.tar.gz", "-1.0.zip", "a-1.0.egg", "../a-1.zip"]
        {
            assert_eq!(PackageFile::of(name), None, "{name}");
        }
    }
}
