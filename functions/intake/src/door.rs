//! The door: who may speak, what is kept, what is answered.

use crate::{
    Envelope, Intake, Settled,
    connector::{self, Reply, Wants},
    settling::PATIENCE,
};
use bytes::Bytes;
use domain::{
    ReceiptId, SourceKey,
    config::{Config, Source},
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use runtime::{
    Figure,
    web::{self, problem, try_again},
};
use std::collections::BTreeMap;
use store::ReceiptKind;

/// The largest body that is taken, in bytes; the gateway passes no more than 6 MB, base64 and
/// headers included.
const BODY_BYTES_MAX: usize = 4_500_000;

/// Headers a reader needs when a receipt is read again. Never a signature.
const KEPT_HEADERS: [&str; 4] = ["content-type", "content-encoding", "webhook-id", "user-agent"];

/// How long a sender is asked to wait when nothing could be stored, in seconds.
const TRY_AGAIN_SECONDS: u32 = 5;

impl Intake {
    pub(crate) async fn open_door(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path().to_owned();
        let Some((key, token)) = hook_of(&path) else {
            return problem(StatusCode::NOT_FOUND, "There is no such hook.", "/hooks");
        };
        let instance = format!("/hooks/{key}");
        if request.method() != Method::POST {
            return only_post(&instance);
        }
        let now = self.clock.now();
        let active = match self.configs.active(now).await {
            Ok(active) => active,
            Err(error) => return self.not_stored(&error.to_string(), &instance),
        };
        let Some(source) = active.config.sources.get(&key) else {
            tracing::warn!(hook.source = %key, "an unknown source was called");
            let detail = "There is no source of that name in the configuration.";
            return problem(StatusCode::NOT_FOUND, detail, "/hooks");
        };
        if request.body().len() > BODY_BYTES_MAX {
            tracing::warn!(hook.source = %key, body.bytes = request.body().len(), "too large");
            let detail = "The body is larger than 4.5 MB: send smaller batches.";
            return problem(StatusCode::PAYLOAD_TOO_LARGE, detail, &instance);
        }
        let secrets = match self.secrets.of(&key, source, now).await {
            Ok(secrets) => secrets,
            Err(error) => return self.not_stored(&error.to_string(), &instance),
        };
        let url = public_url(&active.config, request.uri());
        let asked = connector::Request {
            method: request.method().as_str(),
            url: &url,
            token,
            headers: request.headers(),
            body: request.body(),
            now,
        };
        let mut proven = connector::authenticate(source, &asked, &secrets);
        if proven.is_err() {
            // Its secret may have been replaced since it was read.
            match self.secrets.renewed(&key, source, now).await {
                Ok(Some(secrets)) => proven = connector::authenticate(source, &asked, &secrets),
                Ok(None) => {}
                Err(error) => return self.not_stored(&error.to_string(), &instance),
            }
        }
        if let Err(refused) = proven {
            tracing::warn!(hook.source = %key, "not authentic");
            Figure::Refused.count(1);
            return problem(StatusCode::UNAUTHORIZED, &refused.to_string(), &instance);
        }
        self.take_in(&key, source, request, &instance).await
    }

    /// Stores an authentic request, then makes of it what can be made in time.
    async fn take_in(
        &self,
        key: &SourceKey,
        source: &Source,
        request: Request<Bytes>,
        instance: &str,
    ) -> Response<Bytes> {
        let received_at = self.clock.now();
        let receipt = ReceiptId(self.ids.ulid(received_at));
        let headers = kept_headers(request.headers());
        let kind = ReceiptKind { source: key.clone(), received_at, headers, parts: 0, tries: 0 };
        if let Err(error) = self.store.put_receipt(&receipt, &kind, request.body()).await {
            return self.not_stored(&error.to_string(), instance);
        }
        let reading = connector::read(key, source, request.headers(), request.body());
        let wants = reading.wants.clone();
        let envelope = Envelope { source: key.clone(), receipt, received_at };
        let settled = self.settle_all(&envelope, reading, PATIENCE).await;
        if let Ok(settled) = &settled {
            // At the door only: what comes back by the queue has been counted.
            Figure::Duplicates.count(settled.duplicates);
            Figure::Quarantined.count(settled.quarantined);
        }
        match settled {
            Ok(settled) => match wants {
                Some(Wants::Challenge(word)) => {
                    web::answer(StatusCode::OK, "text/plain; charset=utf-8", word)
                }
                Some(Wants::Word(back)) => {
                    self.tell_back(&back, settled.told.as_ref(), received_at).await;
                    answer(source, &settled)
                }
                None => answer(source, &settled),
            },
            Err(error) => self.not_stored(&error.to_string(), instance),
        }
    }

    pub(crate) fn not_stored(&self, reason: &str, instance: &str) -> Response<Bytes> {
        tracing::error!(reason, "nothing could be stored");
        let detail = "Nothing could be stored just now: send it again.";
        try_again(detail, instance, TRY_AGAIN_SECONDS)
    }
}

/// Splits `/hooks/{source}` and `/hooks/{source}/{token}`.
fn hook_of(path: &str) -> Option<(SourceKey, Option<&str>)> {
    let mut parts = path.strip_prefix("/hooks/")?.splitn(2, '/');
    let source = parts.next().filter(|source| !source.is_empty())?;
    Some((SourceKey::from(source), parts.next()))
}

fn only_post(instance: &str) -> Response<Bytes> {
    let detail = "A hook takes POST only.";
    let mut response = problem(StatusCode::METHOD_NOT_ALLOWED, detail, instance);
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("POST"));
    response
}

/// The address the sender was given: the configured one, never what the Host header claims.
fn public_url(config: &Config, uri: &http::Uri) -> String {
    let base = config.organisation.public_url.trim_end_matches('/');
    let path = uri.path_and_query().map_or(uri.path(), |path| path.as_str());
    format!("{base}{path}")
}

fn kept_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    KEPT_HEADERS
        .iter()
        .filter_map(|name| {
            let value = headers.get(*name)?.to_str().ok()?;
            Some(((*name).to_owned(), value.to_owned()))
        })
        .collect()
}

fn answer(source: &Source, settled: &Settled) -> Response<Bytes> {
    match connector::reply(source) {
        Reply::Json => {
            let document = serde_json::to_value(settled).unwrap_or_default();
            web::json(StatusCode::OK, &document)
        }
        Reply::SoapAck => {
            web::answer(StatusCode::OK, "text/xml; charset=utf-8", connector::soap_ack())
        }
        Reply::Empty => web::answer(StatusCode::OK, "text/plain; charset=utf-8", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hook_is_a_source_and_perhaps_a_token() {
        assert_eq!(hook_of("/hooks/generic"), Some(("generic".into(), None)));
        assert_eq!(hook_of("/hooks/salesforce/abc"), Some(("salesforce".into(), Some("abc"))));
        assert_eq!(hook_of("/hooks/"), None);
        assert_eq!(hook_of("/elsewhere"), None);
    }
}
