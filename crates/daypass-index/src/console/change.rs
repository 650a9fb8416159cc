//! `POST /console/{index}/{project}/change`: yanking, un-yanking and another status, by a form of the project's page.
//!
//! What is asked for is asked of `/api/v1/indexes/…`, with the visitor's own access token: who may do what, and what
//! the audit log says of it, is decided there alone.

use std::time::Duration;

use axum::{
    body::{Body, to_bytes},
    http::{HeaderName, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use daypass_core::{
    console,
    names::{IndexName, ProjectName},
};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{page::Stop, visitor::Visitor};

/// The longest form, in bytes: a reason of 500 characters, each percent-encoded, and the rest.
const LONGEST: usize = 16 * 1024;

/// How long it may take to come.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest answer of the API that is read, in bytes: it lists the files that were changed.
const LONGEST_ANSWER: usize = 8 * 1024 * 1024;

/// A form that was sent.
struct Form(Vec<(String, String)>);

impl Form {
    async fn read(body: Body) -> Result<Self, Stop> {
        let read = tokio::time::timeout(PATIENCE, to_bytes(body, LONGEST)).await;
        let Ok(Ok(bytes)) = read else { return Err(refused("the form is too long, or came too slowly")) };
        Ok(Self(url::form_urlencoded::parse(&bytes).into_owned().collect()))
    }

    fn find(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.trim()).unwrap_or_default()
    }
}

/// Does it, and leads back to the page.
pub(super) async fn change(
    visitor: &Visitor,
    request: &Parts,
    body: Body,
    index: IndexName,
    project: &str,
) -> Result<Response, Stop> {
    let name: ProjectName = project.parse().map_err(|_| Stop::absent())?;
    let form = Form::read(body).await?;
    require_ours(visitor, request, &form)?;
    let (method, path, wish) = wish(&form, &index, &name)?;
    visitor.send(method, &path, &wish, LONGEST_ANSWER).await?;
    let version = encoded(form.find("version"));
    let query = if version.is_empty() { String::new() } else { format!("?version={version}") };
    let location = format!("/console/{index}/{name}/{query}");
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    Ok((StatusCode::SEE_OTHER, headers).into_response())
}

/// That a page of ours sent the form, drawn for this very visitor (cross-site request forgery).
fn require_ours(visitor: &Visitor, request: &Parts, form: &Form) -> Result<(), Stop> {
    let text = |name: HeaderName| request.headers.get(name).and_then(|value| value.to_str().ok());
    let site = text(HeaderName::from_static("sec-fetch-site"));
    let ours = console::is_same_origin(visitor.server(), site, text(header::ORIGIN));
    if ours && form.find(console::FORM_KEY) == visitor.form_key() {
        return Ok(());
    }
    Err(refused("the page with that button is too old, or it was not a page of this server; open it again"))
}

/// What the API is asked.
fn wish(form: &Form, index: &IndexName, project: &ProjectName) -> Result<(Method, String, Value), Stop> {
    let base = format!("/api/v1/indexes/{index}/projects/{project}");
    let yank = || format!("{base}/releases/{}/yank", encoded(form.find("version")));
    let reason = form.find("reason");
    match form.find("do") {
        "yank" => Ok((Method::PUT, yank(), json!({ "reason": reason }))),
        "unyank" => Ok((Method::DELETE, yank(), json!({}))),
        "status" => {
            Ok((Method::PUT, format!("{base}/status"), json!({ "status": form.find("status"), "reason": reason })))
        }
        _ => Err(refused("the form asks for nothing that can be done")),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn refused(detail: &str) -> Stop {
    Stop::Said { status: StatusCode::BAD_REQUEST, detail: detail.to_owned() }
}
