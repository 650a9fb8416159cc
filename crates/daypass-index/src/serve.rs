//! Answers one request, in four steps: parse the path, find out who asks, decide, do.
//!
//! The order matters. Who is not proven learns nothing, not even whether a thing exists; who has no grant learns that,
//! and not whether the thing exists.

mod files;
mod legacy_json;
mod licences;
mod namespaces;
mod pages;
mod provenance;
pub(crate) mod seldom;
mod shown;

use std::{borrow::Cow, sync::Arc};

use axum::{
    extract::{Request, State},
    http::{HeaderValue, Method, header, request::Parts, uri::Uri},
    response::Response,
};
use daypass_core::{
    grant::Action,
    names::{IndexName, ProjectName},
};

use crate::{
    audit,
    error::{Asked, Refusal},
    guard::Caller,
    index::Shared,
    manage,
    source::Source,
    target::{Target, parse},
    upload::{self, UploadRefusal},
};

/// The handler of all routes.
pub(crate) async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    if manage::is_for(request.uri().path()) {
        return manage::serve(&shared, request).await;
    }
    let (parts, body) = request.into_parts();
    if parts.method == Method::POST && matches!(parse(parts.uri.path()), Some((_, Target::Legacy))) {
        return upload::serve(&shared, &parts, body).await;
    }
    drop(body);
    match answer(&shared, &parts).await {
        Ok(response) => response,
        Err(refusal) => refusal.answer(&shared.challenge),
    }
}

async fn answer(shared: &Shared, request: &Parts) -> Result<Response, Refusal> {
    let caller = shared.guard.caller(&request.headers)?;
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    let parsed = parse(request.uri.path());
    if !reads && !matches!(parsed, Some((_, Target::Legacy))) {
        return Err(Refusal::MethodNotAllowed);
    }
    let (index, target) = parsed.ok_or(Refusal::NotFound)?;
    let asking = Asking::new(shared, request, &caller, index)?;
    match target {
        Target::List { slash } => {
            asking.require_entry()?;
            let source = asking.source()?;
            if !slash {
                return Ok(moved(&asking.request.uri, &format!("/{index}/simple/")));
            }
            pages::list(&asking, source).await
        }
        Target::Project { project, slash } => {
            let Ok(name) = project.parse::<ProjectName>() else {
                asking.require_entry()?;
                return Err(Refusal::NotFound);
            };
            asking.require_grant(&name)?;
            let source = asking.source()?;
            if !slash || name.as_str() != project {
                return Ok(moved(&asking.request.uri, &format!("/{index}/simple/{name}/")));
            }
            pages::project(&asking, source, &name).await
        }
        Target::File { project, file } => {
            let Ok(name) = project.parse::<ProjectName>() else {
                asking.require_entry()?;
                return Err(Refusal::NotFound);
            };
            asking.require_grant(&name)?;
            files::file(&asking, asking.source()?, &name, &file).await
        }
        Target::Json { project, version } => {
            let Ok(name) = project.parse::<ProjectName>() else {
                asking.require_entry()?;
                return Err(Refusal::NotFound);
            };
            asking.require_grant(&name)?;
            legacy_json::project(&asking, asking.source()?, &name, version.as_deref()).await
        }
        Target::Namespaces => {
            asking.require_entry()?;
            namespaces::list(&asking, asking.source()?)
        }
        Target::Namespace { name } => {
            asking.require_entry()?;
            namespaces::detail(&asking, asking.source()?, &name)
        }
        Target::Provenance { project, file } => {
            let Ok(name) = project.parse::<ProjectName>() else {
                asking.require_entry()?;
                return Err(Refusal::NotFound);
            };
            asking.require_grant(&name)?;
            provenance::provenance(&asking, asking.source()?, &name, &file).await
        }
        Target::Legacy => {
            asking.require_somewhere(Action::Push)?;
            Err(UploadRefusal::OnlyPost.into())
        }
    }
}

/// A request by somebody proven.
pub(crate) struct Asking<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) request: &'a Parts,
    pub(crate) caller: &'a Caller,
    pub(crate) index: Cow<'a, IndexName>,
    /// The index, if there is one of that name: to be looked at once the caller may know.
    source: Option<&'a Source>,
}

impl<'a> Asking<'a> {
    /// What `caller` asks of the index of this name.
    pub(crate) fn new(
        shared: &'a Shared,
        request: &'a Parts,
        caller: &'a Caller,
        index: &str,
    ) -> Result<Self, Refusal> {
        let source = shared.sources.iter().find(|source| source.name.as_str() == index);
        let index = match source {
            Some(source) => Cow::Borrowed(&source.name),
            None => Cow::Owned(index.parse().map_err(|_| Refusal::NotFound)?),
        };
        Ok(Self { shared, request, caller, index, source })
    }

    pub(crate) fn source(&self) -> Result<&Source, Refusal> {
        self.source.ok_or(Refusal::NotFound)
    }

    fn require_grant(&self, project: &ProjectName) -> Result<(), Refusal> {
        self.require(project, Action::Pull)
    }

    /// Whether the caller may do this to the project.
    pub(crate) fn require(&self, project: &ProjectName, action: Action) -> Result<(), Refusal> {
        if self.caller.may(&self.index, project, action) {
            return Ok(());
        }
        Err(self.denied(Asked::Project(project.clone()), Some(project), action))
    }

    fn require_entry(&self) -> Result<(), Refusal> {
        self.require_somewhere(Action::Pull)
    }

    /// Whether the caller may do this to any project of the index.
    pub(crate) fn require_somewhere(&self, action: Action) -> Result<(), Refusal> {
        if self.caller.may_somewhere(&self.index, action) {
            return Ok(());
        }
        Err(self.denied(Asked::Index, None, action))
    }

    /// The refusal, and its row in the audit log, once a minute. A queue that is full changes nothing: no is the answer.
    fn denied(&self, what: Asked, project: Option<&ProjectName>, action: Action) -> Refusal {
        let now = self.shared.clock.now();
        let thing = format!("{} {action} {what}", self.index);
        let is_news = self.shared.denials.is_news(now, &(self.caller.token_sha256, thing));
        let refusal = Refusal::forbidden_to(self.caller.proven.shown(), &self.index, what, action);
        if !is_news {
            return refusal;
        }
        let index = Some(&*self.index);
        let event = audit::denied(now, self.request, self.caller, index, project, refusal.to_string());
        if let Err(error) = self.shared.store.record_soon(event) {
            tracing::error!(%error, %refusal, "a denied access cannot be written into the audit log");
        }
        refusal
    }
}

fn unrecorded(error: &daypass_store::StoreError) -> Refusal {
    tracing::error!(%error, "an audit event cannot be queued");
    Refusal::NotReady("its audit log does not take the event")
}

/// A permanent redirect to `path`, with the query that was there (`?format=`).
fn moved(uri: &Uri, path: &str) -> Response {
    let location = match uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let mut response = Response::default();
    *response.status_mut() = axum::http::StatusCode::MOVED_PERMANENTLY;
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    response
}
