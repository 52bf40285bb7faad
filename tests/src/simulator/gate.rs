//! The gate under the SDK: every request of the functions passes it, takes its time, and may be
//! spoiled on the way.
//!
//! What a request waits for is slept on the virtual clock before and after it is carried out, so
//! that invocations interleave wherever they ask for something, always in the same order. While it
//! is carried out it is announced as work: nothing else happens meanwhile, and its whole answer is
//! read before the clock goes on.

use super::{Befalls, Storm};
use crate::{
    answers::{answer, read},
    faults::{Fault, carry_out, operation_of, without_token},
};
use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use runtime::Clock;
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
