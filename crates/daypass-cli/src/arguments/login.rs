//! `daypass login`: its command line.

use std::path::PathBuf;

use clap::Args;
use daypass_core::secret::Secret;

use super::Format;
use crate::{ambient::Choice, identity_token::addressee::TokenAudience};

/// Signs in to a server, and trusts it from then on
///
/// A person signs in in the browser, or with a code on another device where there is no browser here. It lasts for the
/// day: until then credentials renew themselves.
///
/// A job signs in with an identity token, the JWT that a CI job or a cloud machine has. The server, the identity and,
/// if there is one, the path of the identity token's file are remembered; the identity token itself is never kept. On
/// most CI systems and clouds nobody need fetch one: `--ambient auto` does, and `daypass ambient` shows from where.
#[derive(Debug, Default, Args)]
#[command(after_long_help = "\
Examples:
  daypass login https://packages.example.com
  daypass login https://packages.example.com --profile work --provider corp
  daypass login --profile work --default
  daypass login https://packages.example.com --ambient auto
  daypass login https://packages.example.com --identity ci/app --ambient azure-devops
  daypass login https://packages.example.com --identity-token /run/job/token
  fetch-token | daypass login https://packages.example.com --identity ci/app --identity-token -
  daypass login https://packages.example.com --service-account build-box --key box.pem

Profiles:
  Several accounts of one server stand side by side as profiles. The first is the default. A
  profile's name is also understood as the user name in an index URL:
  pip install -i https://work@packages.example.com/python/simple/ acme-hello")]
pub(crate) struct Login {
    /// The server, by any of its URLs; an index URL will do [default: the one that is known]
    #[arg(value_name = "SERVER")]
    pub(crate) server: Option<String>,
    /// Sign in with a code on another device, without a browser here
    #[arg(long, conflicts_with_all = ["identity", "identity_token", "ambient", "service_account"])]
    pub(crate) device: bool,
    /// Where to sign in, if the server knows several providers [default: it asks]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["identity", "identity_token", "ambient", "service_account"])]
    pub(crate) provider: Option<String>,
    /// Under which name to keep this account, beside others of the same server [default: `default`]
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// Take this account from now on when no profile is named
    #[arg(long)]
    pub(crate) default: bool,
    /// The identity to assume, by name or id [default: the only one that matches]
    #[arg(long, value_name = "ID")]
    pub(crate) identity: Option<String>,
    /// The identity token: `-` for stdin, the path of a file, or the JWT itself, which others can then see in the
    /// list of processes
    #[arg(long, value_name = "VALUE|PATH|-", value_parser = secret, allow_hyphen_values = true)]
    pub(crate) identity_token: Option<Secret>,
    /// Who vouches for this job or machine: one of the names that `daypass ambient` lists, or `auto` for the first that
    /// is here. Remembered, and asked again for each credential
    #[arg(long, value_name = "NAME", conflicts_with = "identity_token")]
    pub(crate) ambient: Option<Choice>,
    /// What identity tokens are asked for as their audience, where the issuer's rules in the server's policy want
    /// another one [default: the server's URL]
    #[arg(long, value_name = "TEXT")]
    pub(crate) audience: Option<TokenAudience>,
    /// The service account that this machine is
    #[arg(long, value_name = "NAME", requires = "key", conflicts_with_all = ["identity", "identity_token", "ambient"])]
    pub(crate) service_account: Option<String>,
    /// The file with the service account's private key; its path is remembered, the key itself is not
    #[arg(long, value_name = "FILE", requires = "service_account")]
    pub(crate) key: Option<PathBuf>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

impl Login {
    /// That of a job, by whatever vouches for it.
    pub(crate) fn of_job(identity: Option<String>, audience: Option<TokenAudience>) -> Self {
        Self { identity, audience, ..Self::default() }
    }
}

#[expect(clippy::unnecessary_wraps, reason = "clap wants a `Result`")]
fn secret(text: &str) -> Result<Secret, std::convert::Infallible> {
    Ok(Secret::new(text))
}
