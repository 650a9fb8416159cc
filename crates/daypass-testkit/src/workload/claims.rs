//! What each provider says about a job, as its documentation shows it; and how long it says so.
//!
//! All but `iss`, `aud` and the times, which `issuer.rs` adds.

mod ci;
mod cloud;

use serde_json::Value;

use super::Kind;

/// How a provider words the times of a token.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// How long it lives from `iat` on, in seconds.
    pub(super) life: i64,
    /// `nbf`, in seconds before `iat`; there may be none.
    pub(super) backdated: Option<i64>,
    /// Whether there is a `jti`.
    pub(super) jti: bool,
}

/// The claims of a job.
pub(super) fn of(kind: Kind) -> Value {
    match kind {
        Kind::GitHub => ci::github(),
        Kind::GitLab => ci::gitlab(),
        Kind::Buildkite | Kind::BuildkiteApi => ci::buildkite(),
        Kind::CircleCi | Kind::CircleCiVariable => ci::circleci(),
        Kind::Bitbucket | Kind::BitbucketAudiences => ci::bitbucket(),
        Kind::AzureDevOps => ci::azure_devops(),
        Kind::Jenkins => ci::jenkins(),
        Kind::Terraform => ci::terraform(),
        Kind::Spacelift => ci::spacelift(),
        Kind::Semaphore => ci::semaphore(),
        Kind::Vercel => cloud::vercel(),
        Kind::Fly => cloud::fly(),
        Kind::Google => cloud::google(),
        Kind::AzureAppService | Kind::AzureVm => cloud::azure(),
        Kind::Kubernetes | Kind::Aks => cloud::kubernetes(),
        Kind::Spiffe => cloud::spiffe(),
    }
}

/// The claims that Buildkite adds for whoever asks for them.
pub(super) use ci::BUILDKITE_ON_REQUEST;

/// The times of a token.
pub(super) const fn times(kind: Kind) -> Times {
    match kind {
        Kind::GitHub => Times { life: 300, backdated: Some(600), jti: true },
        // The job's time limit; an hour unless it is set.
        Kind::GitLab => Times { life: 3600, backdated: Some(5), jti: true },
        Kind::Buildkite | Kind::BuildkiteApi => Times { life: 300, backdated: Some(0), jti: true },
        Kind::AzureDevOps => Times { life: 600, backdated: Some(600), jti: true },
        Kind::CircleCi
        | Kind::CircleCiVariable
        | Kind::Bitbucket
        | Kind::BitbucketAudiences
        | Kind::Jenkins
        | Kind::Google => Times { life: 3600, backdated: None, jti: false },
        // A phase of a run may take a day.
        Kind::Terraform => Times { life: 7200, backdated: Some(5), jti: true },
        Kind::Spacelift | Kind::Semaphore => Times { life: 3600, backdated: Some(0), jti: true },
        Kind::Vercel => Times { life: 3600, backdated: Some(0), jti: false },
        Kind::Fly => Times { life: 600, backdated: Some(0), jti: true },
        Kind::AzureAppService | Kind::AzureVm => Times { life: 86_400, backdated: Some(300), jti: false },
        Kind::Kubernetes | Kind::Aks => Times { life: 3607, backdated: Some(0), jti: true },
        Kind::Spiffe => Times { life: 300, backdated: None, jti: false },
    }
}
