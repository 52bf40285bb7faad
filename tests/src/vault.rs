//! A secret store as the SDK sees it: versions that a test sets, and fails to tell.

use aws_smithy_runtime_api::client::{
    http::{
        HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
        SharedHttpConnector,
    },
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The versions of the one secret it has; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Vault(Arc<Mutex<Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    versions: BTreeMap<String, String>,
    failing: Option<String>,
    asked: usize,
}

impl Vault {
    /// Says which versions there are from now on, all of them told.
    pub fn set(&self, versions: &[(&str, &str)]) {
        let mut shelf = self.shelf();
        shelf.versions =
            versions.iter().map(|(stage, text)| ((*stage).into(), (*text).into())).collect();
        shelf.failing = None;
    }

    /// Fails to tell one version from now on.
    pub fn fail(&self, stage: &str) {
        self.shelf().failing = Some(stage.to_owned());
    }

    /// Counts how often it was asked.
    pub fn asked(&self) -> usize {
        self.shelf().asked
    }

    /// Makes a client that asks it, whatever it is asked.
    pub fn http(&self) -> SharedHttpClient {
        SharedHttpClient::new(self.clone())
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl HttpClient for Vault {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Vault {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let asked: Value =
            serde_json::from_slice(request.body().bytes().unwrap_or_default()).unwrap_or_default();
        let stage = asked["VersionStage"].as_str().unwrap_or_default();
        let mut shelf = self.shelf();
        shelf.asked += 1;
        let (status, document) = match shelf.versions.get(stage) {
            _ if shelf.failing.as_deref() == Some(stage) => {
                (400, json!({ "__type": "DecryptionFailure", "message": "injected" }))
            }
            Some(text) => (200, json!({ "Name": asked["SecretId"], "SecretString": text })),
            None => (400, json!({ "__type": "ResourceNotFoundException", "message": "none" })),
        };
        HttpConnectorFuture::ready(answer(status, &document))
    }
}

fn answer(status: u16, document: &Value) -> Result<HttpResponse, ConnectorError> {
    let response = http::Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.1")
        .body(SdkBody::from(document.to_string()))
        .map_err(|error| ConnectorError::user(error.into()))?;
    HttpResponse::try_from(response).map_err(|error| ConnectorError::user(error.into()))
}
