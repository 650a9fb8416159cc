//! `/{index}/namespaces` and `/{index}/namespace/{name}` (PEP 752).

use axum::response::Response;
use daypass_core::names::ProjectName;
use serde_json::{Value, json};

use super::{Asking, legacy_json::json_answer};
use crate::{error::Refusal, negotiate::Form, source::Source};

/// The list. An index without namespaces does not know this page: it does not support them.
pub(super) fn list(asking: &Asking<'_>, source: &Source) -> Result<Response, Refusal> {
    if source.namespaces.is_empty() {
        return Err(Refusal::NotFound);
    }
    let names: Vec<Value> = source.namespaces.all().map(|namespace| json!({ "name": namespace.name })).collect();
    Ok(json_answer(asking.request, &Value::from(names), Form::Json.content_type()))
}

/// One of them.
pub(super) fn detail(asking: &Asking<'_>, source: &Source, name: &str) -> Result<Response, Refusal> {
    let name: ProjectName = name.parse().map_err(|_| Refusal::NotFound)?;
    let found = source.namespaces.find(&name).ok_or(Refusal::NotFound)?;
    let parent = source.namespaces.parent(&name).map(|parent| &parent.name);
    let children: Vec<_> = source.namespaces.children(&name).map(|child| &child.name).collect();
    let mut shown = json!({ "name": found.name, "parent": parent, "children": children });
    if let (Some(owner), Some(members)) = (&found.owner, shown.as_object_mut()) {
        members.insert("owner".to_owned(), owner.as_str().into());
    }
    Ok(json_answer(asking.request, &shown, Form::Json.content_type()))
}
