//! `daypass index export`: an index as a folder that any web server can serve.
//!
//! Files first, pages last; each is written beside its place and moved there whole. A page never names a file that is not
//! there, wherever the work was interrupted.

use std::{
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use daypass_core::{
    clock::Clock,
    digest::{Sha256, Sha256Hasher},
    names::{IndexName, ProjectName},
};
use serde::Serialize;
use tempfile::NamedTempFile;
use url::Url;

use super::{
    Ours, index_name,
    mirror::{MirroredFile, MirroredPage, list},
    project_names,
};
use crate::{
    arguments::{Format, index::Export},
    environment::Environment,
    failure::{Failure, Status},
    output,
    progress::{Progress, size},
    simple_page::{self, NotAPage},
    transfer::{Credential, Wire, in_parallel},
    trust::Trusted,
};

/// How large a page may be.
const LARGEST_PAGE: usize = 256 * 1024 * 1024;

/// The largest metadata, in bytes.
const LARGEST_METADATA: u64 = 64 * 1024 * 1024;

/// The largest file, where the page does not say how large it is.
const LARGEST_FILE: u64 = 16 * 1024 * 1024 * 1024;

/// What was done, as `-o json` prints it.
#[derive(Debug, Serialize)]
struct Report {
    index: String,
    folder: PathBuf,
    projects: usize,
    fetched: usize,
    there: usize,
    bytes: u64,
}

/// One export.
struct Work<'a> {
    ours: Ours<'a>,
    index: IndexName,
    folder: &'a Path,
    fetched: AtomicUsize,
    there: AtomicUsize,
}

/// Exports.
pub(super) fn run(arguments: &Export, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let index = index_name(&arguments.index)?;
    let mut projects = project_names(&arguments.project)?;
    let trusted = Trusted::load(environment)?;
    let ours = Ours::new(trusted.only()?, environment, clock);
    let folder = &arguments.folder;
    let work = Work { ours, index, folder, fetched: AtomicUsize::new(0), there: AtomicUsize::new(0) };
    if projects.is_empty() {
        projects = work.projects()?;
    }
    projects.sort();
    projects.dedup();

    let pages = Mutex::new(Vec::new());
    in_parallel(arguments.jobs, projects.clone(), false, &Progress::begin(projects.len(), 0), |wire, project| {
        let page = work.page(wire, &project)?;
        pages.lock().unwrap_or_else(PoisonError::into_inner).push(page);
        Ok(())
    })?;
    let pages = pages.into_inner().unwrap_or_else(PoisonError::into_inner);

    let files: Vec<(&ProjectName, &MirroredFile)> =
        pages.iter().flat_map(|page| page.files.iter().map(|file| (&page.project, file))).collect();
    let bytes = files.iter().filter_map(|(_, file)| file.size).fold(0, u64::saturating_add);
    let progress = Progress::begin(files.len(), bytes);
    in_parallel(arguments.jobs, files, false, &progress, |wire, (project, file)| {
        let fetched = work.mirror(wire, project, file, &progress.moved)?;
        let counted = if fetched { &work.fetched } else { &work.there };
        counted.fetch_add(1, Ordering::Relaxed);
        let done = if fetched { "fetched" } else { "is there" };
        progress.file_done(&format!("`{}` {done}", file.file), false);
        Ok(())
    })?;
    for page in &pages {
        let folder = folder.join("simple").join(page.project.as_str());
        write_page(&folder, &page.html(), &page.json)?;
    }
    let (html, json) = list(&projects);
    write_page(&folder.join("simple"), &html, &json)?;

    let report = Report {
        index: work.index.to_string(),
        folder: folder.clone(),
        projects: projects.len(),
        fetched: work.fetched.load(Ordering::Relaxed),
        there: work.there.load(Ordering::Relaxed),
        bytes: progress.moved.load(Ordering::Relaxed),
    };
    match arguments.output {
        Format::Json => output::json(&report),
        Format::Text => output::data(&format!(
            "{} projects of `{}` are in `{}`: {} files fetched ({}), {} there already\n",
            report.projects,
            report.index,
            report.folder.display(),
            report.fetched,
            size(report.bytes),
            report.there
        )),
    }
}

impl Work<'_> {
    fn projects(&self) -> Result<Vec<ProjectName>, Failure> {
        let url = self.url("")?;
        let body = self.get(&Wire::new(false)?, &url)?;
        simple_page::projects(simple_page::JSON, &body).map_err(|NotAPage| self.nonsense(&url))
    }

    fn page(&self, wire: &Wire, project: &ProjectName) -> Result<MirroredPage, Failure> {
        let url = self.url(&format!("{project}/"))?;
        let body = self.get(wire, &url)?;
        MirroredPage::read(project, &url, &body).map_err(|NotAPage| self.nonsense(&url))
    }

    fn url(&self, page: &str) -> Result<Url, Failure> {
        let path = format!("/{}/simple/{page}", self.index);
        Url::parse(&self.ours.url().join(&path)).map_err(|error| Failure::local(error.to_string()))
    }

    fn get(&self, wire: &Wire, url: &Url) -> Result<bytes::Bytes, Failure> {
        let credential = Credential::Bearer(self.ours.access_token()?);
        match wire.get(url, simple_page::JSON, &credential, LARGEST_PAGE) {
            Ok(answer) => Ok(answer.body),
            Err(trouble) => Err(trouble.failure(url.as_str())),
        }
    }

    fn nonsense(&self, url: &Url) -> Failure {
        Failure::new(Status::Unreachable, format!("{url}: the page cannot be mirrored"))
            .hint(format!("look at it with `daypass admin index show {}/PROJECT`", self.index))
    }

    /// Has a file and its metadata in the mirror. Whether it was fetched.
    fn mirror(
        &self,
        wire: &Wire,
        project: &ProjectName,
        file: &MirroredFile,
        moved: &AtomicU64,
    ) -> Result<bool, Failure> {
        let folder = self.folder.join("files").join(project.as_str());
        make_folder(&folder)?;
        if let Some(sha256) = &file.metadata_sha256 {
            let path = folder.join(format!("{}.metadata", file.file));
            let mut url = file.url.clone();
            url.set_path(&format!("{}.metadata", file.url.path()));
            self.fetch(wire, &url, &path, sha256, LARGEST_METADATA, &AtomicU64::new(0))?;
        }
        let path = folder.join(file.file.as_str());
        self.fetch(wire, &file.url, &path, &file.sha256, file.size.unwrap_or(LARGEST_FILE), moved)
    }

    fn fetch(
        &self,
        wire: &Wire,
        url: &Url,
        path: &Path,
        sha256: &Sha256,
        limit: u64,
        moved: &AtomicU64,
    ) -> Result<bool, Failure> {
        if is_there(path, sha256).map_err(|error| cannot("read", path, &error))? {
            return Ok(false);
        }
        let part = beside(path)?;
        let credential = Credential::Bearer(self.ours.access_token()?);
        let got = wire
            .download(url, &credential, part.as_file(), limit, moved)
            .map_err(|trouble| trouble.failure(url.as_str()).hint("run it again: it goes on where it was"))?;
        if got.sha256 != *sha256 || got.size > limit {
            return Err(Failure::new(
                Status::Unreachable,
                format!("{url}: these are not the bytes that the page promises"),
            ));
        }
        put(part, path)?;
        Ok(true)
    }
}

/// Whether the file is there with exactly these bytes.
fn is_there(path: &Path, sha256: &Sha256) -> io::Result<bool> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let (mut hasher, mut piece) = (Sha256Hasher::new(), vec![0; 256 * 1024]);
    loop {
        let length = file.read(&mut piece)?;
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok(hasher.finish() == *sha256);
        }
        hasher.update(read);
    }
}

/// A page in both forms: `index.html`, which every web server finds, and `index.json` beside it.
fn write_page(folder: &Path, html: &str, json: &serde_json::Value) -> Result<(), Failure> {
    make_folder(folder)?;
    for (name, text) in [("index.json", json.to_string()), ("index.html", html.to_owned())] {
        let path = folder.join(name);
        let part = beside(&path)?;
        part.as_file().write_all(text.as_bytes()).map_err(|error| cannot("write", &path, &error))?;
        put(part, &path)?;
    }
    Ok(())
}

fn make_folder(folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder).map_err(|error| cannot("create", folder, &error))
}

/// A new file beside `path`, which others may read: a web server is somebody else.
fn beside(path: &Path) -> Result<NamedTempFile, Failure> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".daypass-");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644));
    let folder = path.parent().unwrap_or(Path::new("."));
    builder.tempfile_in(folder).map_err(|error| cannot("write into", folder, &error))
}

/// Puts it into its place, whole.
fn put(part: NamedTempFile, path: &Path) -> Result<(), Failure> {
    part.as_file().sync_all().map_err(|error| cannot("write", path, &error))?;
    part.persist(path).map(drop).map_err(|error| cannot("write", path, &error.error))
}

fn cannot(what: &str, path: &Path, error: &io::Error) -> Failure {
    Failure::local(format!("cannot {what} `{}`: {error}", path.display()))
        .hint("run it again when that is mended: it goes on where it was")
}
