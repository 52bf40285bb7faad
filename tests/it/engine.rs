//! Another engine than the embedded one: what is promised of any that `HANDOFF_DYNAMODB` names, and
//! that a world on one is the same world.

use crate::store::{fresh, lead, put, shapes::raw};
use aws_sdk_dynamodb::types::TimeToLiveStatus;
use chrono::{DateTime, Utc};
use local::{Parts, Setup, assembly::TABLE};
use runtime::Clock;
use serde_json::Value;
use tests::{
    Setting, engine,
    story::{play, play_in},
};

/// A story that needs no day to pass.
const STORY: &str = include_str!("stories/it_goes_back_and_comes_again.story");

/// Starts an embedded engine that knows nothing of what uses it.
fn other() -> Parts {
    let start: DateTime<Utc> = "2026-01-05T09:30:00Z".parse().unwrap();
    let (clock, _) = Clock::hand(start);
    let table = TABLE.to_owned();
    Parts::start(Setup { data: None, table, rules: Vec::new(), clock }).unwrap()
}

/// Tells a new row by its keys, and leaves out every other change.
fn inserted(change: &Value) -> Option<(&str, &str)> {
    let keys = &change["dynamodb"]["Keys"];
    let is_new = change["eventName"] == "INSERT";
    is_new.then(|| Some((keys["pk"]["S"].as_str()?, keys["sk"]["S"].as_str()?))).flatten()
}

#[tokio::test]
async fn the_engine_that_is_named_is_the_one_that_is_used() {
    let (store, parts) = fresh().await;
    put(&store, &lead("one")).await;
    match engine::wanted() {
        Some(endpoint) => assert_eq!(parts.dynamodb_endpoint(), endpoint),
        None => assert!(!parts.is_elsewhere()),
    }
    let changes = engine::changes(&parts.dynamodb_endpoint(), parts.account(), TABLE);
    assert!(!changes().await.is_empty(), "the rows are there");
    let stranger = fresh().await.1;
    let changes = engine::changes(&stranger.dynamodb_endpoint(), stranger.account(), TABLE);
    assert_eq!(changes().await, Vec::<Value>::new(), "the next test does not see them");
}

#[tokio::test]
async fn no_engine_deletes_by_the_systems_clock_while_time_is_virtual() {
    let (_, parts) = fresh().await;
    let asked = raw(&parts).describe_time_to_live().table_name(TABLE).send().await.unwrap();
    let status = asked.time_to_live_description.and_then(|told| told.time_to_live_status);
    // The embedded engine deletes only when it is told to.
    let expected = match parts.is_elsewhere() {
        true => TimeToLiveStatus::Disabled,
        false => TimeToLiveStatus::Enabled,
    };
    assert_eq!(status, Some(expected));
}

#[tokio::test]
async fn a_commit_is_in_the_stream_as_soon_as_it_is_answered() {
    let (store, parts) = fresh().await;
    let changes = engine::changes(&parts.dynamodb_endpoint(), parts.account(), TABLE);
    for number in 0..50 {
        put(&store, &lead(&format!("lead-{number}"))).await;
        let new = changes().await;
        let mut commits: Vec<_> = new.iter().filter_map(inserted).collect();
        commits.retain(|(_, sk)| sk.starts_with("COMMIT#"));
        assert_eq!(commits, [(&*format!("HANDOFF#lead-{number}"), "COMMIT#00000001")]);
    }
    assert_eq!(changes().await, Vec::<Value>::new(), "each is told once");
}

#[tokio::test]
async fn a_story_on_another_engine_is_the_same_story() {
    let other = other();
    let engine = Some(other.dynamodb_endpoint());
    let elsewhere = play_in(Setting { engine, ..Setting::default() }, STORY).await;
    assert!(elsewhere.contains("handoff.resubmitted"), "{elsewhere}");
    assert_eq!(elsewhere, play(STORY).await);
    let changes = engine::changes(&other.dynamodb_endpoint(), "local", TABLE);
    let new = changes().await;
    let handoffs = new.iter().filter_map(inserted).filter(|(_, sk)| *sk == "STATE").count();
    assert!(handoffs > 0, "it was played there");
}
