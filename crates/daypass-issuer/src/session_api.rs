//! `GET /api/v1/session`: who the holder of an access token is, until when, and for which indexes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use daypass_core::{
    Timestamp,
    grant::{Action, Grant},
    names::IndexName,
};
use serde::Serialize;

use crate::{
    audit_api::{unauthorized, unavailable},
    bearer,
    issuer::Parts,
    session::pass,
    still_granted::still_granted,
};

#[derive(Serialize)]
struct Answer {
    person: Option<Person>,
    identity: Option<String>,
    session_expires_at: Option<Timestamp>,
    expires_at: Option<Timestamp>,
    indexes: Vec<Index>,
}

#[derive(Serialize)]
struct Person {
    name: String,
    provider: String,
    email: Option<String>,
}

/// What the holder may do on one index.
#[derive(Serialize)]
struct Index {
    #[serde(rename = "index")]
    name: IndexName,
    url: String,
    projects: Vec<String>,
    actions: Vec<Action>,
}

/// Answers whoever brings a live access token.
pub(crate) async fn get(State(parts): State<Arc<Parts>>, headers: HeaderMap) -> Response {
    let claims = match bearer::claims(&parts, &headers).await {
        Ok(Some(claims)) => claims,
        Ok(None) => return unauthorized(),
        Err(error) => return unavailable(&error),
    };
    let Some(current) = parts.trust.in_force().policy.current_grants(&claims) else { return unauthorized() };
    let session = match claims.holder.session() {
        Some(id) => match parts.store.session(id).await {
            Ok(session) => session,
            Err(error) => return unavailable(&error),
        },
        None => None,
    };
    let person = session.as_ref().map(|session| Person {
        name: pass::shown(&session.person).to_owned(),
        provider: session.person.person.provider.to_string(),
        email: session.person.person.email.clone(),
    });
    let answer = Answer {
        person,
        identity: claims.holder.identity().map(ToString::to_string),
        session_expires_at: session.map(|session| session.expires_at),
        expires_at: Timestamp::from_second(claims.exp).ok(),
        indexes: indexes(&parts, &still_granted(&claims.grants, &current)),
    };
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    match serde_json::to_string(&answer) {
        Ok(body) => (StatusCode::OK, headers, body).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What may be done now, index by index: an entry for each set of actions, as one may pull all and push a few.
fn indexes(parts: &Parts, grants: &[Grant]) -> Vec<Index> {
    let mut found: BTreeMap<(&IndexName, Vec<Action>), BTreeSet<String>> = BTreeMap::new();
    for name in &parts.indexes {
        for grant in grants.iter().filter(|grant| grant.index.is(name)) {
            let mut actions = grant.actions.clone();
            actions.sort();
            actions.dedup();
            let projects = grant.projects.iter().map(|pattern| pattern.as_str().to_owned());
            found.entry((name, actions)).or_default().extend(projects);
        }
    }
    let index = |((name, actions), projects): ((&IndexName, Vec<Action>), BTreeSet<String>)| Index {
        name: name.clone(),
        url: parts.public_url.index_url(name),
        // All are all.
        projects: if projects.contains("*") { vec!["*".to_owned()] } else { projects.into_iter().collect() },
        actions,
    };
    found.into_iter().map(index).collect()
}
