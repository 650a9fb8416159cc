//! The claim sets of CIs.

use serde_json::{Value, json};

use crate::workload::kind::{AZURE_DEVOPS_ORG, CIRCLECI_ORG};

const COMMIT: &str = "9f3182061f1e2cca4702c368cbc039b7dc9d4485";

/// "OpenID Connect reference", GitHub Docs; `sub` is of a repository from before July 2026.
pub(super) fn github() -> Value {
    json!({
        "sub": "repo:octo-org/octo-repo:ref:refs/heads/main",
        "ref": "refs/heads/main",
        "sha": COMMIT,
        "repository": "octo-org/octo-repo",
        "repository_owner": "octo-org",
        "repository_owner_id": "65",
        "run_id": "1658821493",
        "run_number": "10",
        "run_attempt": "2",
        "repository_visibility": "private",
        "repository_id": "74",
        "actor_id": "12",
        "actor": "octocat",
        "workflow": "release",
        "head_ref": "",
        "base_ref": "",
        "event_name": "workflow_dispatch",
        "enterprise": "avocado-corp",
        "enterprise_id": "2",
        "ref_protected": "true",
        "ref_type": "branch",
        "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        "workflow_sha": COMMIT,
        "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
        "job_workflow_sha": COMMIT,
        "runner_environment": "github-hosted",
    })
}

/// "ID token authentication", GitLab Docs: ids are texts, `runner_id` is a number.
pub(super) fn gitlab() -> Value {
    json!({
        "namespace_id": "72",
        "namespace_path": "my-group",
        "project_id": "20",
        "project_path": "my-group/my-project",
        "user_id": "1",
        "user_login": "sample-user",
        "user_email": "sample-user@example.com",
        "user_access_level": "developer",
        "user_identities": [{ "provider": "github", "extern_uid": "2435223452345" }],
        "job_project_id": "20",
        "job_project_path": "my-group/my-project",
        "job_namespace_id": "72",
        "job_namespace_path": "my-group",
        "pipeline_id": "574",
        "pipeline_source": "push",
        "job_id": "302",
        "ref": "main",
        "ref_type": "branch",
        "ref_path": "refs/heads/main",
        "ref_protected": "true",
        "groups_direct": ["mygroup/mysubgroup", "myothergroup/myothersubgroup"],
        "environment": "staging",
        "environment_protected": "false",
        "deployment_tier": "testing",
        "environment_action": "start",
        "runner_id": 1,
        "runner_environment": "self-hosted",
        "sha": COMMIT,
        "project_visibility": "private",
        "ci_config_ref_uri": "gitlab.example.com/my-group/my-project//.gitlab-ci.yml@refs/heads/main",
        "ci_config_sha": COMMIT,
        "sub": "project_path:my-group/my-project:ref_type:branch:ref:main",
    })
}

/// What is in a token only when it was asked for, by `--claim`.
pub(in crate::workload) const BUILDKITE_ON_REQUEST: [(&str, &str); 5] = [
    ("organization_id", "f02d6a6f-7a0e-481d-9d6d-89b427aec48d"),
    ("pipeline_id", "c71dda4e-d1f2-4a1a-9be0-5a5b9c0b7f3d"),
    ("cluster_id", "4e81b3d2-6f3b-4c5a-8d7e-2b1a0c9f8e7d"),
    ("cluster_name", "Default cluster"),
    ("queue_id", "01885682-55a7-44f5-84f3-0402fb452e66"),
];

/// "OIDC in Buildkite Pipelines", Buildkite Docs: names only, unless more is asked for.
pub(super) fn buildkite() -> Value {
    json!({
        "sub": format!("organization:acme-inc:pipeline:super-duper-app:ref:refs/heads/main:commit:{COMMIT}:step:build"),
        "organization_slug": "acme-inc",
        "pipeline_slug": "super-duper-app",
        "build_number": 1,
        "build_branch": "main",
        "build_commit": COMMIT,
        "step_key": "build",
        "job_id": "0184990a-477b-4fa8-9968-496074483cee",
        "agent_id": "0184990a-4782-42b5-afc1-16715b10b8ff",
        "build_source": "ui",
        "runner_environment": "buildkite-hosted",
    })
}

/// "Using OpenID Connect tokens in jobs", `CircleCI` Docs: `sub` is the second version's.
pub(super) fn circleci() -> Value {
    const PROJECT: &str = "f8b7a6c5-d4e3-42f1-a0b9-8c7d6e5f4a3b";
    const USER: &str = "c1d2e3f4-a5b6-47c8-99d0-e1f2a3b4c5d6";
    let origin = "github.com/acme-inc/super-duper-app";
    json!({
        "sub": format!(
            "org/{CIRCLECI_ORG}/project/{PROJECT}/user/{USER}/vcs-origin/{origin}/vcs-ref/refs/heads/main"
        ),
        "oidc.circleci.com/context-ids": ["b1c2d3e4-f5a6-4b7c-8d9e-0f1a2b3c4d5e"],
        "oidc.circleci.com/job-id": "6f5e4d3c-2b1a-4c9d-8e7f-6a5b4c3d2e1f",
        "oidc.circleci.com/org-id": CIRCLECI_ORG,
        "oidc.circleci.com/pipeline-definition-id": "0a1b2c3d-4e5f-4678-9abc-def012345678",
        "oidc.circleci.com/pipeline-id": "11223344-5566-4778-899a-abbccddeeff0",
        "oidc.circleci.com/project-id": PROJECT,
        "oidc.circleci.com/ssh-rerun": false,
        "oidc.circleci.com/vcs-origin": origin,
        "oidc.circleci.com/vcs-ref": "refs/heads/main",
        "oidc.circleci.com/workflow-id": "99887766-5544-4332-a110-ffeeddccbbaa",
    })
}

/// "Integrate Pipelines with resource servers using OIDC", Atlassian Support: ids are in braces.
pub(super) fn bitbucket() -> Value {
    json!({
        "sub": "{884ec5b2-9b1c-4a6e-8f2d-7c3b1a0e9d8f}:{5b7a1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d}",
        "stepUuid": "{5b7a1c2d-3e4f-4a5b-8c6d-7e8f9a0b1c2d}",
        "repositoryUuid": "{884ec5b2-9b1c-4a6e-8f2d-7c3b1a0e9d8f}",
        "workspaceUuid": "{4f2d1a5c-8c0d-4b6e-9f3a-1f0a1b2c3d4e}",
        "pipelineUuid": "{0d9c8b7a-6f5e-4d3c-a2b1-0f9e8d7c6b5a}",
        "pipelineRunUuid": "{1e2d3c4b-5a69-4788-97a6-b5c4d3e2f100}",
        "branchName": "main",
    })
}

/// As seen by users (sigstore/fulcio issue 1803): Azure DevOps documents none of it.
pub(super) fn azure_devops() -> Value {
    json!({
        "sub": "p://acme/shop/release",
        "org_id": AZURE_DEVOPS_ORG,
        "prj_id": "7a6b5c4d-3e2f-41a0-b9c8-d7e6f5a4b3c2",
        "def_id": "34",
        "rpo_id": "b0a19f8e-7d6c-45b4-a392-8170f6e5d4c3",
        "rpo_uri": "https://dev.azure.com/acme/shop/_git/shop",
        "rpo_ver": COMMIT,
        "rpo_ref": "refs/heads/main",
        "run_id": "1234",
    })
}

/// The oidc-provider plugin's own claim templates: the job's URL and the build's number, a number.
pub(super) fn jenkins() -> Value {
    json!({ "sub": "https://jenkins.example.com/job/acme/job/app/", "build_number": 5 })
}

/// "Workload identity tokens", HCP Terraform documentation.
pub(super) fn terraform() -> Value {
    let workspace = "organization:acme:project:Default Project:workspace:shop";
    json!({
        "sub": format!("{workspace}:run_phase:apply"),
        "terraform_run_phase": "apply",
        "terraform_workspace_id": "ws-mbsd5E3Ktt5Rg2Xm",
        "terraform_workspace_name": "shop",
        "terraform_organization_id": "org-GRNbCjYNpBB6NEBH",
        "terraform_organization_name": "acme",
        "terraform_project_id": "prj-vegSA59s1XPwMr2t",
        "terraform_project_name": "Default Project",
        "terraform_run_id": "run-X3n1AUXNGWbfECsJ",
        "terraform_full_workspace": workspace,
    })
}

/// "OpenID Connect", Spacelift documentation: the names are in camel case.
pub(super) fn spacelift() -> Value {
    json!({
        "sub": "space:infra-01HGR6F6XK4:stack:network:run_type:TRACKED:scope:write",
        "spaceId": "infra-01HGR6F6XK4",
        "callerType": "stack",
        "callerId": "network",
        "runType": "TRACKED",
        "runId": "01HGR7ZV5Q8E1T2W3Y4X5C6B7N",
        "scope": "write",
    })
}

/// "OpenID Connect", Semaphore documentation.
pub(super) fn semaphore() -> Value {
    json!({
        "sub": "org:acme:project:936a5312-a3b8-4921-8b3f-2cec8baac574:repo:web:ref_type:branch:ref:refs/heads/main",
        "org": "acme",
        "org_id": "7f1d2c3b-4a59-4687-9786-a5b4c3d2e1f0",
        "prj": "web",
        "prj_id": "936a5312-a3b8-4921-8b3f-2cec8baac574",
        "wf_id": "72c434f3-2f40-41bb-a45d-8c0c4d9f8c5d",
        "ppl_id": "1c3c8e47-0a3b-4e5c-9f2b-d1b2a3c4d5e6",
        "job_id": "a01b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "job_type": "pipeline_job",
        "repo": "web",
        "repo_slug": "acme/web",
        "ref": "refs/heads/main",
        "ref_type": "branch",
        "branch": "main",
        "pr_branch": "",
        "pr": "",
        "tag": "",
        "trg": "push",
    })
}
