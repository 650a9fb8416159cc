//! The lines to be copied into a shell.

use daypass_core::{
    names::{IndexName, ProjectName},
    public_url::PublicUrl,
};

/// Lines that install a project with each tool. They need `keyrings-daypass`, and nothing secret is in them.
pub(super) struct Install {
    pub(super) pip: String,
    pub(super) uv: String,
    pub(super) poetry: String,
}

impl Install {
    /// Of the newest version, or of the one that is given.
    pub(super) fn of(server: &PublicUrl, index: &IndexName, project: &ProjectName, version: Option<&str>) -> Self {
        let url = server.index_url(index);
        // uv asks keyring only where there is a user name.
        let named = url.replacen("://", "://_token@", 1);
        let wanted = match version {
            // Names and versions have no character that a shell reads, but for the `!` of an epoch.
            Some(version) if version.contains('!') => format!("'{project}=={version}'"),
            Some(version) => format!("{project}=={version}"),
            None => project.to_string(),
        };
        Self {
            pip: format!("pip install --index-url {url} {wanted}"),
            uv: format!("uv pip install --keyring-provider subprocess --default-index {named} {wanted}"),
            poetry: format!("poetry source add --priority primary {index} {url}\npoetry add --source {index} {wanted}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_name_the_index_and_the_version() {
        let server = "https://packages.example.com".parse().unwrap();
        let (index, project) = ("python".parse().unwrap(), "Acme_Hello".parse().unwrap());
        let install = Install::of(&server, &index, &project, None);
        assert_eq!(install.pip, "pip install --index-url https://packages.example.com/python/simple/ acme-hello");
        assert_eq!(
            install.uv,
            "uv pip install --keyring-provider subprocess --default-index \
             https://_token@packages.example.com/python/simple/ acme-hello"
        );
        let install = Install::of(&server, &index, &project, Some("1!2.0+local.1"));
        assert!(install.pip.ends_with(" 'acme-hello==1!2.0+local.1'"), "{}", install.pip);
        assert!(install.poetry.ends_with("poetry add --source python 'acme-hello==1!2.0+local.1'"));
    }
}
