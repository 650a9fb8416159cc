//! The command line of `daypass admin`: issuers, identities, roles, and all of them at once.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{Audit, Explain, Format, index::AdminIndex};

#[derive(Debug, Subcommand)]
pub(crate) enum Admin {
    Audit(Audit),
    /// Says who outside is trusted
    #[command(subcommand, arg_required_else_help = true)]
    Issuer(AdminIssuer),
    /// Says what may be assumed, by whom, and for what
    #[command(subcommand, arg_required_else_help = true)]
    Identity(AdminIdentity),
    /// Says what people and identities may do
    #[command(subcommand, arg_required_else_help = true)]
    Role(AdminRole),
    /// Yanks, retires and deletes what an index hosts
    #[command(subcommand, arg_required_else_help = true)]
    Index(AdminIndex),
    Plan(Plan),
    Apply(Apply),
    /// Prints the JSON Schema of the policy file
    Schema,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminIssuer {
    /// Lists the issuers, and where each is defined
    List(List),
    /// Shows one issuer as it is written
    Show(Show),
    Create(CreateIssuer),
    /// Deletes an issuer that no identity trusts any more
    Delete(Delete),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminIdentity {
    Explain(Explain),
    Lint(Lint),
    /// Lists the identities that you administer, and where each is defined
    List(List),
    /// Shows one identity as it is written
    Show(Show),
    Create(Box<CreateIdentity>),
    /// Deletes an identity; what was signed for it is refused within seconds
    Delete(Delete),
    /// Lets an identity be assumed again
    Enable(Switch),
    /// Lets nobody assume an identity, and has what was signed for it refused within seconds
    Disable(Switch),
}

#[derive(Debug, Subcommand)]
pub(crate) enum AdminRole {
    /// Lists the roles that you administer, and where each is defined
    List(List),
    /// Shows one role as it is written
    Show(Show),
    Create(CreateRole),
    /// Deletes a role
    Delete(Delete),
}

/// How a policy object is written
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ObjectFormat {
    /// For people
    #[default]
    Text,
    /// For a policy file
    Toml,
    /// For programs: JSON, one document per line
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct List {
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ObjectFormat,
}

#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Switch {
    /// Its name
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

/// Trusts a CI, a cloud or another issuer to vouch for workloads
///
/// The kinds that are known bring their URL, where all customers share one, and their traps. `generic` is any OpenID
/// provider.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin issuer create github
  daypass admin issuer create gitlab --name git --url https://git.example.com
  daypass admin issuer create generic --name ci --url https://ci.example.com --dry-run")]
pub(crate) struct CreateIssuer {
    /// Its kind: `github`, `gitlab`, `buildkite`, `kubernetes`, `aws-oidc`, `google`, `generic` and more
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// What to call it [default: its kind]
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,
    /// Its exact URL, the `iss` of its tokens [default: the one that all customers share]
    #[arg(long, value_name = "URL")]
    pub(crate) url: Option<String>,
    /// An audience that its tokens may have; may be given several times [default: the server's URL]
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) audience: Vec<String>,
    /// Where its keys are, if not where discovery says
    #[arg(long, value_name = "URL", conflicts_with = "jwks")]
    pub(crate) jwks_uri: Option<String>,
    /// A file with its keys, for an issuer that the server cannot reach; they are written into the policy
    #[arg(long, value_name = "FILE")]
    pub(crate) jwks: Option<PathBuf>,
    /// An AWS region whose STS may be asked, for `aws-sigv4`; may be given several times
    #[arg(long, value_name = "REGION")]
    pub(crate) region: Vec<String>,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ObjectFormat,
}

/// Makes an identity that the jobs of one repository, pipeline or account may assume
///
/// Ids that nobody else can get are pinned, not names: give a sample of the job's token with `--outside-token`, or the ids.
/// The sample is read here and never sent; its signature is not looked at, so compare what is printed with what you know.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin identity create github --name ci/app --repository acme/app \\
      --ref refs/heads/main --outside-token sample.jwt --project 'acme-*'
  daypass admin identity create github --name ci/app --repository-id 74 --owner-id 65 --dry-run -o toml
  daypass admin identity create gitlab --name ci/lib --project-path acme/lib --outside-token sample.jwt
  daypass admin identity create kubernetes --name prod/web --namespace web --service-account app
  daypass admin identity create generic --name ci/x --issuer ci --claim repository_id=74

What each kind asks for, without a sample:
  github      --repository-id and --owner-id
  gitlab      --project-id and --namespace-id
  buildkite   --organization-id and --pipeline-id
  kubernetes  --namespace and --service-account
  aws-oidc    --account, --role-arn or both
  aws-sigv4   --account, and --role-arn if it is for one role
  google      --unique-id
  others      --claim")]
pub(crate) struct CreateIdentity {
    /// The kind of its issuer, as in `daypass admin issuer create`
    #[arg(value_name = "KIND")]
    pub(crate) kind: String,
    /// What to call it
    #[arg(long, value_name = "NAME")]
    pub(crate) name: String,
    /// Who vouches for it [default: the only issuer of this kind]
    #[arg(long, value_name = "NAME")]
    pub(crate) issuer: Option<String>,
    /// A file with a sample of the job's token, or `-` for stdin
    #[arg(long, value_name = "FILE")]
    pub(crate) outside_token: Option<PathBuf>,
    /// A claim to pin exactly; may be given several times
    #[arg(long, value_name = "NAME=VALUE")]
    pub(crate) claim: Vec<String>,
    #[command(flatten)]
    pub(crate) github: OfGitHub,
    #[command(flatten)]
    pub(crate) gitlab: OfGitLab,
    #[command(flatten)]
    pub(crate) others: OfOthers,
    /// The index [default: `*`, every index]
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: Option<String>,
    /// Projects that it is for; may be given several times [default: `*`]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) project: Vec<String>,
    /// What it may do: `pull`, `push`, `yank`, `admin`; may be given several times [default: `pull`]
    #[arg(long, value_name = "ACTION")]
    pub(crate) action: Vec<String>,
    /// How long its access tokens live: `15m`, `1h` [default: as the server says]
    #[arg(long, value_name = "DURATION")]
    pub(crate) ttl: Option<String>,
    /// What it is for, for people
    #[arg(long, value_name = "TEXT")]
    pub(crate) description: Option<String>,
    /// Let pass a rule that lets in strangers
    #[arg(long)]
    pub(crate) allow_broad: bool,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ObjectFormat,
}

#[derive(Debug, Args)]
pub(crate) struct OfGitHub {
    /// The repository's name, to be compared with the sample: `acme/app`
    #[arg(long, value_name = "ORG/REPO")]
    pub(crate) repository: Option<String>,
    /// The repository's id, a number
    #[arg(long, value_name = "ID")]
    pub(crate) repository_id: Option<String>,
    /// The id of the repository's owner, a number
    #[arg(long, value_name = "ID")]
    pub(crate) owner_id: Option<String>,
    /// The only ref: `refs/heads/main`
    #[arg(long = "ref", value_name = "REF")]
    pub(crate) reference: Option<String>,
    /// The only environment
    #[arg(long, value_name = "NAME")]
    pub(crate) environment: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OfGitLab {
    /// The project's path, to be compared with the sample: `acme/lib`
    #[arg(long, value_name = "GROUP/PROJECT")]
    pub(crate) project_path: Option<String>,
    /// The project's id, a number
    #[arg(long, value_name = "ID")]
    pub(crate) project_id: Option<String>,
    /// The id of the project's namespace, a number
    #[arg(long, value_name = "ID")]
    pub(crate) namespace_id: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct OfOthers {
    /// Buildkite: the organization's id
    #[arg(long, value_name = "UUID")]
    pub(crate) organization_id: Option<String>,
    /// Buildkite: the pipeline's id
    #[arg(long, value_name = "UUID")]
    pub(crate) pipeline_id: Option<String>,
    /// Kubernetes: the namespace
    #[arg(long, value_name = "NAME")]
    pub(crate) namespace: Option<String>,
    /// Kubernetes: the service account
    #[arg(long, value_name = "NAME")]
    pub(crate) service_account: Option<String>,
    /// AWS: the account, twelve digits
    #[arg(long, value_name = "ID")]
    pub(crate) account: Option<String>,
    /// AWS: the role
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,
    /// Google: the unique id of the service account, a number
    #[arg(long, value_name = "ID")]
    pub(crate) unique_id: Option<String>,
}

/// Gives people and identities a role on some projects
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin role create readers --role reader --index python --group corp/engineering
  daypass admin role create acme --role publisher --index python --project 'acme-*' --user corp/ada")]
pub(crate) struct CreateRole {
    /// What to call it
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// The role: `reader`, `publisher` or `admin`
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: String,
    /// The index, or `*` for every index
    #[arg(long, value_name = "INDEX")]
    pub(crate) index: String,
    /// Projects that it is for; may be given several times [default: `*`]
    #[arg(long, value_name = "PATTERN")]
    pub(crate) project: Vec<String>,
    /// A person who has it; may be given several times
    #[arg(long, value_name = "PROVIDER/SUBJECT")]
    pub(crate) user: Vec<String>,
    /// A group that has it; may be given several times
    #[arg(long, value_name = "PROVIDER/GROUP")]
    pub(crate) group: Vec<String>,
    /// An identity that has it; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) identity: Vec<String>,
    /// Show what would be sent, and send nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: ObjectFormat,
}

/// Finds rules that are too broad, and says what to pin instead
///
/// Offline. The exit code is 1 when a rule lets in strangers; advice alone does not change it.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin identity lint --policy policy.toml")]
pub(crate) struct Lint {
    /// A policy file; may be given several times
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) policy: Vec<PathBuf>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Shows what `apply` would change on the server
///
/// The files say all that is to be stored: what is stored and in no file would be deleted. What the server's own policy
/// files define is not touched. The exit code is 0 when there is nothing to do, and 1 when something would change.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin plan -f policy/
  daypass admin plan -f issuers.toml -f identities.toml -o json")]
pub(crate) struct Plan {
    /// A policy file, or a folder of `.toml` files; may be given several times
    #[arg(short, long, value_name = "PATH", required = true)]
    pub(crate) file: Vec<PathBuf>,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}

/// Makes what the server has stored what the files say
///
/// All of it or nothing: what is stored and in no file is deleted. On a terminal the plan is shown and confirmed first.
#[derive(Debug, Args)]
#[command(after_long_help = "\
Examples:
  daypass admin apply -f policy/
  daypass admin apply -f policy/ --yes")]
pub(crate) struct Apply {
    /// A policy file, or a folder of `.toml` files; may be given several times
    #[arg(short, long, value_name = "PATH", required = true)]
    pub(crate) file: Vec<PathBuf>,
    /// Do not ask
    #[arg(long)]
    pub(crate) yes: bool,
    /// Let pass rules that let in strangers
    #[arg(long)]
    pub(crate) allow_broad: bool,
    /// How the result is written
    #[arg(short, long, value_enum, default_value_t)]
    pub(crate) output: Format,
}
