//! A loopback server on a thread and a runtime of its own.
//!
//! SQLite's work is synchronous: on a runtime of its own it never holds up the functions, and the
//! servers answer whatever runtime the caller uses. They listen on 127.0.0.1 only, on a port the
//! system picks.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

/// How long a server may go on with what it is answering once it is told to stop.
const GRACE: Duration = Duration::from_secs(1);

/// A running server; dropping it stops it and waits until it has stopped.
#[derive(Debug)]
pub(crate) struct Background {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Starts `serve(listener, stopped)` on a new thread.
    pub(crate) fn start<Serve, Served>(name: &str, serve: Serve) -> io::Result<Self>
    where
        Serve: FnOnce(tokio::net::TcpListener, oneshot::Receiver<()>) -> Served + Send + 'static,
        Served: Future<Output = ()>,
    {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async move {
                match tokio::net::TcpListener::from_std(listener) {
                    Ok(listener) => run(listener, serve, stopped).await,
                    Err(error) => tracing::error!(%error, "a local server could not listen"),
                }
            });
        })?;
        Ok(Self { address, stop: Some(stop), thread: Some(thread) })
    }

    /// Where the server listens, as an SDK's endpoint.
    pub(crate) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has already said so; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}

async fn run<Serve, Served>(
    listener: tokio::net::TcpListener,
    serve: Serve,
    stopped: oneshot::Receiver<()>,
) where
    Serve: FnOnce(tokio::net::TcpListener, oneshot::Receiver<()>) -> Served,
    Served: Future<Output = ()>,
{
    let (halt, halted) = oneshot::channel();
    let mut server = std::pin::pin!(serve(listener, halted));
    tokio::select! {
        () = &mut server => return,
        _ = stopped => drop(halt),
    }
    let _ = tokio::time::timeout(GRACE, server).await;
}
