//! Killed at any moment: while it starts, while nothing happens, under load, and right after it
//! acknowledged something.
//!
//! One data directory lives through all kills. Senders retry what was not acknowledged, as real
//! ones do; nobody repairs anything. The clock runs twenty times as fast, jumps while nothing runs,
//! and never goes back: so sweeps, reminders, reassignments and nights fall between the kills too.
//! Afterwards two hours pass at once, it is left alone until nothing waits, and
//! [`truth`](crate::truth) looks at what is stored. A kill of the process leaves what the operating
//! system was given: this is not a power cut.

use std::{
    env, fs,
    path::{Path, PathBuf},
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use local::sample::{Dice, ORGANISATION};

use crate::{
    book::{Book, Call, Next},
    client::{Answer, Client, now},
    outside::Waiting,
    system::{System, folder},
    truth,
};

/// How often it is killed, unless `HANDOFF_KILLS` says otherwise.
const KILLS: u64 = 20;

/// How many send at once.
const SENDERS: usize = 4;

/// How many times as fast the clock runs.
const SPEED: f64 = 20.0;

/// How many new leads come between two kills, at most.
const LEADS: u64 = 16;

/// How long nothing runs after a kill, at most, in seconds of the clock.
const OFF_SECONDS: i64 = 180;

/// How long it is waited for the acknowledgement after which it is killed.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);

/// How many directories are begun afresh, at most.
const FIRST_STARTS_MAX: u64 = 100;

/// How long an owner is waited for, in looks.
const LOOKS_FOR_OWNER: usize = 400;

/// How often it is looked whether it rests, and how many times.
const LOOK_EVERY: Duration = Duration::from_millis(150);
const LOOKS: usize = 4_000;

/// How many looks in a row must find it at rest.
const LOOKS_AT_REST: usize = 4;

/// When it is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    StartUp(Duration),
    Idle(Duration),
    UnderLoad(Duration),
    AfterAcknowledgement(usize),
}

impl Moment {
    fn draw(dice: &mut Dice) -> Self {
        let mut ms = |most| Duration::from_millis(dice.below(most));
        let (start_up, idle, load) = (ms(120), ms(250), ms(700));
        let count = 1 + usize::try_from(dice.below(30)).unwrap_or(0);
        dice.weigh(&[
            (4, Self::StartUp(start_up)),
            (2, Self::Idle(idle)),
            (8, Self::UnderLoad(load)),
            (6, Self::AfterAcknowledgement(count)),
        ])
    }
}

/// A clock like the system's: begun at `at`, as fast as it.
#[derive(Clone, Copy)]
struct Hours {
    at: DateTime<Utc>,
    begun: Instant,
    speed: f64,
}

impl Hours {
    fn begin(at: DateTime<Utc>, speed: f64) -> Self {
        Self { at, begun: Instant::now(), speed }
    }

    fn now(&self) -> DateTime<Utc> {
        let passed = self.begun.elapsed().as_secs_f64() * self.speed * 1_000.0;
        self.at + TimeDelta::milliseconds(passed as i64)
    }
}

/// What lives through all kills.
struct House {
    data: PathBuf,
    config: PathBuf,
    log: PathBuf,
    book: Mutex<Book>,
}

/// One process, from its start to its kill.
struct Life<'a> {
    house: &'a House,
    system: System,
    address: String,
    hours: Hours,
    leads_left: Mutex<usize>,
    is_over: AtomicBool,
    acknowledged: AtomicUsize,
    /// The acknowledgement after which it is killed.
    fatal: usize,
}

impl House {
    fn new(name: &str, seed: u64) -> Self {
        let data = folder(name);
        let beside = |name: &str| data.with_extension(name);
        let (config, log) = (beside("toml"), beside("log"));
        fs::write(&config, roomy()).expect("a file");
        let _ = fs::remove_file(&log);
        Self { data, config, log, book: Mutex::new(Book::new(seed)) }
    }

    fn start(&self, hours: &Hours) -> System {
        let at = hours.at.to_rfc3339_opts(SecondsFormat::Millis, true);
        let (speed, text) = (hours.speed.to_string(), Path::to_string_lossy);
        let (data, config) = (text(&self.data), text(&self.config));
        let arguments =
            ["--data", &data, "--config", &config, "--at", &at, "--speed", &speed].map(str::as_ref);
        System::start(&arguments, &self.log)
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says what it complained of last.
    fn complaints(&self) -> String {
        let log = fs::read_to_string(&self.log).unwrap_or_default();
        let lines = log.lines().collect::<Vec<_>>();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    fn remove(&self) {
        for path in [&self.config, &self.log] {
            let _ = fs::remove_file(path);
        }
        let _ = fs::remove_dir_all(&self.data);
    }

    /// Starts a process that senders can talk to.
    fn life(&self, hours: Hours, leads: usize, fatal: usize) -> Life<'_> {
        let system = self.start(&hours);
        let Some(address) = system.ready() else {
            panic!("it does not start by itself any more; it says:\n{}", self.complaints());
        };
        Life {
            house: self,
            system,
            address,
            hours,
            leads_left: Mutex::new(leads),
            is_over: AtomicBool::new(false),
            acknowledged: AtomicUsize::new(0),
            fatal,
        }
    }
}

impl Life<'_> {
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    fn kill(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        self.system.kill();
    }

    /// Sends until it is killed.
    fn send(&self) {
        let mut client = Client::new(&self.address);
        while !self.is_over() {
            let mut leads = self.leads_left.lock().unwrap_or_else(PoisonError::into_inner);
            let next = self.house.book().next(&mut leads, self.hours.now());
            drop(leads);
            match next {
                Next::Send(call) => self.exchange(&mut client, call),
                Next::Work(handoff) => self.work(&mut client, &handoff),
                Next::Rest => thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    /// Looks who has a handoff, and does as they would.
    fn work(&self, client: &mut Client, handoff: &str) {
        let line = format!("GET /api/handoffs/{handoff}");
        let Ok(answer) = client.send(&line, "", b"") else { return self.must_be_over() };
        assert_eq!(answer.status, 200, "{handoff} was acknowledged and is gone: {answer:?}");
        if let Some(owner) = answer.said["owner"].as_str() {
            let call = self.house.book().deed(handoff, owner);
            self.exchange(client, call);
        }
    }

    /// Sends a call, and writes down what came of it.
    fn exchange(&self, client: &mut Client, call: Call) {
        match answer(client, &call, self.hours.now()) {
            Err(_) => {
                self.house.book().unanswered(call);
                self.must_be_over();
            }
            Ok(answer) => {
                if answer.status == 200
                    && self.acknowledged.fetch_add(1, Ordering::SeqCst) + 1 == self.fatal
                {
                    self.kill();
                }
                if let Err(wrong) = self.house.book().answered(call, &answer) {
                    panic!("{wrong}; it says:\n{}", self.house.complaints());
                }
            }
        }
    }

    /// A connection breaks when it is killed, and never else.
    fn must_be_over(&self) {
        assert!(self.is_over(), "it hung up; it says:\n{}", self.house.complaints());
    }
}

fn answer(client: &mut Client, call: &Call, now: DateTime<Utc>) -> std::io::Result<Answer> {
    match call {
        Call::Webhook(webhook) => client.post(&webhook.id, now, &webhook.body),
        Call::Deed(deed) => {
            let line = format!("POST /api/handoffs/{}/{}", deed.handoff, deed.verb);
            let headers =
                format!("x-handoff-person: {}\r\nidempotency-key: {}\r\n", deed.person, deed.key);
            let said = if deed.verb == "touch" { "{\"channel\":\"phone\"}" } else { "" };
            client.send(&line, &headers, said.as_bytes())
        }
    }
}

#[test]
fn a_kill_at_any_moment_loses_nothing_acknowledged_and_does_nothing_twice() {
    let (kills, seed) = (number("HANDOFF_KILLS", KILLS), number("HANDOFF_SEED", 1));
    println!("{kills} kills, seed {seed}");
    let began: DateTime<Utc> = "2026-01-05T09:30:00Z".parse().expect("a time");
    let (house, mut dice) = (House::new("rough-kill", seed), Dice::new(seed, 1));
    let (mut hours, mut unready) = (Hours::begin(began, SPEED), 0);
    for _ in 0..kills {
        let off = TimeDelta::seconds(dice.between(1, OFF_SECONDS));
        hours = Hours::begin(hours.now() + off, SPEED);
        let leads = usize::try_from(dice.below(LEADS + 1)).unwrap_or(0);
        match Moment::draw(&mut dice) {
            Moment::StartUp(after) => {
                unready += usize::from(!killed_starting(&house, hours, after))
            }
            Moment::Idle(after) => {
                let life = house.life(hours, 0, 0);
                thread::sleep(after);
                life.kill();
            }
            Moment::UnderLoad(after) => {
                under_load(&house.life(hours, leads, 0), |_| thread::sleep(after));
            }
            Moment::AfterAcknowledgement(fatal) => {
                under_load(&house.life(hours, leads.max(2), fatal), |life| {
                    let until = Instant::now() + ACKNOWLEDGED_WITHIN;
                    while !life.is_over() && Instant::now() < until {
                        thread::sleep(Duration::from_millis(1));
                    }
                });
            }
        }
    }
    // Everything that was to happen is over, and nobody kills any more.
    let hours = Hours::begin(hours.now() + TimeDelta::hours(2), SPEED);
    let restarts = kills + 1;
    let life = house.life(hours, 0, 0);
    finish(&life);
    come_to_rest(&life);
    let Life { system, .. } = life;
    assert!(system.stop().success(), "it stops when it is asked to");
    let book = house.book();
    let Book { acknowledged, sent_again, repeated, pending, refused, .. } = *book;
    println!(
        "{restarts} starts, {unready} killed before they were ready; {acknowledged} \
         acknowledged, {pending} of them to be settled later, {sent_again} sent again, {repeated} \
         repeated although acknowledged, {refused} refused"
    );
    assert!(book.leads.len() > 1 && sent_again > 0, "kills fell among what was sent");
    let told = truth::check(&book, &house.data, (began, hours.now()));
    println!("{told}");
    drop(book);
    house.remove();
}

#[test]
fn a_kill_in_the_first_start_leaves_what_starts_and_works() {
    let (kills, seed) = (number("HANDOFF_KILLS", KILLS), number("HANDOFF_SEED", 1));
    let starts = (kills / 2).min(FIRST_STARTS_MAX);
    println!("{starts} first starts, seed {seed}");
    let (began, mut dice) = (now(), Dice::new(seed, 3));
    for _ in 0..starts {
        let house = House::new("rough-first", seed);
        for _ in 0..=dice.below(3) {
            let after = Duration::from_millis(dice.below(60));
            killed_starting(&house, Hours::begin(began, 1.0), after);
        }
        let life = house.life(Hours::begin(began, 1.0), 1, 0);
        let mut client = Client::new(&life.address);
        let call = house.book().webhook("lead-1".to_owned(), life.hours.now());
        life.exchange(&mut client, call);
        let opened = house.book().opened.keys().next().cloned().expect("it opened");
        // It has one by the stream, the bus and the queue: all of that was made.
        let owner = (0..LOOKS_FOR_OWNER).find_map(|_| {
            thread::sleep(Duration::from_millis(25));
            let line = format!("GET /api/handoffs/{opened}");
            let owner = client.send(&line, "", b"").expect("it answers").said["owner"].clone();
            owner.is_string().then_some(owner)
        });
        assert!(owner.is_some(), "nobody gets it; it says:\n{}", house.complaints());
        drop(life);
        house.remove();
    }
}

/// The sample organisation, with room for everybody in Europe and for eight in America: what waits
/// for a place is there too.
fn roomy() -> String {
    let people = ORGANISATION.split("\n[people.").map(|person| {
        let has = |names: [&str; 2]| names.iter().any(|name| person.starts_with(name));
        match () {
            () if has(["amara]", "ben]"]) => person.replace("capacity = 40", "capacity = 90000"),
            () if has(["carla]", "dev]"]) => person.replace("capacity = 40", "capacity = 4"),
            () => person.to_owned(),
        }
    });
    people.collect::<Vec<_>>().join("\n[people.")
}

/// Kills a process that was just started; tells whether it was ready before.
fn killed_starting(house: &House, hours: Hours, after: Duration) -> bool {
    let system = house.start(&hours);
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(after);
            system.kill();
        });
        system.ready().is_some()
    })
}

/// Has everybody send until `moment` is over, then kills.
fn under_load(life: &Life<'_>, moment: impl FnOnce(&Life<'_>)) {
    thread::scope(|scope| {
        for _ in 0..SENDERS {
            scope.spawn(|| life.send());
        }
        moment(life);
        life.kill();
    });
}

/// Sends what was never answered, until it is.
fn finish(life: &Life<'_>) {
    let mut client = Client::new(&life.address);
    loop {
        let call = life.house.book().again();
        match call {
            Some(call) => life.exchange(&mut client, call),
            None => return,
        }
    }
}

/// Waits until nothing waits, and nothing that was due is overdue.
fn come_to_rest(life: &Life<'_>) {
    let mut client = Client::new(&life.address);
    let (mut last, mut rested) = (None, 0);
    for _ in 0..LOOKS {
        thread::sleep(LOOK_EVERY);
        let waiting = Waiting::read(&life.house.data).expect("its files can be read");
        let health = client.send("GET /api/health", "", b"").expect("it answers").said;
        let rests = waiting.is_over() && health["oldest_overdue"].is_null();
        rested = if rests && last == Some(waiting) { rested + 1 } else { 0 };
        if rested == LOOKS_AT_REST {
            return;
        }
        last = Some(waiting);
    }
    panic!("it does not come to rest: {last:?}; it says:\n{}", life.house.complaints());
}

fn number(name: &str, otherwise: u64) -> u64 {
    env::var(name).ok().map_or(otherwise, |text| text.parse().expect("a number"))
}
