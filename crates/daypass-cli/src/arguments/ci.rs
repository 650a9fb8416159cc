//! `daypass ci`: the command line of a job's beginning and end.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use daypass_core::names::IndexName;

use crate::identity_token::addressee::TokenAudience;

#[derive(Debug, Subcommand)]
pub(crate) enum Ci {
    Begin(Begin),
    End(End),
}

/// Signs the job in, and sets pip, uv and twine up for its later steps
///
/// The credential comes from what the job is; `daypass ambient` shows who vouches for it. It is kept in a folder of the
/// job's own, and so is a program `keyring`, by which pip and uv get it: neither Python nor its keyring package is needed.
/// Later steps need nothing more. When a credential is nearly over they get the next one by themselves, for as long as
/// the job runs. No variable, file of the CI's or line of the log holds a secret.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  lines=$(daypass ci begin https://packages.example.com --folder /tmp/daypass-$CI_JOB_ID)
  eval \"$lines\"
  pip install acme-hello
  daypass ci end --folder /tmp/daypass-$CI_JOB_ID

Variables for later steps:
  PATH                    With `daypass` and `keyring` in front
  DAYPASS_SERVER, DAYPASS_CONFIG, DAYPASS_CACHE
  PIP_INDEX_URL, PIP_KEYRING_PROVIDER
  UV_DEFAULT_INDEX, UV_KEYRING_PROVIDER, UV_PUBLISH_URL, UV_PUBLISH_USERNAME
  TWINE_REPOSITORY_URL, TWINE_USERNAME, TWINE_NON_INTERACTIVE")]
pub(crate) struct Begin {
    /// The server, by any of its URLs [default: the one that is known]
    #[arg(value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// A folder for this job alone, which is made; `daypass ci end` takes it away
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// The identity to assume, by name or id [default: the only one that matches]
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<String>,
    /// What the CI is asked for as the identity token's audience, where the server's policy wants another one
    /// [default: the server's URL]
    #[arg(long, value_name = "TEXT")]
    pub(crate) audience: Option<TokenAudience>,
    /// Which of the server's indexes the tools use
    #[arg(long, value_name = "NAME", default_value = "python")]
    pub(crate) index: IndexName,
    /// The configuration file to write; one that is there is put back at the end [default: one in the folder]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Which tools are set up
    #[arg(long, value_name = "TOOL", value_enum, value_delimiter = ',', default_values_t = [Tool::Pip, Tool::Uv, Tool::Twine])]
    pub(crate) tools: Vec<Tool>,
    /// Set no tool up: later steps get `daypass` and `keyring`, and name the index themselves
    #[arg(long)]
    pub(crate) no_environment: bool,
    /// Install this wheel of keyrings-daypass, with what it needs from the index, into the Python on `PATH`: for twine,
    /// poetry and others that import it
    #[arg(long, value_name = "WHEEL")]
    pub(crate) python_keyring: Option<PathBuf>,
    /// What to do where the CI gives this job no identity token
    #[arg(long, value_enum, value_name = "WHAT", default_value_t)]
    pub(crate) missing_oidc: MissingOidc,
    /// How often a server is tried that cannot be reached
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    pub(crate) retry: u32,
    /// How later steps are told [default: as this CI wants it]
    #[arg(long, value_enum, value_name = "HOW")]
    pub(crate) write: Option<How>,
}

/// Takes back what the job got, and deletes its folder
///
/// Revokes the credentials, puts a configuration file back that was there before, and removes the folder. It does so as
/// well when `daypass ci begin` died half-way, and does nothing where it never ran. A server that is down is a warning:
/// its credentials end by themselves.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass ci end --folder /tmp/daypass-$CI_JOB_ID")]
pub(crate) struct End {
    /// The job's folder
    #[arg(long, value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// A tool that can be set up by variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Tool {
    Pip,
    Uv,
    Twine,
}

/// What becomes of a job without an identity token.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum MissingOidc {
    /// Fail, unless it is a pull request from a fork
    #[default]
    Auto,
    /// Fail
    Fail,
    /// Warn, and go on without a credential
    Warn,
}

/// How later steps of the job learn of their variables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum How {
    /// GitHub Actions: its files, and commands on stdout
    Github,
    /// Lines on stdout for a shell to `eval`
    Shell,
    /// The same lines, added to the file that `BASH_ENV` names
    BashEnv,
}
