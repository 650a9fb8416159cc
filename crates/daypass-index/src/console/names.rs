//! The projects of an index by name, to be searched: half a million of them within a few milliseconds.
//!
//! All names stand in one text, in order, so that a search is one pass over a few megabytes of memory.

use std::{
    collections::{BTreeSet, HashMap},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use daypass_core::{
    SignedDuration, Timestamp,
    names::{IndexName, ProjectName},
};
use memchr::memmem::Finder;
use tokio::time::timeout;

use crate::{
    error::Refusal,
    file_store::blocking,
    index::Shared,
    source::{Part, Source},
};

/// After how long the names of an index are read again, where the catalogue alone does not tell whether they changed.
const FRESH: SignedDuration = SignedDuration::from_secs(60);

/// For how long they are not read again, whatever changed: where files come in all the time, that would be each time.
const MOMENT: SignedDuration = SignedDuration::from_secs(2);

/// How many hits are counted. Nobody reads more.
pub(super) const MOST_COUNTED: usize = 10_000;

/// How long a list of what is kept from upstream may take.
const LIST_WITHIN: Duration = Duration::from_secs(5);

/// All names of an index, in order.
#[derive(Debug, Default)]
pub(crate) struct Names {
    all: Vec<ProjectName>,
    /// Each name between two line ends.
    text: String,
    /// Where each name begins in `text`.
    starts: Vec<usize>,
}

/// One page of what was found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Hits {
    pub(super) names: Vec<ProjectName>,
    /// How many there are in all, up to [`MOST_COUNTED`].
    pub(super) count: usize,
}

impl Names {
    /// Of these names, whatever their order.
    fn new(names: impl IntoIterator<Item = ProjectName>) -> Self {
        let names: Vec<ProjectName> = names.into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut text = String::with_capacity(names.iter().map(|name| name.as_str().len() + 1).sum::<usize>() + 1);
        let mut starts = Vec::with_capacity(names.len());
        text.push('\n');
        for name in &names {
            starts.push(text.len());
            text.push_str(name.as_str());
            text.push('\n');
        }
        Self { all: names, text, starts }
    }

    /// The hits for `wanted` (normalized, may be empty) among the names that `may` be seen: the very name first, then those
    /// that begin so, then those that hold it.
    pub(super) fn find(&self, wanted: &str, may: impl Fn(&ProjectName) -> bool, skip: usize, take: usize) -> Hits {
        // Names are in order, so the very name is the first of those that begin so.
        let begins = self.all.partition_point(|name| name.as_str() < wanted);
        let beginning = self.all.iter().skip(begins).take_while(|name| name.as_str().starts_with(wanted));
        let mut hits = Hits { names: Vec::new(), count: 0 };
        for name in beginning.chain(self.holding(wanted)) {
            if hits.count >= MOST_COUNTED {
                break;
            }
            if may(name) {
                if hits.count >= skip && hits.names.len() < take {
                    hits.names.push(name.clone());
                }
                hits.count += 1;
            }
        }
        hits
    }

    /// The names that hold `wanted`, but not at their beginning.
    fn holding<'a>(&'a self, wanted: &'a str) -> impl Iterator<Item = &'a ProjectName> {
        let finder = Finder::new(wanted.as_bytes()).into_owned();
        let mut from = 0;
        std::iter::from_fn(move || {
            // A line end is in no name, but between two.
            if wanted.is_empty() || wanted.contains('\n') {
                return None;
            }
            loop {
                let at = from + finder.find(self.text.as_bytes().get(from..)?)?;
                let number = self.starts.partition_point(|start| *start <= at).checked_sub(1)?;
                // On from the next name: a name is one hit.
                from = self.starts.get(number + 1).copied().unwrap_or(self.text.len());
                if self.starts.get(number) != Some(&at) {
                    let name = self.all.get(number)?;
                    if !name.as_str().starts_with(wanted) {
                        return Some(name);
                    }
                }
            }
        })
    }
}

/// What somebody typed as a name is written (PEP 503), or as the part of one.
pub(super) fn normalized(typed: &str) -> String {
    let mut wanted = String::new();
    for char in typed.trim().chars().take(128) {
        match char.to_ascii_lowercase() {
            '-' | '_' | '.' | ' ' if wanted.ends_with('-') => {}
            '-' | '_' | '.' | ' ' => wanted.push('-'),
            // What no name holds finds nothing.
            other => wanted.push(other),
        }
    }
    wanted
}

/// The names of each index as they were read last.
#[derive(Default)]
pub(crate) struct KnownNames {
    known: Mutex<HashMap<IndexName, Known>>,
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Known {
    names: Arc<Names>,
    /// The versions of the catalogues that it was made from, summed up: it grows with every change.
    version: i64,
    read_at: Timestamp,
}

impl KnownNames {
    /// The names of an index, read a moment ago.
    pub(super) async fn get(&self, shared: &Shared, source: &Source) -> Result<Arc<Names>, Refusal> {
        let (version, now) = (version(shared, source), shared.clock.now());
        if let Some(names) = self.find(&source.name, version, now) {
            return Ok(names);
        }
        // Half a million are not read twice at a time.
        let _turn = self.turn.lock().await;
        if let Some(names) = self.find(&source.name, version, now) {
            return Ok(names);
        }
        let read = read(shared, source, Vec::new()).await?;
        let names = blocking(move || Ok(Names::new(read))).await.map_err(|_| Refusal::NotReady("it is too busy"))?;
        let names = Arc::new(names);
        let known = Known { names: Arc::clone(&names), version, read_at: now };
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(source.name.clone(), known);
        Ok(names)
    }

    /// The names, if nothing changed since they were read, or that was a moment ago.
    fn find(&self, index: &IndexName, version: i64, now: Timestamp) -> Option<Arc<Names>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let good = |known: &&Known| {
            let age = now.duration_since(known.read_at).abs();
            age < MOMENT || known.version == version && age < FRESH
        };
        known.get(index).filter(good).map(|known| Arc::clone(&known.names))
    }
}

/// Grows with every change of what is hosted in the index and in those that it is made of.
fn version(shared: &Shared, source: &Source) -> i64 {
    let of = |part: &Part| match part {
        Part::Hosted(hosted) => hosted.catalogue.version(),
        Part::Index(place) => shared.sources.get(*place).map_or(0, |other| version(shared, other)),
        Part::Upstream(_) => 0,
    };
    source.parts.iter().map(of).fold(0, i64::saturating_add)
}

type Reading<'a> = Pin<Box<dyn Future<Output = Result<Vec<ProjectName>, Refusal>> + Send + 'a>>;

/// The names of an index as it shows them: hosted ones, and those that were pulled through. `above`
/// are the indexes that it is looked at through.
fn read<'a>(shared: &'a Shared, source: &'a Source, mut above: Vec<&'a Source>) -> Reading<'a> {
    above.push(source);
    Box::pin(async move {
        let mut names = Vec::new();
        for part in &source.parts {
            match part {
                Part::Hosted(_) => names.extend(hosted(shared, &source.name).await?),
                Part::Index(place) => {
                    if let Some(other) = shared.sources.get(*place) {
                        names.extend(read(shared, other, above.clone()).await?);
                    }
                }
                // What was pulled through is listed as well as it can be: without it, what is hosted is still found.
                Part::Upstream(upstream) => {
                    let kept = timeout(LIST_WITHIN, upstream.pages.names()).await.unwrap_or_default();
                    let private =
                        |name: &ProjectName| above.iter().any(|source| source.keeps_private(&shared.sources, name));
                    names.extend(kept.into_iter().filter(|name| !private(name)));
                }
            }
        }
        names.retain(|name| !source.leaves_out(name));
        Ok(names)
    })
}

async fn hosted(shared: &Shared, index: &IndexName) -> Result<Vec<ProjectName>, Refusal> {
    shared.store.hosted_projects(index).await.map_err(|error| {
        tracing::error!(%error, "the projects of an index cannot be listed");
        Refusal::NotReady("its catalogue of files cannot be read")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Names {
        Names::new(names.iter().map(|name| name.parse().unwrap()))
    }

    fn found(names: &Names, wanted: &str) -> Vec<String> {
        names.find(wanted, |_| true, 0, 100).names.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_very_name_comes_first_and_then_what_begins_so() {
        let names = names(&["zeta-acme", "acme-b", "acme", "acme-a", "my-acme-acme", "other"]);
        assert_eq!(found(&names, "acme"), ["acme", "acme-a", "acme-b", "my-acme-acme", "zeta-acme"]);
        assert_eq!(found(&names, "acme-"), ["acme-a", "acme-b", "my-acme-acme"]);
        assert_eq!(found(&names, ""), ["acme", "acme-a", "acme-b", "my-acme-acme", "other", "zeta-acme"]);
        assert_eq!(found(&names, "nothing"), Vec::<String>::new());
        assert_eq!(found(&Names::default(), ""), Vec::<String>::new());
        // Not across two names.
        assert_eq!(found(&names, "a\nacme"), Vec::<String>::new());
    }

    #[test]
    fn pages_follow_one_another_and_count_all() {
        let names = Names::new((0..120).map(|number| format!("p{number:03}").parse().unwrap()));
        let hits = names.find("p", |name| name.as_str() != "p000", 50, 50);
        assert_eq!((hits.count, hits.names.len()), (119, 50));
        assert_eq!(hits.names[0].as_str(), "p051");
    }

    #[test]
    fn what_may_not_be_seen_is_neither_shown_nor_counted() {
        let names = names(&["acme-public", "acme-secret", "x-acme-secret"]);
        let hits = names.find("acme", |name| !name.as_str().contains("secret"), 0, 10);
        assert_eq!((hits.count, hits.names.len()), (1, 1));
    }

    #[test]
    fn half_a_million_names_are_found_to_the_last() {
        let many = Names::new((0..500_000).map(|number| format!("project-{number}").parse().unwrap()));
        let hits = many.find("499999", |_| true, 0, 50);
        assert_eq!(hits.names.iter().map(ToString::to_string).collect::<Vec<_>>(), ["project-499999"]);
        let hits = many.find("9", |_| true, 0, 50);
        assert_eq!((hits.count, hits.names.len()), (MOST_COUNTED, 50));
    }

    #[test]
    fn what_is_typed_is_read_as_a_name() {
        for (typed, wanted) in [(" Acme_Hello ", "acme-hello"), ("a.-_b", "a-b"), ("a b", "a-b"), ("", ""), ("é", "é")]
        {
            assert_eq!(normalized(typed), wanted);
        }
        assert_eq!(normalized(&"a".repeat(1000)).len(), 128);
    }
}
