//! The indexes of one server, put together.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::HeaderValue,
    response::Response,
    routing::any,
};
use daypass_core::{clock::Clock, public_url::PublicUrl};
use daypass_store::{Store, StoreError};
use tokio::{sync::Semaphore, task::JoinHandle};

use crate::{
    attestation::TrustRoot,
    body::Buffers,
    console::{self, downloads::Downloads, names::KnownNames},
    content::Sender,
    file_store::{FileStore, quota::Housekeeping},
    following::Following,
    guard::Guard,
    hosted::HostedPages,
    lists::Lists,
    manage,
    memory::SmallFiles,
    options::{IndexOptions, IndexSpec, Pace, SourceSpec},
    screen::{Layer, SaidLicences, Screen},
    serve::{seldom::Seldom, serve},
    source::{Hosted, Part, Source},
    upload::Turns,
    upstream::Upstream,
};

/// How many different denials of one access token are written within a minute.
const MOST_DENIALS: u32 = 100;

/// How many different blocked pulls of one access token are written within a minute: a resolver asks for hundreds of
/// projects.
const MOST_BLOCKS: u32 = 1000;

/// How many answers of the legacy JSON API are made at a time: one of a large project takes a processor for a while.
const LEGACY: usize = 4;

/// The indexes of one server, ready to be served. Cheap to clone.
#[derive(Clone)]
pub struct Index(Arc<Shared>);

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) guard: Guard,
    pub(crate) following: Arc<Following>,
    pub(crate) sources: Vec<Source>,
    pub(crate) lists: Lists,
    pub(crate) sender: Sender,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) public_url: PublicUrl,
    /// Whom attestations are believed from.
    pub(crate) trust: Option<Arc<TrustRoot>>,
    /// Accesses that were denied a moment ago.
    pub(crate) denials: Seldom,
    /// What the package policies withheld a moment ago, and from whom.
    pub(crate) blocks: Seldom,
    /// What files of upstream say about their licence.
    pub(crate) licences: SaidLicences,
    /// Files of which parts were sent a moment ago.
    pub(crate) parts: Seldom,
    /// The names that the console searches.
    pub(crate) names: KnownNames,
    /// Whose turn it is to upload.
    pub(crate) turns: Turns,
    /// Whose turn it is to have an answer of the legacy JSON API made.
    pub(crate) legacy: Arc<Semaphore>,
    /// How often projects were downloaded, for the console.
    pub(crate) downloads: Downloads,
    /// The challenge for clients that can find their issuer (RFC 9728 §5.1).
    pub(crate) challenge: HeaderValue,
    _follower: Task,
    _housekeeping: Option<Task>,
}

impl Index {
    /// Reads what is revoked and what is hosted, and follows both from then on, as long as this or one of its routers
    /// lives.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(options: IndexOptions) -> Result<Self, StoreError> {
        let IndexOptions { public_url, indexes, store, files, keys, policy, clock, trust, pace } = options;
        let hosting = indexes.iter().filter(|spec| spec.sources.contains(&SourceSpec::Hosted));
        let names = hosting.map(|spec| spec.name.clone());
        let following = Arc::new(Following::begin(store.clone(), Arc::clone(&clock), pace, names).await?);
        let follower = Arc::clone(&following);
        let follower = Task(tokio::spawn(async move { follower.run().await }));
        let housekeeping = Housekeeping::of(&files, &store, &clock);
        let housekeeping = housekeeping.map(|work| Task(tokio::spawn(work.run(pace.housekeeping))));
        let resource = public_url.join("/.well-known/oauth-protected-resource");
        let challenge = HeaderValue::try_from(format!("Bearer resource_metadata=\"{resource}\""))
            .unwrap_or(HeaderValue::from_static("Bearer"));
        let guard = Guard::new(public_url.clone(), keys, policy, Arc::clone(&clock), Arc::clone(&following));
        let sources = sources(indexes, &public_url, &store, &files, &clock, pace, &following);
        let sender = Sender { files, small: SmallFiles::new(), buffers: Buffers::default() };
        let lists = Lists::new(store.clone());
        let shared = Shared {
            guard,
            following,
            sources,
            lists,
            sender,
            store,
            clock,
            public_url,
            trust,
            names: KnownNames::default(),
            turns: Turns::new(pace),
            legacy: Arc::new(Semaphore::new(LEGACY)),
            downloads: Downloads::default(),
            denials: Seldom::new(MOST_DENIALS),
            blocks: Seldom::new(MOST_BLOCKS),
            licences: SaidLicences::new(),
            parts: Seldom::new(u32::MAX),
            challenge,
            _follower: follower,
            _housekeeping: housekeeping,
        };
        Ok(Self(Arc::new(shared)))
    }

    /// Answers one request, for a server that tells the paths apart itself ([`Index::is_for`]): the same as
    /// [`Index::router`], without the microsecond that a router takes.
    pub async fn answer(&self, request: Request) -> Response {
        serve(State(Arc::clone(&self.0)), request).await
    }

    /// Whether a path is one of [`Index::router`]'s, of whatever index.
    pub fn is_for(path: &str) -> bool {
        let area = path.strip_prefix('/').and_then(|path| path.split('/').nth(1));
        manage::is_for(path)
            || path.starts_with("/packages/")
            || matches!(area, Some("simple" | "files" | "legacy" | "pypi" | "provenance" | "namespaces" | "namespace"))
    }

    /// The pages for people, `/console/…`. Signing in and out is the issuer's: it has routes of its own there.
    pub fn console(&self) -> Router {
        console::routes(Arc::clone(&self.0))
    }

    /// The routes of all indexes: `/{index}/simple/…`, `/{index}/files/…` and those beside them; and
    /// `/api/v1/indexes/…`.
    ///
    /// Requests should have a [`RequestContext`](daypass_core::request::RequestContext) among their extensions.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/{index}/simple", any(serve))
            .route("/{index}/simple/", any(serve))
            .route("/{index}/simple/{*rest}", any(serve))
            .route("/{index}/files/{*rest}", any(serve))
            .route("/{index}/legacy", any(serve))
            .route("/{index}/legacy/", any(serve))
            .route("/{index}/pypi/{*rest}", any(serve))
            .route("/{index}/provenance/{*rest}", any(serve))
            .route("/{index}/namespaces", any(serve))
            .route("/{index}/namespace/{name}", any(serve))
            .route("/packages/{index}/{*rest}", any(serve))
            .route("/api/v1/indexes", any(serve))
            .route("/api/v1/indexes/{*rest}", any(serve))
            .with_state(Arc::clone(&self.0))
    }
}

/// The indexes, as they are put together.
fn sources(
    specs: Vec<IndexSpec>,
    public_url: &PublicUrl,
    store: &Store,
    files: &FileStore,
    clock: &Arc<dyn Clock>,
    pace: Pace,
    following: &Following,
) -> Vec<Source> {
    let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
    let source = |spec: IndexSpec| {
        let IndexSpec { name, sources, mut reserved, view, deletion, namespaces, max_file_size, policy } = spec;
        reserved.extend(namespaces.patterns());
        let words = sources.iter().map(ToString::to_string).collect();
        let layer = Layer { index: name.clone(), policy, before: view.before };
        let part = |source: SourceSpec| match source {
            SourceSpec::Hosted => {
                let catalogue = Arc::clone(following.catalogue(&name)?);
                Some(Part::Hosted(Hosted {
                    pages: HostedPages::new(store.clone(), name.clone(), namespaces.clone(), public_url),
                    catalogue,
                }))
            }
            // An index stands behind those it is made of: configuration sees to it, and a circle ends here.
            SourceSpec::Index(other) => {
                let here = names.iter().position(|known| *known == name)?;
                names.iter().position(|known| *known == other).filter(|place| *place < here).map(Part::Index)
            }
            SourceSpec::Upstream(spec) => {
                let upstream = Upstream::new(&name, &spec, public_url, files.clone(), Arc::clone(clock), pace);
                Some(Part::Upstream(Arc::new(upstream)))
            }
        };
        let parts = sources.into_iter().filter_map(part).collect();
        Source {
            name: name.clone(),
            parts,
            words,
            reserved,
            view,
            deletion,
            namespaces: namespaces.clone(),
            max_file_size,
            layer,
            screen: Screen::new(),
        }
    };
    specs.into_iter().map(source).collect()
}

/// Work beside the requests; ends when dropped.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
