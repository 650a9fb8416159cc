//! The files that are to be imported from this machine.

use std::{
    fs,
    path::{Path, PathBuf},
};

use daypass_core::{Timestamp, digest::Sha256, names::ProjectName};
use url::Url;

use crate::{failure::Failure, package_file::PackageFile, private_folder::trouble};

/// How deep folders are searched.
const DEEPEST: usize = 32;

/// A file that may be imported.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    pub(super) package: PackageFile,
    pub(super) from: From,
    /// What it must be, where that is known already.
    pub(super) sha256: Option<Sha256>,
    /// In bytes, where that is known already.
    pub(super) size: Option<u64>,
    pub(super) upload_time: Option<Timestamp>,
    /// Why it is yanked, where it is.
    pub(super) yanked: Option<String>,
}

/// Where its bytes are.
#[derive(Debug, Clone)]
pub(super) enum From {
    /// Here.
    Path(PathBuf),
    /// There.
    Url(Url),
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    /// What is neither a wheel nor an sdist, by name.
    pub(super) strangers: Vec<String>,
}

impl Found {
    /// In the order of projects and files; each name once, and only of these projects, if there are any.
    pub(super) fn settled(mut self, projects: &[ProjectName]) -> Self {
        if !projects.is_empty() {
            self.candidates.retain(|candidate| projects.contains(&candidate.package.project));
        }
        let key = |candidate: &Candidate| (candidate.package.project.clone(), candidate.package.file.clone());
        self.candidates.sort_by_cached_key(key);
        self
    }
}

/// What is in folders, and files by themselves.
pub(super) fn on_disk(sources: &[String]) -> Result<Found, Failure> {
    let mut found = Found::default();
    for source in sources {
        let path = Path::new(source);
        let what = fs::metadata(path).map_err(|error| trouble("cannot read", path, &error))?;
        if what.is_dir() {
            search(path, &mut found, DEEPEST)?;
        } else {
            look_at(path, what.len(), &mut found);
        }
    }
    Ok(found)
}

/// Links to folders are not followed: they may lead in circles, and out of what was named.
fn search(folder: &Path, found: &mut Found, deeper: usize) -> Result<(), Failure> {
    let Some(deeper) = deeper.checked_sub(1) else {
        return Err(Failure::local(format!("`{}` is too deep a folder", folder.display())));
    };
    let listed = fs::read_dir(folder).map_err(|error| trouble("cannot read", folder, &error))?;
    for entry in listed {
        let entry = entry.map_err(|error| trouble("cannot read", folder, &error))?;
        let path = entry.path();
        let kind = entry.file_type().map_err(|error| trouble("cannot read", &path, &error))?;
        if kind.is_dir() {
            search(&path, found, deeper)?;
            continue;
        }
        // A link to a file is that file.
        let what = fs::metadata(&path).map_err(|error| trouble("cannot read", &path, &error))?;
        if what.is_file() {
            look_at(&path, what.len(), found);
        }
    }
    Ok(())
}

fn look_at(path: &Path, size: u64, found: &mut Found) {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match PackageFile::of(name) {
        Some(package) => found.candidates.push(Candidate {
            package,
            from: From::Path(path.to_owned()),
            sha256: None,
            size: Some(size),
            upload_time: None,
            yanked: None,
        }),
        // What lies beside packages is no news: metadata, signatures, pages.
        None => found.strangers.push(path.display().to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_with_all_that_is_in_them() {
        let folder = tempfile::TempDir::new().unwrap();
        fs::create_dir_all(folder.path().join("a/b")).unwrap();
        for name in ["a/b/acme-2.0.tar.gz", "a/acme-1.0-py3-none-any.whl", "zebra-1.0.zip", "a/README.md"] {
            fs::write(folder.path().join(name), name).unwrap();
        }
        #[cfg(unix)]
        std::os::unix::fs::symlink(folder.path(), folder.path().join("a/circle")).unwrap();
        let found = on_disk(&[folder.path().to_str().unwrap().to_owned()]);
        // A link to a folder is no file, and is not entered.
        let found = found.unwrap().settled(&[]);
        let names: Vec<&str> = found.candidates.iter().map(|found| found.package.file.as_str()).collect();
        assert_eq!(names, ["acme-1.0-py3-none-any.whl", "acme-2.0.tar.gz", "zebra-1.0.zip"]);
        assert_eq!(found.candidates[0].size, Some(27));
        assert_eq!(found.strangers.len(), 1, "{:?}", found.strangers);
        let only = found.settled(&["zebra".parse().unwrap()]);
        assert_eq!(only.candidates.len(), 1);
        assert!(on_disk(&["/nowhere/at/all".to_owned()]).is_err());
    }
}
