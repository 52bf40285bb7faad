//! The audit: it finds nothing where all is well, and each kind of untruth where it is planted.

use crate::store::shapes::raw;
use ::audit::Audit;
use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{Days, Duration, NaiveDate};
use domain::{AttemptId, PersonId};
use local::assembly::TABLE;
use runtime::{Clock, Configs};
use serde_json::json;
use std::collections::BTreeMap;
use store::{Correction, StoreError};
use tests::World;

/// A day with a lead that is answered and one that is missed, and the night after it.
async fn a_day() -> (World, NaiveDate) {
    let mut world = World::start().await;
    let day = world.config.day_of(world.now());
    let answered = world.demo_request("dana").await;
    let owner = world.handoff(&answered).await.owner.unwrap();
    world.act(owner.as_str(), &answered, "touch", json!({ "channel": "phone" })).await;
    world.demo_request("jon").await;
    world.pass(Duration::hours(3)).await;
    world.read_mail();
    (world, day)
}

async fn found(world: &World, days: (NaiveDate, NaiveDate)) -> Vec<(&'static str, String)> {
    let (clock, _) = Clock::hand(world.now());
    let audit = Audit::new(world.store.clone(), Configs::new(world.store.clone()), clock);
    let report = audit.days(days).await.unwrap();
    assert!(report.handoffs == 2 && report.commits > 8 && report.counters > 50, "{report:?}");
    assert!(report.is_whole && report.moving.is_empty() && report.reps > 8, "{report:?}");
    report
        .findings
        .into_iter()
        .map(|one| (one.code, format!("{} {}", one.about, one.said)))
        .collect()
}

#[tokio::test]
async fn a_day_that_is_as_its_histories_say_is_found_in_order() {
    let (mut world, day) = a_day().await;
    assert_eq!(found(&world, (day, day)).await, []);
    // The schedule runs it too, and mails nothing; what it could not do would be an error here.
    world.until("2026-01-06T04:00:00Z".parse().unwrap()).await;
    let beats = world.store.beats().await.unwrap();
    assert_eq!(beats["audit"].to_rfc3339(), "2026-01-06T03:30:00+00:00");
    assert!(world.read_mail().iter().all(|(subject, _)| !subject.starts_with("Audit")));
}

#[tokio::test]
async fn a_number_that_is_wrong_is_found_and_put_right_unless_it_has_moved() {
    let (mut world, day) = a_day().await;
    let correct = async |was, becomes, attempt: &str| {
        let counter = BTreeMap::from([("opened".to_owned(), Correction { was, becomes })]);
        let row = ("happened".to_owned(), "pool:sdr_emea".to_owned(), day);
        world.store.correct_rollup(row, counter, &AttemptId(attempt.to_owned())).await
    };
    correct(0, 3, "plant").await.unwrap();
    let findings = found(&world, (day - Days::new(3), day)).await;
    let said = "happened pool:sdr_emea 2026-01-05 `opened` is stored as 3 and counted as 0.";
    assert_eq!(findings, [("number", said.to_owned())]);
    let moved = correct(2, 0, "late").await.unwrap_err();
    assert!(matches!(moved, StoreError::Conflict), "{moved:?}");
    correct(3, 0, "mend").await.unwrap();
    assert_eq!(found(&world, (day, day)).await, []);
    world.outbox();
}

#[tokio::test]
async fn what_metrics_has_yet_to_count_is_left_out_and_put_right_by_nobody() {
    let (mut world, day) = a_day().await;
    // As it is while metrics is behind: the numbers lack what was recorded since.
    let client = raw(world.cloud.parts());
    let of = AttributeValue::S("CHECKPOINT#metrics".to_owned());
    let shards = client.query().table_name(TABLE).key_condition_expression("pk = :of");
    let shards = shards.expression_attribute_values(":of", of).send().await.unwrap();
    for row in shards.items.unwrap() {
        let key = ["pk", "sk"].map(|name| (name.to_owned(), row[name].clone()));
        let plant = client.update_item().table_name(TABLE).set_key(Some(key.into()));
        let plant = plant.update_expression("SET #until = :an_hour_ago");
        let ms = (world.now() - Duration::hours(3)).timestamp_millis().to_string();
        let plant = plant.expression_attribute_names("#until", "until");
        plant
            .expression_attribute_values(":an_hour_ago", AttributeValue::N(ms))
            .send()
            .await
            .unwrap();
    }
    let counter = BTreeMap::from([("opened".to_owned(), Correction { was: 2, becomes: 1 })]);
    let row = ("happened".to_owned(), "all".to_owned(), day);
    world.store.correct_rollup(row, counter, &AttemptId("behind".to_owned())).await.unwrap();
    let (clock, _) = Clock::hand(world.now());
    let audit = Audit::new(world.store.clone(), Configs::new(world.store.clone()), clock);
    let report = audit.days((day, day)).await.unwrap();
    assert_eq!((report.findings, report.differing), (vec![], vec![]));
    assert!(report.moving.contains(&day), "{:?}", report.moving);
    world.outbox();
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_found_and_hides_no_other() {
    let (mut world, day) = a_day().await;
    let client = raw(world.cloud.parts());
    let ids = world.store.opened_on(day).await.unwrap();
    let key = [("pk", format!("HANDOFF#{}", ids[0])), ("sk", "COMMIT#00000001".to_owned())];
    let key = key.map(|(name, value)| (name.to_owned(), AttributeValue::S(value)));
    let plant = client.update_item().table_name(TABLE).set_key(Some(key.into()));
    let plant = plant.update_expression("SET #breaks = :newer");
    let plant = plant.expression_attribute_names("#breaks", "breaks");
    let newer = AttributeValue::N("2".to_owned());
    plant.expression_attribute_values(":newer", newer).send().await.unwrap();
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let row = [("pk".to_owned(), text("REP#amara")), ("sk".to_owned(), text("STATE"))];
    let plant = client.update_item().table_name(TABLE).set_key(Some(row.into()));
    let plant = plant.update_expression("ADD #open :one");
    let plant = plant.expression_attribute_names("#open", "open");
    plant
        .expression_attribute_values(":one", AttributeValue::N("1".to_owned()))
        .send()
        .await
        .unwrap();
    let (clock, _) = Clock::hand(world.now());
    let audit = Audit::new(world.store.clone(), Configs::new(world.store.clone()), clock);
    let report = audit.days((day, day)).await.unwrap();
    let codes: Vec<_> = report.findings.iter().map(|one| one.code).collect();
    assert_eq!(codes, ["open-count", "unreadable"], "{:?}", report.findings);
    assert_eq!((report.counters, report.differing), (0, vec![]), "nobody knows what to count");
    world.outbox();
}

#[tokio::test]
async fn a_place_that_nobody_has_is_found() {
    let (mut world, day) = a_day().await;
    let (amara, now) = (PersonId::from("amara"), world.now());
    let away = Some((now + Duration::days(1), now + Duration::days(2)));
    world.store.set_absence(&amara, away, now).await.unwrap();
    assert_eq!(found(&world, (day, day)).await, [], "an absence changes no count");
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let row = [("pk".to_owned(), text("REP#amara")), ("sk".to_owned(), text("STATE"))];
    let plant = raw(world.cloud.parts()).update_item().table_name(TABLE).set_key(Some(row.into()));
    let one = AttributeValue::N("1".to_owned());
    let plant =
        plant.update_expression("ADD #open :one").expression_attribute_names("#open", "open");
    plant.expression_attribute_values(":one", one).send().await.unwrap();
    let findings = found(&world, (day, day)).await;
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!(findings[0].0, "open-count");
    assert!(findings[0].1.starts_with("amara "), "{findings:?}");
    world.outbox();
}
