//! The engine a test's table is on: the embedded one, or the one that `HANDOFF_DYNAMODB` names.
//!
//! There each test has an account of its own, for a request's token counts once in an account, not
//! in a table, and tests draw the same ones. What the cloud delivers comes from the table's stream,
//! asked for as any consumer does: plain JSON over the SDK's own connection, unsigned, for an
//! emulator on loopback. What must stay true: all that was written before the stream is asked is in
//! its answer, or two equal runs would not be equal.

use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::{http::HttpConnector, orchestrator::HttpRequest};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use futures::{FutureExt, lock::Mutex};
use local::{Changes, Elsewhere, Parts, Setup};
use serde_json::{Value, json};
use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

/// The variable that names another engine's endpoint.
const VARIABLE: &str = "HANDOFF_DYNAMODB";

/// How many tests of one process are told apart.
const TESTS: u32 = 100_000;

/// Reads the endpoint of the engine that is wanted; none means the embedded one.
pub fn wanted() -> Option<String> {
    env::var(VARIABLE).ok().filter(|endpoint| !endpoint.is_empty())
}

/// Starts the parts of a cloud on the engine at an endpoint, or on the embedded one.
pub fn parts(setup: Setup, endpoint: Option<String>) -> Parts {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let table = setup.table.clone();
    let parts = Parts::start(setup).expect("the engine starts");
    let Some(endpoint) = endpoint else { return parts };
    let number = STARTED.fetch_add(1, Ordering::SeqCst) % TESTS;
    let account = format!("{:07}{number:05}", std::process::id());
    let changes = changes(&endpoint, &account, &table);
    parts.elsewhere(Elsewhere { endpoint, account, changes })
}

/// Keeps what has expired, on an engine that would delete it by the system's clock: here time is
/// virtual, and to that clock it is long past.
pub async fn keep_expired(parts: &Parts, table: &str) {
    if parts.is_elsewhere() {
        let reader = Reader::of(&parts.dynamodb_endpoint(), parts.account(), table);
        let off = json!({
            "TableName": table,
            "TimeToLiveSpecification": { "Enabled": false, "AttributeName": "ttl" },
        });
        reader.ask("DynamoDB_20120810.UpdateTimeToLive", off).await;
    }
}

/// Reads the stream of an account's table, from its beginning on.
pub fn changes(endpoint: &str, account: &str, table: &str) -> Changes {
    let reader = Arc::new(Reader::of(endpoint, account, table));
    Arc::new(move || Arc::clone(&reader).changes().boxed())
}

/// Reads one table's stream from its beginning.
struct Reader {
    connector: Connector,
    endpoint: String,
    account: String,
    table: String,
    /// Where it goes on.
    iterator: Mutex<Option<Value>>,
}

impl Reader {
    fn of(endpoint: &str, account: &str, table: &str) -> Self {
        let connector = Connector::builder().build_http();
        let [endpoint, account, table] = [endpoint, account, table].map(str::to_owned);
        Self { connector, endpoint, account, table, iterator: Mutex::default() }
    }

    /// Lists what is new.
    async fn changes(self: Arc<Self>) -> Vec<Value> {
        let mut iterator = self.iterator.lock().await;
        let mut next = match iterator.take() {
            Some(next) => next,
            None => self.beginning().await,
        };
        let mut changes = Vec::new();
        loop {
            let question = json!({ "ShardIterator": next });
            let mut answer = self.ask("DynamoDBStreams_20120810.GetRecords", question).await;
            next = answer["NextShardIterator"].take();
            // A page may end before the stream does; only an empty one says that there is no more.
            match answer["Records"].take() {
                Value::Array(mut page) if !page.is_empty() => changes.append(&mut page),
                _ => break,
            }
        }
        *iterator = Some(next);
        changes
    }

    /// Finds the start of the table's only shard.
    async fn beginning(&self) -> Value {
        let table = json!({ "TableName": self.table });
        let table = self.ask("DynamoDB_20120810.DescribeTable", table).await;
        let stream = &table["Table"]["LatestStreamArn"];
        let question = json!({ "StreamArn": stream });
        let found = self.ask("DynamoDBStreams_20120810.DescribeStream", question).await;
        let shards = found["StreamDescription"]["Shards"].as_array();
        let [shard] = shards.map(Vec::as_slice).unwrap_or_default() else {
            panic!("a stream of one shard was expected: {found}")
        };
        let question = json!({
            "StreamArn": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON",
        });
        let mut answer = self.ask("DynamoDBStreams_20120810.GetShardIterator", question).await;
        answer["ShardIterator"].take()
    }

    /// Asks the engine for something that it must not refuse.
    async fn ask(&self, target: &str, question: Value) -> Value {
        // Emulators read whose table is meant, and want the rest of a signature to be there.
        let whose = format!("{}/20260105/local/dynamodb/aws4_request", self.account);
        let signed = format!("Credential={whose}, SignedHeaders=host, Signature=none");
        let request = http::Request::post(format!("{}/", self.endpoint))
            .header("content-type", "application/x-amz-json-1.0")
            .header("x-amz-target", target)
            .header("x-amz-date", "20260105T000000Z")
            .header("authorization", format!("AWS4-HMAC-SHA256 {signed}"))
            .body(SdkBody::from(question.to_string()))
            .expect("a request");
        let request = HttpRequest::try_from(request).expect("a request");
        let answer = self.connector.call(request).await.expect("the engine answers");
        let is_refused = !answer.status().is_success();
        let body = ByteStream::new(answer.into_body()).collect().await.expect("a whole answer");
        let text = String::from_utf8_lossy(&body.into_bytes()).into_owned();
        assert!(!is_refused, "{target} of {}: {text}", self.table);
        serde_json::from_str(&text).expect("an answer in JSON")
    }
}
