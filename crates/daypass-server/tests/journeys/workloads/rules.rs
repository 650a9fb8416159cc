//! What a policy says of a job of each provider: the immutable ids to pin; and who else there is.

use daypass_testkit::workload::Kind;
use serde_json::{Value, json};

/// One provider's part of a policy.
pub(crate) struct Rule {
    /// The preset.
    pub(crate) preset: &'static str,
    /// The claims that the policy pins: what names a stable id, in the provider's own words.
    pub(crate) pins: &'static [&'static str],
    /// The claims of somebody else's job at the same provider.
    pub(crate) somebody_elses: Value,
    /// The claim by which they are told apart: the refusal names it.
    pub(crate) told: &'static str,
}

/// The rule for jobs of `kind`.
pub(crate) fn rule(kind: Kind) -> Rule {
    let (preset, pins, somebody_elses, told): (_, &'static [_], _, _) = match kind {
        Kind::GitHub => (
            "github",
            &["repository_owner_id", "repository_id", "ref"],
            json!({ "repository_id": "99", "repository": "octo-org/other-repo" }),
            "repository_id",
        ),
        Kind::GitLab => (
            "gitlab",
            &["namespace_id", "project_id", "ref_path"],
            json!({ "project_id": "21", "job_project_id": "21", "project_path": "my-group/other-project" }),
            "project_id",
        ),
        Kind::Buildkite | Kind::BuildkiteApi => (
            "buildkite",
            &["organization_id", "pipeline_id"],
            json!({ "pipeline_id": "0b6a5c4d-3e2f-41a0-89b7-c6d5e4f3a2b1", "pipeline_slug": "other-app" }),
            "pipeline_id",
        ),
        Kind::CircleCi | Kind::CircleCiVariable => (
            "circleci",
            &["oidc.circleci.com/org-id", "oidc.circleci.com/project-id"],
            json!({ "oidc.circleci.com/project-id": "01234567-89ab-4cde-8f01-23456789abcd" }),
            "oidc.circleci.com/project-id",
        ),
        Kind::Bitbucket | Kind::BitbucketAudiences => (
            "bitbucket",
            &["workspaceUuid", "repositoryUuid"],
            json!({ "repositoryUuid": "{01234567-89ab-4cde-8f01-23456789abcd}" }),
            "repositoryUuid",
        ),
        Kind::AzureDevOps => ("azure-devops", &["org_id", "prj_id", "def_id"], json!({ "def_id": "35" }), "def_id"),
        Kind::Jenkins => {
            ("jenkins", &["sub"], json!({ "sub": "https://jenkins.example.com/job/evil/job/app/" }), "sub")
        }
        Kind::Terraform => (
            "terraform",
            &["terraform_organization_id", "terraform_workspace_id", "terraform_run_phase"],
            json!({ "terraform_workspace_id": "ws-SomebodyElsesWs1" }),
            "terraform_workspace_id",
        ),
        Kind::Spacelift => ("spacelift", &["spaceId", "callerId"], json!({ "callerId": "other-stack" }), "callerId"),
        Kind::Semaphore => {
            ("semaphore", &["org_id", "prj_id"], json!({ "prj_id": "01234567-89ab-4cde-8f01-23456789abcd" }), "prj_id")
        }
        Kind::Vercel => (
            "vercel",
            &["owner_id", "project_id", "environment"],
            json!({ "project_id": "prj_SomebodyElsesProject0000000" }),
            "project_id",
        ),
        Kind::Fly => ("fly", &["org_id", "app_id"], json!({ "app_id": "3671582" }), "app_id"),
        Kind::Google => {
            ("google", &["sub"], json!({ "sub": "100000000000000000001", "azp": "100000000000000000001" }), "sub")
        }
        Kind::AzureAppService | Kind::AzureVm => {
            ("azure", &["oid"], json!({ "oid": "01234567-89ab-4cde-8f01-23456789abcd" }), "oid")
        }
        Kind::Kubernetes | Kind::Aks => (
            "kubernetes",
            &["/kubernetes.io/namespace", "/kubernetes.io/serviceaccount/uid"],
            // The same names, in another life of theirs.
            json!({ "kubernetes.io": {
                "namespace": "build",
                "serviceaccount": { "name": "builder", "uid": "01234567-89ab-4cde-8f01-23456789abcd" },
            } }),
            "/kubernetes.io/serviceaccount/uid",
        ),
        Kind::Spiffe => ("spiffe", &["sub"], json!({ "sub": "spiffe://acme.example/other/runner" }), "sub"),
    };
    Rule { preset, pins, somebody_elses, told }
}
