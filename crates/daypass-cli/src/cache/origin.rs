//! By what an identity's credential came here, as far as that can be told without asking anybody.
//!
//! On a machine whose jobs share one `HOME`, a job must not be handed what another job proved itself for. So the key of
//! an identity's credential holds a digest of the source and of the marks of the job. It is made on every call of a
//! helper: nothing is read but the environment.
//!
//! What is *not* here: a wall between those jobs. Whoever runs as the same user can read the files themselves; see
//! `SECURITY.md`.

use std::fmt;

use daypass_core::digest::{Sha256, Sha256Hasher};
use serde::{Deserialize, Serialize};

use crate::{ambient::machine::Machine, environment::Environment, server::Server};

/// The variables by which jobs are told apart, and what chooses among the identities of one machine.
const MARKS: [&str; 43] = [
    // GitHub Actions: the run, the attempt, the repository and the job; and the job's own secret, for the jobs of a
    // workflow that is called, and of a matrix, go by the same name.
    "GITHUB_RUN_ID",
    "GITHUB_RUN_ATTEMPT",
    "GITHUB_REPOSITORY_ID",
    "GITHUB_JOB",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    // GitLab, Buildkite, CircleCI, Bitbucket, Azure Pipelines, Jenkins.
    "CI_JOB_ID",
    "BUILDKITE_JOB_ID",
    "CIRCLE_WORKFLOW_ID",
    "CIRCLE_WORKFLOW_JOB_ID",
    "BITBUCKET_PIPELINE_UUID",
    "BITBUCKET_STEP_UUID",
    "BUILD_BUILDID",
    "SYSTEM_JOBID",
    "BUILD_TAG",
    // HCP Terraform, Spacelift, Semaphore, Vercel, Codefresh, Buddy, Harness.
    "TFC_RUN_ID",
    "TF_VAR_spacelift_run_id",
    "SEMAPHORE_JOB_ID",
    "VERCEL_DEPLOYMENT_ID",
    "CF_BUILD_ID",
    "BUDDY_EXECUTION_ID",
    "HARNESS_BUILD_ID",
    // What they hand out by a fixed name: one for each job.
    "DAYPASS_ID_TOKEN",
    "CIRCLE_OIDC_TOKEN",
    "CIRCLE_OIDC_TOKEN_V2",
    "BITBUCKET_STEP_OIDC_TOKEN",
    "TFC_WORKLOAD_IDENTITY_TOKEN_DAYPASS",
    "TFC_WORKLOAD_IDENTITY_TOKEN",
    "SPACELIFT_OIDC_TOKEN",
    "SEMAPHORE_OIDC_TOKEN",
    "VERCEL_OIDC_TOKEN",
    // Which connection, account or role a machine speaks as.
    "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
    "AZURE_CLIENT_ID",
    "AZURE_FEDERATED_TOKEN_FILE",
    "GOOGLE_SERVICE_ACCOUNT_NAME",
    "SPIFFE_ENDPOINT_SOCKET",
    "FLY_MACHINE_ID",
    "AWS_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "IDENTITY_ENDPOINT",
];

/// A digest of the source of an identity's credential. It tells nothing about what went into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Origin(Sha256);

impl Origin {
    /// That of whatever comes first for `server`, in the order of `credential::Source`: what the environment names, before
    /// what is remembered, before whatever vouches for this job or machine.
    pub(crate) fn of(environment: &Environment, server: &Server) -> Self {
        if let Some(named) = &environment.identity_token {
            return Self::marked(environment, "identity token", named.expose().trim().as_bytes());
        }
        match environment.ambient.as_deref() {
            None | Some("auto" | "off") => Self::remembered(environment, server),
            Some(name) => Self::marked(environment, "ambient", name.as_bytes()),
        }
    }

    /// That of what `login` has just remembered for `server`, whatever the environment names.
    pub(crate) fn remembered(environment: &Environment, server: &Server) -> Self {
        if let Some(path) = &server.service_account_key_path {
            // The key is this user's, and no job's.
            return Self::digest("service account", path.as_os_str().as_encoded_bytes(), &|_| None);
        }
        if let Some(path) = &server.identity_token_path {
            return Self::marked(environment, "identity token path", path.as_os_str().as_encoded_bytes());
        }
        match server.ambient.filter(|_| environment.ambient.as_deref() != Some("off")) {
            Some(ambient) => Self::marked(environment, "ambient", ambient.provider().name.as_bytes()),
            None => Self::marked(environment, "whatever is here", &[]),
        }
    }

    /// With the marks: a path, and a machine, may be another job's a moment later.
    fn marked(environment: &Environment, kind: &str, what: &[u8]) -> Self {
        let machine = environment.machine();
        Self::digest(kind, what, &|name| machine.variable(name))
    }

    fn digest(kind: &str, what: &[u8], mark: &dyn Fn(&str) -> Option<String>) -> Self {
        let mut hasher = Sha256Hasher::new();
        let mut part = |bytes: &[u8]| {
            // With its length before it, so that no two lists of parts read alike.
            hasher.update(&(bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(kind.as_bytes());
        part(what);
        for name in MARKS {
            if let Some(value) = mark(name) {
                part(name.as_bytes());
                part(value.as_bytes());
            }
        }
        Self(hasher.finish())
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
impl Origin {
    /// Some origin, for tests that have no environment.
    pub(crate) fn some(what: &str) -> Self {
        Self::digest("test", what.as_bytes(), &|_| None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_tells_two_jobs_apart() {
        let with = |marks: &[(&str, &str)]| {
            Origin::digest("ambient", b"github", &|name| {
                marks.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        for name in MARKS {
            assert_ne!(with(&[(name, "1")]), with(&[(name, "2")]), "{name}");
            assert_ne!(with(&[(name, "1")]), with(&[]), "{name}");
            assert_eq!(with(&[(name, "1")]), with(&[(name, "1"), ("GITHUB_ACTION", "x")]), "{name}");
        }
        assert_ne!(with(&[("CI_JOB_ID", "1")]), with(&[("BUILDKITE_JOB_ID", "1")]));
        assert_ne!(Origin::digest("a", b"bc", &|_| None), Origin::digest("ab", b"c", &|_| None));
    }
}
