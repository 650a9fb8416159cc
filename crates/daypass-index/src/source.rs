//! Where a project comes from: hosted first, and then *never* from upstream.
//!
//! A name that exists privately is not looked up upstream: not its page, not its files, not when the catalogue cannot
//! be read. Otherwise whoever registers the name upstream would be installed inside (dependency confusion).

use std::sync::Arc;

use daypass_core::names::{IndexName, ProjectName};

use crate::{
    error::Refusal,
    following::Following,
    hosted::{HostedPage, HostedPages},
    page::prepared::PreparedPage,
    upstream::{Upstream, UpstreamError, pages::UpstreamPage},
};

/// One index: its hosted projects, and what lies behind them.
pub(crate) struct Source {
    /// Its name.
    pub name: IndexName,
    /// The projects hosted here.
    pub hosted: HostedPages,
    /// Where all others come from, if from anywhere.
    pub upstream: Option<Upstream>,
}

/// A project, by where it comes from.
pub(crate) enum Project {
    /// From here.
    Hosted(Arc<HostedPage>),
    /// From upstream.
    Upstream(Arc<UpstreamPage>),
}

impl Project {
    /// The project's page.
    pub(crate) fn page(&self) -> &PreparedPage {
        match self {
            Self::Hosted(page) => &page.prepared,
            Self::Upstream(page) => &page.prepared,
        }
    }
}

impl Source {
    /// The project.
    pub(crate) async fn project(&self, following: &Following, project: &ProjectName) -> Result<Project, Refusal> {
        let catalogue = following.catalogue(&self.name);
        if catalogue.projects.contains(project) {
            let page = match self.hosted.find(project, catalogue.version) {
                Some(page) => page,
                None => self.hosted.get(project, catalogue.version).await?,
            };
            return Ok(Project::Hosted(page));
        }
        if let Some(page) = self.upstream.as_ref().and_then(|upstream| upstream.pages.find_fresh(project)) {
            return Ok(Project::Upstream(page));
        }
        // Before upstream hears of a name, the catalogue is asked itself: a file that was imported a moment ago by
        // another process may not have been followed yet.
        if self.hosted.is_hosted(project).await? {
            return Ok(Project::Hosted(self.hosted.get(project, catalogue.version.saturating_add(1)).await?));
        }
        let upstream = self.upstream.as_ref().ok_or(Refusal::NotFound)?;
        Ok(Project::Upstream(upstream.pages.get(project).await?))
    }
}

impl From<UpstreamError> for Refusal {
    fn from(error: UpstreamError) -> Self {
        match error {
            UpstreamError::Absent => Self::NotFound,
            UpstreamError::Unavailable => Self::UpstreamUnavailable,
            UpstreamError::Wrong(what) => Self::UpstreamWrong(what),
            UpstreamError::Disk => Self::NotReady("its file store does not work"),
        }
    }
}
