//! Changing a stored handoff: by its version, once per cause, with its package, its owner's count
//! and its claim.

use super::{at, by, change, changing, completed, contact, fresh, is_missing, lead, open, package};
use domain::{Change, Handoff, Stage};
use serde_json::json;
use store::{Observed, StoreError, Stored, Write};

#[tokio::test]
async fn a_changed_version_is_a_conflict_and_nothing_of_it_stays() {
    let (store, _parts) = fresh().await;
    let read = open(&store, &lead("one")).await;
    let changed = change(&store, &read, Change::Noted).await;
    assert_eq!(changed.version, 2);
    let stale = changing(&read, completed(), "late")
        .done(&"desk".into(), "late", "complete", "said")
        .with_package(package())
        .personal("note", json!("from the one who came late"));
    assert!(matches!(store.commit(stale).await, Err(StoreError::Conflict)));
    assert_eq!(store.handoff(&read.id).await.unwrap(), changed);
    assert_eq!(store.history(&read.id).await.unwrap().len(), 2);
    assert_eq!(store.seen(&"desk".into(), "late").await.unwrap(), None);
}

#[tokio::test]
async fn what_is_not_there_cannot_be_changed() {
    let (store, _parts) = fresh().await;
    let ghost = Stored::new(Handoff { version: 3, ..lead("ghost") });
    let refused = store.commit(changing(&ghost, Change::Noted, "late")).await;
    assert!(matches!(refused, Err(StoreError::Conflict)), "{refused:?}");
    assert!(is_missing(&store, &ghost.id).await);
    assert!(store.history(&ghost.id).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_command_done_twice_answers_what_it_answered() {
    let (store, _parts) = fresh().await;
    let read = open(&store, &lead("one")).await;
    let order = |attempt| changing(&read, Change::Noted, attempt);
    let write = order("first").done(&"desk".into(), "nonce", "note", "fingerprint");
    assert_eq!(store.commit(write).await.unwrap().version, 2);
    let write = order("second").done(&"desk".into(), "nonce", "note", "fingerprint");
    let Err(StoreError::Duplicate(seen)) = store.commit(write).await else {
        panic!("it was done twice");
    };
    assert_eq!((seen.effect.as_str(), seen.version), ("note", 2));
    assert_eq!(store.handoff(&read.id).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_change_takes_its_package_and_its_personal_words_along() {
    let (store, _parts) = fresh().await;
    let read = open(&store, &lead("one")).await;
    let mut told = store.package(&read.id).await.unwrap();
    told.subject.company = Some("Acme".to_owned());
    let write = changing(&read, Change::Noted, "told")
        .with_package(told.clone())
        .personal("note", json!("call her after ten"))
        .personal("nothing", json!(null));
    assert_eq!((write.after().version, write.entry().version), (2, 2));
    store.commit(write).await.unwrap();
    assert_eq!(told.version, 1, "written by the opening");
    told.record.version = 2;
    assert_eq!(store.package(&read.id).await.unwrap(), told);
    let entry = store.commit_at(&read.id, 2).await.unwrap();
    assert_eq!(entry.personal.len(), 1);
    assert_eq!(entry.personal["note"], "call her after ten");
    let missing = store.commit_at(&read.id, 3).await;
    assert!(matches!(missing, Err(StoreError::Missing { what: "commit", .. })), "{missing:?}");
}

#[tokio::test]
async fn history_is_in_order_beyond_nine_and_folds_to_the_stored_state() {
    let (store, _parts) = fresh().await;
    let mut handoff = open(&store, &lead("one")).await;
    for _ in 0..11 {
        handoff = change(&store, &handoff, Change::Noted).await;
    }
    handoff = change(&store, &handoff, completed()).await;
    let history = store.history(&handoff.id).await.unwrap();
    let versions: Vec<u64> = history.iter().map(|commit| commit.version).collect();
    assert_eq!(versions, (1..=13).collect::<Vec<_>>());
    let opened = history[0].changes.clone();
    let folded =
        history[1..].iter().fold(lead("one").after(&opened, history[0].at), |state, commit| {
            state.after(&commit.changes, commit.at)
        });
    assert_eq!(folded, handoff.record);
    assert_eq!(folded.stage, Stage::Completed);
}

#[tokio::test]
async fn many_handoffs_are_read_in_the_order_asked_for_and_absent_ones_left_out() {
    let (store, _parts) = fresh().await;
    let mut ids = Vec::new();
    for number in 0..60 {
        let handoff = lead(&format!("{number:02}"));
        open(&store, &handoff).await;
        ids.push(handoff.id);
    }
    ids.reverse();
    ids.insert(7, "nobody".into());
    let read = store.handoffs(&ids).await.unwrap();
    let found: Vec<_> = read.iter().map(|(handoff, _)| handoff.id.clone()).collect();
    ids.retain(|id| id.as_str() != "nobody");
    assert_eq!(found, ids);
    assert!(read.iter().all(|(_, package)| package.subject.name.is_some()));
}

#[tokio::test]
async fn the_last_value_of_a_property_is_kept_only_on_what_was_read() {
    let (store, _parts) = fresh().await;
    let observed = |value, seconds, before: Option<i64>| Observed {
        reference: contact("one"),
        property: "score".to_owned(),
        value,
        at: at(seconds),
        before_at: before.map(at),
    };
    store.put_observed(&observed(40, 10, None), &"a".into()).await.unwrap();
    let stale = store.put_observed(&observed(90, 20, None), &"b".into()).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    let stale = store.put_observed(&observed(90, 20, Some(5)), &"c".into()).await;
    assert!(matches!(stale, Err(StoreError::Conflict)), "{stale:?}");
    let reference = contact("one");
    let read = || store.observed(&reference, "score");
    assert_eq!(read().await.unwrap(), Some((40, at(10))));

    let handoff = open(&store, &lead("two")).await;
    let write = |before| {
        Write::change(&handoff, vec![Change::Noted], by("d"), at(30), &super::CONFIG)
            .observes([observed(70, 30, before)])
    };
    assert!(matches!(store.commit(write(Some(9))).await, Err(StoreError::Conflict)));
    assert_eq!(store.handoff(&handoff.id).await.unwrap().version, 1);
    store.commit(write(Some(10))).await.unwrap();
    assert_eq!(read().await.unwrap(), Some((70, at(30))));
    assert_eq!(store.observed(&contact("one"), "other").await.unwrap(), None);
    assert_eq!(store.observed(&contact("two"), "score").await.unwrap(), None);
}
