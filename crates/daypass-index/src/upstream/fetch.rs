//! One page on its way: asked for, read, kept.

use std::sync::{Arc, atomic::Ordering};

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use bytes::Bytes;
use daypass_core::names::ProjectName;
use object_store::path::Path as Key;
use tokio::sync::SemaphorePermit;
use url::Url;

use super::{
    UpstreamError, milliseconds,
    pages::{Inner, Outcome, UpstreamPage},
    record::{Checked, PageRecord},
};
use crate::{
    file_store::blocking,
    page::{ProjectPage, UnknownPage, read_html, read_json},
};

/// The longest page that is read, in bytes, decompressed. The longest known has about 20 MiB.
const LONGEST_PAGE: usize = 32 * 1024 * 1024;

/// The same of a page in HTML, which says less.
const LONGEST_HTML: usize = 16 * 1024 * 1024;

/// How old what is kept of a page's last check may become: a restart forgets no more than this.
const CHECK_IS_KEPT_EVERY: i64 = 3600 * 1000;

const ACCEPT: HeaderValue = HeaderValue::from_static(
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01",
);

/// What upstream said.
enum Said<'a> {
    /// Nothing has changed.
    Unchanged,
    /// This page. It comes with its turn, which ends when it is rendered.
    Page(Box<PageRecord>, SemaphorePermit<'a>),
}

impl Inner {
    /// The page as upstream has it; whoever knows one is told whether it changed.
    pub(super) async fn fetch(&self, project: &ProjectName, known: Option<Arc<UpstreamPage>>) -> Outcome {
        // Each step has its own limit; this one is for whoever drips.
        let limit = self.around.pace.first_byte.saturating_add(self.around.pace.idle);
        let asking = tokio::time::timeout(limit, self.ask(project, known.as_deref()));
        match asking.await.unwrap_or(Err(UpstreamError::Unavailable)) {
            Ok(Said::Page(record, turn)) => self.took(project, *record, known.as_deref(), turn).await,
            Ok(Said::Unchanged) => {
                let page = known.ok_or(UpstreamError::Wrong("it says that nothing changed, but was not asked that"))?;
                page.checked_at.store(self.now(), Ordering::Relaxed);
                self.keep_check(project, &page);
                Ok(page)
            }
            Err(UpstreamError::Absent) => {
                let until = self.now().saturating_add(milliseconds(self.around.pace.absent));
                self.absent.insert(project.clone(), until);
                self.known.invalidate(project);
                if known.is_some() {
                    let _ = self.around.files.forget(&self.page_key(project)).await;
                }
                Err(UpstreamError::Absent)
            }
            Err(error) => {
                tracing::warn!(%project, %error, stale = known.is_some(), "a page of upstream cannot be fetched");
                if let Some(known) = known {
                    let pause = milliseconds(self.around.pace.retry);
                    known.not_before.store(self.now().saturating_add(pause), Ordering::Relaxed);
                }
                Err(error)
            }
        }
    }

    /// Takes a page in: keeps it, and makes it ready.
    async fn took(
        &self,
        project: &ProjectName,
        mut record: PageRecord,
        known: Option<&UpstreamPage>,
        turn: SemaphorePermit<'_>,
    ) -> Outcome {
        // Durable before anybody sees the page: when a file was first seen may decide whether it may be installed.
        self.first_seen(project, &mut record.page, known.map(|known| &known.prepared.page)).await;
        let (bytes, fetched_at) = (record.write(), record.checked_at);
        let page = self.prepare(project, record, fetched_at, true).await?;
        drop(turn);
        let (files, key) = (self.around.files.clone(), self.page_key(project));
        // Nobody waits for the disk: a page that was not kept is fetched again.
        tokio::spawn(async move {
            if let Err(error) = files.put(&key, bytes.into()).await {
                tracing::warn!(error = %error, "a page of upstream cannot be kept");
            }
        });
        Ok(page)
    }

    async fn ask(&self, project: &ProjectName, known: Option<&UpstreamPage>) -> Result<Said<'_>, UpstreamError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, ACCEPT);
        if let Some(etag) = known.and_then(|known| HeaderValue::from_str(known.etag.as_deref()?).ok()) {
            headers.insert(header::IF_NONE_MATCH, etag);
        }
        let url = self.around.client.page_url(project)?;
        let mut attempt = 1;
        loop {
            let response = self.around.client.get(&url, headers.clone()).await?;
            if response.status() == StatusCode::NOT_MODIFIED {
                return Ok(Said::Unchanged);
            }
            // Not before: most of the time goes into waiting for an answer to begin.
            let turn = self.turns.acquire().await.map_err(|_| UpstreamError::Disk)?;
            let text = |name| response.headers().get(name).and_then(|value: &HeaderValue| value.to_str().ok());
            let etag = text(header::ETAG).map(Into::into);
            let content_type = text(header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
            let base = response.url().clone();
            let limit = if content_type.contains("html") { LONGEST_HTML } else { LONGEST_PAGE };
            match self.around.client.page_body(response, limit).await {
                Ok(body) => {
                    let page = self.understand(project, base, content_type, body).await?;
                    return Ok(Said::Page(Box::new(PageRecord::new(self.now(), etag, page)), turn));
                }
                // It broke off on the way.
                Err(error) => {
                    drop(turn);
                    if !self.around.client.may_repeat(error, attempt).await {
                        return Err(error);
                    }
                    attempt += 1;
                }
            }
        }
    }

    async fn understand(
        &self,
        project: &ProjectName,
        base: Url,
        content_type: String,
        body: Bytes,
    ) -> Result<ProjectPage, UpstreamError> {
        let named = project.clone();
        let page = blocking(move || Ok(read(&named, &base, &content_type, &body))).await;
        page.map_err(|_| UpstreamError::Disk)?.map_err(|unknown| {
            tracing::warn!(%project, error = %unknown, "a page of upstream cannot be understood");
            UpstreamError::Wrong("its page cannot be understood")
        })
    }

    /// What is kept of a page, and when upstream last said that it is so.
    pub(super) async fn kept(&self, project: &ProjectName) -> Option<(PageRecord, i64)> {
        let record = PageRecord::read(&self.around.files.get(&self.page_key(project)).await.ok()?)?;
        let checked = self.around.files.get(&self.checked_key(project)).await.ok();
        let checked = checked.and_then(|bytes| serde_json::from_slice::<Checked>(&bytes).ok());
        let checked = checked.filter(|checked| checked.fetched_at == record.checked_at);
        let checked_at = checked.map_or(record.checked_at, |checked| checked.checked_at.max(record.checked_at));
        Some((record, checked_at))
    }

    /// Keeps that a page was found unchanged, now and then: not the whole page again, and not each time.
    fn keep_check(&self, project: &ProjectName, page: &UpstreamPage) {
        let now = page.checked_at.load(Ordering::Relaxed);
        if now.saturating_sub(page.check_kept_at.load(Ordering::Relaxed)) < CHECK_IS_KEPT_EVERY {
            return;
        }
        page.check_kept_at.store(now, Ordering::Relaxed);
        let (files, key) = (self.around.files.clone(), self.checked_key(project));
        let checked = Checked { fetched_at: page.fetched_at, checked_at: now };
        tokio::spawn(async move {
            let bytes = serde_json::to_vec(&checked).unwrap_or_default();
            if let Err(error) = files.put(&key, bytes.into()).await {
                tracing::warn!(error = %error, "that a page of upstream is unchanged cannot be kept");
            }
        });
    }

    fn page_key(&self, project: &ProjectName) -> Key {
        self.around.shelf.key(["pages", project.as_str()])
    }

    fn checked_key(&self, project: &ProjectName) -> Key {
        self.around.shelf.key(["checked", project.as_str()])
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
