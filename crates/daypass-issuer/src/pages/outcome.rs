//! Where a sign-in ends: signed in, no access, an error.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{Forms, draw};

/// It worked, and what was waiting goes on.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_in.html")]
pub struct SignedIn<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// Who, if that is known.
    pub person: Option<&'a str>,
}

impl SignedIn<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        draw(StatusCode::OK, Forms::Nowhere, self)
    }
}

/// The console's session in this browser is over, by its person's own wish.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOut<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
}

impl SignedOut<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        draw(StatusCode::OK, Forms::Nowhere, self)
    }
}

/// Somebody is who they say, but has no role here.
#[derive(Debug, Clone, Template)]
#[template(path = "no_access.html")]
pub struct NoAccess<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// Who, as people know them.
    pub person: &'a str,
    /// The provider's label.
    pub provider: &'a str,
    /// Who, as a role's `users` names them: `corp/00u1`.
    pub member: &'a str,
    /// The request's id.
    pub request_id: &'a str,
}

impl NoAccess<'_> {
    /// The page, with 403.
    pub fn answer(&self) -> Response {
        draw(StatusCode::FORBIDDEN, Forms::Nowhere, self)
    }
}

/// Something went wrong.
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct Problem<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// In a few words: "This sign-in has expired".
    pub title: &'a str,
    /// What happened, in a sentence.
    pub what: &'a str,
    /// What to do about it, in a sentence.
    pub next: &'a str,
    /// The request's id.
    pub request_id: &'a str,
}

impl Problem<'_> {
    /// The page.
    pub fn answer(&self, status: StatusCode) -> Response {
        draw(status, Forms::Nowhere, self)
    }
}
