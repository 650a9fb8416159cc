//! Where files are kept, as the configuration says it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use daypass_core::secret::Secret;
use daypass_index::{AMBIENT_VARIABLES, S3Keys, S3Spec};
use serde::Deserialize;
use url::{Host, Url};

use super::{byte_size::ByteSize, read_text};
use crate::failure::Failure;

/// `[files]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenFiles {
    folder: Option<PathBuf>,
    s3: Option<WrittenS3>,
    upstream_quota: Option<ByteSize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenS3 {
    bucket: String,
    region: Option<String>,
    endpoint: Option<Url>,
    prefix: Option<String>,
    #[serde(default)]
    allow_http: bool,
    ca_file: Option<PathBuf>,
    access_key_id_file: Option<PathBuf>,
    secret_access_key_file: Option<PathBuf>,
}

/// Where files are kept, and how much of upstream's.
#[derive(Debug)]
pub(crate) struct FilesSettings {
    pub(crate) place: FilesPlace,
    pub(crate) upstream_quota: Option<ByteSize>,
}

/// Where files are kept.
#[derive(Debug)]
pub(crate) enum FilesPlace {
    /// In the data folder.
    InData,
    /// In a folder of their own.
    Folder(PathBuf),
    /// In an S3-compatible store.
    S3(S3Spec),
}

impl fmt::Display for FilesSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            FilesPlace::InData => write!(f, "in the data folder")?,
            FilesPlace::Folder(path) => write!(f, "{}", path.display())?,
            FilesPlace::S3(spec) => write!(f, "{spec}")?,
        }
        match self.upstream_quota {
            Some(quota) => write!(f, "; at most {quota} from upstream"),
            None => Ok(()),
        }
    }
}

impl WrittenFiles {
    /// Checks it and reads the files that it names, which are relative to `base`.
    pub(super) fn check(
        self,
        base: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<FilesSettings, Failure> {
        let Self { folder, s3, upstream_quota } = self;
        let place = match (folder, s3) {
            (Some(_), Some(_)) => {
                return Err(Failure::configuration("`[files]` has both a `folder` and an `s3`: leave one of them out"));
            }
            (Some(folder), None) => FilesPlace::Folder(base.join(folder)),
            (None, Some(s3)) => FilesPlace::S3(s3.check(base, environment)?),
            (None, None) => FilesPlace::InData,
        };
        Ok(FilesSettings { place, upstream_quota })
    }
}

impl WrittenS3 {
    fn check(self, base: &Path, environment: impl Fn(&str) -> Option<String>) -> Result<S3Spec, Failure> {
        let bad = |why: &str| Err(Failure::configuration(format!("`[files] s3`: {why}")));
        if self.bucket.is_empty() || self.bucket.contains(['/', ' ', '?', '#']) {
            return bad("`bucket` is the name of a bucket, such as `packages`");
        }
        if let Some(endpoint) = &self.endpoint {
            let loopback = match endpoint.host() {
                Some(Host::Ipv4(address)) => address.is_loopback(),
                Some(Host::Ipv6(address)) => address.is_loopback(),
                Some(Host::Domain(name)) => name == "localhost",
                None => false,
            };
            match endpoint.scheme() {
                "https" => {}
                "http" if self.allow_http && loopback => {}
                "http" if self.allow_http => return bad("`allow_http` works for an endpoint on loopback only"),
                "http" => return bad("`endpoint` must be `https://`; one on loopback needs `allow_http = true`"),
                _ => return bad("`endpoint` must begin with `https://`"),
            }
            if !endpoint.username().is_empty() || endpoint.password().is_some() || endpoint.query().is_some() {
                return bad("`endpoint` must have no user name, password or query");
            }
        }
        let region = match (self.region, &self.endpoint) {
            (Some(region), _) if !region.is_empty() => region,
            (None, Some(_)) => "us-east-1".to_owned(),
            _ => return bad("`region` is missing, such as `eu-central-1`"),
        };
        let read = |file: &PathBuf| match read_text(&base.join(file)) {
            Ok(text) if text.trim().is_empty() => {
                Err(Failure::configuration(format!("`[files] s3`: {} is empty", file.display())))
            }
            Ok(text) => Ok(Secret::new(text.trim())),
            Err(failure) => Err(failure),
        };
        let keys = match (&self.access_key_id_file, &self.secret_access_key_file) {
            (Some(id), Some(secret)) => {
                S3Keys::Given { access_key_id: read(id)?.expose().to_owned(), secret_access_key: read(secret)? }
            }
            (None, None) => S3Keys::Ambient(
                AMBIENT_VARIABLES
                    .iter()
                    .filter_map(|name| Some(((*name).to_owned(), Secret::new(environment(name)?))))
                    .collect(),
            ),
            _ => return bad("`access_key_id_file` and `secret_access_key_file` go together"),
        };
        Ok(S3Spec {
            bucket: self.bucket,
            region,
            endpoint: self.endpoint.map(|url| url.as_str().trim_end_matches('/').to_owned()),
            prefix: self.prefix.filter(|prefix| !prefix.is_empty()),
            allow_http: self.allow_http,
            ca: self.ca_file.map(|file| read_text(&base.join(file))).transpose()?,
            keys,
        })
    }
}

/// A variable of the environment: who a job is at AWS is told by nothing else.
#[expect(clippy::disallowed_methods, reason = "AWS tells a job who it is by the environment")]
pub(super) fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str) -> Result<FilesSettings, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("id"), "AKIDEXAMPLE\n").unwrap();
        std::fs::write(folder.path().join("secret"), "wJalrXUtnFEMI\n").unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();
        let written: WrittenFiles = toml::from_str(text).map_err(|error| error.to_string())?;
        let environment = |name: &str| (name == "AWS_ROLE_ARN").then(|| "arn".to_owned());
        written.check(folder.path(), environment).map_err(|failure| failure.to_string())
    }

    fn s3(text: &str) -> Result<S3Spec, String> {
        match check(&format!("s3 = {{ {text} }}"))?.place {
            FilesPlace::S3(spec) => Ok(spec),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_folder_or_a_bucket_and_not_both() {
        assert!(matches!(check("").unwrap().place, FilesPlace::InData));
        assert!(matches!(check("folder = \"f\"").unwrap().place, FilesPlace::Folder(path) if path.ends_with("f")));
        let both = check("folder = \"f\"\ns3 = { bucket = \"b\", region = \"r\" }").unwrap_err();
        assert!(both.contains("both"), "{both}");
        assert!(check("folda = \"f\"").is_err());
        let quota = check("upstream_quota = \"50GB\"").unwrap();
        assert_eq!(quota.upstream_quota.map(ByteSize::bytes), Some(50_000_000_000));
        assert!(check("upstream_quota = \"much\"").is_err());
    }

    #[test]
    fn keys_come_from_files_or_from_the_surroundings() {
        let given = "access_key_id_file = \"id\", secret_access_key_file = \"secret\"";
        let spec = s3(&format!("bucket = \"b\", region = \"r\", {given}")).unwrap();
        let S3Keys::Given { access_key_id, secret_access_key } = &spec.keys else { panic!("no keys") };
        assert_eq!((access_key_id.as_str(), secret_access_key.expose()), ("AKIDEXAMPLE", "wJalrXUtnFEMI"));
        assert!(!format!("{spec:?} {spec}").contains("wJalr"));
        let spec = s3("bucket = \"b\", region = \"r\"").unwrap();
        let S3Keys::Ambient(variables) = &spec.keys else { panic!("keys") };
        assert_eq!(variables.len(), 1);
        for bad in [
            "access_key_id_file = \"id\"",
            "access_key_id_file = \"id\", secret_access_key_file = \"missing\"",
            "access_key_id_file = \"id\", secret_access_key_file = \"empty\"",
            "secret_access_key = \"wJalrXUtnFEMI\"",
        ] {
            assert!(s3(&format!("bucket = \"b\", region = \"r\", {bad}")).is_err(), "{bad}");
        }
    }

    #[test]
    fn plain_http_is_for_loopback_and_only_when_asked_for() {
        let endpoint = |url: &str, more: &str| s3(&format!("bucket = \"b\", endpoint = \"{url}\"{more}"));
        assert_eq!(endpoint("https://s3.example.com/", "").unwrap().endpoint.unwrap(), "https://s3.example.com");
        for host in ["127.0.0.1:9000", "localhost:9000", "[::1]:9000"] {
            assert!(endpoint(&format!("http://{host}"), ", allow_http = true").is_ok(), "{host}");
            assert!(endpoint(&format!("http://{host}"), "").is_err(), "{host}");
        }
        for bad in ["http://s3.example.com", "ftp://s3.example.com", "https://u:p@s3.example.com"] {
            assert!(endpoint(bad, ", allow_http = true").is_err(), "{bad}");
        }
        assert!(s3("bucket = \"b\"").unwrap_err().contains("region"));
        assert!(s3("bucket = \"a/b\", region = \"r\"").is_err());
    }
}
