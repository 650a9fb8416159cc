//! What may be typed after `daypassd`.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use daypass_core::{names::AccountName, role::Role};
use url::Url;

const AFTER_HELP: &str = "\
Try it on one machine:
  daypassd serve --dev --upstream URL-OF-A-SIMPLE-INDEX --policy policy.toml

Exit status:
  0  done
  1  something else went wrong
  2  the command line is not understood
  3  a configuration or policy file makes no sense
  4  the data folder or the database cannot be used
  5  an address cannot be listened on or reached";

/// Short-lived credentials for package installers: the issuer and the index.
#[derive(Debug, Parser)]
#[command(name = "daypassd", version, after_help = AFTER_HELP, propagate_version = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write a commented configuration and policy file to start from, and make the first administrator
    Init(Init),
    /// Run the server
    Serve(Serve),
    /// Read the configuration and the policy files, and say what they mean
    CheckConfig(Place),
    /// Put wheels and source distributions into an index, also while the server runs
    Import(Import),
    /// Make, invite, list and shut out people, also while the server runs
    User(User),
    /// Show the audit log
    Audit(Audit),
    /// List, rotate and revoke the signing keys, also while the server runs
    Key(Key),
    /// Verify what is hosted, and sweep what nothing names, also while the server runs
    Files(Files),
    /// Bring the database to this version's schema
    Migrate(Place),
    /// Check everything the server needs: folder, file store, database, policy, issuers, upstreams
    Doctor(Place),
    /// Print a completion script for a shell
    Completion {
        /// The shell
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The folder to write `daypassd.toml` and `policy.toml` into
    #[arg(default_value = ".")]
    pub(crate) folder: PathBuf,
    /// The name of the first administrator's account
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) admin: AccountName,
}

/// Where the configuration and the data are.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Place {
    /// The configuration file; flags win over what it says
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Run for trying out: loopback only, everything in one folder, issuers on loopback allowed
    #[arg(long)]
    pub(crate) dev: bool,
    /// The folder for the database, the keys and the files [default: daypass-data, beside the configuration file]
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    /// A policy file with issuers and identities; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// The simple index to pull through where the index `python` has no such project of its own
    #[arg(long, value_name = "URL")]
    pub(crate) upstream: Option<Url>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:7411]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The URL under which clients know this server [default: the address it listens on]
    #[arg(long, value_name = "URL")]
    pub(crate) public_url: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Write `{"url", "index_url", "pid"}` to this file once requests are answered
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The index to put them into
    #[arg(long, default_value = "python")]
    pub(crate) index: String,
    /// Wheels (`.whl`), source distributions (`.tar.gz`, `.zip`), or folders of them
    #[arg(required = true, value_name = "FILE|DIR")]
    pub(crate) files: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct User {
    #[command(subcommand)]
    pub(crate) action: UserAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UserAction {
    /// Make a built-in account and print its invite link
    Add {
        #[command(flatten)]
        place: Place,
        /// The account's name: lower-case letters, digits and `-_.`
        #[arg(value_name = "NAME")]
        account: AccountName,
        /// What it may do on all indexes: `reader`, `publisher` or `admin`
        #[arg(long, default_value = "reader")]
        role: Role,
        /// What to call the person [default: NAME]
        #[arg(long, value_name = "TEXT")]
        name: Option<String>,
        /// Their e-mail address
        #[arg(long, value_name = "ADDRESS")]
        email: Option<String>,
    },
    /// List the people of all providers
    List {
        #[command(flatten)]
        place: Place,
        /// How to write it
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Shut a person out: within five seconds they are refused everywhere
    Disable {
        #[command(flatten)]
        place: Place,
        /// A built-in account, or `PROVIDER/SUBJECT` as `list` shows it
        #[arg(value_name = "NAME")]
        who: String,
    },
    /// Let a person in again who was shut out
    Enable {
        #[command(flatten)]
        place: Place,
        /// A built-in account, or `PROVIDER/SUBJECT` as `list` shows it
        #[arg(value_name = "NAME")]
        who: String,
    },
    /// Give a built-in account another role
    Role {
        #[command(flatten)]
        place: Place,
        /// The account
        #[arg(value_name = "NAME")]
        account: AccountName,
        /// `reader`, `publisher` or `admin`
        role: Role,
    },
    /// Print a new invite link for a built-in account; the ones before are void
    Invite {
        #[command(flatten)]
        place: Place,
        /// The account
        #[arg(value_name = "NAME")]
        account: AccountName,
    },
}

impl UserAction {
    /// Where the configuration and the data are.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::Add { place, .. }
            | Self::List { place, .. }
            | Self::Disable { place, .. }
            | Self::Enable { place, .. }
            | Self::Role { place, .. }
            | Self::Invite { place, .. } => place,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[command(flatten)]
    pub(crate) place: Place,
    /// Only what happened within this time, such as `10m` or `7d`
    #[arg(long, value_name = "DURATION")]
    pub(crate) since: Option<String>,
    /// Only events of this kind, such as `pull.blocked`
    #[arg(long, value_name = "KIND")]
    pub(crate) kind: Option<String>,
    /// How to write it
    #[arg(short, long, value_enum, default_value_t = Output::Text)]
    pub(crate) output: Output,
}

#[derive(Debug, Args)]
pub(crate) struct Key {
    #[command(subcommand)]
    pub(crate) action: KeyAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum KeyAction {
    /// List the signing keys, the oldest first
    List {
        #[command(flatten)]
        place: Place,
        /// How to write it
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Make the next key: it is published now, and signs when everybody has had the time to notice it
    Rotate {
        #[command(flatten)]
        place: Place,
        /// Let it sign at once: whoever verifies by a copy of the key set refuses new access tokens for up to 5 minutes
        #[arg(long)]
        now: bool,
        /// How to write it: what was done, or the keys as `list` shows them
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Forget a key that somebody else may have: within five seconds whatever it signed is refused
    Revoke {
        #[command(flatten)]
        place: Place,
        /// The key, as `list` shows it; if it is the one that signs, a fresh one signs at once
        #[arg(value_name = "KID", allow_hyphen_values = true)]
        kid: String,
        /// How to write it: what was done, or the keys as `list` shows them
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

impl KeyAction {
    /// Where the configuration and the data are.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::List { place, .. } | Self::Rotate { place, .. } | Self::Revoke { place, .. } => place,
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Files {
    #[command(subcommand)]
    pub(crate) action: FilesAction,
}

#[derive(Debug, Subcommand)]
pub(crate) enum FilesAction {
    /// Read every hosted file and compare it with the catalogue; what is damaged is listed, and exit status 4 says so
    Verify {
        #[command(flatten)]
        place: Place,
        /// How to write it
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Move what nothing has named for a day into the trash, and empty the trash; the server does it each day
    Sweep {
        #[command(flatten)]
        place: Place,
        /// How to write it
        #[arg(short, long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
}

impl FilesAction {
    /// Where the configuration and the data are.
    pub(crate) fn place(&self) -> &Place {
        match self {
            Self::Verify { place, .. } | Self::Sweep { place, .. } => place,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// One JSON object per line
    Json,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_may_begin_with_a_hyphen() {
        for kid in ["-o1Jm", "-Kc_w", "--x-y", "Kc_w"] {
            for words in [["revoke", kid, "--dev"], ["revoke", "--dev", kid]] {
                let read = Arguments::try_parse_from(["daypassd", "key"].into_iter().chain(words)).unwrap();
                let Command::Key(Key { action: KeyAction::Revoke { kid: found, place, .. } }) = read.command else {
                    panic!("another command");
                };
                assert_eq!((&*found, place.dev), (kid, true));
            }
        }
    }
}
