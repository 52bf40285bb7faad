//! The gateway on this machine: requests to the functions, and the outbox to whoever looks.
//!
//! It listens on 127.0.0.1 only. A body is capped before it is kept; what is over the cap is read
//! and dropped, so that the sender hears why. How much strangers can hold is bounded: connections,
//! large bodies, requests worked on. A function that panics answers 503 and the next request is
//! fine.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};
use http::{Method, header};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::connections::{self, Limits, Place};
use crate::functions::Functions;
use crate::ledger::Ledger;
use crate::page;
use crate::problem::problem;

/// The largest body a request may have, as with API Gateway: 10 MB.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// How much of a body that is too large is read and dropped before the sender is cut off.
const DRAINED_BYTES_MAX: usize = 10 * BODY_BYTES_MAX;

/// How much of a body anybody may send; for more there are few places.
const SMALL_BODY_BYTES: usize = 64 * 1024;

/// The gateway cannot listen.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// Somebody else listens there.
    #[error(
        "Port {port} on 127.0.0.1 is already in use. Stop what uses it, or choose another with \
         --port."
    )]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// The system says no for another reason.
    #[error("Port {port} on 127.0.0.1 cannot be used: {source}. Choose another with --port.")]
    Port {
        /// The port.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
}

/// A bound port, not yet served; callers may already connect, and wait.
#[derive(Debug)]
pub struct Gateway {
    listener: TcpListener,
    port: u16,
}

impl Gateway {
    /// Binds a port of 127.0.0.1; 0 lets the system pick one.
    pub fn bind(port: u16) -> Result<Self, GatewayError> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::AddrInUse => GatewayError::PortTaken { port },
            _ => GatewayError::Port { port, source },
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(refused)?;
        listener.set_nonblocking(true).map_err(refused)?;
        let port = listener.local_addr().map_err(refused)?.port();
        Ok(Self { listener, port })
    }

    /// Where it is found.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Serves until `stopped`, then finishes what it is answering.
    pub(crate) async fn serve(
        self,
        functions: Functions,
        ledger: Ledger,
        stopped: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let door = Arc::new(Door::new(functions, ledger, Limits::LAPTOP));
        let answer = move |request, place| answer(Arc::clone(&door), request, place);
        connections::serve(listener, Limits::LAPTOP, answer, stopped).await;
        Ok(())
    }
}

struct Door {
    functions: Functions,
    ledger: Ledger,
    limits: Limits,
    large: Arc<Semaphore>,
    at_once: Arc<Semaphore>,
}

/// A body, and its place among the large ones if it is one.
type Kept = (Bytes, Option<OwnedSemaphorePermit>);

/// With which status, title and detail a body is refused.
type Refused = (u16, &'static str, &'static str);

impl Door {
    fn new(functions: Functions, ledger: Ledger, limits: Limits) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        let (large, at_once) = (places(limits.large_bodies), places(limits.at_once));
        Self { functions, ledger, limits, large, at_once }
    }

    /// Reads a body in time.
    async fn read(&self, body: Body, declared_bytes: usize) -> Result<Kept, Refused> {
        let reading = read(body, declared_bytes, &self.large);
        tokio::time::timeout(self.limits.body, reading).await.unwrap_or(Err((
            408,
            "Request Timeout",
            "The body did not arrive in time: send it again.",
        )))
    }
}

async fn answer(door: Arc<Door>, request: http::Request<Incoming>, place: Place) -> Response {
    let (head, body) = request.into_parts();
    let path = head.uri.path().to_owned();
    let declared = head.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let declared = declared.and_then(|length| length.parse().ok()).unwrap_or(0);
    let read = door.read(Body::new(body), declared).await;
    let stopping = || problem(503, "Service Unavailable", "The system is stopping.", &path);
    let answer = match read {
        Err(answer) => problem(answer.0, answer.1, answer.2, &path),
        // Nobody listens any more: somebody else has the place.
        Ok(_) if !place.is_heard() => stopping(),
        Ok(_) if path == "/local/outbox" => outbox(&door.ledger, &head),
        Ok((body, large)) => {
            let turn = Arc::clone(&door.at_once).acquire_owned().await;
            let function = door.functions.answer(http::Request::from_parts(head, body));
            // A task of its own: a caller that hangs up ends no invocation half-way.
            let invoked = tokio::spawn(async move {
                let _held = (large, turn);
                function.await
            });
            invoked.await.unwrap_or_else(|_| stopping())
        }
    };
    let mut answer = answer.map(Body::from);
    if !place.is_answered() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Reads a body up to the cap; a large one waits for one of the few places there are for them.
async fn read(body: Body, declared_bytes: usize, large: &Arc<Semaphore>) -> Result<Kept, Refused> {
    let mut kept = BytesMut::new();
    let (mut total_bytes, mut place) = (0, None);
    if declared_bytes <= DRAINED_BYTES_MAX {
        let mut frames = body.into_data_stream();
        while let Some(frame) = frames.next().await {
            let frame = frame
                .map_err(|_| (400, "Bad Request", "The body ended before it was complete."))?;
            total_bytes += frame.len();
            if total_bytes > SMALL_BODY_BYTES && place.is_none() {
                place = Arc::clone(large).acquire_owned().await.ok();
            }
            if total_bytes <= BODY_BYTES_MAX {
                kept.extend_from_slice(&frame);
            } else if total_bytes > DRAINED_BYTES_MAX {
                break;
            } else {
                kept = BytesMut::new();
            }
        }
    }
    if total_bytes.max(declared_bytes) > BODY_BYTES_MAX {
        return Err((413, "Content Too Large", "A request's body may have 10 MB at most."));
    }
    Ok((kept.freeze(), place))
}

/// Everything that was sent, newest first: JSON, or a page for a browser.
fn outbox(ledger: &Ledger, head: &http::request::Parts) -> http::Response<Bytes> {
    let path = head.uri.path();
    if ![Method::GET, Method::HEAD].contains(&head.method) {
        let detail = "The outbox can only be read.";
        let mut answer = problem(405, "Method Not Allowed", detail, path);
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    let entries = match ledger.outbox() {
        Ok(entries) => entries.into_iter().rev().collect::<Vec<_>>(),
        Err(error) => return problem(503, "Service Unavailable", &error.to_string(), path),
    };
    let accepts = head.headers.get(ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    let (media_type, text) = if accepts.contains("text/html") {
        ("text/html; charset=utf-8", page::outbox(&entries))
    } else {
        ("application/json", serde_json::to_string(&entries).unwrap_or_default())
    };
    let mut answer = http::Response::new(Bytes::from(text));
    let headers = answer.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let policy = HeaderValue::from_static(page::CONTENT_SECURITY_POLICY);
    headers.insert(CONTENT_SECURITY_POLICY, policy);
    answer
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::{Log, parts, recording};

    #[tokio::test]
    async fn large_bodies_wait_for_a_place_and_small_ones_do_not() {
        let (parts, clock, _hand) = parts(None);
        let functions = recording(&Log::default(), &clock);
        let mut limits = Limits { large_bodies: 1, ..Limits::LAPTOP };
        let send = |door: Door, bytes: usize| async move {
            let body = Body::from(vec![b'x'; bytes]);
            door.read(body, bytes).await.map(|(body, place)| (body.len(), place))
        };
        let door = |limits| Door::new(functions.clone(), parts.ledger.clone(), limits);
        let (kept, place) = send(door(limits), SMALL_BODY_BYTES + 1).await.unwrap();
        assert_eq!((kept, place.is_some()), (SMALL_BODY_BYTES + 1, true));
        // Others have them all.
        (limits.large_bodies, limits.body) = (0, Duration::from_millis(50));
        let (kept, place) = send(door(limits), SMALL_BODY_BYTES).await.unwrap();
        assert_eq!((kept, place.is_some()), (SMALL_BODY_BYTES, false));
        let (status, ..) = send(door(limits), SMALL_BODY_BYTES + 1).await.unwrap_err();
        assert_eq!(status, 408);
    }
}
