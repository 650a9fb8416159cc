//! Globs that cannot run away: `*` stands for any run of characters of one segment, and nothing else is special.

use std::{fmt, str::FromStr};

/// Where one segment ends and the next begins. A `*` never matches one of these, so `acme/*` is never `acme/a/b`, and
/// `*@refs/heads/main` is never `x@refs/heads/evil@refs/heads/main`.
const SEPARATORS: [char; 3] = ['/', ':', '@'];

/// The longest glob, in bytes.
const LONGEST: usize = 256;

/// The longest text that is matched at all, in bytes.
const LONGEST_VALUE: usize = 4096;

/// A pattern for a whole text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Glob(Box<str>);

/// A text is no [`Glob`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidGlob {
    /// Nothing, or too much.
    #[error("a glob has 1 to {LONGEST} characters")]
    Length,
    /// Other languages mean "and across separators" by it.
    #[error("`**` is not known: a `*` stays within its segment, between `/`, `:` and `@`")]
    DoubleStar,
    /// In other languages these mean something; here they would be compared as they are.
    #[error("`{0}` has no meaning in a glob, only `*` has")]
    Special(char),
    /// Without a `*` it is an exact value.
    #[error("a glob without `*` is an exact value: write it as a text")]
    NoStar,
}

impl Glob {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the whole of `text` is meant.
    ///
    /// Segment by segment, because no `*` crosses a separator: pattern and text must have the same separators in the same
    /// order. The time is bounded by pattern × text.
    pub fn matches(&self, text: &str) -> bool {
        if text.len() > LONGEST_VALUE {
            return false;
        }
        let mut patterns = self.0.split_inclusive(SEPARATORS);
        let mut texts = text.split_inclusive(SEPARATORS);
        loop {
            match (patterns.next(), texts.next()) {
                (None, None) => return true,
                (Some(pattern), Some(text)) if segment_matches(pattern, text) => {}
                // `a/*` against `a/`: an empty last segment that only stars can stand for.
                (Some(rest), None) => return rest.bytes().all(|byte| byte == b'*') && patterns.next().is_none(),
                _ => return false,
            }
        }
    }

    /// What stands before the first `*`.
    pub fn literal_prefix(&self) -> &str {
        self.0.split('*').next().unwrap_or_default()
    }
}

/// One segment with the separator behind it, if there is one. A star matches no separator, so the two ends must agree on
/// it, and the rest is a plain walk.
fn segment_matches(pattern: &str, text: &str) -> bool {
    let cut = |whole: &str| match whole.char_indices().next_back() {
        Some((at, last)) if SEPARATORS.contains(&last) => (at, Some(last)),
        _ => (whole.len(), None),
    };
    let ((pattern_end, pattern_separator), (text_end, text_separator)) = (cut(pattern), cut(text));
    let (Some(pattern), Some(text)) = (pattern.get(..pattern_end), text.get(..text_end)) else { return false };
    pattern_separator == text_separator && crate::star::matches(pattern.as_bytes(), text.as_bytes())
}

impl FromStr for Glob {
    type Err = InvalidGlob;

    fn from_str(text: &str) -> Result<Self, InvalidGlob> {
        if text.is_empty() || text.len() > LONGEST {
            return Err(InvalidGlob::Length);
        }
        if text.contains("**") {
            return Err(InvalidGlob::DoubleStar);
        }
        // `[`, `{` and `\` would surprise whoever knows them from a shell; control characters are in no claim.
        if let Some(special) =
            text.chars().find(|char| matches!(char, '?' | '[' | ']' | '{' | '}' | '\\') || char.is_control())
        {
            return Err(InvalidGlob::Special(special));
        }
        if !text.contains('*') {
            return Err(InvalidGlob::NoStar);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(glob: &str, text: &str) -> bool {
        glob.parse::<Glob>().unwrap().matches(text)
    }

    #[test]
    fn the_whole_text_is_matched_and_no_separator_is_crossed() {
        for (glob, text) in [
            ("refs/heads/release-*", "refs/heads/release-1.2"),
            ("refs/heads/*", "refs/heads/main"),
            ("refs/heads/*", "refs/heads/"),
            ("acme/app/.github/workflows/*.yml@refs/heads/main", "acme/app/.github/workflows/ci.yml@refs/heads/main"),
            ("*", "x"),
            ("*", ""),
            ("*/*", "a/b"),
            ("a*b*c", "aXbYbZc"),
            ("system:serviceaccount:build:*", "system:serviceaccount:build:ci"),
        ] {
            assert!(matches(glob, text), "{glob} {text}");
        }
        for (glob, text) in [
            ("refs/heads/release-*", "refs/heads/release-1/evil"),
            ("refs/heads/release-*", "xrefs/heads/release-1"),
            ("refs/heads/*", "refs/heads/a/b"),
            ("refs/heads/*", "refs/heads"),
            ("refs/heads/*", "refs/headsX"),
            (
                "acme/app/.github/workflows/*.yml@refs/heads/main",
                "acme/app/.github/workflows/a.yml@refs/heads/x.yml@refs/heads/main",
            ),
            ("*", "a/b"),
            ("*", "a:b"),
            ("*", "a@b"),
            ("*/*", "a/b/"),
            ("repo:acme/*", "repo:acme/a:ref"),
            ("a*", "A"),
            ("*.example.com", "xexample.com"),
            ("*-a", "-ab"),
        ] {
            assert!(!matches(glob, text), "{glob} {text}");
        }
    }

    #[test]
    fn other_languages_are_refused_rather_than_misread() {
        for text in ["", "**", "a/**", "a?*", "[a]*", "{a,b}*", "a\\*", "a\n*", "exact", &"*a".repeat(200)] {
            assert!(text.parse::<Glob>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_hostile_glob_or_text_costs_no_time() {
        assert!(!matches(&"*a".repeat(120), &format!("{}b", "a".repeat(4000))));
        assert!(!matches("*", &"a".repeat(LONGEST_VALUE + 1)));
    }
}
