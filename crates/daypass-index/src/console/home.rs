//! `/console/`: the indexes that the visitor may pull from.

use askama::Template;
use axum::{http::StatusCode, response::Response};

use super::{
    page::{Top, draw},
    visitor::Visitor,
};

#[derive(Template)]
#[template(path = "home.html")]
struct Home {
    top: Top,
    indexes: Vec<Entry>,
    login: String,
}

/// An index on the page.
struct Entry {
    name: String,
    url: String,
    pip: String,
}

/// The page.
pub(super) fn page(visitor: &Visitor) -> Response {
    let indexes = visitor.shared.sources.iter().map(|source| &source.name).filter(|index| visitor.may_enter(index));
    let indexes = indexes
        .map(|index| {
            let url = visitor.server().index_url(index);
            Entry { name: index.to_string(), pip: format!("pip install --index-url {url} PROJECT"), url }
        })
        .collect();
    let login = format!("daypass login {}", visitor.server());
    draw(StatusCode::OK, &Home { top: Top::of(visitor), indexes, login })
}
