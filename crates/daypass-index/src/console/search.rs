//! `/console/{index}/?q=`: the projects of an index that the visitor may pull, by name.

use std::sync::Arc;

use askama::Template;
use axum::{http::StatusCode, response::Response};
use daypass_core::names::IndexName;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{
    names::{Hits, MOST_COUNTED, normalized},
    page::{Stop, Top, draw},
    shown,
    visitor::Visitor,
};
use crate::{
    error::{Asked, Refusal},
    file_store::blocking,
};

/// How many names are on a page.
const ON_A_PAGE: usize = 50;

#[derive(Template)]
#[template(path = "search.html")]
struct Search {
    top: Top,
    index: String,
    /// What was typed.
    typed: String,
    names: Vec<String>,
    /// "3 projects", "more than 10,000 projects".
    count: String,
    /// Queries of the pages before and after.
    before: Option<String>,
    after: Option<String>,
}

/// The page.
pub(super) async fn page(visitor: &Visitor, index: IndexName) -> Result<Response, Stop> {
    if !visitor.may_enter(&index) {
        return Err(Refusal::forbidden(visitor.person(), &index, Asked::Index).into());
    }
    let shared = &visitor.shared;
    let source = shared.sources.iter().find(|source| source.name == index).ok_or_else(Stop::absent)?;
    let names = shared.names.get(shared, source).await?;
    let typed = visitor.parameter("q").unwrap_or_default();
    let number =
        visitor.parameter("page").and_then(|page| page.parse().ok()).unwrap_or(1).clamp(1, MOST_COUNTED / ON_A_PAGE);
    let (wanted, caller, of) = (normalized(&typed), Arc::clone(visitor.caller()), index.clone());
    let skip = (number - 1) * ON_A_PAGE;
    // Milliseconds at half a million names, and who may pull few of them has all of them looked at.
    let find = move || Ok(names.find(&wanted, |name| caller.may_pull(&of, name), skip, ON_A_PAGE));
    let Hits { names, count } = blocking(find).await.map_err(|_| Refusal::NotReady("it is too busy"))?;
    let query = |number: usize| format!("?q={}&page={number}", utf8_percent_encode(&typed, NON_ALPHANUMERIC));
    let page = Search {
        top: Top::of(visitor),
        index: index.to_string(),
        typed: shown::short(&typed, 128),
        names: names.iter().map(ToString::to_string).collect(),
        count: counted(count),
        before: (number > 1).then(|| query(number - 1)),
        after: (skip + ON_A_PAGE < count && number < MOST_COUNTED / ON_A_PAGE).then(|| query(number + 1)),
    };
    Ok(draw(StatusCode::OK, &page))
}

fn counted(count: usize) -> String {
    match count {
        0 => "No project".to_owned(),
        1 => "1 project".to_owned(),
        count if count >= MOST_COUNTED => "More than 10,000 projects".to_owned(),
        count => format!("{count} projects"),
    }
}
