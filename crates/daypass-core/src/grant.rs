//! What may be done, on which index and projects.

use std::{borrow::Cow, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    names::{IndexName, ProjectName},
    star,
};

/// Something one may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
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

    /// Whether every project that `narrower` means is meant here, too.
    ///
    /// A `*` of `narrower` stands for what nobody knows, so only a `*` of this pattern may take it in. That is sound,
    /// and it is all there is: a pattern that is contained by chance, by what names cannot be, is not looked for.
    pub fn contains(&self, narrower: &Self) -> bool {
        star::matches(self.0.as_bytes(), narrower.0.as_bytes())
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

    /// Whether every index that `narrower` means is meant here, too.
    pub fn contains(&self, narrower: &Self) -> bool {
        match narrower {
            Self::Every => *self == Self::Every,
            Self::One(index) => self.is(index),
        }
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

impl JsonSchema for ProjectPattern {
    fn schema_name() -> Cow<'static, str> {
        "ProjectPattern".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_.*-]{1,128}$" })
    }
}

impl JsonSchema for GrantedIndex {
    fn schema_name() -> Cow<'static, str> {
        "GrantedIndex".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": r"^(\*|[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?)$" })
    }
}

/// One permission: these actions, on these projects of this index.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
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

    /// Whether all that `narrower` allows is allowed by this one grant, too.
    pub fn contains(&self, narrower: &Self) -> bool {
        let has = |pattern| self.contains_each(&narrower.index, pattern, &narrower.actions);
        narrower.projects.iter().all(has)
    }

    fn contains_each(&self, index: &GrantedIndex, pattern: &ProjectPattern, actions: &[Action]) -> bool {
        self.index.contains(index)
            && self.projects.iter().any(|wide| wide.contains(pattern))
            && actions.iter().all(|action| self.actions.contains(action))
    }
}

/// What of `wanted` none of the grants in `held` contains: each as a grant of one action on one project. Empty when
/// whoever holds `held` may give `wanted` away.
///
/// Several grants may contain it together, action by action and pattern by pattern; one pattern is not pieced together
/// from several.
pub fn not_held(held: &[Grant], wanted: &Grant) -> Vec<Grant> {
    let each = wanted.projects.iter().flat_map(|pattern| wanted.actions.iter().map(move |action| (pattern, *action)));
    let missing = each.filter(|(pattern, action)| {
        !held.iter().any(|grant| grant.contains_each(&wanted.index, pattern, std::slice::from_ref(action)))
    });
    let alone = |(pattern, action): (&ProjectPattern, Action)| Grant {
        index: wanted.index.clone(),
        projects: vec![pattern.clone()],
        actions: vec![action],
    };
    missing.map(alone).collect()
}

/// What of `held` it takes to publish: pushing, and pulling the same projects where that is granted too, because an
/// uploader looks first whether the file is there.
///
/// A pattern that may be pulled in part only is not pulled from at all: nothing is pieced together, as in [`not_held`].
pub fn for_publishing(held: &[Grant]) -> Vec<Grant> {
    let may_pull = |index: &GrantedIndex, pattern: &ProjectPattern| {
        held.iter().any(|grant| grant.contains_each(index, pattern, &[Action::Pull]))
    };
    let pushing = held.iter().filter(|grant| grant.actions.contains(&Action::Push));
    let narrowed = pushing.flat_map(|grant| {
        let (both, push): (Vec<_>, Vec<_>) =
            grant.projects.iter().cloned().partition(|pattern| may_pull(&grant.index, pattern));
        [(both, vec![Action::Pull, Action::Push]), (push, vec![Action::Push])].map(|(projects, actions)| Grant {
            index: grant.index.clone(),
            projects,
            actions,
        })
    });
    narrowed.filter(|grant| !grant.projects.is_empty()).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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

    fn contains(wide: &str, narrow: &str) -> bool {
        wide.parse::<ProjectPattern>().unwrap().contains(&narrow.parse().unwrap())
    }

    #[test]
    fn a_pattern_contains_what_it_means_all_of() {
        for (wide, narrow) in [
            ("*", "*"),
            ("*", "acme-*"),
            ("*", "**"),
            ("**", "*"),
            ("acme-*", "acme-hello"),
            ("acme-*", "Acme_*-x"),
            ("*a*", "b*a*c"),
            ("a*b", "a*c*b"),
            ("x", "X"),
        ] {
            assert!(contains(wide, narrow), "{wide} {narrow}");
        }
        for (wide, narrow) in [
            ("acme-*", "*"),
            ("acme-*", "acme*"),
            ("acme-*", "acme"),
            ("acme-hello", "acme-*"),
            ("a*b", "a*b*"),
            ("a*b", "*a*b"),
            ("*-tools", "acme-*"),
            ("a", "a*"),
        ] {
            assert!(!contains(wide, narrow), "{wide} {narrow}");
        }
    }

    fn grant(index: &str, projects: &[&str], actions: &[Action]) -> Grant {
        let index = if index == "*" { GrantedIndex::Every } else { GrantedIndex::One(index.parse().unwrap()) };
        Grant {
            index,
            projects: projects.iter().map(|pattern| pattern.parse().unwrap()).collect(),
            actions: actions.to_vec(),
        }
    }

    #[test]
    fn a_grant_contains_a_narrower_one_and_never_a_wider() {
        use Action::{Pull, Push};
        let held = grant("python", &["acme-*", "requests"], &[Pull]);
        for narrower in
            [held.clone(), grant("python", &["acme-a", "acme-b-*"], &[Pull]), grant("python", &["Requests"], &[Pull])]
        {
            assert!(held.contains(&narrower), "{narrower:?}");
            assert!(grant("*", &["*"], &[Push, Pull]).contains(&narrower), "{narrower:?}");
        }
        for wider in [
            grant("*", &["acme-a"], &[Pull]),
            grant("other", &["acme-a"], &[Pull]),
            grant("python", &["*"], &[Pull]),
            grant("python", &["acme-a", "flask"], &[Pull]),
            grant("python", &["acme-a"], &[Pull, Push]),
        ] {
            assert!(!held.contains(&wider), "{wider:?}");
        }
    }

    #[test]
    fn what_is_not_held_is_named_one_by_one() {
        use Action::{Pull, Push};
        let held = [grant("python", &["acme-*"], &[Pull, Push]), grant("*", &["requests"], &[Pull])];
        assert_eq!(not_held(&held, &grant("python", &["acme-a", "requests"], &[Pull])), [], "together");
        assert_eq!(
            not_held(&held, &grant("python", &["acme-a", "requests"], &[Pull, Push])),
            [grant("python", &["requests"], &[Push])]
        );
        assert_eq!(not_held(&held, &grant("*", &["acme-a"], &[Pull])), [grant("*", &["acme-a"], &[Pull])]);
        assert_eq!(not_held(&[], &grant("python", &["a"], &[Pull])), [grant("python", &["a"], &[Pull])]);
    }

    #[test]
    fn publishing_takes_pushing_and_the_pulling_of_the_same() {
        use Action::{Admin, Pull, Push, Yank};
        let held = [
            grant("python", &["*"], &[Pull]),
            grant("python", &["acme-*"], &[Push, Yank, Admin]),
            grant("other", &["a", "b"], &[Push]),
            grant("other", &["b"], &[Pull]),
        ];
        let expected = [
            grant("python", &["acme-*"], &[Pull, Push]),
            grant("other", &["b"], &[Pull, Push]),
            grant("other", &["a"], &[Push]),
        ];
        assert_eq!(for_publishing(&held), expected);
        assert_eq!(for_publishing(&[grant("*", &["*"], &[Pull, Yank, Admin])]), [], "nothing to push");
        assert!(expected.iter().all(|narrower| not_held(&held, narrower).is_empty()), "never wider");
    }

    proptest! {
        #[test]
        fn a_pattern_that_contains_another_matches_all_that_it_matches(
            wide in "[ab*-]{1,6}",
            narrow in "[ab*-]{1,6}",
            fillings in prop::collection::vec("[ab]{0,3}|a-b", 6),
        ) {
            let (wide, narrow): (ProjectPattern, ProjectPattern) = (wide.parse().unwrap(), narrow.parse().unwrap());
            // A name that `narrow` matches: each `*` of it is filled with something.
            let mut fillings = fillings.into_iter();
            let filled: String = narrow.as_str().chars().map(|char| match char {
                '*' => fillings.next().unwrap(),
                other => other.to_string(),
            }).collect();
            if let Ok(name) = filled.parse::<ProjectName>() && narrow.matches(&name) && wide.contains(&narrow) {
                prop_assert!(wide.matches(&name), "{wide:?} {narrow:?} {name:?}");
            }
        }

        #[test]
        fn a_pattern_that_is_made_narrower_stays_contained(
            wide in "[ab*]{1,6}",
            fillings in prop::collection::vec("[ab*]{0,3}", 6),
        ) {
            let mut fillings = fillings.into_iter();
            let narrow: String = wide.chars().map(|char| match char {
                '*' => fillings.next().unwrap(),
                other => other.to_string(),
            }).collect();
            prop_assume!(!narrow.is_empty());
            prop_assert!(contains(&wide, &narrow), "{wide} {narrow}");
        }

        #[test]
        fn a_name_contains_itself_and_nothing_else(name in "[a-c]{1,4}", other in "[a-c*]{1,4}") {
            prop_assert_eq!(contains(&name, &other), name == other);
        }
    }
}
