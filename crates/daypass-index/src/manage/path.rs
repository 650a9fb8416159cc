//! What a path below `/api/v1/indexes` names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Where they begin.
pub(super) const ROOT: &str = "/api/v1/indexes";

/// An index and a project of it, as they were sent but decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named<'a> {
    pub(super) index: &'a str,
    pub(super) project: Cow<'a, str>,
}

/// What of a project, as it was sent but decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Part {
    /// One file.
    File(String),
    /// One version.
    Release(String),
    /// All of it.
    Whole,
}

/// What a path names. Nothing of it is checked yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target<'a> {
    /// `/api/v1/indexes`.
    Indexes,
    /// `…/{index}/projects/{project}`.
    Project(Named<'a>),
    /// `…/{project}/status`.
    Status(Named<'a>),
    /// `…/{project}/files/{file}` and `…/{project}/releases/{version}`.
    Part(Named<'a>, Part),
    /// The same, and `/yank`.
    Yank(Named<'a>, Part),
}

/// What `path` names, if it is something.
pub(super) fn parse(path: &str) -> Option<Target<'_>> {
    let rest = path.strip_prefix(ROOT)?;
    if rest.is_empty() {
        return Some(Target::Indexes);
    }
    let segments: Vec<&str> = rest.strip_prefix('/')?.split('/').collect();
    let [index, "projects", project, rest @ ..] = segments.as_slice() else { return None };
    let named = Named { index, project: segment(project)? };
    Some(match rest {
        [] => Target::Project(named),
        ["status"] => Target::Status(named),
        [area, one] => Target::Part(named, part(area, one)?),
        [area, one, "yank"] => Target::Yank(named, part(area, one)?),
        _ => return None,
    })
}

fn part(area: &str, one: &str) -> Option<Part> {
    let one = segment(one)?.into_owned();
    match area {
        "files" => Some(Part::File(one)),
        "releases" => Some(Part::Release(one)),
        _ => None,
    }
}

fn segment(text: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(text).decode_utf8().ok().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(project: &'static str) -> Named<'static> {
        Named { index: "python", project: project.into() }
    }

    #[test]
    fn paths_name_indexes_projects_and_parts_of_them() {
        for (path, target) in [
            ("", Target::Indexes),
            ("/python/projects/acme", Target::Project(named("acme"))),
            ("/python/projects/acme/status", Target::Status(named("acme"))),
            ("/python/projects/status/status", Target::Status(named("status"))),
            ("/python/projects/acme/files/a%2Bb.whl", Target::Part(named("acme"), Part::File("a+b.whl".into()))),
            ("/python/projects/acme/releases/1%2F..", Target::Part(named("acme"), Part::Release("1/..".into()))),
            ("/python/projects/acme/releases/1.0/yank", Target::Yank(named("acme"), Part::Release("1.0".into()))),
        ] {
            assert_eq!(parse(&format!("{ROOT}{path}")), Some(target), "{path}");
        }
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in [
            "/",
            "x",
            "/python",
            "/python/projects",
            "/python/projects/",
            "/python/projects/acme/",
            "/python/projects/acme/yank",
            "/python/projects/acme/files",
            "/python/projects/acme/files//yank",
            "/python/projects/acme/other/1",
            "/python/projects/acme/files/a/yank/b",
            "/python/projects/%ff",
        ] {
            assert_eq!(parse(&format!("{ROOT}{path}")), None, "{path}");
        }
    }
}
