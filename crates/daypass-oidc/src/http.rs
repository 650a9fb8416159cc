//! The only maker of HTTP clients: limits, time-outs, and which addresses may be reached.
//!
//! A client is made when it is first used, and one for plain `http` never loads the system's certificates: making
//! one costs a command milliseconds that it usually does not need.
//!
//! What is *not* here: retries (a proof can be spent only once), caching, what the answers mean.

mod addresses;
mod reach;

#[cfg(unix)]
use std::path::PathBuf;
use std::{
    error::Error,
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use reqwest::{Client, Response, redirect::Policy};
use url::{Host, Url};

pub use reach::Reach;
use reach::{GuardedResolver, SystemResolver};
pub use reqwest::{Body, RequestBuilder, dns};

/// How many redirects are followed at most, where they are followed at all.
const MAX_REDIRECTS: usize = 5;

/// Sends HTTP requests within limits. Cheap to clone; clones share their connections.
#[derive(Clone)]
pub struct HttpClient(Arc<Inner>);

struct Inner {
    options: HttpOptions,
    /// For `http`, which is always direct: no certificates, no proxy.
    plain: OnceLock<Client>,
    /// For `https` to this machine.
    direct: OnceLock<Client>,
    /// For all other `https`.
    secure: OnceLock<Client>,
}

/// What a client may do, and how long.
#[derive(Clone)]
pub struct HttpOptions {
    /// The `User-Agent` it sends.
    pub user_agent: String,
    /// Which addresses it may reach.
    pub reach: Reach,
    /// How long a connection may take.
    pub connect_timeout: Duration,
    /// How long a request may take in all, from the first byte sent to the last one received.
    pub total_timeout: Option<Duration>,
    /// How long it may take until the next bytes of an answer come.
    pub read_timeout: Option<Duration>,
    /// Whether redirects are followed: at most five, to the same scheme only, and to allowed addresses only.
    pub follow_redirects: bool,
    /// Whether the proxy that the environment names is used. Never for this machine itself.
    pub use_system_proxy: bool,
    /// Resolves names, instead of the system. What it finds is still checked.
    pub resolver: Option<Arc<dyn dns::Resolve>>,
    /// An authority whose certificates are believed besides those of the system, in PEM (RFC 7468 §5).
    pub ca: Option<Arc<str>>,
    /// Whether HTTP/1.1 is spoken even where the server knows HTTP/2.
    pub http1_only: bool,
    /// A Unix socket that every request goes to, whatever host the URL names.
    #[cfg(unix)]
    pub unix_socket: Option<PathBuf>,
}

impl HttpOptions {
    /// No redirects, no proxy, five seconds in all.
    pub fn new(reach: Reach) -> Self {
        Self {
            user_agent: concat!("daypass/", env!("CARGO_PKG_VERSION")).to_owned(),
            reach,
            connect_timeout: Duration::from_secs(3),
            total_timeout: Some(Duration::from_secs(5)),
            read_timeout: None,
            follow_redirects: false,
            use_system_proxy: false,
            resolver: None,
            ca: None,
            http1_only: false,
            #[cfg(unix)]
            unix_socket: None,
        }
    }
}

impl HttpOptions {
    fn resolver(&self) -> Arc<dyn dns::Resolve> {
        self.resolver.clone().unwrap_or_else(|| Arc::new(SystemResolver))
    }
}

impl fmt::Debug for HttpOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpOptions").field("reach", &self.reach).finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HttpClient").field(&self.0.options).finish()
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body, decompressed, not longer than was asked for.
    pub body: Bytes,
}

impl Answer {
    /// Whether it says nothing but that there is no answer now: the server is in trouble, or is asked too often (RFC 6585
    /// §4).
    pub fn is_try_later(&self) -> bool {
        self.status.is_server_error() || self.status == StatusCode::TOO_MANY_REQUESTS
    }
}

/// Why there is no answer. Never holds a body or a query.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The URL or the address behind it is not one that may be reached.
    #[error("`{host}` is not asked: {rule}")]
    NotAllowed {
        /// The host.
        host: String,
        /// Why not.
        rule: &'static str,
    },
    /// No connection came about, so nothing was sent.
    #[error("cannot connect to `{host}`")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It took too long. The request may have been acted upon.
    #[error("`{host}` did not answer in time")]
    TimedOut {
        /// The host.
        host: String,
    },
    /// The connection broke. The request may have been acted upon.
    #[error("the answer of `{host}` broke off")]
    BrokeOff {
        /// The host.
        host: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// The answer is longer than the limit.
    #[error("the answer of `{host}` is longer than {limit} bytes")]
    TooLarge {
        /// The host.
        host: String,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The client itself cannot be made: no usable system certificates.
    #[error("cannot prepare for https: {0}")]
    Setup(#[source] reqwest::Error),
}

impl HttpError {
    /// Whether no connection came about: the request certainly never left, so sending it again cannot do it twice.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

impl HttpClient {
    /// A client with `options`. Nothing is made until it is used.
    pub fn new(options: HttpOptions) -> Self {
        let (plain, direct, secure) = Default::default();
        Self(Arc::new(Inner { options, plain, direct, secure }))
    }

    /// Whether `url` may be asked, as far as the URL itself tells. A name's addresses are checked when it is resolved.
    pub fn check(&self, url: &Url) -> Result<(), HttpError> {
        self.0.options.reach.check(url)
    }

    /// How far URLs may lead that the server at `server` names on other hosts: to places like its own, no nearer. What
    /// counts is where its name leads. `None` when it leads nowhere now.
    pub async fn reach_beside(&self, server: &Url) -> Option<Reach> {
        match server.host()? {
            Host::Ipv4(address) => Reach::beside([address.into()]),
            Host::Ipv6(address) => Reach::beside([address.into()]),
            Host::Domain(name) => {
                let found = self.resolver().resolve(name.parse().ok()?).await.ok()?;
                Reach::beside(found.map(|address| address.ip()))
            }
        }
    }

    fn resolver(&self) -> Arc<dyn dns::Resolve> {
        self.0.options.resolver()
    }

    /// Begins a request, for whoever streams the answer or sends headers of its own. Send it with
    /// [`HttpClient::send`].
    pub fn request(&self, method: Method, url: &Url) -> Result<RequestBuilder, HttpError> {
        self.check(url)?;
        Ok(self.client_for(url)?.request(method, url.clone()))
    }

    /// Sends a request and returns the answer as soon as its head is there.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, HttpError> {
        request.send().await.map_err(classify)
    }

    /// Gets `url`: an answer of any status, with at most `limit` bytes.
    pub async fn get_bounded(&self, url: &Url, limit: usize) -> Result<Answer, HttpError> {
        let response = self.send(self.request(Method::GET, url)?).await?;
        read_bounded(response, limit).await
    }

    /// Posts a form to `url`: an answer of any status, with at most `limit` bytes.
    pub async fn post_form_bounded(&self, url: &Url, form: &[(&str, &str)], limit: usize) -> Result<Answer, HttpError> {
        let response = self.send(self.request(Method::POST, url)?.form(form)).await?;
        read_bounded(response, limit).await
    }

    fn client_for(&self, url: &Url) -> Result<&Client, HttpError> {
        let options = &self.0.options;
        let (cell, secure, proxy) = match (url.scheme(), options.use_system_proxy && !is_this_machine(url)) {
            ("https", true) => (&self.0.secure, true, true),
            ("https", false) => (&self.0.direct, true, false),
            _ => (&self.0.plain, false, false),
        };
        if let Some(made) = cell.get() {
            return Ok(made);
        }
        let made = make(options, secure, proxy).map_err(HttpError::Setup)?;
        Ok(cell.get_or_init(|| made))
    }
}

/// The next bytes of an answer; `None` at its end. For whoever streams it.
pub async fn next_chunk(response: &mut Response) -> Result<Option<Bytes>, HttpError> {
    response.chunk().await.map_err(classify)
}

/// Reads an answer to its end, or to `limit` bytes, whichever comes first.
pub async fn read_bounded(mut response: Response, limit: usize) -> Result<Answer, HttpError> {
    let host = response.url().host_str().unwrap_or_default().to_owned();
    let announced = response.content_length().unwrap_or(0);
    if announced > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Err(HttpError::TooLarge { host, limit });
    }
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(classify)? {
        if body.len() + chunk.len() > limit {
            return Err(HttpError::TooLarge { host, limit });
        }
        body.extend_from_slice(&chunk);
    }
    let headers = std::mem::take(response.headers_mut());
    Ok(Answer { status: response.status(), headers, body: body.freeze() })
}

#[expect(clippy::disallowed_methods, reason = "this is the one place where HTTP clients are made")]
fn make(options: &HttpOptions, secure: bool, proxy: bool) -> Result<Client, reqwest::Error> {
    let proxies = if proxy { proxy_hosts(|name| std::env::var(name).ok()) } else { Vec::new() };
    let resolver = GuardedResolver { reach: options.reach, secure, proxies, inner: options.resolver() };
    let mut builder = Client::builder()
        .user_agent(&options.user_agent)
        .connect_timeout(options.connect_timeout)
        .redirect(redirects(options))
        .referer(false)
        .https_only(secure)
        .dns_resolver(Arc::new(resolver));
    if let Some(total) = options.total_timeout {
        builder = builder.timeout(total);
    }
    if let Some(read) = options.read_timeout {
        builder = builder.read_timeout(read);
    }
    if options.http1_only {
        builder = builder.http1_only();
    }
    #[cfg(unix)]
    if let Some(path) = &options.unix_socket {
        builder = builder.unix_socket(path.as_path());
    }
    if !proxy {
        builder = builder.no_proxy();
    }
    if let Some(ca) = options.ca.as_ref().filter(|_| secure) {
        builder = builder.tls_certs_merge(reqwest::Certificate::from_pem_bundle(ca.as_bytes())?);
    }
    if !secure {
        // Redirects keep the scheme, so no certificate is ever looked at: do not load the system's.
        builder = builder.tls_certs_only([]);
    }
    builder.build()
}

/// The hosts of the proxies that the environment names for `https`.
fn proxy_hosts(read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let host = |value: String| {
        let url = if value.contains("://") { value } else { format!("http://{value}") };
        Url::parse(&url).ok()?.host_str().map(str::to_owned)
    };
    ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"].into_iter().filter_map(read).filter_map(host).collect()
}

fn redirects(options: &HttpOptions) -> Policy {
    if !options.follow_redirects {
        return Policy::none();
    }
    let reach = options.reach;
    Policy::custom(move |attempt| {
        let same_scheme = attempt.previous().first().is_some_and(|first| first.scheme() == attempt.url().scheme());
        // Where one is not followed, the redirect itself is the answer, and no use to anybody.
        if attempt.previous().len() <= MAX_REDIRECTS && same_scheme && reach.check(attempt.url()).is_ok() {
            attempt.follow()
        } else {
            attempt.stop()
        }
    })
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Sorts a client's error by what the caller may do next. The URL goes: its query may hold a secret.
fn classify(error: reqwest::Error) -> HttpError {
    let host = error.url().and_then(Url::host_str).unwrap_or_default().to_owned();
    let error = error.without_url();
    if let Some(HttpError::NotAllowed { host, rule }) = find_cause(&error) {
        return HttpError::NotAllowed { host: host.clone(), rule };
    }
    if error.is_connect() {
        HttpError::Unreachable { host, source: error }
    } else if error.is_timeout() {
        HttpError::TimedOut { host }
    } else {
        HttpError::BrokeOff { host, source: error }
    }
}

fn find_cause(error: &reqwest::Error) -> Option<&HttpError> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_by_their_hosts() {
        let read = |name: &str| match name {
            "https_proxy" => Some("http://user:secret@proxy.example.com:3128".to_owned()),
            "ALL_PROXY" => Some("other.example.com:3128".to_owned()),
            _ => None,
        };
        assert_eq!(proxy_hosts(read), ["proxy.example.com", "other.example.com"]);
        assert!(proxy_hosts(|_| None).is_empty());
    }
}
