//! Upstream's project pages: fetched once, served while they are fresh, revalidated behind the clients' backs, and
//! served stale when upstream is down, up to a bound.

use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};

use daypass_core::{clock::Clock, names::ProjectName};
use futures_util::StreamExt as _;
use moka::sync::Cache;
use tokio::sync::Semaphore;

use super::{
    Shelf, UpstreamError,
    client::UpstreamClient,
    pins::Pins,
    record::PageRecord,
    spec::{Age, Freshness},
};
use crate::{
    file_store::{FileStore, blocking},
    flight::Flights,
    options::Pace,
    page::{ProjectPage, prepared::PreparedPage},
};

/// How many bytes of pages are held in memory.
const PAGES_IN_MEMORY: u64 = 8 * 1024 * 1024;

/// How many pages are read and rendered at the same time; others wait their turn.
const AT_ONCE: usize = 8;

/// How long upstream has to say something newer than an old page.
const MOMENT: std::time::Duration = std::time::Duration::from_secs(2);

/// A page of upstream, ready to be sent.
#[derive(Debug)]
pub(crate) struct UpstreamPage {
    /// The page.
    pub prepared: PreparedPage,
    pub(super) etag: Option<Box<str>>,
    /// When it was fetched, in milliseconds since the Unix epoch.
    pub(super) fetched_at: i64,
    /// When upstream last said that it is so.
    pub(super) checked_at: AtomicI64,
    /// The same, as far as it is kept.
    pub(super) check_kept_at: AtomicI64,
    /// Whether it came from upstream for whoever asked for it.
    pub(super) came: bool,
    /// Before this instant upstream is not asked again.
    pub(super) not_before: AtomicI64,
    /// Whether something beside it has changed, so that it has to be rendered again.
    is_outdated: AtomicBool,
}

/// How a page was had: the `X-Cache` of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Had {
    /// It was kept, and good.
    Hit,
    /// It was kept, and may no longer be what upstream says.
    Stale,
    /// It was fetched.
    Miss,
}

/// A page, and how it was had.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    /// The page.
    pub page: Arc<UpstreamPage>,
    /// How it was had.
    pub had: Had,
    /// How long ago upstream said that it is so, in seconds.
    pub age: u64,
}

impl Deref for Given {
    type Target = UpstreamPage;

    fn deref(&self) -> &UpstreamPage {
        &self.page
    }
}

pub(super) type Outcome = Result<Arc<UpstreamPage>, UpstreamError>;

/// The pages of one upstream.
#[derive(Clone)]
pub(crate) struct UpstreamPages(Arc<Inner>);

/// What the pages of an upstream need.
pub(super) struct Surroundings {
    pub(super) client: Arc<UpstreamClient>,
    pub(super) files: FileStore,
    pub(super) shelf: Shelf,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
    pub(super) freshness: Freshness,
    pub(super) offline: bool,
    /// The URL under which provenance is, of this index.
    pub(super) provenance_root: Box<str>,
}

pub(super) struct Inner {
    pub(super) around: Surroundings,
    pub(super) turns: Semaphore,
    pub(super) known: Cache<ProjectName, Arc<UpstreamPage>>,
    /// Until when a project is known to be absent, in milliseconds since the Unix epoch.
    pub(super) absent: Cache<ProjectName, i64>,
    flights: Flights<ProjectName, Outcome>,
}

impl UpstreamPages {
    pub(super) fn new(around: Surroundings) -> Self {
        let weigh = |_: &ProjectName, page: &Arc<UpstreamPage>| page.prepared.weight();
        Self(Arc::new(Inner {
            turns: Semaphore::new(AT_ONCE),
            known: Cache::builder().weigher(weigh).max_capacity(PAGES_IN_MEMORY).build(),
            absent: Cache::builder().max_capacity(10_000).time_to_live(around.pace.absent).build(),
            flights: Flights::default(),
            around,
        }))
    }

    /// The page, if it is in memory and fresh: the path of nearly all requests.
    pub(crate) fn find_fresh(&self, project: &ProjectName) -> Option<Given> {
        let page = self.0.known.get(project)?;
        let is_good = self.0.age_of(&page) == Age::Fresh && !page.is_outdated.load(Ordering::Relaxed);
        is_good.then(|| self.0.given(page, Had::Hit))
    }

    /// The page.
    pub(crate) async fn get(&self, project: &ProjectName) -> Result<Given, UpstreamError> {
        let inner = &self.0;
        let was_known = inner.known.contains_key(project);
        let page = self.find(project).await?;
        if page.came && !was_known {
            // It came for this request: there is none newer, however short pages are fresh.
            return Ok(inner.given(page, Had::Miss));
        }
        let rests = inner.now() < page.not_before.load(Ordering::Relaxed);
        match inner.age_of(&page) {
            Age::Fresh => Ok(inner.given(page, Had::Hit)),
            Age::Over if rests => Err(UpstreamError::Unavailable),
            _ if rests => Ok(inner.given(page, Had::Stale)),
            Age::Stale => {
                // It is under way by itself; this request does not wait for it.
                drop(self.revalidate(project, Arc::clone(&page)));
                Ok(inner.given(page, Had::Stale))
            }
            Age::Old => match tokio::time::timeout(MOMENT, self.revalidate(project, Arc::clone(&page))).await {
                Ok(Ok(newer)) => Ok(inner.revalidated(&page, newer)),
                Ok(Err(UpstreamError::Absent)) => Err(UpstreamError::Absent),
                Ok(Err(_)) | Err(_) => Ok(inner.given(page, Had::Stale)),
            },
            Age::Over => {
                let newer = self.revalidate(project, Arc::clone(&page)).await?;
                Ok(inner.revalidated(&page, newer))
            }
        }
    }

    /// The page, for whoever wants a file: its bytes never change, so a page of any age tells enough about them.
    pub(crate) async fn get_for_file(&self, project: &ProjectName) -> Result<Given, UpstreamError> {
        match self.get(project).await {
            Err(UpstreamError::Absent) => Err(UpstreamError::Absent),
            Err(error) => self.0.known.get(project).map(|page| self.0.given(page, Had::Stale)).ok_or(error),
            given => given,
        }
    }

    /// The page as upstream has it now, for whoever misses a file on the kept one.
    pub(crate) async fn get_anew(&self, project: &ProjectName) -> Result<Given, UpstreamError> {
        let given = self.get_for_file(project).await?;
        if self.0.age_of(&given) == Age::Fresh || self.0.now() < given.not_before.load(Ordering::Relaxed) {
            return Ok(given);
        }
        match self.revalidate(project, Arc::clone(&given.page)).await {
            Ok(newer) => Ok(self.0.revalidated(&given.page, newer)),
            Err(UpstreamError::Absent) => Err(UpstreamError::Absent),
            Err(_) => Ok(given),
        }
    }

    /// The projects whose pages are kept. Nothing where that cannot be told.
    pub(crate) async fn names(&self) -> Vec<ProjectName> {
        let prefix = self.0.around.shelf.key(["pages"]);
        let mut kept = self.0.around.files.objects().list(Some(&prefix));
        let mut names = Vec::new();
        while let Some(Ok(object)) = kept.next().await {
            names.extend(object.location.filename().and_then(|name| name.parse().ok()));
        }
        names
    }

    /// Says that something beside the page has changed: it is rendered again for whoever asks next.
    pub(crate) fn outdate(&self, project: &ProjectName) {
        if let Some(page) = self.0.known.get(project) {
            page.is_outdated.store(true, Ordering::Relaxed);
        }
    }

    /// The page of whatever age: from memory, from disk, or from upstream.
    async fn find(&self, project: &ProjectName) -> Outcome {
        let inner = &self.0;
        let known = inner.known.get(project);
        if let Some(page) = known.as_ref().filter(|page| !page.is_outdated.load(Ordering::Relaxed)) {
            return Ok(Arc::clone(page));
        }
        if known.is_none() && inner.absent.get(project).is_some_and(|until| inner.now() < until) {
            return Err(UpstreamError::Absent);
        }
        let (this, named) = (Arc::clone(inner), project.clone());
        let loading = inner.flights.join(project.clone(), move || async move { this.load(&named).await });
        loading.await.unwrap_or(Err(UpstreamError::Disk))
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
    pub(super) fn now(&self) -> i64 {
        self.around.clock.now().as_millisecond()
    }

    fn age_of(&self, page: &UpstreamPage) -> Age {
        if self.around.offline {
            return Age::Fresh;
        }
        self.around.freshness.of(self.now().saturating_sub(page.checked_at.load(Ordering::Relaxed)))
    }

    fn given(&self, page: Arc<UpstreamPage>, had: Had) -> Given {
        let age = self.now().saturating_sub(page.checked_at.load(Ordering::Relaxed));
        Given { page, had, age: u64::try_from(age / 1000).unwrap_or(0) }
    }

    fn revalidated(&self, before: &Arc<UpstreamPage>, now: Arc<UpstreamPage>) -> Given {
        let had = if Arc::ptr_eq(before, &now) { Had::Hit } else { Had::Miss };
        self.given(now, had)
    }

    /// The page from memory, from disk, or from upstream.
    async fn load(&self, project: &ProjectName) -> Outcome {
        if let Some(page) = self.known.get(project) {
            if !page.is_outdated.load(Ordering::Relaxed) {
                return Ok(page);
            }
            let _turn = self.turns.acquire().await.map_err(|_| UpstreamError::Disk)?;
            let checked_at = page.checked_at.load(Ordering::Relaxed);
            let record = PageRecord::new(page.fetched_at, page.etag.clone(), page.prepared.page.clone());
            return self.prepare(project, record, checked_at, false).await;
        }
        let turn = self.turns.acquire().await.map_err(|_| UpstreamError::Disk)?;
        if let Some((record, checked_at)) = self.kept(project).await {
            return self.prepare(project, record, checked_at, false).await;
        }
        drop(turn);
        self.fetch(project, None).await
    }

    /// Renders and remembers a page.
    pub(super) async fn prepare(
        &self,
        project: &ProjectName,
        record: PageRecord,
        checked_at: i64,
        came: bool,
    ) -> Outcome {
        let PageRecord { checked_at: fetched_at, etag, mut page, .. } = record;
        if Pins::could_complete(&page) {
            Pins::of(&self.around.files, &self.around.shelf, project).await.complete(&mut page);
        }
        page.provenance_base = Some(format!("{}{project}/", self.around.provenance_root).into());
        let prepared = render(page).await?;
        let page = Arc::new(UpstreamPage {
            prepared,
            etag,
            fetched_at,
            checked_at: AtomicI64::new(checked_at),
            check_kept_at: AtomicI64::new(checked_at),
            came,
            not_before: AtomicI64::new(i64::MIN),
            is_outdated: AtomicBool::new(false),
        });
        self.known.insert(project.clone(), Arc::clone(&page));
        self.absent.invalidate(project);
        Ok(page)
    }
}

async fn render(page: ProjectPage) -> Result<PreparedPage, UpstreamError> {
    blocking(move || Ok(PreparedPage::new(page))).await.map_err(|_| UpstreamError::Disk)
}
