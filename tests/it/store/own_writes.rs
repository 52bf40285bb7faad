//! Own writes: a write whose reply was lost is known again by its attempt, and has one effect.
//!
//! Each kind of write is made through a client that loses the reply to its transaction: once as
//! within ten minutes, when the table knows the retry by its token, and once as after them, when
//! only the rows themselves can tell.

use super::{
    POOL, TURN, assigning, at, candidate, changing, completed, contact, fresh, lead, open, opening,
    spoiled, standing,
};
use domain::{Change, JourneyId};
use local::Parts;
use std::{collections::BTreeMap, pin::Pin};
use store::{Claim, DigestClaim, Fold, Merge, MovedHandoff, Observed, Store, StoreError};
use tests::faults::{Fault, first};

const TRANSACTION: &str = "TransactWriteItems";

/// What the table says to one token with two contents: trying again can never help.
const MISMATCH: &str = "IdempotentParameterMismatchException";

/// How often the SDK sends a request before it gives up.
const SENDS: u64 = 3;

/// Makes two tables, each with a client that loses the first reply to a transaction in its own way.
async fn losing() -> Vec<(Store, Store, Parts)> {
    let mut tables = Vec::new();
    for fault in [Fault::LostReply, Fault::ForgottenReply] {
        let (store, parts) = fresh().await;
        let lossy = spoiled(&parts, first(TRANSACTION, 1, fault));
        tables.push((store, lossy, parts));
    }
    tables
}

#[tokio::test]
async fn an_opening() {
    for (store, lossy, _parts) in losing().await {
        let handoff = lead("one");
        let (write, rest) = opening(&handoff, "attempt");
        assert_eq!(lossy.commit_opening(write, rest).await.unwrap().version, 1);
        assert_eq!(store.history(&handoff.id).await.unwrap().len(), 1);
        let claim = store.claim_of(&handoff.lane, &handoff.claim).await.unwrap();
        assert_eq!(claim, Claim { open: Some(handoff.id.clone()), count: 1 });
    }
}

#[tokio::test]
async fn an_assignment() {
    for (store, lossy, _parts) in losing().await {
        let handoff = open(&store, &lead("one")).await;
        lossy.commit(assigning(&handoff, candidate("amara", 0, 1), "attempt")).await.unwrap();
        assert_eq!(standing(&store, "amara").await, (1, TURN), "counted once");
        assert_eq!(store.history(&handoff.id).await.unwrap().len(), 2);
    }
}

#[tokio::test]
async fn a_rejection_and_a_closing() {
    for (store, lossy, parts) in losing().await {
        let handoff = open(&store, &lead("one")).await;
        for (rep, attempt) in [("amara", "a"), ("ben", "b")] {
            let handoff = store.handoff(&handoff.id).await.unwrap();
            store.commit(assigning(&handoff, candidate(rep, 0, 9), attempt)).await.unwrap();
        }
        let handoff = store.handoff(&handoff.id).await.unwrap();
        let returned = Change::Returned { reason: "not_a_fit".into(), by: "ben".into() };
        let write =
            changing(&handoff, returned, "c").gives_turn_back(POOL.into(), "ben".into(), TURN);
        lossy.commit(write).await.unwrap();
        assert_eq!(standing(&store, "ben").await, (0, 0));

        let lossy = spoiled(&parts, first(TRANSACTION, 1, Fault::ForgottenReply));
        let handoff = store.handoff(&handoff.id).await.unwrap();
        lossy.commit(changing(&handoff, completed(), "d")).await.unwrap();
        assert_eq!(standing(&store, "amara").await, (0, TURN));
        let claim = store.claim_of(&handoff.lane, &handoff.claim).await.unwrap();
        assert_eq!(claim, Claim { open: None, count: 1 });
    }
}

#[tokio::test]
async fn a_merge() {
    for (store, lossy, _parts) in losing().await {
        let older = open(&store, &lead("a")).await;
        store.commit(changing(&older, completed(), "closed")).await.unwrap();
        let newer = open(&store, &lead("b")).await;
        let claim = older.claim.clone();
        let to = Change::MovedJourney { journey: older.journey.clone(), claim: claim.clone() };
        let moved = MovedHandoff {
            write: changing(&newer, to, "moved"),
            lane: newer.lane.clone(),
            from: newer.claim.clone(),
            to: store::NewClaim::Free(claim.clone(), 1),
        };
        let (older, newer) = (older.journey.clone(), newer.journey.clone());
        let merge = Merge { older, newer, moved: vec![moved] };
        lossy.merge_journeys(&merge, &"attempt".into()).await.unwrap();
        let held = store.claim_of(&"inbound".into(), &claim).await.unwrap();
        assert_eq!(held, Claim { open: Some("b".into()), count: 2 });
        assert_eq!(store.handoff(&"b".into()).await.unwrap().version, 2);
        let journeys = store.journeys_of(&[contact("b")]).await.unwrap();
        assert_eq!(journeys[&contact("b")], JourneyId("j-a".into()));
    }
}

#[tokio::test]
async fn a_fold() {
    for (store, lossy, _parts) in losing().await {
        let day = at(0).date_naive();
        let row = ("cohort".to_owned(), "all".to_owned(), day);
        let counted = BTreeMap::from([("opened".to_owned(), 3)]);
        let rows = BTreeMap::from([(row, counted.clone())]);
        let fold = Fold { shard: "s".to_owned(), to: "10".to_owned(), rows, ..Fold::default() };
        lossy.fold("metrics", &fold, &"attempt".into()).await.unwrap();
        let stored = store.rollups("cohort", "all", day, day).await.unwrap();
        assert_eq!(stored[&day], counted, "counted once");
    }
}

#[tokio::test]
async fn a_claimed_digest() {
    for (store, lossy, parts) in losing().await {
        let priya = "priya".into();
        let claimed = lossy.claim_digest("daily", &priya, &"attempt".into(), at(0)).await.unwrap();
        assert_eq!(claimed, DigestClaim::Mine);
        let other = store.claim_digest("daily", &priya, &"other".into(), at(1)).await.unwrap();
        assert_eq!(other, DigestClaim::Pending(at(0)));
        let lossy = spoiled(&parts, first(TRANSACTION, 1, Fault::ForgottenReply));
        lossy.settle_digest("daily", &priya, &"settled".into(), at(2)).await.unwrap();
        let other = store.claim_digest("daily", &priya, &"third".into(), at(3)).await.unwrap();
        assert_eq!(other, DigestClaim::Sent);
    }
}

#[tokio::test]
async fn a_pushed_configuration() {
    for (store, lossy, _parts) in losing().await {
        let version = lossy.push_config("a = 1", None, &"attempt".into(), at(0)).await.unwrap();
        assert_eq!((version, store.active_version().await.unwrap()), (1, Some(1)));
        assert_eq!(store.config(1).await.unwrap().text, "a = 1");
    }
}

#[tokio::test]
async fn an_observed_value() {
    for (store, lossy, _parts) in losing().await {
        let (reference, property) = (contact("one"), "score".to_owned());
        let observed = Observed { reference, property, value: 7, at: at(0), before_at: None };
        lossy.put_observed(&observed, &"attempt".into()).await.unwrap();
        let read = store.observed(&contact("one"), "score").await.unwrap();
        assert_eq!(read, Some((7, at(0))));
    }
}

#[tokio::test]
async fn of_a_write_that_was_never_answered_the_next_try_knows() {
    let (store, parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    let write = || assigning(&handoff, candidate("amara", 0, 1), "attempt");
    let deaf = spoiled(&parts, first(TRANSACTION, SENDS, Fault::ForgottenReply));
    let unknown = deaf.commit(write()).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable { .. })), "{unknown:?}");
    assert!(unknown.unwrap_err().is_passing());
    deaf.commit(write()).await.unwrap();
    assert_eq!(standing(&store, "amara").await, (1, TURN));

    let after = store.handoff(&handoff.id).await.unwrap();
    store.commit(changing(&after, completed(), "closed")).await.unwrap();
    deaf.commit(write()).await.unwrap();
    assert_eq!(store.handoff(&handoff.id).await.unwrap().version, 3, "what came after it stands");
    let foreign = store.commit(assigning(&handoff, candidate("amara", 0, 1), "another")).await;
    assert!(matches!(foreign, Err(StoreError::Conflict)), "{foreign:?}");
}

#[tokio::test]
async fn of_an_opening_that_was_never_answered_another_try_is_a_duplicate() {
    let (store, parts) = fresh().await;
    let deaf = spoiled(&parts, first(TRANSACTION, SENDS, Fault::LostReply));
    let (write, rest) = opening(&lead("one"), "attempt");
    let unknown = deaf.commit_opening(write, rest).await;
    assert!(matches!(unknown, Err(StoreError::Unavailable { .. })), "{unknown:?}");
    let (write, rest) = opening(&lead("two"), "another");
    let write = write.done(&"generic".into(), "event-one", "opened", "what was said");
    let Err(StoreError::Duplicate(seen)) = deaf.commit_opening(write, rest).await else {
        panic!("it opened twice");
    };
    assert_eq!(seen.handoff, Some("one".into()));
    assert_eq!(store.history(&"one".into()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn rows_that_are_held_for_an_instant_are_tried_again() {
    let (store, parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    let held = spoiled(&parts, first(TRANSACTION, 4, Fault::Conflict));
    held.commit(assigning(&handoff, candidate("amara", 0, 1), "attempt")).await.unwrap();
    assert_eq!(standing(&store, "amara").await, (1, TURN));

    let held = spoiled(&parts, first(TRANSACTION, 5, Fault::Conflict));
    let after = store.handoff(&handoff.id).await.unwrap();
    let gave_up = held.commit(changing(&after, completed(), "closed")).await;
    assert!(matches!(gave_up, Err(StoreError::Conflict)), "{gave_up:?}");
    assert_eq!(store.handoff(&handoff.id).await.unwrap(), after);
}

#[tokio::test]
async fn a_table_that_does_not_answer_says_so_and_one_that_refuses_says_why() {
    let (_, parts) = fresh().await;
    let faults = [
        (Fault::Throttle, true, "ThrottlingException"),
        (Fault::Error(500, "InternalServerError"), true, "InternalServerError"),
        (Fault::Reset, true, "reset"),
        (Fault::Timeout, true, "nothing was answered"),
        (Fault::Error(400, "AccessDeniedException"), false, "AccessDeniedException"),
        (Fault::Error(400, "ValidationException"), false, "ValidationException"),
        (Fault::Error(400, MISMATCH), false, MISMATCH),
    ];
    let mut asked = tokio::task::JoinSet::new();
    for (fault, is_passing, said) in faults {
        for error in errors_of(spoiled(&parts, move |_, _| fault)) {
            asked.spawn(async move { (error.await, fault, is_passing, said) });
        }
    }
    assert_eq!(asked.len(), 7 * 6);
    for (error, fault, is_passing, said) in asked.join_all().await {
        assert_eq!(error.is_passing(), is_passing, "{fault:?}: {error}");
        assert!(error.to_string().contains(said), "{fault:?}: {error}");
    }
}

/// Asks a broken table each kind of request the store makes.
fn errors_of(broken: Store) -> [Pin<Box<dyn Future<Output = StoreError> + Send>>; 6] {
    let [a, b, c, d, e, f] = std::array::from_fn(|_| broken.clone());
    let (write, rest) = opening(&lead("one"), "attempt");
    [
        Box::pin(async move { a.commit_opening(write, rest).await.unwrap_err() }),
        Box::pin(async move { b.handoff(&"one".into()).await.unwrap_err() }),
        Box::pin(async move { c.handoffs(&["one".into()]).await.unwrap_err() }),
        Box::pin(async move { d.history(&"one".into()).await.unwrap_err() }),
        Box::pin(async move { e.beat("sweep", at(0)).await.unwrap_err() }),
        Box::pin(async move { f.await_receipt(&"one".into(), None).await.unwrap_err() }),
    ]
}
