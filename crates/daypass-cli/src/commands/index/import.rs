//! `daypass index import`: a folder or another index into an index of ours.
//!
//! Files are uploaded as everybody uploads: the server checks each, and grants are what they always are. What the index
//! has already, by digest, is the only memory of what was done; so a run can be interrupted anywhere and started again.

#![expect(clippy::format_push_string, reason = "what is short to read matters more here than an allocation")]

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read as _},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use daypass_core::{
    clock::Clock,
    digest::{Sha256, Sha256Hasher},
    names::{FileName, IndexName},
};
use http::StatusCode;
use serde::Serialize;
use url::Url;

use super::{
    Ours,
    candidates::{Candidate, Found, From, on_disk},
    index_name,
    other_index::OtherIndex,
    project_names,
};
use crate::{
    arguments::{Format, index::Import},
    environment::Environment,
    failure::{Failure, Status},
    issuer_client::policy::Administration,
    output,
    private_folder::trouble,
    progress::{Progress, size},
    transfer::{Credential, Trouble, Wire, form::Form, in_parallel, said},
    trust::Trusted,
};

/// The largest file that is fetched from another index, where that does not say how large it is.
const LARGEST_FILE: u64 = 16 * 1024 * 1024 * 1024;

/// What became of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Uploaded,
    /// It was there, with the same bytes.
    There,
    /// It would be uploaded.
    Wanted,
    Refused(String),
}

/// What became of all of them, as `-o json` prints it.
#[derive(Debug, Default, Serialize)]
struct Report {
    index: String,
    dry_run: bool,
    uploaded: Vec<FileName>,
    there: Vec<FileName>,
    wanted: Vec<FileName>,
    refused: Vec<Refused>,
    bytes: u64,
}

#[derive(Debug, Serialize)]
struct Refused {
    file: FileName,
    reason: String,
}

/// One import.
struct Work<'a> {
    ours: Ours<'a>,
    other: Option<OtherIndex>,
    index: IndexName,
    upload: Url,
    /// What the index hosts of the projects that are imported.
    there: HashMap<FileName, Sha256>,
    arguments: &'a Import,
    progress: Progress,
}

/// Imports.
pub(super) fn run(arguments: &Import, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let index = index_name(&arguments.index)?;
    let projects = project_names(&arguments.project)?;
    let other = OtherIndex::named(arguments)?;
    if other.is_some() && projects.is_empty() && !arguments.all {
        return Err(Failure::usage("which projects of the other index?")
            .hint("name them with `--project`, or take all that it lists with `--all`"));
    }
    if other.is_none() && (arguments.keep_upload_times || arguments.username.is_some()) {
        return Err(Failure::usage("`--keep-upload-times` and `--username` are for another index, not for folders"));
    }
    let trusted = Trusted::load(environment)?;
    let ours = Ours::new(trusted.only()?, environment, clock);
    let found = match &other {
        Some(other) if other.is_at(ours.url()) => {
            return Err(Failure::usage(format!("{} is the server that takes the files", ours.url())));
        }
        Some(other) => other.files(&projects, arguments.jobs)?,
        None => on_disk(&arguments.source)?,
    };
    let Found { candidates, strangers } = found.settled(&projects);
    tell_strangers(&strangers);
    let there = there(&ours, &index, &candidates)?;
    let upload = format!("/{index}/legacy/");
    let upload = Url::parse(&ours.url().join(&upload)).map_err(|error| Failure::local(error.to_string()))?;
    let bytes = candidates.iter().filter(|candidate| !there.contains_key(&candidate.package.file));
    let bytes = bytes.filter_map(|candidate| candidate.size).fold(0, u64::saturating_add);
    let progress = Progress::begin(candidates.len(), bytes);
    let work = Work { ours, other, index, upload, there, arguments, progress };
    let fates = Mutex::new(Vec::new());
    let done = in_parallel(arguments.jobs, candidates, true, &work.progress, |wire, candidate| {
        let fate = work.take_over(wire, &candidate)?;
        let file = candidate.package.file;
        let (sentence, news) = match &fate {
            Fate::Uploaded => (format!("`{file}` uploaded"), false),
            Fate::There => (format!("`{file}` is there"), false),
            Fate::Wanted => (format!("`{file}` would be uploaded"), false),
            Fate::Refused(reason) => (format!("`{file}` refused: {reason}"), true),
        };
        work.progress.file_done(&sentence, news);
        fates.lock().unwrap_or_else(PoisonError::into_inner).push((file, fate));
        Ok(())
    });
    let fates = fates.into_inner().unwrap_or_else(PoisonError::into_inner);
    work.report(fates, done)
}

fn tell_strangers(strangers: &[String]) {
    if let Some(first) = strangers.first() {
        let first = daypass_oidc::shown::shown(first);
        let more = strangers.len().saturating_sub(1);
        let others = if more > 0 { format!(" and {more} others are") } else { " is".to_owned() };
        output::note(&format!("`{first}`{others} left out: no wheel and no sdist by name"));
    }
}

/// What the index hosts of the projects of `candidates`.
fn there(ours: &Ours<'_>, index: &IndexName, candidates: &[Candidate]) -> Result<HashMap<FileName, Sha256>, Failure> {
    let mut projects: Vec<_> = candidates.iter().map(|candidate| &candidate.package.project).collect();
    projects.sort();
    projects.dedup();
    let mut there = HashMap::new();
    for project in projects {
        let access_token = ours.access_token()?;
        let server = Administration { server: ours.url(), access_token: &access_token };
        // Who may push and not pull may not see what is there: then the server says so file by file.
        match server.find_project(index, project) {
            Ok(hosted) => {
                let files = hosted.map(|hosted| hosted.files).unwrap_or_default();
                there.extend(files.into_iter().map(|file| (file.file, file.sha256)));
            }
            Err(failure) if failure.status == Status::Refused => {}
            Err(failure) => return Err(failure),
        }
    }
    Ok(there)
}

impl Work<'_> {
    /// One file. An error ends the whole work; a refusal is a fate.
    fn take_over(&self, wire: &Wire, candidate: &Candidate) -> Result<Fate, Failure> {
        let name = &candidate.package.file;
        let there = self.there.get(name);
        if let Some((there, sha256)) = there.zip(candidate.sha256.as_ref()) {
            return Ok(same(there, sha256));
        }
        let (file, sha256, size) = match &candidate.from {
            From::Path(path) => {
                let file = File::open(path).map_err(|error| trouble("cannot read", path, &error))?;
                let (sha256, size) = digest(&file).map_err(|error| trouble("cannot read", path, &error))?;
                (file, sha256, size)
            }
            // With a name that is there and a digest that nobody told, only the bytes can tell.
            From::Url(_) if self.arguments.dry_run && there.is_none() => return Ok(Fate::Wanted),
            From::Url(url) => match self.fetch(wire, candidate, url)? {
                Ok(fetched) => fetched,
                Err(reason) => return Ok(Fate::Refused(reason)),
            },
        };
        if let Some(there) = there {
            return Ok(same(there, &sha256));
        }
        if self.arguments.dry_run {
            return Ok(Fate::Wanted);
        }
        self.upload(wire, candidate, &file, &sha256, size)
    }

    /// The file of another index, in a place that only this process knows; or why it cannot be had.
    fn fetch(
        &self,
        wire: &Wire,
        candidate: &Candidate,
        url: &Url,
    ) -> Result<Result<(File, Sha256, u64), String>, Failure> {
        let Some(other) = &self.other else { return Ok(Err("it is on no index".to_owned())) };
        let file =
            tempfile::tempfile().map_err(|error| Failure::local(format!("cannot make a temporary file: {error}")))?;
        let limit = candidate.size.unwrap_or(LARGEST_FILE);
        // What is fetched is no progress yet: only what is uploaded is.
        let fetched = wire.download(url, other.credential_for(url), &file, limit, &AtomicU64::new(0));
        match fetched {
            Ok(got) if candidate.sha256.is_some_and(|sha256| sha256 != got.sha256) => {
                Ok(Err("the other index sent other bytes than its page promises".to_owned()))
            }
            Ok(got) => Ok(Ok((file, got.sha256, got.size))),
            Err(Trouble::Answered(status, answer)) if !answer.is_try_later() => {
                Ok(Err(format!("the other index does not give it: {}", said(status, &answer))))
            }
            Err(trouble) => Err(OtherIndex::failure(url, &trouble)),
        }
    }

    fn upload(
        &self,
        wire: &Wire,
        candidate: &Candidate,
        file: &File,
        sha256: &Sha256,
        size: u64,
    ) -> Result<Fate, Failure> {
        let package = &candidate.package;
        let (filetype, pyversion) = package.kind.fields();
        let sha256_text = sha256.to_string();
        let upload_time = candidate.upload_time.filter(|_| self.arguments.keep_upload_times);
        let upload_time = upload_time.map(|time| time.to_string());
        let mut fields = vec![
            (":action", "file_upload"),
            ("protocol_version", "1"),
            ("name", package.project.as_str()),
            ("version", &package.version),
            ("filetype", filetype),
            ("pyversion", pyversion),
            ("sha256_digest", &sha256_text),
        ];
        if let Some(time) = &upload_time {
            fields.push(("daypass_upload_time", time));
        }
        if let Some(reason) = &candidate.yanked {
            fields.push(("daypass_yanked", reason));
        }
        let form = Form::new(&fields, &package.file, file, size, sha256);
        let credential = Credential::Bearer(self.ours.access_token()?);
        match wire.post(&self.upload, &credential, &form, &self.progress.moved) {
            Ok(_) => Ok(Fate::Uploaded),
            Err(Trouble::Answered(StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, answer)) => {
                let said = said(answer.status, &answer);
                Err(Failure::new(Status::Refused, format!("index `{}` takes no uploads: {said}", self.index)))
            }
            Err(trouble @ Trouble::Answered(StatusCode::UNAUTHORIZED, _)) => Err(trouble
                .failure(self.ours.url().as_str())
                .hint("`daypass logout` and `daypass login` get a new credential")),
            Err(Trouble::Answered(status, answer)) if !answer.is_try_later() => {
                Ok(Fate::Refused(said(status, &answer)))
            }
            Err(trouble) => Err(trouble
                .failure(self.ours.url().as_str())
                .hint("run it again when that is over: it goes on where it was")),
        }
    }

    /// Says what became of all files, and fails if one was refused or the work was not ended.
    fn report(&self, mut fates: Vec<(FileName, Fate)>, done: Result<(), Failure>) -> Result<(), Failure> {
        fates.sort_by(|one, other| one.0.cmp(&other.0));
        let mut report = Report {
            index: self.index.to_string(),
            dry_run: self.arguments.dry_run,
            bytes: self.progress.moved.load(Ordering::Relaxed),
            ..Report::default()
        };
        for (file, fate) in fates {
            match fate {
                Fate::Uploaded => report.uploaded.push(file),
                Fate::There => report.there.push(file),
                Fate::Wanted => report.wanted.push(file),
                Fate::Refused(reason) => report.refused.push(Refused { file, reason }),
            }
        }
        match self.arguments.output {
            Format::Json => output::json(&report)?,
            Format::Text => output::data(&report.text())?,
        }
        done?;
        match report.refused.len() {
            0 => Ok(()),
            1 => Err(Failure::new(Status::Refused, "1 file was refused")),
            many => Err(Failure::new(Status::Refused, format!("{many} files were refused"))),
        }
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = if self.dry_run {
            format!("{} would be uploaded to `{}`", self.wanted.len(), self.index)
        } else {
            format!("{} uploaded to `{}` ({})", self.uploaded.len(), self.index, size(self.bytes))
        };
        text.push_str(&format!(", {} there already, {} refused\n", self.there.len(), self.refused.len()));
        for Refused { file, reason } in &self.refused {
            text.push_str(&format!("  {file}: {reason}\n"));
        }
        text
    }
}

fn same(there: &Sha256, sha256: &Sha256) -> Fate {
    if there == sha256 {
        Fate::There
    } else {
        Fate::Refused("the index has other bytes under this name, and a name is never used again".to_owned())
    }
}

fn digest(mut file: &File) -> io::Result<(Sha256, u64)> {
    let (mut hasher, mut size, mut piece) = (Sha256Hasher::new(), 0_u64, vec![0; 256 * 1024]);
    loop {
        let length = file.read(&mut piece)?;
        let read = piece.get(..length).unwrap_or_default();
        if read.is_empty() {
            return Ok((hasher.finish(), size));
        }
        hasher.update(read);
        size = size.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
    }
}
