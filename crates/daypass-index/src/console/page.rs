//! What every page of the console has in common, and the pages for when there is nothing to be seen.

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use daypass_core::{console, request::RequestContext};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::visitor::Visitor;
use crate::index::Shared;

/// What is written on top of a page.
pub(super) struct Top {
    /// The server's `host` or `host:port`.
    pub(super) server: String,
    /// Who looks, if anybody is signed in, and what their forms bring along.
    pub(super) person: Option<(String, String)>,
}

impl Top {
    pub(super) fn of(visitor: &Visitor) -> Self {
        let person = Some((visitor.person().to_owned(), visitor.form_key()));
        Self { server: visitor.server().authority().to_owned(), person }
    }
}

/// Why a page is not shown.
pub(super) enum Stop {
    /// Nobody is signed in, or not any more.
    SignIn,
    /// What the page is made of is too long.
    TooLong,
    /// The index says no, or not now.
    Said {
        /// Its status.
        status: StatusCode,
        /// What it said.
        detail: String,
    },
}

impl Stop {
    /// There is no such page.
    pub(super) fn absent() -> Self {
        Self::Said { status: StatusCode::NOT_FOUND, detail: "there is no such index or project here".to_owned() }
    }
}

/// There is nothing to be seen, and why.
#[derive(Template)]
#[template(path = "problem.html")]
struct Problem<'a> {
    top: Top,
    title: &'a str,
    what: &'a str,
    next: &'a str,
    request_id: &'a str,
}

/// The page for that; for whoever is not signed in, the way there.
pub(super) fn stop(shared: &Shared, request: &Parts, why: &Stop) -> Response {
    let (status, detail) = match why {
        Stop::SignIn => return sign_in(request),
        Stop::TooLong => (StatusCode::INSUFFICIENT_STORAGE, "the page of this project is too long to be shown"),
        Stop::Said { status, detail } => (*status, &**detail),
    };
    let (title, next) = match status {
        StatusCode::FORBIDDEN => ("Not yours to see", "Ask whoever runs this server for a role, then sign in again."),
        StatusCode::NOT_FOUND => ("Not found", "Look for it from the start of the console."),
        _ => ("Not now", "Try again in a few seconds."),
    };
    let context = request.extensions.get::<RequestContext>();
    let request_id = context.map(|context| context.id.to_string()).unwrap_or_default();
    let top = Top { server: shared.public_url.authority().to_owned(), person: None };
    let what = sentence(detail);
    draw(status, &Problem { top, title, what: &what, next, request_id: &request_id })
}

/// Goes on to where people sign in, and back to this page then; from a form, to the page that it stood on.
fn sign_in(request: &Parts) -> Response {
    let page = match request.method {
        Method::GET | Method::HEAD => request.uri.path_and_query().map_or(console::HOME, |path| path.as_str()),
        _ => request.uri.path().strip_suffix("change").unwrap_or(console::HOME),
    };
    let to = utf8_percent_encode(page, NON_ALPHANUMERIC);
    let location = format!("{}?to={to}", console::SIGN_IN);
    let headers = [(header::LOCATION, location), (header::CACHE_CONTROL, "no-store".to_owned())];
    (StatusCode::SEE_OTHER, headers).into_response()
}

/// A refusal as a sentence of a page.
fn sentence(detail: &str) -> String {
    let mut chars = detail.chars();
    let first = chars.next().map(|first| first.to_uppercase().to_string()).unwrap_or_default();
    format!("{first}{}.", chars.as_str().replace('`', ""))
}

/// What a page says about itself to the browser, beside its content.
const HEADERS: [(HeaderName, HeaderValue); 9] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CACHE_CONTROL, HeaderValue::from_static("private, no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // What a project's links lead to is not told where people came from.
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"),
    ),
    // No script at all, no picture of somebody else, no form to somebody else: even if what strangers wrote got through
    // as markup, it could do nothing.
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; \
             frame-ancestors 'none'",
        ),
    ),
];

/// Draws a page.
pub(super) fn draw(status: StatusCode, page: &impl Template) -> Response {
    match page.render() {
        Ok(html) => (status, HEADERS, html).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the console could not be drawn");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
