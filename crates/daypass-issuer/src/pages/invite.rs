//! An invited person chooses a passkey or a password.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{Forms, draw};

/// The choice. Its forms are sent to the page's own URL, with `request` and either `password` and `again`, or what an
/// authenticator made.
#[derive(Debug, Clone, Template)]
#[template(path = "invite.html")]
pub struct Accept<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// The person's name, if it is known.
    pub display_name: Option<&'a str>,
    /// What the account may do: `reader`.
    pub role: &'a str,
    /// What an authenticator makes a passkey from; `None` where browsers allow none (the host is an IP address).
    pub passkey: Option<PasskeyMake<'a>>,
    /// What binds the form to the browser that asked for it.
    pub request: &'a str,
    /// What was wrong with what was chosen before.
    pub problem: Option<&'a str>,
}

/// What an authenticator makes a passkey from.
#[derive(Debug, Clone)]
pub struct PasskeyMake<'a> {
    /// The challenge, in base64url.
    pub challenge: &'a str,
    /// The relying party: the public URL's host.
    pub rp_id: &'a str,
    /// The account, as the authenticator keeps it, in base64url.
    pub user_id: &'a str,
    /// The sealed challenge.
    pub ceremony: &'a str,
}

impl Accept<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        self.answer_with(if self.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })
    }

    /// The page under another status, such as 429.
    pub fn answer_with(&self, status: StatusCode) -> Response {
        draw(status, Forms::Here, self)
    }
}

/// The account has a credential.
#[derive(Debug, Clone, Template)]
#[template(path = "invite_done.html")]
pub struct Accepted<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// The account's name.
    pub account: &'a str,
    /// Whether a passkey was chosen, and not a password.
    pub passkey: bool,
    /// What to type after `daypass login`.
    pub login_url: &'a str,
}

impl Accepted<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        draw(StatusCode::OK, Forms::Nowhere, self)
    }
}
