//! One hot lead from the webhook to its end, and what happens when nobody answers.

use chrono::Duration;
use domain::{Stage, clock::ClockState};
use serde_json::json;
use tests::World;

#[tokio::test]
async fn a_demo_request_has_an_owner_within_a_second() {
    let mut world = World::start().await;
    let began = world.now();
    let id = world.demo_request("dana").await;
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.stage, Stage::Assigned);
    assert_eq!(handoff.owner.as_ref().map(|owner| owner.as_str()), Some("amara"));
    let waited = handoff.assigned_at.unwrap() - began;
    assert!(waited < Duration::seconds(1), "{waited}");
    assert_eq!(handoff.clocks[0].due_at, began + Duration::minutes(5));
}

#[tokio::test]
async fn a_touch_in_time_meets_the_clock() {
    let mut world = World::start().await;
    let id = world.demo_request("dana").await;
    world.pass(Duration::minutes(2)).await;
    let touch = json!({
        "subject": { "email": "dana@acme.example" },
        "channel": "phone", "owner_email": "amara@northwind.example",
    });
    assert_eq!(world.event("touch", touch).await.updated(), id);
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.stage, Stage::Engaged);
    assert_eq!(handoff.clocks[0].state, ClockState::Met);
    world.pass(Duration::hours(2)).await;
    assert!(world.read_mail().is_empty());
}

#[tokio::test]
async fn a_lead_nobody_answers_climbs_the_ladder_to_the_second() {
    let mut world = World::start().await;
    let began = world.now();
    let id = world.demo_request("dana").await;
    world.pass(Duration::hours(1)).await;
    let mail = world.read_mail();
    let subjects: Vec<&str> = mail.iter().map(|(subject, _)| subject.as_str()).collect();
    assert_eq!(subjects.len(), 3, "{subjects:?}");
    assert!(subjects[0].starts_with("Reminder: Hot lead"), "{subjects:?}");
    assert!(subjects[1].starts_with("Missed: Hot lead"), "{subjects:?}");
    assert!(subjects[2].starts_with("Escalated: Hot lead"), "{subjects:?}");
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.clocks[0].breached_at, Some(began + Duration::minutes(5)));
    assert_eq!(handoff.owner.as_ref().map(|owner| owner.as_str()), Some("ben"));
    for commit in world.store.history(&id).await.unwrap() {
        for change in &commit.changes {
            if let domain::Change::Stepped { due_at, .. } = change {
                let late = commit.at - *due_at;
                assert!((0..=1_000).contains(&late.num_milliseconds()), "{late}");
            }
        }
    }
}
