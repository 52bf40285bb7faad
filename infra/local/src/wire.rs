//! EventBridge and SNS on this machine, and the vendors a laptop answers for: one loopback endpoint
//! that the real clients speak to.
//!
//! The service is told apart as on the wire itself: EventBridge by its `X-Amz-Target`, SNS by its
//! form's `Action`. What is accepted is stored before it is answered, so "accepted" means here what
//! it means on AWS; what AWS refuses is refused with the same error, so that it is found here.

mod event_bridge;
mod outside;
mod sns;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::Response;
use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method, StatusCode, Uri};
use runtime::clock::Clock;
use serde_json::Value;

use crate::background::Background;
use crate::engine::EngineError;
use crate::ledger::Ledger;

/// A rule on the bus: events of these kinds go to this queue.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name, as the outbox shows it.
    pub name: String,
    /// The detail-types it matches; one that ends in `*` matches all that begin so.
    pub detail_types: Vec<String>,
    /// Whether it matches only the first event of a commit.
    pub leads_only: bool,
    /// The queue they go to, named after the function it feeds.
    pub queue: String,
}

impl Rule {
    fn matches(&self, detail_type: &str, detail: &Value) -> bool {
        let fits = |pattern: &String| match pattern.strip_suffix('*') {
            Some(prefix) => detail_type.starts_with(prefix),
            None => pattern == detail_type,
        };
        self.detail_types.iter().any(fits) && (!self.leads_only || detail["lead"] == true)
    }
}

/// The running endpoint; dropping it stops it.
#[derive(Debug)]
pub struct Wire {
    server: Background,
}

/// What a request is answered from.
struct Desk {
    ledger: Ledger,
    rules: Vec<Rule>,
    clock: Clock,
}

/// What a service says no with.
#[derive(Debug, PartialEq, Eq)]
struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
}

impl Wire {
    /// Starts the endpoint; what it accepts goes to the ledger, with the clock's time.
    pub fn start(ledger: Ledger, rules: Vec<Rule>, clock: Clock) -> Result<Self, EngineError> {
        let desk = Arc::new(Desk { ledger, rules, clock });
        // Above what either service accepts: both say themselves what is too large.
        let limit = DefaultBodyLimit::max(16 * 1024 * 1024);
        let router = Router::new().fallback(answer).layer(limit).with_state(desk);
        let server = Background::start("bus-and-topic", move |listener, stopped| async move {
            let stopped = async {
                let _ = stopped.await;
            };
            let served = axum::serve(listener, router).with_graceful_shutdown(stopped).await;
            if let Err(error) = served {
                tracing::error!(%error, "the local bus and topic stopped");
            }
        });
        Ok(Self { server: server.map_err(|source| EngineError::Listen { source })? })
    }

    /// Where the SDK clients of EventBridge and SNS find it.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }
}

async fn answer(
    State(desk): State<Arc<Desk>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // The services have one address, and others' names stand behind it.
    if uri.path() != "/" {
        return outside::answer(&desk, &method, &uri, &body);
    }
    match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some(target) => event_bridge::answer(&desk, target, &body),
        None => sns::answer(&desk, &body),
    }
}

impl Refusal {
    fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

fn respond(status: u16, media_type: &'static str, text: String) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
    let media_type = http::HeaderValue::from_static(media_type);
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    response
}

#[cfg(test)]
mod tests {
    use aws_sdk_eventbridge::types::PutEventsRequestEntry;
    use aws_sdk_sns::error::ProvideErrorMetadata;
    use aws_sdk_sns::types::MessageAttributeValue;

    use crate::outbox::Sent;
    use crate::testing::{bus, parts, start, topic};

    const TOPIC: &str = "arn:aws:sns:local:000000000000:alerts";

    fn entry(detail_type: &str, detail: &str) -> PutEventsRequestEntry {
        let built = PutEventsRequestEntry::builder().source("handoff").detail_type(detail_type);
        built.detail(detail).build()
    }

    #[tokio::test]
    async fn the_sdk_publishes_to_the_topic() {
        let (parts, _clock, _hand) = parts(None);
        let to = MessageAttributeValue::builder().data_type("String.Array");
        let publish = topic(&parts).publish().topic_arn(TOPIC).subject("Breached: Ada & Bo");
        let publish = publish.message("http://127.0.0.1/1\n<5> minutes + late");
        let publish =
            publish.message_attributes("to", to.string_value(r#"["ada","bo"]"#).build().unwrap());
        let answer = publish.send().await.unwrap();
        let outbox = parts.ledger().outbox().unwrap();
        assert_eq!(answer.message_id(), Some(outbox[0].message_id.as_str()));
        assert_eq!(outbox[0].at, start());
        let Sent::Topic { subject, message, attributes, .. } = &outbox[0].sent else {
            panic!("{outbox:?}")
        };
        assert_eq!(subject.as_deref(), Some("Breached: Ada & Bo"));
        assert_eq!(message, "http://127.0.0.1/1\n<5> minutes + late");
        assert_eq!(attributes["to"], serde_json::json!(["ada", "bo"]));
    }

    #[tokio::test]
    async fn the_sdk_hears_what_the_topic_refuses() {
        let (parts, _clock, _hand) = parts(None);
        let publish = topic(&parts).publish().topic_arn(TOPIC).message("m");
        let refused = publish.subject("two\nlines").send().await.unwrap_err();
        assert_eq!(refused.code(), Some("InvalidParameter"));
        assert_eq!(refused.message(), Some("Invalid parameter: Subject"));
        assert_eq!(parts.ledger().outbox().unwrap(), []);
    }

    #[tokio::test]
    async fn the_sdk_hears_which_bus_events_were_refused() {
        let (parts, _clock, _hand) = parts(None);
        let answer = bus(&parts)
            .put_events()
            .entries(entry("handoff.opened", "[]"))
            .entries(entry("handoff.opened", r#"{"handoff":"1"}"#))
            .entries(entry("", "{}"))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.failed_entry_count(), 2);
        let codes: Vec<_> = answer.entries().iter().map(|entry| entry.error_code()).collect();
        assert_eq!(codes, [Some("MalformedDetail"), None, Some("InvalidArgument")]);
        let outbox = parts.ledger().outbox().unwrap();
        assert_eq!(answer.entries()[1].event_id(), Some(outbox[0].message_id.as_str()));
        let waiting = parts.ledger().waiting().unwrap();
        assert_eq!(waiting[0].0, "router");
    }

    #[tokio::test]
    async fn more_than_ten_events_at_once_are_refused_as_a_whole() {
        let (parts, _clock, _hand) = parts(None);
        let entries = vec![entry("handoff.opened", "{}"); 11];
        let put = bus(&parts).put_events().set_entries(Some(entries));
        let refused = put.send().await.unwrap_err();
        assert_eq!(refused.code(), Some("ValidationException"));
        assert_eq!(parts.ledger().outbox().unwrap(), []);
    }

    #[tokio::test]
    async fn the_outbox_keeps_the_newest() {
        let (parts, _clock, _hand) = parts(None);
        let sent = Sent::Topic {
            topic: TOPIC.to_owned(),
            subject: None,
            message: "m".to_owned(),
            attributes: serde_json::Map::new(),
        };
        for _ in 0..crate::OUTBOX_KEPT + 5 {
            parts.ledger().publish(start(), &sent).unwrap();
        }
        let outbox = parts.ledger().outbox().unwrap();
        assert_eq!((outbox.len(), outbox[0].sequence), (10_000, 6));
    }
}
