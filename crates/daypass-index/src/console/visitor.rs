//! Who looks at a page, by the cookies of their browser; and asking the index for them.

use std::sync::Arc;

use axum::{
    body::{Body, Bytes, to_bytes},
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header, request, request::Parts},
    response::Response,
};
use daypass_core::{
    console,
    grant::Action,
    names::{IndexName, ProjectName},
    public_url::PublicUrl,
    request::RequestContext,
    secret::Secret,
};
use serde::Deserialize;
use serde_json::Value;

use super::page::Stop;
use crate::{
    error::{Refusal, Unauthenticated},
    guard::Caller,
    index::Shared,
    manage,
    proven::Proven,
    serve::serve,
};

/// Somebody who is signed in to the console.
pub(super) struct Visitor {
    pub(super) shared: Arc<Shared>,
    caller: Arc<Caller>,
    access_token: Secret,
    /// What the index is asked with.
    bearer: HeaderValue,
    context: Option<RequestContext>,
    /// The query of the page.
    query: String,
}

impl Visitor {
    /// The visitor, or why there is none. Only cookies count here, and only here: no other part of the index looks at
    /// them, so no other site can have a browser pull or upload anything.
    pub(super) fn of(shared: &Arc<Shared>, request: &Parts) -> Result<Self, Stop> {
        let lines = || request.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let found = console::joined(&shared.public_url, |name| console::cookie(lines(), name));
        let access_token = found.ok_or(Unauthenticated::Missing)?;
        let mut bearer = HeaderValue::try_from(format!("Bearer {}", access_token.expose()))
            .map_err(|_| Unauthenticated::Malformed)?;
        bearer.set_sensitive(true);
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, bearer.clone())]);
        let caller = shared.guard.caller(&headers)?;
        // Another credential in the cookie's place was put there by hand, and not by a sign-in of this browser.
        match &caller.proven {
            Proven::AccessToken(claims) if claims.client_id == console::CLIENT => {}
            _ => return Err(Unauthenticated::NotOurs.into()),
        }
        let context = request.extensions.get().copied();
        let query = request.uri.query().unwrap_or_default().to_owned();
        Ok(Self { shared: Arc::clone(shared), caller, access_token, bearer, context, query })
    }

    /// Who it is, for the eye.
    pub(super) fn person(&self) -> &str {
        match &self.caller.proven {
            Proven::AccessToken(claims) => claims.holder.shown(),
            Proven::PullToken(_) => "",
        }
    }

    /// What the page's forms bring along.
    pub(super) fn form_key(&self) -> String {
        console::form_key(&self.access_token)
    }

    pub(super) fn server(&self) -> &PublicUrl {
        &self.shared.public_url
    }

    /// The first value of a parameter of the page's query.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.find(|(known, _)| known == name).map(|(_, value)| value.into_owned())
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    /// Whether they may pull anything of `index`.
    pub(super) fn may_enter(&self, index: &IndexName) -> bool {
        self.caller.may_enter(index)
    }

    /// What the index answers them to a `GET` of `path`, up to `longest` bytes of it.
    ///
    /// It is asked as an installer asks: what they may not have is refused, and recorded, in the same place.
    pub(super) async fn get(&self, path: &str, longest: usize) -> Result<Bytes, Stop> {
        let answer = self.ask(path).await?;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), longest).await.map_err(|_| Stop::TooLong)?;
        if status.is_success() { Ok(body) } else { Err(said(status, &body)) }
    }

    /// Has `/api/v1/indexes/…` do something for them, with a body in JSON.
    pub(super) async fn send(&self, method: Method, path: &str, wish: &Value, longest: usize) -> Result<(), Stop> {
        let request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        let request = self.with_bearer(request, Body::from(wish.to_string()))?;
        let answer = manage::serve(&self.shared, request).await;
        let status = answer.status();
        let body = to_bytes(answer.into_body(), longest).await.map_err(|_| Stop::TooLong)?;
        if status.is_success() { Ok(()) } else { Err(said(status, &body)) }
    }

    /// Whether they may do `action` on the project.
    pub(super) fn may(&self, index: &IndexName, project: &ProjectName, action: Action) -> bool {
        self.caller.may(index, project, action)
    }

    async fn ask(&self, path: &str) -> Result<Response, Stop> {
        let accept = "application/vnd.pypi.simple.v1+json, */*;q=0.1";
        let request = self.with_bearer(Request::get(path).header(header::ACCEPT, accept), Body::empty())?;
        Ok(serve(axum::extract::State(Arc::clone(&self.shared)), request).await)
    }
}

impl Visitor {
    fn with_bearer(&self, request: request::Builder, body: Body) -> Result<Request, Stop> {
        let request = request.header(header::AUTHORIZATION, self.bearer.clone()).body(body);
        let mut request = request.map_err(|_| Stop::absent())?;
        if let Some(context) = self.context {
            request.extensions_mut().insert(context);
        }
        Ok(request)
    }
}

/// What a refusal says (RFC 9457).
fn said(status: StatusCode, body: &[u8]) -> Stop {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    if status == StatusCode::UNAUTHORIZED {
        return Stop::SignIn;
    }
    let detail = serde_json::from_slice::<Problem>(body).map(|problem| problem.detail).unwrap_or_default();
    Stop::Said { status, detail }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Unauthenticated(_) => Self::SignIn,
            Refusal::NotFound => Self::absent(),
            Refusal::Forbidden { .. } => Self::Said { status: StatusCode::FORBIDDEN, detail: refusal.to_string() },
            _ => Self::Said { status: StatusCode::SERVICE_UNAVAILABLE, detail: refusal.to_string() },
        }
    }
}

impl From<Unauthenticated> for Stop {
    fn from(_: Unauthenticated) -> Self {
        Self::SignIn
    }
}
