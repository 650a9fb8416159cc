//! The thread that serves: the issuer on one port, what jobs ask on another, and a machine's socket.

#![expect(clippy::expect_used, reason = "a test kit that cannot start should stop the test")]

use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::PathBuf,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use tokio::{net::UnixListener, sync::oneshot};

use super::{Kind, State, endpoints, issuer};
use crate::oidc::Provider;

/// Dropping it ends the thread, its runtime and every connection.
#[derive(Debug)]
pub(super) struct Running {
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.end.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Starts it; `build` is told where the issuer is, where jobs ask, and who signs.
pub(super) fn start(build: impl FnOnce(String, String, Provider) -> State) -> (Arc<State>, Running) {
    let (issuer, site) = bind();
    let (api, asked) = bind();
    let (end, ended) = oneshot::channel::<()>();
    let (give, given) = mpsc::channel::<Provider>();
    let (tell, told) = oneshot::channel::<Arc<State>>();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move {
            give.send(Provider::start().await).expect("somebody starts it");
            let state = told.await.expect("somebody starts it");
            tokio::select! {
                () = serve_all(state, issuer, api) => {}
                _ = ended => {}
            }
        });
    });
    let signer = given.recv().expect("a signer");
    let state = Arc::new(build(format!("http://{site}"), format!("http://{asked}"), signer));
    fs::create_dir_all(&state.folder).expect("a folder");
    let bound = socket_path(&state);
    tell.send(Arc::clone(&state)).expect("the thread waits for it");
    // A socket is there when its file is; a port was bound before.
    while let Some(path) = &bound
        && !path.exists()
    {
        assert!(!thread.is_finished(), "the socket could not be made");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
    (state, Running { end: Some(end), thread: Some(thread) })
}

fn bind() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
    let address = listener.local_addr().expect("a bound socket has an address");
    listener.set_nonblocking(true).expect("a socket can be non-blocking");
    (listener, address)
}

/// Where Fly's machines ask.
pub(super) fn socket_path(state: &State) -> Option<PathBuf> {
    (state.kind == Kind::Fly).then(|| state.folder.join("api.sock"))
}

async fn serve_all(state: Arc<State>, issuer: TcpListener, api: TcpListener) {
    let issuer = tokio::net::TcpListener::from_std(issuer).expect("a listener");
    let api = tokio::net::TcpListener::from_std(api).expect("a listener");
    let asked = endpoints::router(Arc::clone(&state));
    let socket = socket_path(&state).map(|path| UnixListener::bind(path).expect("a socket"));
    tokio::join!(
        async { drop(axum::serve(issuer, issuer::router(state)).await) },
        async { drop(axum::serve(api, asked.clone()).await) },
        async {
            if let Some(socket) = socket {
                drop(axum::serve(socket, asked.clone()).await);
            }
        },
    );
}
