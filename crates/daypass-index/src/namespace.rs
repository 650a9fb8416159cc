//! Namespaces: names that belong together, and to somebody (PEP 752).
//!
//! A namespace `acme` holds the project `acme` and all that begin with `acme-`. None of them is ever looked up upstream,
//! and only its owners upload into it. Who owns it is no list of its own: it is whoever holds a grant to push that names
//! the namespace, such as `acme-*`. A grant for `*` is none, so that a broad one does not open what was set apart.
//!
//! What is *not* here: HTTP, the configuration file.

use daypass_core::{
    grant::{Action, Grant, ProjectPattern},
    names::{IndexName, ProjectName},
};

/// How many hyphens a namespace may have (PEP 752 wants a limit).
const DEEPEST: usize = 3;

/// One namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// Its name.
    pub name: ProjectName,
    /// Whose it is, in words.
    pub owner: Option<String>,
}

/// The namespaces of an index, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Namespaces(Vec<Namespace>);

/// Namespaces make no sense.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidNamespaces {
    /// Two of one name.
    #[error("the namespace `{0}` is there twice")]
    Twice(ProjectName),
    /// Too many hyphens.
    #[error("the namespace `{0}` has more than {DEEPEST} hyphens")]
    TooDeep(ProjectName),
}

impl Namespace {
    /// Whether a project is in it.
    pub fn holds(&self, project: &ProjectName) -> bool {
        let rest = project.as_str().strip_prefix(self.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// The patterns of all that is in it.
    fn patterns(&self) -> impl Iterator<Item = ProjectPattern> {
        [self.name.to_string(), format!("{}-*", self.name)].into_iter().filter_map(|text| text.parse().ok())
    }

    /// Whether a pattern means nothing outside of it.
    fn contains(&self, pattern: &ProjectPattern) -> bool {
        self.patterns().any(|own| own.contains(pattern))
    }
}

impl Namespaces {
    /// These namespaces, if they make sense together. One within another is well: it is a child of it.
    ///
    /// # Errors
    /// When one is there twice or too deep.
    pub fn new(mut namespaces: Vec<Namespace>) -> Result<Self, InvalidNamespaces> {
        namespaces.sort_by(|one, other| one.name.cmp(&other.name));
        if let Some(deep) = namespaces.iter().find(|one| one.name.as_str().matches('-').count() > DEEPEST) {
            return Err(InvalidNamespaces::TooDeep(deep.name.clone()));
        }
        for (one, next) in namespaces.iter().zip(namespaces.iter().skip(1)) {
            if one.name == next.name {
                return Err(InvalidNamespaces::Twice(one.name.clone()));
            }
        }
        Ok(Self(namespaces))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them.
    pub fn all(&self) -> impl Iterator<Item = &Namespace> {
        self.0.iter()
    }

    /// The one of that name.
    pub fn find(&self, name: &ProjectName) -> Option<&Namespace> {
        self.0.iter().find(|namespace| namespace.name == *name)
    }

    /// Those that hold a project, the outermost first.
    pub fn holding<'a>(&'a self, project: &ProjectName) -> impl Iterator<Item = &'a Namespace> {
        self.0.iter().filter(|namespace| namespace.holds(project))
    }

    /// The nearest one around a namespace.
    pub fn parent(&self, name: &ProjectName) -> Option<&Namespace> {
        self.holding(name).filter(|namespace| namespace.name != *name).last()
    }

    /// Those that have a namespace as their nearest one around.
    pub fn children<'a>(&'a self, name: &ProjectName) -> impl Iterator<Item = &'a Namespace> {
        self.0.iter().filter(move |child| self.parent(&child.name).is_some_and(|parent| parent.name == *name))
    }

    /// The patterns of all that is in one of them.
    pub(crate) fn patterns(&self) -> impl Iterator<Item = ProjectPattern> {
        self.0.iter().flat_map(Namespace::patterns)
    }

    /// The namespace that a project is in and that nobody with these grants owns; `None` where nothing is in the way.
    pub(crate) fn foreign(&self, index: &IndexName, project: &ProjectName, grants: &[Grant]) -> Option<&Namespace> {
        let owned = |namespace: &Namespace| {
            let names_it = |grant: &Grant| {
                let mut patterns = grant.projects.iter();
                grant.allows_on_index(index, Action::Push)
                    && patterns.any(|pattern| pattern.matches(project) && namespace.contains(pattern))
            };
            grants.iter().any(names_it)
        };
        // Who owns an outer one owns what is in it.
        if self.holding(project).any(owned) { None } else { self.holding(project).last() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> ProjectName {
        text.parse().unwrap()
    }

    fn namespaces(names: &[&str]) -> Result<Namespaces, InvalidNamespaces> {
        Namespaces::new(names.iter().map(|text| Namespace { name: name(text), owner: None }).collect())
    }

    fn names<'a>(found: impl Iterator<Item = &'a Namespace>) -> Vec<&'a str> {
        found.map(|namespace| namespace.name.as_str()).collect()
    }

    #[test]
    fn a_namespace_holds_itself_and_what_begins_with_it_and_a_hyphen() {
        let all = namespaces(&["acme", "acme-core", "foo.bar"]).unwrap();
        assert_eq!(names(all.holding(&name("acme"))), ["acme"]);
        assert_eq!(names(all.holding(&name("Acme_Core.x"))), ["acme", "acme-core"]);
        assert_eq!(names(all.holding(&name("acmecore"))), [""; 0]);
        assert_eq!(names(all.holding(&name("foo-bar-baz"))), ["foo-bar"]);
        assert_eq!(names(all.holding(&name("foo"))), [""; 0]);
    }

    #[test]
    fn parents_and_children_are_the_nearest() {
        let all = namespaces(&["foo", "foo-bar", "foo-bar-baz", "foobar"]).unwrap();
        assert_eq!(all.parent(&name("foo-bar-baz")).unwrap().name, name("foo-bar"));
        assert_eq!(all.parent(&name("foo")), None);
        assert_eq!(names(all.children(&name("foo"))), ["foo-bar"]);
        assert_eq!(names(all.children(&name("foobar"))), [""; 0]);
    }

    #[test]
    fn who_owns_a_namespace_was_granted_it_by_name() {
        let all = namespaces(&["acme", "acme-core"]).unwrap();
        let index: IndexName = "python".parse().unwrap();
        let grant = |pattern: &str, action| Grant {
            index: index.clone().into(),
            projects: vec![pattern.parse().unwrap()],
            actions: vec![action],
        };
        let foreign = |project: &str, pattern: &str, action| {
            all.foreign(&index, &name(project), &[grant(pattern, action)]).map(|namespace| namespace.name.to_string())
        };
        assert_eq!(foreign("acme-x", "acme-*", Action::Push), None);
        assert_eq!(foreign("acme", "acme", Action::Push), None);
        assert_eq!(foreign("acme-core-x", "acme-*", Action::Push), None, "who owns the outer one owns the inner one");
        assert_eq!(foreign("other", "*", Action::Push), None);
        assert_eq!(foreign("acme-x", "*", Action::Push).as_deref(), Some("acme"));
        assert_eq!(foreign("acme-x", "acm*", Action::Push).as_deref(), Some("acme"));
        assert_eq!(foreign("acme-x", "acme-*", Action::Pull).as_deref(), Some("acme"));
        assert_eq!(foreign("acme-core-x", "*", Action::Push).as_deref(), Some("acme-core"));
        assert_eq!(foreign("acme", "acme-*", Action::Push).as_deref(), Some("acme"));
    }

    #[test]
    fn two_of_one_name_and_depths_without_end_make_no_sense() {
        assert_eq!(namespaces(&["a-b", "A.b"]), Err(InvalidNamespaces::Twice(name("a-b"))));
        assert!(namespaces(&["a-b-c-d"]).is_ok());
        assert_eq!(namespaces(&["a-b-c-d-e"]), Err(InvalidNamespaces::TooDeep(name("a-b-c-d-e"))));
        assert!(namespaces(&[]).unwrap().is_empty());
    }
}
