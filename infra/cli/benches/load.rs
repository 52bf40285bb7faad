//! What `handoff up` bears: signed webhooks a second and how long each waits, alone and beside a
//! tenfold flood of unsigned ones, and the memory it takes.
//!
//! It starts the binary of this build over a data directory of its own and speaks to it over
//! loopback, a fixed number of requests at a time; senders and server share the machine. Counts
//! gate: every genuine webhook must be answered 200, every other 401, and stored must be what was
//! genuine. Times are told, not judged. `--write` puts the figures into `tests/load.md`.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on fails; what it measures runs by the system's clock"
)]

#[path = "../tests/rough/client.rs"]
mod client;
#[path = "../tests/rough/outside.rs"]
mod outside;
#[path = "../tests/rough/system.rs"]
mod system;

use std::{
    collections::BTreeMap,
    env, fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use client::{Client, SECRET, now, signed};
use outside::{Waiting, open_files, receipts};
use system::{System, folder};

/// The sample organisation.
const ORGANISATION: &str = include_str!("../../local/sample/organisation.toml");

/// Where the figures go.
const FIGURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/load.md");

/// Webhooks a stretch, and by how many senders at once.
const WEBHOOKS: usize = 2_000;
const SENDERS: [usize; 4] = [1, 8, 32, 256];

/// The senders beside a flood, and the strangers who make it.
const BESIDE: usize = 8;
const STRANGERS: usize = 24;

/// Leads whose way to Slack is timed, and how long one comes after another.
const TOLD: usize = 300;
const APART: Duration = Duration::from_millis(100);

/// Unsigned requests for a genuine one.
const FLOOD: usize = 10;

/// Bodies of strangers that are as large as may be, and by how many at once.
const LARGE: usize = 240;
const LARGE_AT_ONCE: usize = 120;
const LARGE_BYTES: usize = 4_400_000;

/// The kernel's ticks, as it shows them to programs.
const TICKS_A_SECOND: f64 = 100.0;

/// How long until everything that was opened must have come to rest.
const REST_LOOKS: usize = 3_000;

/// What senders met in one stretch, sorted.
struct Waits {
    each: Vec<Duration>,
    all: Duration,
    broken: usize,
}

impl Waits {
    fn at(&self, share: f64) -> f64 {
        let last = self.each.len().saturating_sub(1);
        let place = (last as f64 * share).round() as usize;
        self.each.get(place).map_or(0.0, |wait| wait.as_secs_f64() * 1_000.0)
    }

    fn a_second(&self) -> f64 {
        self.each.len() as f64 / self.all.as_secs_f64()
    }

    fn row(&self, name: &str) -> String {
        format!(
            "| {name} | {} | {:.0} | {:.1} | {:.1} | {:.1} |\n",
            self.each.len(),
            self.a_second(),
            self.at(0.5),
            self.at(0.99),
            self.at(1.0)
        )
    }
}

/// Everything that was measured.
struct Figures {
    /// From an owner's commit to the message to them being handed to Slack.
    told: Waits,
    /// By how many at once, alone.
    alone: Vec<(usize, Waits)>,
    /// How long after the last of those everything had come to rest, in seconds.
    rest_seconds: f64,
    /// How long each of those kept the server's processors busy, in milliseconds.
    busy_ms: Option<f64>,
    /// The same senders before a flood and beside it.
    flooded: [Waits; 2],
    /// How many requests of strangers were refused beside them.
    refused: usize,
    /// Resident memory in megabytes: at the start, and the most so far after each stretch.
    memory_mb: [Option<f64>; 4],
    /// Open files and connections at the end.
    files: Option<usize>,
    /// How many webhooks are stored.
    stored: usize,
}

fn main() {
    let data = folder("load");
    let (config, log) = (data.with_extension("toml"), data.with_extension("log"));
    // Room for everybody: what is measured is handoffs that get an owner.
    let roomy = ORGANISATION.replace("capacity = 40\n", "capacity = 90000\n");
    fs::write(&config, roomy).expect("a configuration");
    let text = Path::to_string_lossy;
    let system = System::start(&["--data", &text(&data), "--config", &text(&config)], &log);
    let figures = measure(&system, &data);
    assert!(system.stop().success(), "it stops when it is asked to");
    let report = figures.report();
    println!("{report}");
    if env::args().any(|argument| argument == "--write") {
        fs::write(FIGURES, report).expect("the figures can be written");
    }
    for path in [config, log] {
        let _ = fs::remove_file(path);
    }
    let _ = fs::remove_dir_all(data);
}

fn measure(system: &System, data: &Path) -> Figures {
    let address = system.ready().expect("it starts");
    let process = system.process();
    let memory = |name: &str| memory_kb(&process, name).map(|kb| kb as f64 / 1_024.0);
    let (at_start, before) = (memory("VmRSS"), busy_seconds(&process));
    let told = told(&address, data);
    let uncounted = AtomicUsize::new(0);
    let send = |name: &str, senders| genuine(&address, name, senders, &uncounted);
    let alone: Vec<_> =
        SENDERS.map(|senders| (senders, send(&format!("by-{senders}"), senders))).into();
    let rest_seconds = rest(data);
    let busy = busy_seconds(&process).zip(before).map(|(after, before)| after - before);
    let under_load = memory("VmHWM");
    let before_flood = send("alone", BESIDE);
    let answered = AtomicUsize::new(0);
    let (beside, strangers) = thread::scope(|scope| {
        let flood = scope.spawn(|| flood(&address, &answered));
        let beside = genuine(&address, "beside", BESIDE, &answered);
        (beside, flood.join().expect("the flood"))
    });
    rest(data);
    let beside_flood = memory("VmHWM");
    large(&address);
    Figures {
        told,
        busy_ms: busy.map(|busy| busy * 1_000.0 / (alone.len() * WEBHOOKS + TOLD) as f64),
        alone,
        rest_seconds,
        flooded: [before_flood, beside],
        refused: strangers.each.len(),
        memory_mb: [at_start, under_load, beside_flood, memory("VmHWM")],
        files: open_files(&process),
        stored: receipts(data).ok().and_then(|count| usize::try_from(count).ok()).unwrap_or(0),
    }
}

impl Figures {
    fn report(&self) -> String {
        let all: Vec<&Waits> =
            self.alone.iter().map(|(_, waits)| waits).chain(&self.flooded).collect();
        let sent: usize = all.iter().map(|waits| waits.each.len()).sum::<usize>() + TOLD;
        let broken: usize = all.iter().map(|waits| waits.broken).sum();
        // Where a connection broke it was sent again, and may be stored twice.
        let is_genuine = (sent..=sent + broken).contains(&self.stored);
        assert!(is_genuine, "{} are stored of {sent}, {broken} sent again", self.stored);
        let [before, beside] = &self.flooded;
        let told = |figure: Option<f64>, unit| match figure {
            Some(figure) => format!("{figure:.1} {unit}"),
            None => "not measured".to_owned(),
        };
        let [start, load, flood, large] = self.memory_mb.map(|memory| told(memory, "MB"));
        let rows: String =
            self.alone.iter().map(|(senders, waits)| waits.row(&senders.to_string())).collect();
        format!(
            "# What `handoff up` bears\n\n\
             One run of `cargo bench -p cli --bench load` on {} processors, which the senders share; \
             the data on disk.\nCounts and ratios are what to go by: times are that machine's.\n\n\
             - Genuine webhooks: {sent} sent, {sent} answered 200, {} stored; {broken} connections \
             broke.\n- From an owner being committed to the message to them being handed to Slack, {} \
             leads, {:.0} ms apart:\n  p50 {:.0} ms, p99 {:.0} ms, longest {:.0} ms; the bus takes 150 ms \
             of it, as AWS's does.\n- Requests of strangers: {} sent beside them and {LARGE} of \
             {:.1} MB, none accepted, 0 stored.\n\
             - A webhook and all that comes of it (its owner, what is told and \
             counted) keeps the server's processors busy\n  for: {}. Everything had come to rest \
             {:.1} s after the last answer of the first {} rows.\n- Beside {FLOOD} requests of \
             strangers for each genuine one, genuine ones a second: {:.2} of what they are alone;\n  \
             p99: {:.2} times.\n- Resident memory: {start} at the start; at most {load} under load, \
             {flood} beside the flood, {large} with\n  {LARGE_AT_ONCE} strangers sending large bodies \
             at once. Open files then: {}.\n\n\
             | senders at once | webhooks | a second | p50 ms | p99 ms | longest ms |\n\
             |---|---|---|---|---|---|\n{rows}{}{}",
            thread::available_parallelism().map_or(0, usize::from),
            self.stored,
            self.told.each.len(),
            APART.as_secs_f64() * 1_000.0,
            self.told.at(0.5),
            self.told.at(0.99),
            self.told.at(1.0),
            self.refused,
            LARGE_BYTES as f64 / 1_000_000.0,
            told(self.busy_ms, "ms"),
            self.rest_seconds,
            self.alone.len(),
            beside.a_second() / before.a_second(),
            beside.at(0.99) / before.at(0.99),
            self.files.map_or("not measured".to_owned(), |files| files.to_string()),
            before.row(&format!("{BESIDE}, before the flood")),
            beside.row(&format!("{BESIDE}, beside the flood")),
        )
    }
}

/// Sends leads at a pace people can follow, and times how each reaches its owner in Slack: both
/// ends by what the system itself put down.
fn told(address: &str, data: &Path) -> Waits {
    let mut client = Client::new(address);
    let begun = Instant::now();
    for number in 0..TOLD {
        let (id, at) = (format!("told-{number}"), now());
        let answer = client.post(&id, at, &lead(&id)).expect("an answer");
        assert_eq!(answer.status, 200, "{answer:?}");
        thread::sleep(APART);
    }
    let all = begun.elapsed();
    rest(data);
    let outbox = client.send("GET /local/outbox", "", b"").expect("the outbox").said;
    let (mut owned, mut each) = (BTreeMap::new(), Vec::new());
    // The newest is first.
    for entry in outbox.as_array().expect("entries").iter().rev() {
        let card = &entry["body"]["metadata"]["event_payload"]["id"];
        if entry["detail_type"] == "handoff.assigned" {
            let detail = &entry["detail"];
            owned.insert(text(&detail["handoff"]).to_owned(), instant(&detail["timestamp"]));
        } else if let Some((handoff, _)) = text(card).split_once(":card:person:")
            && let Some(at) = owned.remove(handoff)
        {
            each.push((instant(&entry["at"]) - at).to_std().unwrap_or_default());
        }
    }
    assert_eq!(each.len(), TOLD, "every owner was told");
    each.sort();
    Waits { each, all, broken: 0 }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn instant(value: &Value) -> DateTime<Utc> {
    text(value).parse().expect("an instant")
}

/// Sends genuine webhooks, each about a lead of its own, and counts those that were answered; all
/// must be acknowledged.
fn genuine(address: &str, name: &str, senders: usize, answered: &AtomicUsize) -> Waits {
    measured(WEBHOOKS, senders, address, |client, number| {
        let (id, at) = (format!("{name}-{number}"), now());
        let answer = client.post(&id, at, &lead(&id))?;
        let is_kept = answer.status == 200 && answer.said["receipt"].is_string();
        assert!(is_kept, "{answer:?}");
        answered.fetch_add(1, Ordering::Relaxed);
        Ok(())
    })
}

/// Sends what no source signed, so many for each genuine one that was answered, so that it lasts as
/// long; all must be refused.
fn flood(address: &str, answered: &AtomicUsize) -> Waits {
    measured(FLOOD * WEBHOOKS, STRANGERS, address, |client, number| {
        while number > FLOOD * (answered.load(Ordering::Relaxed) + BESIDE) {
            thread::sleep(Duration::from_micros(200));
        }
        let (id, at) = (format!("strange-{number}"), now());
        let body = lead(&id);
        let secret = if number % 2 == 0 { SECRET } else { b"another" };
        let headers = signed(&id, at, if number % 2 == 0 { b"" } else { &body }, secret);
        let answer = client.send("POST /hooks/generic", &headers, &body)?;
        assert_eq!(answer.status, 401, "{answer:?}");
        Ok(())
    })
}

/// Sends large bodies that no source signed.
fn large(address: &str) {
    let body = vec![b'x'; LARGE_BYTES];
    measured(LARGE, LARGE_AT_ONCE, address, |client, _| {
        let answer = client.send("POST /hooks/generic", "", &body)?;
        assert!([401, 408].contains(&answer.status), "{answer:?}");
        Ok(())
    });
}

/// Does something so many times, by so many at once, again where a connection broke.
fn measured(
    times: usize,
    at_once: usize,
    address: &str,
    deed: impl Fn(&mut Client, usize) -> std::io::Result<()> + Sync,
) -> Waits {
    let begun = Instant::now();
    let (mut each, mut broken) = (Vec::with_capacity(times), 0);
    thread::scope(|scope| {
        let one = |first: usize| {
            let deed = &deed;
            move || {
                let (mut client, mut waits, mut broken) = (Client::new(address), Vec::new(), 0);
                for number in (first..times).step_by(at_once) {
                    let asked = Instant::now();
                    while let Err(error) = deed(&mut client, number) {
                        broken += 1;
                        assert!(broken < times, "it hangs up: {error}");
                    }
                    waits.push(asked.elapsed());
                }
                (waits, broken)
            }
        };
        let all: Vec<_> = (0..at_once).map(|first| scope.spawn(one(first))).collect();
        for sender in all {
            let (waits, lost) = sender.join().expect("a sender");
            each.extend(waits);
            broken += lost;
        }
    });
    each.sort();
    Waits { each, all: begun.elapsed(), broken }
}

/// Waits until nothing waits to be delivered; how long that took, in seconds.
fn rest(data: &Path) -> f64 {
    let begun = Instant::now();
    for _ in 0..REST_LOOKS {
        if Waiting::read(data).expect("its files can be read").is_over() {
            break;
        }
        thread::sleep(Duration::from_millis(50));
    }
    begun.elapsed().as_secs_f64()
}

/// How long a process has kept processors busy.
fn busy_seconds(process: &str) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / TICKS_A_SECOND)
}

/// A number of kilobytes of the kernel's about a process, such as `VmRSS`.
fn memory_kb(process: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

fn lead(id: &str) -> Vec<u8> {
    let subject = json!({ "crm": "hubspot", "object": "contact", "id": id, "country": "GB" });
    let fields = json!({ "intent_signal": "Pricing page" });
    let data = json!({ "subject": subject, "fields": fields });
    json!({ "type": "demo.requested", "data": data }).to_string().into_bytes()
}
