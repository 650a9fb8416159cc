//! What a file's name says, as far as it can be read: old names are many, and a rule must not be evaded by one.

use daypass_core::names::ProjectName;
use pep440_rs::Version;
use serde::Deserialize;

/// A file name, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) file_type: FileType,
    /// The version; `None` where it cannot be told.
    pub(crate) version: Option<Version>,
    /// The version as it is written, or nothing.
    pub(crate) version_text: Box<str>,
}

/// Types of distribution files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileType {
    /// `.whl`.
    Wheel,
    /// `.tar.gz`, `.zip` and other archives of sources.
    Sdist,
    /// `.egg`.
    Egg,
    /// `.exe` and `.msi`: installers for Windows.
    Exe,
    /// Everything else: `.rpm`, `.deb`, `.dmg` …
    Other,
}

impl FileType {
    /// As it is written.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Wheel => "wheel",
            Self::Sdist => "sdist",
            Self::Egg => "egg",
            Self::Exe => "exe",
            Self::Other => "other",
        }
    }
}

/// The ends of names, the longer ones first.
const ENDS: [(&str, FileType); 14] = [
    (".whl", FileType::Wheel),
    (".tar.gz", FileType::Sdist),
    (".tar.bz2", FileType::Sdist),
    (".tar.xz", FileType::Sdist),
    (".tar.lzma", FileType::Sdist),
    (".tar.z", FileType::Sdist),
    (".tgz", FileType::Sdist),
    (".tbz", FileType::Sdist),
    (".txz", FileType::Sdist),
    (".tar", FileType::Sdist),
    (".zip", FileType::Sdist),
    (".egg", FileType::Egg),
    (".exe", FileType::Exe),
    (".msi", FileType::Exe),
];

impl Named {
    /// Reads the name of a file of `project`.
    pub(crate) fn of(project: &ProjectName, file: &str) -> Self {
        let lower = file.to_ascii_lowercase();
        let end = ENDS.iter().find(|(end, _)| lower.ends_with(end));
        let (end, file_type) = end.map_or(("", FileType::Other), |(end, file_type)| (*end, *file_type));
        let stem = file.get(..file.len() - end.len()).unwrap_or_default();
        let text = match file_type {
            // PEP 427: hyphens in name and version are escaped as underscores.
            FileType::Wheel => stem.split('-').nth(1),
            FileType::Sdist => after(project, stem),
            FileType::Egg | FileType::Exe | FileType::Other => after(project, stem).map(first_version),
        };
        let text = text.unwrap_or_default();
        Self { file_type, version: text.parse().ok(), version_text: text.into() }
    }
}

/// What follows the project's name and a hyphen, however the name is written.
fn after<'a>(project: &ProjectName, stem: &'a str) -> Option<&'a str> {
    let mut hyphens = stem.match_indices('-');
    hyphens.find_map(|(at, _)| {
        let (name, rest) = (stem.get(..at)?, stem.get(at + 1..)?);
        let is_name = name.parse::<ProjectName>().is_ok_and(|name| name == *project);
        // `a-b` may be written so, or the project may be `a` and its version begin with `b`: a version never does.
        (is_name && !rest.is_empty()).then_some(rest)
    })
}

/// The longest beginning that is a version, of `1.0.win32-py2.7` or `1.0-py3.8`.
fn first_version(text: &str) -> &str {
    let mut ends: Vec<usize> = text.match_indices(['-', '.']).map(|(at, _)| at).collect();
    ends.push(text.len());
    let beginnings = ends.iter().rev().filter_map(|end| text.get(..*end));
    let mut beginnings = beginnings.filter(|beginning| !beginning.contains("-py"));
    beginnings.find(|beginning| beginning.parse::<Version>().is_ok()).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_say_type_and_version() {
        for (project, file, file_type, version) in [
            ("acme-hello", "acme_hello-1.0-py3-none-any.whl", FileType::Wheel, "1.0"),
            ("acme-hello", "acme_hello-1.0+cgr.1-1-py3-none-any.WHL", FileType::Wheel, "1.0+cgr.1"),
            ("acme-hello", "acme-hello-1.0rc1.tar.gz", FileType::Sdist, "1.0rc1"),
            ("acme-hello", "acme.hello-1.0.zip", FileType::Sdist, "1.0"),
            ("acme-hello", "Acme_Hello-1.0-1.tar.bz2", FileType::Sdist, "1.0-1"),
            ("acme", "acme-1.0-py3.8.egg", FileType::Egg, "1.0"),
            ("acme", "acme-1.0.win32-py2.7.exe", FileType::Exe, "1.0"),
            ("acme", "acme-1.0.1.win-amd64.exe", FileType::Exe, "1.0.1"),
            ("acme", "acme-1.0.linux-x86_64.deb", FileType::Other, "1.0"),
        ] {
            let named = Named::of(&project.parse().unwrap(), file);
            assert_eq!(named.file_type, file_type, "{file}");
            assert_eq!(named.version, version.parse().ok(), "{file}");
        }
    }

    #[test]
    fn what_cannot_be_read_has_no_version() {
        for file in
            ["acme.whl", "other-1.0.tar.gz", "acme-x.y.tar.gz", "acme-.zip", "acme", "-1.0.tar.gz", "acme-latest.egg"]
        {
            assert_eq!(Named::of(&"acme".parse().unwrap(), file).version, None, "{file}");
        }
    }
}
