//! Clocks through bad days: lost, doubled and overlapping sweeps, an outage, the night the clocks
//! change, a configuration that is edited while clocks run.

use chrono::{DateTime, Duration, Utc};
use domain::{Change, HandoffId};
use serde_json::json;
use std::collections::BTreeMap;
use tests::{Setting, World};

mod week;

/// A step that was taken or passed: when it was due, when it was recorded, whether it was taken.
struct Taken {
    due_at: DateTime<Utc>,
    at: DateTime<Utc>,
    taken: bool,
}

/// Reads a handoff's steps and breaches from its history, by clock and rung; fails where one was
/// taken twice.
async fn steps(world: &World, id: &HandoffId) -> BTreeMap<(String, String), Taken> {
    let mut steps = BTreeMap::new();
    for commit in world.store.history(id).await.unwrap() {
        for change in &commit.changes {
            let (clock, rung, due_at, taken) = match change {
                Change::Stepped { clock, n, due_at, .. } => (clock, n.to_string(), due_at, true),
                Change::StepPassed { clock, n, due_at, .. } => {
                    (clock, n.to_string(), due_at, false)
                }
                Change::Breached { clock, due_at, .. } => (clock, "breach".into(), due_at, true),
                _ => continue,
            };
            let taken = Taken { due_at: *due_at, at: commit.at, taken };
            let again = steps.insert((clock.clone(), rung.clone()), taken);
            assert!(again.is_none(), "{clock} {rung} of {id} happened twice");
        }
    }
    steps
}

async fn open(world: &mut World, kind: &str, person: &str) -> HandoffId {
    let about = json!({ "crm": "hubspot", "object": "contact", "id": person, "country": "GB" });
    let data = json!({ "subject": about, "score": 70, "previous_score": 10 });
    let id = world.event(kind, data).await.opened();
    world.settle().await;
    id
}

#[tokio::test]
async fn after_an_outage_a_handoff_is_at_its_current_step_and_nobody_hears_what_is_over() {
    let at = "2026-01-05T10:00:00Z".parse().unwrap();
    let lost = |tick: DateTime<Utc>| {
        let from: DateTime<Utc> = "2026-01-05T10:01:00Z".parse().unwrap_or_default();
        (from..from + Duration::hours(2)).contains(&tick)
    };
    let mut world = World::of(Setting { at, lost, ..Setting::default() }).await;
    let id = open(&mut world, "demo.requested", "dana").await;
    // The sweep of ten o'clock saw two minutes ahead and no further.
    world.until("2026-01-05T12:00:59Z".parse().unwrap()).await;
    assert_eq!(steps(&world, &id).await.len(), 0);
    world.read_mail();
    world.until("2026-01-05T12:02:00Z".parse().unwrap()).await;
    let steps = steps(&world, &id).await;
    let passed = steps.values().filter(|step| !step.taken).count();
    assert_eq!((steps.len(), passed), (5, 3), "reminder, message and reassignment are over");
    let mail: Vec<String> = world.read_mail().into_iter().map(|(subject, _)| subject).collect();
    assert_eq!(mail.len(), 1, "{mail:?}");
    assert!(mail[0].starts_with("Escalated: Hot lead"), "{mail:?}");
}

#[tokio::test]
async fn a_clock_that_runs_keeps_the_configuration_it_started_with() {
    let mut world = World::start().await;
    let id = open(&mut world, "demo.requested", "dana").await;
    let stored = world.store.active_version().await.unwrap();
    let text = local::sample::ORGANISATION;
    let strict = text.replacen("target = \"5m\"", "target = \"1m\"", 1);
    assert_ne!(text, strict);
    world.store.push_config(&strict, stored, &"edit".into(), world.now()).await.unwrap();
    // Functions look for another configuration every half minute.
    world.pass(Duration::seconds(40)).await;
    let later = open(&mut world, "demo.requested", "jon").await;
    let respond = |handoff: domain::Handoff| handoff.clocks[0].due_at - handoff.triggered_at;
    assert_eq!(respond(world.handoff(&later).await), Duration::minutes(1));
    assert_eq!(respond(world.handoff(&id).await), Duration::minutes(5));
    world.pass(Duration::minutes(5)).await;
    for (id, expected) in [(&id, 5), (&later, 1)] {
        let (steps, handoff) = (steps(&world, id).await, world.handoff(id).await);
        let breach = &steps[&("respond".to_owned(), "breach".to_owned())];
        assert_eq!((breach.at - handoff.triggered_at).num_minutes(), expected);
    }
    world.read_mail();
}
