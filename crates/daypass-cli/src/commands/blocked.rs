//! `daypass audit blocked`: what the package policies withheld.

use daypass_core::{
    audit::AuditKind,
    clock::Clock,
    names::{IndexName, ProjectName},
};
use serde_json::Value;

use super::audit::Events;
use crate::{
    arguments::{AuditOf, Blocked, Format},
    environment::Environment,
    failure::{Failure, Status},
    output,
};

/// Runs `daypass audit …`.
pub(crate) fn run(command: &AuditOf, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let AuditOf::Blocked(arguments) = command;
    let wanted = Which::read(arguments)?;
    let events = Events { since: &arguments.since, kind: Some(AuditKind::PullBlocked) };
    let mut is_first = true;
    events.each_page(environment, clock, |lines| {
        let mut text = String::new();
        for line in lines.lines() {
            let event: Value = serde_json::from_str(line)
                .map_err(|_| Failure::new(Status::Unreachable, "the server's audit log is not JSON lines"))?;
            if !wanted.means(&event) {
                continue;
            }
            match arguments.output {
                Format::Json => text.extend([line, "\n"]),
                Format::Text => {
                    if std::mem::take(&mut is_first) {
                        text.push_str(HEAD);
                    }
                    text.push_str(&row(&event));
                }
            }
        }
        output::data(&text)
    })
}

const HEAD: &str = "TIME                  WHO                       INDEX     PROJECT               WHY\n";

/// Which of the events.
struct Which {
    index: Option<IndexName>,
    project: Option<ProjectName>,
}

impl Which {
    fn read(arguments: &Blocked) -> Result<Self, Failure> {
        let wrong = |flag, error: &dyn std::fmt::Display| Failure::usage(format!("`{flag}`: {error}"));
        let index = arguments.index.as_ref().map(|index| index.parse()).transpose();
        let project = arguments.project.as_ref().map(|project| project.parse()).transpose();
        Ok(Self {
            index: index.map_err(|error| wrong("--index", &error))?,
            project: project.map_err(|error| wrong("--project", &error))?,
        })
    }

    fn means(&self, event: &Value) -> bool {
        let is = |name: &str, wanted: Option<&str>| {
            wanted.is_none_or(|wanted| event.get(name).and_then(Value::as_str) == Some(wanted))
        };
        is("index", self.index.as_ref().map(IndexName::as_str))
            && is("project", self.project.as_ref().map(ProjectName::as_str))
    }
}

/// One event as a row for people.
fn row(event: &Value) -> String {
    // Events hold texts that strangers sent: nothing of them may steer a terminal.
    let of = |name: &str| event.get(name).and_then(Value::as_str).map(|text| text.escape_debug().to_string());
    let who = of("person").or_else(|| of("identity")).or_else(|| of("pull_token")).unwrap_or_else(|| "-".to_owned());
    // To the second: `2026-11-23T00:00:00`.
    let time = of("time").map(|time| time.chars().take(19).collect::<String>()).unwrap_or_default();
    let (index, project) = (of("index").unwrap_or_default(), of("project").unwrap_or_default());
    let file = of("file").map(|file| format!("{file}: ")).unwrap_or_default();
    let why = of("reason").unwrap_or_default();
    format!("{time}Z  {who:<24}  {index:<8}  {project:<20}  {file}{why}\n")
}
