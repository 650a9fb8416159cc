//! `daypass pull-token`: passwords for tools that can do nothing better. Whoever makes one is told what is better.

use daypass_core::{
    Timestamp,
    clock::{Clock, NotATtl, Ttl},
    grant::{Grant, ProjectPattern},
    public_url::PublicUrl,
    pull_token::{PullTokenId, Scope, State},
    secret::Secret,
};
use daypass_oidc::shown::shown;
use serde::Serialize;

use super::status::rounded;
use crate::{
    arguments::{
        Format,
        pull_token::{At, Create, List, PullToken, Revoke},
    },
    credential::{Wanted, obtain},
    environment::Environment,
    failure::{Failure, Status},
    issuer_client::pull_tokens::{self, Listed, Wish},
    output,
    trust::{Trusted, server_url},
};

/// Runs one of the commands.
pub(crate) fn run(command: &PullToken, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    match command {
        PullToken::Create(arguments) => create(arguments, environment, clock),
        PullToken::List(arguments) => list(arguments, environment, clock),
        PullToken::Revoke(arguments) => revoke(arguments, environment, clock),
    }
}

fn create(arguments: &Create, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let wish = wish(arguments)?;
    let (server, access_token) = asked(&arguments.at, environment, clock)?;
    let made = pull_tokens::create(&server, &access_token, &wish)?;
    match arguments.output {
        Format::Text => output::data(&format!("{}\n", made.pull_token.expose()))?,
        Format::Json => output::json(&made)?,
    }
    let (name, until) = (&made.name, rounded(made.expires_at));
    output::note(&format!("this is the pull token `{name}`, for {}, until {until}", told(&made.grants)));
    output::note("it is not shown again: put it where it is needed, as the password with any user name");
    output::warn("a pull token is the last resort: whoever reads it can pull until then");
    output::note(&format!(
        "\nhint: a machine that people use needs none: `pip install keyrings-daypass`; a CI job has its identity. \
         `daypass pull-token revoke {name}` ends this one"
    ));
    Ok(())
}

fn wish(arguments: &Create) -> Result<Wish, Failure> {
    let name = arguments.name.parse().map_err(|error: daypass_core::names::InvalidName| usage(&error))?;
    let expires: Ttl =
        arguments.expires.parse().map_err(|error: NotATtl| Failure::usage(format!("`--expires`: {error}")))?;
    let projects = arguments.project.iter().map(|pattern| pattern.parse());
    let mut projects: Vec<ProjectPattern> = projects.collect::<Result<_, _>>().map_err(|error| usage(&error))?;
    if projects.is_empty() {
        // A constant that parses.
        projects.extend("*".parse::<ProjectPattern>());
    }
    let grants = match &arguments.index {
        Some(index) => {
            let index: daypass_core::names::IndexName = index.parse().map_err(|error| usage(&error))?;
            Some(vec![Scope { index: index.into(), projects }])
        }
        None => None,
    };
    Ok(Wish { name, expires_in: expires.as_secs(), grants })
}

fn usage(error: &dyn std::error::Error) -> Failure {
    Failure::usage(error.to_string())
}

fn list(arguments: &List, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let (server, access_token) = asked(&arguments.at, environment, clock)?;
    let listed = pull_tokens::list(&server, &access_token)?;
    match arguments.output {
        Format::Json => output::json(&pull_tokens::List { pull_tokens: listed }),
        Format::Text if listed.is_empty() => {
            output::note("there is no pull token, and that is best");
            Ok(())
        }
        Format::Text => output::data(&table(&listed)),
    }
}

/// What `-o json` prints.
#[derive(Serialize)]
struct Revoked<'a> {
    server: &'a str,
    id: PullTokenId,
    name: &'a str,
}

fn revoke(arguments: &Revoke, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let (server, access_token) = asked(&arguments.at, environment, clock)?;
    let listed = pull_tokens::list(&server, &access_token)?;
    let found = find(&listed, &arguments.which, &server)?;
    pull_tokens::revoke(&server, &access_token, found.id)?;
    if arguments.output == Format::Json {
        output::json(&Revoked { server: server.as_str(), id: found.id, name: found.name.as_str() })?;
    }
    output::note(&format!("the pull token `{}` is revoked: it is refused everywhere within 5 seconds", found.name));
    Ok(())
}

/// The one that is meant: by id, or by the name of one that is in use.
fn find<'a>(listed: &'a [Listed], which: &str, server: &PublicUrl) -> Result<&'a Listed, Failure> {
    let id: Option<PullTokenId> = which.parse().ok();
    if let Some(found) = listed.iter().find(|listed| Some(listed.id) == id) {
        return Ok(found);
    }
    let mut named = listed.iter().filter(|listed| listed.name.as_str() == which && listed.state == State::Active);
    match (named.next(), named.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => Err(Failure::usage(format!("several people have a pull token `{}`", shown(which)))
            .hint("name it by its id, which `daypass pull-token list` shows")),
        (None, _) => Err(Failure::new(Status::Refused, format!("{server}: you have no pull token `{}`", shown(which)))
            .hint("`daypass pull-token list` shows what there is")),
    }
}

/// The server that is meant, and a credential of whoever asks.
fn asked(at: &At, environment: &Environment, clock: &dyn Clock) -> Result<(PublicUrl, Secret), Failure> {
    let trusted = Trusted::load(environment)?;
    let url = at.server.as_deref().map(server_url).transpose()?;
    let profile = at.profile.as_deref().map(str::parse).transpose()?;
    let server = trusted.select(url.as_ref(), profile.as_ref())?;
    let entry = obtain(Wanted::of(server), environment, clock)?;
    Ok((server.url.clone(), entry.access_token))
}

/// `python: acme-*, x; other`.
fn told(grants: &[Grant]) -> String {
    let one = |grant: &Grant| {
        let index = if grant.index.as_str() == "*" { "every index" } else { grant.index.as_str() };
        let projects: Vec<&str> = grant.projects.iter().map(ProjectPattern::as_str).collect();
        if projects.contains(&"*") { index.to_owned() } else { format!("{index}: {}", projects.join(", ")) }
    };
    grants.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A table for people, as wide as what is in it.
fn table(listed: &[Listed]) -> String {
    let at = |time: Timestamp| rounded(time).to_string();
    let row = |listed: &Listed| {
        let state = match listed.state {
            State::Active => "active",
            State::Expired => "expired",
            State::Revoked => "revoked",
        };
        [
            listed.name.to_string(),
            listed.id.to_string(),
            shown(&listed.person),
            told(&listed.grants),
            at(listed.created_at),
            at(listed.expires_at),
            listed.last_used_at.map_or("never".to_owned(), at),
            state.to_owned(),
        ]
    };
    let head = ["name", "id", "by", "for", "created", "expires", "last used", "state"].map(ToOwned::to_owned);
    let rows: Vec<[String; 8]> = std::iter::once(head).chain(listed.iter().map(row)).collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..8).map(width).collect();
    let line = |row: &[String; 8]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
