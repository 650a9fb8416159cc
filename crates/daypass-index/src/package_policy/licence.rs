//! What a file's licence expression permits (PEP 639, SPDX).

use spdx::{Expression, LicenseReq, ParseMode};

/// The longest expression that is read, in bytes.
const LONGEST: usize = 4096;

/// What is known of a file's licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Licence<'a> {
    /// Nobody has looked into its metadata yet.
    NotRead,
    /// Its metadata does not say, or there is none to be had.
    Unknown,
    /// Its metadata says so.
    Said(&'a str),
}

/// Which licences may be pulled.
#[derive(Debug, Clone, Default)]
pub(crate) struct Licences {
    /// If any are named, only these.
    pub(crate) allow: Vec<Id>,
    /// Never these.
    pub(crate) block: Vec<Id>,
    /// Whether files may not be pulled that do not say.
    pub(crate) block_unknown: bool,
}

/// An SPDX identifier, or the beginning of some: `GPL-*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Id(Box<str>);

/// A text is no SPDX identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a licence: write an SPDX identifier such as `MIT`, or the beginning of some such as `GPL-*`")]
pub(crate) struct NotAnId(String);

impl std::str::FromStr for Id {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'+');
        let stem = text.strip_suffix('*').unwrap_or(text);
        let known = stem.len() < text.len() || stem.starts_with("LicenseRef-") || spdx::license_id(stem).is_some();
        if stem.is_empty() || stem.len() > 100 || !stem.bytes().all(good) || !known {
            return Err(NotAnId(text.chars().take(80).flat_map(char::escape_debug).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl Id {
    fn matches(&self, required: &LicenseReq) -> bool {
        let id = required.license.to_string();
        // Identifiers are compared without case (SPDX, annex on licence expressions), and the parser takes what is
        // written in another case for one that it does not know.
        let id = id
            .strip_prefix("LicenseRef-")
            .filter(|id| !self.0.starts_with("LicenseRef-") && !id.is_empty())
            .unwrap_or(&id);
        match self.0.strip_suffix('*') {
            Some(start) => id.get(..start.len()).is_some_and(|id| id.eq_ignore_ascii_case(start)),
            None => id.eq_ignore_ascii_case(&self.0),
        }
    }

    /// As it is written.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Licences {
    /// Whether licences are asked for at all.
    pub(crate) fn matter(&self) -> bool {
        !self.allow.is_empty() || !self.block.is_empty() || self.block_unknown
    }

    /// Why a file may not be pulled, if it may not. Of `A OR B` one that is good is enough; of `A AND B` both must be.
    pub(crate) fn why_not(&self, licence: Licence<'_>) -> Option<String> {
        if !self.matter() {
            return None;
        }
        let unknown = |what: &str| self.block_unknown.then(|| format!("{what}, and index policy asks for one"));
        let said = match licence {
            Licence::NotRead => return None,
            Licence::Unknown => return unknown("its metadata says no licence expression"),
            Licence::Said(said) => said,
        };
        let mode = ParseMode { allow_unknown: true, allow_imprecise_license_names: false, ..ParseMode::LAX };
        let read = (said.len() <= LONGEST).then(|| Expression::parse_mode(said, mode).ok()).flatten();
        let Some(expression) = read else { return unknown("its licence expression cannot be read") };
        let good = |required: &LicenseReq| {
            (self.allow.is_empty() || self.allow.iter().any(|id| id.matches(required)))
                && !self.block.iter().any(|id| id.matches(required))
        };
        (!expression.evaluate(good)).then(|| {
            let printable: String = said.chars().take(100).flat_map(char::escape_debug).collect();
            format!("its licence is `{printable}`, which index policy does not allow")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(texts: &[&str]) -> Vec<Id> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn expressions_are_evaluated_and_not_compared() {
        let block = Licences { block: ids(&["GPL-*", "AGPL-3.0-only"]), ..Licences::default() };
        for (said, passes) in [
            ("MIT", true),
            ("GPL-3.0-or-later", false),
            ("gpl-2.0-only", false),
            ("MIT OR GPL-3.0-only", true),
            ("MIT AND GPL-3.0-only", false),
            ("(MIT OR Apache-2.0) AND AGPL-3.0-only", false),
            ("GPL-2.0-only WITH Classpath-exception-2.0", false),
            ("LicenseRef-Acme", true),
        ] {
            assert_eq!(block.why_not(Licence::Said(said)).is_none(), passes, "{said}");
        }
        let allow = Licences { allow: ids(&["MIT", "Apache-2.0"]), ..Licences::default() };
        for (said, passes) in
            [("MIT", true), ("MIT AND Apache-2.0", true), ("BSD-3-Clause", false), ("MIT OR X-1", true)]
        {
            assert_eq!(allow.why_not(Licence::Said(said)).is_none(), passes, "{said}");
        }
    }

    #[test]
    fn what_is_unknown_passes_unless_the_policy_says_otherwise() {
        let lax = Licences { block: ids(&["GPL-*"]), ..Licences::default() };
        let strict = Licences { block_unknown: true, ..lax.clone() };
        for licence in [Licence::Unknown, Licence::Said("MIT and so on"), Licence::Said("((((((")] {
            assert!(lax.why_not(licence).is_none() && strict.why_not(licence).is_some(), "{licence:?}");
        }
        assert!(strict.why_not(Licence::Said(&"(".repeat(10_000))).is_some());
        assert!(strict.why_not(Licence::NotRead).is_none());
        assert!(Licences::default().why_not(Licence::Said("GPL-3.0-only")).is_none());
    }

    #[test]
    fn a_licence_that_nobody_knows_is_a_mistake() {
        for text in ["", "*", "MITT", "GPL 3", "MIT OR Apache-2.0"] {
            assert!(text.parse::<Id>().is_err(), "{text}");
        }
    }
}
