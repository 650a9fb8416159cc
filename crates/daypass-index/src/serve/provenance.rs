//! `/{index}/provenance/{project}/{file}` (PEP 740).

use axum::{
    body::Body,
    http::{HeaderValue, Method, header},
    response::Response,
};
use daypass_core::names::{FileName, ProjectName};

use super::{Asking, files::may_be_had};
use crate::{
    error::Refusal,
    file_store::Blob,
    source::{Project, Source, Want},
};

/// The provenance of a file, for whoever may have the file.
pub(super) async fn provenance(
    asking: &Asking<'_>,
    source: &Source,
    project: &ProjectName,
    file: &str,
) -> Result<Response, Refusal> {
    let file: FileName = file.parse().map_err(|_| Refusal::NotFound)?;
    let (found, layers) = source.project_through(Want::File, &asking.shared.sources, project).await?;
    may_be_had(asking, &found, &layers, project, &file).await?;
    match found {
        Project::Hosted(page) => {
            let listed = page.find(file.as_str()).ok_or(Refusal::NotFound)?;
            let blob = Blob::hosted(listed.provenance_sha256.ok_or(Refusal::NotFound)?);
            let text = asking.shared.sender.files.get(&blob.key()).await.map_err(|error| {
                tracing::error!(%project, %file, %error, "a provenance object is missing or damaged");
                Refusal::NotReady("the provenance is damaged")
            })?;
            Ok(answer(asking, text.into()))
        }
        Project::Upstream(given, upstream) => {
            let listed = given.page.prepared.page.find(file.as_str()).ok_or(Refusal::NotFound)?;
            let text = upstream.provenance.get(project, listed).await?;
            Ok(answer(asking, text.into()))
        }
    }
}

fn answer(asking: &Asking<'_>, body: Body) -> Response {
    let mut response = Response::new(if asking.request.method == Method::HEAD { Body::empty() } else { body });
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.pypi.integrity.v1+json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
