//! `/{index}/simple/` and `/{index}/simple/{project}/`.

use axum::{
    body::Body,
    http::{HeaderValue, Method, StatusCode, header},
    response::Response,
};
use daypass_core::names::ProjectName;

use super::Asking;
use crate::{
    body::inflated,
    error::Refusal,
    negotiate::{Form, accepts_gzip, form, is_unchanged},
    page::{
        list,
        prepared::{Coding, Prepared, Sendable},
    },
    source::Source,
};

/// The page of one project.
pub(super) async fn project(asking: &Asking<'_>, source: &Source, name: &ProjectName) -> Result<Response, Refusal> {
    let form = wanted(asking)?;
    let project = source.project(&asking.shared.following, name).await?;
    let page = project.page();
    let prepared = match form {
        Form::Json => &page.json,
        Form::Html | Form::OldHtml => &page.html,
    };
    Ok(send(asking, form, prepared))
}

/// The list of the projects hosted here that the caller may pull. What upstream has is not listed: nobody knows it all.
pub(super) fn list(asking: &Asking<'_>, source: &Source) -> Result<Response, Refusal> {
    let form = wanted(asking)?;
    let catalogue = asking.shared.following.catalogue(&source.name);
    let may = |name: &&ProjectName| asking.caller.may_pull(&source.name, name);
    let mut projects: Vec<&ProjectName> = catalogue.projects.iter().filter(may).collect();
    projects.sort();
    // Not kept: it depends on who asks, and installers do not ask for it.
    let body = match form {
        Form::Json => list::write_json(&projects),
        Form::Html | Form::OldHtml => list::write_html(&projects),
    };
    Ok(send(asking, form, &Prepared::new(body)))
}

fn wanted(asking: &Asking<'_>) -> Result<Form, Refusal> {
    form(asking.request.uri.query(), &asking.request.headers).ok_or(Refusal::NotAcceptable)
}

fn send(asking: &Asking<'_>, form: Form, prepared: &Prepared) -> Response {
    let request = asking.request;
    let Sendable { bytes, coding, length, etag } = prepared.body(accepts_gzip(&request.headers));
    let unchanged = is_unchanged(&request.headers, etag);
    let send_body = !unchanged && request.method == Method::GET;
    let body = match coding {
        _ if !send_body => Body::empty(),
        Coding::Plain | Coding::Gzip => Body::from(bytes),
        Coding::Inflate => inflated(bytes),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.reserve(8);
    headers.insert(header::ETAG, etag.clone());
    // Every request is authorised anew, and a new release or a withdrawn one is seen at once; a 304 costs microseconds.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    // Never `Authorization`: pip and uv would fetch everything again with every new access token.
    headers.insert(header::VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    headers.insert(header::CONTENT_TYPE, form.content_type());
    headers.insert(header::CONTENT_LENGTH, length.into());
    if coding == Coding::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}
