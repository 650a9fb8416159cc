//! A TCP connection that can be cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use super::served::{ANY, Served, serve};

/// A wire to a server. Ends when dropped.
#[derive(Debug)]
pub struct Wire {
    to: SocketAddr,
    address: SocketAddr,
    stalled: Arc<AtomicBool>,
    served: Option<Served>,
}

impl Wire {
    /// A whole wire to the server at `to`.
    pub fn to(to: SocketAddr) -> Self {
        let stalled = Arc::<AtomicBool>::default();
        let (address, served) = start(ANY, to, Arc::clone(&stalled));
        Self { to, address, stalled, served: Some(served) }
    }

    /// Where it begins.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Cuts it: connections break, new ones are refused.
    pub fn cut(&mut self) {
        self.served = None;
    }

    /// Lets nothing through any more, without a word: neither on old connections nor on new ones.
    pub fn stall(&self) {
        self.stalled.store(true, Ordering::SeqCst);
    }

    /// Makes it whole again.
    pub fn mend(&mut self) {
        self.stalled.store(false, Ordering::SeqCst);
        if self.served.is_none() {
            self.served = Some(start(self.address, self.to, Arc::clone(&self.stalled)).1);
        }
    }
}

fn start(at: SocketAddr, to: SocketAddr, stalled: Arc<AtomicBool>) -> (SocketAddr, Served) {
    serve(at, move |listener| accept(listener, to, stalled))
}

async fn accept(listener: TcpListener, to: SocketAddr, stalled: Arc<AtomicBool>) {
    while let Ok((here, _)) = listener.accept().await {
        let stalled = Arc::clone(&stalled);
        tokio::spawn(async move {
            let Ok(there) = TcpStream::connect(to).await else { return };
            let ((asked, answer), (reply, question)) = (here.into_split(), there.into_split());
            tokio::select! {
                () = carry(asked, question, &stalled) => {}
                () = carry(reply, answer, &stalled) => {}
            }
        });
    }
}

async fn carry(
    mut from: impl tokio::io::AsyncRead + Unpin,
    mut to: impl tokio::io::AsyncWrite + Unpin,
    stalled: &AtomicBool,
) {
    let mut piece = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece).await {
        while stalled.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if to.write_all(piece.get(..length).unwrap_or_default()).await.is_err() {
            return;
        }
    }
}
