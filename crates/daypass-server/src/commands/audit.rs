//! `daypassd audit`.

use daypass_core::{
    audit::{AuditEvent, AuditKind},
    clock::{Clock, SystemClock, Ttl},
};
use daypass_store::AuditQuery;

use super::say;
use crate::{
    arguments::{Audit, Output},
    assemble::{open_existing_store, store_failure},
    config::Settings,
    failure::Failure,
};

/// How many events are read at a time.
const PAGE: u32 = 1_000;

/// Shows the audit log on the server's own machine, oldest first.
pub(crate) async fn run(audit: Audit) -> Result<(), Failure> {
    let settings = Settings::read(&audit.place)?;
    let since = match &audit.since {
        Some(text) => {
            let ago: Ttl = text.parse().map_err(|error| Failure::configuration(format!("`--since`: {error}")))?;
            SystemClock.now().checked_sub(ago.as_duration()).ok()
        }
        None => None,
    };
    let kind = audit.kind.as_deref().map(read_kind).transpose()?;
    let store = open_existing_store(&settings).await?;
    let mut query = AuditQuery { since, until: None, after_seq: 0, limit: PAGE };
    loop {
        let rows = store.audit_of(&query, kind).await.map_err(store_failure)?;
        let mut text = String::new();
        for row in &rows {
            text.push_str(&match audit.output {
                Output::Json => serde_json::to_string(&row.event).map_err(Failure::other)?,
                Output::Text => for_people(&row.event),
            });
            text.push('\n');
        }
        say(&text)?;
        match rows.last() {
            Some(last) if rows.len() >= PAGE as usize => query.after_seq = last.seq,
            _ => break,
        }
    }
    store.close().await;
    Ok(())
}

fn read_kind(text: &str) -> Result<AuditKind, Failure> {
    serde_json::from_value(text.into()).map_err(|_| {
        Failure::configuration(format!("`--kind`: there is no kind of event `{}`", text.escape_debug()))
            .hint("`daypassd audit` shows the kinds in its second column")
    })
}

/// One line: when, what, who, as what, until when, which file, why not.
fn for_people(event: &AuditEvent) -> String {
    let mut words = vec![format!("{:.0}", event.time), format!("{:<15}", event.kind.as_str())];
    if let Some(person) = &event.person {
        words.push(person.escape_debug().to_string());
    } else if let Some(actor) = &event.actor {
        words.push(actor.sub.escape_debug().to_string());
    }
    if let Some(identity) = &event.identity {
        words.push(format!("as {identity}"));
    }
    if let Some(until) = &event.expires_at {
        words.push(format!("until {until:.0}"));
    }
    if let Some(file) = &event.file {
        words.push(file.to_string());
    } else if let Some(project) = &event.project {
        words.push(project.to_string());
    }
    if let Some(reason) = &event.reason {
        words.push(format!("({})", reason.escape_debug()));
    }
    words.join("  ")
}
