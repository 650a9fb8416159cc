//! What a job finds around it when it starts.

use serde_json::{Value, json};

use super::{
    JOB_SECRET, Job, Kind, State,
    endpoints::{AZURE_DEVOPS_PATH, BUILDKITE_JOB, GITHUB_PATH},
    files, issuer,
    kind::CIRCLECI_ORG,
    programs,
};

/// Starts a job.
pub(super) fn job(state: &State) -> Job {
    files::write(state);
    let mut variables = vec![];
    if is_ci(state.kind) {
        variables.push(("CI".to_owned(), "true".to_owned()));
    }
    variables.extend(own(state).into_iter().map(|(name, value)| (name.to_owned(), value)));
    if state.kind == Kind::GitLab {
        variables.push((format!("{}_ID_TOKEN", variable_of(&state.audience)), one(state, json!({}))));
    }
    Job { variables, programs: programs::folder(state) }
}

fn is_ci(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::GitHub
            | Kind::GitLab
            | Kind::Buildkite
            | Kind::BuildkiteApi
            | Kind::CircleCi
            | Kind::CircleCiVariable
            | Kind::Bitbucket
            | Kind::BitbucketAudiences
            | Kind::Semaphore
            | Kind::Vercel
    )
}

/// The one token of a job.
fn one(state: &State, more: Value) -> String {
    issuer::mint(state, &json!(state.settings_audience()), more)
}

fn own(state: &State) -> Vec<(&'static str, String)> {
    let text = str::to_owned;
    let under = |path: &str| format!("{}{path}", state.api);
    match state.kind {
        Kind::GitHub => vec![
            ("GITHUB_ACTIONS", text("true")),
            ("GITHUB_REPOSITORY", text("octo-org/octo-repo")),
            ("GITHUB_RUN_ID", text("1658821493")),
            ("ACTIONS_ID_TOKEN_REQUEST_URL", under(&format!("{GITHUB_PATH}?api-version=2.0"))),
            ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", text(JOB_SECRET)),
        ],
        Kind::GitLab => vec![("GITLAB_CI", text("true")), ("CI_JOB_ID", text("302"))],
        Kind::Buildkite | Kind::BuildkiteApi => vec![
            ("BUILDKITE", text("true")),
            ("BUILDKITE_JOB_ID", text(BUILDKITE_JOB)),
            ("BUILDKITE_AGENT_ACCESS_TOKEN", text(JOB_SECRET)),
            ("BUILDKITE_AGENT_ENDPOINT", under("/v3")),
        ],
        Kind::CircleCi | Kind::CircleCiVariable => {
            // Always there, and always the organization's.
            let iss = format!("{}/org/{CIRCLECI_ORG}", state.site);
            let token = issuer::mint(state, &json!(CIRCLECI_ORG), json!({ "iss": iss }));
            vec![("CIRCLECI", text("true")), ("CIRCLE_OIDC_TOKEN", token.clone()), ("CIRCLE_OIDC_TOKEN_V2", token)]
        }
        Kind::Bitbucket | Kind::BitbucketAudiences => vec![
            ("BITBUCKET_BUILD_NUMBER", text("42")),
            ("BITBUCKET_WORKSPACE", text("acme")),
            ("BITBUCKET_STEP_OIDC_TOKEN", one(state, json!({}))),
        ],
        Kind::AzureDevOps => vec![
            ("TF_BUILD", text("True")),
            ("SYSTEM_OIDCREQUESTURI", under(AZURE_DEVOPS_PATH)),
            ("SYSTEM_ACCESSTOKEN", text(JOB_SECRET)),
        ],
        // Bound in the pipeline, by `withCredentials`.
        Kind::Jenkins => vec![
            ("JENKINS_URL", text("https://jenkins.example.com/")),
            ("BUILD_NUMBER", text("5")),
            ("DAYPASS_IDENTITY_TOKEN", one(state, json!({}))),
        ],
        Kind::Terraform => {
            vec![("TFC_RUN_ID", text("run-X3n1AUXNGWbfECsJ")), ("TFC_WORKLOAD_IDENTITY_TOKEN", one(state, json!({})))]
        }
        Kind::Spacelift => vec![("SPACELIFT_OIDC_TOKEN", one(state, json!({})))],
        Kind::Semaphore => {
            vec![("SEMAPHORE", text("true")), ("SEMAPHORE_OIDC_TOKEN", one(state, json!({})))]
        }
        Kind::Vercel => vec![
            ("VERCEL", text("1")),
            ("VERCEL_ENV", text("production")),
            ("VERCEL_OIDC_TOKEN", one(state, json!({}))),
        ],
        Kind::Fly => vec![("FLY_MACHINE_ID", text("3d8d377ce9e398")), ("FLY_APP_NAME", text("weather-cat"))],
        Kind::Google => vec![("GCE_METADATA_HOST", text(state.api.trim_start_matches("http://")))],
        Kind::AzureAppService => {
            vec![("IDENTITY_ENDPOINT", under("/msi/token")), ("IDENTITY_HEADER", text(JOB_SECRET))]
        }
        Kind::Kubernetes => vec![("KUBERNETES_SERVICE_HOST", text("10.0.0.1"))],
        Kind::Aks => vec![
            ("KUBERNETES_SERVICE_HOST", text("10.0.0.1")),
            ("AZURE_CLIENT_ID", text("0f6d2d4b-6f0a-4ce0-9f25-7f7f9b6a5c3e")),
            ("AZURE_TENANT_ID", text(super::kind::AZURE_TENANT)),
            ("AZURE_AUTHORITY_HOST", text("https://login.microsoftonline.com/")),
            ("AZURE_FEDERATED_TOKEN_FILE", shown(files::path(state))),
        ],
        Kind::Spiffe => {
            vec![("SPIFFE_ENDPOINT_SOCKET", format!("unix://{}", state.folder.join("agent.sock").display()))]
        }
        // Its address says it all.
        Kind::AzureVm => vec![],
    }
}

fn shown(path: Option<std::path::PathBuf>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

/// The part of a GitLab variable's name that stands for the audience, as `id` wants it.
fn variable_of(audience: &str) -> String {
    let plain = |(place, c): (usize, char)| {
        let good = c.is_ascii_uppercase() || c == '_' || (place > 0 && c.is_ascii_digit());
        if good { c } else { '_' }
    };
    audience.to_ascii_uppercase().chars().enumerate().map(plain).collect()
}
