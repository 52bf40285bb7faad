//! The local cloud in virtual time: order, retries, partial failures, the same bytes every time.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_lambda_events::event::dynamodb::Event;
use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use runtime::clock::Clock;

use super::*;
use crate::schedule::{Every, ScheduledFunction};
use crate::testing::{
    Log, Scratch, TABLE, after, bus, create_table, dynamodb, key, parts, put, recording, start,
};
use crate::{Elsewhere, OutboxEntry, Sent, handler, http_handler};

struct Bench {
    cloud: Cloud,
    table: aws_sdk_dynamodb::Client,
    log: Log,
}

/// A cloud whose functions record, but for what `change` replaces.
async fn bench(change: impl FnOnce(&mut Functions, &Parts, &Clock, &Log)) -> Bench {
    bench_with(Vec::new(), change).await
}

async fn bench_with(
    schedules: Vec<Schedule>,
    change: impl FnOnce(&mut Functions, &Parts, &Clock, &Log),
) -> Bench {
    let (parts, clock, hand) = parts(None);
    let (log, table) = (Log::default(), dynamodb(parts.dynamodb_endpoint()));
    create_table(&table).await;
    let mut functions = recording(&log, &clock);
    change(&mut functions, &parts, &clock, &log);
    let cloud = Cloud::new(parts, functions, schedules, hand).unwrap();
    Bench { cloud, table, log }
}

fn minutely() -> Vec<Schedule> {
    let (name, input) = ("sweep".to_owned(), serde_json::Value::Null);
    vec![Schedule { name, function: ScheduledFunction::Sweep, every: Every::Minutely, input }]
}

fn request(path: &str) -> http::Request<Bytes> {
    http::Request::post(path).body(Bytes::new()).unwrap()
}

fn opened(id: &str) -> PutEventsRequestEntry {
    PutEventsRequestEntry::builder()
        .event_bus_name("handoff")
        .source("handoff")
        .detail_type("handoff.opened")
        .detail(format!(r#"{{"handoff":"{id}"}}"#))
        .build()
}

#[tokio::test]
async fn a_commit_reaches_both_consumers_once_and_nothing_else_does() {
    let mut bench = bench(|_, _, _, _| {}).await;
    put(&bench.table, "HANDOFF#1", "STATE", "a").await;
    put(&bench.table, "HANDOFF#1", "COMMIT#0001", "a").await;
    put(&bench.table, "HANDOFF#1", "COMMIT#0002", "a").await;
    put(&bench.table, "HANDOFF#1", "COMMIT#0001", "erased").await;
    // Written outside an invocation: what happens next makes the cloud look.
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();
    let shard = format!("shardId-00000001-{TABLE}");
    assert_eq!(
        bench.log.take(),
        [
            "     0 desk /queue".to_owned(),
            "   200 relay HANDOFF#1/COMMIT#0001 HANDOFF#1/COMMIT#0002".to_owned(),
            format!("   200 metrics {shard} HANDOFF#1/COMMIT#0001 HANDOFF#1/COMMIT#0002"),
        ]
    );
    assert_eq!(bench.cloud.pending().unwrap(), []);
}

#[tokio::test]
async fn a_record_has_the_shape_it_has_on_aws() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let mut bench = bench(|functions, _, _, _| {
        functions.relay = handler(move |event: Event| {
            kept.lock().unwrap().push(serde_json::to_value(&event).unwrap());
            async { Ok::<_, String>(DynamoDbEventResponse::default()) }
        });
    })
    .await;
    put(&bench.table, "HANDOFF#1", "COMMIT#0001", "a").await;
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();
    let record = seen.lock().unwrap()[0]["Records"][0].clone();
    assert_eq!(record["eventName"], "INSERT");
    assert_eq!(record["eventSource"], "aws:dynamodb");
    assert_eq!(record["dynamodb"]["Keys"]["pk"]["S"], "HANDOFF#1");
    assert_eq!(record["dynamodb"]["NewImage"]["note"]["S"], "a");
    assert_eq!(record["dynamodb"]["OldImage"], serde_json::json!({}));
    assert_eq!(record["dynamodb"]["SequenceNumber"], "100000000000000000001");
}

#[tokio::test]
async fn what_another_engine_holds_is_delivered_from_its_stream() {
    let change = |name: &str, sk: &str| {
        let row = serde_json::json!({ "pk": { "S": "H" }, "sk": { "S": sk } });
        let data = serde_json::json!({ "Keys": row, "NewImage": row, "SequenceNumber": "9" });
        serde_json::json!({ "eventName": name, "dynamodb": data })
    };
    let first = vec![change("INSERT", "STATE"), change("INSERT", "COMMIT#1")];
    let second = vec![change("MODIFY", "COMMIT#1"), change("INSERT", "COMMIT#2")];
    let told = Mutex::new(vec![second, first]);
    let changes = move || {
        let new = told.lock().unwrap().pop().unwrap_or_default();
        async { new }.boxed()
    };
    let (parts, clock, hand) = parts(None);
    let (endpoint, account) = ("http://127.0.0.1:9".to_owned(), "000000000009".to_owned());
    let parts = parts.elsewhere(Elsewhere { endpoint, account, changes: Arc::new(changes) });
    assert_eq!(
        (&*parts.dynamodb_endpoint(), parts.account()),
        ("http://127.0.0.1:9", "000000000009")
    );
    let log = Log::default();
    let mut cloud = Cloud::new(parts, recording(&log, &clock), Vec::new(), hand).unwrap();
    cloud.post(request("/queue")).await.unwrap();
    cloud.settle().await.unwrap();
    let relayed: Vec<_> = log.take().into_iter().filter(|line| line.contains("relay")).collect();
    assert_eq!(relayed, ["   200 relay H/COMMIT#1", "   400 relay H/COMMIT#2"]);
}

#[tokio::test]
async fn a_failed_record_comes_again_with_all_that_follow_it() {
    let failures = Arc::new(AtomicU32::new(0));
    let mut bench = bench(|functions, _, clock, log| {
        let (clock, log) = (clock.clone(), log.clone());
        functions.relay = handler(move |event: Event| {
            let keys: Vec<String> = event.records.iter().map(key).collect();
            let ms = (clock.now() - start()).num_milliseconds();
            log.add(format!("{ms:>6} relay {}", keys.join(" ")));
            let mut answer = DynamoDbEventResponse::default();
            if failures.fetch_add(1, Ordering::Relaxed) == 0 {
                for record in [&event.records[2], &event.records[1]] {
                    let mut failure = DynamoDbBatchItemFailure::default();
                    failure.item_identifier = record.change.sequence_number.clone();
                    answer.batch_item_failures.push(failure);
                }
            }
            async { Ok::<_, String>(answer) }
        });
    })
    .await;
    for version in 1..=3 {
        put(&bench.table, "H", &format!("COMMIT#{version}"), "a").await;
    }
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();
    let relayed: Vec<_> = bench.log.take().into_iter().filter(|l| l.contains("relay")).collect();
    assert_eq!(
        relayed,
        ["   200 relay H/COMMIT#1 H/COMMIT#2 H/COMMIT#3", "  1200 relay H/COMMIT#2 H/COMMIT#3"]
    );
}

#[tokio::test]
async fn a_poisoned_record_is_tried_boundedly_and_the_rest_goes_on() {
    let done = Log::default();
    let kept = done.clone();
    let mut bench = bench(|functions, _, _, _| {
        functions.relay = handler(move |event: Event| {
            let keys: Vec<String> = event.records.iter().map(key).collect();
            if keys.iter().any(|key| key == "H/COMMIT#2") {
                panic!("poison");
            }
            keys.into_iter().for_each(|key| kept.add(key));
            async { Ok::<_, String>(DynamoDbEventResponse::default()) }
        });
    })
    .await;
    for version in 1..=5 {
        put(&bench.table, "H", &format!("COMMIT#{version}"), "a").await;
    }
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();
    assert_eq!(done.take(), ["H/COMMIT#1", "H/COMMIT#3", "H/COMMIT#4", "H/COMMIT#5"]);
    let letters = bench.cloud.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].source, "relay");
    assert!(letters[0].body.contains("COMMIT#2"), "{}", letters[0].body);
    assert!(letters[0].reason.contains("poison"), "{}", letters[0].reason);
}

#[tokio::test]
async fn a_bus_event_lands_in_the_routers_queue_and_in_the_outbox() {
    let mut bench = bench(|functions, parts, _, _| {
        let bus = bus(parts);
        functions.relay = handler(move |_: Event| {
            let put = bus.put_events().entries(opened("1"));
            async move {
                let answer = put.send().await.map_err(|error| error.to_string())?;
                assert_eq!(answer.failed_entry_count(), 0);
                Ok::<_, String>(DynamoDbEventResponse::default())
            }
        });
    })
    .await;
    put(&bench.table, "H", "COMMIT#1", "a").await;
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();

    let routed: Vec<_> = bench.log.take().into_iter().filter(|l| l.contains("router")).collect();
    assert_eq!(routed.len(), 1);
    let (at, body) = routed[0].split_once(" router ").unwrap();
    assert_eq!(at.trim(), "350", "200 ms to the relay, 150 ms to the router");
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(body["detail-type"], "handoff.opened");
    assert_eq!(body["detail"]["handoff"], "1");
    assert_eq!(body["time"], "2026-01-05T00:00:00Z");

    let outbox = bench.cloud.outbox().unwrap();
    let [OutboxEntry { at, message_id, sent, .. }] = &outbox[..] else { panic!("{outbox:?}") };
    assert_eq!((*at, message_id.as_str()), (after(200), body["id"].as_str().unwrap()));
    let Sent::Bus { bus, rules, .. } = sent else { panic!("{sent:?}") };
    assert_eq!((bus.as_str(), rules.as_slice()), ("handoff", &["route".to_owned()][..]));
}

#[tokio::test]
async fn only_the_failed_messages_of_a_batch_come_again_and_at_last_are_given_up() {
    let mut bench = bench(|functions, _, clock, log| {
        let (clock, log) = (clock.clone(), log.clone());
        functions.router = handler(move |event: SqsEvent| {
            let mut answer = SqsBatchResponse::default();
            let ms = (clock.now() - start()).num_milliseconds();
            log.add(format!("{ms} {}", event.records.len()));
            for record in &event.records {
                if record.body.as_deref().unwrap().contains("poison") {
                    answer.add_failure(record.message_id.clone().unwrap());
                }
            }
            async { Ok::<_, String>(answer) }
        });
    })
    .await;
    let events = ["1", "poison", "3"].map(opened).to_vec();
    bus(bench.cloud.parts()).put_events().set_entries(Some(events)).send().await.unwrap();
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.advance(after(600_000)).await.unwrap();
    let tries: Vec<_> = bench.log.take().into_iter().filter(|l| !l.contains("desk")).collect();
    assert_eq!(tries, ["150 3", "30150 1", "60150 1", "90150 1", "120150 1"]);
    let letters = bench.cloud.dead_letters().unwrap();
    assert_eq!(letters.len(), 1);
    assert_eq!((letters[0].source.as_str(), letters[0].at), ("router", after(120_150)));
    assert_eq!(bench.cloud.pending().unwrap(), []);
}

#[tokio::test]
async fn sleepers_wake_in_order_and_let_others_run_meanwhile() {
    let mut bench = bench_with(minutely(), |functions, _, clock, log| {
        let (clock, log) = (clock.clone(), log.clone());
        functions.sweep = handler(move |event: EventBridgeEvent| {
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                let scheduled = event.time.unwrap();
                clock.sleep_until(scheduled + TimeDelta::seconds(70)).await;
                let ms = (clock.now() - scheduled).num_milliseconds();
                log.add(format!("sweep of {scheduled} woke {ms} ms later"));
                Ok::<_, String>(())
            }
        });
    })
    .await;
    bench.cloud.post_at(after(125_000), request("/hooks/generic"));
    bench.cloud.advance(after(200_000)).await.unwrap();
    assert_eq!(
        bench.log.take(),
        [
            "125000 hook /hooks/generic",
            "sweep of 2026-01-05 00:01:00 UTC woke 70000 ms later",
            "sweep of 2026-01-05 00:02:00 UTC woke 70000 ms later",
        ]
    );
    assert_eq!(bench.cloud.now(), after(200_000));
}

#[tokio::test]
async fn a_request_whose_function_sleeps_is_answered_when_it_wakes() {
    let mut bench = bench(|functions, _, clock, _| {
        let clock = clock.clone();
        functions.intake = http_handler(move |_| {
            let clock = clock.clone();
            async move {
                clock.sleep_until(after(2_500)).await;
                http::Response::new(Bytes::from(clock.now().to_rfc3339()))
            }
        });
    })
    .await;
    let answer = bench.cloud.post(request("/hooks/generic")).await.unwrap();
    assert_eq!(answer.body(), "2026-01-05T00:00:02.500+00:00");
}

#[tokio::test]
async fn a_request_that_panics_answers_503_and_the_next_is_fine() {
    let mut bench = bench(|functions, _, _, _| {
        functions.intake = http_handler(|request: http::Request<Bytes>| async move {
            assert_ne!(request.uri().path(), "/hooks/bad", "no");
            http::Response::new(Bytes::new())
        });
    })
    .await;
    let answer = bench.cloud.post(request("/hooks/bad")).await.unwrap();
    assert_eq!(answer.status(), 503);
    assert_eq!(answer.headers()["content-type"], "application/problem+json");
    assert_eq!(bench.cloud.post(request("/hooks/good")).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_failed_digest_is_tried_twice_more_and_a_failed_sweep_is_left_to_the_next() {
    let mut schedules = minutely();
    schedules.push(Schedule {
        name: "daily".to_owned(),
        function: ScheduledFunction::Digest,
        every: Every::Days {
            on: crate::On::EveryDay,
            at: chrono::NaiveTime::from_hms_opt(0, 1, 0).unwrap(),
            zone: chrono_tz::UTC,
        },
        input: serde_json::Value::Null,
    });
    let mut bench = bench_with(schedules, |functions, _, clock, log| {
        let run = |name: &'static str| {
            let (clock, log) = (clock.clone(), log.clone());
            handler(move |_: EventBridgeEvent| {
                log.add(format!("{name} {}", (clock.now() - start()).num_seconds()));
                async { Err::<(), _>("broken") }
            })
        };
        functions.sweep = run("sweep");
        functions.digest = run("digest");
    })
    .await;
    bench.cloud.advance(after(299_000)).await.unwrap();
    let lines = bench.log.take();
    let sweeps: Vec<_> = lines.iter().filter(|l| l.starts_with("sweep")).collect();
    let digests: Vec<_> = lines.iter().filter(|l| l.starts_with("digest")).collect();
    assert_eq!(sweeps, ["sweep 60", "sweep 120", "sweep 180", "sweep 240"]);
    assert_eq!(digests, ["digest 60", "digest 120", "digest 240"]);
}

/// A bit of everything: posts that commit, a relay that tells the bus, sweeps that sleep.
async fn transcript() -> (Vec<String>, Vec<OutboxEntry>) {
    let mut bench = bench_with(minutely(), |functions, parts, clock, log| {
        let (table, bus) = (dynamodb(parts.dynamodb_endpoint()), bus(parts));
        functions.intake = http_handler(move |request: http::Request<Bytes>| {
            let table = table.clone();
            async move {
                let id = request.uri().path().rsplit('/').next().unwrap().to_owned();
                put(&table, &format!("HANDOFF#{id}"), "STATE", "a").await;
                put(&table, &format!("HANDOFF#{id}"), "COMMIT#1", "a").await;
                http::Response::new(Bytes::new())
            }
        });
        functions.relay = handler(move |event: Event| {
            let entries = event.records.iter().map(|record| opened(&key(record))).collect();
            let put = bus.put_events().set_entries(Some(entries));
            async move {
                put.send().await.map_err(|error| error.to_string())?;
                Ok::<_, String>(DynamoDbEventResponse::default())
            }
        });
        let (clock, log) = (clock.clone(), log.clone());
        functions.sweep = handler(move |event: EventBridgeEvent| {
            let (clock, log) = (clock.clone(), log.clone());
            async move {
                for second in [10, 20, 90] {
                    clock.sleep_until(event.time.unwrap() + TimeDelta::seconds(second)).await;
                    log.add(format!("{} sweeps", clock.now()));
                }
                Ok::<_, String>(())
            }
        });
    })
    .await;
    for number in 0..40 {
        bench.cloud.post_at(after(number * 7_001), request(&format!("/hooks/generic/{number}")));
    }
    bench.cloud.advance(after(300_000)).await.unwrap();
    bench.cloud.settle().await.unwrap();
    (bench.log.take(), bench.cloud.outbox().unwrap())
}

#[tokio::test]
async fn two_equal_runs_leave_equal_transcripts() {
    let (first, second) = (transcript().await, transcript().await);
    assert_eq!(first, second);
    assert_eq!(first.1.len(), 40);
    assert_eq!(first.0.iter().filter(|line| line.contains("router")).count(), 40);
}

#[tokio::test]
async fn a_message_whose_process_is_stopped_again_and_again_is_not_given_up() {
    let scratch = Scratch::new();
    let start = |log: &Log| {
        let (parts, clock, hand) = parts(Some(scratch.0.clone()));
        Cloud::new(parts, recording(log, &clock), Vec::new(), hand).unwrap()
    };
    let cloud = start(&Log::default());
    bus(cloud.parts()).put_events().entries(opened("1")).send().await.unwrap();
    drop(cloud);
    for stopped in 1..=20 {
        let cloud = start(&Log::default());
        let ledger = cloud.parts().ledger();
        let taken = ledger.take("router", 10, after(10_000), after(900_000)).unwrap();
        assert_eq!((taken[0].tries, taken[0].failures), (stopped, 0));
    }
    let log = Log::default();
    let mut cloud = start(&log);
    cloud.settle().await.unwrap();
    assert_eq!(cloud.dead_letters().unwrap(), []);
    assert!(log.take().iter().any(|line| line.contains("router")), "it is handled at last");
}

#[tokio::test]
async fn what_was_not_settled_happens_again_after_a_restart() {
    let scratch = Scratch::new();
    let run = |log: Log| {
        let (parts, clock, hand) = parts(Some(scratch.0.clone()));
        let functions = recording(&log, &clock);
        Cloud::new(parts, functions, Vec::new(), hand).unwrap()
    };
    let mut cloud = run(Log::default());
    let table = dynamodb(cloud.parts().dynamodb_endpoint());
    create_table(&table).await;
    put(&table, "H", "COMMIT#1", "a").await;
    cloud.post(request("/queue")).await.unwrap();
    cloud.settle().await.unwrap();
    put(&table, "H", "COMMIT#2", "a").await;
    bus(cloud.parts()).put_events().entries(opened("1")).send().await.unwrap();
    let taken = cloud.parts().ledger().take("router", 10, after(10_000), after(900_000)).unwrap();
    assert_eq!(taken.len(), 1, "a process took it and died");
    drop(cloud);

    let log = Log::default();
    let mut cloud = run(log.clone());
    cloud.settle().await.unwrap();
    let lines = log.take();
    assert!(lines[0].contains("router"), "{lines:?}");
    assert_eq!(lines[1], "   200 relay H/COMMIT#2");
    assert_eq!(lines.len(), 3, "{lines:?}");
    assert_eq!(cloud.outbox().unwrap().len(), 1);
}

#[tokio::test]
async fn a_missed_schedule_fires_once_with_the_time_of_its_latest_miss() {
    let (parts, clock, hand) = parts(None);
    parts.ledger().mark_fired("sweep", after(-600_000)).unwrap();
    let log = Log::default();
    let mut cloud = Cloud::new(parts, recording(&log, &clock), minutely(), hand).unwrap();
    cloud.advance(after(61_000)).await.unwrap();
    assert_eq!(
        log.take(),
        ["     0 sweep 2026-01-05 00:00:00 UTC", " 60000 sweep 2026-01-05 00:01:00 UTC"]
    );
}

#[tokio::test]
async fn the_stream_is_trimmed_behind_its_consumers_and_loses_nothing() {
    let mut bench = bench(|_, _, _, _| {}).await;
    for number in 0..1_100 {
        put(&bench.table, "H", &format!("COMMIT#{number:04}"), "a").await;
    }
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();
    put(&bench.table, "H", "COMMIT#9999", "a").await;
    bench.cloud.post(request("/queue")).await.unwrap();
    bench.cloud.settle().await.unwrap();
    let lines = bench.log.take();
    let relayed = lines.iter().filter(|line| line.contains("relay"));
    assert_eq!(relayed.flat_map(|line| line.matches("COMMIT#")).count(), 1_101);
    let left = bench.cloud.parts().stream.read_after(0, 10_000, start()).unwrap();
    assert!(left.len() < 200, "{} are left", left.len());
}
