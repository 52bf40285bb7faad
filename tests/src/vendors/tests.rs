//! The vendors asked over their wire, by the client the courier has.

use super::*;
use bytes::Bytes;
use http::Method;
use runtime::{Ask, Outside, outside::OutsideError};
use serde_json::json;

const PATIENCE: Duration = Duration::from_millis(400);

type Headers = Vec<(&'static str, String)>;

/// Asks, and reads the status and the document.
async fn ask(
    vendors: &Vendors,
    (method, path): (Method, &str),
    headers: Headers,
    body: Option<Value>,
) -> Result<(u16, Value), OutsideError> {
    let body = body.map(|body| ("application/json; charset=utf-8", Bytes::from(body.to_string())));
    let ask = Ask { method, address: format!("{}{path}", vendors.url()), headers, body };
    let answer = Outside::local().send(ask, PATIENCE).await?;
    Ok((answer.status.as_u16(), answer.json().unwrap_or_default()))
}

fn token(vendor: &str) -> Headers {
    vec![("authorization", format!("Bearer local-{vendor}-secret"))]
}

async fn slack(vendors: &Vendors, method: &str, body: Value) -> Value {
    let path = format!("/slack/{method}");
    ask(vendors, (Method::POST, &path), token("slack"), Some(body)).await.unwrap().1
}

async fn crm(vendors: &Vendors, method: Method, path: &str, body: Value) -> (u16, Value) {
    let mut headers = token("hubspot");
    headers.push(("x-api-token", "local-pipedrive-secret".to_owned()));
    let body = (!body.is_null()).then_some(body);
    ask(vendors, (method, path), headers, body).await.unwrap()
}

fn hello(channel: &str) -> Value {
    let blocks =
        json!([{ "type": "section", "text": { "type": "plain_text", "text": "<b>Hello</b>" } }]);
    let metadata = json!({ "event_type": "handoff_message", "event_payload": { "id": "h1" } });
    json!({ "channel": channel, "text": "Hello", "blocks": blocks, "metadata": metadata })
}

#[tokio::test]
async fn a_message_is_said_changed_and_found_again() {
    let vendors = Vendors::start().await;
    let said = slack(&vendors, "chat.postMessage", hello("U024")).await;
    assert_eq!((&said["ok"], &said["channel"]), (&json!(true), &json!("D024")), "{said}");
    assert_eq!(said["ts"], "1700000000.000100");
    let mut changed = hello("D024");
    changed["ts"] = said["ts"].clone();
    changed["text"] = "Accepted".into();
    assert_eq!(slack(&vendors, "chat.update", changed.clone()).await["ok"], true);
    let [message] = &vendors.slack_messages("D024")[..] else { panic!("one message") };
    assert_eq!((message.text.as_str(), message.before.len()), ("Accepted", 1));
    assert_eq!(message.metadata["event_payload"]["id"], "h1");
    assert!(message.words().contains("<b>Hello</b>"));

    let opened = slack(&vendors, "conversations.open", json!({ "users": "U024" })).await;
    let asked = json!({
        "channel": opened["channel"]["id"], "oldest": "1699999999", "limit": 100,
        "include_all_metadata": true,
    });
    let found = slack(&vendors, "conversations.history", asked.clone()).await;
    assert_eq!(found["messages"][0]["metadata"]["event_payload"]["id"], "h1", "{found}");
    let mut bare = asked.clone();
    bare["include_all_metadata"] = false.into();
    let found = slack(&vendors, "conversations.history", bare).await;
    assert!(found["messages"][0]["metadata"].is_null(), "{found}");
    let mut late = asked.clone();
    late["oldest"] = "1700000001".into();
    assert_eq!(slack(&vendors, "conversations.history", late).await["messages"], json!([]));

    let mut beneath = hello("D024");
    beneath["thread_ts"] = said["ts"].clone();
    assert_eq!(slack(&vendors, "chat.postMessage", beneath).await["ok"], true);
    let ts = said["ts"].as_str().unwrap();
    let query = format!("/slack/conversations.replies?channel=D024&ts={ts}&limit=100");
    let (_, thread) = ask(&vendors, (Method::GET, &query), token("slack"), None).await.unwrap();
    assert_eq!(thread["messages"].as_array().unwrap().len(), 2, "{thread}");
    assert_eq!(slack(&vendors, "conversations.history", asked).await["messages"][1], Value::Null);

    vendors.slack_deletes("D024", ts);
    assert_eq!(slack(&vendors, "chat.update", changed).await["error"], "message_not_found");
    assert_eq!((vendors.count("slack"), vendors.asked().len()), (10, 10));
    assert_eq!(vendors.asked(), []);
}

#[tokio::test]
async fn slack_refuses_in_its_own_words() {
    let vendors = Vendors::start().await;
    let refused = |said: Value, violations: usize| {
        assert_eq!(said["ok"], false);
        let found = vendors.violations();
        assert_eq!(found.len(), violations, "{found:?}");
        said["error"].as_str().unwrap().to_owned()
    };
    let mut wrong = hello("C1");
    wrong["blocks"][0]["text"]["text"] = "".into();
    assert_eq!(refused(slack(&vendors, "chat.postMessage", wrong).await, 1), "invalid_blocks");
    let mut wrong = hello("C1");
    wrong["text"] = "".into();
    assert_eq!(refused(slack(&vendors, "chat.postMessage", wrong).await, 1), "no_text");
    let mut wrong = hello("U024");
    wrong["ts"] = "1700000000.000100".into();
    assert_eq!(refused(slack(&vendors, "chat.update", wrong).await, 1), "channel_not_found");
    let json = json!({ "channel": "C1", "ts": "1700000000.000100" });
    assert_eq!(
        refused(slack(&vendors, "conversations.replies", json).await, 1),
        "invalid_arguments"
    );
    let path = (Method::POST, "/slack/chat.postMessage");
    let (_, other) = ask(&vendors, path, token("other"), Some(hello("C1"))).await.unwrap();
    assert_eq!(refused(other, 1), "invalid_auth");
    vendors.slack_knows(&["C1"]);
    let unknown = slack(&vendors, "chat.postMessage", hello("C2")).await;
    assert_eq!(refused(unknown, 0), "channel_not_found");

    // What Slack would have shown as it was not meant is taken, and told.
    let mut loud = hello("C1");
    loud["blocks"][0]["text"] = json!({ "type": "mrkdwn", "text": "<!channel>" });
    assert_eq!(slack(&vendors, "chat.postMessage", loud).await["ok"], true);
    assert_eq!(vendors.violations().len(), 1);

    let said = json!({ "text": "Hello", "blocks": [{ "type": "header" }] });
    let hook = (Method::POST, "/slack_webhook");
    assert_eq!(ask(&vendors, hook, Vec::new(), Some(said)).await.unwrap().0, 400);
    assert_eq!(vendors.violations().len(), 1);
}

#[tokio::test]
async fn a_vendor_misbehaves_as_it_is_told() {
    let vendors = Vendors::start().await;
    let path = (Method::POST, "/slack/chat.postMessage");
    let post = || ask(&vendors, path.clone(), token("slack"), Some(hello("C1")));
    for (manner, carried_out) in [
        (Manner::Hangs, false),
        (Manner::Drips, false),
        (Manner::Shouts, false),
        (Manner::ResetsBefore, false),
        (Manner::LosesReply, true),
        (Manner::Late(Duration::from_secs(2)), true),
    ] {
        let before = vendors.slack_said().len();
        vendors.once("slack", manner.clone());
        assert!(post().await.is_err(), "{manner:?}");
        assert_eq!(vendors.slack_said().len() - before, usize::from(carried_out), "{manner:?}");
    }
    vendors.set("slack", Manner::Status(429, vec![("retry-after", "30".to_owned())]));
    assert_eq!(post().await.unwrap().0, 429);
    vendors.all(Manner::NotOk("is_archived"));
    assert_eq!(post().await.unwrap().1["error"], "is_archived");
    vendors.all(Manner::Redirects);
    assert_eq!(post().await.unwrap().0, 302);
    vendors.all(Manner::Html);
    assert_eq!(post().await.unwrap(), (200, Value::Null));
    let mut turn = 0;
    vendors.by(Box::new(move |asked| {
        turn += 1;
        assert_eq!(asked.vendor, "slack");
        if turn % 2 == 0 { Manner::Well } else { Manner::Status(503, Vec::new()) }
    }));
    assert_eq!(post().await.unwrap().0, 503);
    assert_eq!(post().await.unwrap().0, 200);
    vendors.recover();
    vendors.set("salesforce", Manner::NotOk("UNABLE_TO_LOCK_ROW"));
    let body = json!({ "compositeRequest": [{ "referenceId": "a" }, { "referenceId": "b" }] });
    let path = (Method::POST, "/salesforce/services/data/v66.0/composite");
    let (status, said) = ask(&vendors, path, Vec::new(), Some(body)).await.unwrap();
    let code = |index: usize| said["compositeResponse"][index]["body"][0]["errorCode"].clone();
    assert_eq!((status, code(0)), (200, json!("UNABLE_TO_LOCK_ROW")));
    assert_eq!(code(1), "PROCESSING_HALTED");
    assert!(!vendors.violations().is_empty(), "it is looked at all the same");
}

#[tokio::test]
async fn hubspot_keeps_records_and_tasks() {
    let vendors = Vendors::start().await;
    let owner = json!({ "properties": { "hubspot_owner_id": "7", "hs_lead_status": "OPEN" } });
    let contact = "/hubspot/crm/v3/objects/contacts/101";
    assert_eq!(crm(&vendors, Method::PATCH, contact, owner.clone()).await.0, 200);
    assert_eq!(vendors.hubspot_record("contacts", "101")["hubspot_owner_id"], "7");
    let kind = json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 204 });
    let task = json!({
        "properties": { "hs_timestamp": "1767605400000", "hs_task_subject": "Call [h1]",
                        "hs_task_status": "NOT_STARTED" },
        "associations": [{ "to": { "id": "101" }, "types": [kind] }],
    });
    let tasks = "/hubspot/crm/v3/objects/tasks";
    let (status, made) = crm(&vendors, Method::POST, tasks, task.clone()).await;
    assert_eq!(status, 201, "{made}");
    crm(&vendors, Method::POST, tasks, task.clone()).await;
    let listed = "/hubspot/crm/v4/objects/contacts/101/associations/tasks?limit=1";
    let (_, found) = crm(&vendors, Method::GET, listed, Value::Null).await;
    assert_eq!(found["results"][0]["toObjectId"].to_string(), made["id"].as_str().unwrap());
    let next = found["paging"]["next"]["after"].as_str().unwrap();
    let (_, rest) =
        crm(&vendors, Method::GET, &format!("{listed}&after={next}"), Value::Null).await;
    assert_eq!((rest["results"].as_array().unwrap().len(), &rest["paging"]), (1, &Value::Null));
    let read = json!({ "properties": ["hs_task_subject"], "inputs": [{ "id": made["id"] }] });
    let (_, read) = crm(&vendors, Method::POST, &format!("{tasks}/batch/read"), read).await;
    assert_eq!(read["results"][0]["properties"]["hs_task_subject"], "Call [h1]");
    assert!(read["results"][0]["properties"]["hs_task_status"].is_null());
    let done = json!({ "properties": { "hs_task_status": "COMPLETED" } });
    let one = format!("{tasks}/{}", made["id"].as_str().unwrap());
    assert_eq!(crm(&vendors, Method::PATCH, &one, done).await.0, 200);
    assert_eq!(vendors.hubspot_tasks()[0].properties["hs_task_status"], "COMPLETED");
    vendors.lacks("hubspot", "101");
    let (status, said) = crm(&vendors, Method::PATCH, contact, owner.clone()).await;
    assert_eq!((status, &said["category"]), (404, &json!("OBJECT_NOT_FOUND")));
    assert_eq!(vendors.violations(), Vec::<String>::new());

    let deal = "/hubspot/crm/v3/objects/deals/9";
    let (status, said) = crm(&vendors, Method::PATCH, deal, owner).await;
    assert_eq!((status, &said["category"]), (400, &json!("VALIDATION_ERROR")));
    let mut lead = task.clone();
    lead["associations"][0]["types"][0]["associationTypeId"] = 646.into();
    assert_eq!(crm(&vendors, Method::POST, tasks, lead).await.0, 400);
    let types = "/hubspot/crm/v4/associations/tasks/leads/labels";
    let (_, types) = crm(&vendors, Method::GET, types, Value::Null).await;
    let mut lead = task;
    lead["associations"][0]["to"]["id"] = "102".into();
    lead["associations"][0]["types"][0]["associationTypeId"] =
        types["results"][0]["typeId"].clone();
    assert_eq!(crm(&vendors, Method::POST, tasks, lead).await.0, 201);
    assert_eq!(vendors.violations().len(), 2);
}

#[tokio::test]
async fn salesforce_does_all_or_nothing_in_a_session() {
    let vendors = Vendors::start().await;
    let sign_in = async || {
        let form = "grant_type=client_credentials&client_id=local\
                    &client_secret=local-salesforce-secret";
        let ask = Ask {
            method: Method::POST,
            address: format!("{}/salesforce/services/oauth2/token", vendors.url()),
            headers: Vec::new(),
            body: Some(("application/x-www-form-urlencoded", Bytes::from(form))),
        };
        let said = Outside::local().send(ask, PATIENCE).await.unwrap().json().unwrap();
        vec![("authorization", format!("Bearer {}", said["access_token"].as_str().unwrap()))]
    };
    let session = sign_in().await;
    let (lead, place) = ("00Q000000000001AAA", "/services/data/v66.0/sobjects");
    let owner = json!({
        "method": "PATCH", "url": format!("{place}/Lead/{lead}"), "referenceId": "record",
        "httpHeaders": { "Sforce-Auto-Assign": "FALSE" },
        "body": { "OwnerId": "005000000000001AAA" },
    });
    let task = json!({
        "method": "POST", "url": format!("{place}/Task"), "referenceId": "task",
        "body": { "WhoId": lead, "Subject": "Call [01JD]", "Status": "Not Started" },
    });
    let both = |task: &Value| json!({ "allOrNone": true, "compositeRequest": [owner, task] });
    let composite = (Method::POST, "/salesforce/services/data/v66.0/composite");
    let write = async |session: &Headers, body: Value| {
        ask(&vendors, composite.clone(), session.clone(), Some(body)).await.unwrap()
    };
    let mut wrong = task.clone();
    wrong["body"]["Subject"] = "x".repeat(256).into();
    let (_, said) = write(&session, both(&wrong)).await;
    let code = |index: usize| said["compositeResponse"][index]["body"][0]["errorCode"].clone();
    assert_eq!((code(0), code(1)), (json!("PROCESSING_HALTED"), json!("STRING_TOO_LONG")));
    assert!(vendors.salesforce_record("Lead", lead).is_empty(), "it is taken back");
    assert_eq!(vendors.violations().len(), 1);

    let (_, said) = write(&session, both(&task)).await;
    assert_eq!(said["compositeResponse"][0]["httpStatusCode"], 204, "{said}");
    assert_eq!(said["compositeResponse"][1]["body"]["id"], vendors.salesforce_tasks()[0].0);
    assert_eq!(vendors.salesforce_record("Lead", lead)["OwnerId"], "005000000000001AAA");
    let query = "/salesforce/services/data/v66.0/query?q=SELECT%20Id%20FROM%20Task%20WHERE%20\
                 WhoId%20%3D%20%2700Q000000000001AAA%27%20AND%20Subject%20LIKE%20%27%25%5B01JD\
                 %5D%27%20LIMIT%201";
    let (_, found) = ask(&vendors, (Method::GET, query), session.clone(), None).await.unwrap();
    assert_eq!(found["records"][0]["Id"], vendors.salesforce_tasks()[0].0);
    vendors.salesforce_expires_sessions();
    let (status, said) = write(&session, both(&task)).await;
    assert_eq!((status, &said[0]["errorCode"]), (401, &json!("INVALID_SESSION_ID")));
    vendors.lacks("salesforce", lead);
    let (_, said) = write(&sign_in().await, both(&task)).await;
    assert_eq!(said["compositeResponse"][0]["body"][0]["errorCode"], "ENTITY_IS_DELETED");
    assert_eq!(vendors.violations(), Vec::<String>::new());

    // The whole's header is not the parts': a rule would write another owner.
    let mut bare = both(&task);
    bare["compositeRequest"][0].as_object_mut().unwrap().remove("httpHeaders");
    let mut session = sign_in().await;
    session.push(("sforce-auto-assign", "FALSE".to_owned()));
    write(&session, bare).await;
    let found = vendors.violations();
    assert!(found.len() == 1 && found[0].contains("Sforce-Auto-Assign"), "{found:?}");
}

#[tokio::test]
async fn pipedrive_keeps_owners_and_activities() {
    let vendors = Vendors::start().await;
    let deal = "/pipedrive/api/v2/deals/7";
    let key = "0123456789abcdef0123456789abcdef01234567";
    let owner = json!({ "owner_id": 3, "custom_fields": { key: "Accepted" } });
    assert_eq!(crm(&vendors, Method::PATCH, deal, owner).await.0, 200);
    assert_eq!(vendors.pipedrive_record("deals", "7")["owner_id"], 3);
    let activities = "/pipedrive/api/v2/activities";
    let call = json!({
        "subject": "Call [h1]", "type": "call", "owner_id": 3, "due_date": "2026-01-05",
        "due_time": "09:30:00", "participants": [{ "person_id": 7, "primary": true }],
    });
    let (status, made) = crm(&vendors, Method::POST, activities, call).await;
    assert_eq!((status, &made["success"]), (201, &json!(true)), "{made}");
    let of = |person: u32| format!("{activities}?person_id={person}&limit=100");
    let (_, found) = crm(&vendors, Method::GET, &of(7), Value::Null).await;
    assert_eq!(found["data"][0]["subject"], "Call [h1]");
    let (_, found) = crm(&vendors, Method::GET, &of(8), Value::Null).await;
    assert_eq!(found["data"], json!([]));
    let one = format!("{activities}/{}", made["data"]["id"]);
    assert_eq!(crm(&vendors, Method::PATCH, &one, json!({ "done": true })).await.0, 200);
    assert_eq!(vendors.pipedrive_activities()[0]["done"], true);
    assert_eq!(vendors.violations(), Vec::<String>::new());
    let wrong = json!({ "owner_id": "3", "custom_fields": { "status": "x" } });
    assert_eq!(crm(&vendors, Method::PATCH, deal, wrong).await.0, 400);
    assert_eq!(vendors.violations().len(), 2);
}

#[tokio::test]
async fn a_webhook_is_taken_by_its_signature_and_known_again() {
    use hmac::{Hmac, KeyInit, Mac};
    let vendors = Vendors::start().await;
    let now: DateTime<Utc> = "2026-01-05T09:30:00Z".parse().unwrap();
    vendors.clock(move || now);
    let body = json!({
        "type": "handoff.opened", "timestamp": now,
        "data": {
            "handoff": "h1", "version": 1, "link": "https://desk.example/handoffs/h1",
            "actor": "sweep", "change": { "change": "opened" },
            "about": { "type": "mql", "opened_day": "2026-01-05", "day": "2026-01-05",
                       "from": "marketing", "source": "hubspot", "mode": "live" },
        },
    });
    let send = async |id: &str, at: i64, key: &str| {
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(key.as_bytes()).unwrap();
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        let headers = vec![
            ("webhook-id", id.to_owned()),
            ("webhook-timestamp", at.to_string()),
            ("webhook-signature", signature),
        ];
        let path = (Method::POST, "/webhook");
        ask(&vendors, path, headers, Some(body.clone())).await.unwrap().0
    };
    let at = now.timestamp();
    assert_eq!(send("msg_1", at, "local-events-secret").await, 204);
    vendors.accepts("webhook", &[&sample("webhook", "events"), &sample("webhook", "next")]);
    assert_eq!(send("msg_1", at + 60, "local-next-secret").await, 204);
    let received = vendors.webhooks();
    let again: Vec<bool> = received.iter().map(|one| one.again).collect();
    assert_eq!((again, received[0].event.as_str()), (vec![false, true], "handoff.opened"));
    assert_eq!(vendors.violations(), Vec::<String>::new());
    assert_eq!(send("msg_2", at, "another").await, 401);
    assert_eq!(send("msg_3", at - 301, "local-events-secret").await, 400);
    assert_eq!(vendors.violations().len(), 2);
}

#[tokio::test]
#[should_panic(expected = "the vendors would refuse it")]
async fn what_was_wrong_fails_whoever_did_not_ask() {
    let vendors = Vendors::start().await;
    slack(&vendors, "chat.postMessage", json!({ "channel": "C1" })).await;
    drop(vendors);
}
