//! Which form of a page a request gets (PEP 691, RFC 9110 §12.5).

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};

/// A form of a page. The two HTML forms differ in their `Content-Type` only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// `application/vnd.pypi.simple.v1+json`.
    Json,
    /// `application/vnd.pypi.simple.v1+html`.
    Html,
    /// `text/html`, the name that HTML had before PEP 691.
    OldHtml,
}

impl Form {
    /// The `Content-Type`: always a concrete version, never `latest` (PEP 691).
    pub(crate) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/vnd.pypi.simple.v1+json",
            Self::Html => "application/vnd.pypi.simple.v1+html",
            Self::OldHtml => "text/html; charset=utf-8",
        })
    }

    /// Its names. `latest` asks for the newest version there is (PEP 691).
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Json => &["application/vnd.pypi.simple.v1+json", "application/vnd.pypi.simple.latest+json"],
            Self::Html => &["application/vnd.pypi.simple.v1+html", "application/vnd.pypi.simple.latest+html"],
            Self::OldHtml => &["text/html"],
        }
    }

    fn is_named(self, media_type: &str) -> bool {
        self.names().iter().any(|name| name.eq_ignore_ascii_case(media_type))
    }
}

/// In order of preference where the client names several with the same weight: JSON says more.
const FORMS: [Form; 3] = [Form::Json, Form::Html, Form::OldHtml];

/// The form to answer with; `None` is a 406.
pub(crate) fn form(query: Option<&str>, headers: &HeaderMap) -> Option<Form> {
    if let Some(format) = query.and_then(format_parameter) {
        // PEP 691: `?format=` beats `Accept`.
        return FORMS.into_iter().find(|form| form.is_named(&format));
    }
    if !headers.contains_key(header::ACCEPT) {
        return Some(Form::OldHtml);
    }
    let mut best: Option<(Form, u16, u8)> = None;
    for form in FORMS {
        let Some((weight, exactness)) = weigh(headers, form) else { continue };
        let better = match best {
            None => true,
            Some((_, best_weight, best_exactness)) if weight == best_weight => {
                // Whoever says `*/*` only is a browser, curl, or an old installer.
                exactness > best_exactness || (exactness == best_exactness && exactness < 2)
            }
            Some((_, best_weight, _)) => weight > best_weight,
        };
        if weight > 0 && better {
            best = Some((form, weight, exactness));
        }
    }
    best.map(|(form, _, _)| form)
}

/// The weight of `form` (0 to 1000) by the most exact range that names it, and how exact that is.
fn weigh(headers: &HeaderMap, form: Form) -> Option<(u16, u8)> {
    let of = |range: Range<'_>| range.exactness(form).map(|exactness| (exactness, range.weight));
    ranges(headers, header::ACCEPT).filter_map(of).max().map(|(exactness, weight)| (weight, exactness))
}

/// The weighted list in a header. Read anew for each question: that costs less than keeping it.
pub(crate) fn ranges(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = Range<'_>> {
    let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).filter_map(Range::parse)
}

/// One entry of a weighted list.
pub(crate) struct Range<'a> {
    /// A media type, or a content coding.
    pub name: &'a str,
    /// In thousandths.
    pub weight: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = |part: &str| part.strip_prefix("q=").or(part.strip_prefix("Q=")).map(thousandths);
        Some(Self { name, weight: parts.find_map(weight).unwrap_or(1000) })
    }

    fn exactness(&self, form: Form) -> Option<u8> {
        let family = if form == Form::OldHtml { "text/*" } else { "application/*" };
        if form.is_named(self.name) {
            Some(2)
        } else if self.name.eq_ignore_ascii_case(family) {
            Some(1)
        } else {
            (self.name == "*/*").then_some(0)
        }
    }
}

/// A weight such as `0.2` in thousandths. What is malformed counts as not wanted at all.
fn thousandths(text: &str) -> u16 {
    match text.trim().parse::<f32>() {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 1000")]
        Ok(weight) if (0.0..=1.0).contains(&weight) => (weight * 1000.0).round() as u16,
        _ => 0,
    }
}

/// The value of `format`, with a space read as the `+` it was before somebody decoded it.
fn format_parameter(query: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "format")
        .map(|(_, value)| value.replace(' ', "+"))
}

/// Whether `If-None-Match` names `etag` (weak comparison, RFC 9110 §13.1.2).
pub(crate) fn is_unchanged(headers: &HeaderMap, etag: &HeaderValue) -> bool {
    let Ok(etag) = etag.to_str() else { return false };
    let values = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(accept: &[&str], query: Option<&str>) -> Option<Form> {
        let mut headers = HeaderMap::new();
        for value in accept {
            headers.append(header::ACCEPT, HeaderValue::from_str(value).unwrap());
        }
        form(query, &headers)
    }

    const JSON: &str = "application/vnd.pypi.simple.v1+json";
    const HTML: &str = "application/vnd.pypi.simple.v1+html";

    #[test]
    fn the_installers_get_json() {
        for accept in [
            // pip, uv
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html; q=0.1, text/html; q=0.01",
            "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
            "application/vnd.pypi.simple.latest+json",
            "application/vnd.pyx.simple.v1+msgpack, application/vnd.pypi.simple.v1+json;q=0.9, text/html;q=0.01",
            "application/vnd.pypi.simple.v1+html, application/vnd.pypi.simple.v1+json",
            "APPLICATION/VND.PYPI.SIMPLE.V1+JSON",
            "application/vnd.pypi.simple.v1+json, */*;q=0.8",
        ] {
            assert_eq!(answered(&[accept], None), Some(Form::Json), "{accept}");
        }
        assert_eq!(answered(&["text/html;q=0.5", JSON], None), Some(Form::Json));
    }

    #[test]
    fn who_says_nothing_or_anything_gets_text_html() {
        assert_eq!(answered(&[], None), Some(Form::OldHtml));
        for accept in
            ["*/*", "text/html", "text/*", "text/html,application/xhtml+xml,*/*;q=0.8", "application/json, */*"]
        {
            assert_eq!(answered(&[accept], None), Some(Form::OldHtml), "{accept}");
        }
    }

    #[test]
    fn weights_and_refusals_are_obeyed() {
        assert_eq!(answered(&[&format!("{JSON};q=0.1, {HTML};q=0.9")], None), Some(Form::Html));
        assert_eq!(answered(&[&format!("{JSON};q=0, */*")], None), Some(Form::OldHtml));
        assert_eq!(answered(&[&format!("{JSON};q=0")], None), None);
        assert_eq!(answered(&["application/*, text/html;q=0"], None), Some(Form::Html));
        for accept in
            ["application/json", "image/png", "application/vnd.pypi.simple.v2+json", "text/html;q=nonsense", ""]
        {
            assert_eq!(answered(&[accept], None), None, "{accept}");
        }
    }

    #[test]
    fn the_format_parameter_beats_the_header() {
        for query in [
            &format!("format={JSON}"),
            "format=application/vnd.pypi.simple.v1%2Bjson",
            "a=b&format=application/vnd.pypi.simple.latest%2Bjson",
        ] {
            assert_eq!(answered(&["text/html"], Some(query)), Some(Form::Json), "{query}");
        }
        assert_eq!(answered(&[JSON], Some("format=text/html")), Some(Form::OldHtml));
        assert_eq!(answered(&[JSON], Some("format=application/xml")), None);
        assert_eq!(answered(&[JSON], Some("other=1")), Some(Form::Json));
    }

    #[test]
    fn a_known_etag_is_recognized() {
        let mut headers = HeaderMap::new();
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("\"a\", W/\"b\""));
        assert!(is_unchanged(&headers, &HeaderValue::from_static("\"a\"")));
        assert!(is_unchanged(&headers, &HeaderValue::from_static("\"b\"")));
        assert!(!is_unchanged(&headers, &HeaderValue::from_static("\"c\"")));
        headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static("*"));
        assert!(is_unchanged(&headers, &HeaderValue::from_static("\"c\"")));
    }
}
