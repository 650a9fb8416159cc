//! The pages that people see: plain structs in, complete answers out.
//!
//! A page is a struct whose fields are all it shows, a template in `templates/` that a designer can read, and
//! `answer()`. Everything is escaped unless a template says otherwise, and none does. The pages work without scripts
//! (only passkeys need one) and ask nobody but this server for anything.
//!
//! What is *not* here: what a form's fields mean, who may see which page, cookies. Public only so that
//! `examples/pages.rs` can draw them all.
//!
//! | module | idea |
//! |---|---|
//! | `assets` | the style sheet, the script and the icon, compiled in |
//! | `choose` | how do you want to sign in? |
//! | `device` | the device flow: type the code, compare, done |
//! | `invite` | an invited person chooses a passkey or a password |
//! | `outcome` | where a sign-in ends: signed in, no access, an error |
//! | `onward` | a page in between, for leaving this server after a form was sent |

pub mod assets;
pub mod choose;
pub mod device;
pub mod invite;
pub mod onward;
pub mod outcome;

use askama::Template;
use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

/// Where a page's forms may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Forms {
    /// It has none.
    Nowhere,
    /// To this server. Chromium holds the redirects that answer a form to the same rule, so a handler that must leave
    /// this server answers a form with [`onward::Onward`].
    Here,
}

/// What a page says about itself to the browser, beside its content.
const HEADERS: [(HeaderName, HeaderValue); 8] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    // The page's URL may hold an invite or a user code. A browser then sends `Origin: null` with our own forms, so
    // nothing here asks for a certain `Origin`.
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    // For browsers that do not know `frame-ancestors`: nobody draws our buttons under theirs.
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), \
             publickey-credentials-create=(self), publickey-credentials-get=(self)",
        ),
    ),
];

const POLICY_WITHOUT_FORMS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'none'; base-uri 'none'; \
     frame-ancestors 'none'",
);
const POLICY_WITH_FORMS: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// Draws a page.
fn draw(status: StatusCode, forms: Forms, page: &impl Template) -> Response {
    let html = match page.render() {
        Ok(html) => html,
        Err(error) => {
            tracing::error!(%error, "a page could not be drawn");
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
    };
    let mut response = (status, HEADERS, html).into_response();
    let policy = match forms {
        Forms::Nowhere => POLICY_WITHOUT_FORMS,
        Forms::Here => POLICY_WITH_FORMS,
    };
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    response
}
