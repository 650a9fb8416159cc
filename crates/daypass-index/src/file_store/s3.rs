//! An S3-compatible store as the place for files.
//!
//! Every wait has an end: a store that is slow, silent or gone is an error within half a minute, never a request that
//! hangs.

use std::{sync::Arc, time::Duration};

use daypass_core::secret::Secret;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, ObjectStore, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey, S3ConditionalPut},
    prefix::PrefixStore,
};

/// How long a connection may take to be made.
const CONNECT: Duration = Duration::from_secs(3);

/// How long nothing may arrive, or a part may take to be sent.
const SILENCE: Duration = Duration::from_secs(10);

/// After how long nothing is tried again.
const RETRY_UNTIL: Duration = Duration::from_secs(10);

/// How often something is tried again.
const RETRIES: usize = 3;

/// A bucket, or a part of one.
#[derive(Clone)]
pub struct S3Spec {
    /// Its name.
    pub bucket: String,
    /// The region, which is a part of the signature everywhere.
    pub region: String,
    /// The store's URL; `None` is AWS.
    pub endpoint: Option<String>,
    /// What all keys begin with.
    pub prefix: Option<String>,
    /// Whether the endpoint may be `http://`.
    pub allow_http: bool,
    /// More certificates that vouch for the endpoint, in PEM.
    pub ca: Option<String>,
    /// Who we are there.
    pub keys: S3Keys,
}

/// Who we are at an S3-compatible store.
#[derive(Clone)]
pub enum S3Keys {
    /// A pair of keys.
    Given {
        /// The public half.
        access_key_id: String,
        /// The secret half.
        secret_access_key: Secret,
    },
    /// What AWS gives this job or machine: the variables `AWS_…` as they are found, else the machine's own role.
    Ambient(Vec<(String, Secret)>),
}

impl std::fmt::Debug for S3Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bucket, region, endpoint, prefix, .. } = self;
        let mut debug = f.debug_struct("S3Spec");
        debug.field("bucket", bucket).field("region", region).field("endpoint", endpoint).field("prefix", prefix);
        debug.finish_non_exhaustive()
    }
}

impl std::fmt::Display for S3Spec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the bucket `{}`", self.bucket)?;
        if let Some(prefix) = &self.prefix {
            write!(f, " under `{prefix}`")?;
        }
        match &self.endpoint {
            Some(endpoint) => write!(f, " at {endpoint}"),
            None => write!(f, " in {}", self.region),
        }
    }
}

/// The variables that say who a job is at AWS. No others are read: not where the store is, nor what may be unsafe.
pub const AMBIENT_VARIABLES: [&str; 9] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
];

/// The store, which was not asked anything yet.
pub(super) fn open(spec: &S3Spec) -> Result<Arc<dyn ObjectStore>, object_store::Error> {
    let mut options = ClientOptions::new()
        // A long file takes as long as its reader takes.
        .with_timeout_disabled()
        .with_connect_timeout(CONNECT)
        .with_read_timeout(SILENCE)
        .with_allow_http(spec.allow_http);
    if let Some(ca) = &spec.ca {
        for certificate in Certificate::from_pem_bundle(ca.as_bytes())? {
            options = options.with_root_certificate(certificate);
        }
    }
    let retry = RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: RETRIES,
        retry_timeout: RETRY_UNTIL,
    };
    let mut builder = AmazonS3Builder::new()
        .with_bucket_name(&spec.bucket)
        .with_region(&spec.region)
        .with_client_options(options)
        .with_allow_http(spec.allow_http)
        .with_retry(retry)
        .with_conditional_put(S3ConditionalPut::ETagMatch)
        // Other stores know one kind of deletion.
        .with_disable_bulk_delete(true);
    if let Some(endpoint) = &spec.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    builder = match &spec.keys {
        S3Keys::Given { access_key_id, secret_access_key } => {
            builder.with_access_key_id(access_key_id).with_secret_access_key(secret_access_key.expose())
        }
        S3Keys::Ambient(variables) => variables.iter().fold(builder, |builder, (name, value)| {
            match name.to_ascii_lowercase().parse::<AmazonS3ConfigKey>() {
                Ok(key) if AMBIENT_VARIABLES.contains(&name.as_str()) => builder.with_config(key, value.expose()),
                _ => builder,
            }
        }),
    };
    let store = builder.build()?;
    Ok(match spec.prefix.as_deref().map(object_store::path::Path::parse).transpose()? {
        Some(prefix) => Arc::new(PrefixStore::new(store, prefix)),
        None => Arc::new(store),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_neither_shown_by_the_wish_nor_by_the_store() {
        let mut spec = S3Spec {
            bucket: "packages".to_owned(),
            region: "eu-central-1".to_owned(),
            endpoint: Some("https://s3.example.com".to_owned()),
            prefix: Some("daypass".to_owned()),
            allow_http: false,
            ca: None,
            keys: S3Keys::Given {
                access_key_id: "AKIDEXAMPLE".to_owned(),
                secret_access_key: Secret::new("wJalrXUtnFEMI"),
            },
        };
        for _ in 0..2 {
            let folder = tempfile::tempdir().unwrap();
            let store = super::super::FileStore::s3(&spec, folder.path()).unwrap();
            let shown = format!("{spec:?} {spec} {store:?}");
            assert!(!shown.contains("wJalr"), "{shown}");
            assert!(shown.contains("packages"), "{shown}");
            let name = "AWS_SECRET_ACCESS_KEY".to_owned();
            let id = ("AWS_ACCESS_KEY_ID".to_owned(), Secret::new("AKIDEXAMPLE"));
            spec.keys = S3Keys::Ambient(vec![(name, Secret::new("wJalrXUtnFEMI")), id]);
        }
    }
}
