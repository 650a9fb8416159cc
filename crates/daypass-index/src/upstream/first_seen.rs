//! When a file was first seen on a page that gives no upload times.
//!
//! A cooldown counts from then, so it must not begin anew: not with the next page, not after a crash, and not because
//! the project was away for a while. Hence a record beside the page, which stays when the page goes.

use std::collections::{BTreeMap, HashSet};

use daypass_core::{Timestamp, names::ProjectName};
use object_store::path::Path as Key;

use super::pages::Inner;
use crate::{
    file_store::FileStoreError,
    page::{PageFile, ProjectPage},
};

/// How many files are remembered that are on the page no more.
const MOST_BYGONE: usize = 20_000;

/// When files were first seen, in milliseconds since the Unix epoch, by name.
type Seen = BTreeMap<Box<str>, i64>;

impl Inner {
    /// Says of each file without an upload time when it was first seen, and remembers it.
    pub(super) async fn first_seen(&self, project: &ProjectName, page: &mut ProjectPage, before: Option<&ProjectPage>) {
        if page.files.iter().all(says_when) {
            return;
        }
        let key = self.seen_key(project);
        let (mut seen, may_write) = match self.around.files.get(&key).await {
            Ok(bytes) => (serde_json::from_slice(&bytes).unwrap_or_default(), true),
            Err(FileStoreError::Absent) => (Seen::new(), true),
            // What cannot be read now is not written over; the page before knows most of it.
            Err(_) => (Seen::new(), false),
        };
        for file in before.into_iter().flat_map(|before| &before.files) {
            if let Some(then) = file.first_seen {
                seen.entry(file.name.as_str().into()).or_insert(then);
            }
        }
        let has_news = mark(page, &mut seen, self.now());
        if !(may_write && has_news) {
            return;
        }
        let bytes = serde_json::to_vec(&seen).unwrap_or_default();
        if let Err(error) = self.around.files.put(&key, bytes.into()).await {
            tracing::warn!(%project, %error, "when files of upstream were first seen cannot be kept");
        }
    }

    fn seen_key(&self, project: &ProjectName) -> Key {
        self.around.shelf.key(["seen", project.as_str()])
    }
}

/// Whether its source says when it was uploaded, in a way that can be read.
fn says_when(file: &PageFile) -> bool {
    file.upload_time.as_deref().is_some_and(|time| time.parse::<Timestamp>().is_ok())
}

/// Gives the page's files their times; returns whether there is something new to remember.
fn mark(page: &mut ProjectPage, seen: &mut Seen, now: i64) -> bool {
    let mut has_news = false;
    for file in page.files.iter_mut().filter(|file| !says_when(file)) {
        let then = *seen.entry(file.name.as_str().into()).or_insert_with(|| {
            has_news = true;
            now
        });
        file.first_seen = Some(then);
    }
    if seen.len() > page.files.len().saturating_add(MOST_BYGONE) {
        let listed: HashSet<&str> = page.files.iter().map(|file| file.name.as_str()).collect();
        seen.retain(|name, _| listed.contains(&**name));
    }
    has_news
}
