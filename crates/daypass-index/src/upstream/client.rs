//! Asks upstream: within time limits, with its credential sent to its own origin only.

use std::time::Duration;

use axum::http::{HeaderMap, Method, StatusCode};
use bytes::{Bytes, BytesMut};
use daypass_core::{names::ProjectName, secret::Secret};
use daypass_oidc::http::{HttpClient, HttpError, HttpOptions, Reach};
use reqwest::Response;
use url::Url;

use super::UpstreamError;
use crate::options::Pace;

/// The longest page that is read, in bytes, decompressed. The longest known has about 20 MiB.
const LONGEST_PAGE: usize = 64 * 1024 * 1024;

/// A client for one upstream index.
#[derive(Debug)]
pub(crate) struct UpstreamClient {
    http: HttpClient,
    base: Url,
    credential: Option<(String, Secret)>,
    pace: Pace,
}

impl UpstreamClient {
    pub(crate) fn new(url: &Url, pace: Pace) -> Self {
        // The operator named this index, so it may be in a private network; its files may be on other hosts.
        let options = HttpOptions {
            total_timeout: None,
            follow_redirects: true,
            use_system_proxy: true,
            user_agent: concat!("daypass-index/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..HttpOptions::new(Reach::PrivateToo)
        };
        let mut base = url.clone();
        let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
        let credential = (!url.username().is_empty() || url.password().is_some())
            .then(|| (decoded(url.username()), Secret::new(decoded(url.password().unwrap_or_default()))));
        // These fail only for URLs that cannot have a user name, and then there was none.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Self { http: HttpClient::new(options), base, credential, pace }
    }

    /// The simple index's URL, without credentials, with a slash at the end.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// The URL of a project's page.
    pub(crate) fn page_url(&self, project: &ProjectName) -> Result<Url, UpstreamError> {
        self.base.join(&format!("{project}/")).map_err(|_| UpstreamError::Wrong("its URL is malformed"))
    }

    /// Asks for `url` and returns the answer's head: a 200 or a 304.
    pub(crate) async fn get(&self, url: &Url, headers: HeaderMap) -> Result<Response, UpstreamError> {
        let mut request = self.http.request(Method::GET, url).map_err(|error| told(url, &error))?.headers(headers);
        if let Some((name, password)) = self.credential.as_ref().filter(|_| url.origin() == self.base.origin()) {
            request = request.basic_auth(name, Some(password.expose()));
        }
        let response = in_time(self.pace.first_byte, self.http.send(request)).await?;
        let response = response.map_err(|error| told(url, &error))?;
        match response.status() {
            StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(response),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(UpstreamError::Absent),
            // Never passed on as it is: the installer would doubt its credential for *us*.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(UpstreamError::Wrong("it wants another credential than it was given"))
            }
            StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Err(UpstreamError::Unavailable),
            status if status.is_server_error() => Err(UpstreamError::Unavailable),
            status if status.is_redirection() => Err(UpstreamError::Wrong("its redirect cannot be followed")),
            _ => Err(UpstreamError::Wrong("its status is not one that was expected")),
        }
    }

    /// The next piece of an answer's body; `None` at its end.
    pub(crate) async fn next(&self, response: &mut Response) -> Result<Option<Bytes>, UpstreamError> {
        let chunk = in_time(self.pace.idle, response.chunk()).await?;
        chunk.map_err(|error| {
            tracing::warn!(error = %error.without_url(), "the answer of upstream broke off");
            UpstreamError::Unavailable
        })
    }

    /// A page's whole body.
    pub(crate) async fn page_body(&self, mut response: Response) -> Result<Bytes, UpstreamError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.next(&mut response).await? {
            if body.len() + chunk.len() > LONGEST_PAGE {
                return Err(UpstreamError::Wrong("its page is longer than 64 MiB"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, UpstreamError> {
    tokio::time::timeout(limit, work).await.map_err(|_| UpstreamError::Unavailable)
}

fn told(url: &Url, error: &HttpError) -> UpstreamError {
    let host = url.host_str().unwrap_or_default();
    tracing::warn!(host, error = %error, "upstream cannot be asked");
    match error {
        HttpError::NotAllowed { .. } => UpstreamError::Wrong("it points to an address that may not be reached"),
        HttpError::TooLarge { .. } => UpstreamError::Wrong("its answer is too long"),
        _ => UpstreamError::Unavailable,
    }
}
