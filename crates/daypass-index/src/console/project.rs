//! `/console/{index}/{project}/`: a project, and one of its releases.

use std::collections::BTreeSet;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use daypass_core::{
    grant::Action,
    names::{IndexName, ProjectName},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    answers::{File, Page, Provenance, Status},
    description::Description,
    downloads::{Count, Downloads},
    install::Install,
    metadata::{self, Metadata},
    page::{Stop, Top, draw},
    releases::{Release, Releases},
    shown,
    visitor::Visitor,
};
use crate::{
    error::Refusal,
    file_store::blocking,
    source::{Project, Source},
};

/// The longest page of a project that is read, in bytes: the index itself reads none that is longer.
const LONGEST_PAGE: usize = 64 * 1024 * 1024;

/// The longest provenance that is read, in bytes.
const LONGEST_PROVENANCE: usize = 1024 * 1024;

/// How many releases are on a page, and how many files of a release.
const RELEASES: usize = 50;
const FILES: usize = 200;

#[derive(Template)]
#[template(path = "project.html")]
#[expect(clippy::struct_excessive_bools, reason = "each is something that the page shows or does not")]
struct ProjectPage {
    top: Top,
    index: String,
    project: String,
    version: String,
    install: Install,
    login: String,
    status: Option<(String, String)>,
    /// Why the version should not be used, where it is yanked.
    yanked: Option<String>,
    prerelease: bool,
    metadata: Metadata,
    files: Vec<FileRow>,
    more_files: usize,
    publishers: Vec<Vouched>,
    /// Who brought the files; nobody where they come from upstream.
    uploaders: Vec<String>,
    hosted: bool,
    /// "12 downloads in the last 30 days".
    downloads: String,
    may_yank: bool,
    may_set_status: bool,
    /// The status that the project has (PEP 792).
    standing: String,
    releases: Vec<ReleaseRow>,
    count: usize,
    /// Queries of the pages before and after.
    before: Option<usize>,
    after: Option<usize>,
}

/// A file on the page.
struct FileRow {
    name: String,
    size: Option<String>,
    uploaded: Option<String>,
    sha256: Option<String>,
    requires_python: Option<String>,
    yanked: bool,
}

/// A release on the page.
#[expect(clippy::struct_excessive_bools, reason = "each is a mark beside the version")]
struct ReleaseRow {
    version: String,
    /// The same in a query.
    query: String,
    uploaded: Option<String>,
    latest: bool,
    chosen: bool,
    yanked: bool,
    prerelease: bool,
}

/// A publisher that vouches for a file.
struct Vouched {
    kind: String,
    facts: Vec<(String, String)>,
}

/// The page.
pub(super) async fn page(visitor: &Visitor, index: IndexName, project: &str) -> Result<Response, Stop> {
    let name: ProjectName = project.parse().map_err(|_| Stop::absent())?;
    let page = visitor.get(&format!("/{index}/simple/{name}/"), LONGEST_PAGE).await?;
    let read = move || {
        let page: Page = serde_json::from_slice(&page).map_err(std::io::Error::other)?;
        Ok((page.status, Releases::of(page.files)))
    };
    let (status, releases) = blocking(read).await.map_err(|_| Refusal::NotReady("its page cannot be read"))?;
    let wanted = visitor.parameter("version");
    let release = match &wanted {
        Some(version) => Some(releases.find(version).ok_or_else(Stop::absent)?),
        None => releases.latest(),
    };
    let metadata = match release.and_then(Release::spokesman) {
        Some(file) => metadata(visitor, &index, &name, file).await,
        None => Metadata::default(),
    };
    let publishers = match release {
        Some(release) => publishers(visitor, release).await,
        None => Vec::new(),
    };
    let (hosted, uploaders) = origin(visitor, &index, &name, release).await;
    let here = hosted && is_hosted_by(visitor, &index, &name).await;
    let chosen = release.map(|release| release.version.to_string());
    let pinned = chosen.as_deref().filter(|_| wanted.is_some());
    let number = visitor.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1_usize);
    let pages = releases.all().len().div_ceil(RELEASES).max(1);
    let number = number.clamp(1, pages);
    let files = release.map_or(&[][..], |release| &release.files);
    let shown = ProjectPage {
        top: Top::of(visitor),
        install: Install::of(visitor.server(), &index, &name, pinned),
        login: format!("daypass login {}", visitor.server()),
        status: status.as_ref().and_then(marked),
        yanked: release
            .filter(|release| release.is_yanked())
            .map(|release| shown::short(release.yanked_because().unwrap_or_default(), 500)),
        prerelease: release.is_some_and(|release| release.version.any_prerelease()),
        metadata,
        files: files.iter().take(FILES).map(row).collect(),
        more_files: files.len().saturating_sub(FILES),
        publishers,
        uploaders,
        hosted,
        downloads: downloads(&Downloads::of(&visitor.shared, &index, &name).await),
        may_yank: here && visitor.may(&index, &name, Action::Yank),
        may_set_status: here && visitor.may(&index, &name, Action::Admin),
        standing: status.as_ref().map_or_else(|| "active".to_owned(), |status| shown::short(&status.status, 20)),
        releases: rows(&releases, chosen.as_deref(), number),
        count: releases.all().len(),
        before: (number > 1).then(|| number - 1),
        after: (number < pages).then_some(number + 1),
        version: chosen.unwrap_or_default(),
        index: index.to_string(),
        project: name.to_string(),
    };
    Ok(draw(StatusCode::OK, &shown))
}

/// What the metadata of the release say; nothing where they cannot be had, as it is the files that matter.
async fn metadata(visitor: &Visitor, index: &IndexName, project: &ProjectName, file: &File) -> Metadata {
    let path = format!("/{index}/files/{project}/{}.metadata", file.filename);
    let Ok(bytes) = visitor.get(&path, metadata::LONGEST).await else { return Metadata::default() };
    blocking(move || Ok(Metadata::read(&bytes))).await.unwrap_or_default()
}

/// Who vouches for the files of the release: of the first that has a provenance.
async fn publishers(visitor: &Visitor, release: &Release) -> Vec<Vouched> {
    let server = visitor.server().as_str();
    let path = release.files.iter().filter_map(|file| file.provenance.as_deref());
    // Only what this server verified itself: an upstream's word is not asked for here.
    let path = path.filter_map(|url| url.strip_prefix(server).or(Some(url)).filter(|path| path.starts_with('/')));
    let Some(path) = path.into_iter().next() else { return Vec::new() };
    let Ok(bytes) = visitor.get(path, LONGEST_PROVENANCE).await else { return Vec::new() };
    let Ok(provenance) = serde_json::from_slice::<Provenance>(&bytes) else { return Vec::new() };
    let bundles = provenance.attestation_bundles.iter().take(10);
    bundles
        .map(|bundle| Vouched { kind: shown::short(&bundle.publisher.kind, 60), facts: bundle.publisher.facts() })
        .collect()
}

/// Whether the project is hosted here, and who brought the files of the release then.
async fn origin(
    visitor: &Visitor,
    index: &IndexName,
    project: &ProjectName,
    release: Option<&Release>,
) -> (bool, Vec<String>) {
    let sources = &visitor.shared.sources;
    let Some(source) = sources.iter().find(|source| source.name == *index) else { return (false, Vec::new()) };
    // It is in memory: the page was made of it a moment ago.
    let Ok(Project::Hosted(page)) = source.project(sources, project).await else { return (false, Vec::new()) };
    let files = release.into_iter().flat_map(|release| &release.files);
    let uploaders = files.filter_map(|file| page.find(&file.filename)?.uploader.as_deref());
    let each: BTreeSet<String> = uploaders.take(FILES).map(|one| shown::short(one, 100)).collect();
    (true, each.into_iter().collect())
}

/// Whether the project is hosted by this very index, and not by one behind it: only there it can be changed.
async fn is_hosted_by(visitor: &Visitor, index: &IndexName, project: &ProjectName) -> bool {
    let source = visitor.shared.sources.iter().find(|source| source.name == *index);
    match source.and_then(Source::hosted) {
        Some(hosted) => matches!(hosted.look_up(project).await, Ok(Some(_))),
        None => false,
    }
}

fn downloads(count: &Count) -> String {
    let least = if count.complete { "" } else { "at least " };
    let plural = if count.number == 1 { "" } else { "s" };
    format!("{least}{} download{plural} in the last 30 days", count.number)
}

/// PEP 792: what people are told of a project that is not simply active.
fn marked(status: &Status) -> Option<(String, String)> {
    let words = match &*status.status {
        "active" => return None,
        "archived" => "This project is archived: it gets no new releases.",
        "deprecated" => "This project is deprecated: its authors advise against it.",
        "quarantined" => "This project is in quarantine: its files are not handed out.",
        _ => "This project is not active.",
    };
    Some((words.to_owned(), shown::short(status.reason.as_deref().unwrap_or_default(), 500)))
}

fn row(file: &File) -> FileRow {
    FileRow {
        name: shown::short(&file.filename, 255),
        size: file.size.map(shown::size),
        uploaded: file.upload_time.as_deref().map(day),
        sha256: file.hashes.get("sha256").map(|digest| shown::short(digest, 64)),
        requires_python: file.requires_python.as_deref().map(|specifier| shown::short(specifier, 80)),
        yanked: file.yanked.is_some(),
    }
}

fn rows(releases: &Releases, chosen: Option<&str>, page: usize) -> Vec<ReleaseRow> {
    let latest = releases.latest().map(|release| release.version.clone());
    let shown = releases.all().iter().skip((page - 1) * RELEASES).take(RELEASES);
    shown
        .map(|release| {
            let version = release.version.to_string();
            ReleaseRow {
                query: utf8_percent_encode(&version, NON_ALPHANUMERIC).to_string(),
                uploaded: release.uploaded().map(day),
                latest: latest.as_ref() == Some(&release.version),
                chosen: chosen == Some(version.as_str()),
                yanked: release.is_yanked(),
                prerelease: release.version.any_prerelease(),
                version,
            }
        })
        .collect()
}

/// The day of a time as RFC 3339 writes it, or what there is of it.
fn day(time: &str) -> String {
    shown::short(time.split('T').next().unwrap_or_default(), 20).trim_end_matches('…').to_owned()
}
