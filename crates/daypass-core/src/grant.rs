//! What may be done, on which index and projects.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    names::{IndexName, ProjectName},
    star,
};

/// Something one may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Read pages and download files.
    Pull,
    /// Upload files.
    Push,
    /// Yank and un-yank releases (PEP 592).
    Yank,
    /// Administer: read the audit log, change identities.
    Admin,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pull => "pull",
            Self::Push => "push",
            Self::Yank => "yank",
            Self::Admin => "admin",
        })
    }
}

/// Which projects a grant is about: `*` for all, `acme-hello` for one, `acme-*` for a family.
///
/// A `*` stands for any run of characters, also none. The literal parts are normalized as PEP 503 says, so
/// `Acme_*` and `acme-*` are the same pattern.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProjectPattern(Box<str>);

/// A text is not a [`ProjectPattern`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a project pattern: use a project name, where `*` stands for any run of characters")]
pub struct InvalidProjectPattern(String);

impl ProjectPattern {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether `project` is meant.
    pub fn matches(&self, project: &ProjectName) -> bool {
        star::matches(self.0.as_bytes(), project.as_str().as_bytes())
    }

    /// Whether every project that `narrow` means is meant here too.
    ///
    /// A `*` of `narrow` stands for anything, so nothing but a `*` of ours can take it in.
    pub fn covers(&self, narrow: &Self) -> bool {
        star::matches(self.0.as_bytes(), narrow.0.as_bytes())
    }
}

impl std::str::FromStr for ProjectPattern {
    type Err = InvalidProjectPattern;

    fn from_str(text: &str) -> Result<Self, InvalidProjectPattern> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'*');
        if text.is_empty() || text.len() > 128 || !text.bytes().all(good) {
            return Err(InvalidProjectPattern(text.chars().take(80).flat_map(char::escape_debug).collect()));
        }
        let mut normalized = String::with_capacity(text.len());
        for char in text.chars() {
            match char {
                '-' | '_' | '.' if normalized.ends_with('-') => {}
                '-' | '_' | '.' => normalized.push('-'),
                other => normalized.push(other.to_ascii_lowercase()),
            }
        }
        Ok(Self(normalized.into()))
    }
}

impl Serialize for ProjectPattern {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ProjectPattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Which index a grant is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum GrantedIndex {
    /// Every index of this server, written `*`.
    Every,
    /// One index.
    One(IndexName),
}

impl GrantedIndex {
    /// Whether `index` is meant.
    pub fn is(&self, index: &IndexName) -> bool {
        match self {
            Self::Every => true,
            Self::One(one) => one == index,
        }
    }

    /// Whether every index that `narrow` means is meant here too.
    pub fn covers(&self, narrow: &Self) -> bool {
        matches!(self, Self::Every) || self == narrow
    }

    /// As it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Every => "*",
            Self::One(one) => one.as_str(),
        }
    }
}

impl From<IndexName> for GrantedIndex {
    fn from(index: IndexName) -> Self {
        Self::One(index)
    }
}

impl Serialize for GrantedIndex {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for GrantedIndex {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "*" { Ok(Self::Every) } else { text.parse().map(Self::One).map_err(de::Error::custom) }
    }
}

/// One permission: these actions, on these projects of this index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The index, or every index.
    pub index: GrantedIndex,
    /// Any of these projects.
    pub projects: Vec<ProjectPattern>,
    /// Any of these actions.
    pub actions: Vec<Action>,
}

impl Grant {
    /// Whether this grant lets its holder do `action` on `project` of `index`.
    pub fn allows(&self, index: &IndexName, project: &ProjectName, action: Action) -> bool {
        self.allows_on_index(index, action) && self.projects.iter().any(|pattern| pattern.matches(project))
    }

    /// Whether this grant lets its holder do `action` on `index` at all, whatever the project.
    pub fn allows_on_index(&self, index: &IndexName, action: Action) -> bool {
        self.index.is(index) && self.actions.contains(&action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        pattern.parse::<ProjectPattern>().unwrap().matches(&name.parse().unwrap())
    }

    #[test]
    fn patterns_match_the_whole_name() {
        for (pattern, name) in [
            ("*", "x"),
            ("acme-*", "acme-hello"),
            ("Acme_*", "acme-hello"),
            ("*-x", "a-x"),
            ("a*b*c", "a-b-b-c"),
            ("a", "A"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("acme", "acme-hello"),
            ("acme-*", "acme"),
            ("acme-*", "evil-acme-x"),
            ("*-x", "a-xy"),
            ("a*b", "a-b-c"),
            ("a.c", "abc"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn a_hostile_pattern_costs_no_time() {
        assert!(!matches(&"*a".repeat(60), &"a".repeat(50)));
    }

    #[test]
    fn a_pattern_covers_what_means_no_more_than_it_does() {
        let covers =
            |wide: &str, narrow: &str| wide.parse::<ProjectPattern>().unwrap().covers(&narrow.parse().unwrap());
        for (wide, narrow) in [
            ("*", "*"),
            ("*", "acme-*"),
            ("acme-*", "acme-*"),
            ("acme-*", "acme-tools-*"),
            ("acme-*", "acme-*-x"),
            ("a*b", "a*c*b"),
            ("acme", "acme"),
        ] {
            assert!(covers(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in
            [("acme-*", "*"), ("acme-*", "acme*"), ("acme", "acme-*"), ("acme-*", "*-tools"), ("*-x", "*x"), ("a", "*")]
        {
            assert!(!covers(wide, narrow), "{wide} {narrow}");
        }
    }

    #[test]
    fn bad_patterns_are_refused() {
        for text in ["", "a/b", "a b", "a?", "[a]", &"a".repeat(129)] {
            assert!(text.parse::<ProjectPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_grant_is_for_its_index_projects_and_actions_only() {
        let grant = Grant {
            index: GrantedIndex::One("python".parse().unwrap()),
            projects: vec!["acme-*".parse().unwrap()],
            actions: vec![Action::Pull],
        };
        let (python, other) = ("python".parse().unwrap(), "other".parse().unwrap());
        let (ours, theirs) = ("acme-hello".parse().unwrap(), "requests".parse().unwrap());
        assert!(grant.allows(&python, &ours, Action::Pull));
        assert!(!grant.allows(&python, &theirs, Action::Pull));
        assert!(!grant.allows(&other, &ours, Action::Pull));
        assert!(!grant.allows(&python, &ours, Action::Push));
        let everywhere = Grant { index: GrantedIndex::Every, ..grant };
        assert!(everywhere.allows(&other, &ours, Action::Pull));
        assert!(!everywhere.allows(&other, &ours, Action::Push));
    }
}
