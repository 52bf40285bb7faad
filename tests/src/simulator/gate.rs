//! The gate under the SDK: every request of the functions passes it, takes its time, and may be
//! spoiled on the way.
//!
//! What a request waits for is slept on the virtual clock before and after it is carried out, so
//! that invocations interleave wherever they ask for something, always in the same order. While it
//! is carried out it is announced as work: nothing else happens meanwhile, and its whole answer is
//! read before the clock goes on.

use super::{Befalls, Storm};
use crate::faults::{Fault, carry_out, operation_of, without_token};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::{body::SdkBody, byte_stream::ByteStream};
use runtime::Clock;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Requests that were given up on and are still on their way.
#[derive(Clone, Default)]
pub struct Limbo(Arc<Mutex<Vec<(SharedHttpConnector, HttpRequest)>>>);

impl Limbo {
    fn lock(&self) -> MutexGuard<'_, Vec<(SharedHttpConnector, HttpRequest)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells whether any is on its way.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Lets them arrive; nobody hears their answers.
    pub async fn arrive(&self) {
        let late = std::mem::take(&mut *self.lock());
        for (connector, request) in late {
            if let Ok(mut answer) = connector.call(request).await {
                let _ = read(&mut answer).await;
            }
        }
    }
}

/// Wraps an HTTP client with the gate.
pub fn gated(inner: SharedHttpClient, clock: Clock, storm: Storm) -> (SharedHttpClient, Limbo) {
    let limbo = Limbo::default();
    let gate = Gate { clock, storm, limbo: limbo.clone(), said: Arc::default() };
    (SharedHttpClient::new(GatedClient { inner, gate }), limbo)
}

#[derive(Clone)]
struct Gate {
    clock: Clock,
    storm: Storm,
    limbo: Limbo,
    /// What an index said last, by what it was asked.
    said: Arc<Mutex<BTreeMap<Vec<u8>, Vec<u8>>>>,
}

struct GatedClient {
    inner: SharedHttpClient,
    gate: Gate,
}

struct GatedConnector {
    inner: SharedHttpConnector,
    gate: Gate,
}

impl fmt::Debug for GatedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatedClient")
    }
}

impl fmt::Debug for GatedConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GatedConnector")
    }
}

impl HttpClient for GatedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(GatedConnector { inner, gate: self.gate.clone() })
    }
}

impl HttpConnector for GatedConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, gate) = (self.inner.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move {
            let operation = operation_of(&request);
            let how = gate.storm.befalls(&operation);
            gate.wait().await;
            let answer = {
                let _working = gate.clock.working();
                let mut answer = gate.pass(how, &inner, request, &operation).await;
                if let Ok(answer) = &mut answer {
                    read(answer).await?;
                }
                answer
            };
            gate.wait().await;
            if how == Befalls::CrashAfter {
                gate.die().await;
            }
            answer
        })
    }
}

impl Gate {
    /// Lets the process die here: whoever runs it drops it where it stands.
    async fn die(&self) -> ! {
        self.storm.kills();
        std::future::pending().await
    }

    async fn wait(&self) {
        if let Some(time) = self.storm.latency() {
            self.clock.sleep_until(self.clock.now() + time).await;
        }
    }

    /// Lets a request through, as far as it gets.
    async fn pass(
        &self,
        how: Befalls,
        inner: &SharedHttpConnector,
        request: HttpRequest,
        operation: &str,
    ) -> Result<HttpResponse, ConnectorError> {
        match how {
            Befalls::Fault(Fault::None) | Befalls::CrashAfter if asks_index(&request) => {
                self.ask_index(inner, request).await
            }
            Befalls::CrashAfter => inner.call(request).await,
            Befalls::Fault(fault) => carry_out(fault, inner, request, operation).await,
            Befalls::CrashBefore => self.die().await,
            Befalls::Late => {
                if let Some(late) = request.try_clone() {
                    // It comes when its token is long forgotten.
                    self.limbo.lock().push((inner.clone(), without_token(late)));
                }
                Err(ConnectorError::timeout("nothing was answered".into()))
            }
            Befalls::Partial => partial(inner, request, operation).await,
            Befalls::Stale => match self.said_before(&request) {
                Some(said) => answer(said),
                None => self.ask_index(inner, request).await,
            },
        }
    }

    async fn ask_index(
        &self,
        inner: &SharedHttpConnector,
        request: HttpRequest,
    ) -> Result<HttpResponse, ConnectorError> {
        let asked = request.body().bytes().unwrap_or_default().to_vec();
        let mut answer = inner.call(request).await?;
        let said = read(&mut answer).await?;
        let mut all = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(asked, said);
        Ok(answer)
    }

    fn said_before(&self, request: &HttpRequest) -> Option<Vec<u8>> {
        let asked = request.body().bytes().filter(|_| asks_index(request))?;
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(asked).cloned()
    }
}

/// Tells whether a request reads an index, which may be behind the table.
fn asks_index(request: &HttpRequest) -> bool {
    let body = request.body().bytes().unwrap_or_default();
    body.windows(11).any(|window| window == b"\"IndexName\"")
}

/// Reads an answer to its end, and leaves it as it was.
async fn read(answer: &mut HttpResponse) -> Result<Vec<u8>, ConnectorError> {
    let body = std::mem::replace(answer.body_mut(), SdkBody::empty());
    let read = ByteStream::new(body).collect().await;
    let bytes = read.map_err(|error| ConnectorError::io(error.into()))?.to_vec();
    *answer.body_mut() = SdkBody::from(bytes.clone());
    Ok(bytes)
}

fn answer(said: Vec<u8>) -> Result<HttpResponse, ConnectorError> {
    let response = http::Response::builder()
        .status(200)
        .header("content-type", "application/x-amz-json-1.0")
        .body(SdkBody::from(said))
        .map_err(|error| ConnectorError::user(error.into()))?;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}

/// Carries out the first half of what a batch asks for, and says that the rest was not done.
async fn partial(
    inner: &SharedHttpConnector,
    mut request: HttpRequest,
    operation: &str,
) -> Result<HttpResponse, ConnectorError> {
    let body = request.body().bytes().unwrap_or_default();
    let mut asked: Value = serde_json::from_slice(body).unwrap_or_default();
    let rest = match operation {
        "PutEvents" => halve(&mut asked["Entries"]),
        "BatchGetItem" => {
            let tables = asked["RequestItems"].as_object_mut();
            tables.and_then(|tables| tables.values_mut().next()).map_or(vec![], |table| {
                let keys = &mut table["Keys"];
                halve(keys)
            })
        }
        _ => vec![],
    };
    let body = asked.to_string();
    request.headers_mut().insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    let mut said = inner.call(request).await?;
    let bytes = read(&mut said).await?;
    let mut reply: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    match operation {
        "PutEvents" => {
            let refused = json!({ "ErrorCode": "ThrottlingException", "ErrorMessage": "busy" });
            reply["FailedEntryCount"] = rest.len().into();
            if let Some(entries) = reply["Entries"].as_array_mut() {
                entries.extend(rest.iter().map(|_| refused.clone()));
            }
        }
        _ => {
            let table = asked["RequestItems"].as_object().and_then(|it| it.iter().next());
            if let Some((name, wanted)) = table.filter(|_| !rest.is_empty()) {
                let mut left = wanted.clone();
                left["Keys"] = rest.into();
                reply["UnprocessedKeys"] = json!({ name: left });
            }
        }
    }
    answer(reply.to_string().into_bytes())
}

/// Keeps the first half of a list, at least one, and takes the rest out.
fn halve(list: &mut Value) -> Vec<Value> {
    match list.as_array_mut() {
        Some(list) => list.split_off(list.len().div_ceil(2)),
        None => vec![],
    }
}
