//! What the table refuses: an entry it will never take is put aside, and one it refuses because the
//! deployment is wrong waits with its receipt until that is mended.

use chrono::Duration;
use domain::ReceiptId;
use serde_json::{Value, json};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};
use store::{Due, Store};
use tests::{
    Answer, Setting, World,
    faults::{Fault, faulty},
};

/// Sends a demo request while every transaction is refused for a reason, and ends that.
async fn told_while_refused(kind: &'static str) -> (World, Answer, ReceiptId) {
    let refuses = Arc::new(AtomicBool::new(true));
    let plan = Arc::clone(&refuses);
    let mut world = World::with(Setting::default(), |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |operation, _| {
            let refused = operation == "TransactWriteItems" && plan.load(Ordering::SeqCst);
            if refused { Fault::Error(400, kind) } else { Fault::None }
        }))
    })
    .await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let answer = world.event("demo.requested", json!({ "subject": about })).await;
    assert_eq!((answer.status, &answer.body["opened"]), (200, &json!([])), "{kind}: {answer:?}");
    refuses.store(false, Ordering::SeqCst);
    let receipt = ReceiptId::from(answer.body["receipt"].as_str().unwrap());
    assert!(world.store.receipt(&receipt).await.is_ok(), "{kind}: it is kept whatever comes");
    (world, answer, receipt)
}

/// Reads the receipts that wait.
async fn waiting(world: &World) -> Vec<ReceiptId> {
    let mut waiting = Vec::new();
    for shard in 0..Store::due_shards() {
        let due = world.store.due(shard, world.now() + Duration::days(1), 10).await.unwrap();
        waiting.extend(due.into_iter().filter_map(|due| match due {
            Due::Receipt(id, _) => Some(id),
            Due::Handoff(..) | Due::Roster(..) | Due::Destination(..) => None,
        }));
    }
    waiting
}

fn counts(answer: &Answer) -> (Value, Value) {
    (answer.body["quarantined"].clone(), answer.body["pending"].clone())
}

#[tokio::test]
async fn what_the_table_will_never_take_is_put_aside_with_its_words() {
    let (mut world, answer, receipt) = told_while_refused("ValidationException").await;
    assert_eq!(counts(&answer), (json!(1), json!(0)), "{answer:?}");
    let aside = world.store.quarantined(10).await.unwrap();
    assert_eq!((aside.len(), aside[0].what.as_str()), (1, receipt.as_str()));
    assert_eq!(aside[0].reason, "refused: ValidationException: injected");
    assert_eq!(waiting(&world).await, []);
    world.pass(Duration::minutes(3)).await;
    let opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
    assert_eq!(opened, [], "it is not tried again");
}

#[tokio::test]
async fn what_a_wrong_deployment_refuses_waits_and_is_settled_when_that_is_mended() {
    for kind in ["ResourceNotFoundException", "AccessDeniedException"] {
        let (mut world, answer, receipt) = told_while_refused(kind).await;
        assert_eq!(counts(&answer), (json!(0), json!(1)), "{kind}: {answer:?}");
        assert_eq!(waiting(&world).await, [receipt], "{kind}");
        world.pass(Duration::minutes(2)).await;
        let opened = world.store.opened_on(world.now().date_naive()).await.unwrap();
        assert_eq!(opened.len(), 1, "{kind}: the sweep hands it back");
        assert_eq!(waiting(&world).await, [], "{kind}");
        assert_eq!(world.store.quarantined(10).await.unwrap(), [], "{kind}");
        world.outbox();
    }
}
