//! `daypass ambient`: which CI system or cloud vouches for this job or machine, and why.
//!
//! A look at the machine, for people who wonder. What is *not* here: any token. Nobody is asked for one.

use daypass_core::public_url::PublicUrl;
use serde::Serialize;

use crate::{
    ambient::{self, Seen, survey},
    arguments::{Ambient, Format},
    environment::Environment,
    failure::{Failure, Status},
    output,
    trust::{Trusted, server_url},
};

#[derive(Serialize)]
struct Answer<'a> {
    server: Option<&'a PublicUrl>,
    found: Option<&'static str>,
    providers: Vec<Row>,
}

/// One provider.
#[derive(Debug, Serialize)]
struct Row {
    name: &'static str,
    title: &'static str,
    state: State,
    why: String,
    hint: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Here,
    NotHere,
    Misconfigured,
}

/// Shows what is here.
pub(crate) fn run(arguments: &Ambient, environment: &Environment) -> Result<(), Failure> {
    let server = match &arguments.server {
        Some(text) => Some(server_url(text)?),
        // Without one it is still worth a look.
        None => Trusted::load(environment)?.only().ok().map(|server| server.url.clone()),
    };
    let seen = survey(&environment.machine(), server.as_ref());
    let first = seen.iter().find(|(_, seen)| !matches!(seen, Seen::NotHere(..))).cloned();
    let found =
        first.as_ref().filter(|(_, seen)| matches!(seen, Seen::Here(_))).map(|(found, _)| found.provider().name);
    let providers: Vec<Row> = seen.into_iter().map(|(ambient, seen)| row(ambient, seen)).collect();
    match arguments.output {
        Format::Json => output::json(&Answer { server: server.as_ref(), found, providers })?,
        Format::Text => output::data(&providers.iter().map(told).collect::<String>())?,
    }
    note_what_comes_first(environment);
    match first {
        Some((_, Seen::Here(_))) => Ok(()),
        Some((ambient, Seen::Misconfigured(why, hint))) => Err(ambient.misconfigured(&why, hint)),
        Some((_, Seen::NotHere(..))) | None => {
            let failure = Failure::new(Status::Nothing, "nobody vouches for this job or machine");
            Err(failure
                .hint("a person signs in with `daypass login`; a job can name a token in `DAYPASS_IDENTITY_TOKEN`"))
        }
    }
}

fn note_what_comes_first(environment: &Environment) {
    if environment.identity_token.is_some() {
        output::note("`DAYPASS_IDENTITY_TOKEN` is set, and comes before all of these");
    } else if let Some(choice) = environment.ambient.as_deref().filter(|choice| *choice != "auto") {
        output::note(&format!("`DAYPASS_AMBIENT` is `{choice}`, whatever is here"));
    }
}

fn row(ambient: ambient::Ambient, seen: Seen) -> Row {
    let (state, why, hint) = match seen {
        Seen::Here(why) => (State::Here, why, None),
        Seen::NotHere(why, hint) => (State::NotHere, why, hint),
        Seen::Misconfigured(why, hint) => (State::Misconfigured, why, Some(hint)),
    };
    Row { name: ambient.provider().name, title: ambient.provider().title, state, why, hint }
}

fn told(row: &Row) -> String {
    let state = match row.state {
        State::Here => "here",
        State::NotHere => "not here",
        State::Misconfigured => "misconfigured",
    };
    let hint = row.hint.as_ref().map_or(String::new(), |hint| format!("; {hint}"));
    format!("{:<13} {state:<13} {}{hint}\n", row.name, row.why)
}
