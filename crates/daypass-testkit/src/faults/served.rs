//! A thread that serves on one port, and can be killed and started again there.

#![expect(clippy::expect_used, reason = "a test kit that cannot start should stop the test")]

use std::{net::SocketAddr, thread::JoinHandle};

use tokio::{net::TcpListener, sync::oneshot};

/// Dropping it ends the thread, its runtime and every connection; from then on the port refuses.
#[derive(Debug)]
pub(crate) struct Served {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// A free loopback port.
pub(crate) const ANY: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);

/// Serves at `address` until it is dropped; returns where that is.
pub(crate) fn serve<F: Future<Output = ()>>(
    address: SocketAddr,
    work: impl FnOnce(TcpListener) -> F + Send + 'static,
) -> (SocketAddr, Served) {
    let (end, ended) = oneshot::channel::<()>();
    let (bound, told) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            let listener = TcpListener::bind(address).await.expect("a loopback port");
            bound.send(listener.local_addr().expect("a bound socket has an address")).expect("somebody waits");
            tokio::select! {
                () = work(listener) => {}
                _ = ended => {}
            }
        });
    });
    let address = told.recv().expect("the thread tells where it serves");
    (address, Served { end: Some(end), thread: Some(thread) })
}
