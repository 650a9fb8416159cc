//! `daypass status`: who, until when, for which indexes, and what next.
//!
//! The servers are asked, for a few seconds at most; where one does not answer, or with `--quick`, it is told what this
//! machine knows. How an account is looked at is in `commands/status/look.rs`.

use std::path::PathBuf;

use daypass_core::{SignedDuration, Timestamp, clock::Clock, names::IndexName, public_url::PublicUrl};
use daypass_oidc::session_client::IndexRights;
use serde::Serialize;

use crate::{
    arguments::{Format, Status},
    cache::Cache,
    environment::Environment,
    failure::{self, Failure},
    output,
    trust::{Trusted, no_server},
};

mod look;

/// What is known of one account.
#[derive(Debug, Serialize)]
struct Known {
    server: PublicUrl,
    profile: String,
    /// Whether it is taken when no profile is named.
    default: bool,
    identity: Option<String>,
    person: Option<String>,
    state: State,
    expires_at: Option<Timestamp>,
    session_expires_at: Option<Timestamp>,
    /// How long until then, for people: no clock need agree with another.
    #[serde(skip)]
    left: Option<SignedDuration>,
    session_kept_in: Option<String>,
    index_urls: Vec<String>,
    /// What may be done there, if the server said so.
    indexes: Option<Vec<IndexRights>>,
    kept_in: PathBuf,
    checked: Checked,
    next: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// There is a credential with enough life left.
    SignedIn,
    /// There is none, but the next install will get one by itself.
    Renewable,
    /// A person must sign in.
    SignInNeeded,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Checked {
    /// The server said so just now.
    Server,
    /// This machine remembers it so.
    Local,
    /// The same, because the server did not answer.
    #[serde(rename = "local")]
    Unanswered,
}

#[derive(Serialize)]
struct Answer {
    servers: Vec<Known>,
}

/// Shows the status.
pub(crate) fn run(arguments: &Status, environment: &Environment, clock: &dyn Clock) -> Result<(), Failure> {
    let trusted = Trusted::load(environment)?;
    let cache = Cache::open(&environment.folders)?;
    let looker = look::Looker { trusted: &trusted, cache: &cache, environment, clock, quick: arguments.quick };
    let servers = trusted.servers().iter().map(|server| looker.look(server)).collect::<Result<Vec<_>, _>>()?;
    let answer = Answer { servers };
    match arguments.output {
        Format::Json => output::json(&answer)?,
        Format::Text => output::data(&answer.servers.iter().map(told).collect::<Vec<_>>().join("\n"))?,
    }
    if answer.servers.is_empty() {
        return Err(no_server());
    }
    match answer.servers.iter().find(|known| known.state == State::SignInNeeded) {
        // The text above has said it; only the exit code is missing.
        Some(_) => Err(Failure::new(failure::Status::SignInNeeded, "")),
        None => Ok(()),
    }
}

fn told(known: &Known) -> String {
    let mut lines = Vec::new();
    if known.profile != "default" || !known.default {
        lines.push(("profile", format!("{}{}", known.profile, if known.default { " (the default)" } else { "" })));
    }
    match (&known.person, &known.identity) {
        (Some(person), _) => lines.push(("person", person.clone())),
        (None, Some(identity)) => lines.push(("identity", identity.clone())),
        (None, None) => {}
    }
    let until = known.session_expires_at.or(known.expires_at);
    let end = |at| match known.left {
        Some(left) => format!("{}, in {}", rounded(at), length(left)),
        None => rounded(at).to_string(),
    };
    lines.push(("until", until.map_or("no credential now".to_owned(), end)));
    for index in known.indexes.iter().flatten() {
        let projects =
            if index.projects == ["*"] { String::new() } else { format!(" of {}", index.projects.join(", ")) };
        lines.push(("index", format!("{}: {}{projects}", index.index, index.actions.join(", "))));
    }
    lines.push(("index URL", known.index_urls.join(", ")));
    lines.push(("kept in", known.session_kept_in.clone().unwrap_or_else(|| known.kept_in.display().to_string())));
    let checked = match known.checked {
        Checked::Server => "with the server, just now",
        Checked::Local => "not with the server: this is what is known here",
        Checked::Unanswered => "the server gives no answer now: this is what is known here",
    };
    lines.push(("checked", checked.to_owned()));
    lines.push(("next", known.next.clone()));
    let lines: Vec<_> = lines.into_iter().map(|(name, value)| format!("  {name:<11}{value}\n")).collect();
    format!("{}\n{}", known.server, lines.concat())
}

/// The URL of the server's default index, whose name is part of the contract.
pub(super) fn index_url(server: &PublicUrl) -> String {
    "python".parse::<IndexName>().map_or_else(|_| server.join("/python/simple/"), |index| server.index_url(&index))
}

/// A length of time for people, to the nearest hour or minute.
pub(super) fn length(left: SignedDuration) -> String {
    let minutes = (left.as_secs().max(0) + 30) / 60;
    match minutes {
        0 => "less than a minute".to_owned(),
        1 => "1 minute".to_owned(),
        2..120 => format!("{minutes} minutes"),
        _ => format!("{} hours", (minutes + 30) / 60),
    }
}

/// To the second: nobody reads further.
pub(super) fn rounded(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_is_told_to_the_nearest_hour_or_minute() {
        for (seconds, expected) in [
            (-5, "less than a minute"),
            (29, "less than a minute"),
            (30, "1 minute"),
            (119, "2 minutes"),
            (3599, "60 minutes"),
            (7169, "119 minutes"),
            (7170, "2 hours"),
            (43_199, "12 hours"),
        ] {
            assert_eq!(length(SignedDuration::from_secs(seconds)), expected);
        }
    }
}
