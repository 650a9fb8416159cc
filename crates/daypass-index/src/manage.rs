//! `/api/v1/indexes/…`: what indexes host, and what becomes of it: yanked, given another status, deleted.
//!
//! The order is the same as for packages: who is not proven learns nothing; who has no grant learns that, and not whether
//! the thing exists. Every change is in one transaction with its audit event, and is seen in the next answer here.
//!
//! | module | idea |
//! |---|---|
//! | `path` | what a path names |
//! | `body` | what a request brings, as JSON |
//! | `deletion` | when a file may be deleted, pure |
//! | `shown` | indexes and projects as they are told |
//! | `refusal` | why not |

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderValue, Method, header, request::Parts},
    response::Response,
};
use daypass_core::{
    audit::{AuditEvent, AuditKind, Outcome},
    grant::Action,
    names::{IndexName, ProjectName},
    project_status::ProjectStatus,
};
use daypass_store::{CatalogueChange, Changed, StoreError, Which};
use pep440_rs::Version;
use serde_json::{Value, json};

use crate::{
    audit,
    error::{Asked, Refusal},
    guard::Caller,
    index::Shared,
    source::Source,
};

mod body;
pub(crate) mod deletion;
mod path;
mod refusal;
mod shown;

use path::{Named, Part, Target};
pub(crate) use refusal::ManageRefusal;

/// Whether a path is one of these.
pub(crate) fn is_for(path: &str) -> bool {
    path.strip_prefix(path::ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Answers one request.
pub(crate) async fn serve(shared: &Arc<Shared>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    match answer(shared, &parts, body).await {
        Ok(value) => json_answer(&value),
        Err(refusal) => refusal.answer(&shared.challenge),
    }
}

async fn answer(shared: &Shared, request: &Parts, body: Body) -> Result<Value, Refusal> {
    let caller = shared.guard.caller(&request.headers)?;
    let target = path::parse(request.uri.path()).ok_or(Refusal::NotFound)?;
    let asking = Asking { shared, request, caller: &caller };
    let method = &request.method;
    let (named, wish) = match target {
        Target::Indexes => {
            require(method, &[Method::GET])?;
            return Ok(shown::indexes(shared, &caller));
        }
        Target::Project(named) if *method == Method::GET => return asking.show(&named).await,
        Target::Project(named) => {
            require(method, &[Method::GET, Method::DELETE])?;
            (named, Wish::Delete(Part::Whole))
        }
        Target::Status(named) => {
            require(method, &[Method::PUT])?;
            (named, Wish::Status)
        }
        Target::Part(named, part) => {
            require(method, &[Method::DELETE])?;
            (named, Wish::Delete(part))
        }
        Target::Yank(named, part) => {
            require(method, &[Method::PUT, Method::DELETE])?;
            (named, if *method == Method::PUT { Wish::Yank(part) } else { Wish::Unyank(part) })
        }
    };
    let index: IndexName = named.index.parse().map_err(|_| Refusal::NotFound)?;
    let project: ProjectName = named.project.parse().map_err(|_| Refusal::NotFound)?;
    asking.require(&index, &project, wish.action())?;
    asking.hosting(&index, &project)?;
    asking.change(&index, &project, wish, body).await
}

/// What is wished for.
enum Wish {
    Yank(Part),
    Unyank(Part),
    Delete(Part),
    Status,
}

impl Wish {
    fn action(&self) -> Action {
        match self {
            Self::Yank(_) | Self::Unyank(_) => Action::Yank,
            Self::Delete(_) | Self::Status => Action::Admin,
        }
    }
}

/// A request by somebody proven.
struct Asking<'a> {
    shared: &'a Shared,
    request: &'a Parts,
    caller: &'a Caller,
}

impl Asking<'_> {
    fn require(&self, index: &IndexName, project: &ProjectName, action: Action) -> Result<(), Refusal> {
        if self.caller.may(index, project, action) {
            return Ok(());
        }
        let what = Asked::Project(project.clone());
        let refusal = Refusal::forbidden_to(self.caller.proven.shown(), index, what, action);
        let now = self.shared.clock.now();
        let thing = (self.caller.token_sha256, format!("{action} {index} {project}"));
        if self.shared.denials.is_news(now, &thing) {
            let denied = audit::denied(now, self.request, self.caller, Some(index), Some(project), refusal.to_string());
            if let Err(error) = self.shared.store.record_soon(denied) {
                tracing::error!(%error, %refusal, "a denied access cannot be written into the audit log");
            }
        }
        Err(refusal)
    }

    /// The index, if it hosts projects and shows this one.
    fn hosting(&self, index: &IndexName, project: &ProjectName) -> Result<&Source, Refusal> {
        let source = self.shared.sources.iter().find(|source| source.name == *index);
        let hosting = source.filter(|source| source.hosted().is_some() && !source.leaves_out(project));
        hosting.ok_or(Refusal::NotFound)
    }

    async fn show(&self, named: &Named<'_>) -> Result<Value, Refusal> {
        let index: IndexName = named.index.parse().map_err(|_| Refusal::NotFound)?;
        let project: ProjectName = named.project.parse().map_err(|_| Refusal::NotFound)?;
        // Whoever may change it must see it: a job that imports has nothing but the right to push.
        let any = [Action::Push, Action::Yank, Action::Admin];
        if !any.into_iter().any(|action| self.caller.may(&index, &project, action)) {
            self.require(&index, &project, Action::Pull)?;
        }
        self.hosting(&index, &project)?;
        shown::project(self.shared, &index, &project).await
    }

    async fn change(&self, index: &IndexName, project: &ProjectName, wish: Wish, body: Body) -> Result<Value, Refusal> {
        let request = self.request;
        let now = self.shared.clock.now();
        let (kind, change, said) = match wish {
            Wish::Yank(part) => {
                let body::Reason { reason } = body::read(&request.headers, body).await?;
                let reason = body::checked(&reason.unwrap_or_default())?;
                let which = self.which(index, project, part).await?;
                let said = format!("yanked{}", because(&reason));
                (AuditKind::FileYanked, CatalogueChange::Yank(which, reason), said)
            }
            Wish::Unyank(part) => {
                let which = self.which(index, project, part).await?;
                (AuditKind::FileUnyanked, CatalogueChange::Unyank(which), "un-yanked".to_owned())
            }
            Wish::Status => {
                let body::Status { status, reason } = body::read(&request.headers, body).await?;
                let status: ProjectStatus =
                    status.parse().map_err(|error| ManageRefusal::Bad(format!("`status`: {error}")))?;
                let reason = body::checked(&reason.unwrap_or_default())?;
                let said = format!("{status}{}", because(&reason));
                let reason = Some(reason).filter(|reason| !reason.is_empty());
                (AuditKind::ProjectStatusChanged, CatalogueChange::Status(status, reason), said)
            }
            Wish::Delete(part) => {
                let reason = body::checked(&body::query_reason(request.uri.query()).unwrap_or_default())?;
                if reason.is_empty() {
                    return Err(
                        ManageRefusal::Bad("say why: `?reason=…` is written into the audit log".to_owned()).into()
                    );
                }
                let which = self.which(index, project, part).await?;
                let said = format!("deleted: {reason}");
                let rule = self.hosting(index, project)?.deletion;
                let uploaded_since = rule.since(now).ok_or_else(|| ManageRefusal::DeletesNothing(index.clone()))?;
                let change = CatalogueChange::Delete { which, uploaded_since, at: now, reason: Some(reason) };
                (AuditKind::FileDeleted, change, said)
            }
        };
        // What was withdrawn while the body came is withdrawn.
        let caller = self.shared.guard.caller(&request.headers)?;
        let again = Asking { caller: &caller, ..*self };
        again.require(index, project, needed(&change))?;
        let event = again.event(index, project, kind, &change, said);
        let done = self.shared.store.change_catalogue(index, project, change, event).await;
        let files = match done.map_err(|error| unwritten(&error))? {
            Changed::Done(files) => files,
            Changed::NotFound => return Err(Refusal::NotFound),
            Changed::TooOld(file) => {
                let rule = self.hosting(index, project)?.deletion;
                return Err(ManageRefusal::TooOld(file, rule).into());
            }
        };
        if let Err(error) = self.shared.following.follow_now(index).await {
            // It is done and will be followed; only not at once.
            tracing::warn!(%error, "a change of the catalogue is not followed at once");
        }
        Ok(json!({ "index": index, "project": project, "files": files }))
    }

    /// What the audit log says of it.
    fn event(
        &self,
        index: &IndexName,
        project: &ProjectName,
        kind: AuditKind,
        change: &CatalogueChange,
        said: String,
    ) -> AuditEvent {
        let which = match change {
            CatalogueChange::Yank(which, _)
            | CatalogueChange::Unyank(which)
            | CatalogueChange::Delete { which, .. } => Some(which),
            CatalogueChange::Status(..) => None,
        };
        let (file, said) = match which {
            Some(Which::File(file)) => (Some(file.clone()), said),
            Some(Which::Release(version)) => (None, format!("release {version} {said}")),
            Some(Which::All) => (None, format!("all releases {said}")),
            None => (None, said),
        };
        AuditEvent {
            index: Some(index.clone()),
            project: Some(project.clone()),
            file,
            reason: Some(said),
            ..audit::event(self.shared.clock.now(), kind, Outcome::Success, self.request, self.caller)
        }
    }

    /// Which files are meant. A version is meant as PEP 440 compares it: `1.0` is `1.0.0`.
    async fn which(&self, index: &IndexName, project: &ProjectName, part: Part) -> Result<Which, Refusal> {
        let version = match part {
            Part::Whole => return Ok(Which::All),
            Part::File(file) => return file.parse().map(Which::File).map_err(|_| Refusal::NotFound),
            Part::Release(version) => version,
        };
        let files = self.shared.store.hosted_files(index, project).await.map_err(|error| unreadable(&error))?;
        let wanted: Option<Version> = version.parse().ok();
        let is_meant = |there: &&str| *there == version || (wanted.is_some() && there.parse().ok() == wanted);
        let mut versions = files.iter().map(|file| file.version.as_str());
        versions.find(is_meant).map(|there| Which::Release(there.to_owned())).ok_or(Refusal::NotFound)
    }
}

fn needed(change: &CatalogueChange) -> Action {
    match change {
        CatalogueChange::Yank(..) | CatalogueChange::Unyank(_) => Action::Yank,
        CatalogueChange::Status(..) | CatalogueChange::Delete { .. } => Action::Admin,
    }
}

fn because(reason: &str) -> Cow<'static, str> {
    if reason.is_empty() { Cow::Borrowed("") } else { Cow::Owned(format!(": {reason}")) }
}

fn require(method: &Method, allowed: &[Method]) -> Result<(), Refusal> {
    if allowed.contains(method) {
        return Ok(());
    }
    let allowed: Vec<&str> = allowed.iter().map(Method::as_str).collect();
    Err(ManageRefusal::Method(allowed.join(", ")).into())
}

fn unreadable(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the catalogue of hosted files cannot be read");
    Refusal::NotReady("its catalogue of files cannot be read")
}

fn unwritten(error: &StoreError) -> Refusal {
    tracing::error!(%error, "the catalogue of hosted files cannot be changed");
    Refusal::NotReady("its catalogue of files cannot be changed")
}

fn json_answer(value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
