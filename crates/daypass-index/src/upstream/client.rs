//! Asks upstream: within time limits, with its credential sent to its own origin only.
//!
//! Where its pages and redirects point to is upstream's choice, and whoever asks for a file sees the answer. So they
//! may lead to places like upstream's own only: an index on the Internet has no business on our network, and one on
//! our network none on this machine (server-side request forgery).

use std::{sync::Arc, time::Duration};

use axum::http::{HeaderMap, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use daypass_core::{names::ProjectName, secret::Secret};
use daypass_oidc::http::{HttpClient, HttpError, HttpOptions, Reach, dns::Resolve};
use reqwest::Response;
use tokio::sync::OnceCell;
use url::Url;

use super::UpstreamError;
use crate::options::Pace;

/// How many redirects are followed at most.
const MAX_REDIRECTS: usize = 5;

/// A client for one upstream index.
#[derive(Debug)]
pub(crate) struct UpstreamClient {
    /// For its own origin: the operator named it, so it may be in a private network.
    own: HttpClient,
    /// For other origins: made once it is known where upstream is. Found once only, so that upstream cannot come nearer
    /// by moving its name.
    others: OnceCell<HttpClient>,
    options: HttpOptions,
    base: Url,
    credential: Option<(String, Secret)>,
    pub(super) pace: Pace,
}

impl UpstreamClient {
    pub(crate) fn new(url: &Url, pace: Pace) -> Self {
        Self::resolving(url, pace, None)
    }

    fn resolving(url: &Url, pace: Pace, resolver: Option<Arc<dyn Resolve>>) -> Self {
        let options = HttpOptions {
            total_timeout: None,
            // Followed here, where each place is looked at.
            follow_redirects: false,
            use_system_proxy: true,
            resolver,
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
        Self { own: HttpClient::new(options.clone()), others: OnceCell::new(), options, base, credential, pace }
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
        let response = in_time(self.pace.first_byte, self.follow(url, &headers)).await??;
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

    /// Sends a request, and follows where it is sent on to.
    async fn follow(&self, url: &Url, headers: &HeaderMap) -> Result<Response, UpstreamError> {
        let mut response = self.send(url, headers).await?;
        for _ in 0..MAX_REDIRECTS {
            let Some(next) = redirect(&response) else { break };
            response = self.send(&next, headers).await?;
        }
        Ok(response)
    }

    async fn send(&self, url: &Url, headers: &HeaderMap) -> Result<Response, UpstreamError> {
        let is_own = url.origin() == self.base.origin();
        let http = if is_own { self.own.clone() } else { self.for_others(url).await? };
        let mut request = http.request(Method::GET, url).map_err(|error| told(url, &error))?.headers(headers.clone());
        if let Some((name, password)) = self.credential.as_ref().filter(|_| is_own) {
            request = request.basic_auth(name, Some(password.expose()));
        }
        http.send(request).await.map_err(|error| told(url, &error))
    }

    async fn for_others(&self, url: &Url) -> Result<HttpClient, UpstreamError> {
        if self.base.scheme() == "https" && url.scheme() != "https" {
            tracing::warn!(host = url.host_str(), "upstream points from https to http; this is not followed");
            return Err(FORBIDDEN_PLACE);
        }
        let with = |reach| HttpClient::new(HttpOptions { reach, ..self.options.clone() });
        let found =
            self.others.get_or_try_init(|| async { self.own.reach_beside(&self.base).await.map(with).ok_or(()) });
        // Behind a proxy its name may lead nowhere here: then it is on the Internet.
        Ok(found.await.cloned().unwrap_or_else(|()| with(Reach::Public)))
    }

    /// The next piece of an answer's body; `None` at its end.
    pub(crate) async fn next(&self, response: &mut Response) -> Result<Option<Bytes>, UpstreamError> {
        let chunk = in_time(self.pace.idle, response.chunk()).await?;
        chunk.map_err(|error| {
            tracing::warn!(error = %error.without_url(), "the answer of upstream broke off");
            UpstreamError::Unavailable
        })
    }

    /// A page's whole body, decompressed, of at most `limit` bytes.
    pub(crate) async fn page_body(&self, mut response: Response, limit: usize) -> Result<Bytes, UpstreamError> {
        let mut body = BytesMut::new();
        while let Some(chunk) = self.next(&mut response).await? {
            if body.len() + chunk.len() > limit {
                return Err(UpstreamError::Wrong("its page is too long"));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body.freeze())
    }
}

/// Where an answer sends us: to the same scheme only.
fn redirect(response: &Response) -> Option<Url> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(header::LOCATION)?.to_str().ok()?;
    response.url().join(location).ok().filter(|next| next.scheme() == response.url().scheme())
}

/// Work that must be done within `limit`.
pub(super) async fn in_time<T>(limit: Duration, work: impl Future<Output = T>) -> Result<T, UpstreamError> {
    tokio::time::timeout(limit, work).await.map_err(|_| UpstreamError::Unavailable)
}

const FORBIDDEN_PLACE: UpstreamError = UpstreamError::Wrong("it points to an address that may not be reached");

fn told(url: &Url, error: &HttpError) -> UpstreamError {
    let host = url.host_str().unwrap_or_default();
    tracing::warn!(host, error = %error, "upstream cannot be asked");
    match error {
        HttpError::NotAllowed { .. } => FORBIDDEN_PLACE,
        HttpError::TooLarge { .. } => UpstreamError::Wrong("its answer is too long"),
        _ => UpstreamError::Unavailable,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::SocketAddr,
    };

    use daypass_oidc::http::dns::{Addrs, Name, Resolving};

    use super::*;

    /// `public…`, `private…` and `loopback…` lead where they say.
    struct Names;

    impl Resolve for Names {
        fn resolve(&self, name: Name) -> Resolving {
            let address = match name.as_str().split('.').next().unwrap_or_default() {
                "public" => "1.1.1.1:0",
                // Of a network that is nowhere: what may be asked does not answer.
                "private" | "neighbour" => "192.0.2.1:0",
                "loopback" => "127.0.0.1:0",
                "metadata" => "169.254.169.254:0",
                other => panic!("{other}"),
            };
            let found: Vec<SocketAddr> = vec![address.parse().unwrap()];
            Box::pin(async move { Ok(Box::new(found.into_iter()) as Addrs) })
        }
    }

    /// Whether an upstream at `base` may send us to `url`.
    async fn may(base: &str, url: &str) -> bool {
        let pace = Pace { first_byte: Duration::from_millis(50), ..Pace::default() };
        let client = UpstreamClient::resolving(&base.parse().unwrap(), pace, Some(Arc::new(Names)));
        client.get(&url.parse().unwrap(), HeaderMap::new()).await.err() != Some(FORBIDDEN_PLACE)
    }

    #[tokio::test]
    async fn files_are_fetched_from_places_like_upstreams_own_only() {
        let (public, private) = ("https://public.example.com/simple/", "https://private.example.com/simple/");
        for (base, url) in [
            (private, "https://private.example.com/a"),
            (private, "https://neighbour.example.com/a"),
            ("http://private.example.com/", "http://192.0.2.2/a"),
            ("http://loopback.example.com/", "http://127.0.0.1:1/a"),
            ("http://127.0.0.1:2/", "http://127.0.0.1:1/a"),
        ] {
            assert!(may(base, url).await, "{base} {url}");
        }
        for (base, url) in [
            (public, "http://127.0.0.1:1/secret"),
            (public, "https://127.0.0.1:1/secret"),
            (public, "https://loopback.example.com/secret"),
            (public, "https://neighbour.example.com/secret"),
            (public, "https://10.0.0.1/secret"),
            (public, "http://public.example.com/a"),
            (private, "https://127.0.0.1:1/secret"),
            (private, "https://loopback.example.com/secret"),
            (private, "http://neighbour.example.com/a"),
            ("http://private.example.com/", "http://127.0.0.1:1/secret"),
            (private, "https://metadata.example.com/latest"),
            ("http://127.0.0.1:2/", "http://169.254.169.254/latest"),
        ] {
            assert!(!may(base, url).await, "{base} {url}");
        }
    }

    #[tokio::test]
    async fn a_redirect_leads_no_nearer_than_a_page() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // It calls itself by a name of a private network, and sends us to this machine.
        std::thread::spawn(move || {
            let (mut socket, _) = listener.accept().unwrap();
            let _ = socket.read(&mut [0; 4096]).unwrap();
            let head =
                format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{port}/b\r\ncontent-length: 0\r\n\r\n");
            socket.write_all(head.as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(300));
        });
        let base = format!("http://loopback.example.com:{port}/");
        let client = UpstreamClient::resolving(&base.parse().unwrap(), Pace::default(), Some(Arc::new(Names)));
        let neighbours = HttpOptions { reach: Reach::NeighboursToo, ..client.options.clone() };
        client.others.set(HttpClient::new(neighbours)).unwrap();
        let outcome = client.get(&base.parse().unwrap(), HeaderMap::new()).await;
        assert_eq!(outcome.unwrap_err(), FORBIDDEN_PLACE);
    }
}
