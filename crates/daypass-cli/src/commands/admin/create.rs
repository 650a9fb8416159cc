//! Friendly creators: what people know, turned into objects that pin what nobody else can get.

use std::fs;

use daypass_core::{
    policy::{ObjectKind, Objects},
    preset::Preset,
};
use serde_json::{Map, Value, json};

use super::{There, claims, shown};
use crate::{
    arguments::{CreateIdentity, CreateIssuer, CreateRole, ObjectFormat},
    failure::Failure,
    issuer_client::policy::{Administration, Entry},
    output,
    private_folder::trouble,
};

/// Trusts an issuer.
pub(super) fn issuer(there: &There<'_>, arguments: &CreateIssuer) -> Result<(), Failure> {
    let preset = preset(&arguments.kind)?;
    let name = arguments.name.clone().unwrap_or_else(|| preset.name.to_owned());
    let mut body = Map::new();
    body.insert("name".to_owned(), name.as_str().into());
    if preset != Preset::GENERIC {
        body.insert("preset".to_owned(), preset.name.into());
    }
    if let Some(url) = &arguments.url {
        body.insert("url".to_owned(), url.as_str().into());
    }
    let keys = match (&arguments.jwks_uri, &arguments.jwks) {
        (Some(uri), _) => Some(json!({ "jwks_uri": uri })),
        (None, Some(file)) => {
            let text = fs::read_to_string(file).map_err(|error| trouble("cannot read", file, &error))?;
            let keys: Value = serde_json::from_str(&text)
                .map_err(|error| Failure::local(format!("keys `{}`: {error}", file.display())))?;
            Some(json!({ "inline": keys }))
        }
        (None, None) if preset == Preset::GENERIC => Some(json!({ "discovery": true })),
        (None, None) => None,
    };
    body.extend(keys.map(|keys| ("keys".to_owned(), keys)));
    put_list(&mut body, "audiences", &arguments.audience);
    put_list(&mut body, "regions", &arguments.region);
    let body = Value::from(body);
    create(
        there,
        ObjectKind::Issuer,
        &name,
        &body,
        Sending { dry_run: arguments.dry_run, allow_broad: false },
        arguments.output,
    )
}

/// Makes an identity.
pub(super) fn identity(there: &There<'_>, arguments: &CreateIdentity) -> Result<(), Failure> {
    let preset = preset(&arguments.kind)?;
    let pinned = claims::pinned(preset, arguments)?;
    let issuer = match (&arguments.issuer, arguments.dry_run) {
        (Some(name), _) => name.clone(),
        (None, true) => preset.name.to_owned(),
        (None, false) => there.with(|server| only_issuer(server, preset))?,
    };
    let or = |values: &[String], default: &str| match values {
        [] => vec![default.to_owned()],
        values => values.to_vec(),
    };
    let grant = json!({
        "index": arguments.index.as_deref().unwrap_or("*"),
        "projects": or(&arguments.project, "*"),
        "actions": or(&arguments.action, "pull"),
    });
    let mut body = Map::new();
    body.insert("name".to_owned(), arguments.name.as_str().into());
    body.insert("issuer".to_owned(), issuer.into());
    body.insert("claims".to_owned(), pinned.claims.clone().into());
    body.insert("grants".to_owned(), json!([grant]));
    for (member, value) in [("ttl", &arguments.ttl), ("description", &arguments.description)] {
        body.extend(value.as_deref().map(|value| (member.to_owned(), value.into())));
    }
    for (claim, value) in &pinned.claims {
        let from = if pinned.from_sample.contains(claim) { ", from the sample" } else { "" };
        output::note(&format!("pins {claim} = {value}{from}"));
    }
    let sending = Sending { dry_run: arguments.dry_run, allow_broad: arguments.allow_broad };
    create(there, ObjectKind::Identity, &arguments.name, &Value::from(body), sending, arguments.output)
}

/// Gives a role.
pub(super) fn role(there: &There<'_>, arguments: &CreateRole) -> Result<(), Failure> {
    let mut body = Map::new();
    for (member, value) in [("name", &arguments.name), ("role", &arguments.role), ("index", &arguments.index)] {
        body.insert(member.to_owned(), value.as_str().into());
    }
    put_list(&mut body, "projects", &arguments.project);
    put_list(&mut body, "users", &arguments.user);
    put_list(&mut body, "groups", &arguments.group);
    put_list(&mut body, "identities", &arguments.identity);
    let sending = Sending { dry_run: arguments.dry_run, allow_broad: false };
    create(there, ObjectKind::Role, &arguments.name, &Value::from(body), sending, arguments.output)
}

fn preset(kind: &str) -> Result<Preset, Failure> {
    kind.parse().map_err(|error: daypass_core::preset::NoSuchPreset| {
        Failure::usage(format!("`{}`: {error}", kind.escape_debug()))
    })
}

fn put_list(body: &mut Map<String, Value>, member: &str, values: &[String]) {
    if !values.is_empty() {
        body.insert(member.to_owned(), values.to_vec().into());
    }
}

/// The only issuer of that kind which the server trusts.
fn only_issuer(server: &Administration<'_>, preset: Preset) -> Result<String, Failure> {
    let answer = server.list(ObjectKind::Issuer)?;
    let entries: Vec<Entry> = server.read(answer.get("issuers").cloned().unwrap_or_default())?;
    let of_kind = |entry: &Entry| {
        let own = entry.object.get("preset").and_then(Value::as_str).unwrap_or(Preset::GENERIC.name);
        own == preset.name
    };
    let mut names: Vec<String> = entries.into_iter().filter(of_kind).map(|entry| entry.name).collect();
    match (names.pop(), names.len()) {
        (Some(name), 0) => Ok(name),
        (Some(_), _) => Err(Failure::usage(format!("the server trusts several issuers of the kind `{preset}`"))
            .hint("say which one vouches, with `--issuer NAME`")),
        (None, _) => Err(Failure::usage(format!("the server trusts no issuer of the kind `{preset}`"))
            .hint(format!("`daypass admin issuer create {preset}` trusts one"))),
    }
}

/// How it is sent.
#[derive(Clone, Copy)]
struct Sending {
    dry_run: bool,
    allow_broad: bool,
}

/// Creates an object, or shows it only. What makes no sense is told without the server.
fn create(
    there: &There<'_>,
    kind: ObjectKind,
    name: &str,
    body: &Value,
    sending: Sending,
    format: ObjectFormat,
) -> Result<(), Failure> {
    Objects::read_one(kind, name, body).map_err(|error| Failure::usage(error.to_string()))?;
    if !sending.dry_run {
        there.with(|server| server.create(kind, name, body, sending.allow_broad))?;
    }
    shown::object(kind, body, format)?;
    if !sending.dry_run {
        output::note(&format!("created {kind} `{name}`"));
    }
    Ok(())
}
