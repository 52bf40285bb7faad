//! What the tests of this crate share: running parts, real SDK clients, functions that record.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::dynamodb::{EventRecord, TimeWindowEventResponse};
use aws_lambda_events::event::sqs::SqsBatchResponse;
use aws_lambda_events::event::streams::DynamoDbEventResponse;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType,
    ScalarAttributeType, StreamSpecification, StreamViewType,
};
use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use runtime::clock::{Clock, Hand};

use crate::{Functions, Parts, Rule, Setup, handler, http_handler};

pub(crate) const TABLE: &str = "handoff";
pub(crate) const START: &str = "2026-01-05T00:00:00Z";

pub(crate) fn start() -> DateTime<Utc> {
    START.parse().unwrap()
}

pub(crate) fn after(ms: i64) -> DateTime<Utc> {
    start() + TimeDelta::milliseconds(ms)
}

/// A directory that is removed when the test ends.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("local-test-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Everything that was recorded, in order.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    pub(crate) fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

pub(crate) fn parts(data: Option<PathBuf>) -> (Parts, Clock, Hand) {
    let (clock, hand) = Clock::hand(start());
    (parts_on(data, clock.clone()), clock, hand)
}

pub(crate) fn parts_on(data: Option<PathBuf>, clock: Clock) -> Parts {
    let rule = |name: &str, detail_type: &str, queue: &str| Rule {
        name: name.to_owned(),
        detail_types: vec![detail_type.to_owned()],
        leads_only: false,
        queue: queue.to_owned(),
    };
    let rules = vec![
        rule("route", "handoff.opened", "router"),
        rule("again", "receipt.pending", "intake"),
        rule("lost", "nobody.listens", "nobody"),
    ];
    Parts::start(Setup { data, table: TABLE.to_owned(), rules, clock }).unwrap()
}

fn credentials() -> Credentials {
    Credentials::new("local", "local", None, None, "static")
}

macro_rules! client {
    ($sdk:ident, $endpoint:expr) => {
        $sdk::Client::from_conf(
            $sdk::Config::builder()
                .behavior_version(BehaviorVersion::latest())
                .region(Region::new("eu-west-1"))
                .endpoint_url($endpoint)
                .credentials_provider(credentials())
                .http_client(aws_smithy_http_client::Builder::new().build_http())
                .build(),
        )
    };
}

pub(crate) fn dynamodb(endpoint: String) -> aws_sdk_dynamodb::Client {
    client!(aws_sdk_dynamodb, endpoint)
}

pub(crate) fn bus(parts: &Parts) -> aws_sdk_eventbridge::Client {
    client!(aws_sdk_eventbridge, parts.wire_endpoint())
}

pub(crate) fn topic(parts: &Parts) -> aws_sdk_sns::Client {
    client!(aws_sdk_sns, parts.wire_endpoint())
}

pub(crate) async fn create_table(client: &aws_sdk_dynamodb::Client) {
    let attribute = |name: &str| {
        let built = AttributeDefinition::builder().attribute_name(name);
        built.attribute_type(ScalarAttributeType::S).build().unwrap()
    };
    let key = |name: &str, kind| {
        KeySchemaElement::builder().attribute_name(name).key_type(kind).build().unwrap()
    };
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages);
    client
        .create_table()
        .table_name(TABLE)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(vec![attribute("pk"), attribute("sk")]))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .stream_specification(stream.build().unwrap())
        .send()
        .await
        .unwrap();
}

pub(crate) async fn put(client: &aws_sdk_dynamodb::Client, pk: &str, sk: &str, note: &str) {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let put = client.put_item().table_name(TABLE).item("pk", text(pk)).item("sk", text(sk));
    put.item("note", text(note)).send().await.unwrap();
}

pub(crate) fn key(record: &EventRecord) -> String {
    let keys: serde_json::Value = serde_json::to_value(&record.change.keys).unwrap();
    format!("{}/{}", keys["pk"]["S"].as_str().unwrap(), keys["sk"]["S"].as_str().unwrap())
}

/// Functions that do nothing but write down what they get.
pub(crate) fn recording(log: &Log, clock: &Clock) -> Functions {
    let stamp = {
        let (log, clock) = (log.clone(), clock.clone());
        move |line: String| {
            let ms = (clock.now() - start()).num_milliseconds();
            log.add(format!("{ms:>6} {line}"));
        }
    };
    let (on_relay, on_metrics) = (stamp.clone(), stamp.clone());
    let (on_router, on_intake) = (stamp.clone(), stamp.clone());
    let on_courier = stamp.clone();
    let (on_sweep, on_digest) = (stamp.clone(), stamp.clone());
    let (on_hook, on_desk, on_audit) = (stamp.clone(), stamp.clone(), stamp);
    Functions {
        intake: http_handler(move |request: http::Request<Bytes>| {
            on_hook(format!("hook {}", request.uri().path()));
            async { http::Response::new(Bytes::from_static(b"stored")) }
        }),
        desk: http_handler(move |request: http::Request<Bytes>| {
            on_desk(format!("desk {}", request.uri().path()));
            async { http::Response::new(Bytes::from_static(b"page")) }
        }),
        intake_queue: handler(move |event: aws_lambda_events::event::sqs::SqsEvent| {
            on_intake(format!("intake queue {}", event.records.len()));
            async { Ok::<_, String>(SqsBatchResponse::default()) }
        }),
        courier: handler(move |event: aws_lambda_events::event::sqs::SqsEvent| {
            on_courier(format!("courier {}", event.records.len()));
            async { Ok::<_, String>(SqsBatchResponse::default()) }
        }),
        router: handler(move |event: aws_lambda_events::event::sqs::SqsEvent| {
            for record in &event.records {
                on_router(format!("router {}", record.body.as_deref().unwrap_or_default()));
            }
            async { Ok::<_, String>(SqsBatchResponse::default()) }
        }),
        relay: handler(move |event: aws_lambda_events::event::dynamodb::Event| {
            let keys: Vec<String> = event.records.iter().map(key).collect();
            on_relay(format!("relay {}", keys.join(" ")));
            async { Ok::<_, String>(DynamoDbEventResponse::default()) }
        }),
        metrics: handler(move |event: aws_lambda_events::event::dynamodb::TimeWindowEvent| {
            let keys: Vec<String> = event.dynamo_db_event.records.iter().map(key).collect();
            let shard = event.time_window_properties.shard_id.unwrap_or_default();
            on_metrics(format!("metrics {shard} {}", keys.join(" ")));
            async { Ok::<_, String>(TimeWindowEventResponse::default()) }
        }),
        sweep: handler(move |event: aws_lambda_events::event::eventbridge::EventBridgeEvent| {
            on_sweep(format!("sweep {}", event.time.unwrap()));
            async { Ok::<_, String>(()) }
        }),
        digest: handler(move |event: aws_lambda_events::event::eventbridge::EventBridgeEvent| {
            on_digest(format!("digest {} {}", event.time.unwrap(), event.detail));
            async { Ok::<_, String>(()) }
        }),
        audit: handler(move |event: aws_lambda_events::event::eventbridge::EventBridgeEvent| {
            on_audit(format!("audit {}", event.time.unwrap()));
            async { Ok::<_, String>(()) }
        }),
    }
}
