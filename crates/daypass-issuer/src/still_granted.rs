//! What an access token says and its holder still may: what is told to whoever asks about one.
//!
//! What is *not* here: deciding about a request; the index asks both lists itself, project by project.

use daypass_core::grant::{Action, Grant, GrantedIndex, ProjectPattern};

/// What is in both lists. Of two patterns that merely overlap (`acme-*` and `*-tools`) nothing is said: rather too
/// little than too much.
pub(crate) fn still_granted(said: &[Grant], current: &[Grant]) -> Vec<Grant> {
    let mut both = Vec::new();
    for (said, current) in said.iter().flat_map(|said| current.iter().map(move |current| (said, current))) {
        let Some(index) = narrower(&said.index, &current.index) else { continue };
        let actions: Vec<Action> =
            said.actions.iter().copied().filter(|action| current.actions.contains(action)).collect();
        let mut projects: Vec<ProjectPattern> = inside(&said.projects, &current.projects).collect();
        for pattern in inside(&current.projects, &said.projects) {
            if !projects.contains(&pattern) {
                projects.push(pattern);
            }
        }
        let grant = Grant { index, projects, actions };
        if !grant.actions.is_empty() && !grant.projects.is_empty() && !both.contains(&grant) {
            both.push(grant);
        }
    }
    both
}

fn narrower(one: &GrantedIndex, other: &GrantedIndex) -> Option<GrantedIndex> {
    match (one, other) {
        (GrantedIndex::Every, index) | (index, GrantedIndex::Every) => Some(index.clone()),
        (GrantedIndex::One(a), GrantedIndex::One(b)) => (a == b).then(|| one.clone()),
    }
}

/// The patterns that lie wholly within one of the others.
fn inside(patterns: &[ProjectPattern], others: &[ProjectPattern]) -> impl Iterator<Item = ProjectPattern> {
    patterns.iter().filter(|pattern| others.iter().any(|other| other.contains(pattern))).cloned()
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;

    fn grant(index: &str, projects: &[&str], actions: &[Action]) -> Grant {
        let index = if index == "*" { GrantedIndex::Every } else { GrantedIndex::One(index.parse().unwrap()) };
        let projects = projects.iter().map(|pattern| pattern.parse().unwrap()).collect();
        Grant { index, projects, actions: actions.to_vec() }
    }

    #[test]
    fn only_what_both_lists_have_is_left() {
        use Action::{Pull, Push};
        let said = grant("python", &["acme-*"], &[Pull]);
        for (current, expected) in [
            (grant("python", &["acme-*"], &[Pull]), Some(said.clone())),
            (grant("*", &["*"], &[Push, Pull]), Some(said.clone())),
            (grant("python", &["acme-tools", "x"], &[Pull]), Some(grant("python", &["acme-tools"], &[Pull]))),
            (grant("python", &["acme-*", "*"], &[Pull]), Some(said.clone())),
            (grant("python", &["*-tools"], &[Pull]), None),
            (grant("python", &["*"], &[Push]), None),
            (grant("other", &["*"], &[Pull]), None),
        ] {
            let expected: Vec<_> = expected.into_iter().collect();
            assert_eq!(still_granted(from_ref(&said), from_ref(&current)), expected, "{current:?}");
            assert_eq!(still_granted(from_ref(&current), from_ref(&said)), expected);
        }
        assert_eq!(still_granted(&[], &[said]), []);
    }
}
