//! The packages that a lock file names, so that an access token can be good for those alone.
//!
//! | file | known by |
//! |---|---|
//! | `requirements.txt` with every version pinned | it is no TOML |
//! | `pylock.toml` (PEP 751) | `lock-version` |
//! | `uv.lock` | `version` and `[[package]]` |
//! | `poetry.lock` | `metadata.lock-version` |
//! | `pdm.lock` | `metadata.lock_version` |
//!
//! Read strictly: a name that was overlooked would be a build that fails half-way. What comes from no index (a
//! directory, a repository, a URL of its own) needs no credential of ours, and is left out.
//!
//! What is *not* here: versions and digests, which are the installer's to check. And `lock.rs` is another thing.

use std::{collections::BTreeSet, fs, io::Read, path::Path};

use daypass_core::names::ProjectName;
use toml::{Table, Value};

use crate::{failure::Failure, private_folder::trouble};

mod requirements;

/// The largest lock file that is read, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The most packages that are read.
const MOST_PACKAGES: usize = 20_000;

/// Reads the projects that the lock file at `path` names, normalized (PEP 503), each once.
pub(crate) fn read(path: &Path) -> Result<BTreeSet<ProjectName>, Failure> {
    let text = text(path)?;
    let is_toml = path.extension().is_some_and(|kind| kind == "toml" || kind == "lock");
    let found = if is_toml { packages(&text) } else { requirements::read(&text) };
    let projects = found.map_err(|why| Failure::usage(format!("`{}`: {why}", path.display())))?;
    if projects.is_empty() {
        return Err(Failure::usage(format!("`{}` names no package that comes from an index", path.display())));
    }
    Ok(projects)
}

fn text(path: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    let read = fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text));
    let read = read.map_err(|error| trouble("cannot read the lock file", path, &error))?;
    if read as u64 > LARGEST {
        return Err(Failure::usage(format!("`{}` is larger than 16 MiB", path.display())));
    }
    Ok(text)
}

/// The tables of packages, and which keys of one say that it comes from no index.
fn packages(text: &str) -> Result<BTreeSet<ProjectName>, String> {
    let table: Table = toml::from_str(text).map_err(|error| format!("it is not TOML: {}", error.message()))?;
    let metadata = |name: &str| table.get("metadata").and_then(|metadata| metadata.get(name)).is_some();
    let (list, from_elsewhere): (_, fn(&Table) -> bool) = if table.contains_key("lock-version") {
        ("packages", |package| ["vcs", "directory", "archive"].iter().any(|key| package.contains_key(*key)))
    } else if metadata("lock_version") {
        ("package", |package| ["git", "hg", "svn", "bzr", "path", "url"].iter().any(|key| package.contains_key(*key)))
    } else if metadata("lock-version") {
        ("package", |package| {
            let kind = package.get("source").and_then(|source| source.get("type")).and_then(Value::as_str);
            kind.is_some_and(|kind| kind != "legacy")
        })
    } else if table.get("version").is_some_and(Value::is_integer) {
        ("package", |package| package.get("source").is_none_or(|source| source.get("registry").is_none()))
    } else {
        return Err("it is none of pylock.toml, uv.lock, poetry.lock and pdm.lock".to_owned());
    };
    let packages = match table.get(list) {
        None => &[][..],
        Some(Value::Array(packages)) => packages,
        Some(_) => return Err(format!("`{list}` is no list of tables")),
    };
    let mut projects = BTreeSet::new();
    for (position, package) in packages.iter().enumerate() {
        let no_package = || format!("entry {} of `{list}` is no package", position + 1);
        let package = package.as_table().ok_or_else(no_package)?;
        let name = package.get("name").and_then(Value::as_str).ok_or_else(no_package)?;
        if !from_elsewhere(package) {
            projects.insert(project(name)?);
        }
        enough(&projects)?;
    }
    Ok(projects)
}

fn project(name: &str) -> Result<ProjectName, String> {
    name.parse().map_err(|error| format!("{error}"))
}

fn enough(projects: &BTreeSet<ProjectName>) -> Result<(), String> {
    if projects.len() > MOST_PACKAGES { Err(format!("it names more than {MOST_PACKAGES} packages")) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn names(text: &str) -> Vec<String> {
        packages(text).unwrap().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_tool_s_lock_file_is_read_and_what_comes_from_elsewhere_is_left_out() {
        let pylock = r#"
            lock-version = "1.0"
            created-by = "pip"
            [[packages]]
            name = "Acme_Hello"
            version = "1.0"
            index = "https://packages.example.com/python/simple/"
            [[packages]]
            name = "here"
            directory = { path = "." }
            [[packages]]
            name = "repo"
            vcs = { type = "git", url = "https://git.example.com/x", commit-id = "0" }
            [[packages]]
            name = "archived"
            archive = { path = "x.zip" }
        "#;
        let uv = r#"
            version = 1
            requires-python = ">=3.12"
            [[package]]
            name = "acme-hello"
            version = "1.0"
            source = { registry = "https://packages.example.com/python/simple/" }
            [[package]]
            name = "me"
            source = { virtual = "." }
            [[package]]
            name = "repo"
            source = { git = "https://git.example.com/x" }
        "#;
        let poetry = r#"
            [[package]]
            name = "acme-hello"
            version = "1.0"
            [package.source]
            type = "legacy"
            url = "https://packages.example.com/python/simple"
            [[package]]
            name = "repo"
            version = "1.0"
            [package.source]
            type = "git"
            url = "https://git.example.com/x"
            [metadata]
            lock-version = "2.1"
        "#;
        let pdm = r#"
            [metadata]
            lock_version = "4.5.0"
            [[package]]
            name = "acme.hello"
            version = "1.0"
            [[package]]
            name = "repo"
            git = "https://git.example.com/x"
            [[package]]
            name = "here"
            path = "./here"
        "#;
        for text in [pylock, uv, poetry, pdm] {
            assert_eq!(names(text), ["acme-hello"], "{text}");
        }
        // The default index has no `source` in poetry's file.
        let of_default = poetry.replace("[package.source]\n            type = \"legacy\"", "[package.other]");
        assert_eq!(names(&of_default), ["acme-hello"]);
    }

    #[test]
    fn what_is_no_lock_file_is_refused_with_the_reason() {
        for (text, why) in [
            ("x", "it is not TOML"),
            ("[tool.poetry]\nname = \"x\"", "it is none of"),
            ("[project]\ndependencies = []", "it is none of"),
            ("version = 1\npackage = 1", "`package` is no list of tables"),
            ("version = 1\npackage = [1]", "entry 1 of `package` is no package"),
            ("lock-version = \"1.0\"\n[[packages]]\nversion = \"1\"", "entry 1 of `packages` is no package"),
            ("lock-version = \"1.0\"\n[[packages]]\nname = \"*\"", "`*` is not a valid project name"),
            ("lock-version = \"1.0\"\n[[packages]]\nname = \"a b\"", "`a b` is not a valid project name"),
        ] {
            let error = packages(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
        assert!(packages("version = 1").unwrap().is_empty());
    }
}
