//! How do you want to sign in?

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{Forms, draw};

/// The choice between the providers and the built-in accounts.
///
/// Its forms send `request` and: to `/oauth/sign-in` either `provider` (a button) or `email`; to
/// `/oauth/sign-in/password` `name` and `password`; to `/oauth/sign-in/passkey` what an authenticator says.
#[derive(Debug, Clone, Template)]
#[template(path = "choose.html")]
pub struct Choose<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// Who wants access.
    pub asker: Asker<'a>,
    /// One button each. The first is the one to be seen.
    pub providers: &'a [ProviderButton<'a>],
    /// The field for an e-mail address, with what stands in it; only where some provider has domains.
    pub email: Option<&'a str>,
    /// The form for built-in accounts, where there are any.
    pub local: Option<Local<'a>>,
    /// The sealed sign-in.
    pub request: &'a str,
    /// What went wrong with the choice before.
    pub problem: Option<&'a str>,
}

/// Who wants access.
#[derive(Debug, Clone, Copy)]
pub enum Asker<'a> {
    /// The command line on the computer that the browser runs on.
    ThisComputer,
    /// Another client, by its name.
    Client(&'a str),
    /// A device somewhere, by the code it shows.
    Device(&'a str),
}

/// A provider to sign in with.
#[derive(Debug, Clone, Copy)]
pub struct ProviderButton<'a> {
    /// What the form sends.
    pub name: &'a str,
    /// What people read.
    pub label: &'a str,
}

/// The form for built-in accounts.
#[derive(Debug, Clone)]
pub struct Local<'a> {
    /// What was typed as the account's name.
    pub name: &'a str,
    /// What was wrong with it.
    pub problem: Option<&'a str>,
    /// What a passkey signs; `None` where browsers allow none (the host is an IP address).
    pub passkey: Option<PasskeyUse<'a>>,
}

/// What a passkey is asked to sign, to sign in.
#[derive(Debug, Clone)]
pub struct PasskeyUse<'a> {
    /// The challenge, in base64url.
    pub challenge: &'a str,
    /// The relying party: the public URL's host.
    pub rp_id: &'a str,
    /// The sealed challenge.
    pub ceremony: &'a str,
}

impl Choose<'_> {
    /// The page. A wrong password or an unknown domain is said with 422: the form was understood, but not accepted.
    pub fn answer(&self) -> Response {
        let refused = self.problem.is_some() || self.local.as_ref().is_some_and(|local| local.problem.is_some());
        self.answer_with(if refused { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })
    }

    /// The page under another status, such as 429.
    pub fn answer_with(&self, status: StatusCode) -> Response {
        draw(status, Forms::Here, self)
    }

    fn has_passkey(&self) -> bool {
        self.local.as_ref().is_some_and(|local| local.passkey.is_some())
    }
}
