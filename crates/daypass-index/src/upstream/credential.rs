//! Who we are at an upstream, as an `Authorization` header.

use std::{fs::File, io::Read as _, path::Path};

use axum::http::HeaderValue;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use daypass_core::secret::Secret;

use super::{
    UpstreamError,
    spec::{SecretSource, UpstreamCredential},
};
use crate::file_store::blocking;

/// The longest secret that is read from a file, in bytes.
const LONGEST: u64 = 64 * 1024;

/// The header. A file is read each time: an upstream is asked seldom, and its password may have been replaced.
pub(super) async fn authorization(credential: &UpstreamCredential) -> Result<HeaderValue, UpstreamError> {
    let value = match credential {
        UpstreamCredential::Basic { username, password } => {
            let password = secret(password).await?;
            Secret::new(format!("Basic {}", STANDARD.encode(format!("{username}:{}", password.expose()))))
        }
        UpstreamCredential::Bearer(token) => Secret::new(format!("Bearer {}", secret(token).await?.expose())),
    };
    let mut header = HeaderValue::from_str(value.expose()).map_err(|_| {
        tracing::error!("the credential for upstream holds characters that no header may have");
        UpstreamError::Credential
    })?;
    header.set_sensitive(true);
    Ok(header)
}

async fn secret(source: &SecretSource) -> Result<Secret, UpstreamError> {
    match source {
        SecretSource::Given(secret) => Ok(secret.clone()),
        SecretSource::File(path) => {
            let named = path.clone();
            blocking(move || read(&named)).await.map_err(|error| {
                tracing::error!(path = %path.display(), %error, "the credential for upstream cannot be read");
                UpstreamError::Credential
            })
        }
    }
}

/// What is in a file, without the end of its line.
fn read(path: &Path) -> std::io::Result<Secret> {
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    let secret = text.trim_end_matches(['\r', '\n']);
    if secret.is_empty() || text.len() as u64 > LONGEST {
        return Err(std::io::Error::other("it is empty, or too long for a secret"));
    }
    Ok(Secret::new(secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_credential_becomes_a_header_and_a_file_is_read_each_time() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "first\n").unwrap();
        let bearer = UpstreamCredential::Bearer(SecretSource::File(file.path().to_owned()));
        let first = authorization(&bearer).await.unwrap();
        assert_eq!(first.to_str().unwrap(), "Bearer first");
        assert!(first.is_sensitive() && !format!("{first:?}").contains("first"));
        std::fs::write(file.path(), "second\r\n").unwrap();
        assert_eq!(authorization(&bearer).await.unwrap().to_str().unwrap(), "Bearer second");
        let password = SecretSource::Given(Secret::new("s@crit".to_owned()));
        let basic = UpstreamCredential::Basic { username: "reader".to_owned(), password };
        assert_eq!(authorization(&basic).await.unwrap().to_str().unwrap(), "Basic cmVhZGVyOnNAY3JpdA==");
    }

    #[tokio::test]
    async fn a_credential_that_cannot_be_had_is_an_error_and_not_an_absence() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let bearer = |path: &Path| UpstreamCredential::Bearer(SecretSource::File(path.to_owned()));
        assert_eq!(authorization(&bearer(file.path())).await, Err(UpstreamError::Credential));
        assert_eq!(authorization(&bearer(Path::new("no/such/file"))).await, Err(UpstreamError::Credential));
        std::fs::write(file.path(), "two\nlines").unwrap();
        assert_eq!(authorization(&bearer(file.path())).await, Err(UpstreamError::Credential));
    }
}
