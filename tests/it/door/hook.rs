//! The hooks, and what their senders post: authentic whatever the body is, and a body of each that
//! opens one handoff.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Duration, Utc};
use flate2::{Compression, write::GzEncoder};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderName, HeaderValue, Method, Request};
use local::sample::{PUBLIC_URL, Sender};
use serde_json::{Value, json};
use sha2::Sha256;
use std::io::Write;

/// One way to speak to the front door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Generic,
    Hubspot,
    /// HubSpot's workflow actions, signed by version 2.
    Workflow,
    Salesforce,
    Pipedrive,
}

/// Every way.
pub(super) const ALL: [Hook; 5] =
    [Hook::Generic, Hook::Hubspot, Hook::Workflow, Hook::Salesforce, Hook::Pipedrive];

/// Those whose body is JSON.
pub(super) const JSON: [Hook; 4] = [Hook::Generic, Hook::Hubspot, Hook::Workflow, Hook::Pipedrive];

/// Those whose body is signed, and the header that holds the signature.
pub(super) const SIGNED: [(Hook, &str); 3] = [
    (Hook::Generic, "webhook-signature"),
    (Hook::Hubspot, "x-hubspot-signature-v3"),
    (Hook::Workflow, "x-hubspot-signature"),
];

impl Hook {
    /// Makes an authentic request of any bytes; `message` is the id a generic sender gives it.
    pub(super) fn posts(
        self,
        message: &str,
        at: DateTime<Utc>,
        body: impl Into<Bytes>,
    ) -> Request<Bytes> {
        let (sender, body) = (Sender::new(PUBLIC_URL), body.into());
        match self {
            Self::Generic => sender.generic_raw(message, at, body),
            Self::Hubspot => sender.hubspot_app(at, body),
            Self::Workflow => sender.hubspot_workflow(body),
            Self::Salesforce => sender.salesforce_raw(body),
            Self::Pipedrive => sender.pipedrive(body),
        }
    }

    /// Writes a body that opens one handoff about somebody, and says `told` besides.
    pub(super) fn opens(self, id: &str, at: DateTime<Utc>, told: &str) -> String {
        match self {
            Self::Salesforce => envelope(&notification(&format!("04l{id}"), id, at, told)),
            json => json.document(id, at, told).to_string(),
        }
    }

    /// The same as a document, where it is JSON.
    pub(super) fn document(self, id: &str, at: DateTime<Utc>, told: &str) -> Value {
        let millis = at.timestamp_millis();
        match self {
            Self::Generic => json!({
                "type": "demo.requested", "timestamp": at.to_rfc3339(),
                "data": {
                    "subject": {
                        "crm": "hubspot", "object": "contact", "id": id, "country": "GB",
                    },
                    "fields": { "told": told },
                },
            }),
            Self::Hubspot => json!([scored(id, at, told)]),
            Self::Workflow => json!({
                "vid": id, "portal-id": 62515,
                "properties": {
                    "told": { "value": told },
                    "country": { "value": "GB" },
                    "recent_conversion_event_name": {
                        "value": "Pricing: Request a demo",
                        "versions": [{ "value": "Pricing: Request a demo", "timestamp": millis }],
                    },
                },
            }),
            Self::Pipedrive => json!({
                "meta": {
                    "action": "change", "entity": "deal", "company_id": "12882925",
                    "correlation_id": "c", "entity_id": id, "id": format!("uuid-{id}"),
                    "timestamp": at.to_rfc3339(), "version": "2.0", "webhook_id": "456",
                    "attempt": 1,
                },
                "data": { "id": id, "told": told, "status": "won", "value": 2 },
                "previous": { "status": "open" },
            }),
            Self::Salesforce => panic!("it speaks XML"),
        }
    }

    /// The header that proves who speaks, if it is one.
    pub(super) fn proof(self) -> Option<&'static str> {
        match self {
            Self::Pipedrive => Some("authorization"),
            Self::Salesforce => None,
            signed => SIGNED.iter().find(|(hook, _)| *hook == signed).map(|(_, name)| *name),
        }
    }
}

/// A change of a contact's score at HubSpot, above what opens a handoff.
pub(super) fn scored(id: &str, at: DateTime<Utc>, told: &str) -> Value {
    json!({
        "eventId": 1, "subscriptionId": 2, "portalId": 62515, "appId": 3, "attemptNumber": 0,
        "occurredAt": at.timestamp_millis(), "objectId": id, "changeSource": "CRM",
        "subscriptionType": "contact.propertyChange", "propertyName": "hubspotscore",
        "propertyValue": "80", "sourceId": told,
    })
}

/// A notification of Salesforce that an opportunity was won.
pub(super) fn notification(id: &str, deal: &str, at: DateTime<Utc>, told: &str) -> String {
    let at = at.format("%Y-%m-%dT%H:%M:%S%.3fZ");
    format!(
        "<Notification><Id>{id}</Id><sObject xsi:type=\"sf:Opportunity\">\
         <sf:Id>{deal}</sf:Id><sf:StageName>Closed Won</sf:StageName>\
         <sf:LastModifiedDate>{at}</sf:LastModifiedDate><sf:told>{told}</sf:told>\
         </sObject></Notification>"
    )
}

/// Salesforce's envelope of the sample organisation.
pub(super) fn envelope(notifications: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"><soapenv:Body>\
         <notifications xmlns=\"http://soap.sforce.com/2005/09/outbound\" \
         xmlns:sf=\"urn:sobject.enterprise.soap.sforce.com\">\
         <OrganizationId>00Dxx0000001gPLEAY</OrganizationId>{notifications}\
         </notifications></soapenv:Body></soapenv:Envelope>"
    )
}

/// Makes a request of the generic hook that signs whatever stands in the header as its time.
pub(super) fn generic_signed(secret: &str, time: &str, body: &str) -> Request<Bytes> {
    generic_named("m1", secret, time, body)
}

/// The same with any id.
pub(super) fn generic_named(id: &str, secret: &str, time: &str, body: &str) -> Request<Bytes> {
    let parts = [id.as_bytes(), b".", time.as_bytes(), b".", body.as_bytes()];
    let signature = format!("v1,{}", mac(secret, &parts));
    let headers =
        [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", &signature)];
    post("/hooks/generic", &headers, body.to_owned())
}

/// Makes a HubSpot request to an address that signs another, and whatever stands in the header as
/// its time.
pub(super) fn hubspot_signed(
    secret: &str,
    (path, signed): (&str, &str),
    time: &str,
    body: &str,
) -> Request<Bytes> {
    let url = format!("{PUBLIC_URL}{signed}");
    let parts = [b"POST", url.as_bytes(), body.as_bytes(), time.as_bytes()];
    let signature = mac(secret, &parts);
    let headers = [("x-hubspot-request-timestamp", time), ("x-hubspot-signature-v3", &signature)];
    post(path, &headers, body.to_owned())
}

pub(super) fn post(
    path: &str,
    headers: &[(&'static str, &str)],
    body: impl Into<Bytes>,
) -> Request<Bytes> {
    let mut request = Request::new(body.into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = path.parse().unwrap();
    headers.iter().for_each(|(name, value)| set(&mut request, name, value));
    request
}

/// Sets a header to any text that can be one.
pub(super) fn set(request: &mut Request<Bytes>, name: &'static str, value: impl AsRef<[u8]>) {
    let value = HeaderValue::from_bytes(value.as_ref()).unwrap();
    request.headers_mut().insert(HeaderName::from_static(name), value);
}

fn mac(secret: &str, parts: &[&[u8]]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    parts.iter().for_each(|part| mac.update(part));
    STANDARD.encode(mac.finalize().into_bytes())
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A gigabyte in a megabyte.
pub(super) fn bomb() -> Vec<u8> {
    let bomb = gzip(&vec![b' '; 1_000_000]).repeat(1_000);
    assert!(bomb.len() < 2_000_000, "{}", bomb.len());
    bomb
}

/// When the sample day begins.
pub(super) fn monday() -> DateTime<Utc> {
    "2026-01-05T09:30:00Z".parse().unwrap()
}

pub(super) fn ms(milliseconds: i64) -> Duration {
    Duration::milliseconds(milliseconds)
}
