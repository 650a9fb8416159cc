//! Which variables and files of a machine count for AWS: those of AWS's own tools. No other is read.

use std::{collections::HashMap, path::Path};

use daypass_core::secret::Secret;

use super::super::machine::Machine;

const VARIABLES: [&str; 19] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_CONFIG_FILE",
    "AWS_SHARED_CREDENTIALS_FILE",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_DISABLED",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_ENDPOINT_URL_STS",
    "AWS_ENDPOINT_URL",
];

/// What the machine says, as it was when it was asked: the files are read anew each time.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    variables: HashMap<&'static str, Secret>,
    files: HashMap<String, Secret>,
}

impl Surroundings {
    pub(super) fn of(machine: &dyn Machine) -> Self {
        let mut variables = HashMap::new();
        for name in VARIABLES {
            variables.extend(machine.variable(name).map(|value| (name, Secret::new(value))));
        }
        // The endpoint is written with and without a slash at its end.
        if let Some(endpoint) = variables.get_mut("AWS_EC2_METADATA_SERVICE_ENDPOINT") {
            *endpoint = Secret::new(endpoint.expose().trim_end_matches('/'));
        }
        let home = ["HOME", "USERPROFILE"].into_iter().find_map(|name| machine.variable(name)).unwrap_or_default();
        for (name, file) in [("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")] {
            let usual = || Secret::new(Path::new(&home).join(".aws").join(file).to_string_lossy());
            variables.entry(name).or_insert_with(usual);
        }
        let mut files = HashMap::new();
        for name in [
            "AWS_SHARED_CREDENTIALS_FILE",
            "AWS_CONFIG_FILE",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        ] {
            let Some(path) = variables.get(name).map(Secret::expose) else { continue };
            if let Ok(text) = machine.token_file(Path::new(path)) {
                files.insert(path.to_owned(), text);
            }
        }
        Self { variables, files }
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(Secret::expose)
    }

    pub(super) fn variables(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.variables.iter().map(|(name, value)| (*name, value.expose()))
    }

    pub(super) fn file(&self, path: &str) -> Option<&str> {
        self.files.get(path).map(Secret::expose)
    }
}
