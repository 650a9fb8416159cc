//! That a certificate is of the workflow that uploads.

use daypass_core::publisher::Publisher;

use super::{
    Why,
    certificate::{Certificate, Claim},
};

/// Verifies that `certificate` was given to `publisher`, for whom `issuer` vouched.
///
/// The same issuer has vouched to us: who names its repository like somebody else's, elsewhere, is somebody else.
pub(super) fn is_of(certificate: &Certificate<'_>, publisher: &Publisher, issuer: &str) -> Result<(), Why> {
    let expect = |claim, expected: &str, name| {
        if certificate.claim(claim) == Some(expected) { Ok(()) } else { Err(Why::OtherWorkflow(name)) }
    };
    expect(Claim::Issuer, issuer, "the issuer")?;
    match publisher {
        Publisher::GitHub { repository, workflow, server, .. } => {
            let repository = format!("{}/{repository}", server.as_deref().unwrap_or("https://github.com"));
            expect(Claim::SourceRepositoryUri, &repository, "the repository")?;
            is_config(certificate, &format!("{repository}/.github/workflows/{workflow}"))
        }
        Publisher::GitLab { repository, workflow_filepath, server, .. } => {
            let repository = format!("{}/{repository}", server.as_deref().unwrap_or("https://gitlab.com"));
            expect(Claim::SourceRepositoryUri, &repository, "the repository")?;
            is_config(certificate, &format!("{repository}//{workflow_filepath}"))
        }
        Publisher::Google { email } => {
            if certificate.email() == Some(email) {
                Ok(())
            } else {
                Err(Why::OtherWorkflow("the service account"))
            }
        }
        Publisher::CircleCi { project_id, pipeline_definition_id, vcs_origin, vcs_ref } => {
            let pipeline = format!(
                "https://circleci.com/api/v2/projects/{project_id}/pipeline-definitions/{pipeline_definition_id}"
            );
            expect(Claim::BuildSignerUri, &pipeline, "the pipeline")?;
            if let Some(origin) = vcs_origin {
                expect(Claim::SourceRepositoryUri, origin, "the repository")?;
            }
            if let Some(r#ref) = vcs_ref {
                expect(Claim::SourceRepositoryRef, r#ref, "the ref")?;
            }
            Ok(())
        }
    }
}

/// The workflow's file is named with the ref or the commit it was taken at, which the certificate tells, too.
fn is_config(certificate: &Certificate<'_>, file: &str) -> Result<(), Why> {
    let config = certificate.claim(Claim::BuildConfigUri).and_then(|uri| uri.strip_prefix(file)?.strip_prefix('@'));
    let at = [Claim::SourceRepositoryRef, Claim::SourceRepositoryDigest].map(|claim| certificate.claim(claim));
    if config.is_some() && at.contains(&config) { Ok(()) } else { Err(Why::OtherWorkflow("the workflow file")) }
}
