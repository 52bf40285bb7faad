//! When a message comes, and how often: rows 14, 15 and 36 to 38. State is decided by when a thing
//! occurred.

use super::{
    Door,
    hook::{ALL, Hook, monday, ms},
    posts,
};
use chrono::{DateTime, Duration, Utc};
use domain::{Handoff, Stage, handoff::Flag};
use serde_json::{Value, json};
use tests::Setting;

#[tokio::test]
async fn row_14_an_exact_replay_has_no_second_effect() {
    for hook in ALL {
        let mut door = Door::open().await;
        let body = hook.opens("7", door.world.now(), "x");
        let request = posts(&door, hook, "m", body);
        let opened = door.opens(request.clone(), &format!("{hook:?}")).await;
        for minutes in [0, 1, 3] {
            door.world.pass(Duration::minutes(minutes)).await;
            let before = door.world.handoff(&opened.id).await;
            let (answer, _) = door.kept(request.clone(), &format!("{hook:?} {minutes}")).await;
            if hook != Hook::Salesforce {
                assert_eq!(answer.body["duplicates"], 1, "{hook:?}: {answer:?}");
            }
            assert_eq!(door.world.handoff(&opened.id).await, before, "{hook:?} after {minutes} m");
            assert_eq!(door.opened().await.len(), 1, "{hook:?}");
        }
    }
}

/// Sends two bodies under one id, and reads what came of them.
async fn said_twice(hook: Hook, bodies: [String; 2]) -> (Handoff, Value) {
    let mut door = Door::open().await;
    let what = format!("{hook:?}");
    let [first, second] = bodies;
    let first = posts(&door, hook, "same", first);
    let id = door.opens(first, &what).await.id;
    let second = posts(&door, hook, "same", second);
    // Both are kept, each with a receipt of its own: `kept` sees to that.
    door.kept(second.clone(), &what).await;
    assert_eq!(door.opened().await.len(), 1, "{what}: one handoff");
    let handoff = door.world.handoff(&id).await;
    // The second content again is the second content again.
    door.kept(second, &what).await;
    assert_eq!(door.world.handoff(&id).await, handoff, "{what}");
    let package = door.world.store.package(&id).await.unwrap();
    let told = package.values.get("told").map(|told| told.value.clone());
    (handoff, told.unwrap_or_default())
}

#[tokio::test]
async fn row_15_same_id_different_body_is_flagged_and_decided_by_when_it_occurred() {
    let (earlier, later) = (monday() - Duration::minutes(2), monday() - Duration::minutes(1));
    for hook in ALL {
        let (handoff, _) =
            said_twice(hook, ["one", "another"].map(|told| hook.opens("7", later, told))).await;
        assert!(handoff.flags.contains(&Flag::Conflict), "{hook:?}: {handoff:?}");
    }
    // Where the time is no part of the id, the later one stands, whichever came first.
    for hook in [Hook::Generic, Hook::Salesforce, Hook::Pipedrive] {
        let said = [(earlier, "the earlier"), (later, "the later")];
        for said in [said, [said[1], said[0]]] {
            let bodies = said.map(|(at, told)| hook.opens("7", at, told));
            let (handoff, told) = said_twice(hook, bodies).await;
            assert!(handoff.flags.contains(&Flag::Conflict), "{hook:?}: {handoff:?}");
            assert_eq!(told, "the later", "{hook:?} {said:?}");
        }
    }
}

/// What must not depend on the order: everything but ids, versions and who got it.
fn facts(handoff: &Handoff) -> Value {
    json!({
        "kind": handoff.kind, "stage": handoff.stage, "score": handoff.score,
        "triggered_at": handoff.triggered_at, "outcome": handoff.outcome,
        "first_touch_at": handoff.first_touch_at, "clocks": handoff.clocks, "flags": handoff.flags,
    })
}

/// Sends these in an order, and reads what came of them.
async fn told_in(order: &[usize], hook: Hook, bodies: &[String]) -> (Value, Value) {
    let mut door = Door::open().await;
    for (place, body) in order.iter().map(|place| (place, &bodies[*place])) {
        let request = posts(&door, hook, &format!("m{place}"), body.clone());
        door.kept(request, &format!("{hook:?} {order:?}")).await;
    }
    let opened = door.opened().await;
    assert_eq!(opened.len(), 1, "{hook:?} {order:?}");
    let package = door.world.store.package(&opened[0]).await.unwrap();
    let values: Vec<(String, Value)> =
        package.values.iter().map(|(name, told)| (name.clone(), told.value.clone())).collect();
    (facts(&door.world.handoff(&opened[0]).await), json!(values))
}

const ORDERS: [[usize; 3]; 6] = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];

#[tokio::test]
async fn row_36_creation_change_and_deletion_come_to_the_same_in_any_order() {
    let event = |what: &str, at: DateTime<Utc>| {
        let mut event = super::hook::scored("7", at, "x");
        event["subscriptionType"] = format!("contact.{what}").into();
        event
    };
    let at = |seconds| monday() - Duration::seconds(seconds);
    let events =
        [event("creation", at(30)), event("propertyChange", at(20)), event("deletion", at(10))];
    let alone: Vec<String> = events.iter().map(|event| json!([event]).to_string()).collect();
    let expected = told_in(&ORDERS[0], Hook::Hubspot, &alone).await;
    for order in &ORDERS[1..] {
        assert_eq!(told_in(order, Hook::Hubspot, &alone).await, expected, "{order:?}");
    }
    // And in one batch, however that is ordered.
    for order in ORDERS {
        let batch = Value::from_iter(order.map(|place| events[place].clone())).to_string();
        assert_eq!(told_in(&[0], Hook::Hubspot, &[batch]).await, expected, "{order:?} at once");
    }
}

#[tokio::test]
async fn row_36_what_is_told_again_comes_to_the_same_in_any_order() {
    for hook in [Hook::Generic, Hook::Salesforce, Hook::Pipedrive] {
        // Each of them would open it; the latest is what is known in the end.
        let bodies: Vec<String> = (0..3)
            .map(|n| {
                let at = monday() - Duration::minutes(10 - n);
                let body = hook.opens("7", at, &format!("told {n}"));
                body.replace("uuid-7", &format!("uuid-{n}")).replace("04l7", &format!("04l{n}"))
            })
            .collect();
        for order in ORDERS {
            let (_, values) = told_in(&order, hook, &bodies).await;
            let told = json!(["told", "told 2"]);
            assert!(values.as_array().unwrap().contains(&told), "{hook:?} {order:?}: {values}");
        }
    }
}

/// Takes the time out of a body.
fn timeless(hook: Hook, body: &str) -> String {
    if hook == Hook::Salesforce {
        let (before, rest) = body.split_once("<sf:LastModifiedDate>").unwrap();
        return format!("{before}{}", rest.split_once("</sf:LastModifiedDate>").unwrap().1);
    }
    let mut body: Value = serde_json::from_str(body).unwrap();
    let (parent, member) = match hook {
        Hook::Generic => ("", "timestamp"),
        Hook::Hubspot => ("/0", "occurredAt"),
        Hook::Workflow => ("/properties/recent_conversion_event_name", "versions"),
        Hook::Pipedrive | Hook::Salesforce => ("/meta", "timestamp"),
    };
    let parent = body.pointer_mut(parent).unwrap().as_object_mut().unwrap();
    assert!(parent.remove(member).is_some());
    body.to_string()
}

/// How long after its event each clock of a handoff falls due.
fn spans(handoff: &Handoff) -> Vec<Duration> {
    handoff.clocks.iter().map(|clock| clock.due_at - handoff.triggered_at).collect()
}

#[tokio::test]
async fn row_37_a_time_nobody_believes_is_flagged_and_not_counted_from() {
    for hook in ALL {
        let mut door = Door::open().await;
        let ordinary = hook.opens("ordinary", door.world.now(), "x");
        let request = posts(&door, hook, "ordinary", ordinary);
        let expected = door.opens(request, "now").await;
        assert!(
            !expected.clocks.is_empty() && !expected.flags.contains(&Flag::TimeSuspect),
            "{hook:?}"
        );
        let times = ["1970-01-01T00:00:00Z", "2099-01-01T00:00:00Z", "1969-12-31T23:59:59Z"];
        for (number, time) in times.iter().enumerate() {
            let body = hook.opens(&number.to_string(), time.parse().unwrap(), "x");
            let (request, now) = (posts(&door, hook, time, body), door.world.now());
            let handoff = door.opens(request, &format!("{hook:?} {time}")).await;
            assert!(handoff.flags.contains(&Flag::TimeSuspect), "{hook:?} {time}: {handoff:?}");
            assert_eq!(handoff.triggered_at, now, "{hook:?} {time}");
            assert_eq!(spans(&handoff), spans(&expected), "{hook:?} {time}");
        }
        let now = door.world.now();
        let body = timeless(hook, &hook.opens("missing", now, "x"));
        let handoff = door.opens(posts(&door, hook, "none", body), &format!("{hook:?} none")).await;
        assert_eq!((handoff.triggered_at, spans(&handoff)), (now, spans(&expected)), "{hook:?}");
    }
}

#[tokio::test]
async fn row_38_an_event_of_ten_days_ago_has_no_second_effect() {
    // Nothing else happens meanwhile: what changes, the second delivery changed.
    let quiet = Setting { lost: |_| true, audited: false, ..Setting::default() };
    let mut door = Door::of(quiet).await;
    let mut sent = Vec::new();
    for hook in ALL {
        let body = hook.opens(&format!("{}", hook as usize), door.world.now(), "x");
        let request = posts(&door, hook, "m", body.clone());
        let opened = door.opens(request, &format!("{hook:?}")).await;
        let before = door.world.handoff(&opened.id).await;
        assert_eq!(before.stage, Stage::Assigned, "{hook:?}");
        sent.push((hook, body, before));
    }
    door.world.pass(Duration::days(10) + ms(1)).await;
    for (hook, body, before) in sent {
        let again = posts(&door, hook, "m", body);
        door.kept(again, &format!("{hook:?} after ten days")).await;
        assert_eq!(door.world.handoff(&before.id).await, before, "{hook:?}");
    }
    assert!(door.opened().await.is_empty());
}
