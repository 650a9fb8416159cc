//! Who publishes, as PEP 740 says it: the workflow behind an access token, in the words of its own CI.
//!
//! It is made of the claims of an outside token when that is exchanged, stands in the access token from then on, and
//! is what the attestations of an uploaded file are held against. Not every CI has such words: then there is none, and
//! its uploads cannot bring attestations.
//!
//! What is *not* here: who may publish (that is the identity's rule and its grants), the reading of certificates.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{claims::Claims, issuer::TrustedIssuer};

/// The longest value of a publisher. It travels in every request, within the access token.
const LONGEST_VALUE: usize = 255;

/// The publisher object of PEP 740, with the members by which the public index and its tools know each kind.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub enum Publisher {
    /// A GitHub Actions workflow.
    GitHub {
        /// `owner/name`.
        repository: Box<str>,
        /// The file name of the workflow below `.github/workflows`.
        workflow: Box<str>,
        /// The deployment environment, if the job has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        environment: Option<Box<str>>,
        /// The origin of a GitHub of somebody's own: its repositories are not those of the same name elsewhere.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        server: Option<Box<str>>,
    },
    /// A GitLab CI/CD pipeline.
    GitLab {
        /// The project's path, with all its groups.
        repository: Box<str>,
        /// The path of the pipeline's configuration in the project.
        workflow_filepath: Box<str>,
        /// The deployment environment, if the job has one.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        environment: Option<Box<str>>,
        /// The origin of a GitLab of somebody's own.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        server: Option<Box<str>>,
    },
    /// A Google Cloud service account.
    Google {
        /// Its address.
        email: Box<str>,
    },
    /// A `CircleCI` pipeline.
    #[serde(rename = "CircleCI")]
    CircleCi {
        /// The project's UUID.
        project_id: Box<str>,
        /// The pipeline definition's UUID.
        pipeline_definition_id: Box<str>,
        /// The repository, as `CircleCI` names it: `github.com/owner/name`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        vcs_origin: Option<Box<str>>,
        /// The git ref.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        vcs_ref: Option<Box<str>>,
    },
}

/// The kinds of publishers there are words for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublisherKind {
    /// GitHub Actions, wherever the GitHub is.
    GitHub,
    /// GitLab CI/CD, wherever the GitLab is.
    GitLab,
    /// Google Cloud.
    Google,
    /// `CircleCI`.
    CircleCi,
}

impl Publisher {
    /// The publisher that a proven outside token of `issuer` speaks for. `None` when its CI has no words for one, or when
    /// the claims that tell are missing or not as that CI writes them.
    pub fn of(issuer: &TrustedIssuer, claims: &Claims) -> Option<Self> {
        match issuer.preset.publisher? {
            PublisherKind::GitHub => github(issuer, claims),
            PublisherKind::GitLab => gitlab(issuer, claims),
            PublisherKind::Google => {
                let verified = claims.get("email_verified").is_some_and(|value| value == true);
                Some(Self::Google { email: text(claims, "email").filter(|_| verified)? })
            }
            PublisherKind::CircleCi => Some(Self::CircleCi {
                project_id: text(claims, "oidc.circleci.com/project-id")?,
                pipeline_definition_id: text(claims, "oidc.circleci.com/pipeline-definition-id")?,
                vcs_origin: text(claims, "oidc.circleci.com/vcs-origin"),
                vcs_ref: text(claims, "oidc.circleci.com/vcs-ref"),
            }),
        }
    }
}

/// `workflow_ref` is `OWNER/NAME/.github/workflows/FILE@REF` of the workflow that was started: the caller's, where a
/// reusable one is called.
fn github(issuer: &TrustedIssuer, claims: &Claims) -> Option<Publisher> {
    let repository = text(claims, "repository")?;
    let path = claims.get("workflow_ref")?.as_str()?.strip_prefix(&*repository)?.strip_prefix("/.github/workflows/")?;
    let (workflow, _) = path.split_once('@')?;
    let host = issuer.url.strip_prefix("https://").unwrap_or_default();
    let (host, rest) = host.split_once('/').unwrap_or((host, ""));
    let server = match host.strip_prefix("token.actions.") {
        Some("githubusercontent.com") => None,
        // GitHub Enterprise Cloud with data residency: a host of the customer's own.
        Some(own) if own.ends_with(".ghe.com") => Some(format!("https://{own}").into()),
        _ if rest == "_services/token" => Some(format!("https://{host}").into()),
        _ => return None,
    };
    let workflow = Some(workflow).filter(|file| is_sane(file) && !file.contains('/'))?.into();
    Some(Publisher::GitHub { repository, workflow, environment: text(claims, "environment"), server })
}

/// `ci_config_ref_uri` is `HOST/GROUP/PROJECT//PATH@REF`.
fn gitlab(issuer: &TrustedIssuer, claims: &Claims) -> Option<Publisher> {
    let repository = text(claims, "project_path")?;
    let url = issuer.url.strip_prefix("https://")?;
    let uri = claims.get("ci_config_ref_uri")?.as_str()?;
    let path = uri.strip_prefix(url)?.strip_prefix('/')?.strip_prefix(&*repository)?.strip_prefix("//")?;
    let (file, _) = path.split_once('@')?;
    let server = (issuer.preset.url != Some(&*issuer.url)).then(|| issuer.url.clone());
    let workflow_filepath = Some(file).filter(|file| is_sane(file))?.into();
    Some(Publisher::GitLab { repository, workflow_filepath, environment: text(claims, "environment"), server })
}

fn text(claims: &Claims, name: &str) -> Option<Box<str>> {
    claims.get(name)?.as_str().filter(|text| is_sane(text)).map(Into::into)
}

fn is_sane(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_VALUE && !text.chars().any(char::is_control)
}

impl fmt::Display for Publisher {
    /// For people: `GitHub octo-org/octo-repo (release.yml)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GitHub { repository, workflow, .. } => write!(f, "GitHub {repository} ({workflow})"),
            Self::GitLab { repository, workflow_filepath, .. } => {
                write!(f, "GitLab {repository} ({workflow_filepath})")
            }
            Self::Google { email } => write!(f, "Google {email}"),
            Self::CircleCi { project_id, .. } => write!(f, "CircleCI project {project_id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn of(preset: &str, url: &str, claims: Value) -> Option<Value> {
        let mut issuer = TrustedIssuer::generic("ci".parse().unwrap(), url);
        issuer.preset = preset.parse().unwrap();
        let Value::Object(all) = claims else { panic!("an object") };
        let publisher = Publisher::of(&issuer, &Claims::proven(url, all))?;
        let value = serde_json::to_value(&publisher).unwrap();
        assert_eq!(serde_json::from_value::<Publisher>(value.clone()).unwrap(), publisher);
        Some(value)
    }

    const GITHUB: &str = "https://token.actions.githubusercontent.com";

    #[test]
    fn a_workflow_of_github_is_known_by_its_repository_and_its_file() {
        let claims = json!({
            "repository": "octo-org/octo-repo", "environment": "release",
            "workflow_ref": "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main",
        });
        let expected = json!({
            "kind": "GitHub", "repository": "octo-org/octo-repo", "workflow": "release.yml", "environment": "release",
        });
        assert_eq!(of("github", GITHUB, claims.clone()), Some(expected.clone()));
        assert_eq!(of("github", &format!("{GITHUB}/octo-org"), claims.clone()), Some(expected));
        for (preset, url, server) in [
            ("github-enterprise", "https://git.example.com/_services/token", "https://git.example.com"),
            ("github", "https://token.actions.octo.ghe.com", "https://octo.ghe.com"),
        ] {
            assert_eq!(of(preset, url, claims.clone()).unwrap()["server"], server, "{url}");
        }
        assert_eq!(of("generic", GITHUB, claims.clone()), None, "nothing is known of it");
        assert_eq!(of("github-enterprise", "https://git.example.com/other", claims), None, "no server can be told");
    }

    #[test]
    fn a_pipeline_of_gitlab_is_known_by_its_project_and_its_path() {
        let claims = |host: &str| {
            json!({
                "project_path": "my-group/my-project",
                "ci_config_ref_uri": format!("{host}/my-group/my-project//ci/publish.yml@refs/heads/main"),
            })
        };
        let public = of("gitlab", "https://gitlab.com", claims("gitlab.com")).unwrap();
        assert_eq!(
            public,
            json!({"kind": "GitLab", "repository": "my-group/my-project", "workflow_filepath": "ci/publish.yml"})
        );
        let own = of("gitlab", "https://gitlab.example.com", claims("gitlab.example.com")).unwrap();
        assert_eq!(own["server"], "https://gitlab.example.com");
        assert_eq!(of("gitlab", "https://gitlab.com", claims("gitlab.example.com")), None, "another GitLab's file");
    }

    #[test]
    fn google_and_circleci_have_words_of_their_own() {
        let google = |verified: bool| json!({"email": "ci@acme.example", "email_verified": verified});
        assert_eq!(
            of("google", "https://accounts.google.com", google(true)),
            Some(json!({"kind": "Google", "email": "ci@acme.example"}))
        );
        assert_eq!(of("google", "https://accounts.google.com", google(false)), None);
        let circle = json!({"oidc.circleci.com/project-id": "p", "oidc.circleci.com/pipeline-definition-id": "d"});
        assert_eq!(
            of("circleci", "https://oidc.circleci.com/org/x", circle),
            Some(json!({"kind": "CircleCI", "project_id": "p", "pipeline_definition_id": "d"}))
        );
    }

    #[test]
    fn claims_that_do_not_tell_make_no_publisher() {
        let good = "octo-org/octo-repo/.github/workflows/release.yml@refs/heads/main";
        for (repository, workflow_ref) in [
            (json!("octo-org/octo-repo"), json!("evil/octo-repo/.github/workflows/release.yml@refs/heads/main")),
            (json!("octo-org/octo-repo"), json!("octo-org/octo-repo/.github/workflows/release.yml")),
            (json!("octo-org/octo-repo"), json!("octo-org/octo-repo/.github/workflows/a/b.yml@refs/heads/main")),
            (json!("octo-org/octo-repo"), json!("octo-org/octo-repo/.github/workflows/@refs/heads/main")),
            (json!("octo-org/octo-repo"), Value::Null),
            (json!("octo-org/octo"), json!(good)),
            (json!(""), json!(good)),
            (json!(74), json!(good)),
            (json!("x".repeat(256)), json!(good)),
        ] {
            let claims = json!({"repository": repository, "workflow_ref": workflow_ref});
            assert_eq!(of("github", GITHUB, claims.clone()), None, "{claims}");
        }
    }
}
