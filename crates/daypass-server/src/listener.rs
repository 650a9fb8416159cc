//! Connections in, requests on to the router, answers out.

use std::{
    convert::Infallible,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, body::Body, http::HeaderValue, response::Response};
use daypass_core::request::{RequestContext, RequestId};
use daypass_index::Index;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::Service;

use crate::{failure::Failure, health::Counters, proxies::Proxies};

/// How long a client may take to send a request's head, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest request head, in bytes. A credential of 16 KiB must still be answered with 401.
const LARGEST_HEAD: usize = 64 * 1024;

/// The most connections at a time; further ones wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 10_000;

/// File descriptors that connections may not take: the database, files and upstream need some.
const DESCRIPTORS_FOR_OTHERS: u64 = 256;

/// How long a client may leave bytes that were sent to it unacknowledged. Without this, one that never reads its answer
/// would hold its connection for ever.
const READ_WITHIN: Duration = Duration::from_mins(1);

/// How long requests under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(10);

/// Binds the address.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::network(format!("could not listen on {address}: {error}"))
            .hint("choose another address with `--listen ADDR:PORT`; port 0 takes a free one")
    })
}

/// What every connection needs to answer its requests.
pub(crate) struct Answers {
    router: Router,
    index: Index,
    proxies: Proxies,
    counters: Arc<Counters>,
    process: u64,
    numbers: AtomicU64,
}

impl Answers {
    /// Requests for packages go to the index directly, all others through the router. `process` is random.
    pub(crate) fn new(router: Router, index: Index, proxies: Proxies, counters: Arc<Counters>, process: u64) -> Self {
        Self { router, index, proxies, counters, process, numbers: AtomicU64::new(1) }
    }

    async fn answer(
        self: Arc<Self>,
        peer: IpAddr,
        mut request: hyper::Request<Incoming>,
    ) -> Result<Response, Infallible> {
        let id = RequestId { process: self.process, number: self.numbers.fetch_add(1, Ordering::Relaxed) };
        let peer = self.proxies.client(peer, request.headers());
        request.extensions_mut().insert(RequestContext { id, peer });
        let request = request.map(Body::new);
        let mut response = if Index::is_for(request.uri().path()) {
            self.index.answer(request).await
        } else {
            self.router.clone().call(request).await?
        };
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            response.headers_mut().insert("x-request-id", id);
        }
        self.counters.count(response.status());
        Ok(response)
    }
}

/// Serves until `stop` is done, then lets requests under way finish.
pub(crate) async fn serve(listener: TcpListener, answers: Arc<Answers>, stop: impl Future<Output = ()>) {
    let places = Arc::new(Semaphore::new(most_connections()));
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let connection = connections.watch(http(stream, peer.ip(), Arc::clone(&answers)));
        tokio::spawn(async move {
            // A connection that breaks is the client's business.
            let _ = connection.await;
            drop(place);
        });
    }
    drop(listener);
    tokio::select! {
        () = connections.shutdown() => {}
        () = tokio::time::sleep(GRACE) => tracing::warn!("requests were still under way when the server stopped"),
    }
}

/// As many connections as there are file descriptors for, after taking all that the system allows.
fn most_connections() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
    let descriptors = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    let connections = descriptors.saturating_sub(DESCRIPTORS_FOR_OTHERS).max(descriptors / 2);
    usize::try_from(connections).unwrap_or(usize::MAX).min(MOST_CONNECTIONS)
}

async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, tokio::sync::OwnedSemaphorePermit)> {
    let place = places.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // An answer is written at once: waiting for more bytes only adds latency.
            let _ = stream.set_nodelay(true);
            #[cfg(target_os = "linux")]
            let _ = socket2::SockRef::from(&stream).set_tcp_user_timeout(Some(READ_WITHIN));
            Some((stream, peer, place))
        }
        Err(error) => {
            // Out of file descriptors, most likely: spinning would not free one.
            tracing::error!(%error, "could not accept a connection");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

fn http(
    stream: TcpStream,
    peer: IpAddr,
    answers: Arc<Answers>,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        // Head and body in one buffer: for the small pages that installers ask for, cheaper than two.
        .writev(false)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| Arc::clone(&answers).answer(peer, request)))
}
