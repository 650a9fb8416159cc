//! The web console: what people see of an index, and change there.
//!
//! Its pages are made from the very answers that an installer gets: the console asks the index like any client, with the
//! access token of whoever looks, so it shows nothing that they may not pull, and nothing that policies hide. It works
//! without scripts. What is *not* here: signing in and out, which the issuer does.
//!
//! | module | idea |
//! |---|---|
//! | `visitor` | who looks, by the cookies of their browser; asking the index for them |
//! | `page` | what every page has in common: headers, layout, refusals |
//! | `assets` | the style sheet and the icon |
//! | `names` | the projects of an index, to be searched |
//! | `home`, `search`, `project` | the pages |
//! | `change` | yanking and the like, by the forms of a page |
//! | `downloads` | how often projects were downloaded |
//! | `answers` | our own answers, read again |
//! | `releases` | the files of a project, by version |
//! | `metadata`, `description`, `shown` | what strangers wrote, made safe to be shown |
//! | `install` | the lines to be copied |

mod answers;
mod assets;
mod change;
mod description;
pub(crate) mod downloads;
mod home;
mod install;
mod metadata;
pub(crate) mod names;
mod page;
mod project;
mod releases;
mod search;
mod shown;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use daypass_core::{console, names::IndexName};

use crate::index::Shared;
use page::{Stop, stop};
use visitor::Visitor;

/// The pages `/console/…`, beside those with which the issuer signs people in.
pub(crate) fn routes(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/console", get(|| async { moved(console::HOME) }))
        .route("/console/", get(home))
        .route("/console/-/{file}", get(assets::get))
        .route("/console/{index}", get(with_slash))
        .route("/console/{index}/", get(search))
        .route("/console/{index}/{project}", get(with_slash))
        .route("/console/{index}/{project}/", get(project))
        .route("/console/{index}/{project}/change", post(change))
        .with_state(shared)
}

/// A page is one step: who looks, then what they see.
macro_rules! page {
    ($shared:ident, $request:ident, $visitor:ident => $page:expr) => {{
        let (parts, _) = $request.into_parts();
        page!($shared, parts: parts, $visitor => $page)
    }};
    ($shared:ident, parts: $parts:ident, $visitor:ident => $page:expr) => {{
        let outcome = async {
            let $visitor = Visitor::of(&$shared, &$parts)?;
            $page.await
        };
        match outcome.await {
            Ok(response) => response,
            Err(why) => stop(&$shared, &$parts, &why),
        }
    }};
}

async fn home(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    page!(shared, request, visitor => async { Ok(home::page(&visitor)) })
}

async fn search(State(shared): State<Arc<Shared>>, Path(index): Path<String>, request: Request) -> Response {
    page!(shared, request, visitor => search::page(&visitor, index_name(&index)?))
}

async fn project(
    State(shared): State<Arc<Shared>>,
    Path((index, project)): Path<(String, String)>,
    request: Request,
) -> Response {
    page!(shared, request, visitor => project::page(&visitor, index_name(&index)?, &project))
}

async fn change(
    State(shared): State<Arc<Shared>>,
    Path((index, project)): Path<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    page!(shared, parts: parts, visitor => change::change(&visitor, &parts, body, index_name(&index)?, &project))
}

fn index_name(text: &str) -> Result<IndexName, Stop> {
    text.parse().map_err(|_| Stop::absent())
}

async fn with_slash(request: Request) -> Response {
    // What leads here begins with `/console/`, so it is no address of somebody else.
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    moved(&format!("{}/{query}", request.uri().path()))
}

fn moved(to: &str) -> Response {
    let Ok(to) = HeaderValue::try_from(to) else { return StatusCode::NOT_FOUND.into_response() };
    (StatusCode::PERMANENT_REDIRECT, [(header::LOCATION, to)]).into_response()
}
