//! What a request's path names.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// What a path names, with the segments as they were sent but decoded. Nothing of it is checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Target<'a> {
    /// `/{index}/simple/`, or without the last slash.
    List {
        /// Whether the slash was there.
        slash: bool,
    },
    /// `/{index}/simple/{project}/`, or without the last slash.
    Project {
        /// The project's name, as it was written.
        project: Cow<'a, str>,
        /// Whether the slash was there.
        slash: bool,
    },
    /// `/{index}/files/{project}/{file}`.
    File {
        /// The project's name.
        project: Cow<'a, str>,
        /// The file's name.
        file: Cow<'a, str>,
    },
    /// `/{index}/legacy/`, with or without the last slash: uploads are not redirected.
    Legacy,
    /// `/{index}/pypi/{project}/json` and `/{index}/pypi/{project}/{version}/json`.
    Json {
        /// The project's name.
        project: Cow<'a, str>,
        /// The version, if one is asked for.
        version: Option<Cow<'a, str>>,
    },
    /// `/{index}/namespaces` (PEP 752).
    Namespaces,
    /// `/{index}/namespace/{name}` (PEP 752).
    Namespace {
        /// The namespace's name.
        name: Cow<'a, str>,
    },
    /// `/{index}/provenance/{project}/{file}` (PEP 740).
    Provenance {
        /// The project's name.
        project: Cow<'a, str>,
        /// The file's name.
        file: Cow<'a, str>,
    },
}

/// The index's name and what is asked of it; `None` where nothing can be.
pub(crate) fn parse(path: &str) -> Option<(&str, Target<'_>)> {
    let (index, rest) = path.strip_prefix('/')?.split_once('/')?;
    // No index is called so. The same files as in `/{index}/files/`, where a mirror looks for them.
    if index == "packages" {
        let (index, rest) = rest.split_once('/')?;
        let (project, file) = rest.split_once('/')?;
        return Some((index, Target::File { project: segment(project)?, file: segment(file)? }));
    }
    let (area, rest) = rest.split_once('/').map_or((rest, None), |(area, rest)| (area, Some(rest)));
    let target = match (area, rest) {
        ("simple", None) => Target::List { slash: false },
        ("simple", Some("")) => Target::List { slash: true },
        ("simple", Some(rest)) => {
            let (project, slash) = rest.strip_suffix('/').map_or((rest, false), |project| (project, true));
            Target::Project { project: segment(project)?, slash }
        }
        ("files", Some(rest)) => {
            let (project, file) = rest.split_once('/')?;
            Target::File { project: segment(project)?, file: segment(file)? }
        }
        ("legacy", None | Some("")) => Target::Legacy,
        ("pypi", Some(rest)) => {
            let rest = rest.strip_suffix("/json")?;
            match rest.split_once('/') {
                Some((project, version)) => {
                    Target::Json { project: segment(project)?, version: Some(segment(version)?) }
                }
                None => Target::Json { project: segment(rest)?, version: None },
            }
        }
        ("namespaces", None) => Target::Namespaces,
        ("namespace", Some(name)) => Target::Namespace { name: segment(name)? },
        ("provenance", Some(rest)) => {
            let (project, file) = rest.split_once('/')?;
            Target::Provenance { project: segment(project)?, file: segment(file)? }
        }
        _ => return None,
    };
    Some((index, target))
}

fn segment(text: &str) -> Option<Cow<'_, str>> {
    if text.is_empty() || text.contains('/') {
        return None;
    }
    if !text.contains('%') {
        return Some(Cow::Borrowed(text));
    }
    percent_decode_str(text).decode_utf8().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_name_lists_projects_and_files() {
        let project = |project: &'static str, slash| Target::Project { project: project.into(), slash };
        for (path, target) in [
            ("/python/simple", Target::List { slash: false }),
            ("/python/simple/", Target::List { slash: true }),
            ("/python/simple/Acme.Hello", project("Acme.Hello", false)),
            ("/python/simple/acme-hello/", project("acme-hello", true)),
            ("/python/simple/..%2f..%2fx/", project("../../x", true)),
            ("/python/legacy", Target::Legacy),
            ("/python/legacy/", Target::Legacy),
            ("/python/pypi/a/json", Target::Json { project: "a".into(), version: None }),
            ("/python/pypi/a/1.0/json", Target::Json { project: "a".into(), version: Some("1.0".into()) }),
            ("/packages/python/a/b.whl", Target::File { project: "a".into(), file: "b.whl".into() }),
            ("/python/namespaces", Target::Namespaces),
            ("/python/namespace/acme", Target::Namespace { name: "acme".into() }),
            ("/python/provenance/a/b.whl", Target::Provenance { project: "a".into(), file: "b.whl".into() }),
            ("/python/files/a/b%2Bc.whl", Target::File { project: "a".into(), file: "b+c.whl".into() }),
        ] {
            assert_eq!(parse(path), Some(("python", target)), "{path}");
        }
    }

    #[test]
    fn other_paths_name_nothing() {
        for path in ["", "/", "/python", "/python/", "/python/files/", "/python/files/a", "/python/files/a/b/c"] {
            assert_eq!(parse(path), None, "{path}");
        }
        for path in
            ["/python/simple//", "/python/simple/a/b", "/python/simple/a//", "/python/simple/%ff/", "/python/x/"]
        {
            assert_eq!(parse(path), None, "{path}");
        }
        for path in [
            "/python/legacy/a",
            "/python/pypi/a",
            "/packages/python/a",
            "/packages/python/a/b/c",
            "/python/namespaces/",
            "/python/namespace/",
            "/python/pypi/json",
            "/python/pypi/a/b/c/json",
            "/python/provenance/a",
        ] {
            assert_eq!(parse(path), None, "{path}");
        }
    }
}
