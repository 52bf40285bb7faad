//! Settling under races: what is read is not yet what is true when it is written.

use crate::store::before_the;
use chrono::Duration;
use domain::{
    Actor, Change, SourceEvent, Stage,
    subject::{ObjectKind, Reference, Subject},
};
use runtime::{Clock, Configs, Ids};
use serde_json::json;
use settle::{Effect, Origin, Settler};
use store::{By, Write};
use tests::World;

fn origin(world: &World) -> Origin {
    Origin {
        actor: Actor::Source("generic".into()),
        source: "generic".into(),
        said_by: "generic".to_owned(),
        cause: "a test".to_owned(),
        received_at: world.now(),
        by_hand: false,
    }
}

#[tokio::test]
async fn a_trigger_that_meets_a_handoff_as_it_closes_opens_another() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let first = world.event("demo.requested", json!({ "subject": about })).await.opened();
    world.settle().await;
    let (id, now, config) = (first.clone(), world.now(), world.config.clone());
    // The references, the merges, then the handoff that holds the claim: it closes just then.
    let store = before_the(3, "BatchGetItem", world.cloud.parts(), move |other| async move {
        let handoff = other.handoff(&id).await.unwrap();
        let outcome = "meeting_booked".to_owned();
        let done = Change::Completed { outcome, success: true, value: None };
        let by = By { actor: Actor::Router, cause: "a test".into(), attempt: "closing".into() };
        other.commit(Write::change(&handoff, vec![done], by, now, &config)).await.unwrap();
    });
    let (clock, _hand) = Clock::hand(now);
    let settler = Settler::new(store.clone(), Configs::new(store), clock, Ids::seeded(9));
    let subject = Subject {
        references: vec![Reference::new("hubspot", ObjectKind::Contact, "7")],
        ..Subject::default()
    };
    let name = "demo.requested".to_owned();
    let event = SourceEvent { key: "again".into(), name, subject, ..SourceEvent::default() };
    let effect = settler.settle(&origin(&world), &event).await.unwrap();
    let Effect::Opened(second) = effect else { panic!("{effect:?}") };
    assert_ne!(second, first);
    assert_eq!(world.handoff(&first).await.stage, Stage::Completed);
    world.settle().await;
    assert_eq!(world.handoff(&second).await.previous, Some(first));
    world.outbox();
}

#[tokio::test]
async fn an_amount_that_was_known_before_reaches_the_handoff_that_is_told_it() {
    let mut world = World::start().await;
    let deal = |subject: &str| json!({ "crm": "hubspot", "object": "deal", "id": subject });
    let amount = json!({ "minor": 4_000_000, "currency": "GBP" });
    let data = json!({ "subject": deal("9"), "amount": amount });
    let transfer = world.event("territory.changed", data).await.opened();
    world.settle().await;
    world.event("outcome", json!({ "subject": deal("9"), "outcome": "retained" })).await;
    world.pass(Duration::minutes(1)).await;
    let signed = world.event("contract.signed", json!({ "subject": deal("9") })).await.opened();
    let handoff = world.handoff(&signed).await;
    assert_eq!((handoff.previous, handoff.amount), (Some(transfer), None));
    let closed_won = json!({ "subject": deal("9"), "amount": amount });
    assert_eq!(world.event("contract.signed", closed_won).await.joined(), signed);
    let amount = world.handoff(&signed).await.amount.map(|money| money.minor);
    assert_eq!(amount, Some(4_000_000));
    world.settle().await;
    world.outbox();
}

#[tokio::test]
async fn a_package_that_was_read_too_early_is_not_written() {
    let mut world = World::start().await;
    let about = json!({ "crm": "hubspot", "object": "contact", "id": "7", "country": "GB" });
    let id = world.event("demo.requested", json!({ "subject": about })).await.opened();
    world.settle().await;
    let early = world.store.package(&id).await.unwrap();
    let told = json!({ "subject": about, "fields": { "intent_signal": "Asked for a demo" } });
    world.event("updated", told).await;
    let handoff = world.store.handoff(&id).await.unwrap();
    let by = By { actor: Actor::Router, cause: "a test".into(), attempt: "late".into() };
    let write = Write::change(&handoff, vec![Change::Noted], by, world.now(), &world.config);
    let refused = world.store.commit(write.with_package(early)).await;
    assert!(matches!(refused, Err(store::StoreError::Conflict)), "{refused:?}");
    let package = world.store.package(&id).await.unwrap();
    assert_eq!(package.values["intent_signal"].value, "Asked for a demo");
    world.settle().await;
    world.outbox();
}
