//! What a source has to say, before it is signed: a retry says the same and is signed anew.
//!
//! Bodies have the shapes of the real thing: HubSpot's workflow actions in the legacy and the flat
//! form, its app webhooks, Salesforce's outbound messages, and the generic hook.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat, Utc};
use http::Request;
use serde_json::{Map, Value, json};

use super::{Lead, Sender};

/// One message of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parcel {
    /// The generic hook: the message's id, which a retry keeps, and the body.
    Generic {
        /// The message's id.
        id: String,
        /// The body, whatever it is.
        body: Bytes,
    },
    /// A HubSpot workflow action.
    HubspotWorkflow(Bytes),
    /// A HubSpot app webhook.
    HubspotApp(Bytes),
    /// A Salesforce outbound message.
    Salesforce(String),
}

/// A score that changed.
#[derive(Clone, Copy, Debug)]
pub struct Score {
    /// What it was, if the source says so.
    pub before: Option<i64>,
    /// What it is.
    pub now: i64,
}

impl Parcel {
    /// The key of the source that says it.
    pub fn source(&self) -> &'static str {
        match self {
            Self::Generic { .. } => "generic",
            Self::HubspotWorkflow(_) | Self::HubspotApp(_) => "hubspot",
            Self::Salesforce(_) => "salesforce",
        }
    }

    /// Makes the request that says it at a time.
    pub fn request(&self, sender: &Sender, at: DateTime<Utc>) -> Request<Bytes> {
        match self {
            Self::Generic { id, body } => sender.generic_raw(id, at, body.clone()),
            Self::HubspotWorkflow(body) => sender.hubspot_workflow(body.clone()),
            Self::HubspotApp(body) => sender.hubspot_app(at, body.clone()),
            Self::Salesforce(envelope) => sender.salesforce(envelope),
        }
    }

    /// Says something by the generic hook.
    pub fn generic(id: String, what: &str, at: DateTime<Utc>, data: &Value) -> Self {
        let timestamp = at.to_rfc3339_opts(SecondsFormat::Secs, true);
        let body = json!({ "type": what, "timestamp": timestamp, "data": data });
        Self::Generic { id, body: body.to_string().into() }
    }

    /// A meeting that was booked with a subject, with all that was learned for it.
    pub fn meeting(
        id: String,
        at: DateTime<Utc>,
        subject: &Value,
        (owner_email, meeting_at): (&str, DateTime<Utc>),
    ) -> Self {
        let data = json!({
            "subject": subject,
            "owner_email": owner_email,
            "meeting_at": meeting_at.to_rfc3339_opts(SecondsFormat::Secs, true),
            "fields": {
                "budget": "30 000 a year, set aside by the CFO",
                "authority": "Head of revenue decides, the CFO signs",
                "need": "One forecast the board believes",
                "timeline": "Before the next quarter, when the old contract ends",
                "pain_points": "Three tools, three numbers, two days a month",
                "stakeholders": "Head of revenue, CFO, two analysts",
                "competitors": "The incumbent, and a spreadsheet",
                "objectives": "See their own data in a dashboard",
                "industry": "Business services",
                "location": "Head office, and two branches",
                "contact_title": "Head of revenue operations",
                "final_approval": "The CFO",
                "source": "Webinar on forecasts",
                "trigger_event": "The board did not believe the last forecast",
                "current_solution": "A CRM report, copied into a spreadsheet",
                "requirements": ["One number for all regions", "Access by role"],
                "success_criteria": "A forecast within five percent, in a day",
                "attendees": ["Head of revenue", "An analyst"],
                "meeting_type": "demo",
                "objections": ["Whether it reads the old CRM"],
                "approach": "Begin with the forecast, then the regions",
            },
        });
        Self::generic(id, "meeting.booked", at, &data)
    }

    /// A workflow action in the legacy shape: the whole contact with the versions of what changed.
    pub fn hubspot_legacy(
        lead: &Lead,
        at: DateTime<Utc>,
        score: Option<Score>,
        properties: &[(&str, &str)],
    ) -> Self {
        let millis = at.timestamp_millis();
        let mut all = Map::new();
        let mut put = |name: &str, value: &str, before: Option<String>| {
            let version = |value: &str, millis: i64| {
                let source = "CALCULATED";
                json!({ "value": value, "source-type": source, "timestamp": millis })
            };
            let earlier = before.map(|before| version(&before, millis - 86_400_000));
            let versions: Vec<_> = [version(value, millis)].into_iter().chain(earlier).collect();
            all.insert(name.to_owned(), json!({ "value": value, "versions": versions }));
        };
        for (name, value) in contact(lead) {
            put(name, &value, None);
        }
        for (name, value) in properties {
            put(name, value, None);
        }
        if let Some(Score { before, now }) = score {
            put("hubspotscore", &now.to_string(), before.map(|before| before.to_string()));
        }
        let body = json!({
            "vid": lead.hubspot_id(), "canonical-vid": lead.hubspot_id(), "merged-vids": [],
            "portal-id": 62_515, "is-contact": true, "properties": all,
            "form-submissions": [], "list-memberships": [], "merge-audits": [],
        });
        Self::HubspotWorkflow(body.to_string().into())
    }

    /// A workflow action with a body of chosen properties, all of them texts.
    pub fn hubspot_flat(lead: &Lead, score: Option<Score>, properties: &[(&str, &str)]) -> Self {
        let mut body = Map::new();
        body.insert("hs_object_id".to_owned(), lead.hubspot_id().to_string().into());
        for (name, value) in contact(lead) {
            body.insert(name.to_owned(), value.into());
        }
        for (name, value) in properties {
            body.insert((*name).to_owned(), (*value).into());
        }
        if let Some(Score { now, .. }) = score {
            body.insert("hubspotscore".to_owned(), now.to_string().into());
        }
        Self::HubspotWorkflow(Value::Object(body).to_string().into())
    }

    /// An app webhook: thin changes of an object's properties, a second apart.
    pub fn hubspot_changes(
        (object, id): (&str, u64),
        at: DateTime<Utc>,
        changes: &[(&str, &str)],
    ) -> Self {
        let entries: Vec<_> = (0_i64..)
            .zip(changes)
            .map(|(place, (property, value))| {
                json!({
                    "eventId": at.timestamp_millis() % 1_000_000_000 + place,
                    "subscriptionId": 4_849_549, "portalId": 62_515, "appId": 25_681_700,
                    "occurredAt": at.timestamp_millis() - 1_000 * (changes.len() as i64 - place),
                    "subscriptionType": format!("{object}.propertyChange"), "attemptNumber": 0,
                    "objectId": id, "propertyName": property, "propertyValue": value,
                    "changeSource": "CRM_UI", "sourceId": "userId:10202051",
                })
            })
            .collect();
        Self::HubspotApp(Value::Array(entries).to_string().into())
    }

    /// An outbound message about one record.
    pub fn salesforce(
        notification: &str,
        object: &str,
        at: DateTime<Utc>,
        fields: &[(&str, String)],
    ) -> Self {
        let modified = at.format("%Y-%m-%dT%H:%M:%S.000Z").to_string();
        let changed = ("LastModifiedDate", modified);
        let fields: String = fields
            .iter()
            .chain([&changed])
            .map(|(name, value)| format!("     <sf:{name}>{}</sf:{name}>\n", escaped(value)))
            .collect();
        Self::Salesforce(format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <soapenv:Body>
  <notifications xmlns="http://soap.sforce.com/2005/09/outbound">
   <OrganizationId>00Dxx0000001gPLEAY</OrganizationId>
   <ActionId>04kxx00000000A1AAI</ActionId>
   <SessionId xsi:nil="true"/>
   <Notification>
    <Id>{notification}</Id>
    <sObject xsi:type="sf:{object}" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
{fields}    </sObject>
   </Notification>
  </notifications>
 </soapenv:Body>
</soapenv:Envelope>
"#
        ))
    }
}

fn contact(lead: &Lead) -> [(&'static str, String); 5] {
    [
        ("email", lead.email()),
        ("firstname", lead.first.to_owned()),
        ("lastname", lead.last.to_owned()),
        ("company", lead.company.name.to_owned()),
        ("country", lead.company.country.to_owned()),
    ]
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
