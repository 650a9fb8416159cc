//! What files of upstream say about their licence, as far as somebody has looked: a page does not say it, their
//! metadata does.

use daypass_core::names::{FileName, ProjectName};
use mailparse::MailHeaderMap as _;
use moka::sync::Cache;

use crate::{
    package_policy::{licence::Licence, named::Named},
    page::PageFile,
    source::Project,
    upstream::Upstream,
};

/// Of how many files it is remembered.
const REMEMBERED: u64 = 100_000;

/// The licences of upstream's files that were looked at. Cheap to clone; all clones are the same.
///
/// What one upstream says is not believed of another's file. They are told apart by their addresses: all of them live
/// as long as the server.
#[derive(Debug, Clone)]
pub(crate) struct SaidLicences(Cache<(usize, ProjectName, Of), Said>);

/// What a licence is of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Of {
    File(FileName),
    /// Of some file of a version.
    Version(Box<str>),
}

/// What is known of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Said {
    /// Nobody has looked.
    NotRead,
    /// It says nothing.
    Nothing,
    /// It says this.
    Expression(Box<str>),
}

impl Said {
    /// The `License-Expression` (PEP 639) of core metadata.
    pub(crate) fn in_metadata(metadata: &[u8]) -> Self {
        let expression = mailparse::parse_headers(metadata).ok().and_then(|(headers, _)| {
            let said = headers.get_first_value("License-Expression")?;
            Some(said.trim().to_owned()).filter(|said| !said.is_empty())
        });
        expression.map_or(Self::Nothing, |expression| Self::Expression(expression.into()))
    }

    pub(crate) fn licence(&self) -> Licence<'_> {
        match self {
            Self::NotRead => Licence::NotRead,
            Self::Nothing => Licence::Unknown,
            Self::Expression(expression) => Licence::Said(expression),
        }
    }
}

impl SaidLicences {
    pub(crate) fn new() -> Self {
        Self(Cache::new(REMEMBERED))
    }

    /// What is known of a file. What has no metadata of its own has the licence of its version's other files.
    pub(crate) fn of(&self, project: &Project, name: &ProjectName, file: &PageFile) -> Said {
        let hosted = match project {
            Project::Hosted(page) => page.find(file.name.as_str()),
            Project::Upstream(_, upstream) if file.metadata.is_there() => return self.of_file(upstream, name, file),
            Project::Upstream(_, upstream) => return self.of_version(upstream, name, file).unwrap_or(Said::Nothing),
        };
        hosted.and_then(|file| file.licence.as_deref()).map_or(Said::Nothing, |said| Said::Expression(said.into()))
    }

    /// The same, for a page: until somebody has looked into a file itself, another one of its version speaks for it.
    pub(crate) fn on_page(&self, project: &Project, name: &ProjectName, file: &PageFile) -> Said {
        match (self.of(project, name, file), project) {
            (Said::NotRead, Project::Upstream(_, upstream)) => {
                self.of_version(upstream, name, file).unwrap_or(Said::NotRead)
            }
            (said, _) => said,
        }
    }

    fn of_file(&self, upstream: &Upstream, name: &ProjectName, file: &PageFile) -> Said {
        self.0.get(&(place(upstream), name.clone(), Of::File(file.name.clone()))).unwrap_or(Said::NotRead)
    }

    fn of_version(&self, upstream: &Upstream, name: &ProjectName, file: &PageFile) -> Option<Said> {
        self.0.get(&(place(upstream), name.clone(), Of::version(name, &file.name)))
    }

    /// Remembers what somebody read in a file's metadata; returns whether that is news.
    pub(crate) fn learn(&self, upstream: &Upstream, name: &ProjectName, file: &FileName, said: &Said) -> bool {
        let key = (place(upstream), name.clone(), Of::File(file.clone()));
        let is_news = self.0.get(&key).as_ref() != Some(said);
        if is_news {
            self.0.insert(key, said.clone());
            self.0.insert((place(upstream), name.clone(), Of::version(name, file)), said.clone());
        }
        is_news
    }
}

fn place(upstream: &Upstream) -> usize {
    std::ptr::from_ref(upstream).addr()
}

impl Of {
    fn version(name: &ProjectName, file: &FileName) -> Self {
        let Named { version, version_text, .. } = Named::of(name, file.as_str());
        Self::Version(version.map_or(version_text, |version| version.to_string().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_is_read_and_the_old_fields_are_not() {
        let read = |text: &str| Said::in_metadata(format!("Metadata-Version: 2.4\n{text}\n\nbody").as_bytes());
        assert_eq!(read("License-Expression: MIT OR Apache-2.0 "), Said::Expression("MIT OR Apache-2.0".into()));
        assert_eq!(read("License: MIT"), Said::Nothing);
        assert_eq!(read("License-Expression: "), Said::Nothing);
        assert_eq!(Said::in_metadata(b"\xff\x00"), Said::Nothing);
    }
}
