//! What a whole life of a handoff costs and leaves behind: requests, units, history, numbers.

use chrono::{DateTime, Duration, Utc};
use domain::{Commit, Handoff, HandoffId, rollup};
use local::sample::ORGANISATION;
use serde_json::json;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use store::Used;
use tests::{
    Setting, World,
    faults::{Fault, faulty},
};

/// Write units that a sponsor, a survey and a renewal may add to the life of a customer.
const MORE_FOR_A_CUSTOMER: f64 = 11.0;

/// Write units a full life may use, metrics apart.
const WRITE_UNITS_MAX: f64 = 64.0;

/// Read units, without those of the candidates.
const READ_UNITS_MAX: f64 = 10.0;

/// Requests a full life may use.
const REQUESTS_MAX: u64 = 15;

/// Reps in the sample organisation's pool for Europe.
const CANDIDATES: f64 = 2.0;

/// Opens, assigns, accepts, touches and completes one hot lead; returns what each step used.
async fn live(world: &mut World, who: &str) -> (HandoffId, Vec<(&'static str, Used)>) {
    let data = json!({
        "subject": {
            "crm": "hubspot", "object": "contact", "id": who, "name": "Dana Reyes",
            "email": format!("dana{who}@acme.example"), "company": "Acme", "country": "GB",
        },
        "fields": { "intent_signal": "Requested a demo" },
    });
    lived(world, ("demo.requested", data), "meeting_booked").await
}

/// The same of a deal that was won, which ends with a survey out and a renewal to come.
async fn win(world: &mut World, who: &str) -> (HandoffId, Vec<(&'static str, Used)>) {
    let data = json!({
        "subject": {
            "crm": "hubspot", "object": "deal", "id": who, "name": "Dana Reyes",
            "email": format!("dana{who}@acme.example"), "company": "Acme", "country": "GB",
        },
        "owner_email": "elena@northwind.example",
        "amount": { "minor": 20_000_000, "currency": "EUR" },
        "fields": { "contract": "https://files.example/c1", "success_criteria": "A day" },
    });
    lived(world, ("contract.signed", data), "activated").await
}

async fn lived(
    world: &mut World,
    (event, data): (&str, serde_json::Value),
    outcome: &str,
) -> (HandoffId, Vec<(&'static str, Used)>) {
    let mut steps = Vec::new();
    world.settle().await;
    world.meters.life.take();
    let id = world.event(event, data).await.opened();
    steps.push(("open", world.meters.life.take()));
    world.settle().await;
    steps.push(("assign", world.meters.life.take()));
    let owner = world.handoff(&id).await.owner.unwrap_or_default();
    let owner = owner.as_str();
    assert_eq!(world.act(owner, &id, "accept", json!({})).await.status, 200);
    steps.push(("accept", world.meters.life.take()));
    let touched = world.act(owner, &id, "touch", json!({ "channel": "phone" })).await;
    assert_eq!(touched.status, 200, "{touched:?}");
    steps.push(("touch", world.meters.life.take()));
    let done = json!({ "outcome": outcome });
    assert_eq!(world.act(owner, &id, "complete", done).await.status, 200);
    steps.push(("complete", world.meters.life.take()));
    (id, steps)
}

/// Adds up what the steps of a life used.
fn total(steps: &[(&'static str, Used)]) -> Used {
    steps.iter().fold(Used::default(), |sum, (_, used)| Used {
        requests: sum.requests + used.requests,
        read_units: sum.read_units + used.read_units,
        write_units: sum.write_units + used.write_units,
    })
}

/// Lives once so that configurations are read, which happens once; what the life after it used.
async fn steps_of_a_life() -> Vec<(&'static str, Used)> {
    let mut world = World::start().await;
    live(&mut world, "6").await;
    live(&mut world, "7").await.1
}

#[tokio::test]
async fn a_full_life_stays_within_its_budget() {
    let Used { requests, read_units, write_units } = total(&steps_of_a_life().await);
    assert!(requests <= REQUESTS_MAX, "{requests} requests");
    assert!(read_units <= READ_UNITS_MAX + CANDIDATES, "{read_units} read units");
    assert!(write_units <= WRITE_UNITS_MAX, "{write_units} write units");
}

/// What the life of a customer used after one before it, by an organisation.
async fn steps_of_a_customer(organisation: String) -> Vec<(&'static str, Used)> {
    let mut world = World::of(Setting { organisation, ..Setting::default() }).await;
    win(&mut world, "6").await;
    let (id, steps) = win(&mut world, "7").await;
    assert_eq!(world.handoff(&id).await.stage, domain::Stage::Completed);
    world.settle().await;
    world.read_mail();
    steps
}

#[tokio::test]
async fn a_survey_a_renewal_and_a_sponsor_add_little_to_the_life_of_a_customer() {
    // The same organisation, in which nobody is drawn in, asked, or to renew.
    let block = ORGANISATION.split("milestones = [").nth(1).unwrap().split("\n]\n").next().unwrap();
    let bare = ORGANISATION
        .replacen(&format!("milestones = [{block}\n]\n"), "", 1)
        .replacen("survey = { open_for = \"30d\" }", "survey = { at_first_touch = false }", 1)
        .replacen("involve = [{ who", "involve = [] # [{ who", 1);
    let all = total(&steps_of_a_customer(ORGANISATION.to_owned()).await);
    let few = total(&steps_of_a_customer(bare).await);
    let asked = (all.requests - few.requests, all.read_units - few.read_units);
    assert_eq!(asked, (1, 1.0), "but whether it is silenced, before anybody is mailed");
    let more = all.write_units - few.write_units;
    assert!(more <= MORE_FOR_A_CUSTOMER, "{} instead of {}", all.write_units, few.write_units);
}

#[tokio::test]
async fn a_full_life_costs_what_it_costs() {
    let mut steps = steps_of_a_life().await;
    steps.push(("total", total(&steps)));
    let table: String = steps
        .iter()
        .map(|(step, used)| {
            let Used { requests, read_units, write_units } = used;
            format!(
                "{step:<10}{requests:>3} requests {read_units:>5} read {write_units:>5} write\n"
            )
        })
        .collect();
    insta::assert_snapshot!("what_a_life_costs", table);
}

#[tokio::test]
async fn folding_history_gives_the_stored_state() {
    let mut world = World::start().await;
    let (id, _) = live(&mut world, "7").await;
    let stored = world.handoff(&id).await;
    assert_eq!(folded(&world.store.history(&id).await.unwrap()), stored);
}

#[tokio::test]
async fn the_numbers_equal_a_recount_of_all_commits() {
    let mut world = World::start().await;
    let (first, _) = live(&mut world, "7").await;
    let second = world.demo_request("eli").await;
    world.pass(Duration::hours(1)).await;
    assert_eq!(world.read_mail().len(), 3);
    let mut commits = world.store.history(&first).await.unwrap();
    commits.extend(world.store.history(&second).await.unwrap());
    let mut expected: BTreeMap<_, BTreeMap<String, i64>> = BTreeMap::new();
    for delta in commits.iter().flat_map(rollup::contributions) {
        let row =
            expected.entry((delta.family.to_string(), delta.dimension, delta.day)).or_default();
        *row.entry(delta.counter).or_default() += delta.amount;
    }
    assert!(expected.len() > 10);
    for ((family, dimension, day), mut counters) in expected {
        counters.retain(|_, amount| *amount != 0);
        let mut stored = world.store.rollups(&family, &dimension, day, day).await.unwrap();
        let mut stored = stored.remove(&day).unwrap_or_default();
        stored.retain(|_, amount| *amount != 0);
        assert_eq!(stored, counters, "{family} {dimension} {day}");
    }
}

#[tokio::test]
async fn a_late_word_of_a_timely_touch_takes_the_breach_back() {
    let mut world = World::start().await;
    let began = world.now();
    let id = world.demo_request("dana").await;
    world.pass(Duration::minutes(7)).await;
    let missed = world.read_mail();
    assert!(missed[1].0.starts_with("Missed"), "{missed:?}");
    let timely = json!({
        "type": "touch", "timestamp": (began + Duration::minutes(3)).to_rfc3339(),
        "data": { "subject": { "email": "dana@acme.example" }, "channel": "phone" },
    });
    let request = world.sender.generic("late-word", world.now(), &timely);
    assert_eq!(world.post(request).await.status(), 200);
    world.settle().await;
    let handoff = world.handoff(&id).await;
    assert_eq!(handoff.clocks[0].state, domain::clock::ClockState::Met);
    let withdrawn = world.read_mail();
    assert_eq!(withdrawn.len(), 1, "whoever was told hears of it: {withdrawn:?}");
    let day = world.config.day_of(began);
    let cohort = world.store.rollups("cohort", "all", day, day).await.unwrap();
    assert_eq!(cohort[&day].get("breached.respond").copied().unwrap_or(0), 0);
    assert_eq!(cohort[&day]["met.respond"], 1);
    let happened = world.store.rollups("happened", "all", day, day).await.unwrap();
    assert_eq!(happened[&day]["breached.respond"], 1);
    assert_eq!(happened[&day]["withdrawn.respond"], 1);
}

#[tokio::test]
async fn the_manager_reads_yesterday_in_the_morning() {
    let mut world = World::start().await;
    live(&mut world, "7").await;
    world.until("2026-01-06T07:31:00Z".parse().unwrap()).await;
    let mail = world.read_mail();
    let to_priya: Vec<_> =
        mail.iter().filter(|(_, body)| body.contains("For Priya Nair")).collect();
    assert_eq!(to_priya.len(), 1, "{mail:?}");
    insta::assert_snapshot!("the_daily_digest", format!("{}\n\n{}", to_priya[0].0, to_priya[0].1));
}

#[tokio::test]
async fn a_digest_the_topic_did_not_take_is_sent_by_the_next_try() {
    let refuses = Arc::new(AtomicBool::new(false));
    let plan = Arc::clone(&refuses);
    let mut world = World::with(Setting::default(), |environment| {
        let http = environment.http();
        environment.with_http(faulty(http, move |operation, _| {
            let refused = operation == "Publish" && plan.load(Ordering::SeqCst);
            if refused { Fault::Throttle } else { Fault::None }
        }))
    })
    .await;
    let morning: DateTime<Utc> = "2026-01-06T07:30:00Z".parse().unwrap();
    world.until(morning - Duration::minutes(1)).await;
    refuses.store(true, Ordering::SeqCst);
    world.until(morning + Duration::seconds(1)).await;
    world.expects_errors();
    assert_eq!(world.read_mail(), []);
    refuses.store(false, Ordering::SeqCst);
    world.until(morning + Duration::minutes(5)).await;
    world.allow_errors();
    let mail = world.read_mail();
    let to_priya = mail.iter().filter(|(_, body)| body.contains("For Priya Nair")).count();
    assert_eq!(to_priya, 1, "{mail:?}");
}

pub(crate) fn folded(history: &[Commit]) -> Handoff {
    let mut commits = history.iter();
    let first = commits.next().expect("an opening");
    let domain::Change::Opened { handoff } = &first.changes[0] else { panic!("no opening") };
    let opened = (**handoff).clone().after(&first.changes, first.at);
    commits.fold(opened, |handoff, commit| handoff.after(&commit.changes, commit.at))
}
