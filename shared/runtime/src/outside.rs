//! Asking systems outside: one GET of a JSON document, within a time and a size.
//!
//! An answer is waited for by the real time, not by the system's clock: the network knows no
//! other. Nothing is followed elsewhere, and what is longer than it may be is not read to its end.
//! The client is made when it is first needed: most organisations ask nobody.

use bytes::{Bytes, BytesMut};
use http::{HeaderName, HeaderValue, Request, StatusCode, header};
use http_body_util::{BodyExt, Empty};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::Value;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The longest answer that is read, in bytes.
pub const ANSWER_BYTES_MAX: usize = 256 * 1024;

/// Asks systems outside; clones share their connections.
#[derive(Clone)]
pub struct Outside {
    client: Arc<OnceLock<Option<Http>>>,
    /// Whether it may ask without TLS, on this machine.
    plain: bool,
}

type Http = Client<HttpsConnector<HttpConnector>, Empty<Bytes>>;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum OutsideError {
    /// What was to be asked is no request.
    #[error("it cannot be asked: {0}")]
    Unaskable(String),
    /// Nobody was reached, or the connection broke.
    #[error("nobody was reached")]
    Unreached,
    /// It took longer than it may.
    #[error("it did not answer within {} ms", .0.as_millis())]
    Late(Duration),
    /// It answered that it will not.
    #[error("it answered {0}")]
    Status(StatusCode),
    /// The answer is longer than it may be.
    #[error("its answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// The answer is no JSON document.
    #[error("its answer is not JSON")]
    NotJson,
}

impl OutsideError {
    /// Tells whether whoever is asked cannot answer now, whatever the question.
    pub fn is_silence(&self) -> bool {
        match self {
            Self::Unreached | Self::Late(_) => true,
            Self::Status(status) => {
                status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS
            }
            Self::Unaskable(_) | Self::TooLong | Self::NotJson => false,
        }
    }
}

impl Outside {
    /// Asks over TLS only.
    pub fn cloud() -> Self {
        Self { client: Arc::default(), plain: false }
    }

    /// Asks on this machine without TLS too.
    pub fn local() -> Self {
        Self { client: Arc::default(), plain: true }
    }

    /// Asks for a JSON document.
    ///
    /// # Errors
    /// [`OutsideError`]; its words name no address and no secret.
    pub async fn get(
        &self,
        address: &str,
        secret: Option<(&str, String)>,
        within: Duration,
    ) -> Result<Value, OutsideError> {
        let asked = tokio::time::timeout(within, self.ask(address, secret)).await;
        asked.unwrap_or(Err(OutsideError::Late(within)))
    }

    async fn ask(
        &self,
        address: &str,
        secret: Option<(&str, String)>,
    ) -> Result<Value, OutsideError> {
        let unaskable = |error: http::Error| OutsideError::Unaskable(error.to_string());
        let request = Request::get(address)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, "handoff");
        let mut request = request.body(Empty::new()).map_err(unaskable)?;
        if let Some((name, secret)) = secret {
            let name = name.parse::<HeaderName>().map_err(|error| unaskable(error.into()))?;
            let secret = HeaderValue::from_str(&secret);
            let mut secret = secret.map_err(|error| unaskable(error.into()))?;
            secret.set_sensitive(true);
            request.headers_mut().insert(name, secret);
        }
        let client = self
            .client
            .get_or_init(|| client(self.plain))
            .as_ref()
            .ok_or(OutsideError::Unreached)?;
        let answer = client.request(request).await.map_err(|_| OutsideError::Unreached)?;
        if answer.status() != StatusCode::OK {
            return Err(OutsideError::Status(answer.status()));
        }
        let (mut body, mut read) = (answer.into_body(), BytesMut::new());
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| OutsideError::Unreached)?;
            let Ok(part) = frame.into_data() else { continue };
            if read.len() + part.len() > ANSWER_BYTES_MAX {
                return Err(OutsideError::TooLong);
            }
            read.extend_from_slice(&part);
        }
        serde_json::from_slice(&read).map_err(|_| OutsideError::NotJson)
    }
}

/// Makes the client, with TLS as the SDK has it: rustls on ring, and the system's roots.
fn client(plain: bool) -> Option<Http> {
    let provider = rustls::crypto::ring::default_provider();
    let builder = HttpsConnectorBuilder::new().with_provider_and_native_roots(provider);
    let connector = match builder {
        Ok(builder) if plain => builder.https_or_http().enable_http1().build(),
        Ok(builder) => builder.https_only().enable_http1().build(),
        Err(error) => {
            tracing::warn!(%error, "nobody outside can be asked: there are no trusted roots");
            return None;
        }
    };
    Some(Client::builder(TokioExecutor::new()).build(connector))
}
