//! Connections to the gateway: how many there are, how long one may say nothing, and who gives way.
//!
//! Every program on this machine may connect, also one that never says what it wants. So places are
//! few enough for the smallest usual limit of open files, and a head that does not arrive in time
//! ends its connection. When all places are taken, whoever has been silent longest, and longer than
//! it takes to say something, gives theirs to who comes, and whoever is answered leaves. What must
//! stay true: a connection whose request has arrived is never cut off before its answer begins, and
//! one that says nothing keeps nobody out; where every place is taken, whoever reads an answer too
//! slowly is as silent as others.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How large a head may be.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// How long it rests when the system gives it no more connections.
const REST: Duration = Duration::from_millis(100);

/// What strangers may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// How long whoever has a place may be silent before they give it to who comes.
    pub(crate) silence: Duration,
    /// How long the head of a request may take, from its connection or the answer before.
    pub(crate) head: Duration,
    /// How long the body may take after that.
    pub(crate) body: Duration,
    /// Large bodies held at once.
    pub(crate) large_bodies: usize,
    /// Requests worked on at once; each has connections of its own to the table.
    pub(crate) at_once: usize,
}

impl Limits {
    /// What a laptop bears, where a program may have 256 files open.
    pub(crate) const LAPTOP: Self = Self {
        connections: 128,
        silence: Duration::from_millis(500),
        head: Duration::from_secs(30),
        body: Duration::from_secs(30),
        large_bodies: 8,
        at_once: 32,
    };
}

/// Serves connections until `stopped`, then finishes what is being answered.
pub(crate) async fn serve<Handle, Answer>(
    listener: TcpListener,
    limits: Limits,
    answer: Handle,
    stopped: impl Future<Output = ()>,
) where
    Handle: Fn(http::Request<Incoming>, Place) -> Answer + Clone + Send + Sync + 'static,
    Answer: Future<Output = Response> + Send + 'static,
{
    let (places, mut serving) = (Places::new(limits), JoinSet::new());
    let (stop, stopping) = watch::channel(());
    let mut stopped = std::pin::pin!(stopped);
    loop {
        let room = places.room();
        let is_room = matches!(room, Room::Now);
        tokio::select! {
            () = &mut stopped => break,
            accepted = listener.accept(), if is_room => match accepted {
                Ok((stream, _)) => {
                    let (place, answer) = (places.take(), answer.clone());
                    serving.spawn(converse(stream, limits.head, answer, place, stopping.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be taken");
                    tokio::time::sleep(REST).await;
                }
            },
            Some(_) = serving.join_next() => {}
            () = places.changed.notified() => {}
            () = room.comes(), if !is_room => {}
        }
    }
    drop((listener, stop));
    while serving.join_next().await.is_some() {}
}

/// Answers what comes over one connection, one request after the other.
async fn converse<Handle, Answer>(
    stream: TcpStream,
    head: Duration,
    answer: Handle,
    place: Place,
    mut stopping: watch::Receiver<()>,
) where
    Handle: Fn(http::Request<Incoming>, Place) -> Answer,
    Answer: Future<Output = Response>,
{
    // An answer leaves at once; without it, it is only slower.
    let _ = stream.set_nodelay(true);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(head).max_buf_size(HEAD_BYTES_MAX);
    let service = service_fn(|request| {
        let answered = answer(request, place.clone());
        async { Ok::<_, Infallible>(answered.await) }
    });
    let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
    let mut is_stopping = false;
    loop {
        tokio::select! {
            // A sender that broke off, or never said what it wants: nobody is left to tell.
            _ = connection.as_mut() => break,
            () = place.given_up() => break,
            _ = stopping.changed(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
        }
    }
    place.leave();
}

/// The places there are, by number.
#[derive(Clone)]
struct Places {
    taken: Arc<Mutex<Taken>>,
    changed: Arc<Notify>,
    most: usize,
    silence: Duration,
}

/// Whether somebody can come.
#[derive(Clone, Copy, Debug)]
enum Room {
    /// A place is free, or somebody gives way.
    Now,
    /// Somebody will give way then.
    At(Instant),
    /// Everybody is being answered.
    Unknown,
}

impl Room {
    async fn comes(self) {
        match self {
            Self::Now => {}
            Self::At(time) => tokio::time::sleep_until(time.into()).await,
            Self::Unknown => std::future::pending().await,
        }
    }
}

#[derive(Default)]
struct Taken {
    next: u64,
    places: BTreeMap<u64, Standing>,
}

/// How somebody stands who has a place.
struct Standing {
    /// Since when they have been silent; none while they are being answered.
    silent_since: Option<Instant>,
    give_up: Arc<Notify>,
}

/// One connection's place; clones are the same.
#[derive(Clone)]
pub(crate) struct Place {
    number: u64,
    give_up: Arc<Notify>,
    places: Places,
}

impl Places {
    fn new(limits: Limits) -> Self {
        let Limits { connections: most, silence, .. } = limits;
        Self { taken: Arc::default(), changed: Arc::default(), most, silence }
    }

    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether somebody can come: a place is free, or somebody has been silent long enough
    /// to give way.
    fn room(&self) -> Room {
        let taken = self.taken();
        if taken.places.len() < self.most {
            return Room::Now;
        }
        let first = taken.places.values().filter_map(|standing| standing.silent_since).min();
        match first.map(|since| since + self.silence) {
            Some(time) if time <= Instant::now() => Room::Now,
            Some(time) => Room::At(time),
            None => Room::Unknown,
        }
    }

    /// Takes a free place, or the one of whoever has been silent longest.
    fn take(&self) -> Place {
        let mut taken = self.taken();
        if taken.places.len() >= self.most {
            let silent = taken.places.iter();
            let silent = silent.filter_map(|(number, at)| Some((at.silent_since?, *number)));
            if let Some(gone) = silent.min().and_then(|(_, number)| taken.places.remove(&number)) {
                gone.give_up.notify_one();
            }
        }
        let (number, give_up) = (taken.next, Arc::new(Notify::new()));
        taken.next += 1;
        let silent_since = Some(Instant::now());
        taken.places.insert(number, Standing { silent_since, give_up: Arc::clone(&give_up) });
        Place { number, give_up, places: self.clone() }
    }
}

impl Place {
    /// Notes that a whole request has arrived: until it is answered, the place is kept. False if
    /// it was given up before.
    pub(crate) fn is_heard(&self) -> bool {
        self.stand(None)
    }

    /// Notes that it was answered; false where all places are taken, and this one is to be left for
    /// whoever waits.
    pub(crate) fn is_answered(&self) -> bool {
        self.stand(Some(Instant::now()));
        self.places.changed.notify_one();
        self.places.taken().places.len() < self.places.most
    }

    fn stand(&self, silent_since: Option<Instant>) -> bool {
        let mut taken = self.places.taken();
        let standing = taken.places.get_mut(&self.number);
        standing.map(|standing| standing.silent_since = silent_since).is_some()
    }

    /// Waits until somebody else has the place.
    async fn given_up(&self) {
        self.give_up.notified().await;
    }

    fn leave(&self) {
        self.places.taken().places.remove(&self.number);
        self.places.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use futures::StreamExt;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Semaphore;

    use super::*;

    const WHOLE: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    const HALF: &[u8] = b"GET / HTTP/1.1\r\nhost:";
    const HASTY: Limits =
        Limits { connections: 4, silence: Duration::from_millis(100), ..Limits::LAPTOP };

    /// Starts a server that says hello; `/slow` waits for a permit before.
    async fn started(limits: Limits) -> (String, Arc<Semaphore>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let gate = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&gate);
        let answer = move |request: http::Request<Incoming>, place: Place| {
            let held = Arc::clone(&held);
            async move {
                place.is_heard();
                if request.uri().path() == "/slow" {
                    held.acquire().await.unwrap().forget();
                }
                let mut answer = Response::new(Body::from("hello"));
                if !place.is_answered() {
                    let close = http::HeaderValue::from_static("close");
                    answer.headers_mut().insert(http::header::CONNECTION, close);
                }
                answer
            }
        };
        tokio::spawn(serve(listener, limits, answer, std::future::pending()));
        (address, gate)
    }

    async fn connect(address: &str, said: &[u8]) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(said).await.unwrap();
        stream
    }

    /// Reads an answer, or that the other side hung up.
    async fn heard(stream: &mut TcpStream) -> String {
        let mut answer = vec![0; 1_024];
        let length = stream.read(&mut answer).await.unwrap_or(0);
        String::from_utf8_lossy(&answer[..length]).into_owned()
    }

    #[tokio::test]
    async fn whoever_says_nothing_gives_way_and_who_is_being_answered_does_not() {
        let (address, gate) = started(HASTY).await;
        let slow = String::from_utf8_lossy(WHOLE).replace("GET /", "GET /slow");
        let mut answered = connect(&address, slow.as_bytes()).await;
        let mut silent = Vec::new();
        for _ in 0..40 {
            silent.push(connect(&address, HALF).await);
        }
        for _ in 0..10 {
            let mut stream = connect(&address, WHOLE).await;
            let said = heard(&mut stream).await;
            assert!(said.ends_with("hello"), "{said}");
        }
        // All but those in the last places were hung up on, the oldest first.
        let hung_up = futures::stream::iter(silent.iter_mut().take(36));
        let hung_up: Vec<String> = hung_up.then(heard).collect().await;
        assert_eq!(hung_up, vec![""; 36]);
        gate.add_permits(1);
        let said = heard(&mut answered).await;
        assert!(said.ends_with("hello"), "{said}");
    }

    #[tokio::test]
    async fn where_all_are_being_answered_who_comes_waits() {
        let (address, gate) = started(Limits { connections: 2, ..HASTY }).await;
        let slow = String::from_utf8_lossy(WHOLE).replace("GET /", "GET /slow");
        let mut all = Vec::new();
        for _ in 0..6 {
            all.push(connect(&address, slow.as_bytes()).await);
        }
        gate.add_permits(6);
        for mut stream in all {
            let said = heard(&mut stream).await;
            assert!(said.ends_with("hello"), "{said}");
        }
    }

    #[tokio::test]
    async fn where_all_places_are_taken_who_is_answered_leaves() {
        let (address, _gate) = started(Limits { connections: 1, ..HASTY }).await;
        let mut stays = connect(&address, WHOLE).await;
        let said = heard(&mut stays).await;
        assert!(said.contains("connection: close"), "{said}");
        let (address, _gate) = started(Limits { connections: 2, ..HASTY }).await;
        let mut stays = connect(&address, WHOLE).await;
        let said = heard(&mut stays).await;
        assert!(!said.contains("connection: close"), "{said}");
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_ends_its_connection() {
        let limits = Limits { head: Duration::from_millis(50), ..Limits::LAPTOP };
        let (address, _gate) = started(limits).await;
        for said in [b"".as_slice(), HALF] {
            let mut stream = connect(&address, said).await;
            let mut answer = String::new();
            // It would wait for ever.
            let _ = stream.read_to_string(&mut answer).await;
            assert!(!answer.contains("200"), "{answer}");
        }
        // After an answer too.
        let mut stream = connect(&address, WHOLE).await;
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer).await;
        assert_eq!(answer.matches("hello").count(), 1, "{answer}");
    }
}
