//! What a month costs: what the system asked for while handoffs lived and while nothing happened,
//! priced, as the table the README shows. `HANDOFF_COST=write` writes it there anew.
//!
//! What the laptop's stream and queues hand over one by one comes together in the cloud, so there
//! are fewer invocations there; how long a function works is an assumption, how long it waits is not.

use chrono::Duration;
use serde_json::json;
use std::{fs, ops::Sub, path::Path};
use tests::World;

/// List prices in dollars, on demand, US East (N. Virginia), arm64, without any free tier.
const WRITE_UNIT: f64 = 0.625e-6;
const READ_UNIT: f64 = 0.125e-6;
const INVOCATION: f64 = 0.20e-6;
const GIGABYTE_SECOND: f64 = 0.000_013_333_4;
const API_REQUEST: f64 = 1.00e-6;
const BUS_EVENT: f64 = 1.00e-6;
const QUEUE_REQUEST: f64 = 0.40e-6;
const MAIL: f64 = 0.50e-6 + 20.0e-6;
const ALARM: f64 = 0.10;
const METRIC: f64 = 0.30;
const DASHBOARD: f64 = 3.00;
const SECRET: f64 = 0.40;
const LOG_GIGABYTE: f64 = 0.50;

/// How long an invocation works beside what it waits for, in seconds, and in how many gigabytes.
const WORKS_SECONDS: f64 = 0.05;
const GIGABYTES: f64 = 0.25;

/// What an invocation logs, with Lambda's own lines, in gigabytes.
const LOGS_GIGABYTES: f64 = 1_000.0 / 1e9;

/// How often queues are asked for messages although there are none: five pollers each, all month.
const POLLS: f64 = 3.0 * 5.0 * 3.0 * 60.0 * 24.0 * DAYS;

/// A month, in days, and what one of a team of twenty brings.
const DAYS: f64 = 30.4;
const LEADS: f64 = 800.0;

/// How many secrets such a team has: two sources, links, sign-in, chat, CRM.
const SECRETS: f64 = 6.0;

/// What was used.
#[derive(Clone, Copy, Debug, Default)]
struct Bill {
    writes: f64,
    reads: f64,
    invocations: f64,
    waited_seconds: f64,
    requests: f64,
    events: f64,
    queued: f64,
    mails: f64,
}

impl Sub for Bill {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            writes: self.writes - other.writes,
            reads: self.reads - other.reads,
            invocations: self.invocations - other.invocations,
            waited_seconds: self.waited_seconds - other.waited_seconds,
            requests: self.requests - other.requests,
            events: self.events - other.events,
            queued: self.queued - other.queued,
            mails: self.mails - other.mails,
        }
    }
}

impl Bill {
    fn times(self, times: f64) -> [(&'static str, f64); 7] {
        let seconds = self.invocations * WORKS_SECONDS + self.waited_seconds;
        let logs = self.invocations * LOGS_GIGABYTES * LOG_GIGABYTE;
        [
            ("DynamoDB, writes", self.writes * WRITE_UNIT),
            ("DynamoDB, reads", self.reads * READ_UNIT),
            ("Lambda", self.invocations * INVOCATION + seconds * GIGABYTES * GIGABYTE_SECOND),
            ("API Gateway", self.requests * API_REQUEST),
            ("EventBridge and SQS", self.events * BUS_EVENT + self.queued * 3.0 * QUEUE_REQUEST),
            ("SNS, mail", self.mails * MAIL),
            ("Logs", logs),
        ]
        .map(|(what, price)| (what, price * times))
    }
}

/// Reads what a stretch of time used, in which something is done.
async fn used(world: &mut World, time: Duration, lives: bool) -> Bill {
    let until = world.now() + time;
    world.outbox();
    world.asked.take_worked();
    for meter in
        [&world.meters.life, &world.meters.sweep, &world.meters.metrics, &world.meters.courier]
    {
        meter.take();
    }
    if lives {
        live(world).await;
    }
    world.until(until).await;
    let meters =
        [&world.meters.life, &world.meters.sweep, &world.meters.metrics, &world.meters.courier];
    let units = meters.map(store::Meter::take);
    let worked = world.asked.take_worked();
    let count = |names: &[&str]| -> f64 {
        let of = worked.iter().filter(|(name, _)| names.contains(&name.as_str()));
        of.fold(0.0, |sum, (_, worked)| sum + worked.times as f64)
    };
    let sent = world.outbox();
    let is_mail = |entry: &&local::OutboxEntry| matches!(entry.sent, local::Sent::Topic { .. });
    let is_event = |entry: &&local::OutboxEntry| matches!(entry.sent, local::Sent::Bus { .. });
    Bill {
        writes: units.iter().map(|used| used.write_units).sum(),
        reads: units.iter().map(|used| used.read_units).sum(),
        invocations: worked.values().map(|worked| worked.times as f64).sum(),
        waited_seconds: worked
            .values()
            .map(|worked| worked.waited.num_milliseconds() as f64 / 1e3)
            .sum(),
        requests: count(&["hooks", "desk"]),
        events: sent.iter().filter(is_event).count() as f64,
        queued: count(&["intake", "router", "courier"]),
        mails: sent.iter().filter(is_mail).count() as f64,
    }
}

/// A hot lead is opened, given, accepted, looked at, called, and ends well.
async fn live(world: &mut World) {
    let n = world.now().timestamp();
    let id = world.demo_request(&format!("{n}")).await;
    let owner = world.handoff(&id).await.owner.unwrap_or_default();
    world.pass(Duration::minutes(2)).await;
    world.get(&format!("/handoffs/{id}")).await;
    world.act(owner.as_str(), &id, "accept", json!({})).await;
    world.act(owner.as_str(), &id, "touch", json!({ "channel": "phone" })).await;
    world.pass(Duration::minutes(20)).await;
    world.act(owner.as_str(), &id, "complete", json!({ "outcome": "meeting_booked" })).await;
}

fn table(life: Bill, day: Bill) -> String {
    let fixed = [
        ("SQS, asked in vain", POLLS * QUEUE_REQUEST),
        ("Alarms, figures, dashboard", 31.0 * ALARM + 12.0 * METRIC + DASHBOARD),
        ("Secrets", SECRETS * SECRET),
    ];
    let (million, month) = (life.times(1e6), life.times(LEADS));
    let idle = day.times(DAYS);
    let head = "| | a million hot leads' lives | a month of 800, and nothing else | \
                what runs anyway, a month |";
    let mut lines = vec![head.to_owned(), "|---|---|---|---|".to_owned()];
    for ((million, month), idle) in million.iter().zip(&month).zip(&idle) {
        lines
            .push(format!("| {} | {:.2} | {:.2} | {:.2} |", million.0, million.1, month.1, idle.1));
    }
    for (what, price) in fixed {
        lines.push(format!("| {what} | | | {price:.2} |"));
    }
    let sum = |all: &[(&str, f64)]| all.iter().fold(0.0, |sum, (_, price)| sum + price);
    let (million, month, idle) = (sum(&million), sum(&month), sum(&idle) + sum(&fixed));
    lines.push(format!("| in all, dollars | **{million:.2}** | **{month:.2}** | **{idle:.2}** |"));
    lines.join("\n")
}

#[tokio::test]
async fn a_month_costs_what_the_readme_says() {
    let mut world = World::start().await;
    // What happens once, such as reading the configuration, is no part of it.
    used(&mut world, Duration::hours(1), true).await;
    let idle = used(&mut world, Duration::hours(1), false).await;
    let life = used(&mut world, Duration::hours(1), true).await - idle;
    let day = used(&mut world, Duration::days(1), false).await;
    world.read_mail();
    let table = table(life, day);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&file).unwrap();
    let (before, rest) = readme.split_once("<!-- cost -->\n").unwrap();
    let (shown, after) = rest.split_once("\n<!-- end of cost -->").unwrap();
    if std::env::var("HANDOFF_COST").is_ok_and(|how| how == "write") {
        let written = format!("{before}<!-- cost -->\n{table}\n<!-- end of cost -->{after}");
        return fs::write(file, written).unwrap();
    }
    assert_eq!(shown, table, "HANDOFF_COST=write writes it");
}
