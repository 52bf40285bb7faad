//! Hostile names: whatever a source calls things, no two are mixed up, none reaches into another
//! row, none is refused.

use super::{contact, fresh, lead, open, opening};
use domain::{
    Handoff, JourneyId, ReceiptId,
    subject::{ObjectKind, Reference},
};
use std::collections::BTreeSet;
use store::{Observed, StoreError};

/// Names that differ only where careless keys do not.
fn names() -> Vec<String> {
    let long = "x".repeat(3_000);
    let plain = [
        "7",
        "7#JOURNEY",
        "7/8",
        "7 ",
        " 7",
        "07",
        "7\0",
        "7\n",
        "#",
        "##",
        "/",
        "%23",
        "JOURNEY",
        "OBSERVED#score",
        "🦀",
        "🦀🦀",
        "caf\u{e9}",
        "cafe\u{301}",
        "CAFE",
        "cafe",
        "\u{202e}7",
        "' OR 1=1",
        "attribute_not_exists(pk)",
        ":mine",
        "{}",
        "null",
    ];
    plain
        .into_iter()
        .map(str::to_owned)
        .chain([format!("{long}y"), format!("{long}z"), long])
        .collect()
}

#[tokio::test]
async fn every_name_is_a_subject_of_its_own() {
    let (store, _parts) = fresh().await;
    for (number, name) in names().iter().enumerate() {
        let (write, mut rest) = opening(&lead(&format!("h{number}")), &format!("a{number}"));
        rest.new_references = vec![contact(name)];
        store.commit_opening(write, rest).await.unwrap();
    }
    let references: Vec<Reference> = names().iter().map(|name| contact(name)).collect();
    let journeys = store.journeys_of(&references).await.unwrap();
    for (number, reference) in references.iter().enumerate() {
        let expected = JourneyId(format!("j-h{number}"));
        assert_eq!(journeys.get(reference), Some(&expected), "{:?}", reference.id.get(..20));
        let listed = store.journey_references(&expected).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(reference), "it comes back as it was sent");
    }
    let others = [Reference::new("salesforce", ObjectKind::Contact, "7"), {
        Reference::new("hubspot", ObjectKind::Deal, "7")
    }];
    assert!(store.journeys_of(&others).await.unwrap().is_empty());
}

#[tokio::test]
async fn every_name_is_a_duplicate_key_and_a_claim_of_its_own() {
    let (store, _parts) = fresh().await;
    for (number, name) in names().iter().enumerate() {
        let handoff = Handoff { claim: format!("deal:{name}"), ..lead(&format!("h{number}")) };
        let (write, rest) = opening(&handoff, &format!("a{number}"));
        let write = write.done(&"generic".into(), name, "opened", name);
        store.commit_opening(write, rest).await.unwrap();
    }
    for (number, name) in names().iter().enumerate() {
        let id = Some(format!("h{number}").as_str().into());
        let claim = store.claim_of(&"inbound".into(), &format!("deal:{name}")).await.unwrap();
        assert_eq!((claim.open, claim.count), (id.clone(), 1));
        let seen = store.seen(&"generic".into(), name).await.unwrap().unwrap();
        assert_eq!((seen.handoff, seen.fingerprint), (id, name.clone()));
    }
}

#[tokio::test]
async fn every_name_is_a_property_of_its_own() {
    let (store, _parts) = fresh().await;
    let reference = contact("7");
    for (value, name) in (0..).zip(names()) {
        let (property, at) = (name.clone(), super::at(value));
        let observed =
            Observed { reference: reference.clone(), property, value, at, before_at: None };
        store.put_observed(&observed, &format!("a{value}").as_str().into()).await.unwrap();
    }
    for (value, name) in (0..).zip(names()) {
        let read = store.observed(&reference, &name).await.unwrap();
        assert_eq!(read, Some((value, super::at(value))));
    }
}

#[tokio::test]
async fn an_address_given_as_an_id_never_becomes_a_key_as_it_is() {
    let (store, _parts) = fresh().await;
    let spelt = ["dana@acme.example".to_owned(), "x".repeat(3_000), "a#JOURNEY".to_owned()];
    let references: Vec<Reference> =
        spelt.iter().map(|id| Reference::new("generic", ObjectKind::Email, id)).collect();
    let (write, mut rest) = opening(&lead("one"), "a");
    rest.new_references = references.clone();
    store.commit_opening(write, rest).await.unwrap();
    let journeys = store.journeys_of(&references).await.unwrap();
    assert_eq!(journeys.len(), 3);
    assert_eq!(journeys.values().collect::<BTreeSet<_>>().len(), 1);
}

#[tokio::test]
async fn an_id_nobody_gave_is_missing_however_long_it_is() {
    let (store, _parts) = fresh().await;
    open(&store, &lead("one")).await;
    for name in names().into_iter().chain(["one#STATE".to_owned(), String::new()]) {
        let id = name.as_str().into();
        let read = store.handoff(&id).await;
        assert!(matches!(read, Err(StoreError::Missing { .. })), "{read:?}");
        let both = store.handoff_and_package(&id).await;
        assert!(matches!(both, Err(StoreError::Missing { .. })), "{both:?}");
        assert!(store.handoffs(std::slice::from_ref(&id)).await.unwrap().is_empty());
        assert_eq!(*store.package(&id).await.unwrap(), Default::default());
        assert!(store.history(&id).await.unwrap().is_empty());
        let read = store.receipt(&ReceiptId(name)).await;
        assert!(matches!(read, Err(StoreError::Missing { .. })), "{read:?}");
    }
}
