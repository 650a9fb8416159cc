//! Pages of hosted projects: rendered from the catalogue when it changes, kept in memory.

use std::{collections::BTreeMap, sync::Arc};

use daypass_core::{
    names::{IndexName, ProjectName},
    project_status::ProjectStatus,
    public_url::PublicUrl,
};
use daypass_store::{HostedFile, HostedProject, Store};
use moka::sync::Cache;
use pep440_rs::Version;
use serde_json::{Value, json};

use crate::{
    error::Refusal,
    file_store::blocking,
    flight::Flights,
    namespace::Namespaces,
    page::{self, CoreMetadata, NAMESPACES_MINOR, PageFile, ProjectPage, prepared::PreparedPage},
};

/// How many bytes of pages are held in memory.
const PAGES_IN_MEMORY: u64 = 8 * 1024 * 1024;

/// How many names are remembered that are not hosted.
const ABSENT_IN_MEMORY: u64 = 20_000;

/// The API version that hosted pages keep to: versions, sizes, upload times (1.1); what came later is optional.
const API_MINOR: u32 = 4;

/// The catalogue's files of a project, and its page made of them.
#[derive(Debug)]
pub(crate) struct HostedPage {
    /// The page.
    pub prepared: PreparedPage,
    /// Its project.
    pub project: HostedProject,
    files: Vec<HostedFile>,
}

impl HostedPage {
    /// The catalogue's entry for a file.
    pub(crate) fn find(&self, file: &str) -> Option<&HostedFile> {
        self.files.iter().find(|candidate| candidate.file.as_str() == file)
    }
}

/// `None` where the project is not hosted.
type Outcome = Result<Option<Arc<HostedPage>>, Refusal>;

/// The hosted pages of one index.
pub(crate) struct HostedPages {
    store: Store,
    index: IndexName,
    namespaces: Namespaces,
    /// The URL under which provenance is, of this index.
    provenance_root: Arc<str>,
    known: Cache<ProjectName, Arc<HostedPage>>,
    /// Names that were not hosted when they were asked for. One that is hosted since has changed since.
    absent: Cache<ProjectName, ()>,
    flights: Flights<(ProjectName, i64), Outcome>,
}

impl HostedPages {
    pub(crate) fn new(store: Store, index: IndexName, namespaces: Namespaces, public_url: &PublicUrl) -> Self {
        let weigh = |_: &ProjectName, page: &Arc<HostedPage>| page.prepared.weight();
        let known = Cache::builder().weigher(weigh).max_capacity(PAGES_IN_MEMORY).build();
        let absent = Cache::builder().max_capacity(ABSENT_IN_MEMORY).build();
        let provenance_root = public_url.join(&format!("/{index}/provenance/")).into();
        Self { store, index, namespaces, provenance_root, known, absent, flights: Flights::default() }
    }

    /// The page, if it is in memory and made from this version of the project or a later one.
    pub(crate) fn find(&self, project: &ProjectName, version: i64) -> Option<Arc<HostedPage>> {
        self.known.get(project).filter(|page| page.project.version >= version)
    }

    /// Whether the project was not hosted when somebody asked. It may have changed since.
    pub(crate) fn is_known_absent(&self, project: &ProjectName) -> bool {
        self.absent.contains_key(project)
    }

    /// The page, made from this version of the project or a later one; `None` if the project is not hosted, as the
    /// catalogue says *now*, whatever was followed so far.
    pub(crate) async fn get(&self, project: &ProjectName, version: i64) -> Outcome {
        if let Some(page) = self.find(project, version) {
            return Ok(Some(page));
        }
        let (store, index, named) = (self.store.clone(), self.index.clone(), project.clone());
        let (known, absent, namespaces) = (self.known.clone(), self.absent.clone(), self.namespaces.clone());
        let root = Arc::clone(&self.provenance_root);
        let make = move || async move {
            let Some(page) = make(&store, &index, &named, &namespaces, &root).await? else {
                absent.insert(named, ());
                return Ok(None);
            };
            let page = Arc::new(page);
            known.insert(named, Arc::clone(&page));
            Ok(Some(page))
        };
        self.flights.join((project.clone(), version), make).await.unwrap_or(Err(UNREADABLE))
    }
}

const UNREADABLE: Refusal = Refusal::NotReady("its catalogue of files cannot be read");

fn unreadable(error: &daypass_store::StoreError) -> Refusal {
    tracing::error!(%error, "the catalogue of hosted files cannot be read");
    UNREADABLE
}

async fn make(
    store: &Store,
    index: &IndexName,
    project: &ProjectName,
    namespaces: &Namespaces,
    provenance_root: &str,
) -> Result<Option<HostedPage>, Refusal> {
    // The project first: its files may be newer than its version, and then they are read once more.
    let found = store.hosted_project(index, project).await.map_err(|error| unreadable(&error))?;
    let Some(found) = found else { return Ok(None) };
    let files = store.hosted_files(index, project).await.map_err(|error| unreadable(&error))?;
    let mut page = page_of(project, &found, &files);
    name_namespaces(&mut page, namespaces);
    page.provenance_base = Some(format!("{provenance_root}{project}/").into());
    let prepared = blocking(move || Ok(PreparedPage::new(page))).await.map_err(|_| UNREADABLE)?;
    Ok(Some(HostedPage { prepared, project: found, files }))
}

/// The page of a hosted project.
///
/// PEP 792: of a quarantined one no files are offered.
fn page_of(project: &ProjectName, found: &HostedProject, files: &[HostedFile]) -> ProjectPage {
    let files = if found.status.offers_files() { files } else { &[] };
    let status = (found.status != ProjectStatus::Active).then(|| page::ProjectStatus {
        status: found.status.as_str().into(),
        reason: found.reason.as_deref().map(Into::into),
    });
    let mut versions: Vec<&str> = files.iter().map(|file| file.version.as_str()).collect();
    // What PEP 440 cannot read comes first, by its letters; imports let none of it in.
    versions.sort_by_cached_key(|version| (version.parse::<Version>().ok(), (*version).to_owned()));
    versions.dedup();
    ProjectPage {
        name: project.clone(),
        api_minor: API_MINOR,
        versions: Some(versions.into_iter().map(Into::into).collect()),
        status,
        serial: Some(found.version),
        files: files.iter().map(page_file).collect(),
        provenance_base: None,
        extra: serde_json::Map::new(),
    }
}

/// PEP 752: what a page says from version 1.5 on; an index without namespaces does not support them, and says nothing.
///
/// Whoever uploaded the project owned its namespace then: nobody else could.
fn name_namespaces(page: &mut ProjectPage, namespaces: &Namespaces) {
    if namespaces.is_empty() {
        return;
    }
    let holding: Vec<_> = namespaces.holding(&page.name).map(|it| json!({ "name": it.name, "owned": true })).collect();
    let value = if holding.is_empty() { Value::Null } else { holding.into() };
    page.extra.insert("namespaces".to_owned(), value);
    page.api_minor = NAMESPACES_MINOR;
}

fn page_file(file: &HostedFile) -> PageFile {
    let sha256 = |digest: &daypass_core::digest::Sha256| BTreeMap::from([("sha256".into(), digest.to_string().into())]);
    PageFile {
        name: file.file.clone(),
        source: None,
        hashes: sha256(&file.sha256),
        size: Some(file.size),
        requires_python: file.requires_python.as_deref().map(Into::into),
        metadata: file
            .metadata_sha256
            .as_ref()
            .map_or(CoreMetadata::Absent, |digest| CoreMetadata::Hashed(sha256(digest))),
        yanked: file.yanked.as_deref().map(Into::into),
        // PEP 700: `yyyy-mm-ddThh:mm:ss.ffffffZ`.
        upload_time: Some(file.upload_time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string().into()),
        first_seen: None,
        // Where it is says the page; that there is some is said here.
        provenance: file.provenance_sha256.map(|digest| digest.to_string().into()),
        extra: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn active() -> HostedProject {
        let created_at = "2026-11-23T00:00:00Z".parse().unwrap();
        HostedProject { status: ProjectStatus::Active, reason: None, created_at, version: 1 }
    }

    #[test]
    fn a_hosted_page_says_all_that_pep_700_wants() {
        let file = |version: &str| HostedFile {
            index: "python".parse().unwrap(),
            project: "acme".parse().unwrap(),
            file: format!("acme-{version}.tar.gz").parse().unwrap(),
            version: version.to_owned(),
            sha256: daypass_core::digest::Sha256::of("abc"),
            size: 3,
            upload_time: "2026-11-23T01:02:03.000450Z".parse().unwrap(),
            requires_python: None,
            metadata_sha256: None,
            metadata_size: None,
            licence: None,
            uploader: None,
            yanked: None,
            provenance_sha256: None,
        };
        let page =
            page_of(&"acme".parse().unwrap(), &active(), &[file("1.10"), file("1.9"), file("1.9"), file("1.10rc1")]);
        assert_eq!(page.versions.unwrap(), ["1.9", "1.10rc1", "1.10"].map(Into::into));
        assert_eq!(page.files[0].upload_time.as_deref(), Some("2026-11-23T01:02:03.000450Z"));
    }
}
