//! `daypass token`: prints an access token, or a narrower one.

use std::collections::BTreeSet;

use daypass_core::{
    Timestamp,
    access_token::ACCESS_TOKEN_USERNAME,
    clock::{Clock, Ttl},
    grant::{InvalidProjectPattern, ProjectPattern},
    names::IndexName,
    secret::Secret,
};
use serde::Serialize;
use serde_json::json;

use crate::{
    arguments::{Format, Token},
    cache::entry::Entry,
    credential::{Wanted, obtain},
    environment::Environment,
    failure::Failure,
    issuer_client, lock_file, output,
    trust::{Trusted, server_url},
};

/// What `-o json` prints. It exposes the access token on purpose: this command is for that.
#[derive(Serialize)]
struct Answer<'a> {
    server: &'a str,
    audience: &'a str,
    identity: &'a str,
    person: Option<&'a str>,
    profile: &'a str,
    username: &'a str,
    token_type: &'a str,
    expires_at: Timestamp,
    #[serde(serialize_with = "daypass_core::secret::expose_on_purpose")]
    access_token: Secret,
}

/// What a narrower access token is to be for.
struct Narrower {
    /// RFC 9396 §2.
    details: String,
    life: Option<Ttl>,
}

/// Prints an access token.
pub(crate) fn run(arguments: &Token, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let url = arguments.audience.as_deref().map(server_url).transpose()?;
    let profile = arguments.profile.as_deref().map(str::parse).transpose()?;
    let server = trusted.select(url.as_ref(), profile.as_ref())?;
    // What cannot be understood asks nobody to sign in.
    let narrower = narrower(arguments)?;
    let entry = obtain(Wanted::of(server), environment, clock)?;
    let entry = match narrower {
        Some(narrower) => narrow(entry, &narrower, clock)?,
        None => entry,
    };
    match arguments.output {
        Format::Text => output::data(&format!("{}\n", entry.access_token.expose())),
        Format::Json => output::json(&Answer {
            server: entry.server.as_str(),
            audience: entry.audience.as_str(),
            identity: &entry.identity,
            person: entry.person.as_deref(),
            profile: server.profile.as_str(),
            username: ACCESS_TOKEN_USERNAME,
            token_type: "Bearer",
            expires_at: entry.expires_at,
            access_token: entry.access_token,
        }),
    }
}

fn narrower(arguments: &Token) -> Result<Option<Narrower>, Failure> {
    if arguments.project.is_empty() && arguments.lock.is_empty() {
        return Ok(None);
    }
    if arguments.index != "*" {
        arguments.index.parse::<IndexName>().map_err(|error| Failure::usage(format!("`--index`: {error}")))?;
    }
    let mut projects = BTreeSet::new();
    for text in &arguments.project {
        let pattern: ProjectPattern =
            text.parse().map_err(|error: InvalidProjectPattern| Failure::usage(format!("`--project`: {error}")))?;
        projects.insert(pattern.as_str().to_owned());
    }
    for path in &arguments.lock {
        projects.extend(lock_file::read(path)?.iter().map(ToString::to_string));
    }
    let life = arguments.life.as_deref().map(str::parse::<Ttl>).transpose();
    let actions: BTreeSet<_> = arguments.action.iter().collect();
    let detail = json!({"type": "daypass_grant", "index": arguments.index, "projects": projects, "actions": actions});
    Ok(Some(Narrower {
        details: json!([detail]).to_string(),
        life: life.map_err(|error| Failure::usage(format!("`--life`: {error}")))?,
    }))
}

/// The same credential, but narrower. It goes to whoever asked and into no cache: there it could be taken for the wider
/// one.
fn narrow(entry: Entry, narrower: &Narrower, clock: &dyn Clock) -> Result<Entry, Failure> {
    let asked_at = clock.now();
    let issued = issuer_client::narrow(&entry.server, &entry.access_token, &narrower.details, narrower.life, clock)?;
    Ok(entry.narrowed(issued.access_token, asked_at, issued.expires_in))
}
