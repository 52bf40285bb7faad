//! What sources and people do, in the system's own verbs.

use crate::World;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use domain::HandoffId;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use serde_json::{Value, json};

/// An answer of the gateway.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its status code.
    pub status: u16,
    /// Its document; null when it is not JSON.
    pub body: Value,
    /// Its text.
    pub text: String,
}

impl Answer {
    /// Reads the one handoff that opened.
    pub fn opened(&self) -> HandoffId {
        self.only("opened")
    }

    /// Reads the one handoff that was joined.
    pub fn joined(&self) -> HandoffId {
        self.only("joined")
    }

    /// Reads the one handoff that was told more.
    pub fn updated(&self) -> HandoffId {
        self.only("updated")
    }

    fn only(&self, what: &str) -> HandoffId {
        let list = self.body[what].as_array().cloned().unwrap_or_default();
        assert_eq!(list.len(), 1, "{what} in {self:?}");
        HandoffId::from(list[0].as_str().unwrap_or_default())
    }
}

impl From<Response<Bytes>> for Answer {
    fn from(response: Response<Bytes>) -> Self {
        let text = String::from_utf8_lossy(response.body()).into_owned();
        let body = serde_json::from_str(&text).unwrap_or_default();
        Self { status: response.status().as_u16(), body, text }
    }
}

impl World {
    /// Sends an event to the generic hook, signed.
    pub async fn event(&mut self, kind: &str, data: Value) -> Answer {
        let at = self.now();
        self.event_at(kind, at, data).await
    }

    /// Sends an event that occurred at some time to the generic hook, signed now.
    pub async fn event_at(&mut self, kind: &str, occurred: DateTime<Utc>, data: Value) -> Answer {
        let at = self.now();
        let body = json!({ "type": kind, "timestamp": occurred.to_rfc3339(), "data": data });
        let id = self.next_message();
        let request = self.sender.generic(&id, at, &body);
        self.post(request).await.into()
    }

    /// Opens a hot lead of somebody by a demo request, and lets it find an owner.
    pub async fn demo_request(&mut self, id: &str) -> HandoffId {
        let data = json!({
            "subject": {
                "crm": "hubspot", "object": "contact", "id": id, "name": format!("Dana {id}"),
                "email": format!("{id}@acme.example"), "company": "Acme", "country": "GB",
            },
            "fields": { "intent_signal": "Requested a demo" },
        });
        let opened = self.event("demo.requested", data).await.opened();
        self.settle().await;
        opened
    }

    /// Sends any bytes to the generic hook, signed.
    pub async fn bytes(&mut self, body: impl Into<Bytes>) -> Answer {
        let at = self.now();
        let id = self.next_message();
        let request = self.sender.generic_raw(&id, at, body.into());
        self.post(request).await.into()
    }

    /// Does something to a handoff as somebody, through the desk's API.
    pub async fn act(&mut self, person: &str, id: &HandoffId, verb: &str, body: Value) -> Answer {
        let path = format!("/api/handoffs/{id}/{verb}");
        let answer = self.call(Method::POST, &path, &[("x-handoff-person", person)], body).await;
        self.settle().await;
        answer
    }

    /// Reads a document of the desk's API.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.call(Method::GET, path, &[], Value::Null).await
    }

    /// Calls any route.
    pub async fn call(
        &mut self,
        method: Method,
        path: &str,
        headers: &[(&'static str, &str)],
        body: Value,
    ) -> Answer {
        let bytes = if body.is_null() { Bytes::new() } else { body.to_string().into() };
        let mut request = Request::new(bytes);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        let json = HeaderValue::from_static("application/json");
        request.headers_mut().insert("content-type", json);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).expect("a header value");
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        self.post(request).await.into()
    }
}
