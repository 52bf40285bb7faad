//! Faults under the SDK: a wrapper round its HTTP client that spoils the requests a plan names.
//!
//! The embedded engine never throttles, conflicts or loses a reply, and the cloud does all three. A
//! plan sees every request, the SDK's own retries included, by operation and number, so that a run
//! can be counted first and then spoiled at each request in turn. What must stay true: a fault is
//! carried out whole or not at all, and what is not carried out never reaches the engine.

use crate::answers::partial;
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, retry::ErrorKind};
use serde_json::{Map, Value, json};
use std::{
    fmt, future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::Notify;

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing: it is carried out and answered.
    None,
    /// It is answered with a status and an error type instead of being carried out.
    Error(u16, &'static str),
    /// It is refused for its rate.
    Throttle,
    /// Its connection breaks before it is carried out.
    Reset,
    /// It is never answered, and was never carried out.
    Timeout,
    /// It is carried out and its reply is lost; a retry is known by its token.
    LostReply,
    /// It is carried out, its reply is lost and its token forgotten: what a retry meets after ten
    /// minutes.
    ForgottenReply,
    /// It is refused because another transaction holds its rows.
    Conflict,
    /// A part of what it asks for is done, and the answer says what was not.
    Partial,
    /// It is carried out as by a newer version, whose commits this one must not read.
    Newer,
    /// Whoever asks for it panics.
    Panic,
    /// It is never answered, was never carried out, and the caller is left hanging: to be killed.
    Hang,
    /// It is carried out, and the caller is left hanging.
    HangAfter,
}

/// Decides what happens to a request by its operation and its number, from 0.
type Plan = Arc<dyn Fn(&str, u64) -> Fault + Send + Sync>;

/// The operations that were asked for, in order, and what they were to write.
#[derive(Clone, Debug, Default)]
pub struct Asked(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    operations: Vec<String>,
    put: Vec<String>,
    keys: Vec<(String, String)>,
}

impl Asked {
    /// Reads the list so far.
    pub fn list(&self) -> Vec<String> {
        self.heard().operations.clone()
    }

    /// Reads the partition keys of the rows that were put one by one, so far.
    pub fn put(&self) -> Vec<String> {
        self.heard().put.clone()
    }

    /// Reads the keys of all rows that were written, alone or in transactions, so far.
    pub fn keys(&self) -> Vec<(String, String)> {
        self.heard().keys.clone()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, operation: &str, request: &HttpRequest) {
        let mut heard = self.heard();
        heard.operations.push(operation.to_owned());
        if !["PutItem", "UpdateItem", "TransactWriteItems"].contains(&operation) {
            return;
        }
        let body = request.body().bytes().unwrap_or_default();
        let body: Value = serde_json::from_slice(body).unwrap_or_default();
        let alone = [&body];
        let together = body["TransactItems"].as_array().into_iter().flatten();
        let together =
            together.flat_map(|one| one.as_object().into_iter().flat_map(|it| it.values()));
        for write in alone.into_iter().chain(together) {
            let row = if write["Item"].is_object() { &write["Item"] } else { &write["Key"] };
            let part = |name: &str| row[name]["S"].as_str().map(str::to_owned);
            heard.keys.extend(part("pk").zip(part("sk")));
        }
        if operation == "PutItem" {
            heard.put.extend(body["Item"]["pk"]["S"].as_str().map(str::to_owned));
        }
    }
}

/// Wraps an HTTP client so that a plan decides what happens to each of its requests.
pub fn faulty(
    inner: SharedHttpClient,
    plan: impl Fn(&str, u64) -> Fault + Send + Sync + 'static,
) -> SharedHttpClient {
    killable(inner, plan).0
}

/// Wraps an HTTP client as [`faulty`] does, and tells when somebody was left hanging: the moment to
/// drop them, as a killed process is.
pub fn killable(
    inner: SharedHttpClient,
    plan: impl Fn(&str, u64) -> Fault + Send + Sync + 'static,
) -> (SharedHttpClient, Arc<Notify>) {
    let (plan, hung): (Plan, Arc<Notify>) = (Arc::new(plan), Arc::default());
    let (count, asked) = (Arc::default(), Asked::default());
    let client = FaultyClient { inner, plan, count, asked, hung: Arc::clone(&hung) };
    (SharedHttpClient::new(client), hung)
}

/// Wraps an HTTP client so that what is asked of it is listed.
pub fn listened(inner: SharedHttpClient) -> (SharedHttpClient, Asked) {
    let asked = Asked::default();
    let (plan, count): (Plan, _) = (Arc::new(|_: &str, _| Fault::None), Arc::default());
    let (asked_too, hung) = (asked.clone(), Arc::default());
    let client = FaultyClient { inner, plan, count, asked: asked_too, hung };
    (SharedHttpClient::new(client), asked)
}

/// Plans one fault for the first `times` requests of an operation.
pub fn first(operation: &'static str, times: u64, fault: Fault) -> impl Fn(&str, u64) -> Fault {
    let seen = AtomicU64::new(0);
    move |asked, _| match asked == operation && seen.fetch_add(1, Ordering::SeqCst) < times {
        true => fault,
        false => Fault::None,
    }
}

struct FaultyClient {
    inner: SharedHttpClient,
    plan: Plan,
    count: Arc<AtomicU64>,
    asked: Asked,
    hung: Arc<Notify>,
}

impl fmt::Debug for FaultyClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyClient")
    }
}

impl HttpClient for FaultyClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        let (plan, count) = (Arc::clone(&self.plan), Arc::clone(&self.count));
        let (asked, hung) = (self.asked.clone(), Arc::clone(&self.hung));
        SharedHttpConnector::new(FaultyConnector { inner, plan, count, asked, hung })
    }
}

struct FaultyConnector {
    inner: SharedHttpConnector,
    plan: Plan,
    count: Arc<AtomicU64>,
    asked: Asked,
    hung: Arc<Notify>,
}

impl fmt::Debug for FaultyConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FaultyConnector")
    }
}

impl HttpConnector for FaultyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let operation = operation_of(&request);
        self.asked.add(&operation, &request);
        let fault = (self.plan)(&operation, self.count.fetch_add(1, Ordering::SeqCst));
        let (inner, hung) = (self.inner.clone(), Arc::clone(&self.hung));
        HttpConnectorFuture::new(async move {
            match fault {
                Fault::Panic => panic!("a panic was injected"),
                Fault::Hang => {
                    hung.notify_one();
                    future::pending().await
                }
                Fault::HangAfter => {
                    drop(inner.call(request).await);
                    hung.notify_one();
                    future::pending().await
                }
                fault => carry_out(fault, &inner, request, &operation).await,
            }
        })
    }
}

/// Does to a request what befalls it, and carries it out where it is carried out.
pub(crate) async fn carry_out(
    fault: Fault,
    inner: &SharedHttpConnector,
    request: HttpRequest,
    operation: &str,
) -> Result<HttpResponse, ConnectorError> {
    match fault {
        Fault::None => inner.call(request).await,
        Fault::Error(status, kind) => refusal(&request, status, kind, &[]),
        Fault::Throttle => refusal(&request, 400, "ThrottlingException", &[]),
        Fault::Reset => Err(ConnectorError::io("the connection was reset".into())),
        Fault::Timeout => Err(ConnectorError::timeout("nothing was answered".into())),
        Fault::LostReply => lose(inner.call(request).await),
        Fault::ForgottenReply => lose(inner.call(changed(request, forgets_token)).await),
        Fault::Conflict => conflict(&request, operation),
        Fault::Partial => partial(inner, request, operation).await,
        Fault::Newer => inner.call(changed(request, breaks_commits)).await,
        Fault::Panic | Fault::Hang | Fault::HangAfter => future::pending().await,
    }
}

/// Reads which operation a request asks for: a header of the JSON protocols, a field of the query
/// protocol.
pub(crate) fn operation_of(request: &HttpRequest) -> String {
    if let Some(target) = request.headers().get("x-amz-target") {
        return target.split('.').next_back().unwrap_or_default().to_owned();
    }
    let body = String::from_utf8_lossy(request.body().bytes().unwrap_or_default()).into_owned();
    let action = body.split('&').find_map(|field| field.strip_prefix("Action="));
    action.unwrap_or_default().to_owned()
}

/// Answers with an error as the service would, and asks the SDK not to wait long before it tries
/// again.
fn refusal(
    request: &HttpRequest,
    status: u16,
    kind: &str,
    reasons: &[Value],
) -> Result<HttpResponse, ConnectorError> {
    let is_query = request.headers().get("x-amz-target").is_none();
    let body = match is_query {
        true => format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{kind}</Code>\
             <Message>injected</Message></Error></ErrorResponse>"
        ),
        false => json!({
            "__type": kind, "message": "injected", "CancellationReasons": reasons,
        })
        .to_string(),
    };
    let content = if is_query { "text/xml" } else { "application/x-amz-json-1.0" };
    let response = http::Response::builder()
        .status(status)
        .header("content-type", content)
        .header("x-amz-retry-after", "1")
        .body(SdkBody::from(body))
        .map_err(|error| ConnectorError::user(error.into()))?;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}

/// Refuses a write for rows that another transaction holds; a transaction says so row by row.
fn conflict(request: &HttpRequest, operation: &str) -> Result<HttpResponse, ConnectorError> {
    if operation != "TransactWriteItems" {
        return refusal(request, 400, "TransactionConflictException", &[]);
    }
    let body: Value =
        serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
    let rows = body["TransactItems"].as_array().map_or(0, Vec::len);
    let held = json!({ "Code": "TransactionConflict", "Message": "the row is held" });
    let free = json!({ "Code": "None" });
    let reasons: Vec<Value> =
        (0..rows).map(|row| if row == 0 { held.clone() } else { free.clone() }).collect();
    refusal(request, 400, "TransactionCanceledException", &reasons)
}

/// Takes the token from a transaction, so that whoever carries it out does not know its retry.
pub(crate) fn without_token(request: HttpRequest) -> HttpRequest {
    changed(request, forgets_token)
}

fn forgets_token(fields: &mut Map<String, Value>) {
    fields.remove("ClientRequestToken");
}

/// Raises the number that keeps older versions from the commits of a transaction.
fn breaks_commits(fields: &mut Map<String, Value>) {
    let rows = fields.get_mut("TransactItems").and_then(Value::as_array_mut);
    for row in rows.into_iter().flatten().filter_map(|row| row.pointer_mut("/Put/Item")) {
        let sort_key = row.pointer("/sk/S").and_then(Value::as_str);
        if sort_key.is_some_and(store::is_commit_key) {
            row["breaks"] = json!({ "N": "2" });
        }
    }
}

/// Changes the document a request carries.
fn changed(mut request: HttpRequest, change: impl FnOnce(&mut Map<String, Value>)) -> HttpRequest {
    let body = request.body().bytes().unwrap_or_default();
    let Ok(Value::Object(mut fields)) = serde_json::from_slice::<Value>(body) else {
        return request;
    };
    change(&mut fields);
    let body = Value::Object(fields).to_string();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    request
}

fn lose(reply: Result<HttpResponse, ConnectorError>) -> Result<HttpResponse, ConnectorError> {
    drop(reply?);
    let lost = "the connection closed before the reply was complete";
    Err(ConnectorError::other(lost.into(), Some(ErrorKind::TransientError)))
}
