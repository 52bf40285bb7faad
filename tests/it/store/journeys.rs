//! Journeys: one reference, one journey; merges are whole, followed, and leave nothing behind.

use super::{
    CONFIG, at, by, change, changing, completed, contact, fresh, is_missing, lead, meanwhile, open,
    opening,
};
use domain::{Change, Handoff, JourneyId, handoff::Flag, subject::Reference};
use store::{Claim, Merge, MovedHandoff, NewClaim, Store, StoreError, Stored, Write};

fn journey(id: &str) -> JourneyId {
    JourneyId(format!("j-{id}"))
}

/// Prepares the move of an open handoff to a journey that has no open one in its lane.
fn moving(handoff: &Stored<Handoff>, to: &JourneyId, count: u64) -> MovedHandoff {
    let claim = format!("journey:{to}");
    let moved = Change::MovedJourney { journey: to.clone(), claim: claim.clone() };
    let write = changing(handoff, moved, &format!("move-{}-{to}", handoff.id));
    let (lane, from) = (handoff.lane.clone(), handoff.claim.clone());
    MovedHandoff { write, lane, from, to: NewClaim::Free(claim, count) }
}

/// Prepares the move of an open handoff to a journey whose own one keeps the claim.
fn beside(handoff: &Stored<Handoff>, to: &JourneyId) -> MovedHandoff {
    let changes = vec![
        Change::MovedJourney { journey: to.clone(), claim: String::new() },
        Change::Flagged { flag: Flag::MergedBeside },
    ];
    let write = Write::change(handoff, changes, by("beside"), at(1), &CONFIG);
    let (lane, from) = (handoff.lane.clone(), handoff.claim.clone());
    MovedHandoff { write, lane, from, to: NewClaim::None }
}

async fn merge(
    store: &Store,
    newer: &str,
    older: &str,
    moved: Vec<MovedHandoff>,
) -> Result<(), StoreError> {
    let merge = Merge { older: journey(older), newer: journey(newer), moved };
    store.merge_journeys(&merge, &format!("merge-{newer}-{older}").as_str().into()).await
}

async fn journey_of(store: &Store, id: &str) -> Option<JourneyId> {
    store.journeys_of(&[contact(id)]).await.unwrap().remove(&contact(id))
}

async fn listed(store: &Store, id: &str) -> Vec<String> {
    let rows = store.journey_handoffs(&journey(id), 100).await.unwrap();
    rows.into_iter().map(|row| row.id.0).collect()
}

#[tokio::test]
async fn a_reference_points_to_one_journey() {
    let (store, _parts) = fresh().await;
    open(&store, &lead("one")).await;
    let (write, mut rest) = opening(&lead("other"), "attempt");
    rest.new_references = vec![contact("one")];
    let refused = store.commit_opening(write, rest).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert_eq!(journey_of(&store, "one").await, Some(journey("one")));
    assert!(is_missing(&store, &"other".into()).await);
}

#[tokio::test]
async fn a_journey_lists_its_handoffs_newest_first() {
    let (store, _parts) = fresh().await;
    for (id, opened) in [("first", 0), ("second", 100), ("third", 50)] {
        let handoff = Handoff {
            journey: journey("shared"),
            opened_at: at(opened),
            claim: id.to_owned(),
            ..lead(id)
        };
        open(&store, &handoff).await;
    }
    assert_eq!(listed(&store, "shared").await, ["second", "third", "first"]);
    let two = store.journey_handoffs(&journey("shared"), 2).await.unwrap();
    assert_eq!(two.len(), 2);
    assert_eq!(two[0].id.as_str(), "second");
}

#[tokio::test]
async fn merges_are_followed_over_two_generations_and_open_claims_move() {
    let (store, _parts) = fresh().await;
    let oldest = open(&store, &lead("a")).await;
    change(&store, &oldest, completed()).await;
    let middle = open(&store, &lead("b")).await;
    change(&store, &middle, completed()).await;
    let newest = open(&store, &lead("c")).await;

    merge(&store, "c", "b", vec![moving(&newest, &journey("b"), 1)]).await.unwrap();
    let newest = store.handoff(&newest.id).await.unwrap();
    assert_eq!((newest.journey.clone(), newest.version), (journey("b"), 2));
    merge(&store, "b", "a", vec![moving(&newest, &journey("a"), 1)]).await.unwrap();

    for id in ["a", "b", "c"] {
        assert_eq!(journey_of(&store, id).await, Some(journey("a")), "{id}");
    }
    let mut handoffs = listed(&store, "a").await;
    handoffs.sort();
    assert_eq!(handoffs, ["a", "b", "c"]);
    let mut references = store.journey_references(&journey("a")).await.unwrap();
    references.sort();
    assert_eq!(references, ["a", "b", "c"].map(contact));

    let newest = store.handoff(&newest.id).await.unwrap();
    assert_eq!((newest.journey.clone(), newest.version), (journey("a"), 3));
    let claim = |id: &str| format!("journey:j-{id}");
    let claim_of = async |id: &str| store.claim_of(&newest.lane, &claim(id)).await.unwrap();
    assert_eq!(claim_of("a").await, Claim { open: Some(newest.id.clone()), count: 2 });
    assert_eq!(claim_of("b").await, Claim { open: None, count: 2 });
    assert_eq!(claim_of("c").await, Claim { open: None, count: 1 });
    change(&store, &newest, completed()).await;
    assert_eq!(claim_of("a").await, Claim { open: None, count: 2 });
}

#[tokio::test]
async fn where_both_hold_one_the_newer_is_flagged_and_closes_without_freeing_the_other() {
    let (store, _parts) = fresh().await;
    let older = open(&store, &lead("a")).await;
    let newer = open(&store, &lead("b")).await;
    let blocked = merge(&store, "b", "a", vec![moving(&newer, &journey("a"), 1)]).await;
    assert!(matches!(blocked, Err(StoreError::Conflict)), "{blocked:?}");
    assert_eq!(store.handoff(&newer.id).await.unwrap(), newer);

    merge(&store, "b", "a", vec![beside(&newer, &journey("a"))]).await.unwrap();
    let newer = store.handoff(&newer.id).await.unwrap();
    assert!(newer.flags.contains(&Flag::MergedBeside));
    change(&store, &newer, completed()).await;
    let claim = store.claim_of(&older.lane, &older.claim).await.unwrap();
    assert_eq!(claim.open.as_ref(), Some(&older.id));
}

#[tokio::test]
async fn a_merge_of_what_changed_meanwhile_leaves_both_as_they_were() {
    let (store, _parts) = fresh().await;
    let older = open(&store, &lead("a")).await;
    change(&store, &older, completed()).await;
    let read = open(&store, &lead("b")).await;
    change(&store, &read, Change::Noted).await;
    let stale = merge(&store, "b", "a", vec![moving(&read, &journey("a"), 1)]).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    assert_eq!(journey_of(&store, "b").await, Some(journey("b")));
    assert_eq!(listed(&store, "a").await, ["a"]);

    let read = store.handoff(&read.id).await.unwrap();
    merge(&store, "b", "a", vec![moving(&read, &journey("a"), 1)]).await.unwrap();
    let again = store
        .merge_journeys(
            &Merge { older: journey("c"), newer: journey("b"), moved: Vec::new() },
            &"another".into(),
        )
        .await;
    assert!(matches!(again, Err(StoreError::Conflict)), "a journey ends once: {again:?}");
}

#[tokio::test]
async fn a_claim_that_was_held_and_freed_meanwhile_keeps_its_count() {
    let (store, _parts) = fresh().await;
    let older = open(&store, &lead("a")).await;
    change(&store, &older, completed()).await;
    let read = open(&store, &lead("b")).await;
    let stale = moving(&read, &journey("a"), 0);
    let refused = merge(&store, "b", "a", vec![stale]).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    let claim = store.claim_of(&older.lane, &older.claim).await.unwrap();
    assert_eq!(claim, Claim { open: None, count: 1 });
}

#[tokio::test]
async fn a_journey_of_many_rows_is_merged_whole() {
    let (store, _parts) = fresh().await;
    open(&store, &lead("a")).await;
    let mut expected: Vec<Reference> = vec![contact("a")];
    for part in 0..4 {
        let id = format!("part-{part}");
        let handoff = Handoff { journey: journey("big"), ..lead(&id) };
        let (write, mut rest) = opening(&handoff, &id);
        rest.new_references = (0..40).map(|number| contact(&format!("{id}-{number}"))).collect();
        expected.extend(rest.new_references.clone());
        store.commit_opening(write, rest).await.unwrap();
    }
    let mut moved = Vec::new();
    for part in 0..4 {
        let handoff = store.handoff(&format!("part-{part}").into()).await.unwrap();
        moved.push(beside(&handoff, &journey("a")));
    }
    merge(&store, "big", "a", moved).await.unwrap();
    assert_eq!(listed(&store, "a").await.len(), 5);
    let mut references = store.journey_references(&journey("a")).await.unwrap();
    references.sort();
    expected.sort();
    assert_eq!(references, expected);
    let journeys = store.journeys_of(&expected).await.unwrap();
    assert!(journeys.values().all(|one| *one == journey("a")));
}

#[tokio::test]
async fn nothing_opens_on_a_journey_that_was_merged() {
    let (store, _parts) = fresh().await;
    for id in ["a", "b"] {
        let handoff = open(&store, &lead(id)).await;
        change(&store, &handoff, completed()).await;
    }
    merge(&store, "b", "a", Vec::new()).await.unwrap();
    let late = Handoff { previous: Some("b".into()), journey: journey("b"), ..lead("late") };
    let (write, rest) = opening(&late, "late");
    let refused = store.commit_opening(write, rest).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert!(is_missing(&store, &late.id).await);
}

#[tokio::test]
async fn what_opens_between_a_merges_reading_and_its_writing_stops_the_merge() {
    let (store, parts) = fresh().await;
    for id in ["a", "b"] {
        let handoff = open(&store, &lead(id)).await;
        change(&store, &handoff, completed()).await;
    }
    let late = Handoff {
        previous: Some("b".into()),
        journey: journey("b"),
        lane: "meeting".into(),
        ..lead("late")
    };
    let (write, rest) = opening(&late, "late");
    let beside = meanwhile(&parts, "TransactWriteItems", |other| async move {
        other.commit_opening(write, rest).await.unwrap();
    });
    let stopped = merge(&beside, "b", "a", Vec::new()).await;
    assert!(matches!(stopped, Err(StoreError::Conflict)), "{stopped:?}");
    assert_eq!(journey_of(&store, "b").await, Some(journey("b")));

    let unseen = merge(&store, "b", "a", Vec::new()).await;
    assert!(matches!(unseen, Err(StoreError::Conflict)), "an open one is left behind: {unseen:?}");
    let late = store.handoff(&late.id).await.unwrap();
    merge(&store, "b", "a", vec![moving(&late, &journey("a"), 0)]).await.unwrap();
    assert_eq!(store.handoff(&late.id).await.unwrap().journey, journey("a"));
    let mut handoffs = listed(&store, "a").await;
    handoffs.sort();
    assert_eq!(handoffs, ["a", "b", "late"]);
}

#[tokio::test]
async fn journeys_merged_into_one_another_in_a_row_stay_one() {
    let (store, parts) = fresh().await;
    for id in ["a", "b", "c"] {
        let handoff = open(&store, &lead(id)).await;
        change(&store, &handoff, completed()).await;
    }
    let beside = meanwhile(&parts, "TransactWriteItems", |other| async move {
        merge(&other, "c", "b", Vec::new()).await.unwrap();
    });
    let stopped = merge(&beside, "b", "a", Vec::new()).await;
    assert!(matches!(stopped, Err(StoreError::Conflict)), "{stopped:?}");
    merge(&store, "b", "a", Vec::new()).await.unwrap();
    let mut handoffs = listed(&store, "a").await;
    handoffs.sort();
    assert_eq!(handoffs, ["a", "b", "c"]);
}
