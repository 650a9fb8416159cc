//! Connections in, requests on to the router, answers out.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{Router, extract::Request, http::HeaderValue, response::Response};
use daypass_core::request::{RequestContext, RequestId};
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

use crate::{failure::Failure, health::Counters};

/// How long a client may take to send a request's head, and how long an idle connection is kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The largest request head, in bytes. A credential of 16 KiB must still be answered with 401.
const LARGEST_HEAD: usize = 64 * 1024;

/// The most connections at a time; further ones wait in the kernel's queue.
const MOST_CONNECTIONS: usize = 10_000;

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

/// Serves until `stop` is done, then lets requests under way finish.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    process: u64,
    counters: Arc<Counters>,
    stop: impl Future<Output = ()>,
) {
    let numbers = Arc::new(AtomicU64::new(1));
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connections = GracefulShutdown::new();
    tokio::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &places) => accepted,
        };
        let Some((stream, peer, place)) = accepted else { continue };
        let requests = Requests {
            router: router.clone(),
            process,
            numbers: numbers.clone(),
            peer: peer.ip(),
            counters: counters.clone(),
        };
        let connection = connections.watch(http(stream, requests));
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

/// Turns the requests of one connection into calls of the router.
#[derive(Clone)]
struct Requests {
    router: Router,
    process: u64,
    numbers: Arc<AtomicU64>,
    peer: IpAddr,
    counters: Arc<Counters>,
}

impl Requests {
    async fn answer(mut self, mut request: hyper::Request<Incoming>) -> Result<Response, std::convert::Infallible> {
        let id = RequestId { process: self.process, number: self.numbers.fetch_add(1, Ordering::Relaxed) };
        request.extensions_mut().insert(RequestContext { id, peer: self.peer });
        let mut response = self.router.call(Request::from(request.map(axum::body::Body::new))).await?;
        if let Ok(id) = HeaderValue::try_from(id.to_string()) {
            response.headers_mut().insert("x-request-id", id);
        }
        self.counters.count(response.status());
        Ok(response)
    }
}

fn http(
    stream: TcpStream,
    requests: Requests,
) -> impl hyper_util::server::graceful::GracefulConnection<Error = hyper::Error> {
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(LARGEST_HEAD)
        .serve_connection(TokioIo::new(stream), service_fn(move |request| requests.clone().answer(request)))
}
