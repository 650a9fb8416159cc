//! What the library that finds keys and signs may reach: the variables and files of [`Surroundings`], no programs, and
//! two kinds of addresses.
//!
//! | URL | who | how long at most | through a proxy |
//! |---|---|---|---|
//! | `http` | this machine and its link-local neighbours: the metadata of a machine, the agent of a container | 2 s | never |
//! | `https` | AWS | 10 s | as the environment says |
//!
//! So `AWS_CONTAINER_CREDENTIALS_FULL_URI` leads where AWS's own tools let it lead, and not into the network in clear
//! text.

use std::{collections::HashMap, path::PathBuf, time::Duration};

use bytes::Bytes;
use daypass_oidc::http::{HttpClient, HttpOptions, Reach, read_bounded};
use reqsign_core::{Context, Env, Error, FileRead, HttpSend};
use url::Url;

use super::surroundings::Surroundings;

const PATIENCE_WITH_THE_MACHINE: Duration = Duration::from_secs(2);
const PATIENCE_WITH_AWS: Duration = Duration::from_secs(10);

/// Keys and tokens take a few kilobytes.
const LARGEST: usize = 64 * 1024;

pub(super) fn of(surroundings: &Surroundings) -> Context {
    Context::new()
        .with_env(surroundings.clone())
        .with_file_read(surroundings.clone())
        .with_http_send(Network::new(surroundings.clone()))
}

impl Env for Surroundings {
    fn var(&self, key: &str) -> Option<String> {
        self.variable(key).map(str::to_owned)
    }

    fn vars(&self) -> HashMap<String, String> {
        self.variables().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn home_dir(&self) -> Option<PathBuf> {
        None
    }
}

impl FileRead for Surroundings {
    async fn file_read(&self, path: &str) -> reqsign_core::Result<Vec<u8>> {
        let text = self.file(path).ok_or_else(|| Error::config_invalid("there is no such file, or it is too long"))?;
        Ok(text.as_bytes().to_vec())
    }
}

#[derive(Debug)]
struct Network {
    machine: HttpClient,
    aws: HttpClient,
    surroundings: Surroundings,
}

impl Network {
    fn new(surroundings: Surroundings) -> Self {
        let client = |patience: Duration, reach, use_system_proxy| {
            let limits = HttpOptions {
                connect_timeout: patience.min(Duration::from_secs(3)),
                total_timeout: Some(patience),
                use_system_proxy,
                ..HttpOptions::new(reach)
            };
            HttpClient::new(limits)
        };
        Self {
            machine: client(PATIENCE_WITH_THE_MACHINE, Reach::Metadata, false),
            aws: client(PATIENCE_WITH_AWS, Reach::AnyServer, true),
            surroundings,
        }
    }

    /// Where to send a request for `url`: AWS's Security Token Service may be somewhere else for us.
    fn place(&self, url: &str) -> Option<Url> {
        let mut url = Url::parse(url).ok()?;
        let of_sts = url.scheme() == "https" && url.host_str().is_some_and(|host| host.starts_with("sts."));
        if let (true, Some(endpoint)) = (of_sts, sts_endpoint(&self.surroundings)) {
            let path_and_query = (url.path().to_owned(), url.query().map(str::to_owned));
            url = endpoint;
            url.set_path(&path_and_query.0);
            url.set_query(path_and_query.1.as_deref());
        }
        Some(url)
    }
}

/// Where AWS's Security Token Service is, if a variable of AWS's own tools says so.
pub(super) fn sts_endpoint(surroundings: &Surroundings) -> Option<Url> {
    let named =
        ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"].into_iter().find_map(|name| surroundings.variable(name))?;
    Url::parse(named).ok()
}

impl HttpSend for Network {
    async fn http_send(&self, request: http::Request<Bytes>) -> reqsign_core::Result<http::Response<Bytes>> {
        let (head, body) = request.into_parts();
        let url = self.place(&head.uri.to_string()).ok_or_else(|| Error::request_invalid("that is no URL"))?;
        let client = if url.scheme() == "https" { &self.aws } else { &self.machine };
        // What went wrong names hosts only; a URL may hold more.
        let failed = |error: daypass_oidc::http::HttpError| Error::unexpected(error.to_string()).set_retryable(true);
        let request = client.request(head.method, &url).map_err(failed)?.headers(head.headers).body(body);
        let answer = client.send(request).await.map_err(failed)?;
        let answer = read_bounded(answer, LARGEST).await.map_err(failed)?;
        let mut response = http::Response::new(answer.body);
        *response.status_mut() = answer.status;
        Ok(response)
    }
}
