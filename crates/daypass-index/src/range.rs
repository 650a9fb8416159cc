//! Which part of a file a request gets (RFC 9110 §14): one range of bytes, or the whole.

use axum::http::{HeaderMap, HeaderValue, header};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// All of it.
    Whole,
    /// `bytes=START-` or `bytes=START-LAST`.
    From(u64, Option<u64>),
    /// `bytes=-LENGTH`: the end.
    Last(u64),
}

/// The part to send of a file whose length is known: half-open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// 200.
    Whole,
    /// 206, from the first offset up to and without the second.
    Range(u64, u64),
    /// 416.
    Nothing,
}

/// Reads `Range` and `If-Range`. What is malformed, in other units, or several ranges at once, is ignored: RFC 9110
/// allows to send the whole then, and no installer asks so.
pub(crate) fn wanted(headers: &HeaderMap, etag: &HeaderValue) -> Wanted {
    let Some(range) = headers.get(header::RANGE) else { return Wanted::Whole };
    // RFC 9110 13.1.5: strong comparison; a date never matches, because we send none.
    if headers.get(header::IF_RANGE).is_some_and(|known| known != etag) {
        return Wanted::Whole;
    }
    range.to_str().ok().and_then(parse).unwrap_or(Wanted::Whole)
}

fn parse(text: &str) -> Option<Wanted> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    match (first.trim(), last.trim()) {
        ("", length) => Some(Wanted::Last(number(length)?)),
        (first, "") => Some(Wanted::From(number(first)?, None)),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Wanted::From(first, Some(last)))
        }
    }
}

/// Numbers beyond 64 bits are as good as infinite.
fn number(digits: &str) -> Option<u64> {
    let are_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| digits.parse().unwrap_or(u64::MAX))
}

impl Wanted {
    /// The part of a file of `size` bytes.
    pub(crate) fn of(self, size: u64) -> Part {
        match self {
            Self::Whole => Part::Whole,
            Self::From(first, _) if first >= size => Part::Nothing,
            Self::From(first, last) => Part::Range(first, last.map_or(size, |last| last.saturating_add(1).min(size))),
            Self::Last(0) => Part::Nothing,
            Self::Last(_) if size == 0 => Part::Nothing,
            Self::Last(length) => Part::Range(size.saturating_sub(length), size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(range: &str, size: u64) -> Part {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_str(range).unwrap());
        wanted(&headers, &HeaderValue::from_static("\"a\"")).of(size)
    }

    #[test]
    fn one_range_is_a_part() {
        for (range, first, end) in [
            ("bytes=0-0", 0, 1),
            ("bytes=0-9", 0, 10),
            ("bytes=5-", 5, 10),
            ("bytes=9-9", 9, 10),
            ("bytes=-3", 7, 10),
            ("bytes=-30", 0, 10),
            ("bytes=2-99999999999999999999999", 2, 10),
            ("Bytes = 2-3", 2, 4),
        ] {
            assert_eq!(part(range, 10), Part::Range(first, end), "{range}");
        }
    }

    #[test]
    fn what_lies_behind_the_end_is_nothing_and_nonsense_is_ignored() {
        for range in ["bytes=10-", "bytes=10-12", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(part(range, 10), Part::Nothing, "{range}");
        }
        assert_eq!(part("bytes=-1", 0), Part::Nothing);
        for range in
            ["bytes=", "bytes=-", "bytes=5-2", "bytes=a-b", "bytes=0-1,3-4", "lines=0-1", "bytes", "bytes=+1-2"]
        {
            assert_eq!(part(range, 10), Part::Whole, "{range}");
        }
    }

    #[test]
    fn if_range_must_name_the_same_bytes() {
        let mut headers = HeaderMap::new();
        headers.insert(header::RANGE, HeaderValue::from_static("bytes=0-1"));
        for (known, expected) in [
            ("\"a\"", Wanted::From(0, Some(1))),
            ("\"b\"", Wanted::Whole),
            ("W/\"a\"", Wanted::Whole),
            ("Mon, 23 Nov 2026 00:00:00 GMT", Wanted::Whole),
        ] {
            headers.insert(header::IF_RANGE, HeaderValue::from_static(known));
            assert_eq!(wanted(&headers, &HeaderValue::from_static("\"a\"")), expected, "{known}");
        }
    }
}
