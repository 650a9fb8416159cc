//! Policy objects, plans and findings as people read them.
//!
//! What a server says may hold what strangers wrote: nothing of it may steer a terminal.

use daypass_core::policy::{ObjectChange, ObjectKind, Turn};
use serde_json::{Value, json};

use crate::{arguments::ObjectFormat, failure::Failure, issuer_client::policy::Finding, output};

/// Writes an object, to stdout.
pub(super) fn object(kind: ObjectKind, body: &Value, format: ObjectFormat) -> Result<(), Failure> {
    match format {
        ObjectFormat::Json => output::json(body),
        ObjectFormat::Text | ObjectFormat::Toml => output::data(&toml(kind, body)?),
    }
}

fn toml(kind: ObjectKind, body: &Value) -> Result<String, Failure> {
    toml::to_string(&json!({ kind.as_str(): [body] }))
        .map_err(|error| Failure::local(format!("cannot write TOML: {error}")))
}

/// A change: what comes with `+`, what goes with `-`, what stays what it is not at all.
pub(super) fn change(change: &ObjectChange) -> String {
    let sign = match change.turn() {
        Turn::Create => '+',
        Turn::Update => '~',
        Turn::Delete => '-',
    };
    let mut text = format!("{sign} {} {}\n", change.kind, change.name.escape_debug());
    let nothing = json!({});
    let (before, after) = (change.before.as_ref().unwrap_or(&nothing), change.after.as_ref().unwrap_or(&nothing));
    let members = |value: &Value| value.as_object().map(|members| members.keys().cloned().collect::<Vec<_>>());
    let mut names = members(before).unwrap_or_default();
    names.extend(members(after).unwrap_or_default());
    names.sort();
    names.dedup();
    for name in names.iter().filter(|name| *name != "name") {
        let (old, new) = (before.get(name), after.get(name));
        if old == new {
            continue;
        }
        for (sign, value) in [('-', old), ('+', new)] {
            if let Some(value) = value {
                // JSON escapes control characters; the rest of what a terminal could obey is escaped here.
                let value = value.to_string().chars().flat_map(printable).collect::<String>();
                let line = format!("    {sign} {} = {value}\n", name.escape_debug());
                text.push_str(&line);
            }
        }
    }
    text
}

fn printable(char: char) -> Vec<char> {
    if char.is_control() || ('\u{202a}'..='\u{2069}').contains(&char) {
        char.escape_unicode().collect()
    } else {
        vec![char]
    }
}

/// How much would change, in one line.
pub(super) fn sum(changes: &[ObjectChange]) -> String {
    let count = |turn| changes.iter().filter(|change| change.turn() == turn).count();
    match changes {
        [] => "nothing to do".to_owned(),
        _ => format!(
            "{} to create, {} to update, {} to delete",
            count(Turn::Create),
            count(Turn::Update),
            count(Turn::Delete)
        ),
    }
}

/// A finding, in one line.
pub(super) fn finding(finding: &Finding) -> String {
    let Finding { identity, severity, code, message } = finding;
    let line = format!("{severity}: identity `{identity}` {message} ({code})");
    line.chars().flat_map(printable).collect()
}
