//! `daypass audit …`.

use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum AuditOf {
    Blocked(Blocked),
}

/// Shows what the package policies withheld: from whom, which files, and why
///
/// Needs the action `admin` on all projects of every index. Of what is asked for again and again one line is kept a
/// minute. In the mode `preview` nothing is withheld; the lines say what would have been.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass audit blocked
  daypass audit blocked --since 24h --project acme-hello
  daypass audit blocked -o json | jq -r .reason")]
pub(crate) struct Blocked {
    /// How far back: `10m`, `1h 30m`, `7d`
    #[arg(long, value_name = "DURATION", default_value = "7d")]
    pub(crate) since: String,
    /// Of this index only
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<String>,
    /// Of this project only
    #[arg(long, value_name = "PROJECT")]
    pub(crate) project: Option<String>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}
