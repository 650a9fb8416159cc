//! The device flow (RFC 8628): type the code, compare, done.

use askama::Template;
use axum::{http::StatusCode, response::Response};
use daypass_core::Timestamp;

use super::{Forms, draw};

/// The most letters of a user code that are looked at.
const LONGEST_TYPED: usize = 64;

/// Where one types the code. The form asks `GET /device?user_code=…`, as the complete verification URI does.
#[derive(Debug, Clone, Template)]
#[template(path = "device.html")]
pub struct EnterCode<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// What was typed before.
    pub typed: &'a str,
    /// What was wrong with it.
    pub problem: Option<&'a str>,
}

impl EnterCode<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        self.answer_with(if self.problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK })
    }

    /// The page under another status, such as 429.
    pub fn answer_with(&self, status: StatusCode) -> Response {
        draw(status, Forms::Here, self)
    }
}

/// A user code in the form in which it is kept, `WDJB-MJHT`, from what a person typed: in any case, with spaces, with
/// any kind of dash or none. `None` when it cannot be one (RFC 8628 §6.1).
pub fn read_typed_code(typed: &str) -> Option<String> {
    let mut code = String::with_capacity(9);
    for char in typed.chars().take(LONGEST_TYPED).filter(|char| !char.is_whitespace() && !is_dash(*char)) {
        if !char.is_ascii_alphanumeric() || code.len() == 9 {
            return None;
        }
        if code.len() == 4 {
            code.push('-');
        }
        code.push(char.to_ascii_uppercase());
    }
    (code.len() == 9).then_some(code)
}

/// Phones put typographic dashes where one types two hyphens.
fn is_dash(char: char) -> bool {
    matches!(char, '-' | '_' | '.' | '\u{2010}'..='\u{2015}' | '\u{2212}')
}

/// Shows who asks, to the person who is signed in. The form sends `request` and `decision` (`allow` or `deny`) to
/// `/device/confirm`.
#[derive(Debug, Clone, Template)]
#[template(path = "device_confirm.html")]
pub struct Confirm<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// Who is signed in.
    pub person: &'a str,
    /// The code to compare.
    pub user_code: &'a str,
    /// The client that asks, by its name.
    pub client: &'a str,
    /// The address from which the device asked.
    pub address: &'a str,
    /// Whether the browser comes from that address too.
    pub same_address: bool,
    /// The program that asked, as it calls itself.
    pub program: Option<&'a str>,
    /// When it asked.
    pub asked_at: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// The sealed sign-in.
    pub request: &'a str,
}

impl Confirm<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        draw(StatusCode::OK, Forms::Here, self)
    }

    /// `3 minutes ago, at 09:41 UTC`.
    fn when(&self) -> String {
        let minutes = (self.now.as_second() - self.asked_at.as_second()) / 60;
        let ago = match minutes {
            ..1 => "just now".to_owned(),
            1 => "a minute ago".to_owned(),
            _ => format!("{minutes} minutes ago"),
        };
        format!("{ago}, at {} UTC", self.asked_at.strftime("%H:%M"))
    }
}

/// What became of it.
#[derive(Debug, Clone, Template)]
#[template(path = "device_done.html")]
pub struct Done<'a> {
    /// The server's `host` or `host:port`.
    pub server: &'a str,
    /// Whether the person allowed it.
    pub allowed: bool,
}

impl Done<'_> {
    /// The page.
    pub fn answer(&self) -> Response {
        draw(StatusCode::OK, Forms::Nowhere, self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_understood_however_it_is_typed() {
        for typed in
            ["WDJB-MJHT", "wdjb-mjht", "wdjbmjht", " wdjb mjht ", "WDJB\u{2014}MJHT", "w d j b - m j h t", "WDJB--MJHT"]
        {
            assert_eq!(read_typed_code(typed).as_deref(), Some("WDJB-MJHT"), "{typed}");
        }
        for typed in ["", "WDJB", "WDJB-MJHTX", "WDJB-MJH\u{e4}", "WDJB/MJHT", &" ".repeat(10_000)] {
            assert_eq!(read_typed_code(typed), None, "{typed}");
        }
    }
}
