//! `/{index}/simple/` and `/{index}/simple/{project}/`.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use daypass_core::names::ProjectName;

use super::Asking;
use crate::{
    body::inflated,
    coding::{Accepted, ContentCoding},
    error::Refusal,
    negotiate::{Form, form, is_unchanged},
    page::prepared::{Coding, Prepared, Sendable},
    source::{Project, Source},
    upstream::pages::{Given, Had},
};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The page of one project.
pub(super) async fn project(asking: &Asking<'_>, source: &Source, name: &ProjectName) -> Result<Response, Refusal> {
    let form = wanted(asking)?;
    let shown = asking.shown(source, name).await?;
    let page = shown.page();
    let prepared = match form {
        Form::Json => &page.json,
        Form::Html | Form::OldHtml => &page.html,
    };
    let mut response = send(asking, form, prepared);
    note_serial(&mut response, page.page.serial);
    if let Project::Upstream(given, _) = &shown.project {
        say_how_it_was_had(response.headers_mut(), given);
    }
    Ok(response)
}

/// What mirrors ask for.
fn note_serial(response: &mut Response, serial: Option<i64>) {
    if let Some(serial) = serial {
        response.headers_mut().insert("x-pypi-last-serial", serial.into());
    }
}

/// How old the page is (RFC 9111 §5.1), and whether it was kept: for whoever looks for the reason of an answer.
fn say_how_it_was_had(headers: &mut HeaderMap, given: &Given) {
    let had = match given.had {
        Had::Hit => "hit",
        Had::Stale => "stale",
        Had::Miss => "miss",
    };
    headers.insert(X_CACHE, HeaderValue::from_static(had));
    headers.insert(header::AGE, given.age.into());
}

/// The list of the projects hosted here that the caller may pull.
pub(super) async fn list(asking: &Asking<'_>, source: &Source) -> Result<Response, Refusal> {
    let form = wanted(asking)?;
    let visible = asking.caller.visible(&source.name);
    let list = asking.shared.lists.get(&asking.shared.sources, source, form, visible).await?;
    let mut response = send(asking, form, &list.page);
    note_serial(&mut response, list.serial);
    Ok(response)
}

fn wanted(asking: &Asking<'_>) -> Result<Form, Refusal> {
    form(asking.request.uri.query(), &asking.request.headers).ok_or(Refusal::NotAcceptable)
}

fn send(asking: &Asking<'_>, form: Form, prepared: &Prepared) -> Response {
    let request = asking.request;
    let Sendable { bytes, coding, length, etag } = prepared.body(Accepted::of(&request.headers));
    let unchanged = is_unchanged(&request.headers, etag);
    let send_body = !unchanged && request.method == Method::GET;
    let body = match coding {
        _ if !send_body => Body::empty(),
        Coding::Plain | Coding::Compressed(_) => Body::from(bytes),
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
    if let Coding::Compressed(coding) = coding {
        let name = match coding {
            ContentCoding::Gzip => "gzip",
            ContentCoding::Zstd => "zstd",
        };
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(name));
    }
    response
}
