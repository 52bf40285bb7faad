//! What is kept about the work: numbers that count once, quarantine, beats, digests sent once.

use super::{at, fresh};
use chrono::NaiveDate;
use std::collections::BTreeMap;
use store::{Checkpoint, DigestClaim, Fold, Quarantined, Store, StoreError};

const DAY: NaiveDate = NaiveDate::from_ymd_opt(2026, 1, 5).unwrap();

fn counters(counted: &[(&str, i64)]) -> BTreeMap<String, i64> {
    counted.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect()
}

fn checkpoint(sequence: &str) -> Checkpoint {
    Checkpoint { sequence: sequence.to_owned(), until: at(5) }
}

fn fold(from: Option<&str>, to: &str, counted: &[(&str, i64)]) -> Fold {
    let row = ("cohort".to_owned(), "all".to_owned(), DAY);
    Fold {
        shard: "shard-1".to_owned(),
        from: from.map(checkpoint),
        to: to.to_owned(),
        until: at(5),
        rows: BTreeMap::from([(row, counters(counted))]),
        aside: Vec::new(),
    }
}

async fn numbers(store: &Store) -> BTreeMap<String, i64> {
    let mut days = store.rollups("cohort", "all", DAY, DAY).await.unwrap();
    days.remove(&DAY).unwrap_or_default()
}

#[tokio::test]
async fn a_fold_counts_once_and_moves_the_checkpoint() {
    let (store, _parts) = fresh().await;
    assert_eq!(store.checkpoint("metrics", "shard-1").await.unwrap(), None);
    let first = fold(None, "10", &[("opened", 2), ("met.respond", 1)]);
    store.fold("metrics", &first, &"a".into()).await.unwrap();
    let known = store.checkpoint("metrics", "shard-1").await.unwrap();
    assert_eq!(known, Some(checkpoint("10")));
    assert_eq!(store.folded_until("metrics").await.unwrap(), Some(at(5)));
    assert_eq!(store.folded_until("relay").await.unwrap(), None);
    assert_eq!(numbers(&store).await, counters(&[("met.respond", 1), ("opened", 2)]));

    for (stale, attempt) in [(None, "b"), (Some("9"), "c"), (Some("20"), "d")] {
        let again = fold(stale, "20", &[("opened", 100)]);
        let refused = store.fold("metrics", &again, &attempt.into()).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{stale:?}: {refused:?}");
    }
    assert_eq!(numbers(&store).await["opened"], 2);
    let next = fold(Some("10"), "20", &[("opened", 1), ("met.respond", -1), ("size", 7)]);
    store.fold("metrics", &next, &"e".into()).await.unwrap();
    let expected = counters(&[("met.respond", 0), ("opened", 3), ("size", 7)]);
    assert_eq!(numbers(&store).await, expected);
    assert_eq!(store.checkpoint("metrics", "shard-2").await.unwrap(), None);
    assert_eq!(store.checkpoint("relay", "shard-1").await.unwrap(), None);
}

#[tokio::test]
async fn a_fold_may_touch_ninety_nine_rows_and_a_range_of_days_is_one_list() {
    let (store, _parts) = fresh().await;
    let day = |number: u64| DAY + chrono::Days::new(number);
    let mut wide = fold(None, "10", &[]);
    wide.rows = (0..99)
        .map(|number| (("happened".into(), "all".into(), day(number)), counters(&[("opened", 1)])))
        .collect();
    store.fold("metrics", &wide, &"a".into()).await.unwrap();
    let days = store.rollups("happened", "all", day(10), day(19)).await.unwrap();
    assert_eq!(days.keys().copied().collect::<Vec<_>>(), (10..20).map(day).collect::<Vec<_>>());
    assert!(days.values().all(|counted| *counted == counters(&[("opened", 1)])));
    assert!(store.rollups("happened", "rep:amara", DAY, day(99)).await.unwrap().is_empty());
    assert!(store.rollups("cohort", "all", DAY, day(99)).await.unwrap().is_empty());
}

#[tokio::test]
async fn quarantine_lists_newest_first() {
    let (store, _parts) = fresh().await;
    let aside = |what: &str, second| Quarantined {
        what: what.to_owned(),
        kind: "receipt".to_owned(),
        by: "intake".to_owned(),
        reason: "json".to_owned(),
        at: at(second),
        part: Some("e30=".to_owned()),
    };
    for (what, second) in [("middle", 5), ("newest", 9), ("oldest", 1)] {
        store.quarantine(&aside(what, second), what).await.unwrap();
    }
    store.quarantine(&aside("newest", 9), "newest").await.unwrap();
    let all = store.quarantined(10).await.unwrap();
    assert_eq!(all, [aside("newest", 9), aside("middle", 5), aside("oldest", 1)]);
    assert_eq!(store.quarantined(1).await.unwrap(), [aside("newest", 9)]);
}

#[tokio::test]
async fn a_beat_is_each_functions_last() {
    let (store, _parts) = fresh().await;
    assert!(store.beats().await.unwrap().is_empty());
    store.beat("sweep", at(60)).await.unwrap();
    store.beat("digest", at(70)).await.unwrap();
    store.beat("sweep", at(120)).await.unwrap();
    let expected = [("digest".to_owned(), at(70)), ("sweep".to_owned(), at(120))];
    assert_eq!(store.beats().await.unwrap(), BTreeMap::from(expected));
}

#[tokio::test]
async fn a_digest_is_claimed_by_one_and_settled_for_all() {
    let (store, _parts) = fresh().await;
    let priya = "priya".into();
    let claim = async |period: &str, attempt: &str, second| {
        store.claim_digest(period, &priya, &attempt.into(), at(second)).await.unwrap()
    };
    assert_eq!(claim("daily#1", "a", 0).await, DigestClaim::Mine);
    assert_eq!(claim("daily#1", "b", 5).await, DigestClaim::Pending(at(0)));
    assert_eq!(claim("daily#2", "c", 6).await, DigestClaim::Mine, "another period is another mail");
    store.settle_digest("daily#1", &priya, &"d".into(), at(9)).await.unwrap();
    assert_eq!(claim("daily#1", "e", 10).await, DigestClaim::Sent);
    store.settle_digest("daily#1", &priya, &"f".into(), at(11)).await.unwrap();
    let unclaimed = store.settle_digest("daily#3", &priya, &"g".into(), at(12)).await;
    assert!(matches!(unclaimed, Err(StoreError::Conflict)), "{unclaimed:?}");
}
