//! What clap has to say, in our voice: help on stdout, a misuse as one sentence and a hint.

use clap::error::{Error, ErrorKind};

use crate::{failure::Failure, output};

/// Shows help or version, or turns the misuse into a failure.
pub(crate) fn show(error: &Error) -> Result<(), Failure> {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => output::data(&error.render().to_string()),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            Err(Failure::usage("a command is needed").hint("`daypass --help` shows them all"))
        }
        _ => Err(misuse(&error.render().to_string())),
    }
}

/// clap writes `error: …`, then perhaps tips, the usage, and where to find help.
fn misuse(rendered: &str) -> Failure {
    let first = rendered.split("\n\n").next().unwrap_or_default();
    let sentence = first.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ");
    let usage = rendered.lines().find_map(|line| line.strip_prefix("Usage: "));
    let hint = match usage {
        Some(usage) => format!("it is used as `{}`", usage.trim()),
        None => "`daypass --help` shows how it is used".to_owned(),
    };
    Failure::usage(sentence.replace('\'', "`")).hint(hint)
}
