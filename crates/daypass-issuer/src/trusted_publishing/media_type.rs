//! The media types of trusted publishing.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::Value;

/// PEP 807.
const PYTP: &str = "application/vnd.pypi.pytp.v1+json";

/// RFC 9457 §3.
pub(super) const PROBLEM: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// What an asker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Takes {
    /// The media type of PEP 807, which is also meant when nothing is said.
    Pytp,
    /// Any JSON: uploaders that know nothing of PEP 807.
    Json,
    /// Nothing that there is.
    Nothing,
}

/// What `headers` say.
pub(super) fn taken(headers: &HeaderMap) -> Takes {
    let mut all = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
    if all.peek().is_none() {
        return Takes::Pytp;
    }
    let mut takes = Takes::Nothing;
    for range in all.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default();
        // RFC 9110 §12.4.2: a weight of nothing says "not that".
        let unwanted = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.trim_matches(['0', '.']).is_empty())
        });
        if unwanted {
            continue;
        }
        if media_type.eq_ignore_ascii_case(PYTP) {
            return Takes::Pytp;
        }
        if ["*/*", "application/*", "application/json"].iter().any(|known| media_type.eq_ignore_ascii_case(known)) {
            takes = Takes::Json;
        }
    }
    takes
}

/// A JSON document, never kept by anything in between, under the name that the asker knows it by.
pub(super) fn answer(headers: &HeaderMap, document: &Value) -> Response {
    let content_type = if taken(headers) == Takes::Pytp { PYTP } else { "application/json" };
    let headers = [(header::CONTENT_TYPE, content_type), (header::CACHE_CONTROL, "no-store")];
    (StatusCode::OK, headers, document.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_what_was_said() {
        for (accept, expected) in [
            (PYTP, Takes::Pytp),
            ("text/html, Application/Vnd.PyPI.PyTP.v1+JSON; q=0.5", Takes::Pytp),
            ("*/*", Takes::Json),
            ("application/json", Takes::Json),
            ("application/*;q=0.1", Takes::Json),
            ("text/html", Takes::Nothing),
            ("application/vnd.pypi.pytp.v2+json", Takes::Nothing),
            ("application/json;q=0", Takes::Nothing),
            ("application/json;q=0.000, */*", Takes::Json),
            ("", Takes::Nothing),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(taken(&headers), expected, "{accept}");
        }
        assert_eq!(taken(&HeaderMap::new()), Takes::Pytp, "PEP 807: as if it were said");
    }
}
