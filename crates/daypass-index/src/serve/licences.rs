//! Looks into the metadata of upstream's files for their licence, where a policy asks for it.

use std::{collections::HashSet, time::Duration};

use daypass_core::names::ProjectName;
use futures_util::future::join_all;

use crate::{
    error::Refusal,
    file_store::Blob,
    index::Shared,
    memory::SMALL,
    package_policy::named::Named,
    page::PageFile,
    screen::{Layer, Said},
    source::{Project, Source},
    upstream::{
        Upstream, UpstreamError,
        download::Arrival,
        files::{Found, Pin, Wish},
    },
};

/// How many versions of a project are looked at before its page is shown: installers take one of the newest.
const LOOKED_AT: usize = 10;

/// How long that may take. What was not seen then is seen before a file is handed out.
const PATIENCE: Duration = Duration::from_secs(3);

/// Looks into the newest files of a page, once for each state of it.
pub(super) async fn look_ahead(shared: &Shared, source: &Source, project: &Project, layers: &[&Layer]) {
    let Project::Upstream(given, upstream) = project else { return };
    let (tag, page) = (given.page.prepared.json.etag(), &given.page.prepared.page);
    if !layers.iter().any(|layer| layer.reads_licences()) || !source.screen.is_to_be_looked_at(&page.name, tag) {
        return;
    }
    let mut versions = HashSet::new();
    let is_first_of_its_version = |file: &&PageFile| versions.insert(Named::of(&page.name, file.name.as_str()).version);
    let with_metadata = page.files.iter().rev().filter(|file| file.metadata.is_there());
    let files = with_metadata.filter(is_first_of_its_version).take(LOOKED_AT);
    let looking = join_all(files.map(|file| look(shared, upstream, &page.name, file)));
    if tokio::time::timeout(PATIENCE, looking).await.is_err() {
        tracing::warn!(project = %page.name, "licences could not be looked at in time");
    }
}

/// What a file says about its licence, if a policy asks for it.
pub(super) async fn licence_of(
    shared: &Shared,
    project: &Project,
    layers: &[&Layer],
    file: &PageFile,
) -> Result<Said, Refusal> {
    let name = &project.page().page.name;
    match (shared.licences.of(project, name, file), project) {
        (Said::NotRead, Project::Upstream(_, upstream)) if layers.iter().any(|layer| layer.reads_licences()) => {
            look(shared, upstream, name, file).await
        }
        (said, _) => Ok(said),
    }
}

async fn look(shared: &Shared, upstream: &Upstream, project: &ProjectName, file: &PageFile) -> Result<Said, Refusal> {
    let said = read(shared, upstream, project, file).await?;
    if shared.licences.learn(upstream, project, &file.name, &said) {
        // An index that is made of this one shows it, too.
        for source in &shared.sources {
            source.screen.forget(project);
        }
    }
    Ok(said)
}

/// Metadata that a page promises: whole and verified, or not at all.
async fn promised(upstream: &Upstream, wish: &Wish) -> Result<Pin, UpstreamError> {
    let pin = match upstream.files.find(wish).await? {
        Found::Kept(pin) => pin,
        Found::Coming(download) => match download.arrival(false).await? {
            Arrival::Kept(pin) => pin,
            Arrival::Stream(_) => return Err(UpstreamError::Unavailable),
        },
    };
    match wish.sha256 {
        Some(expected) if expected != pin.sha256 => Err(UpstreamError::Wrong("the metadata is not what the page says")),
        _ => Ok(pin),
    }
}

async fn read(shared: &Shared, upstream: &Upstream, project: &ProjectName, file: &PageFile) -> Result<Said, Refusal> {
    let Some(wish) = Wish::metadata(project, file) else { return Ok(Said::Nothing) };
    let pin = match promised(upstream, &wish).await {
        // It was promised because it was read out of the wheel, and has been evicted since; or it is not there.
        Err(UpstreamError::Absent | UpstreamError::Offline) => match Wish::wheel(project, file) {
            Some(wheel) => upstream.files.metadata_inside(&wheel).await,
            None => Err(UpstreamError::Absent),
        },
        found => found,
    };
    let pin = match pin {
        Err(UpstreamError::Absent) => return Ok(Said::Nothing),
        pin => pin?,
    };
    if pin.size > SMALL {
        return Ok(Said::Nothing);
    }
    let bytes = shared.sender.small.get(&shared.sender.files, &Blob::upstream(pin.sha256), pin.size).await;
    let bytes = bytes.map_err(|error| {
        tracing::error!(%error, "what is kept of a file of upstream cannot be read");
        Refusal::NotReady("its file store does not work")
    })?;
    Ok(Said::in_metadata(&bytes))
}
