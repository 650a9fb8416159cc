//! Provenance of upstream's files (PEP 740), passed on from our own URL.
//!
//! What is *not* here: whether it proves anything. It is what upstream says, and whoever reads it verifies it.

use std::sync::Arc;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use daypass_core::names::ProjectName;
use moka::sync::Cache;
use object_store::path::Path as Key;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{
    Shelf, UpstreamError,
    client::{UpstreamClient, in_time},
    files::object_name,
    spec::{Age, Freshness},
};
use crate::{file_store::FileStore, flight::Flights, page::PageFile};

/// The longest provenance that is read, in bytes.
const LONGEST: usize = 2 * 1024 * 1024;

/// How many bytes of provenance are held in memory.
const IN_MEMORY: u64 = 2 * 1024 * 1024;

const ACCEPT: HeaderValue = HeaderValue::from_static("application/vnd.pypi.integrity.v1+json, application/json;q=0.5");

/// The provenance of one upstream's files.
#[derive(Clone)]
pub(crate) struct UpstreamProvenance(Arc<Inner>);

struct Inner {
    client: Arc<UpstreamClient>,
    files: FileStore,
    shelf: Shelf,
    freshness: Freshness,
    offline: bool,
    known: Cache<Box<str>, Kept>,
    flights: Flights<Box<str>, Result<Kept, UpstreamError>>,
}

/// One file's provenance, as it was fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Kept {
    /// When, in milliseconds since the Unix epoch.
    fetched_at: i64,
    /// From where: another URL on the page is another provenance.
    url: Box<str>,
    /// The JSON text.
    text: Arc<str>,
}

impl UpstreamProvenance {
    pub(super) fn new(
        client: Arc<UpstreamClient>,
        files: FileStore,
        shelf: Shelf,
        freshness: Freshness,
        offline: bool,
    ) -> Self {
        #[expect(clippy::borrowed_box, reason = "so the cache gives its keys")]
        let weigh = |key: &Box<str>, kept: &Kept| {
            u32::try_from(key.len() + kept.url.len() + kept.text.len() + 128).unwrap_or(u32::MAX)
        };
        let known = Cache::builder().weigher(weigh).max_capacity(IN_MEMORY).build();
        Self(Arc::new(Inner { client, files, shelf, freshness, offline, known, flights: Flights::default() }))
    }

    /// The provenance of a file, as JSON. [`UpstreamError::Absent`] if its page names none.
    pub(crate) async fn get(&self, project: &ProjectName, file: &PageFile) -> Result<Bytes, UpstreamError> {
        let url = file.provenance.clone().ok_or(UpstreamError::Absent)?;
        let key: Box<str> = format!("{project}/{}", file.name).into();
        let inner = &self.0;
        if let Some(kept) = inner.known.get(&key).filter(|kept| kept.url == url && inner.age_of(kept) == Age::Fresh) {
            return Ok(kept.bytes());
        }
        let (this, at) = (Arc::clone(inner), inner.key(project, file));
        let (named, joined) = (key.clone(), url.clone());
        let loading = inner.flights.join(key, move || async move { this.load(named, &at, &joined).await });
        let kept = loading.await.unwrap_or(Err(UpstreamError::Disk))?;
        // Who joined another URL's flight has lost a race with a new page, and may ask again.
        if kept.url == url { Ok(kept.bytes()) } else { Err(UpstreamError::Unavailable) }
    }
}

impl Kept {
    fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(self.text.as_bytes())
    }
}

impl Inner {
    fn age_of(&self, kept: &Kept) -> Age {
        if self.offline { Age::Fresh } else { self.freshness.of(self.client.now().saturating_sub(kept.fetched_at)) }
    }

    async fn load(&self, key: Box<str>, at: &Key, url: &str) -> Result<Kept, UpstreamError> {
        let on_disk = self.files.get(at).await.ok();
        let kept = on_disk.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let kept = kept.filter(|kept| &*kept.url == url);
        if let Some(kept) = kept.as_ref().filter(|kept| self.age_of(kept) == Age::Fresh) {
            self.known.insert(key, kept.clone());
            return Ok(kept.clone());
        }
        // Each step has its own limit; this one is for whoever drips.
        let limit = self.client.pace.first_byte.saturating_add(self.client.pace.idle);
        match in_time(limit, self.fetch(url)).await.and_then(|fetched| fetched) {
            Ok(fetched) => {
                let bytes = serde_json::to_vec(&fetched).unwrap_or_default();
                if let Err(error) = self.files.put(at, bytes.into()).await {
                    tracing::warn!(%error, "a provenance of upstream cannot be kept");
                }
                self.known.insert(key, fetched.clone());
                Ok(fetched)
            }
            Err(error) => kept.filter(|kept| self.age_of(kept) != Age::Over).ok_or(error),
        }
    }

    async fn fetch(&self, url: &str) -> Result<Kept, UpstreamError> {
        let parsed = Url::parse(url).map_err(|_| UpstreamError::Wrong("its URL is malformed"))?;
        let response = self.client.get(&parsed, HeaderMap::from_iter([(header::ACCEPT, ACCEPT)])).await;
        let response = response.map_err(|error| match error {
            // The page names it, so this is a failure and no absence.
            UpstreamError::Absent => UpstreamError::Wrong("it names a provenance, but does not have it"),
            other => other,
        })?;
        if response.status() != StatusCode::OK {
            return Err(UpstreamError::Wrong("its status is not one that was expected"));
        }
        let body = self.client.page_body(response, LONGEST).await?;
        let text = std::str::from_utf8(&body).map_err(|_| NO_PROVENANCE)?;
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).map_err(|_| NO_PROVENANCE)?;
        Ok(Kept { fetched_at: self.client.now(), url: url.into(), text: text.into() })
    }

    fn key(&self, project: &ProjectName, file: &PageFile) -> Key {
        self.shelf.key(["provenance", project.as_str(), &object_name(file.name.as_str())])
    }
}

const NO_PROVENANCE: UpstreamError = UpstreamError::Wrong("its provenance cannot be understood");
