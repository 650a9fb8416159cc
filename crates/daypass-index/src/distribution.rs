//! What the name of a distribution file and the metadata inside it say (PEP 427, PEP 625, core metadata).
//!
//! What is *not* here: tags and whether a wheel fits a machine (the installers' business), validation as strict as an
//! upload from a stranger needs.

use std::{
    fs::File,
    io::{self, Read as _},
};

use daypass_core::names::{FileName, ProjectName};
use mailparse::MailHeaderMap as _;
use pep440_rs::Version;
use zip::ZipArchive;

/// The longest `METADATA` that is read, in bytes, decompressed.
const LONGEST_METADATA: u64 = 4 * 1024 * 1024;

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

/// What the metadata inside a wheel says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Metadata {
    /// The bytes of `METADATA`, as they are served (PEP 658).
    pub bytes: Vec<u8>,
    /// `Requires-Python`.
    pub requires_python: Option<String>,
}

/// Why a file is not a distribution that can be served. One sentence each.
#[derive(Debug, thiserror::Error)]
pub enum NotADistribution {
    /// The name is neither a wheel's nor an sdist's.
    #[error(
        "its name is neither a wheel's (`name-version-python-abi-platform.whl`) nor an sdist's (`name-version.tar.gz`)"
    )]
    Name,
    /// The wheel cannot be read.
    #[error("it is not a readable zip archive")]
    Archive(#[source] zip::result::ZipError),
    /// No `METADATA`, or more than one.
    #[error("it must hold exactly one `*.dist-info/METADATA`, of at most 4 MiB")]
    Metadata,
    /// The metadata names another project or version.
    #[error("its metadata says `{said}`, but its name says `{named}`")]
    Disagrees {
        /// What the metadata says.
        said: String,
        /// What the file name says.
        named: String,
    },
    /// Reading failed.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
}

impl Distribution {
    /// Reads a file name.
    pub(crate) fn of(name: &str) -> Result<Self, NotADistribution> {
        let file: FileName = name.parse().map_err(|_| NotADistribution::Name)?;
        let (project, version, kind) = if let Some(stem) = name.strip_suffix(".whl") {
            let parts: Vec<&str> = stem.split('-').collect();
            match *parts.as_slice() {
                // With a build number, and without. Hyphens in names and versions are escaped as underscores.
                [project, version, _, _, _] | [project, version, _, _, _, _] => (project, version, Kind::Wheel),
                _ => return Err(NotADistribution::Name),
            }
        } else {
            let stem = name.strip_suffix(".tar.gz").or_else(|| name.strip_suffix(".zip"));
            // Older sdists have hyphens in the name; a version has none.
            let (project, version) = stem.and_then(|stem| stem.rsplit_once('-')).ok_or(NotADistribution::Name)?;
            (project, version, Kind::Sdist)
        };
        Ok(Self {
            project: project.parse().map_err(|_| NotADistribution::Name)?,
            version: version.parse().map_err(|_| NotADistribution::Name)?,
            file,
            kind,
        })
    }

    /// Reads the metadata of a wheel, and checks that it is of the project and version of the file name.
    pub(crate) fn metadata(&self, file: &File) -> Result<Metadata, NotADistribution> {
        let mut archive = ZipArchive::new(io::BufReader::new(file)).map_err(NotADistribution::Archive)?;
        let is_metadata = |name: &str| {
            name.strip_suffix("/METADATA").is_some_and(|folder| folder.ends_with(".dist-info") && !folder.contains('/'))
        };
        let names: Vec<String> = archive
            .file_names()
            .filter_map(|name| name.ok().filter(|name| is_metadata(name)).map(Into::into))
            .collect();
        let [name] = names.as_slice() else { return Err(NotADistribution::Metadata) };
        let mut bytes = Vec::new();
        let entry = archive.by_name(name).map_err(NotADistribution::Archive)?;
        entry.take(LONGEST_METADATA + 1).read_to_end(&mut bytes).map_err(NotADistribution::Read)?;
        if bytes.len() as u64 > LONGEST_METADATA {
            return Err(NotADistribution::Metadata);
        }
        let (headers, _) = mailparse::parse_headers(&bytes).map_err(|_| NotADistribution::Metadata)?;
        let said = |name| headers.get_first_value(name).map(|value| value.trim().to_owned()).unwrap_or_default();
        let (project, version) = (said("Name"), said("Version"));
        if project.parse().ok().as_ref() != Some(&self.project) || version.parse().ok().as_ref() != Some(&self.version)
        {
            let printable = format!("{project} {version}").chars().take(100).flat_map(char::escape_debug).collect();
            return Err(NotADistribution::Disagrees {
                said: printable,
                named: format!("{} {}", self.project, self.version),
            });
        }
        let requires_python = Some(said("Requires-Python")).filter(|specifier| !specifier.is_empty());
        Ok(Metadata { bytes, requires_python })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_say_project_and_version() {
        for (name, project, version, kind) in [
            ("acme_hello-1.0-py3-none-any.whl", "acme-hello", "1.0", Kind::Wheel),
            ("Acme.Hello-1.0-1-py2.py3-none-any.whl", "acme-hello", "1.0", Kind::Wheel),
            ("a-1.0+cgr.1-cp311-cp311-manylinux_2_17_x86_64.whl", "a", "1.0+cgr.1", Kind::Wheel),
            ("acme_hello-1.0.tar.gz", "acme-hello", "1.0", Kind::Sdist),
            ("acme-hello-1.0rc1.zip", "acme-hello", "1.0rc1", Kind::Sdist),
        ] {
            let distribution = Distribution::of(name).expect(name);
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
            "a-b-c-d-e-f-g.whl",
            "acme-x-py3-none-any.whl",
            "acme.tar.gz",
            "acme-.tar.gz",
            "-1.0.tar.gz",
            "acme-1.0.exe",
            "acme-1.0.tar.bz2",
            "../a-1.0.tar.gz",
        ] {
            assert!(matches!(Distribution::of(name), Err(NotADistribution::Name)), "{name}");
        }
    }
}
