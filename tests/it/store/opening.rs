//! Opening: whole or not at all, once per event, once per claim.

use super::{at, change, completed, contact, fresh, is_missing, lead, open, opening};
use domain::{Change, Handoff};
use store::{Claim, Store, StoreError, commit_of, is_commit_key};

/// Fails unless nothing of a handoff that was to open is there.
async fn check_absent(store: &Store, handoff: &Handoff, but_not_seen: bool) {
    let id = &handoff.id;
    assert!(is_missing(store, id).await);
    assert_eq!(*store.package(id).await.unwrap(), Default::default());
    assert!(store.history(id).await.unwrap().is_empty());
    if !but_not_seen {
        let key = format!("event-{id}");
        assert_eq!(store.seen(&"generic".into(), &key).await.unwrap(), None);
    }
    let listed = store.journey_handoffs(&handoff.journey, 10).await.unwrap();
    assert!(listed.iter().all(|row| row.id != *id), "{listed:?}");
    let pointed = store.journey_references(&handoff.journey).await.unwrap();
    assert!(!pointed.contains(&contact(&format!("{id}-second"))), "{pointed:?}");
    let second = [contact(&format!("{id}-second"))];
    assert!(store.journeys_of(&second).await.unwrap().is_empty());
}

#[tokio::test]
async fn an_opening_is_whole() {
    let (store, _parts) = fresh().await;
    let handoff = lead("one");
    let stored = open(&store, &handoff).await;
    assert_eq!(stored.record, Handoff { version: 1, ..handoff.clone() });
    let package = store.package(&handoff.id).await.unwrap();
    assert_eq!(package.subject.name.as_deref(), Some("Dana Reyes"));
    let both = store.handoff_and_package(&handoff.id).await.unwrap();
    assert_eq!(both, (stored, package));

    let history = store.history(&handoff.id).await.unwrap();
    assert_eq!(history.len(), 1);
    assert!(matches!(history[0].changes[..], [Change::Opened { .. }]));
    assert_eq!(history[0], store.commit_at(&handoff.id, 1).await.unwrap());
    assert!(history[0].lineage.as_ref().is_some_and(|lineage| lineage.first_in_lane));

    let seen = store.seen(&"generic".into(), "event-one").await.unwrap().unwrap();
    assert_eq!((seen.effect.as_str(), seen.version), ("opened", 1));
    assert_eq!(seen.handoff.as_ref(), Some(&handoff.id));
    let claim = store.claim_of(&handoff.lane, &handoff.claim).await.unwrap();
    assert_eq!(claim, Claim { open: Some(handoff.id.clone()), count: 1 });
    let listed = store.journey_handoffs(&handoff.journey, 10).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((&listed[0].id, listed[0].opened_at), (&handoff.id, at(0)));
    let journeys = store.journeys_of(&[contact("one"), contact("nobody")]).await.unwrap();
    assert_eq!(
        journeys.into_iter().collect::<Vec<_>>(),
        [(contact("one"), handoff.journey.clone())]
    );
    let references = store.journey_references(&handoff.journey).await.unwrap();
    assert_eq!(references, [contact("one")]);
}

#[tokio::test]
async fn an_opening_that_loses_any_of_its_rows_leaves_nothing() {
    let (store, _parts) = fresh().await;
    open(&store, &lead("first")).await;

    let held = Handoff { claim: lead("first").claim, ..lead("held") };
    let pointed = lead("pointed");
    let there = Handoff { claim: "elsewhere".to_owned(), ..lead("first") };
    for (handoff, reference) in [(held, "held"), (pointed, "first"), (there.clone(), "there")] {
        let (write, mut rest) = opening(&handoff, "late");
        let second = contact(&format!("{}-second", handoff.id));
        rest.new_references = vec![second, contact(reference)];
        let write = write.done(&"generic".into(), &format!("late-{reference}"), "opened", "said");
        let refused = store.commit_opening(write, rest).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{reference}: {refused:?}");
        let key = format!("late-{reference}");
        assert_eq!(store.seen(&"generic".into(), &key).await.unwrap(), None);
        if handoff.id != there.id {
            check_absent(&store, &handoff, false).await;
        }
    }
    assert_eq!(store.history(&"first".into()).await.unwrap().len(), 1);
    let elsewhere = store.claim_of(&"inbound".into(), "elsewhere").await.unwrap();
    assert_eq!(elsewhere, Claim::default());
}

#[tokio::test]
async fn the_same_event_twice_is_a_duplicate_with_the_stored_answer() {
    let (store, _parts) = fresh().await;
    open(&store, &lead("first")).await;
    let second = lead("second");
    let (write, rest) = opening(&second, "another");
    let write = write.done(&"generic".into(), "event-first", "opened", "said");
    let Err(StoreError::Duplicate(seen)) = store.commit_opening(write, rest).await else {
        panic!("it opened twice");
    };
    assert_eq!(seen.handoff, Some("first".into()));
    assert_eq!((seen.effect.as_str(), seen.version), ("opened", 1));
    assert_eq!(seen.fingerprint, "what was said");
    check_absent(&store, &second, true).await;

    let elsewhere = lead("third");
    let (write, rest) = opening(&elsewhere, "of another source");
    let write = write.done(&"hubspot".into(), "event-first", "opened", "said");
    store.commit_opening(write, rest).await.unwrap();
}

#[tokio::test]
async fn a_claim_admits_one_is_freed_on_closing_and_remembers_its_count() {
    let (store, _parts) = fresh().await;
    let first = open(&store, &lead("first")).await;
    let again = |id: &str| Handoff { claim: first.claim.clone(), ..lead(id) };

    let (write, mut rest) = opening(&again("second"), "too early");
    rest.claim_count = 1;
    let refused = store.commit_opening(write, rest).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");

    change(&store, &first, completed()).await;
    let claim = store.claim_of(&first.lane, &first.claim).await.unwrap();
    assert_eq!(claim, Claim { open: None, count: 1 });
    let (write, mut rest) = opening(&again("second"), "by a stale reading");
    rest.claim_count = 0;
    let refused = store.commit_opening(write, rest).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let (write, mut rest) = opening(&again("second"), "in time");
    rest.claim_count = 1;
    store.commit_opening(write, rest).await.unwrap();
    let claim = store.claim_of(&first.lane, &first.claim).await.unwrap();
    assert_eq!(claim, Claim { open: Some("second".into()), count: 2 });
}

#[tokio::test]
async fn a_claim_that_was_held_since_it_was_read_is_a_conflict() {
    let (store, _parts) = fresh().await;
    let again = |id: &str| Handoff { claim: lead("first").claim, ..lead(id) };
    for (count, id) in ["first", "second"].into_iter().enumerate() {
        let (write, mut rest) = opening(&again(id), id);
        rest.claim_count = u64::try_from(count).unwrap();
        store.commit_opening(write, rest).await.unwrap();
        let handoff = store.handoff(&id.into()).await.unwrap();
        change(&store, &handoff, completed()).await;
    }
    for stale in [0, 1, 3] {
        let (write, mut rest) = opening(&again("third"), &format!("read-{stale}"));
        rest.claim_count = stale;
        let refused = store.commit_opening(write, rest).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{stale}: {refused:?}");
    }
    let claim = store.claim_of(&"inbound".into(), &lead("first").claim).await.unwrap();
    assert_eq!(claim, Claim { open: None, count: 2 });
}

#[tokio::test]
async fn of_openings_in_parallel_for_one_claim_one_wins() {
    let (store, _parts) = fresh().await;
    let mut running = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = store.clone();
        running.spawn(async move {
            let handoff = Handoff { claim: "journey:shared".into(), ..lead(&number.to_string()) };
            let (write, rest) = opening(&handoff, &format!("attempt-{number}"));
            (handoff, store.commit_opening(write, rest).await)
        });
    }
    let mut winners = Vec::new();
    for (handoff, result) in running.join_all().await {
        match result {
            Ok(_) => winners.push(handoff.id),
            Err(StoreError::Conflict) => check_absent(&store, &handoff, false).await,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(winners.len(), 1, "{winners:?}");
    let claim = store.claim_of(&"inbound".into(), "journey:shared").await.unwrap();
    assert_eq!(claim, Claim { open: winners.pop(), count: 1 });
}

#[tokio::test]
async fn an_opening_is_one_request_and_its_cost_is_counted() {
    let (store, _parts) = fresh().await;
    store.meter().take();
    let handoff = lead("one");
    let (write, rest) = opening(&handoff, "attempt");
    store.commit_opening(write, rest).await.unwrap();
    let used = store.meter().read();
    assert_eq!(used.keys().copied().collect::<Vec<_>>(), ["TransactWriteItems"]);
    let total = store.meter().take();
    assert_eq!(total.requests, 1);
    assert!(total.write_units >= 16.0, "eight rows, twice each: {total:?}");
    assert_eq!(store.meter().take(), Default::default());
}

#[tokio::test]
async fn a_stream_record_is_told_from_others_and_read_back_whole() {
    let (store, _parts) = fresh().await;
    open(&store, &lead("one")).await;
    assert!(is_commit_key("COMMIT#00000001"));
    assert!(!is_commit_key("STATE") && !is_commit_key("JOURNEY"));
    let unreadable = commit_of(serde_dynamo::Item::default());
    assert!(matches!(unreadable, Err(StoreError::Malformed { .. })), "{unreadable:?}");
}
