//! What is withheld from a page, in numbers and sentences.

use daypass_core::names::IndexName;
use serde_json::{Value, json};

use crate::package_policy::{Blocked, named::Named};

/// How many groups are kept; further ones are counted only.
const MOST_GROUPS: usize = 200;

/// How many groups are told on the page and in an audit event: the last, which are the newest on most pages.
const MOST_TOLD: usize = 20;

/// The same in an audit event.
const MOST_RECORDED: usize = 5;

/// What is withheld from one page, and what would be.
#[derive(Debug, Default)]
pub(crate) struct Withheld {
    enforced: Groups,
    preview: Groups,
}

/// Files that are withheld, by version and rule.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    groups: Vec<Group>,
    files: usize,
}

#[derive(Debug)]
struct Group {
    index: IndexName,
    version: Box<str>,
    files: usize,
    blocked: Blocked,
}

impl Withheld {
    pub(super) fn withhold(&mut self, index: &IndexName, named: &Named, blocked: Blocked) {
        self.enforced.add(index, named, blocked);
    }

    pub(super) fn would_withhold(&mut self, index: &IndexName, named: &Named, blocked: Blocked) {
        self.preview.add(index, named, blocked);
    }

    /// What is withheld, in a sentence for the audit log.
    pub(crate) fn enforced(&self) -> Option<String> {
        self.enforced.recorded().map(|told| format!("withheld from the page: {told}"))
    }

    /// What would be withheld, in a sentence for the audit log.
    pub(crate) fn preview(&self) -> Option<String> {
        self.preview.recorded().map(|told| format!("preview: would be withheld from the page: {told}"))
    }

    /// Tells one state from another, for what is recorded seldom.
    pub(crate) fn is_empty(&self) -> bool {
        self.enforced.files == 0 && self.preview.files == 0
    }

    /// The page's `_blocked` key.
    pub(super) fn told(&self) -> Option<Value> {
        let groups = &self.enforced;
        let told: Vec<Value> = groups
            .last(MOST_TOLD)
            .map(|group| {
                let Blocked { rule, reason, until } = &group.blocked;
                let mut told = json!({
                    "version": group.version, "files": group.files, "rule": rule.as_str(), "reason": reason,
                });
                if let (Some(until), Some(told)) = (until, told.as_object_mut()) {
                    told.insert("until".to_owned(), json!(until));
                }
                told
            })
            .collect();
        (groups.files > 0).then(|| json!({ "files": groups.files, "because": told }))
    }

    /// Why nothing is left, in a sentence.
    pub(super) fn reason_of_all(&self) -> Option<String> {
        let groups = &self.enforced;
        let newest = groups.groups.last()?;
        let what =
            if groups.files == 1 { "its one file is".to_owned() } else { format!("all {} files are", groups.files) };
        Some(format!("{what} withheld by the policy of index `{}`: {}", newest.index, newest.blocked.reason))
    }

    /// Bytes of memory it takes, roughly.
    pub(super) fn weight(&self) -> u32 {
        u32::try_from((self.enforced.groups.len() + self.preview.groups.len()) * 400).unwrap_or(u32::MAX)
    }
}

impl Groups {
    fn add(&mut self, index: &IndexName, named: &Named, blocked: Blocked) {
        self.files += 1;
        let same = |group: &&mut Group| {
            *group.version == *named.version_text && group.blocked.rule == blocked.rule && group.index == *index
        };
        // Pages list the files of a version together.
        if let Some(group) = self.groups.last_mut().filter(same) {
            group.files += 1;
            return;
        }
        if self.groups.len() < MOST_GROUPS {
            let version = named.version_text.clone();
            self.groups.push(Group { index: index.clone(), version, files: 1, blocked });
        }
    }

    fn last(&self, most: usize) -> impl Iterator<Item = &Group> {
        self.groups.iter().skip(self.groups.len().saturating_sub(most))
    }

    fn recorded(&self) -> Option<String> {
        if self.files == 0 {
            return None;
        }
        let mut told: Vec<String> = self
            .last(MOST_RECORDED)
            .map(|group| {
                let files = if group.files == 1 { "1 file".to_owned() } else { format!("{} files", group.files) };
                let version = if group.version.is_empty() { "?" } else { &*group.version };
                format!("{files} of {version} ({}: {})", group.blocked.rule.as_str(), group.blocked.reason)
            })
            .collect();
        let counted: usize = self.last(MOST_RECORDED).map(|group| group.files).sum();
        if self.files > counted {
            told.push(format!("{} more files", self.files - counted));
        }
        Some(told.join("; "))
    }
}
