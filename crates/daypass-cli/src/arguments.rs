//! The command line as people type it, and the help that teaches it.
//!
//! Parsed low: texts stay texts here, and become servers and identities in `commands/`. The fast path of the
//! helpers does not come through here (`helper.rs`), except for its help.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

mod admin;
mod audit;
pub(crate) mod ci;
pub(crate) mod index;
mod login;
pub(crate) mod pull_token;

pub(crate) use admin::{
    Admin, AdminIdentity, AdminIssuer, AdminRole, Apply, CreateIdentity, CreateIssuer, CreateRole, Delete, Lint, List,
    ObjectFormat, Plan, Show, Switch,
};
pub(crate) use audit::{AuditOf, Blocked};
pub(crate) use login::Login;

const AFTER_HELP: &str = "\
Examples:
  daypass login https://packages.example.com
  pip install -i https://packages.example.com/python/simple/ acme-hello
  daypass status
  curl -u \"_token:$(daypass token)\" https://packages.example.com/python/simple/

  In a CI job or on a cloud's machine, without signing in:
  export DAYPASS_SERVER=https://packages.example.com
  daypass ambient
  pip install -i $DAYPASS_SERVER/python/simple/ acme-hello

Environment variables:
  DAYPASS_SERVER          The server, by any of its URLs; naming it trusts it
  DAYPASS_IDENTITY        The identity to assume, by name or id
  DAYPASS_IDENTITY_TOKEN  The token that proves who this is: its value or path
  DAYPASS_AMBIENT         Who vouches for this job or machine: a name, `auto`, `off`
  DAYPASS_CONFIG          The configuration file, instead of the user's own
  DAYPASS_CACHE           The folder for credentials, instead of the user's own

Exit codes:
  0  Done
  1  Nothing to give: not a host of ours, or no identity matches
  2  The command line cannot be understood
  3  The server refused
  4  Sign-in or an identity token is needed
  5  The server cannot be reached, or answers nonsense
  6  The configuration or the cache on this machine is in the way";

/// Short-lived credentials for package installers, by themselves
///
/// Sign in once; from then on pip, uv and others ask `daypass` for a credential when they need one, and nobody
/// creates, copies or stores a token.
#[derive(Debug, Parser)]
#[command(name = "daypass", version, after_long_help = AFTER_HELP, after_help = "`--help` shows examples, environment variables and exit codes")]
#[command(disable_help_subcommand = true, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Login(Login),
    Token(Token),
    Status(Status),
    Ambient(Ambient),
    Logout(Logout),
    /// Sets a CI job up with its own identity, and cleans up after it
    #[command(subcommand, arg_required_else_help = true)]
    Ci(ci::Ci),
    /// Keys of machines that nothing else vouches for
    #[command(subcommand, arg_required_else_help = true)]
    ServiceAccount(ServiceAccount),
    /// Answers another tool in its own credential-helper protocol
    #[command(subcommand, arg_required_else_help = true)]
    Helper(Helper),
    /// Administers a server
    #[command(subcommand, arg_required_else_help = true)]
    Admin(Admin),
    /// Moves packages into an index, and out of one
    #[command(subcommand, arg_required_else_help = true)]
    Index(index::Index),
    /// What happened on a server, by what one asks for
    #[command(subcommand, arg_required_else_help = true)]
    Audit(AuditOf),
    /// Passwords for tools that can do nothing better: the last resort
    #[command(subcommand, arg_required_else_help = true)]
    PullToken(pull_token::PullToken),
    Completion(Completion),
}

/// How something readable is written
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    #[default]
    Text,
    /// For programs: JSON, one document per line
    Json,
}

/// Prints an access token
///
/// From the cache, or a new one. It is a secret: use it in the place of a password, with any user name, and let no
/// log see it.
///
/// With `--project` or `--lock`, it prints a narrower one, for those projects alone. It ends with the one that it was
/// narrowed from, and is not kept on this machine.
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("narrower").multiple(true).args(["project", "lock"]))]
#[command(after_long_help = "\
Examples:
  curl -u \"_token:$(daypass token)\" https://packages.example.com/python/simple/
  daypass token --project 'acme-*' --project requests --life 15m
  daypass token --lock uv.lock")]
pub(crate) struct Token {
    /// Who is to accept it: a server that you are signed in to, by any of its URLs
    #[arg(long, value_name = "URL")]
    pub(crate) audience: Option<String>,
    /// As which of several accounts
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// For this project alone, or for a family such as `acme-*`; may be given several times
    #[arg(long, value_name = "PATTERN")]
    pub(crate) project: Vec<String>,
    /// For the packages of this lock file alone: requirements.txt with pinned versions, pylock.toml, uv.lock,
    /// poetry.lock or pdm.lock; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) lock: Vec<PathBuf>,
    /// Of which index a narrower one is good
    #[arg(long, value_name = "NAME", default_value = "python", requires = "narrower")]
    pub(crate) index: String,
    /// What a narrower one is good for; may be given several times
    #[arg(long, value_name = "ACTION", value_parser = ["pull", "push", "yank", "admin"], default_value = "pull", requires = "narrower")]
    pub(crate) action: Vec<String>,
    /// How long a narrower one lives at most: `15m`, `1h` [default: as long as the one it comes from]
    #[arg(long, value_name = "DURATION", requires = "narrower")]
    pub(crate) life: Option<String>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Shows who you are, until when, for which indexes, and what to do next
///
/// Asks the servers, for a few seconds at most, and tells what this machine knows where one does not answer. The exit
/// code is 0 when the next install will get a credential without your help, and 4 when you must sign in first.
#[derive(Debug, Args)]
pub(crate) struct Status {
    /// Ask no server
    #[arg(long)]
    pub(crate) quick: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Shows which CI system or cloud vouches for this job or machine, and why
///
/// Looks at the environment and at files; asks nobody, and shows no token. The providers are looked for in this order,
/// and the first one that is here is taken when nobody is signed in and no identity token is named. The exit code is 0
/// when one is here, 1 when none is, and 4 when the first one is set up so that it gives nothing.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass ambient
  daypass ambient https://packages.example.com -o json | jq -r .found")]
pub(crate) struct Ambient {
    /// For which server, by any of its URLs [default: the one that is known]
    #[arg(value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Signs out: revokes the credentials, deletes them, and forgets the server
///
/// A person's session ends at the server, and with it everything that came from it, wherever it was copied. If the
/// server cannot be reached, the credentials are deleted here all the same, and end by themselves there.
#[derive(Debug, Args)]
pub(crate) struct Logout {
    /// The server, by any of its URLs [default: all that are known]
    #[arg(value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Only this one of several accounts
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceAccount {
    Keygen(Keygen),
}

/// Makes the key of a service account, and prints what the server must know
///
/// The private key is written to a new file that only you can read, and stays on this machine. What is printed is public:
/// it goes into the server's policy.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass service-account keygen --name build-box --out box.pem
  daypass login https://packages.example.com --service-account build-box --key box.pem")]
pub(crate) struct Keygen {
    /// Where the private key goes; a file that is there already is not touched
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// The service account's name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Helper {
    Keyring(Keyring),
}

/// Answers as the `keyring` program does, for servers that you are signed in to
///
/// For any other service the exit code is 1 and nothing is printed. Options of the `keyring` program are understood
/// wherever they stand.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass helper keyring get https://packages.example.com/python/simple/
      {\"username\":\"_token\",\"password\":\"…\"}
  daypass helper keyring get packages.example.com ada
      the password alone, as uv and older pip ask for it
  daypass helper keyring --mode=creds get packages.example.com
      user name and password, on two lines
  daypass helper keyring --mode=creds --output=json get HOST
      the same as JSON, as pip asks for it")]
pub(crate) struct Keyring {
    /// `get`: this helper is read-only
    #[arg(value_name = "get")]
    pub(crate) operation: String,
    /// The service: an index URL, or a host with or without a port
    #[arg(value_name = "URL")]
    pub(crate) service: String,
    /// The user name, which is echoed
    #[arg(value_name = "USERNAME")]
    pub(crate) username: Option<String>,
    /// What to answer: `password` needs a user name
    #[arg(long, value_parser = ["password", "creds"])]
    pub(crate) mode: Option<String>,
    /// In which form
    #[arg(short, long, value_parser = ["plain", "json"])]
    pub(crate) output: Option<String>,
}

/// Shows what happened on the server: who, what, until when, and why not
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin audit --since 10m
  daypass admin audit --since 1h -o json | jq 'select(.outcome == \"refused\")'")]
pub(crate) struct Audit {
    /// How far back: `10m`, `1h 30m`, `7d`
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub(crate) since: String,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Explains which identities an outside token may assume, and why not the others
///
/// Offline: with the keys and the policies given here, and without telling anybody. The exit code is 0 when the
/// signature is valid and the claims match an identity, and 1 otherwise. What else stands in the way, such as a
/// token that has expired or is addressed to somebody else, is told as the reason and does not change the exit
/// code: yesterday's token explains today's policy.
///
/// With `--claims` nothing is proven, the signature is `unknown`, and the exit code is 0 when the claims match.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin identity explain --outside-token job.jwt --policy policy.toml
  daypass admin identity explain --outside-token job.jwt --keys jwks.json -o json
  daypass admin identity explain --claims claims.json --policy policy.toml")]
pub(crate) struct Explain {
    /// The file that holds the outside token, or `-` for stdin
    #[arg(long, value_name = "FILE", required_unless_present = "claims", conflicts_with = "claims")]
    pub(crate) outside_token: Option<PathBuf>,
    /// A JSON file with the claims that a token would have, instead of one
    #[arg(long, value_name = "FILE", conflicts_with = "keys")]
    pub(crate) claims: Option<PathBuf>,
    /// The issuer's public keys (JWKS) [default: the file that the policy names]
    #[arg(long, value_name = "JWKS")]
    pub(crate) keys: Option<PathBuf>,
    /// A policy file; may be given several times
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Prints a script that completes `daypass` in a shell
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  source <(daypass completion bash)")]
pub(crate) struct Completion {
    /// The shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}
