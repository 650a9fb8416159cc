//! Projects as an index shows them, and the audit events of what it withholds.

use std::sync::Arc;

use axum::http::Method;
use daypass_core::{
    Timestamp,
    audit::Outcome,
    names::{FileName, ProjectName},
};

use super::{Asking, licences::look_ahead};
use crate::{
    audit,
    error::Refusal,
    package_policy::{Blocked, licence::Licence},
    page::{PageFile, prepared::PreparedPage},
    screen::{Fate, Laid, Layer, Screened, judge, quarantined},
    source::{Project, Source, Want},
};

/// A project, and its page as an index shows it.
pub(super) struct Shown {
    /// As its owner has it.
    pub(super) project: Project,
    screened: Option<Arc<Screened>>,
}

impl Shown {
    /// The page.
    pub(super) fn page(&self) -> &PreparedPage {
        let screened = self.screened.as_ref().and_then(|screened| screened.page.as_ref());
        screened.unwrap_or_else(|| self.project.page())
    }
}

impl Asking<'_> {
    /// The project as the index shows it. What is withheld from the caller is in the audit log's queue, once a minute.
    pub(super) async fn shown(&self, source: &Source, name: &ProjectName) -> Result<Shown, Refusal> {
        let (project, layers) = source.project_through(Want::Page, &self.shared.sources, name).await?;
        look_ahead(self.shared, source, &project, &layers).await;
        let now = self.shared.clock.now();
        let screened = source.screen.page(name, &project, &layers, &self.shared.licences, now).await?;
        if let Some(screened) = screened.as_ref().filter(|screened| !screened.withheld.is_empty()) {
            for (reason, outcome) in
                [(screened.withheld.enforced(), Outcome::Refused), (screened.withheld.preview(), Outcome::Success)]
            {
                if let Some(reason) = reason {
                    self.record_blocked(now, (name, None), outcome, reason);
                }
            }
        }
        Ok(Shown { project, screened })
    }

    /// Refuses a file that the index withholds; says so to the audit log.
    pub(super) fn require_unblocked(
        &self,
        project: &Project,
        layers: &[&Layer],
        file: &PageFile,
        licence: Licence<'_>,
    ) -> Result<(), Refusal> {
        let (page, origin) = (&project.page().page, project.origin());
        if quarantined(page).is_none() && !layers.iter().any(|layer| layer.concerns(origin)) {
            return Ok(());
        }
        let now = self.shared.clock.now();
        let laid: Vec<Laid> = layers.iter().map(|layer| layer.now()).collect();
        match judge(&laid, page, origin, file, licence, now).0 {
            Fate::There(None) => Ok(()),
            Fate::There(Some((_, Blocked { rule, reason, .. }))) => {
                let reason = format!("preview: would be blocked ({}): {reason}", rule.as_str());
                self.record_blocked(now, (&page.name, Some(&file.name)), Outcome::Success, reason);
                Ok(())
            }
            Fate::LeftOut => Err(Refusal::NotFound),
            Fate::Blocked(_, blocked) => Err(self.blocked(&page.name, &file.name, blocked)),
        }
    }

    /// The refusal of a blocked file, and its audit event.
    pub(super) fn blocked(&self, project: &ProjectName, file: &FileName, blocked: Blocked) -> Refusal {
        let Blocked { rule, reason, .. } = blocked;
        let now = self.shared.clock.now();
        let told = format!("{}: {reason}", rule.as_str());
        self.record_blocked(now, (project, Some(file)), Outcome::Refused, told);
        Refusal::Blocked { rule: rule.as_str(), reason }
    }

    /// Queues the event, once a minute for the same thing. A queue that is full changes nothing: what is withheld is
    /// withheld.
    fn record_blocked(
        &self,
        now: Timestamp,
        what: (&ProjectName, Option<&FileName>),
        outcome: Outcome,
        reason: String,
    ) {
        if self.request.method != Method::GET && what.1.is_none() {
            return;
        }
        let named = what.1.map_or(what.0.as_str(), FileName::as_str);
        let thing = (self.caller.token_sha256, format!("{} {named} {reason}", self.index));
        if !self.shared.blocks.is_news(now, &thing) {
            return;
        }
        let event = audit::blocked(now, self.request, self.caller, &self.index, what, outcome, reason);
        if let Err(error) = self.shared.store.record_soon(event) {
            self.shared.blocks.forget(&thing);
            tracing::error!(%error, "a blocked pull cannot be written into the audit log");
        }
    }
}
