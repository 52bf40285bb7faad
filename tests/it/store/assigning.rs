//! Owners: open counts and rotation move with the handoff, or nothing does.

use super::{
    POOL, TURN, all_due, assigned, assigning, at, candidate, change, changing, completed, fresh,
    lead, open, routing, spoiled, standing,
};
use domain::{
    AttemptId, Change, Handoff, HandoffId, PersonId, Stage,
    routing::{Candidate, Daily},
};
use store::{Due, RepRow, Roster, Store, StoreError, Stored};
use tests::faults::{Fault, first};

/// Takes a turn until it is taken or there is no place; tells whether it was.
async fn take_turn(store: Store, id: HandoffId, rep: &'static str, capacity: u32) -> bool {
    for attempt in 0.. {
        let handoff = store.handoff(&id).await.unwrap();
        let (_, position) = standing(&store, rep).await;
        let chosen = candidate(rep, position, capacity);
        let write = assigning(&handoff, chosen, &format!("{id}-try-{attempt}"));
        match store.commit(write).await {
            Ok(_) => return true,
            Err(StoreError::Conflict) => {}
            Err(StoreError::Full(full)) => {
                assert_eq!(full.as_str(), rep);
                return false;
            }
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("it ends with a place or without")
}

/// Counts what somebody has open from the handoffs themselves.
async fn recount(store: &Store, ids: &[HandoffId], rep: &str) -> i64 {
    let handoffs = store.handoffs(ids).await.unwrap();
    let theirs = handoffs.iter().filter(|(handoff, _)| {
        handoff.stage.is_open() && handoff.owner == Some(PersonId::from(rep))
    });
    i64::try_from(theirs.count()).unwrap()
}

#[tokio::test]
async fn of_thirty_two_in_parallel_a_rep_with_five_places_takes_five() {
    let (store, _parts) = fresh().await;
    let mut ids = Vec::new();
    for number in 0..32 {
        ids.push(open(&store, &lead(&format!("{number:02}"))).await.id.clone());
    }
    let mut running = tokio::task::JoinSet::new();
    for id in ids.clone() {
        running.spawn(take_turn(store.clone(), id, "amara", 5));
    }
    let taken = running.join_all().await.into_iter().filter(|taken| *taken).count();
    assert_eq!(taken, 5);
    assert_eq!(standing(&store, "amara").await, (5, 5 * TURN));
    assert_eq!(recount(&store, &ids, "amara").await, 5);
}

#[tokio::test]
async fn who_went_away_after_they_were_chosen_is_given_nothing() {
    let (store, _parts) = fresh().await;
    let handoff = open(&store, &lead("1")).await;
    let (rep, at_work) =
        (PersonId::from("amara"), assigning(&handoff, candidate("amara", 0, 5), "a"));
    store.set_absence(&rep, Some((at(-60), at(86_400))), at(-60)).await.unwrap();
    let refused = store.commit(at_work).await;
    assert!(matches!(&refused, Err(StoreError::Full(who)) if *who == rep), "{refused:?}");
    assert_eq!(standing(&store, "amara").await, (0, 0));
    store.set_absence(&rep, Some((at(-60), at(-30))), at(-30)).await.unwrap();
    store.commit(assigning(&handoff, candidate("amara", 0, 5), "b")).await.unwrap();
}

#[tokio::test]
async fn who_a_batch_did_not_get_to_is_asked_for_again() {
    let (store, parts) = fresh().await;
    for (number, rep) in [("1", "amara"), ("2", "ben"), ("3", "ben")] {
        let handoff = open(&store, &lead(number)).await;
        let (_, position) = standing(&store, rep).await;
        store.commit(assigning(&handoff, candidate(rep, position, 5), number)).await.unwrap();
    }
    let reps: Vec<PersonId> = vec!["amara".into(), "ben".into()];
    let whole = store.standings(&POOL.into(), &reps).await.unwrap();
    assert_eq!((whole[&reps[0]].open, whole[&reps[1]].open), (1, 2));
    let in_parts = spoiled(&parts, first("BatchGetItem", 1, Fault::Partial));
    assert_eq!(in_parts.standings(&POOL.into(), &reps).await.unwrap(), whole);
}

#[tokio::test]
async fn a_place_that_frees_is_taken_again() {
    let (store, _parts) = fresh().await;
    let first = open(&store, &lead("first")).await;
    let second = open(&store, &lead("second")).await;
    assert!(take_turn(store.clone(), first.id.clone(), "amara", 1).await);
    assert!(!take_turn(store.clone(), second.id.clone(), "amara", 1).await);
    let first = store.handoff(&first.id).await.unwrap();
    change(&store, &first, completed()).await;
    assert_eq!(standing(&store, "amara").await, (0, TURN));
    assert!(take_turn(store.clone(), second.id.clone(), "amara", 1).await);
    assert_eq!(standing(&store, "amara").await, (1, 2 * TURN));
}

#[tokio::test]
async fn the_place_in_the_rotation_is_a_condition() {
    let (store, _parts) = fresh().await;
    let first = open(&store, &lead("first")).await;
    let second = open(&store, &lead("second")).await;
    store.commit(assigning(&first, candidate("amara", 0, 9), "a")).await.unwrap();
    for stale in [0, TURN - 1, TURN + 1] {
        let write = assigning(&second, candidate("amara", stale, 9), &format!("b-{stale}"));
        let refused = store.commit(write).await;
        assert!(matches!(refused, Err(StoreError::Conflict)), "{stale}: {refused:?}");
    }
    assert_eq!(standing(&store, "amara").await, (1, TURN));
    store.commit(assigning(&second, candidate("amara", TURN, 9), "c")).await.unwrap();
    assert_eq!(standing(&store, "amara").await, (2, 2 * TURN));
}

#[tokio::test]
async fn a_rep_who_was_away_is_raised_in_the_same_transaction() {
    let (store, _parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    let mut raised = candidate("amara", 0, 9);
    raised.position_after = 40 * TURN;
    store.commit(assigning(&handoff, raised, "a")).await.unwrap();
    assert_eq!(standing(&store, "amara").await, (1, 40 * TURN));
}

#[tokio::test]
async fn a_reassignment_moves_the_count_and_the_same_rep_again_moves_nothing() {
    let (store, _parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    store.commit(assigning(&handoff, candidate("amara", 0, 9), "a")).await.unwrap();
    let handoff = store.handoff(&handoff.id).await.unwrap();
    store.commit(assigning(&handoff, candidate("ben", 0, 9), "b")).await.unwrap();
    assert_eq!(standing(&store, "amara").await, (0, TURN));
    assert_eq!(standing(&store, "ben").await, (1, TURN));
    let handoff = store.handoff(&handoff.id).await.unwrap();
    let handoff = change(&store, &handoff, assigned(&handoff, &"ben".into())).await;
    assert_eq!(standing(&store, "ben").await, (1, TURN));

    let full = assigning(&handoff, candidate("carla", 0, 0), "c");
    assert!(
        matches!(store.commit(full).await, Err(StoreError::Full(rep)) if rep.as_str() == "carla")
    );
    assert_eq!(standing(&store, "ben").await, (1, TURN), "who had it still has it");
    assert_eq!(standing(&store, "carla").await, (0, 0));
}

#[tokio::test]
async fn by_hand_a_rep_may_go_over_their_capacity() {
    let (store, _parts) = fresh().await;
    for id in ["first", "second"] {
        let handoff = open(&store, &lead(id)).await;
        change(&store, &handoff, assigned(&handoff, &"amara".into())).await;
    }
    assert_eq!(standing(&store, "amara").await, (2, 0));
}

#[tokio::test]
async fn a_rejection_gives_the_place_and_the_turn_back() {
    let (store, _parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    store.commit(assigning(&handoff, candidate("amara", 0, 9), "a")).await.unwrap();
    let handoff = store.handoff(&handoff.id).await.unwrap();
    let returned = Change::Returned { reason: "not_a_fit".into(), by: "amara".into() };
    let rejecting = |turn, attempt| {
        let write = changing(&handoff, returned.clone(), attempt);
        write.gives_turn_back(POOL.into(), "amara".into(), turn)
    };
    let too_much = store.commit(rejecting(TURN + 1, "b")).await;
    assert!(matches!(too_much, Err(StoreError::Conflict)), "{too_much:?}");
    assert_eq!(standing(&store, "amara").await, (1, TURN));
    store.commit(rejecting(TURN, "c")).await.unwrap();
    assert_eq!(standing(&store, "amara").await, (0, 0));

    let handoff = store.handoff(&handoff.id).await.unwrap();
    assert_eq!((handoff.stage, handoff.owner.as_ref()), (Stage::Returned, None));
    let claim = store.claim_of(&handoff.lane, &handoff.claim).await.unwrap();
    assert_eq!(claim.open.as_ref(), Some(&handoff.id), "a returned handoff is still open");
    let handoff = change(&store, &handoff, Change::Resubmitted { routing: routing() }).await;
    assert_eq!(standing(&store, "amara").await, (0, 0));
    change(&store, &handoff, Change::Cancelled { reason: "a test".into() }).await;
    assert_eq!(standing(&store, "amara").await, (0, 0), "nobody had it");
}

#[tokio::test]
async fn an_absence_is_kept_beside_the_count() {
    let (store, _parts) = fresh().await;
    let (amara, ben) = (PersonId::from("amara"), PersonId::from("ben"));
    store.set_absence(&amara, Some((at(10), at(20))), at(1)).await.unwrap();
    let handoff = open(&store, &lead("one")).await;
    change(&store, &handoff, assigned(&handoff, &amara)).await;
    let rows = store.reps(&[amara.clone(), ben.clone()]).await.unwrap();
    assert_eq!(rows[&ben], RepRow::default());
    assert_eq!(rows[&amara].open, 1);
    let place = rows[&amara].place((0, 0, 0));
    let away: Vec<bool> = [9, 10, 19, 20].map(|second| place.is_away(at(second))).to_vec();
    assert_eq!(away, [false, true, true, false]);
    store.set_absence(&amara, None, at(2)).await.unwrap();
    let rows = store.reps(std::slice::from_ref(&amara)).await.unwrap();
    assert_eq!(rows[&amara], RepRow { open: 1, ..RepRow::default() });
}

#[tokio::test]
async fn a_changed_roster_is_due_until_whoever_waits_was_asked_for() {
    let (store, _parts) = fresh().await;
    let amara = Roster::Rep("amara".into());
    let away = async |from, to, now| {
        let away = Some((at(from), at(to)));
        store.set_absence(&"amara".into(), away, at(now)).await.unwrap();
    };
    away(10, 20, 1).await;
    away(5, 30, 1).await;
    assert_eq!(all_due(&store, at(5)).await, [], "who goes away frees nobody");
    away(5, 25, 2).await;
    assert_eq!(all_due(&store, at(5)).await, [Due::Roster(amara.clone(), at(2))]);
    store.set_absence(&"amara".into(), None, at(3)).await.unwrap();
    store.roster_seen(&amara, at(2)).await.unwrap();
    let later = Due::Roster(amara.clone(), at(3));
    assert_eq!(all_due(&store, at(5)).await, [later], "what changed since is still to be asked");
    for _ in 0..2 {
        store.roster_seen(&amara, at(3)).await.unwrap();
        assert_eq!(all_due(&store, at(5)).await, []);
    }
    let attempt = |name: &str| AttemptId(name.to_owned());
    store.push_config("one", None, &attempt("a"), at(3)).await.unwrap();
    assert_eq!(all_due(&store, at(5)).await, [], "nobody waits before the first");
    store.push_config("two", Some(1), &attempt("b"), at(4)).await.unwrap();
    let due = all_due(&store, at(0)).await;
    assert!(matches!(&due[..], [Due::Roster(Roster::Config, at)] if at.timestamp_millis() == 2));
    store.push_config("three", Some(2), &attempt("c"), at(5)).await.unwrap();
    store.roster_seen(&Roster::Config, due[0].at()).await.unwrap();
    let later = all_due(&store, at(0)).await;
    assert_eq!(later.len(), 1, "the third version is still to be asked for");
    store.roster_seen(&Roster::Config, later[0].at()).await.unwrap();
    assert_eq!(all_due(&store, at(60)).await, []);
    assert_eq!(store.active_version().await.unwrap(), Some(3));
}

#[tokio::test]
async fn who_takes_it_without_a_turn_has_room_for_it() {
    let (store, _parts) = fresh().await;
    let (one, two) = (open(&store, &lead("one")).await, open(&store, &lead("two")).await);
    let given = |handoff: &Stored<Handoff>, attempt: &str| {
        changing(handoff, assigned(handoff, &"priya".into()), attempt).has_room(1)
    };
    store.commit(given(&one, "a")).await.unwrap();
    let full = store.commit(given(&two, "b")).await.unwrap_err();
    assert!(matches!(&full, StoreError::Full(rep) if rep.as_str() == "priya"), "{full:?}");
}

#[tokio::test]
async fn a_days_places_are_counted_with_the_days_handoffs_and_begin_anew() {
    let (store, _parts) = fresh().await;
    let (amara, monday) = (PersonId::from("amara"), at(0).date_naive());
    let tuesday = monday.succ_opt().unwrap();
    let give = async |name: &str, day, taken| {
        let handoff = open(&store, &lead(name)).await;
        let (_, position) = standing(&store, "amara").await;
        let daily = Some(Daily { day, taken, most: 2 });
        let candidate = Candidate { daily, ..candidate("amara", position, 40) };
        let change = assigned(&handoff, &amara);
        let write = changing(&handoff, change, name).takes_turn(POOL.into(), candidate);
        store.commit(write).await.map(|_| ())
    };
    let taken = async || store.reps(std::slice::from_ref(&amara)).await.unwrap()[&amara].clone();
    give("one", monday, 0).await.unwrap();
    let late = give("two", monday, 0).await;
    assert!(matches!(late, Err(StoreError::Full(_))), "another was first on this day: {late:?}");
    give("three", monday, 1).await.unwrap();
    let third = give("four", monday, 2).await;
    assert!(matches!(third, Err(StoreError::Full(_))), "{third:?}");
    assert_eq!((taken().await.day, taken().await.taken), (Some(monday), 2));
    give("five", tuesday, 0).await.unwrap();
    assert_eq!((taken().await.day, taken().await.taken, taken().await.open), (Some(tuesday), 1, 3));
    // Whoever looked before midnight and writes after it does not take the day back.
    let stale = give("six", monday, 0).await;
    assert!(matches!(stale, Err(StoreError::Full(_))), "{stale:?}");
    assert_eq!((taken().await.day, taken().await.taken), (Some(tuesday), 1));
}
