//! Upstream's project pages: fetched once, served while they are fresh, revalidated behind the clients' backs, and
//! served stale when upstream is down.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use daypass_core::{clock::Clock, names::ProjectName};
use futures_util::StreamExt as _;
use moka::sync::Cache;
use tokio::sync::{Semaphore, SemaphorePermit};
use url::Url;

use super::{Shelf, UpstreamError, client::UpstreamClient, files::pins_of, record::PageRecord};
use crate::{
    file_store::{FileStore, blocking},
    flight::Flights,
    options::Pace,
    page::{ProjectPage, UnknownPage, prepared::PreparedPage, read_html, read_json},
};

/// How many bytes of pages are held in memory.
const PAGES_IN_MEMORY: u64 = 8 * 1024 * 1024;

/// The longest page that is read, in bytes, decompressed. The longest known has about 20 MiB.
const LONGEST_PAGE: usize = 32 * 1024 * 1024;

/// The same of a page in HTML, which says less.
const LONGEST_HTML: usize = 16 * 1024 * 1024;

/// How many pages are read and rendered at the same time; others wait their turn.
const AT_ONCE: usize = 8;

/// From this age on a page is not served before upstream had a moment to say something newer.
const OLD: i64 = 24 * 3600 * 1000;

/// That moment.
const MOMENT: std::time::Duration = std::time::Duration::from_secs(2);

const ACCEPT: HeaderValue = HeaderValue::from_static(
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
);

/// A page of upstream, ready to be sent.
#[derive(Debug)]
pub(crate) struct UpstreamPage {
    /// The page.
    pub prepared: PreparedPage,
    etag: Option<Box<str>>,
    /// When upstream last said that it is so, in milliseconds since the Unix epoch.
    checked_at: AtomicI64,
    /// Before this instant upstream is not asked again.
    not_before: AtomicI64,
}

type Outcome = Result<Arc<UpstreamPage>, UpstreamError>;

/// The pages of one upstream.
#[derive(Clone)]
pub(crate) struct UpstreamPages(Arc<Inner>);

struct Inner {
    client: Arc<UpstreamClient>,
    files: FileStore,
    shelf: Shelf,
    clock: Arc<dyn Clock>,
    pace: Pace,
    known: Cache<ProjectName, Arc<UpstreamPage>>,
    /// Until when a project is known to be absent, in milliseconds since the Unix epoch.
    absent: Cache<ProjectName, i64>,
    flights: Flights<ProjectName, Outcome>,
    turns: Semaphore,
}

impl UpstreamPages {
    pub(crate) fn new(
        client: Arc<UpstreamClient>,
        files: FileStore,
        shelf: Shelf,
        clock: Arc<dyn Clock>,
        pace: Pace,
    ) -> Self {
        let weigh = |_: &ProjectName, page: &Arc<UpstreamPage>| page.prepared.weight();
        let known = Cache::builder().weigher(weigh).max_capacity(PAGES_IN_MEMORY).build();
        let absent = Cache::builder().max_capacity(10_000).time_to_live(pace.absent).build();
        Self(Arc::new(Inner {
            client,
            files,
            shelf,
            clock,
            pace,
            known,
            absent,
            flights: Flights::default(),
            turns: Semaphore::new(AT_ONCE),
        }))
    }

    /// The page, if it is in memory and fresh: the path of nearly all requests.
    pub(crate) fn find_fresh(&self, project: &ProjectName) -> Option<Arc<UpstreamPage>> {
        self.0.known.get(project).filter(|page| self.0.is_fresh(page))
    }

    /// The page.
    pub(crate) async fn get(&self, project: &ProjectName) -> Outcome {
        let inner = &self.0;
        if let Some(page) = inner.known.get(project) {
            return self.fresh_or_stale(project, page).await;
        }
        if inner.absent.get(project).is_some_and(|until| inner.now() < until) {
            return Err(UpstreamError::Absent);
        }
        let this = Arc::clone(inner);
        let named = project.clone();
        let loading = inner.flights.join(project.clone(), move || async move { this.load(&named).await });
        let page = loading.await.unwrap_or(Err(UpstreamError::Disk))?;
        self.fresh_or_stale(project, page).await
    }

    /// The page as upstream has it now, for whoever misses a file on the kept one.
    pub(crate) async fn get_anew(&self, project: &ProjectName) -> Outcome {
        let page = self.get(project).await?;
        if self.0.is_fresh(&page) || self.0.now() < page.not_before.load(Ordering::Relaxed) {
            return Ok(page);
        }
        match self.revalidate(project, Arc::clone(&page)).await {
            Err(UpstreamError::Absent) => Err(UpstreamError::Absent),
            Err(_) => Ok(page),
            newer => newer,
        }
    }

    /// The projects whose pages are kept. Nothing where that cannot be told.
    pub(crate) async fn names(&self) -> Vec<ProjectName> {
        let prefix = self.0.shelf.key(["pages"]);
        let mut kept = self.0.files.objects().list(Some(&prefix));
        let mut names = Vec::new();
        while let Some(Ok(object)) = kept.next().await {
            names.extend(object.location.filename().and_then(|name| name.parse().ok()));
        }
        names
    }

    /// Drops the page from memory, because something beside it has changed.
    pub(crate) fn forget(&self, project: &ProjectName) {
        self.0.known.invalidate(project);
    }

    async fn fresh_or_stale(&self, project: &ProjectName, page: Arc<UpstreamPage>) -> Outcome {
        let inner = &self.0;
        let now = inner.now();
        if inner.is_fresh(&page) || now < page.not_before.load(Ordering::Relaxed) {
            return Ok(page);
        }
        let revalidation = self.revalidate(project, Arc::clone(&page));
        if now.saturating_sub(page.checked_at.load(Ordering::Relaxed)) < OLD {
            // It is under way by itself; this request does not wait for it.
            drop(revalidation);
            return Ok(page);
        }
        match tokio::time::timeout(MOMENT, revalidation).await {
            Ok(Ok(newer)) => Ok(newer),
            Ok(Err(UpstreamError::Absent)) => Err(UpstreamError::Absent),
            Ok(Err(_)) | Err(_) => Ok(page),
        }
    }

    fn revalidate(&self, project: &ProjectName, page: Arc<UpstreamPage>) -> impl Future<Output = Outcome> + use<> {
        let (this, named) = (Arc::clone(&self.0), project.clone());
        let make = move || async move { this.fetch(&named, Some(page)).await };
        let under_way = self.0.flights.begin(project.clone(), make);
        async move {
            let mut under_way = under_way;
            let landed = under_way.wait_for(Option::is_some).await;
            landed.ok().and_then(|outcome| outcome.clone()).unwrap_or(Err(UpstreamError::Disk))
        }
    }
}

impl Inner {
    fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
    }

    fn is_fresh(&self, page: &UpstreamPage) -> bool {
        let age = self.now().saturating_sub(page.checked_at.load(Ordering::Relaxed));
        // A page from the future was checked by a wrong clock.
        u128::try_from(age).is_ok_and(|age| age < self.pace.fresh.as_millis())
    }

    /// The page from memory, from disk, or from upstream.
    async fn load(&self, project: &ProjectName) -> Outcome {
        if let Some(page) = self.known.get(project) {
            return Ok(page);
        }
        let turn = self.turns.acquire().await.map_err(|_| UpstreamError::Disk)?;
        if let Ok(bytes) = self.files.get(&self.key(project)).await
            && let Some(record) = PageRecord::read(&bytes)
        {
            return self.prepare(project, record).await;
        }
        drop(turn);
        self.fetch(project, None).await
    }

    async fn fetch(&self, project: &ProjectName, known: Option<Arc<UpstreamPage>>) -> Outcome {
        // Each step has its own limit; this one is for whoever drips.
        let limit = self.pace.first_byte.saturating_add(self.pace.idle);
        let asking = tokio::time::timeout(limit, self.ask(project, known.as_deref()));
        let outcome = asking.await.unwrap_or(Err(UpstreamError::Unavailable));
        match outcome {
            Ok(Some((record, turn))) => {
                let bytes = record.write();
                let page = self.prepare(project, record).await?;
                drop(turn);
                let (files, key) = (self.files.clone(), self.key(project));
                // Nobody waits for the disk: a page that was not kept is fetched again.
                tokio::spawn(async move {
                    if let Err(error) = files.put(&key, bytes.into()).await {
                        tracing::warn!(error = %error, "a page of upstream cannot be kept");
                    }
                });
                Ok(page)
            }
            Ok(None) => {
                let page = known.ok_or(UpstreamError::Wrong("it says that nothing changed, but was not asked that"))?;
                page.checked_at.store(self.now(), Ordering::Relaxed);
                Ok(page)
            }
            Err(UpstreamError::Absent) => {
                let until = self.now().saturating_add(i64::try_from(self.pace.absent.as_millis()).unwrap_or(0));
                self.absent.insert(project.clone(), until);
                self.known.invalidate(project);
                if known.is_some() {
                    let _ = self.files.forget(&self.key(project)).await;
                }
                Err(UpstreamError::Absent)
            }
            Err(error) => {
                tracing::warn!(%project, %error, stale = known.is_some(), "a page of upstream cannot be fetched");
                if let Some(known) = known {
                    let pause = i64::try_from(self.pace.retry.as_millis()).unwrap_or(0);
                    known.not_before.store(self.now().saturating_add(pause), Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    /// Asks upstream; `None` when nothing changed. A page comes with its turn, which ends when it is rendered.
    async fn ask(
        &self,
        project: &ProjectName,
        known: Option<&UpstreamPage>,
    ) -> Result<Option<(PageRecord, SemaphorePermit<'_>)>, UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, ACCEPT);
        if let Some(etag) = known.and_then(|known| HeaderValue::from_str(known.etag.as_deref()?).ok()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let response = self.client.get(&self.client.page_url(project)?, headers).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        // Not before: most of the time goes into waiting for an answer to begin.
        let turn = self.turns.acquire().await.map_err(|_| UpstreamError::Disk)?;
        let text = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let etag = text(header::ETAG).map(Into::into);
        let content_type = text(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
        let base = response.url().clone();
        let limit = if content_type.contains("html") { LONGEST_HTML } else { LONGEST_PAGE };
        let body = self.client.page_body(response, limit).await?;
        let named = project.clone();
        let page = blocking(move || Ok(read(&named, &base, &content_type, &body))).await;
        let page = page.map_err(|_| UpstreamError::Disk)?.map_err(|unknown| {
            tracing::warn!(%project, error = %unknown, "a page of upstream cannot be understood");
            UpstreamError::Wrong("its page cannot be understood")
        })?;
        Ok(Some((PageRecord::new(self.now(), etag, page), turn)))
    }

    /// Renders and remembers a page.
    async fn prepare(&self, project: &ProjectName, record: PageRecord) -> Outcome {
        let PageRecord { checked_at, etag, mut page, .. } = record;
        if page.files.iter().any(|file| file.sha256().is_none()) {
            let pinned = pins_of(&self.files, &self.shelf, project).await;
            for file in page.files.iter_mut().filter(|file| file.sha256().is_none()) {
                if let Some(pin) = pinned.get(file.name.as_str()) {
                    // What was served once under this name stays what it is, whatever upstream says of it later.
                    file.hashes.insert("sha256".into(), pin.sha256.to_string().into());
                    file.size = Some(pin.size);
                }
            }
        }
        let prepared = blocking(move || Ok(PreparedPage::new(page))).await.map_err(|_| UpstreamError::Disk)?;
        let not_before = AtomicI64::new(i64::MIN);
        let page = Arc::new(UpstreamPage { prepared, etag, checked_at: AtomicI64::new(checked_at), not_before });
        self.known.insert(project.clone(), Arc::clone(&page));
        self.absent.invalidate(project);
        Ok(page)
    }

    fn key(&self, project: &ProjectName) -> object_store::path::Path {
        self.shelf.key(["pages", project.as_str()])
    }
}

/// Reads a page by its `Content-Type`.
fn read(project: &ProjectName, base: &Url, content_type: &str, body: &[u8]) -> Result<ProjectPage, UnknownPage> {
    match content_type.split(';').next().unwrap_or_default().trim() {
        "application/vnd.pypi.simple.v1+json" | "application/json" => read_json::read(project, base, body),
        "application/vnd.pypi.simple.v1+html" | "text/html" => read_html::read(project, base, body),
        other => Err(UnknownPage::ContentType(other.chars().take(80).flat_map(char::escape_debug).collect())),
    }
}
