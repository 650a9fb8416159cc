//! Listing, showing, deleting and switching single objects.

use daypass_core::policy::ObjectKind;
use serde_json::Value;

use super::{There, shown};
use crate::{
    arguments::{Delete, Format, List, ObjectFormat, Show, Switch},
    failure::{Failure, Status},
    issuer_client::policy::Entry,
    output,
};

/// How often a change is tried that somebody else's came before.
const ATTEMPTS: usize = 2;

/// Lists them: JSON as the server tells it; for people name, origin, and how many findings there are.
pub(super) fn list(there: &There<'_>, kind: ObjectKind, arguments: &List) -> Result<(), Failure> {
    there.with(|server| {
        let answer = server.list(kind)?;
        let entries = answer.get(kind.plural()).cloned().unwrap_or_default();
        let entries: Vec<Value> = server.read(entries)?;
        let mut text = String::new();
        for entry in entries {
            if arguments.output == Format::Json {
                output::json(&entry)?;
                continue;
            }
            let entry: Entry = server.read(entry)?;
            let off = entry.object.get("enabled") == Some(&Value::Bool(false));
            let mut line =
                format!("{:<32} {:<7}", entry.name.escape_debug().to_string(), entry.origin.escape_debug().to_string());
            if off {
                line.push_str(" disabled");
            }
            if entry.reason.is_some() {
                line.push_str(" left-out");
            }
            for finding in &entry.findings {
                let code = finding.code.escape_debug().to_string();
                line.extend([" ", &finding.severity.escape_debug().to_string(), ":", &code]);
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        output::data(&text)
    })
}

/// Shows one.
pub(super) fn show(there: &There<'_>, kind: ObjectKind, arguments: &Show) -> Result<(), Failure> {
    there.with(|server| {
        let answer = server.show(kind, &arguments.name)?;
        if arguments.output == ObjectFormat::Json {
            return output::json(&answer);
        }
        let entry: Entry = server.read(answer)?;
        shown::object(kind, &entry.object, arguments.output)?;
        for finding in &entry.findings {
            output::warn(&shown::finding(finding));
        }
        if let Some(reason) = &entry.reason {
            output::warn(&format!("not in force: {}", reason.escape_debug()));
        }
        if entry.origin == "file" {
            output::note("a policy file of the server defines it: it is changed there");
        }
        Ok(())
    })
}

/// Deletes one.
pub(super) fn delete(there: &There<'_>, kind: ObjectKind, arguments: &Delete) -> Result<(), Failure> {
    there.with(|server| server.delete(kind, &arguments.name))?;
    output::note(&format!("deleted {kind} `{}`", arguments.name));
    Ok(())
}

/// Lets an identity be assumed, or not. Whatever else is changed at the same time stays as it is changed.
pub(super) fn switch(there: &There<'_>, arguments: &Switch, on: bool) -> Result<(), Failure> {
    let kind = ObjectKind::Identity;
    there.with(|server| {
        for _ in 0..ATTEMPTS {
            let (mut entry, tag) = server.show_tagged(kind, &arguments.name)?;
            if let Some(members) = entry.object.as_object_mut() {
                // Enabled is what an identity is that says nothing.
                if on {
                    members.remove("enabled");
                } else {
                    members.insert("enabled".to_owned(), false.into());
                }
            }
            // Switching it off must never fail because it is too broad.
            if server.put_over(kind, &arguments.name, &entry.object, &tag, !on)? {
                return Ok(());
            }
        }
        Err(Failure::new(Status::Refused, format!("somebody else is changing {kind} `{}`", arguments.name))
            .hint("nothing was changed; try again"))
    })?;
    output::note(&format!("{} identity `{}`", if on { "enabled" } else { "disabled" }, arguments.name));
    Ok(())
}
