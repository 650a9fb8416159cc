//! Request parameters, each at most once.

use std::collections::BTreeMap;

use axum::http::{HeaderMap, header};
use url::form_urlencoded;

use crate::error::OAuthError;

/// The most parameters a request may have; the longest grant type needs eleven.
const MOST_PARAMETERS: usize = 32;

/// The parameters of an `application/x-www-form-urlencoded` body, or of a query.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// Reads the body. A parameter that is given twice is refused, one without a value counts as absent (RFC 6749 §3.2).
    pub(crate) fn parse(headers: &HeaderMap, body: &[u8]) -> Result<Self, OAuthError> {
        let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OAuthError::invalid_request(
                "send the parameters as `application/x-www-form-urlencoded` in the request body",
            ));
        }
        if !body.is_ascii() {
            return Err(OAuthError::invalid_request("the body is not form-encoded"));
        }
        Self::read(body)
    }

    /// Reads a query, by the same rules (RFC 6749 §3.1).
    pub(crate) fn parse_query(query: &str) -> Result<Self, OAuthError> {
        Self::read(query.as_bytes())
    }

    /// Parameters that we send ourselves.
    pub(crate) fn of<const N: usize>(parameters: [(&str, &str); N]) -> Self {
        let present = parameters.into_iter().filter(|(_, value)| !value.is_empty());
        Self(present.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    fn read(encoded: &[u8]) -> Result<Self, OAuthError> {
        let mut parameters = BTreeMap::new();
        for (name, value) in form_urlencoded::parse(encoded) {
            if parameters.len() >= MOST_PARAMETERS {
                return Err(OAuthError::invalid_request("too many parameters"));
            }
            if parameters.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(OAuthError::invalid_request("a parameter is given twice"));
            }
        }
        parameters.retain(|_, value| !value.is_empty());
        Ok(Self(parameters))
    }

    /// A parameter's value, if it was given.
    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter that the request cannot do without.
    pub(crate) fn require(&self, name: &str) -> Result<&str, OAuthError> {
        self.find(name).ok_or_else(|| OAuthError::invalid_request(format!("the parameter `{name}` is missing")))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn parse(media_type: &'static str, body: &str) -> Result<Form, String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Form::parse(&headers, body.as_bytes()).map_err(|error| error.description)
    }

    const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

    #[test]
    fn parameters_are_decoded_and_empty_ones_are_absent() {
        let form = parse(FORM, "grant_type=a%3Ab+c&scope=").unwrap();
        assert_eq!(form.find("grant_type"), Some("a:b c"));
        assert_eq!(form.find("scope"), None);
        assert!(form.require("scope").is_err());
    }

    #[test]
    fn repeated_parameters_and_other_media_types_are_refused() {
        assert!(parse(FORM, "a=1&a=1").is_err());
        assert!(parse(FORM, "a=&a=1").is_err());
        assert!(parse("application/json", "{}").is_err());
        assert!(parse(FORM, &"a&".repeat(1000).replace('a', "\u{e4}")).is_err());
        let many = (0..100).map(|number| format!("p{number}=1")).collect::<Vec<_>>().join("&");
        assert!(parse(FORM, &many).is_err());
    }
}
