//! A page in between, for leaving this server after a form was sent.
//!
//! CSP `form-action` keeps what people type into our forms here. Chromium holds every redirect that answers a form to
//! the same rule, so a `303` to a provider, or to the command line's loopback address, would end on an error page; and
//! the rule cannot list where a provider's own redirects may lead. A page that goes on by itself is a new navigation,
//! to which the rule does not apply: it works in every browser, without scripts, and nothing is weakened.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{Forms, draw};

/// Goes on to another address at once.
#[derive(Debug, Clone, Template)]
#[template(path = "onward.html")]
pub struct Onward<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// Where to, for the rare person who sees this page: "Taking you to Example Corp".
    pub heading: &'a str,
    /// The address: `http` or `https`, made by us or registered with us.
    pub url: &'a str,
}

impl Onward<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        draw(StatusCode::OK, Forms::Nowhere, self)
    }
}
