//! The cloud on timers: the same deliveries as in virtual time, beside each other.
//!
//! One loop looks for what is new, starts what is due and settles what has ended; the gateway
//! answers requests meanwhile. It stops in order: nothing new, a moment for what runs, then the
//! rest is dropped. That loses nothing: what was not settled happens again at the next start.

use std::time::Duration;

use runtime::clock::Clock;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::agenda::Agenda;
use crate::deliveries::{Deliveries, Delivery};
use crate::functions::Functions;
use crate::gateway::Gateway;
use crate::job::{Job, Verdict};
use crate::parts::Parts;
use crate::schedule::Schedule;
use crate::state::StateError;

/// How often the loop looks when nothing tells it to.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How long the loop rests after its state could not be read or written.
const REST: Duration = Duration::from_secs(1);

/// How long what runs may take once the cloud is told to stop; a sleeping sweep takes longer.
const GRACE: Duration = Duration::from_secs(2);

/// How often what has expired is deleted.
const EXPIRE_EVERY: Duration = Duration::from_secs(3_600);

/// Runs the cloud until `shutdown`.
pub async fn run(
    parts: Parts,
    functions: Functions,
    schedules: Vec<Schedule>,
    gateway: Gateway,
    shutdown: impl Future<Output = ()>,
) -> Result<(), StateError> {
    let mut pump = Pump::new(&parts, functions.clone(), schedules)?;
    let (stop, stopped) = watch::channel(());
    let mut door = tokio::spawn(gateway.serve(functions, parts.ledger.clone(), ended(stopped)));
    let expiry = tokio::spawn(expire(parts.engine.database(), parts.clock.is_system()));

    let mut is_served = true;
    tokio::select! {
        () = shutdown => {}
        () = pump.run() => {}
        _ = &mut door => {
            is_served = false;
            tracing::error!("the gateway stopped, and the cloud with it");
        }
    }

    drop(stop);
    expiry.abort();
    let rest = async {
        pump.finish().await;
        if is_served {
            let _ = (&mut door).await;
        }
    };
    if tokio::time::timeout(GRACE, rest).await.is_err() {
        tracing::info!("stopping; what is still running happens again at the next start");
    }
    door.abort();
    Ok(())
}

/// Resolves when the sender is dropped.
async fn ended(mut stopped: watch::Receiver<()>) {
    while stopped.changed().await.is_ok() {}
}

struct Pump {
    clock: Clock,
    functions: Functions,
    agenda: Agenda<Delivery>,
    deliveries: Deliveries,
    running: JoinSet<(Job, Verdict)>,
}

impl Pump {
    fn new(
        parts: &Parts,
        functions: Functions,
        schedules: Vec<Schedule>,
    ) -> Result<Self, StateError> {
        let (clock, mut agenda) = (parts.clock.clone(), Agenda::new());
        let (stream, ledger) = (parts.stream.clone(), parts.ledger.clone());
        let deliveries = Deliveries::new(stream, ledger, schedules, clock.now(), &mut agenda)?;
        Ok(Self { clock, functions, agenda, deliveries, running: JoinSet::new() })
    }

    /// Delivers for ever.
    async fn run(&mut self) {
        loop {
            if let Err(error) = self.start_due() {
                tracing::error!(%error, "deliveries rest for a second");
                tokio::time::sleep(REST).await;
            }
            tokio::select! {
                Some(ended) = self.running.join_next() => self.settle(ended),
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Waits for what runs, and starts nothing new.
    async fn finish(&mut self) {
        while let Some(ended) = self.running.join_next().await {
            self.settle(ended);
        }
    }

    fn start_due(&mut self) -> Result<(), StateError> {
        self.deliveries.trim()?;
        self.deliveries.look(self.clock.now(), &mut self.agenda)?;
        while let Some((_, delivery)) = self.agenda.pop(self.clock.now()) {
            let begun = self.deliveries.begin(delivery, self.clock.now(), &mut self.agenda)?;
            if let Some(job) = begun {
                self.running.spawn(job.run(&self.functions));
            }
        }
        Ok(())
    }

    fn settle(&mut self, ended: Result<(Job, Verdict), tokio::task::JoinError>) {
        // A job catches its function's panics, and nobody aborts it while it is waited for.
        let Ok((job, verdict)) = ended else { return };
        let now = self.clock.now();
        if let Err(error) = self.deliveries.finish(job, verdict, now, &mut self.agenda) {
            tracing::error!(%error, "a delivery could not be settled; it comes again");
        }
    }
}

/// Deletes what has expired, as DynamoDB does; the engine goes by the system's clock, so only then.
async fn expire(database: dynoxide::Database, is_system: bool) {
    if !is_system {
        return;
    }
    loop {
        let database = database.clone();
        let swept = tokio::task::spawn_blocking(move || database.sweep_ttl()).await;
        if let Ok(Err(error)) = swept {
            tracing::warn!(%error, "expired items could not be deleted");
        }
        tokio::time::sleep(EXPIRE_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpStream;

    use bytes::Bytes;
    use tokio::sync::oneshot;

    use super::*;
    use crate::gateway::GatewayError;
    use crate::schedule::{Every, ScheduledFunction};
    use crate::testing::{Log, create_table, dynamodb, parts_on, put, recording, start, topic};
    use crate::{http_handler, problem};

    /// Sends one raw request, given its first line and further headers; returns the raw answer.
    async fn send(url: &str, line: &str, headers: &str, body: Vec<u8>) -> String {
        let address = url.trim_start_matches("http://").to_owned();
        let length = body.len();
        let head = format!(
            "{line} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\
             {headers}\r\n"
        );
        let exchange = move || {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&body).unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        tokio::task::spawn_blocking(exchange).await.unwrap()
    }

    struct Running {
        url: String,
        log: Log,
        table: aws_sdk_dynamodb::Client,
        topic: aws_sdk_sns::Client,
        stop: oneshot::Sender<()>,
        ran: tokio::task::JoinHandle<Result<(), StateError>>,
    }

    async fn running(clock: Clock) -> Running {
        let parts = parts_on(None, clock.clone());
        let (log, table) = (Log::default(), dynamodb(parts.dynamodb_endpoint()));
        let topic = topic(&parts);
        create_table(&table).await;
        let mut functions = recording(&log, &clock);
        functions.desk = http_handler(|request: http::Request<Bytes>| async move {
            assert_ne!(request.uri().path(), "/panics", "no");
            http::Response::new(Bytes::from(format!("{} bytes", request.body().len())))
        });
        let schedules = vec![Schedule {
            name: "sweep".to_owned(),
            function: ScheduledFunction::Sweep,
            every: Every::Minutely,
            input: serde_json::Value::Null,
        }];
        let gateway = Gateway::bind(0).unwrap();
        let url = gateway.url();
        let (stop, stopped) = oneshot::channel();
        let stopped = async {
            let _ = stopped.await;
        };
        let ran = tokio::spawn(run(parts, functions, schedules, gateway, stopped));
        Running { url, log, table, topic, stop, ran }
    }

    #[tokio::test]
    async fn commits_and_schedules_reach_their_functions_on_timers() {
        let live = running(Clock::scaled(start(), 100.0)).await;
        put(&live.table, "H", "COMMIT#1", "a").await;
        tokio::time::sleep(Duration::from_millis(900)).await;
        let lines = live.log.take();
        let count = |what: &str| lines.iter().filter(|line| line.contains(what)).count();
        assert_eq!((count("relay H/COMMIT#1"), count("metrics")), (1, 1), "{lines:?}");
        assert!(count("sweep 2026-01-05 00:01:00 UTC") == 1, "{lines:?}");
        live.stop.send(()).unwrap();
        live.ran.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn the_gateway_answers_for_the_functions_and_shows_the_outbox() {
        let live = running(Clock::system()).await;
        let answer = send(&live.url, "POST /hooks/generic", "", b"{}".to_vec()).await;
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(answer.ends_with("stored"), "{answer}");
        let answer = send(&live.url, "GET /panics", "", Vec::new()).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("application/problem+json"), "{answer}");
        let answer = send(&live.url, "POST /api/handoffs", "", vec![b'x'; 10 * 1024 * 1024]).await;
        assert!(answer.ends_with("10485760 bytes"), "{answer}");
        let answer =
            send(&live.url, "POST /api/handoffs", "", vec![b'x'; 10 * 1024 * 1024 + 1]).await;
        assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
        assert!(answer.contains(r#""status":413"#), "{answer}");

        let publish = live.topic.publish().topic_arn("arn:aws:sns:local:000000000000:alerts");
        publish.subject("<b>bold</b>").message("hello").send().await.unwrap();
        let json = send(&live.url, "GET /local/outbox", "", Vec::new()).await;
        assert!(json.contains(r#""subject":"<b>bold</b>""#), "{json}");
        assert!(json.contains("content-type: application/json"), "{json}");
        let html = "Accept: text/html\r\n";
        let page = send(&live.url, "GET /local/outbox", html, Vec::new()).await;
        assert!(page.contains("&lt;b&gt;bold&lt;/b&gt;"), "{page}");
        assert!(!page.contains("<b>"), "{page}");
        let refused = send(&live.url, "POST /local/outbox", "", Vec::new()).await;
        assert!(refused.starts_with("HTTP/1.1 405"), "{refused}");
        live.stop.send(()).unwrap();
        live.ran.await.unwrap().unwrap();
    }

    #[test]
    fn a_taken_port_is_named_with_a_way_out() {
        let first = Gateway::bind(0).unwrap();
        let port = first.url().rsplit(':').next().unwrap().parse().unwrap();
        let error = Gateway::bind(port).unwrap_err();
        assert!(matches!(error, GatewayError::PortTaken { .. }));
        let sentence = error.to_string();
        assert!(sentence.contains(&port.to_string()), "{sentence}");
        assert!(sentence.contains("--port"), "{sentence}");
    }

    #[test]
    fn problems_are_documents() {
        let answer = problem::problem(413, "Content Too Large", "why", "/x");
        let document: serde_json::Value = serde_json::from_slice(answer.body()).unwrap();
        assert_eq!((&document["status"], &document["instance"]), (&413.into(), &"/x".into()));
    }
}
