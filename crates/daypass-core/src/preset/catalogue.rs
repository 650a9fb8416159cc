//! The table of presets. One entry a provider; what is not said is as in [`GENERIC`].

use super::{Known, Value};
use crate::{issuer::Replay, publisher::PublisherKind};

/// How often a token may be exchanged that a provider hands out once per job, or keeps for a while. A job of a day with
/// access tokens of an hour needs 24, and several steps may run beside one another.
const STATIC: Replay = Replay::Bounded(200);

const NOT_AN_OPERATORS: &str = "it runs with the rights of the target repository on a stranger's request";

pub(super) const GENERIC: Known = Known {
    name: "generic",
    title: "an OpenID provider",
    url: None,
    url_form: "https://ci.example.com",
    also: None,
    hosts: &[],
    organisation: &[],
    must_pin: &[],
    mutable: &[],
    untrusted: &[],
    refused: &[],
    equal: &[],
    code: &[],
    audience: None,
    replay: Replay::Once,
    spiffe: false,
    publisher: None,
    sigv4: false,
};

const GITHUB: Known = Known {
    name: "github",
    title: "GitHub Actions",
    url: Some("https://token.actions.githubusercontent.com"),
    url_form: "https://token.actions.githubusercontent.com/ENTERPRISE or https://token.actions.NAME.ghe.com",
    hosts: &["token.actions.githubusercontent.com", "ghe.com"],
    organisation: &["repository_owner_id", "enterprise_id"],
    must_pin: &["repository_id", "repository_owner_id", "enterprise_id"],
    mutable: GITHUB_MUTABLE,
    untrusted: GITHUB_UNTRUSTED,
    refused: GITHUB_REFUSED,
    code: GITHUB_CODE,
    publisher: Some(PublisherKind::GitHub),
    ..GENERIC
};

const GITHUB_MUTABLE: &[(&str, &str)] = &[
    // It has three shapes since July 2026, can be given another one by every repository, and names can be taken over.
    ("sub", "repository_id"),
    ("repository", "repository_id"),
    ("repository_owner", "repository_owner_id"),
    ("enterprise", "enterprise_id"),
    ("actor", "actor_id"),
    ("workflow", "workflow_ref"),
];

const GITHUB_UNTRUSTED: &[&str] = &["head_ref", "base_ref", "run_id", "run_number", "run_attempt", "sha"];

const GITHUB_REFUSED: &[(&str, Value, &str)] = &[
    ("event_name", Value::Text("pull_request_target"), NOT_AN_OPERATORS),
    ("event_name", Value::Text("workflow_run"), NOT_AN_OPERATORS),
];

const GITHUB_CODE: &[&str] = &["ref", "environment", "job_workflow_ref", "workflow_ref", "job_workflow_sha"];

const GITHUB_ENTERPRISE: Known = Known {
    name: "github-enterprise",
    title: "GitHub Enterprise Server",
    url: None,
    url_form: "https://HOST/_services/token",
    hosts: &[],
    // The ids are unique within one server only, which the issuer tells.
    organisation: &[],
    ..GITHUB
};

const GITLAB: Known = Known {
    name: "gitlab",
    title: "GitLab CI/CD",
    url: Some("https://gitlab.com"),
    url_form: "https://gitlab.example.com",
    hosts: &["gitlab.com"],
    organisation: &["namespace_id", "job_namespace_id"],
    must_pin: &["project_id", "namespace_id", "job_project_id", "job_namespace_id"],
    mutable: &[
        ("sub", "project_id"),
        ("project_path", "project_id"),
        ("namespace_path", "namespace_id"),
        ("job_project_path", "job_project_id"),
        ("user_login", "user_id"),
        ("user_email", "user_id"),
    ],
    untrusted: &["pipeline_id", "job_id", "sha", "user_login", "user_email", "user_access_level"],
    equal: &[(
        "project_id",
        "job_project_id",
        "the job runs in another project than the one it speaks for, as a fork's merge request does",
    )],
    code: &["ref", "ref_path", "environment", "ci_config_ref_uri", "job_config"],
    publisher: Some(PublisherKind::GitLab),
    replay: STATIC,
    ..GENERIC
};

const BUILDKITE: Known = Known {
    name: "buildkite",
    title: "Buildkite",
    url: Some("https://agent.buildkite.com"),
    hosts: &["agent.buildkite.com"],
    organisation: &["organization_id"],
    must_pin: &["organization_id", "pipeline_id", "cluster_id"],
    mutable: &[
        ("sub", "pipeline_id"),
        ("organization_slug", "organization_id"),
        ("pipeline_slug", "pipeline_id"),
        ("cluster_name", "cluster_id"),
    ],
    untrusted: &["step_key", "build_branch", "build_commit", "build_number", "build_tag", "job_id", "agent_id"],
    code: &["build_branch", "build_tag", "cluster_id", "queue_id"],
    ..GENERIC
};

const CIRCLECI: Known = Known {
    name: "circleci",
    title: "CircleCI",
    url: Some("https://oidc.circleci.com"),
    url_form: "https://oidc.circleci.com/org/UUID",
    hosts: &["oidc.circleci.com"],
    organisation: &["oidc.circleci.com/org-id"],
    must_pin: &["oidc.circleci.com/org-id", "oidc.circleci.com/project-id"],
    mutable: &[("sub", "oidc.circleci.com/project-id")],
    untrusted: &["oidc.circleci.com/vcs-ref", "oidc.circleci.com/pipeline-id"],
    refused: &[(
        "oidc.circleci.com/ssh-rerun",
        Value::Bool(true),
        "somebody runs commands of their own in the job, over SSH",
    )],
    code: &["oidc.circleci.com/vcs-ref", "oidc.circleci.com/context-ids", "oidc.circleci.com/pipeline-definition-id"],
    publisher: Some(PublisherKind::CircleCi),
    replay: STATIC,
    ..GENERIC
};

const BITBUCKET: Known = Known {
    name: "bitbucket",
    title: "Bitbucket Pipelines",
    url_form: "https://api.bitbucket.org/2.0/workspaces/WORKSPACE/pipelines-config/identity/oidc",
    hosts: &["api.bitbucket.org"],
    must_pin: &["repositoryUuid", "workspaceUuid"],
    // It changes with every run: repository, environment and step.
    mutable: &[("sub", "repositoryUuid"), ("branchName", "deploymentEnvironmentUuid")],
    untrusted: &["stepUuid", "pipelineRunUuid"],
    code: &["branchName", "deploymentEnvironmentUuid"],
    replay: STATIC,
    ..GENERIC
};

const AZURE_DEVOPS: Known = Known {
    name: "azure-devops",
    title: "Azure DevOps",
    url_form: "https://vstoken.dev.azure.com/ORGANISATION-ID",
    hosts: &["vstoken.dev.azure.com"],
    must_pin: &["org_id", "prj_id", "def_id", "rpo_id"],
    mutable: &[("sub", "def_id"), ("rpo_uri", "rpo_id")],
    untrusted: &["run_id", "rpo_ver"],
    code: &["rpo_ref", "def_id"],
    audience: Some("api://AzureADTokenExchange"),
    ..GENERIC
};

const JENKINS: Known = Known {
    name: "jenkins",
    title: "Jenkins (oidc-provider plugin)",
    url_form: "https://jenkins.example.com/oidc",
    untrusted: &["build_number", "build_id", "build_tag", "build_cause"],
    code: &["branch_name", "git_branch", "branch"],
    replay: STATIC,
    ..GENERIC
};

const TERRAFORM: Known = Known {
    name: "terraform",
    title: "HCP Terraform",
    url: Some("https://app.terraform.io"),
    url_form: "https://terraform.example.com",
    hosts: &["app.terraform.io"],
    organisation: &["terraform_organization_id"],
    must_pin: &["terraform_organization_id", "terraform_workspace_id", "terraform_project_id"],
    mutable: &[
        ("sub", "terraform_workspace_id"),
        ("terraform_organization_name", "terraform_organization_id"),
        ("terraform_workspace_name", "terraform_workspace_id"),
        ("terraform_project_name", "terraform_project_id"),
    ],
    untrusted: &["terraform_run_id"],
    code: &["terraform_run_phase"],
    replay: STATIC,
    ..GENERIC
};

const SPACELIFT: Known = Known {
    name: "spacelift",
    title: "Spacelift",
    url_form: "https://ACCOUNT.app.spacelift.io",
    hosts: &["app.spacelift.io"],
    must_pin: &["spaceId", "callerId"],
    mutable: &[("sub", "callerId")],
    untrusted: &["runId"],
    code: &["runType", "scope"],
    replay: STATIC,
    ..GENERIC
};

const SEMAPHORE: Known = Known {
    name: "semaphore",
    title: "Semaphore",
    url_form: "https://ORGANISATION.semaphoreci.com",
    hosts: &["semaphoreci.com"],
    must_pin: &["prj_id", "org_id"],
    mutable: &[("sub", "prj_id"), ("prj", "prj_id"), ("org", "org_id"), ("repo", "prj_id"), ("repo_slug", "prj_id")],
    untrusted: &["job_id", "ppl_id", "wf_id", "sha"],
    code: &["ref", "branch", "ref_type"],
    replay: STATIC,
    ..GENERIC
};

const VERCEL: Known = Known {
    name: "vercel",
    title: "Vercel",
    url: Some("https://oidc.vercel.com"),
    url_form: "https://oidc.vercel.com/TEAM",
    hosts: &["oidc.vercel.com"],
    organisation: &["owner_id"],
    must_pin: &["owner_id", "project_id"],
    mutable: &[("sub", "project_id"), ("owner", "owner_id"), ("project", "project_id"), ("scope", "project_id")],
    code: &["environment"],
    replay: STATIC,
    ..GENERIC
};

const FLY: Known = Known {
    name: "fly",
    title: "Fly.io",
    url_form: "https://oidc.fly.io/ORGANISATION",
    hosts: &["oidc.fly.io"],
    must_pin: &["org_id", "app_id"],
    mutable: &[("sub", "app_id"), ("org_name", "org_id"), ("app_name", "app_id"), ("machine_name", "machine_id")],
    code: &["image_digest", "machine_id"],
    ..GENERIC
};

const GOOGLE: Known = Known {
    name: "google",
    title: "Google Cloud",
    url: Some("https://accounts.google.com"),
    also: Some("accounts.google.com"),
    hosts: &["accounts.google.com"],
    // The number of a service account is never given to another one.
    organisation: &["sub", "azp", "/google/compute_engine/project_number"],
    must_pin: &["sub", "azp", "/google/compute_engine/project_number"],
    mutable: &[
        ("email", "sub"),
        ("/google/compute_engine/project_id", "/google/compute_engine/project_number"),
        ("/google/compute_engine/instance_name", "/google/compute_engine/instance_id"),
    ],
    publisher: Some(PublisherKind::Google),
    refused: &[("email_verified", Value::Bool(false), "nobody has checked that the address is theirs")],
    replay: STATIC,
    ..GENERIC
};

const AWS_OIDC: Known = Known {
    name: "aws-oidc",
    title: "AWS (GetWebIdentityToken)",
    url_form: "https://UUID.tokens.sts.global.api.aws",
    hosts: &["tokens.sts.global.api.aws"],
    must_pin: &[
        "/https:~1~1sts.amazonaws.com~1/principal_id",
        "/https:~1~1sts.amazonaws.com~1/aws_account",
        "/https:~1~1sts.amazonaws.com~1/org_id",
        "sub",
    ],
    mutable: &[("sub", "/https:~1~1sts.amazonaws.com~1/principal_id")],
    untrusted: &["/https:~1~1sts.amazonaws.com~1/request_tags"],
    ..GENERIC
};

const AWS_SIGV4: Known = Known {
    name: "aws-sigv4",
    title: "AWS (signed GetCallerIdentity)",
    url: Some("https://sts.amazonaws.com"),
    hosts: &["sts.amazonaws.com"],
    organisation: &["account", "principal_id"],
    must_pin: &["principal_id", "account"],
    mutable: &[("arn", "principal_id"), ("sub", "principal_id"), ("role", "principal_id"), ("user_id", "principal_id")],
    untrusted: &["session"],
    sigv4: true,
    ..GENERIC
};

const AZURE: Known = Known {
    name: "azure",
    title: "Azure managed identity",
    url_form: "https://login.microsoftonline.com/TENANT-ID/v2.0 or https://sts.windows.net/TENANT-ID/",
    hosts: &["login.microsoftonline.com", "sts.windows.net"],
    must_pin: &["oid", "sub", "xms_mirid"],
    mutable: &[("upn", "oid"), ("preferred_username", "oid"), ("email", "oid"), ("app_displayname", "oid")],
    replay: STATIC,
    ..GENERIC
};

const KUBERNETES: Known = Known {
    name: "kubernetes",
    title: "Kubernetes",
    url_form: "https://oidc.eks.REGION.amazonaws.com/id/ID, or what `kubectl get --raw /.well-known/openid-configuration` says",
    must_pin: &["/kubernetes.io/serviceaccount/uid", "/kubernetes.io/namespace", "sub"],
    mutable: &[
        ("sub", "/kubernetes.io/serviceaccount/uid"),
        ("/kubernetes.io/serviceaccount/name", "/kubernetes.io/serviceaccount/uid"),
    ],
    untrusted: &["/kubernetes.io/pod/name", "/kubernetes.io/pod/uid"],
    replay: STATIC,
    ..GENERIC
};

const SPIFFE: Known = Known {
    name: "spiffe",
    title: "SPIFFE",
    url_form: "spiffe://TRUST-DOMAIN",
    must_pin: &["sub"],
    // An agent hands out what it has got until half of its life is over.
    replay: STATIC,
    spiffe: true,
    ..GENERIC
};

pub(super) const ALL: [&Known; 20] = [
    &GENERIC,
    &GITHUB,
    &GITHUB_ENTERPRISE,
    &GITLAB,
    &BUILDKITE,
    &CIRCLECI,
    &BITBUCKET,
    &AZURE_DEVOPS,
    &JENKINS,
    &TERRAFORM,
    &SPACELIFT,
    &SEMAPHORE,
    &VERCEL,
    &FLY,
    &GOOGLE,
    &AWS_OIDC,
    &AWS_SIGV4,
    &AZURE,
    &KUBERNETES,
    &SPIFFE,
];
