//! The providers, and how each deals with its jobs.

/// A provider and one way in which its jobs get a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// GitHub Actions: a URL and a secret to ask it with.
    GitHub,
    /// GitLab CI/CD: `id_tokens` of the job.
    GitLab,
    /// Buildkite, by its agent's program.
    Buildkite,
    /// Buildkite in a container without the agent's program: its API.
    BuildkiteApi,
    /// `CircleCI`, by its program.
    CircleCi,
    /// `CircleCI` in a container without its program: a variable, with the organization as its audience.
    CircleCiVariable,
    /// Bitbucket Pipelines with `oidc: true`: an audience of its own.
    Bitbucket,
    /// Bitbucket Pipelines with `oidc: {audiences: …}`.
    BitbucketAudiences,
    /// Azure DevOps: a URL and `System.AccessToken`.
    AzureDevOps,
    /// Jenkins with its oidc-provider plugin, bound to a variable.
    Jenkins,
    /// HCP Terraform.
    Terraform,
    /// Spacelift.
    Spacelift,
    /// Semaphore.
    Semaphore,
    /// Vercel, in a build.
    Vercel,
    /// Fly.io: a socket in the machine.
    Fly,
    /// Google Cloud: the metadata server.
    Google,
    /// Azure: the identity endpoint of App Service, Functions and Container Apps.
    AzureAppService,
    /// Azure: the metadata service of a virtual machine.
    AzureVm,
    /// Kubernetes: a projected service account token.
    Kubernetes,
    /// AKS workload identity: a projected token with Entra's audience.
    Aks,
    /// SPIFFE: a JWT-SVID of the Workload API.
    Spiffe,
}

/// Whether a job asks for a new token each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mints {
    /// Each request is answered with another one.
    Fresh,
    /// The platform hands out what it has got until it is half-way to its end.
    Kept,
    /// The job has one, for as long as it runs.
    Once,
    /// There is a file, and it is replaced while the job runs.
    IntoFile,
}

/// Who decides for whom a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Whoever asks for it.
    AsAsked,
    /// The job's settings.
    InSettings,
    /// Nobody: it is always this one.
    Fixed(&'static str),
    /// Nobody: it is always the issuer's URL.
    IssuersOwn,
}

/// The organization of the documentation's examples.
pub(super) const CIRCLECI_ORG: &str = "9fe0f0c8-35e5-4d2e-9a0b-2f7a3c5a3c11";
/// The tenant of ours.
pub(super) const AZURE_TENANT: &str = "6babcaad-604b-40ac-a9d7-9fd97c0b779f";
/// The organization of the example of Azure DevOps.
pub(super) const AZURE_DEVOPS_ORG: &str = "2d4c9b0e-0f9c-4b8f-a4b5-1b7b5a6d6f3e";
/// What every federation with Entra has in common.
const ENTRA: &str = "api://AzureADTokenExchange";

impl Kind {
    /// All of them.
    pub const ALL: [Self; 21] = [
        Self::GitHub,
        Self::GitLab,
        Self::Buildkite,
        Self::BuildkiteApi,
        Self::CircleCi,
        Self::CircleCiVariable,
        Self::Bitbucket,
        Self::BitbucketAudiences,
        Self::AzureDevOps,
        Self::Jenkins,
        Self::Terraform,
        Self::Spacelift,
        Self::Semaphore,
        Self::Vercel,
        Self::Fly,
        Self::Google,
        Self::AzureAppService,
        Self::AzureVm,
        Self::Kubernetes,
        Self::Aks,
        Self::Spiffe,
    ];

    /// A short name, good for a folder.
    pub const fn name(self) -> &'static str {
        match self {
            Self::GitHub => "github",
            Self::GitLab => "gitlab",
            Self::Buildkite => "buildkite",
            Self::BuildkiteApi => "buildkite-api",
            Self::CircleCi => "circleci",
            Self::CircleCiVariable => "circleci-variable",
            Self::Bitbucket => "bitbucket",
            Self::BitbucketAudiences => "bitbucket-audiences",
            Self::AzureDevOps => "azure-devops",
            Self::Jenkins => "jenkins",
            Self::Terraform => "terraform",
            Self::Spacelift => "spacelift",
            Self::Semaphore => "semaphore",
            Self::Vercel => "vercel",
            Self::Fly => "fly",
            Self::Google => "google",
            Self::AzureAppService => "azure-app-service",
            Self::AzureVm => "azure-vm",
            Self::Kubernetes => "kubernetes",
            Self::Aks => "aks",
            Self::Spiffe => "spiffe",
        }
    }

    /// Whether a job's tokens are fresh.
    pub const fn mints(self) -> Mints {
        match self {
            Self::GitHub | Self::Buildkite | Self::BuildkiteApi | Self::CircleCi | Self::AzureDevOps | Self::Fly => {
                Mints::Fresh
            }
            Self::Google | Self::AzureAppService | Self::AzureVm | Self::Spiffe => Mints::Kept,
            Self::GitLab
            | Self::CircleCiVariable
            | Self::Bitbucket
            | Self::BitbucketAudiences
            | Self::Jenkins
            | Self::Terraform
            | Self::Spacelift
            | Self::Semaphore
            | Self::Vercel => Mints::Once,
            Self::Kubernetes | Self::Aks => Mints::IntoFile,
        }
    }

    /// Who decides for whom a job's tokens are.
    pub const fn audience(self) -> Audience {
        match self {
            Self::GitHub
            | Self::Buildkite
            | Self::BuildkiteApi
            | Self::CircleCi
            | Self::Fly
            | Self::Google
            | Self::AzureAppService
            | Self::AzureVm
            | Self::Spiffe => Audience::AsAsked,
            Self::GitLab | Self::BitbucketAudiences | Self::Jenkins | Self::Terraform | Self::Kubernetes => {
                Audience::InSettings
            }
            Self::CircleCiVariable => Audience::Fixed(CIRCLECI_ORG),
            Self::Bitbucket => Audience::Fixed("ari:cloud:bitbucket::workspace/4f2d1a5c-8c0d-4b6e-9f3a-1f0a1b2c3d4e"),
            Self::AzureDevOps | Self::Aks => Audience::Fixed(ENTRA),
            Self::Vercel => Audience::Fixed("https://vercel.com/acme"),
            Self::Spacelift => Audience::Fixed("acme.app.spacelift.io"),
            Self::Semaphore => Audience::IssuersOwn,
        }
    }

    /// The path of the issuer's URL.
    pub(super) const fn issuer_path(self) -> &'static str {
        match self {
            Self::CircleCiVariable => "/org/9fe0f0c8-35e5-4d2e-9a0b-2f7a3c5a3c11",
            Self::Bitbucket | Self::BitbucketAudiences => "/2.0/workspaces/acme/pipelines-config/identity/oidc",
            Self::AzureDevOps => "/2d4c9b0e-0f9c-4b8f-a4b5-1b7b5a6d6f3e",
            Self::Jenkins => "/oidc",
            Self::Vercel | Self::Fly => "/acme",
            Self::AzureAppService | Self::AzureVm => "/6babcaad-604b-40ac-a9d7-9fd97c0b779f/v2.0",
            // A slash at its end, which is a part of the issuer.
            Self::Aks => "/6babcaad-604b-40ac-a9d7-9fd97c0b779f/0f3e1c2d-5b4a-4c8d-9e7f-1a2b3c4d5e6f/",
            _ => "",
        }
    }

    /// The path of the keys, which discovery tells.
    pub(super) const fn keys_path(self) -> &'static str {
        match self {
            Self::GitLab => "/oauth/discovery/keys",
            Self::CircleCi => "/.well-known/jwks-pub.json",
            Self::CircleCiVariable => "/org/9fe0f0c8-35e5-4d2e-9a0b-2f7a3c5a3c11/.well-known/jwks-pub.json",
            Self::Bitbucket | Self::BitbucketAudiences => {
                "/2.0/workspaces/acme/pipelines-config/identity/oidc/keys.json"
            }
            Self::Jenkins => "/oidc/jwks",
            // As their documentation spells it.
            Self::Semaphore => "/.well-known/jwts",
            Self::Vercel | Self::Fly => "/acme/.well-known/jwks",
            Self::Google => "/oauth2/v3/certs",
            Self::AzureAppService | Self::AzureVm => "/6babcaad-604b-40ac-a9d7-9fd97c0b779f/discovery/v2.0/keys",
            Self::Kubernetes => "/openid/v1/jwks",
            Self::Aks => "/6babcaad-604b-40ac-a9d7-9fd97c0b779f/0f3e1c2d-5b4a-4c8d-9e7f-1a2b3c4d5e6f/openid/v1/jwks",
            _ => "/.well-known/jwks",
        }
    }
}
