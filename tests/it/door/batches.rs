//! What one request may hold, and what of it can be read: rows 30 to 35 and 42.

use super::{
    Door,
    hook::{Hook, envelope, notification, scored},
    posts,
};
use serde_json::{Value, json};

const CLOSED_WON: &str = include_str!(
    "../../../functions/intake/fixtures/salesforce/outbound_message_opportunity_closed_won.xml"
);

/// A batch of HubSpot's, each entry about somebody else.
fn batch(door: &Door, entries: usize) -> Vec<Value> {
    (0..entries).map(|n| scored(&(1_000 + n).to_string(), door.world.now(), "x")).collect()
}

async fn settled(door: &mut Door, batch: Vec<Value>) -> Value {
    let body = Value::from(batch).to_string();
    let request = posts(door, Hook::Hubspot, "m", body);
    door.kept(request, "a batch").await.0.body
}

fn count(answer: &Value, what: &str) -> usize {
    answer[what].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn row_30_a_batch_of_a_hundred_has_a_hundred_effects() {
    let mut door = Door::open().await;
    let batch = batch(&door, 100);
    let answer = settled(&mut door, batch).await;
    assert_eq!((count(&answer, "opened"), &answer["pending"]), (100, &json!(0)), "{answer}");
    assert_eq!(door.opened().await.len(), 100);
}

#[tokio::test]
async fn row_31_a_batch_of_a_thousand_is_one_receipt_and_all_its_effects() {
    let mut door = Door::open().await;
    let batch = batch(&door, 101);
    let answer = settled(&mut door, batch).await;
    assert_eq!((count(&answer, "opened"), &answer["pending"]), (101, &json!(0)), "{answer}");
    assert_eq!(door.opened().await.len(), 101);
    // A thousand by an intake alone, as many abreast as in the cloud: routing them is no part of it.
    let door = Door::open().await;
    let batch: Vec<Value> =
        (0..1_000).map(|n| scored(&n.to_string(), door.world.now(), "x")).collect();
    let body = Value::from(batch).to_string();
    let (answer, asked) = super::faults::alone(&door, 10, Hook::Hubspot, body).await;
    assert_eq!((count(&answer, "opened"), &answer["pending"]), (1_000, &json!(0)), "{answer:.200}");
    let receipts = asked.put().iter().filter(|key| key.starts_with("RECEIPT#")).count();
    let transactions = asked.list().iter().filter(|one| *one == "TransactWriteItems").count();
    assert_eq!((receipts, transactions), (1, 1_000), "one receipt, a transaction an event");
    assert_eq!(door.opened().await.len(), 1_000);
}

#[tokio::test]
async fn row_31_what_is_not_settled_in_time_is_pending_and_comes_back() {
    let mut door = Door::open().await;
    // Its clock runs on while it settles: after two and a half seconds it says what is left.
    let batch = batch(&door, 30);
    super::faults::with_a_slow_clock(&mut door, Value::from(batch).to_string()).await;
    let opened = door.opened().await.len();
    assert!((1..30).contains(&opened), "{opened} were settled in time");
    door.world.pass(chrono::Duration::minutes(3)).await;
    assert_eq!(door.opened().await.len(), 30, "the rest came back");
}

#[tokio::test]
async fn row_32_one_poisoned_entry_among_a_hundred_is_kept_aside_alone() {
    for (reason, entries, poison) in [
        ("field:objectId", 100, json!({ "objectId": null })),
        ("field:subscriptionType", 10, json!({ "subscriptionType": 7 })),
        ("field:occurredAt", 10, json!({ "occurredAt": "yesterday" })),
    ] {
        let mut door = Door::open().await;
        let mut batch = batch(&door, entries);
        for (member, value) in poison.as_object().unwrap() {
            batch[entries / 2][member] = value.clone();
        }
        let answer = settled(&mut door, batch).await;
        let expected = (entries - 1, &json!(1));
        assert_eq!((count(&answer, "opened"), &answer["quarantined"]), expected, "{reason}");
        let receipt = door.receipts().remove(0);
        let aside = door.set_aside(&receipt).await;
        assert_eq!((aside.len(), aside[0].reason.as_str()), (1, reason));
    }
}

#[tokio::test]
async fn row_33_the_same_event_twice_in_one_batch_has_one_effect() {
    let mut door = Door::open().await;
    let mut batch = batch(&door, 2);
    batch.push(batch[0].clone());
    batch.push(batch[0].clone());
    let answer = settled(&mut door, batch).await;
    assert_eq!((count(&answer, "opened"), &answer["duplicates"]), (2, &json!(2)), "{answer}");
    let won = notification("04l1", "deal-1", door.world.now(), "x");
    let request = posts(&door, Hook::Salesforce, "m", envelope(&format!("{won}{won}")));
    door.opens(request, "Salesforce").await;
}

#[tokio::test]
async fn row_34_what_is_unknown_is_ignored_and_its_values_are_kept() {
    let mut door = Door::open().await;
    let mut event = scored("7", door.world.now(), "x");
    event["subscriptionType"] = "contact.teleported".into();
    let answer = settled(&mut door, vec![event]).await;
    assert_eq!((&answer["ignored"], &answer["quarantined"]), (&json!(1), &json!(0)), "{answer}");
    for (member, value) in [("changeSource", "TELEPATHY"), ("changeFlag", "SIDEWAYS")] {
        let mut event = scored(value, door.world.now(), "x");
        event[member] = value.into();
        event["a_new_member"] = json!({ "of": ["any", "shape"] });
        let answer = settled(&mut door, vec![event]).await;
        assert_eq!(count(&answer, "opened"), 1, "{member}: {answer}");
    }
    // A name nobody publishes opens nothing, and its values find their handoff all the same.
    let mut unknown = Hook::Generic.document("8", door.world.now(), "x");
    let opened = door.opens(posts(&door, Hook::Generic, "a", unknown.to_string()), "known").await;
    unknown["type"] = "lead.teleported".into();
    unknown["data"]["a_new_member"] = json!("kept");
    unknown["data"]["subject"]["another"] = json!("kept too");
    door.kept(posts(&door, Hook::Generic, "b", unknown.to_string()), "unknown").await;
    let package = door.world.store.package(&opened.id).await.unwrap();
    assert_eq!(package.values["a_new_member"].value, "kept");
    assert_eq!(package.values["another"].value, "kept too");
    let mut pipedrive = Hook::Pipedrive.document("9", door.world.now(), "x");
    pipedrive["data"]["a_new_member"] = json!("kept");
    let request = posts(&door, Hook::Pipedrive, "c", pipedrive.to_string());
    let opened = door.opens(request, "Pipedrive").await;
    let package = door.world.store.package(&opened.id).await.unwrap();
    assert_eq!(package.values["a_new_member"].value, "kept");
    for (member, value) in [("entity", "hologram"), ("action", "teleport")] {
        let mut pipedrive = Hook::Pipedrive.document("10", door.world.now(), "x");
        pipedrive["meta"][member] = value.into();
        let request = posts(&door, Hook::Pipedrive, "d", pipedrive.to_string());
        let (answer, _) = door.kept(request, value).await;
        assert_eq!(answer.body["ignored"], 1, "{answer:?}");
    }
}

#[tokio::test]
async fn row_35_a_field_that_is_missing_or_of_another_type_is_named() {
    let mut door = Door::open().await;
    let wrong = [json!(null), json!({ "a": 1 }), json!([1]), json!(true)];
    let required = [
        (Hook::Generic, "", "type", "type"),
        (Hook::Generic, "", "data", "data"),
        (Hook::Generic, "/data", "subject", "data.subject"),
        (Hook::Generic, "/data/subject", "id", "data.subject"),
        (Hook::Hubspot, "/0", "subscriptionType", "subscriptionType"),
        (Hook::Hubspot, "/0", "portalId", "portalId"),
        (Hook::Hubspot, "/0", "objectId", "objectId"),
        (Hook::Hubspot, "/0", "propertyName", "propertyName"),
        (Hook::Workflow, "", "vid", "vid"),
        (Hook::Pipedrive, "", "meta", "meta"),
        (Hook::Pipedrive, "", "data", "data"),
        (Hook::Pipedrive, "/meta", "entity", "meta.entity"),
        (Hook::Pipedrive, "/meta", "action", "meta.action"),
        (Hook::Pipedrive, "/meta", "entity_id", "meta.entity_id"),
    ];
    for (number, (hook, parent, member, path)) in required.into_iter().enumerate() {
        let good = hook.document("7", door.world.now(), "x");
        let object =
            |body: &mut Value| body.pointer_mut(parent).unwrap().as_object_mut().unwrap().clone();
        let mut without = good.clone();
        without.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(member);
        assert_ne!(object(&mut without), object(&mut good.clone()), "{hook:?} {path}");
        let mut bodies = vec![without];
        for value in &wrong {
            // An object is what some are; for the others it is wrong.
            if good.pointer(parent).unwrap()[member].is_object() && value.is_object() {
                continue;
            }
            let mut body = good.clone();
            body.pointer_mut(parent).unwrap()[member] = value.clone();
            bodies.push(body);
        }
        for (place, body) in bodies.into_iter().enumerate() {
            let what = format!("{hook:?} {path} {body}");
            let request = posts(&door, hook, &format!("m{number}-{place}"), body.to_string());
            let (_, receipt) = door.kept(request, &what).await;
            let aside = door.set_aside(&receipt).await;
            assert_eq!(aside.len(), 1, "{what}");
            let reason = &aside[0].reason;
            assert!(reason.starts_with(&format!("field:{path}")), "{reason} for {what}");
        }
    }
    for (wrong, reason) in [
        ("<sf:Id>deal</sf:Id>", "field:sObject.Id"),
        (" xsi:type=\"sf:Opportunity\"", "field:sObject.type"),
        ("<Id>04l1</Id>", "field:Id"),
    ] {
        let whole = envelope(&notification("04l1", "deal", door.world.now(), "x"));
        let body = whole.replacen(wrong, "", 1);
        assert_ne!(body, whole);
        let request = posts(&door, Hook::Salesforce, "m", body);
        door.aside(request, reason, wrong).await;
    }
    assert_eq!(door.opened().await, []);
}

#[tokio::test]
async fn row_42_salesforces_xml_expands_nothing_and_one_bad_notification_is_bad_alone() {
    let mut door = Door::open().await;
    let declared = |doctype: &str| CLOSED_WON.replacen("?>", &format!("?>{doctype}"), 1);
    let laughs: String = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    for (what, body) in [
        ("a document type", declared("<!DOCTYPE x>")),
        ("an outer subset", declared("<!DOCTYPE x SYSTEM \"http://evil.example/x.dtd\">")),
        (
            "an external entity",
            declared("<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>")
                .replace("Acme - 500 Widgets", "&e;"),
        ),
        (
            "billion laughs",
            declared(&format!("<!DOCTYPE x [<!ENTITY l0 \"ha\">{laughs}]>"))
                .replace("Acme - 500 Widgets", "&l9;"),
        ),
    ] {
        assert_ne!(body, CLOSED_WON);
        let request = posts(&door, Hook::Salesforce, "m", body);
        door.aside(request, "dtd", what).await;
    }
    for (what, other) in
        [("another", "00Dyy0000009zzzEAA"), ("none", ""), ("its case", "00dXX0000001GplEAY")]
    {
        let foreign = CLOSED_WON.replace("00Dxx0000001gPLEAY", other);
        assert_ne!(foreign, CLOSED_WON);
        door.refused(posts(&door, Hook::Salesforce, "m", foreign), 401, what).await;
    }
    let now = door.world.now();
    let mut all: Vec<String> = (0..100)
        .map(|n| notification(&format!("04l{n}"), &format!("deal-{n}"), now, "x"))
        .collect();
    all[50] = notification("04l50", "deal-50", now, "&nosuch;");
    let (_, receipt) =
        door.kept(posts(&door, Hook::Salesforce, "m", envelope(&all.concat())), "a hundred").await;
    assert_eq!(door.opened().await.len(), 99);
    let aside = door.set_aside(&receipt).await;
    assert_eq!((aside.len(), aside[0].reason.as_str()), (1, "xml"));
}
