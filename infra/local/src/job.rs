//! One invocation that is not a request: its event, its function, and how it ended.

use std::sync::Arc;

use aws_lambda_events::event::dynamodb::{Event, EventRecord, TimeWindowEvent};
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::{SqsEvent, SqsMessage};
use chrono::{DateTime, DurationRound, SecondsFormat, TimeDelta, Utc};
use futures::future::{BoxFuture, FutureExt};
use serde_json::{Value, json};

use crate::functions::{Functions, invoke};
use crate::lane::Consumer;
use crate::ledger::Message;
use crate::schedule::ScheduledFunction;
use crate::stream::Record;

/// How long a tumbling window of the stream is, in minutes.
const WINDOW_MINUTES: i64 = 1;

/// What is invoked, with what.
#[derive(Clone, Debug)]
pub(crate) enum Job {
    /// A run of a schedule.
    Schedule {
        index: usize,
        due: DateTime<Utc>,
        tries: u32,
        function: ScheduledFunction,
        event: EventBridgeEvent<Value>,
    },
    /// A batch of the stream.
    Stream { consumer: Consumer, records: Vec<Record>, shard: String, now: DateTime<Utc> },
    /// A batch of a queue.
    Queue { queue: String, messages: Vec<Message> },
}

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It returned, and reported these items as failed.
    Handled { failed: Vec<String> },
    /// It failed as a whole: an error or a panic.
    Failed(String),
}

impl Job {
    /// Invokes the function; the job comes back with how it ended.
    pub(crate) fn run(self, functions: &Functions) -> BoxFuture<'static, (Self, Verdict)> {
        let functions = functions.clone();
        async move {
            let ended = self.invoke(&functions).await;
            let verdict = match ended {
                Ok(failed) => Verdict::Handled { failed },
                Err(reason) => Verdict::Failed(reason),
            };
            (self, verdict)
        }
        .boxed()
    }

    async fn invoke(&self, functions: &Functions) -> Result<Vec<String>, String> {
        match self {
            Self::Schedule { function, event, .. } => {
                let handler = match function {
                    ScheduledFunction::Sweep => &functions.sweep,
                    ScheduledFunction::Digest => &functions.digest,
                    ScheduledFunction::Audit => &functions.audit,
                };
                invoke(Arc::clone(handler), event.clone()).await.map(|()| Vec::new())
            }
            Self::Stream { consumer: Consumer::Relay, records, .. } => {
                let mut event = Event::default();
                event.records = changes(records);
                let answer = invoke(Arc::clone(&functions.relay), event).await?;
                Ok(ids(answer.batch_item_failures, |failure| failure.item_identifier))
            }
            Self::Stream { consumer: Consumer::Metrics, records, shard, now } => {
                let event = window_event(records, shard, *now)?;
                let answer = invoke(Arc::clone(&functions.metrics), event).await?;
                Ok(ids(answer.batch_item_failures, |failure| failure.item_identifier))
            }
            Self::Queue { queue, messages } => {
                let handler = match queue.as_str() {
                    "router" => &functions.router,
                    "courier" => &functions.courier,
                    "intake" => &functions.intake_queue,
                    _ => return Err(format!("no function takes the queue {queue}")),
                };
                let event = queue_event(queue, messages);
                let answer = invoke(Arc::clone(handler), event).await?;
                Ok(ids(answer.batch_item_failures, |failure| Some(failure.item_identifier)))
            }
        }
    }
}

/// The ids of reported failures; one without an id stays, as an id that fits no item.
fn ids<T>(failures: Vec<T>, id: impl Fn(T) -> Option<String>) -> Vec<String> {
    failures.into_iter().map(|failure| id(failure).unwrap_or_default()).collect()
}

fn changes(records: &[Record]) -> Vec<EventRecord> {
    records.iter().map(|record| record.change.clone()).collect()
}

/// Built from JSON because the type's own default reads the system's clock.
fn window_event(
    records: &[Record],
    shard: &str,
    now: DateTime<Utc>,
) -> Result<TimeWindowEvent, String> {
    let length = TimeDelta::minutes(WINDOW_MINUTES);
    let start = now.duration_trunc(length).unwrap_or(now);
    let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Secs, true);
    let event = json!({
        "Records": [],
        "window": { "start": time(start), "end": time(start + length) },
        "state": {},
        "shardId": shard,
        "eventSourceARN": records.first().and_then(|first| first.change.event_source_arn.clone()),
        "isFinalInvokeForWindow": false,
        "isWindowTerminatedEarly": false,
    });
    let mut event: TimeWindowEvent =
        serde_json::from_value(event).map_err(|error| error.to_string())?;
    event.dynamo_db_event.records = changes(records);
    Ok(event)
}

fn queue_event(queue: &str, messages: &[Message]) -> SqsEvent {
    let mut event = SqsEvent::default();
    event.records = messages.iter().map(|message| queue_message(queue, message)).collect();
    event
}

fn queue_message(queue: &str, message: &Message) -> SqsMessage {
    let mut record = SqsMessage::default();
    record.message_id = Some(item_id(message));
    record.receipt_handle = Some(format!("{}/{}", message.id, message.tries));
    record.body = Some(message.body.clone());
    record.attributes.extend([
        ("ApproximateReceiveCount".to_owned(), message.tries.to_string()),
        ("SentTimestamp".to_owned(), message.sent_at.timestamp_millis().to_string()),
    ]);
    record.event_source = Some("aws:sqs".to_owned());
    record.event_source_arn = Some(format!("arn:aws:sqs:local:000000000000:{queue}"));
    record.aws_region = Some("local".to_owned());
    record
}

/// The id a message is delivered and failed under.
pub(crate) fn item_id(message: &Message) -> String {
    format!("00000000-0000-4000-9000-{:012x}", message.id)
}
