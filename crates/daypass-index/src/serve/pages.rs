//! `/{index}/simple/` and `/{index}/simple/{project}/`.

use std::collections::BTreeMap;

use axum::{
    body::Body,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use daypass_core::names::ProjectName;

use super::Asking;
use crate::{
    body::inflated,
    error::Refusal,
    index::Shared,
    negotiate::{Form, accepts_gzip, form, is_unchanged},
    page::{
        list,
        prepared::{Coding, Prepared, Sendable},
    },
    source::{Part, Project, Source},
    upstream::pages::{Given, Had},
};

const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// The page of one project.
pub(super) async fn project(asking: &Asking<'_>, source: &Source, name: &ProjectName) -> Result<Response, Refusal> {
    let form = wanted(asking)?;
    let project = source.project(&asking.shared.sources, name).await?;
    let page = project.page();
    let prepared = match form {
        Form::Json => &page.json,
        Form::Html | Form::OldHtml => &page.html,
    };
    let mut response = send(asking, form, prepared);
    note_serial(&mut response, page.page.serial);
    if let Project::Upstream(given, _) = &project {
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

/// The list of the projects hosted here that the caller may pull. What upstream has is not listed: nobody knows it all.
pub(super) async fn list(asking: &Asking<'_>, source: &Source) -> Result<Response, Refusal> {
    let form = wanted(asking)?;
    let names = hosted_names(asking.shared, source).await?;
    let may_pull = |(name, _): &(&ProjectName, i64)| asking.caller.may_pull(&source.name, name);
    let projects: Vec<(&ProjectName, i64)> =
        names.iter().map(|(name, serial)| (name, *serial)).filter(may_pull).collect();
    let serial = projects.iter().map(|(_, serial)| *serial).max();
    // Not kept: it depends on who asks, and installers do not ask for it.
    let body = match form {
        Form::Json => list::write_json(&projects),
        Form::Html | Form::OldHtml => list::write_html(&projects),
    };
    let mut response = send(asking, form, &Prepared::new(body));
    note_serial(&mut response, serial);
    Ok(response)
}

/// The names that are hosted in an index or in one that it is made of, and that its view shows; with their serials.
async fn hosted_names(shared: &Shared, source: &Source) -> Result<BTreeMap<ProjectName, i64>, Refusal> {
    let mut names = BTreeMap::new();
    for part in &source.parts {
        let more: Vec<(ProjectName, i64)> = match part {
            Part::Hosted(_) => {
                let read = shared.store.changed_projects(&source.name, 0, i64::MAX).await;
                let all = read.map_err(|error| {
                    tracing::error!(%error, "the catalogue of hosted files cannot be read");
                    Refusal::NotReady("its catalogue of files cannot be read")
                })?;
                all.into_iter().map(|project| (project.project, project.version)).collect()
            }
            Part::Index(place) => match shared.sources.get(*place) {
                Some(other) => Box::pin(hosted_names(shared, other)).await?.into_iter().collect(),
                None => Vec::new(),
            },
            Part::Upstream(_) => Vec::new(),
        };
        for (name, serial) in more.into_iter().filter(|(name, _)| !source.leaves_out(name)) {
            // The first source owns the name.
            names.entry(name).or_insert(serial);
        }
    }
    Ok(names)
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
