//! Lists of projects, ready to be sent: made when a catalogue changes, and kept by what their readers may see.
//!
//! What upstreams have is not listed: nobody knows it all.

use std::sync::Arc;

use daypass_core::{
    grant::ProjectPattern,
    names::{IndexName, ProjectName},
};
use daypass_store::{Store, StoreError};
use moka::sync::Cache;

use crate::{
    error::Refusal,
    file_store::blocking,
    flight::Flights,
    following::Catalogue,
    negotiate::Form,
    page::{list, prepared::Prepared},
    source::{Part, Source},
};

/// How many bytes of lists are held in memory. Half a million names take five megabytes, compressed.
const IN_MEMORY: u64 = 16 * 1024 * 1024;

/// How many names are read at a time.
const NAMES: i64 = 20_000;

/// Which projects somebody may see: those that one of each of these patterns means.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Visible {
    /// By the credential.
    pub made_for: Vec<ProjectPattern>,
    /// By what its holder is granted now.
    pub granted: Vec<ProjectPattern>,
}

impl Visible {
    fn includes(&self, project: &ProjectName) -> bool {
        [&self.made_for, &self.granted].iter().all(|patterns| patterns.iter().any(|pattern| pattern.matches(project)))
    }
}

/// Which list.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    index: IndexName,
    /// The sum of the versions of the catalogues that it is made of: it grows when one of them does.
    version: i64,
    html: bool,
    visible: Visible,
}

/// One catalogue that a list is made of, and what of it is shown.
struct Shown {
    index: IndexName,
    catalogue: Arc<Catalogue>,
    views: Vec<Vec<ProjectPattern>>,
}

/// A list, ready to be sent.
pub(crate) struct List {
    /// The list.
    pub page: Prepared,
    /// The greatest of its projects' serials.
    pub serial: Option<i64>,
}

type Outcome = Result<Arc<List>, Refusal>;

/// The lists of all indexes.
pub(crate) struct Lists {
    store: Store,
    known: Cache<Key, Arc<List>>,
    flights: Flights<Key, Outcome>,
}

impl Lists {
    pub(crate) fn new(store: Store) -> Self {
        let weigh = |_: &Key, list: &Arc<List>| u32::try_from(list.page.weight()).unwrap_or(u32::MAX);
        let known = Cache::builder().weigher(weigh).max_capacity(IN_MEMORY).build();
        Self { store, known, flights: Flights::default() }
    }

    /// The list of `source`, as it is now. `all` are the indexes of this server.
    pub(crate) async fn get(&self, all: &[Source], source: &Source, form: Form, visible: Visible) -> Outcome {
        let mut shown = Vec::new();
        collect(all, source, &[], &mut shown);
        let version = shown.iter().map(|shown| shown.catalogue.version()).fold(0, i64::saturating_add);
        let html = !matches!(form, Form::Json);
        let key = Key { index: source.name.clone(), version, html, visible };
        if let Some(list) = self.known.get(&key) {
            return Ok(list);
        }
        let (store, known, kept) = (self.store.clone(), self.known.clone(), key.clone());
        let make = move || async move {
            let list = Arc::new(make(&store, &shown, &kept).await?);
            known.insert(kept, Arc::clone(&list));
            Ok(list)
        };
        self.flights.join(key, make).await.unwrap_or(Err(UNREADABLE))
    }
}

const UNREADABLE: Refusal = Refusal::NotReady("its catalogue of files cannot be read");

/// The catalogues that `source` is made of, each with the views through which it is seen.
fn collect(all: &[Source], source: &Source, outer: &[Vec<ProjectPattern>], shown: &mut Vec<Shown>) {
    let mut views = outer.to_vec();
    views.extend(source.view.only.clone());
    for part in &source.parts {
        match part {
            Part::Hosted(hosted) => shown.push(Shown {
                index: source.name.clone(),
                catalogue: Arc::clone(&hosted.catalogue),
                views: views.clone(),
            }),
            Part::Index(place) => {
                if let Some(other) = all.get(*place) {
                    collect(all, other, &views, shown);
                }
            }
            Part::Upstream(_) => {}
        }
    }
}

async fn make(store: &Store, shown: &[Shown], key: &Key) -> Result<List, Refusal> {
    let mut projects = Vec::new();
    for shown in shown {
        read(store, shown, &key.visible, &mut projects).await.map_err(|error| {
            tracing::error!(%error, "the catalogue of hosted files cannot be read");
            UNREADABLE
        })?;
    }
    let html = key.html;
    let prepare = move || {
        // The first catalogue that has a name owns it; the sort keeps that one first.
        projects.sort_by(|(one, _): &(ProjectName, i64), (other, _)| one.cmp(other));
        projects.dedup_by(|(one, _), (other, _)| one == other);
        let projects: Vec<(&ProjectName, i64)> = projects.iter().map(|(name, serial)| (name, *serial)).collect();
        let serial = projects.iter().map(|(_, serial)| *serial).max();
        let page = if html {
            Prepared::new(list::write_html(&projects))
        } else {
            Prepared::for_installers(list::write_json(&projects))
        };
        Ok(List { page, serial })
    };
    blocking(prepare).await.map_err(|_| UNREADABLE)
}

async fn read(
    store: &Store,
    shown: &Shown,
    visible: &Visible,
    into: &mut Vec<(ProjectName, i64)>,
) -> Result<(), StoreError> {
    let mut after = String::new();
    loop {
        let more = store.projects_with_versions_after(&shown.index, &after, NAMES).await?;
        let Some(last) = more.last() else { return Ok(()) };
        last.project.as_str().clone_into(&mut after);
        let is_shown = |name: &ProjectName| {
            shown.views.iter().all(|only| only.iter().any(|pattern| pattern.matches(name))) && visible.includes(name)
        };
        let more = more.into_iter().filter(|change| is_shown(&change.project));
        into.extend(more.map(|change| (change.project, change.version)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(texts: &[&str]) -> Vec<ProjectPattern> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn one_sees_what_both_the_credential_and_the_rights_of_its_holder_mean() {
        let visible = Visible { made_for: patterns(&["acme-*", "b"]), granted: patterns(&["*-x", "b"]) };
        for (name, is_seen) in [("acme-x", true), ("b", true), ("acme-y", false), ("other-x", false)] {
            assert_eq!(visible.includes(&name.parse().unwrap()), is_seen, "{name}");
        }
        assert!(!Visible { made_for: patterns(&["*"]), granted: Vec::new() }.includes(&"b".parse().unwrap()));
    }
}
