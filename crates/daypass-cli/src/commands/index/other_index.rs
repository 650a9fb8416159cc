//! The files of another server's index that are to be imported.
//!
//! Its user name and password go to its own origin only, even where its pages lead elsewhere; ours never go there.

use std::{
    fs::File,
    io::{self, Read as _},
    path::Path,
};

use daypass_core::{names::ProjectName, public_url::PublicUrl, secret::Secret};
use daypass_oidc::http::Answer;
use http::header;
use url::Url;

use super::candidates::{Candidate, Found, From};
use crate::{
    arguments::index::Import,
    failure::{Failure, Status},
    package_file::PackageFile,
    private_folder::trouble,
    progress::Progress,
    simple_page,
    transfer::{Credential, Trouble, Wire, in_parallel},
};

/// How large a page may be.
const LARGEST_PAGE: usize = 256 * 1024 * 1024;

/// The longest password.
const LONGEST_PASSWORD: u64 = 64 * 1024;

/// Another server's index.
#[derive(Debug)]
pub(super) struct OtherIndex {
    url: Url,
    credential: Credential,
}

impl OtherIndex {
    /// The index that was named, if it is one and no folder.
    pub(super) fn named(arguments: &Import) -> Result<Option<Self>, Failure> {
        let is_url = |source: &String| source.starts_with("http://") || source.starts_with("https://");
        let [source] = arguments.source.as_slice() else {
            if arguments.source.iter().any(is_url) {
                return Err(Failure::usage("one other index at a time is imported, and no folders with it"));
            }
            return Ok(None);
        };
        if !is_url(source) {
            return Ok(None);
        }
        let mut url = Url::parse(source).map_err(|error| Failure::usage(format!("the other index: {error}")))?;
        if url.password().is_some() {
            return Err(Failure::usage("the password in the URL can be seen by others in the list of processes")
                .hint("put it into a file: `--password-file FILE`, or `-` for stdin"));
        }
        let username =
            arguments.username.clone().or_else(|| Some(url.username().to_owned()).filter(|it| !it.is_empty()));
        let credential = match (username, &arguments.password_file) {
            (Some(username), Some(path)) => Credential::Basic(username, read_password(path)?),
            (None, Some(_)) => return Err(Failure::usage("`--password-file` needs `--username`, too")),
            (Some(_), None) => return Err(Failure::usage("a user name needs `--password-file`, too")),
            (None, None) => Credential::Nobody,
        };
        let _ = url.set_username("");
        url.set_fragment(None);
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        Ok(Some(Self { url, credential }))
    }

    /// What to show to `url`: the same origin gets the credential, nobody else.
    pub(super) fn credential_for(&self, url: &Url) -> &Credential {
        if url.origin() == self.url.origin() { &self.credential } else { &Credential::Nobody }
    }

    /// Whether it is on `server`: then there is nothing to import.
    pub(super) fn is_at(&self, server: &PublicUrl) -> bool {
        PublicUrl::origin_of(&self.url).is_ok_and(|origin| origin == *server)
    }

    /// The files of these projects, or of all.
    pub(super) fn files(&self, projects: &[ProjectName], jobs: u8) -> Result<Found, Failure> {
        let wire = Wire::new(true)?;
        let projects = if projects.is_empty() { self.projects(&wire)? } else { projects.to_vec() };
        let found = std::sync::Mutex::new(Found::default());
        let progress = Progress::begin(projects.len(), 0);
        in_parallel(jobs, projects, true, &progress, |wire, project| {
            let (mut candidates, mut strangers) = (Vec::new(), Vec::new());
            for listed in self.page(wire, &project)? {
                match PackageFile::of(listed.file.as_str()).filter(|package| package.project == project) {
                    Some(package) => candidates.push(Candidate {
                        package,
                        from: From::Url(listed.url),
                        sha256: listed.sha256,
                        size: listed.size,
                        upload_time: listed.upload_time,
                        yanked: listed.yanked,
                    }),
                    None => strangers.push(listed.file.to_string()),
                }
            }
            let mut found = found.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            found.candidates.append(&mut candidates);
            found.strangers.append(&mut strangers);
            Ok(())
        })?;
        Ok(found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    fn projects(&self, wire: &Wire) -> Result<Vec<ProjectName>, Failure> {
        let answer = self.get(wire, &self.url)?;
        simple_page::projects(content_type(&answer), &answer.body).map_err(|_| self.nonsense())
    }

    fn page(&self, wire: &Wire, project: &ProjectName) -> Result<Vec<simple_page::Listed>, Failure> {
        let page = self.url.join(&format!("{project}/")).map_err(|_| self.nonsense())?;
        let answer = self.get(wire, &page)?;
        simple_page::files(content_type(&answer), &answer.body, &page).map_err(|_| self.nonsense())
    }

    fn get(&self, wire: &Wire, url: &Url) -> Result<Answer, Failure> {
        let answer = wire.get(url, simple_page::ACCEPT, &self.credential, LARGEST_PAGE);
        answer.map_err(|trouble| Self::failure(url, &trouble))
    }

    /// What `trouble` with one of its URLs is to the whole command.
    pub(super) fn failure(url: &Url, trouble: &Trouble) -> Failure {
        let failure = trouble.failure(url.as_str());
        match trouble {
            Trouble::Answered(status, _) if matches!(status.as_u16(), 401 | 403) => {
                failure.hint("the other index wants a user name and a password: `--username` and `--password-file`")
            }
            Trouble::Answered(status, _) if status.as_u16() == 404 => failure
                .hint("name the simple index, such as `https://old.example.com/simple/`, and projects that it has"),
            _ => failure,
        }
    }

    fn nonsense(&self) -> Failure {
        Failure::new(Status::Unreachable, format!("{}: this is no page of a simple index", self.url))
    }
}

fn content_type(answer: &Answer) -> &str {
    answer.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

fn read_password(path: &Path) -> Result<Secret, Failure> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        io::stdin().lock().take(LONGEST_PASSWORD).read_to_string(&mut text)
    } else {
        File::open(path).and_then(|file| file.take(LONGEST_PASSWORD).read_to_string(&mut text))
    };
    read.map_err(|error| trouble("cannot read", path, &error))?;
    Ok(Secret::new(text.trim_end_matches(['\r', '\n'])))
}
