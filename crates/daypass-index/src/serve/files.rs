//! `/{index}/files/{project}/{file}` and `….metadata`.

use axum::{
    http::{Method, StatusCode},
    response::Response,
};
use daypass_core::names::{FileName, ProjectName};

use super::{Asking, licences::licence_of, unrecorded};
use crate::{
    audit,
    content::{Bytes, Content, Sent, etag},
    error::Refusal,
    file_store::Blob,
    package_policy::Blocked,
    page::PageFile,
    range::{self, Part},
    screen::{Layer, quarantined},
    source::{Project, Source, Want},
    upstream::{
        Upstream, UpstreamError,
        download::{Arrival, Download},
        files::{Found, Wish},
    },
};

/// Which file, of which project.
struct Named<'a> {
    project: &'a ProjectName,
    /// The file.
    file: FileName,
    /// Whether its metadata is meant.
    metadata: bool,
}

/// A file or its metadata.
pub(super) async fn file(
    asking: &Asking<'_>,
    source: &Source,
    project: &ProjectName,
    file: &str,
) -> Result<Response, Refusal> {
    let (file, metadata) = file.strip_suffix(".metadata").map_or((file, false), |file| (file, true));
    let named = Named { project, file: file.parse().map_err(|_| Refusal::NotFound)?, metadata };
    let (mut found, layers) = source.project_through(Want::File, &asking.shared.sources, project).await?;
    if let Project::Upstream(given, upstream) = &mut found
        && given.page.prepared.page.find(named.file.as_str()).is_none()
    {
        // The page may be stale, and the file newer.
        given.page = upstream.pages.get_anew(project).await?.page;
    }
    may_be_had(asking, &found, &layers, project, &named.file).await?;
    match found {
        Project::Hosted(page) => {
            let file = page.find(named.file.as_str()).ok_or(Refusal::NotFound)?;
            let content = if metadata {
                metadata_of(asking, file).await?
            } else {
                Content { blob: Blob::hosted(file.sha256), size: file.size, bytes: Bytes::Kept }
            };
            send(asking, &named, content).await?.ok_or_else(|| {
                tracing::error!(%project, file = %named.file, "a hosted file is missing or damaged");
                Refusal::NotReady("the file is damaged")
            })
        }
        Project::Upstream(given, upstream) => {
            let listed = given.page.prepared.page.find(named.file.as_str()).ok_or(Refusal::NotFound)?;
            if metadata && !listed.metadata.is_there() {
                return metadata_inside(asking, &upstream, &named, listed).await;
            }
            let wish = if metadata { Wish::metadata(project, listed) } else { Wish::file(project, listed) };
            let wish = wish.ok_or(Refusal::NotFound)?;
            match pulled_through(asking, &upstream, &named, &wish).await {
                // It was promised because it was read out of the wheel, and has been evicted since.
                Err(Refusal::NotFound | Refusal::Offline) if metadata => {
                    metadata_inside(asking, &upstream, &named, listed).await
                }
                other => other,
            }
        }
    }
}

/// Refuses what the index's policy withholds: a lock file of old names it still.
pub(super) async fn may_be_had(
    asking: &Asking<'_>,
    found: &Project,
    layers: &[&Layer],
    project: &ProjectName,
    file: &FileName,
) -> Result<(), Refusal> {
    let page = &found.page().page;
    if let Some(reason) = quarantined(page) {
        return Err(asking.blocked(project, file, Blocked::quarantined(project, reason)));
    }
    let listed = page.find(file.as_str()).ok_or(Refusal::NotFound)?;
    let said = licence_of(asking.shared, found, layers, listed).await?;
    asking.require_unblocked(found, layers, listed, said.licence())
}

/// The metadata's length is not in the catalogue: the file store knows it.
async fn metadata_of(asking: &Asking<'_>, file: &daypass_store::HostedFile) -> Result<Content, Refusal> {
    let blob = Blob::hosted(file.metadata_sha256.ok_or(Refusal::NotFound)?);
    let size = asking.shared.sender.size_of(&blob).await?;
    Ok(Content { blob, size, bytes: Bytes::Kept })
}

/// The metadata of a file of whose metadata upstream says nothing: a wheel has some inside.
async fn metadata_inside(
    asking: &Asking<'_>,
    upstream: &Upstream,
    named: &Named<'_>,
    listed: &PageFile,
) -> Result<Response, Refusal> {
    let wheel = Wish::wheel(named.project, listed).ok_or(Refusal::NotFound)?;
    let pin = upstream.files.metadata_inside(&wheel).await.map_err(|error| refused(error, named))?;
    let content = Content { blob: Blob::upstream(pin.sha256), size: pin.size, bytes: Bytes::Kept };
    send(asking, named, content).await?.ok_or(Refusal::NotReady("its file store does not work"))
}

/// The part that is asked for, if it need not wait for the whole file.
async fn part_of(asking: &Asking<'_>, upstream: &Upstream, wish: &Wish, download: &Download) -> Option<Content> {
    let (sha256, size) = (wish.sha256?, wish.size?);
    let part = match (&asking.request.method, range::wanted(&asking.request.headers, &etag(&sha256)).of(size)) {
        (&Method::GET, Part::Range(first, end)) => first..end,
        _ => return None,
    };
    let bytes = upstream.files.part(wish, download, part).await?;
    Some(Content { blob: Blob::upstream(sha256), size, bytes: Bytes::Part(bytes) })
}

async fn pulled_through(
    asking: &Asking<'_>,
    upstream: &Upstream,
    named: &Named<'_>,
    wish: &Wish,
) -> Result<Response, Refusal> {
    if let (&Method::HEAD, Some(sha256), Some(size)) = (&asking.request.method, wish.sha256, wish.size) {
        // The page says it all: no reason to fetch a file that nobody may want.
        let content = Content { blob: Blob::upstream(sha256), size, bytes: Bytes::Unseen };
        return send(asking, named, content).await?.ok_or(Refusal::NotFound);
    }
    // Twice: a kept file that turns out to be lost is fetched again.
    for _ in 0..2 {
        let content = match upstream.files.find(wish).await.map_err(|error| refused(error, named))? {
            Found::Kept(pin) => Content { blob: Blob::upstream(pin.sha256), size: pin.size, bytes: Bytes::Kept },
            Found::Coming(download) => {
                if let Some(part) = part_of(asking, upstream, wish, &download).await {
                    return send(asking, named, part).await?.ok_or(Refusal::NotFound);
                }
                let arrival = download.arrival(wish.sha256.is_some()).await.map_err(|error| refused(error, named))?;
                match (arrival, wish.sha256) {
                    (Arrival::Stream(stream), Some(sha256)) => {
                        Content { blob: Blob::upstream(sha256), size: stream.size, bytes: Bytes::Coming(stream) }
                    }
                    (Arrival::Kept(pin), Some(expected)) if pin.sha256 != expected => {
                        return Err(Refusal::UpstreamWrong("the file is not what the page says"));
                    }
                    (Arrival::Kept(pin), _) => {
                        Content { blob: Blob::upstream(pin.sha256), size: pin.size, bytes: Bytes::Kept }
                    }
                    (Arrival::Stream(_), None) => return Err(Refusal::NotReady("a file could not be verified")),
                }
            }
        };
        if let Some(response) = send(asking, named, content).await? {
            return Ok(response);
        }
        upstream.files.is_lost(wish);
    }
    Err(Refusal::NotReady("its file store does not work"))
}

fn refused(error: UpstreamError, named: &Named<'_>) -> Refusal {
    match error {
        // Its page lists the file, so this is a failure and no absence: an installer must not look elsewhere.
        UpstreamError::Absent if !named.metadata => Refusal::UpstreamWrong("it lists the file, but does not have it"),
        other => other.into(),
    }
}

/// Sends `content`; `None` when the file store has lost it. A file that is sent is in the audit log's queue before.
async fn send(asking: &Asking<'_>, named: &Named<'_>, content: Content) -> Result<Option<Response>, Refusal> {
    let request = asking.request;
    let response = match asking.shared.sender.send(&request.method, &request.headers, content).await? {
        Sent::Lost => return Ok(None),
        Sent::Unchanged(response) => return Ok(Some(response)),
        Sent::Bytes(response) => response,
    };
    if request.method == Method::GET && !named.metadata {
        record(asking, named, response.status() == StatusCode::PARTIAL_CONTENT)?;
    }
    Ok(Some(response))
}

/// Queues the download's row; a part's once a minute, since installers read a long wheel's directory in many small parts.
fn record(asking: &Asking<'_>, named: &Named<'_>, part: bool) -> Result<(), Refusal> {
    let Asking { shared, request, caller, index, .. } = asking;
    let now = shared.clock.now();
    let thing = (caller.token_sha256, format!("{index} {} {}", named.project, named.file));
    if part && !shared.parts.is_news(now, &thing) {
        return Ok(());
    }
    let event = audit::downloaded(now, request, caller, index, named.project, &named.file);
    shared.store.record_soon(event).map_err(|error| {
        shared.parts.forget(&thing);
        unrecorded(&error)
    })
}
