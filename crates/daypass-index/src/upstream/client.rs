//! Asks upstream: within time limits, again when it fails for a moment, with its credential sent to its own origin only.
//!
//! What is *not* here: what an answer means, what is kept. Cookies are neither kept nor passed on; nothing of an answer's
//! head reaches a client.
//!
//! Where its pages and redirects point to is upstream's choice, and whoever asks for a file sees the answer. So they
//! may lead to places like upstream's own only: an index on the Internet has no business on our network, and one on
//! our network none on this machine (server-side request forgery).

use std::{ops::Range, sync::Arc, time::Duration};

use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use bytes::{Bytes, BytesMut};
use daypass_core::{clock::Clock, names::ProjectName, secret::Secret};
use daypass_oidc::http::{HttpClient, HttpError, HttpOptions, Reach, dns::Resolve};
use reqwest::Response;
use tokio::sync::OnceCell;
use url::Url;

use super::{
    UpstreamError,
    credential::authorization,
    patience::{MOST_RETRIES, Rests, RetryBudget, pause, retry_after},
    spec::{SecretSource, UpstreamCredential, UpstreamSpec},
};
use crate::options::Pace;

/// How many redirects are followed at most.
const MAX_REDIRECTS: usize = 5;

/// A client for one upstream index.
pub(crate) struct UpstreamClient {
    /// For its own origin: the operator named it, so it may be in a private network.
    own: HttpClient,
    /// For other origins: made once it is known where upstream is. Found once only, so that upstream cannot come nearer
    /// by moving its name.
    others: OnceCell<HttpClient>,
    options: HttpOptions,
    base: Url,
    credential: Option<UpstreamCredential>,
    offline: bool,
    budget: RetryBudget,
    rests: Rests,
    clock: Arc<dyn Clock>,
    pub(super) pace: Pace,
}

impl UpstreamClient {
    pub(crate) fn new(spec: &UpstreamSpec, clock: Arc<dyn Clock>, pace: Pace) -> Self {
        Self::resolving(spec, clock, pace, None)
    }

    fn resolving(spec: &UpstreamSpec, clock: Arc<dyn Clock>, pace: Pace, resolver: Option<Arc<dyn Resolve>>) -> Self {
        let options = HttpOptions {
            total_timeout: None,
            // Followed here, where each place is looked at.
            follow_redirects: false,
            use_system_proxy: true,
            resolver,
            ca: spec.ca.clone(),
            user_agent: concat!("daypass-index/", env!("CARGO_PKG_VERSION")).to_owned(),
            ..HttpOptions::new(Reach::PrivateToo)
        };
        let mut base = spec.url.clone();
        let credential = spec.credential.clone().or_else(|| credential_of(&base));
        // These fail only for URLs that cannot have a user name, and then there was none.
        let _ = base.set_username("");
        let _ = base.set_password(None);
        base.set_query(None);
        base.set_fragment(None);
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        Self {
            own: HttpClient::new(options.clone()),
            others: OnceCell::new(),
            options,
            base,
            credential,
            offline: spec.offline,
            budget: RetryBudget::full(),
            rests: Rests::none(),
            clock,
            pace,
        }
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
        if self.offline {
            return Err(UpstreamError::Offline);
        }
        self.rests.check(url, self.now())?;
        // All attempts together take no longer than one may: who waits does not wait three times.
        in_time(self.pace.first_byte, self.insist(url, &headers)).await?
    }

    /// Asks for a part of a file of `size` bytes, and returns the head of exactly that.
    pub(crate) async fn get_range(&self, url: &Url, part: Range<u64>, size: u64) -> Result<Response, UpstreamError> {
        let Range { start, end } = part;
        let range = format!("bytes={start}-{}", end.saturating_sub(1));
        let mut headers = identity();
        headers.insert(header::RANGE, HeaderValue::try_from(range).map_err(|_| ANOTHER_PART)?);
        let response = self.get(url, headers).await?;
        let said = response.headers().get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
        let is_it = said == Some(&*format!("bytes {start}-{}/{size}", end.saturating_sub(1)));
        if response.status() == StatusCode::PARTIAL_CONTENT && is_it { Ok(response) } else { Err(ANOTHER_PART) }
    }

    /// A part of a file of `size` bytes, whole.
    pub(crate) async fn get_part(&self, url: &Url, part: Range<u64>, size: u64) -> Result<Bytes, UpstreamError> {
        let length = usize::try_from(part.end.saturating_sub(part.start)).unwrap_or(usize::MAX);
        let response = self.get_range(url, part, size).await?;
        let body = in_time(self.pace.idle, self.page_body(response, length)).await??;
        if body.len() == length { Ok(body) } else { Err(UpstreamError::Unavailable) }
    }

    /// Whether a request that failed may be repeated; if so, waits until then.
    pub(super) async fn may_repeat(&self, error: UpstreamError, attempt: u32) -> bool {
        if error != UpstreamError::Unavailable || attempt > MOST_RETRIES || !self.budget.spend() {
            return false;
        }
        tokio::time::sleep(pause(attempt, getrandom::u64().unwrap_or(500))).await;
        true
    }

    async fn insist(&self, url: &Url, headers: &HeaderMap) -> Result<Response, UpstreamError> {
        let mut attempt = 1;
        loop {
            match self.once(url, headers).await {
                Ok(response) => {
                    self.budget.earn();
                    return Ok(response);
                }
                Err(error) if self.may_repeat(error, attempt).await => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    async fn once(&self, url: &Url, headers: &HeaderMap) -> Result<Response, UpstreamError> {
        let response = self.follow(url, headers).await?;
        let rest = retry_after(response.headers(), self.now());
        match response.status() {
            StatusCode::OK | StatusCode::NOT_MODIFIED => Ok(response),
            StatusCode::PARTIAL_CONTENT if headers.contains_key(header::RANGE) => Ok(response),
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(UpstreamError::Absent),
            // Never passed on as it is: the installer would doubt its credential for *us*.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Err(UpstreamError::Wrong("it wants another credential than it was given"))
            }
            StatusCode::TOO_MANY_REQUESTS => Err(self.rests.begin(url, rest, self.now())),
            StatusCode::SERVICE_UNAVAILABLE if rest.is_some() => Err(self.rests.begin(url, rest, self.now())),
            StatusCode::REQUEST_TIMEOUT => Err(UpstreamError::Unavailable),
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
        if let Some(credential) = self.credential.as_ref().filter(|_| is_own) {
            request = request.header(header::AUTHORIZATION, authorization(credential).await?);
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

    /// Milliseconds since the Unix epoch.
    pub(super) fn now(&self) -> i64 {
        self.clock.now().as_millisecond()
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

/// Headers that ask for the bytes of a file as they are: their digest is what counts.
pub(super) fn identity() -> HeaderMap {
    HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"))])
}

/// The user name and password in a URL.
fn credential_of(url: &Url) -> Option<UpstreamCredential> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let password = SecretSource::Given(Secret::new(decoded(url.password().unwrap_or_default())));
    Some(UpstreamCredential::Basic { username: decoded(url.username()), password })
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

const ANOTHER_PART: UpstreamError = UpstreamError::Wrong("it was asked for a part of a file, and gave another");
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

    fn client(base: &str, pace: Pace) -> UpstreamClient {
        let spec = UpstreamSpec::from(base.parse::<Url>().unwrap());
        UpstreamClient::resolving(&spec, Arc::new(daypass_core::clock::SystemClock), pace, Some(Arc::new(Names)))
    }

    /// Whether an upstream at `base` may send us to `url`.
    async fn may(base: &str, url: &str) -> bool {
        let pace = Pace { first_byte: Duration::from_millis(50), ..Pace::default() };
        let client = client(base, pace);
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
        let client = client(&base, Pace::default());
        let neighbours = HttpOptions { reach: Reach::NeighboursToo, ..client.options.clone() };
        client.others.set(HttpClient::new(neighbours)).unwrap();
        let outcome = client.get(&base.parse().unwrap(), HeaderMap::new()).await;
        assert_eq!(outcome.unwrap_err(), FORBIDDEN_PLACE);
    }
}
