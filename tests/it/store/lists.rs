//! Lists: what is due, whose queue holds what, what opened on a day; each shows what applies now
//! and nothing else.

use super::{all_due, assigned, at, change, completed, fresh, lead, open};
use domain::{Change, Handoff, HandoffId, Stage, clock::ClockState};
use store::{Due, QueueKey, Store};

async fn queue(store: &Store, key: &QueueKey) -> Vec<String> {
    store.queue(key, 100).await.unwrap().into_iter().map(|row| row.id.0).collect()
}

fn at_once(id: &str, seconds: i64, score: Option<i64>) -> Handoff {
    let mut handoff = Handoff { score, ..lead(id) };
    handoff.clocks[0].due_at = at(seconds);
    for step in &mut handoff.clocks[0].steps {
        step.at = at(seconds);
    }
    if let Some(routing) = &mut handoff.routing {
        routing.retry_at = at(seconds + 1_000);
    }
    handoff
}

#[tokio::test]
async fn what_is_due_is_listed_in_order_up_to_the_horizon() {
    let (store, _parts) = fresh().await;
    for number in 0..40 {
        open(&store, &at_once(&format!("{number:02}"), 100 + number * 10, None)).await;
    }
    let due = all_due(&store, at(100 + 19 * 10)).await;
    let expected: Vec<Due> =
        (0..20).map(|one| Due::Handoff(format!("{one:02}").into(), at(100 + one * 10))).collect();
    assert_eq!(due, expected);
    assert!(all_due(&store, at(99)).await.is_empty());
    let mut shards = 0;
    for shard in 0..Store::due_shards() {
        let page = store.due(shard, at(10_000), 100).await.unwrap();
        assert!(page.is_sorted_by_key(Due::at), "{page:?}");
        let first = store.due(shard, at(10_000), 1).await.unwrap();
        assert_eq!(first, page[..first.len()], "the earliest is first");
        shards += usize::from(!page.is_empty());
    }
    assert!(shards >= 4, "forty ids spread over {shards} shards");
}

#[tokio::test]
async fn a_handoff_is_due_at_its_next_step_and_only_while_it_is_open() {
    let (store, _parts) = fresh().await;
    let handoff = open(&store, &lead("one")).await;
    let (next, _) = handoff.next_deadline().unwrap();
    assert_eq!(all_due(&store, at(10_000)).await, [Due::Handoff("one".into(), next)]);
    let passed = handoff.clocks[0].steps[0].clone();
    let passed = Change::StepPassed {
        clock: "respond".to_owned(),
        n: passed.n,
        act: passed.act,
        due_at: passed.at,
        reason: "a test".to_owned(),
    };
    let handoff = change(&store, &handoff, passed).await;
    let (later, _) = handoff.next_deadline().unwrap();
    assert!(later > next);
    assert_eq!(all_due(&store, at(10_000)).await, [Due::Handoff("one".into(), later)]);
    change(&store, &handoff, completed()).await;
    assert!(all_due(&store, at(100_000)).await.is_empty());
}

#[tokio::test]
async fn a_queue_goes_by_deadline_and_then_by_score() {
    let (store, _parts) = fresh().await;
    let waiting = [
        ("late", 900, Some(99)),
        ("low", 300, Some(5)),
        ("none", 300, None),
        ("high", 300, Some(80)),
        ("beyond", 300, Some(1_000_000)),
        ("first", 60, None),
    ];
    for (id, seconds, score) in waiting {
        open(&store, &at_once(id, seconds, score)).await;
    }
    let order = queue(&store, &QueueKey::Unrouted).await;
    assert_eq!(order, ["first", "beyond", "high", "low", "none", "late"]);
    assert_eq!(store.queue(&QueueKey::Unrouted, 2).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_queue_row_shows_what_a_queue_shows() {
    let (store, _parts) = fresh().await;
    let handoff = open(&store, &Handoff { score: Some(88), ..lead("one") }).await;
    change(&store, &handoff, assigned(&handoff, &"amara".into())).await;
    let rows = store.queue(&QueueKey::Owner("amara".into()), 10).await.unwrap();
    assert_eq!(rows.len(), 1);
    let row = &rows[0];
    assert_eq!((row.id.as_str(), row.kind.as_str()), ("one", "hot_lead"));
    assert_eq!((row.stage, row.to.as_str()), (Stage::Assigned, "sdr"));
    assert_eq!(row.owner.as_ref().map(|owner| owner.as_str()), Some("amara"));
    assert_eq!(row.pool.as_ref().map(|pool| pool.as_str()), Some("sdr_emea"));
    assert_eq!((row.score, row.completeness), (Some(88), 50));
    let lead = row.lead.as_ref().unwrap();
    assert_eq!((lead.name.as_str(), lead.due_at), ("respond", at(300)));
    assert_eq!(lead.state, ClockState::Running);
}

#[tokio::test]
async fn a_handoff_stands_in_one_queue_at_a_time() {
    let (store, _parts) = fresh().await;
    let keys = [
        QueueKey::Unrouted,
        QueueKey::Owner("amara".into()),
        QueueKey::Owner("ben".into()),
        QueueKey::Sender("marketing".into()),
    ];
    let check = async |expected: Option<usize>| {
        for (place, key) in keys.iter().enumerate() {
            let holds = expected == Some(place);
            assert_eq!(queue(&store, key).await.len(), usize::from(holds), "{key}");
        }
    };
    let handoff = open(&store, &lead("one")).await;
    check(Some(0)).await;
    let handoff = change(&store, &handoff, assigned(&handoff, &"amara".into())).await;
    check(Some(1)).await;
    let handoff = change(&store, &handoff, assigned(&handoff, &"ben".into())).await;
    check(Some(2)).await;
    let returned = Change::Returned { reason: "not_a_fit".into(), by: "ben".into() };
    let handoff = change(&store, &handoff, returned).await;
    check(Some(3)).await;
    change(&store, &handoff, Change::Cancelled { reason: "a test".into() }).await;
    check(None).await;
}

#[tokio::test]
async fn a_day_lists_what_opened_on_it_newest_first() {
    let (store, _parts) = fresh().await;
    let midnight = 14 * 3_600 + 1_800;
    for (id, opened) in [("noon", 9_000), ("last", midnight - 1), ("next", midnight), ("early", 0)]
    {
        let handoff = open(&store, &Handoff { opened_at: at(opened), ..lead(id) }).await;
        if id == "noon" {
            change(&store, &handoff, completed()).await;
        }
    }
    let day = |day: &str| day.parse().unwrap();
    let ids = |ids: &[&str]| ids.iter().map(|id| HandoffId::from(*id)).collect::<Vec<_>>();
    let monday = store.opened_on(day("2026-01-05")).await.unwrap();
    assert_eq!(monday, ids(&["last", "noon", "early"]));
    assert_eq!(store.opened_on(day("2026-01-06")).await.unwrap(), ids(&["next"]));
    assert!(store.opened_on(day("2026-01-07")).await.unwrap().is_empty());
}
