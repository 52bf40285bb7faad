//! Requests as the sources make them: paths, headers and signatures of the real thing.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Method, Request, Uri};
use sha2::{Digest, Sha256};

/// Makes requests of the sources the sample organisation has.
#[derive(Clone, Debug)]
pub struct Sender {
    public_url: String,
}

impl Sender {
    /// Sends to an organisation known by `public_url`.
    pub fn new(public_url: &str) -> Self {
        Self { public_url: public_url.to_owned() }
    }

    /// Makes a request of the generic hook, signed by Standard Webhooks.
    pub fn generic(&self, id: &str, at: DateTime<Utc>, body: &serde_json::Value) -> Request<Bytes> {
        self.generic_raw(id, at, body.to_string().into())
    }

    /// Makes a request of the generic hook of any bytes, signed by Standard Webhooks.
    pub fn generic_raw(&self, id: &str, at: DateTime<Utc>, body: Bytes) -> Request<Bytes> {
        let seconds = at.timestamp().to_string();
        let signed = [format!("{id}.{seconds}.").as_bytes(), &body].concat();
        let signature = STANDARD.encode(mac(b"local-generic-secret", &signed));
        post(
            "/hooks/generic",
            &[
                ("content-type", "application/json"),
                ("webhook-id", id),
                ("webhook-timestamp", &seconds),
                ("webhook-signature", &format!("v1,{signature}")),
            ],
            body,
        )
    }

    /// Makes a Salesforce outbound message: authentic by the token in its path.
    pub fn salesforce(&self, envelope: &str) -> Request<Bytes> {
        self.salesforce_raw(envelope.to_owned().into())
    }

    /// Makes a Salesforce outbound message of any bytes.
    pub fn salesforce_raw(&self, envelope: Bytes) -> Request<Bytes> {
        post(
            "/hooks/salesforce/local-salesforce-secret",
            &[("content-type", "text/xml; charset=utf-8"), ("soapaction", "\"\"")],
            envelope,
        )
    }

    /// Makes a HubSpot app webhook, signed by version 3.
    pub fn hubspot_app(&self, at: DateTime<Utc>, body: Bytes) -> Request<Bytes> {
        let (url, path) = self.hook("hubspot");
        let millis = at.timestamp_millis().to_string();
        let signed = [b"POST", url.as_bytes(), &body, millis.as_bytes()].concat();
        let signature = STANDARD.encode(mac(b"local-hubspot-secret", &signed));
        post(
            &path,
            &[
                ("content-type", "application/json"),
                ("x-hubspot-request-timestamp", &millis),
                ("x-hubspot-signature-v3", &signature),
            ],
            body,
        )
    }

    /// Makes a HubSpot workflow action, signed by version 2.
    pub fn hubspot_workflow(&self, body: Bytes) -> Request<Bytes> {
        let (url, path) = self.hook("hubspot");
        let signed = [b"local-hubspot-secret", b"POST".as_slice(), url.as_bytes(), &body].concat();
        let signature = hex::encode(Sha256::digest(signed));
        post(
            &path,
            &[
                ("content-type", "application/json"),
                ("x-hubspot-signature", &signature),
                ("x-hubspot-signature-version", "v2"),
            ],
            body,
        )
    }

    /// Makes a Pipedrive webhook: authentic by user and password.
    pub fn pipedrive(&self, body: Bytes) -> Request<Bytes> {
        let credentials = STANDARD.encode("handoff:local-pipedrive-secret");
        let authorization = format!("Basic {credentials}");
        post(
            "/hooks/pipedrive",
            &[("content-type", "application/json"), ("authorization", &authorization)],
            body,
        )
    }

    /// Makes a form Slack posts, signed by version 0.
    pub fn slack(&self, at: DateTime<Utc>, form: Bytes) -> Request<Bytes> {
        let seconds = at.timestamp().to_string();
        let signed = [format!("v0:{seconds}:").as_bytes(), &form].concat();
        let signature = format!("v0={}", hex::encode(mac(b"local-slack-secret", &signed)));
        post(
            "/hooks/slack",
            &[
                ("content-type", "application/x-www-form-urlencoded"),
                ("x-slack-request-timestamp", &seconds),
                ("x-slack-signature", &signature),
            ],
            form,
        )
    }

    fn hook(&self, source: &str) -> (String, String) {
        let path = format!("/hooks/{source}");
        (format!("{}{path}", self.public_url), path)
    }
}

fn post(path: &str, headers: &[(&'static str, &str)], body: Bytes) -> Request<Bytes> {
    let mut request = Request::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    request
}

fn mac(key: &[u8], message: &[u8]) -> Vec<u8> {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any key length is good");
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}
