//! Asking and telling systems outside: one request, one answer, within a time and a size.
//!
//! An answer is waited for by the real time, not by the system's clock: the network knows no
//! other. Nothing is followed elsewhere, and what is longer than it may be is not read to its end.
//! The client is made when it is first needed: most organisations ask nobody.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full};
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
    /// Where what an address calls `local` is.
    here: Option<String>,
}

type Http = Client<HttpsConnector<HttpConnector>, Full<Bytes>>;

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

/// A request to a system outside.
#[derive(Clone)]
pub struct Ask {
    /// How.
    pub method: Method,
    /// Where.
    pub address: String,
    /// Headers with their values; those of secrets are not shown by anything.
    pub headers: Vec<(&'static str, String)>,
    /// What is said: its media type and bytes.
    pub body: Option<(&'static str, Bytes)>,
}

/// What a system outside answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub body: Bytes,
}

impl Answer {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// `NotJson`.
    pub fn json(&self) -> Result<Value, OutsideError> {
        serde_json::from_slice(&self.body).map_err(|_| OutsideError::NotJson)
    }
}

impl Outside {
    /// Asks over TLS only.
    pub fn cloud() -> Self {
        Self { client: Arc::default(), plain: false, here: None }
    }

    /// Asks on this machine without TLS too.
    pub fn local() -> Self {
        Self { client: Arc::default(), plain: true, here: None }
    }

    /// Asks on this machine without TLS too; what `local` stands for is at `here`.
    pub fn at(here: &str) -> Self {
        Self { here: Some(here.to_owned()), ..Self::local() }
    }

    /// Tells whether it asks on this machine too.
    pub fn is_local(&self) -> bool {
        self.plain
    }

    /// Finds what an address stands for: `local` is the outbox of a laptop, where there is one.
    pub fn address(&self, base: &str, kind: &str) -> String {
        match (&self.here, base) {
            (Some(here), "local") => format!("{here}/{kind}"),
            _ => base.to_owned(),
        }
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
        let asked = tokio::time::timeout(within, self.ask_document(address, secret)).await;
        asked.unwrap_or(Err(OutsideError::Late(within)))
    }

    /// Sends a request, and reads its answer whole, whatever its status.
    ///
    /// # Errors
    /// [`OutsideError`]; its words name no address and no secret.
    pub async fn send(&self, ask: Ask, within: Duration) -> Result<Answer, OutsideError> {
        let sent = tokio::time::timeout(within, self.exchange(ask)).await;
        sent.unwrap_or(Err(OutsideError::Late(within)))
    }

    /// Sends a request, and reads no more of its answer than the status and the headers: of whoever
    /// only has to take something, whatever else they say.
    ///
    /// # Errors
    /// [`OutsideError`]; its words name no address and no secret.
    pub async fn hand_over(
        &self,
        ask: Ask,
        within: Duration,
    ) -> Result<(StatusCode, HeaderMap), OutsideError> {
        let sent = tokio::time::timeout(within, self.begin(ask)).await;
        let answer = sent.unwrap_or(Err(OutsideError::Late(within)))?;
        Ok((answer.status(), answer.headers().clone()))
    }

    async fn ask_document(
        &self,
        address: &str,
        secret: Option<(&str, String)>,
    ) -> Result<Value, OutsideError> {
        let unaskable = |error: http::Error| OutsideError::Unaskable(error.to_string());
        let mut request = Request::get(address).body(Full::default()).map_err(unaskable)?;
        if let Some((name, secret)) = secret {
            insert(&mut request, name, &secret)?;
        }
        let answer = self.client()?.request(as_handoff(request)).await;
        let answer = answer.map_err(|_| OutsideError::Unreached)?;
        if answer.status() != StatusCode::OK {
            return Err(OutsideError::Status(answer.status()));
        }
        let read = read(answer.into_body()).await?;
        serde_json::from_slice(&read).map_err(|_| OutsideError::NotJson)
    }

    async fn exchange(&self, ask: Ask) -> Result<Answer, OutsideError> {
        let answer = self.begin(ask).await?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        Ok(Answer { status, headers, body: read(answer.into_body()).await? })
    }

    async fn begin(
        &self,
        ask: Ask,
    ) -> Result<Response<impl BodyExt<Data = Bytes> + Unpin>, OutsideError> {
        let unaskable = |error: http::Error| OutsideError::Unaskable(error.to_string());
        let (media_type, body) = ask.body.unzip();
        let request = Request::builder().method(ask.method).uri(&ask.address);
        let mut request = request.body(Full::new(body.unwrap_or_default())).map_err(unaskable)?;
        if let Some(media_type) = media_type {
            insert(&mut request, header::CONTENT_TYPE.as_str(), media_type)?;
        }
        for (name, value) in &ask.headers {
            insert(&mut request, name, value)?;
        }
        let answer = self.client()?.request(as_handoff(request)).await;
        answer.map_err(|_| OutsideError::Unreached)
    }

    fn client(&self) -> Result<&Http, OutsideError> {
        self.client.get_or_init(|| client(self.plain)).as_ref().ok_or(OutsideError::Unreached)
    }
}

fn as_handoff(mut request: Request<Full<Bytes>>) -> Request<Full<Bytes>> {
    let headers = request.headers_mut();
    headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(header::USER_AGENT, HeaderValue::from_static("handoff"));
    request
}

/// Adds a header that nothing shows: it may be a secret.
fn insert(request: &mut Request<Full<Bytes>>, name: &str, value: &str) -> Result<(), OutsideError> {
    let unaskable = |error: http::Error| OutsideError::Unaskable(error.to_string());
    let name = name.parse::<HeaderName>().map_err(|error| unaskable(error.into()))?;
    let mut value = HeaderValue::from_str(value).map_err(|error| unaskable(error.into()))?;
    value.set_sensitive(true);
    request.headers_mut().insert(name, value);
    Ok(())
}

async fn read<B: BodyExt<Data = Bytes> + Unpin>(mut body: B) -> Result<Bytes, OutsideError> {
    let mut read = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| OutsideError::Unreached)?;
        let Ok(part) = frame.into_data() else { continue };
        if read.len() + part.len() > ANSWER_BYTES_MAX {
            return Err(OutsideError::TooLong);
        }
        read.extend_from_slice(&part);
    }
    Ok(read.freeze())
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
