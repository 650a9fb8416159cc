//! Package URLs of Python projects: `pkg:pypi/name@version`.
//!
//! Other types name nothing here. Qualifiers and subpaths say what is not asked of a rule, and are refused.

use std::borrow::Cow;

use daypass_core::names::ProjectName;
use pep440_rs::Version;
use percent_encoding::percent_decode_str;

/// A project, and perhaps one version of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Purl {
    pub(super) project: ProjectName,
    pub(super) version: Option<Version>,
}

/// A text is no package URL of a Python project.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a package URL such as `pkg:pypi/acme-hello@1.0`")]
pub(super) struct NotAPurl(String);

impl std::str::FromStr for Purl {
    type Err = NotAPurl;

    fn from_str(text: &str) -> Result<Self, NotAPurl> {
        let refuse = || NotAPurl(text.chars().take(80).flat_map(char::escape_debug).collect());
        // The scheme and the type are case-insensitive.
        let start = text.get(..9).filter(|start| start.eq_ignore_ascii_case("pkg:pypi/"));
        let rest =
            text.get(9..).filter(|rest| start.is_some() && !rest.contains(['?', '#', '/'])).ok_or_else(refuse)?;
        let decode = |part: &str| percent_decode_str(part).decode_utf8().map(Cow::into_owned).map_err(|_| refuse());
        let (name, version) = match rest.split_once('@') {
            Some((name, version)) => (decode(name)?, Some(decode(version)?)),
            None => (decode(rest)?, None),
        };
        let version = version.map(|version| version.parse().map_err(|_| refuse())).transpose()?;
        Ok(Self { project: name.parse().map_err(|_| refuse())?, version })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purl_names_a_project_and_perhaps_a_version() {
        let read = |text: &str| {
            text.parse::<Purl>().map(|purl| (purl.project.to_string(), purl.version.map(|it| it.to_string())))
        };
        assert_eq!(read("pkg:pypi/Acme_Hello"), Ok(("acme-hello".into(), None)));
        assert_eq!(read("PKG:PyPI/acme@1.0%2Bcgr.1"), Ok(("acme".into(), Some("1.0+cgr.1".into()))));
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "acme",
            "pkg:npm/acme@1.0",
            "pkg:pypi/",
            "pkg:pypi/a/b",
            "pkg:pypi/a@",
            "pkg:pypi/a@x y",
            "pkg:pypi/a?b=c",
            "pkg:pypi/a#b",
            "pkg:pypi/%ff",
            "pkg:pypi/../a",
        ] {
            assert!(text.parse::<Purl>().is_err(), "{text}");
        }
    }
}
