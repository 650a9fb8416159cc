//! `daypass admin audit`: what happened on the server.

use daypass_core::{
    Timestamp,
    audit::AuditKind,
    clock::{Clock, Ttl},
};
use serde_json::Value;

use crate::{
    arguments::{Audit, Format},
    credential::{Wanted, obtain},
    environment::Environment,
    failure::{Failure, Status},
    issuer_client, output,
    trust::Trusted,
};

/// Shows the audit log, page after page.
pub(crate) fn run(arguments: &Audit, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let wanted = Events { since: &arguments.since, kind: None };
    wanted.each_page(environment, clock, |lines| match arguments.output {
        Format::Json => output::data(lines),
        Format::Text => output::data(&lines.lines().map(told).collect::<Result<String, _>>()?),
    })
}

/// Some events of the audit log.
pub(super) struct Events<'a> {
    /// How far back, as it was typed.
    pub(super) since: &'a str,
    /// Of this kind only.
    pub(super) kind: Option<AuditKind>,
}

impl Events<'_> {
    /// Asks for them, and does something with each part of the answer.
    pub(super) fn each_page(
        &self,
        environment: &Environment,
        clock: &dyn Clock,
        mut show: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let since: Ttl = self
            .since
            .parse()
            .map_err(|error: daypass_core::clock::NotATtl| Failure::usage(format!("`--since`: {error}")))?;
        let since = clock.now().checked_sub(since.as_duration()).unwrap_or(Timestamp::UNIX_EPOCH);
        let trusted = Trusted::load(environment)?;
        let server = trusted.only()?;
        let entry = obtain(Wanted::of(server), environment, clock)?;
        let mut after = None;
        loop {
            let page = issuer_client::audit(&server.url, &entry.access_token, since, after.as_deref(), self.kind)?;
            show(&page.lines)?;
            // The server puts the position of the last event into each answer that has one.
            match page.last {
                Some(last) if !page.lines.is_empty() && after.as_ref() != Some(&last) => after = Some(last),
                _ => return Ok(()),
            }
        }
    }
}

/// One event as a line for people: when, what, how it ended, who, as whom, why.
fn told(line: &str) -> Result<String, Failure> {
    let event: Value = serde_json::from_str(line)
        .map_err(|_| Failure::new(Status::Unreachable, "the server's audit log is not JSON lines"))?;
    // Events hold texts that strangers sent: nothing of them may steer a terminal.
    let text = |value: &Value| match value {
        Value::String(text) => text.escape_debug().to_string(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    };
    let of = |name: &str| event.get(name).map_or("-".to_owned(), text);
    let who = event.pointer("/actor/sub").map_or("-".to_owned(), text);
    let mut line = format!("{}  {:<16} {:<8} {} as {}", of("time"), of("kind"), of("outcome"), who, of("identity"));
    for name in ["project", "file", "reason"] {
        if event.get(name).is_some_and(|value| !value.is_null()) {
            line.extend(["  ", name, ": ", &of(name)]);
        }
    }
    if let Some(name) = event.pointer("/change/name") {
        line.extend(["  changed: ", &text(name)]);
    }
    line.push('\n');
    Ok(line)
}
