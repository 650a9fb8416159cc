//! `daypass pull-token` as people type it.

use clap::{Args, Subcommand};

use super::Format;

#[derive(Debug, Subcommand)]
pub(crate) enum PullToken {
    Create(Create),
    List(List),
    Revoke(Revoke),
}

/// Makes a pull token and prints it, this once
///
/// It is a password that only pulls: never more than what you name here, and never more than what you may pull
/// yourself at that moment. The server keeps a digest of it and can not show it again.
///
/// It is the last resort. Whoever reads it can pull until it ends, and nobody notices a copy. A machine that people
/// use needs none (`pip install keyrings-daypass`), nor does a CI job (its identity).
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass pull-token create old-scanner --expires 7d --index python --project 'acme-*'
  daypass pull-token create mirror > mirror.secret

Use it as the password, with any user name. In ~/.netrc, which only you should be able to read:
  machine packages.example.com login _token password daypass_pt_…")]
pub(crate) struct Create {
    /// What to call it, so that you know later what to revoke
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// How long it lives: `12h`, `7d`, 365 days at most
    #[arg(long, value_name = "DURATION", default_value = "30d")]
    pub(crate) expires: String,
    /// For which index [default: all that you may pull from]
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<String>,
    /// For which projects of it, such as `acme-*`; may be given several times [default: all]
    #[arg(long, value_name = "PATTERN", requires = "index")]
    pub(crate) project: Vec<String>,
    #[command(flatten)]
    pub(crate) at: At,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Lists your pull tokens, and when each was last used
///
/// Whoever administers the server sees everybody's. One that has ended is listed for a day or two more.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass pull-token list
  daypass pull-token list -o json | jq '.pull_tokens[] | select(.last_used_at == null)'")]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) at: At,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Revokes a pull token: it is refused everywhere within 5 seconds
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass pull-token revoke old-scanner
  daypass pull-token revoke 5b1e93c4-0c0b-4a76-9e0e-7b7aa1c250f3")]
pub(crate) struct Revoke {
    /// Its id or its name, as `list` shows them
    #[arg(value_name = "ID|NAME")]
    pub(crate) which: String,
    #[command(flatten)]
    pub(crate) at: At,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// At which server, as who.
#[derive(Debug, Args)]
pub(crate) struct At {
    /// The server, by any of its URLs [default: the one that is known]
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// As which of several accounts
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
}
