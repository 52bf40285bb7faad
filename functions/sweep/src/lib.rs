//! The sweep: deadlines are met to the second.
//!
//! A schedule is precise to a minute, so each sweep looks two minutes ahead: it acts on what is
//! due, and where something falls due inside its horizon it waits for it, reading the index again
//! every ten seconds. It keeps nothing: a lost tick costs one period, a double one nothing, because
//! the conditional commit picks one winner and a step that is taken is no longer there to take. It
//! re-reads a handoff before it acts, so that a touch that came meanwhile wins. One that keeps
//! changing under its hands it leaves to the next reading. Its beat is written only when it
//! finished.

use chrono::{DateTime, Duration, Utc};
use domain::{
    Actor, AttemptId, Change, Command, Facts, Handoff, HandoffId, ReceiptId, Refusal, decide,
    notice::Known,
};
use futures::{StreamExt, stream};
use runtime::{
    Bus, BusEvent, Clock, Configs, Figure, Ids, bus::BusError, configs::ConfigError,
    figures::seconds,
};
use std::collections::{BTreeMap, BTreeSet};
use store::{By, Due, QueueKey, QueueRow, Store, StoreError, Stored, Write};

/// How far a sweep looks ahead, in seconds: its own minute and the next, so that a lost one is made
/// up for.
const HORIZON_SECONDS: i64 = 120;

/// How often it reads the index again while it waits, in seconds.
const READ_AGAIN_SECONDS: i64 = 10;

/// How long it leaves deadlines of its first minute to the sweep before it, in milliseconds.
const GRACE_MS: i64 = 333;

/// How many handoffs it reads with one request before it acts on them.
const READ_AT_ONCE: usize = 100;

/// How often a sweep acts on one handoff before it leaves it to the next one, without a beat: it
/// keeps falling due, and somebody should know.
const ACTS_MAX: usize = 100;

/// How many due rows it takes from one shard at a time.
const PAGE: i32 = 250;

/// How long a handed-back receipt is left to intake before it is handed back again, in seconds.
const RECEIPT_AGAIN_SECONDS: i64 = 60;

/// How long a deadline must be over before the sweeps before this one count as having missed it, in
/// seconds: what is born within a horizon may be a minute late.
const OVERDUE_SECONDS: i64 = 120;

/// How many handoffs without an owner are asked for at once when the roster changes.
const WAITING_MAX: i32 = 200;

/// How many of the changes are named as the reason.
const BECAUSE_MAX: usize = 3;

/// How often a lost race is decided again before it is left to the next reading, ten seconds on.
const TRIES: usize = 4;

/// Meets deadlines.
#[derive(Clone)]
pub struct Sweep {
    store: Store,
    configs: Configs,
    clock: Clock,
    ids: Ids,
    bus: Bus,
    abreast: usize,
    acts_max: usize,
}

/// What a sweep did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Handoffs it moved.
    pub acted: usize,
    /// Handoffs somebody else had moved first.
    pub nothing_to_do: usize,
    /// How often a handoff lost every race and was left to the next reading.
    pub lost_races: usize,
    /// Receipts it handed back to intake, and destinations to the courier.
    pub handed_back: usize,
    /// Handoffs without an owner that it had asked for, because the roster changed.
    pub asked_for: usize,
    /// Worst lateness of a step it took, in milliseconds.
    pub lateness_ms_max: i64,
}

/// Why a sweep stopped before it was done; the next one does the rest.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The bus did not take a receipt.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A handoff kept falling due.
    #[error("{0} was due again and again, {1} times in this sweep: it is left to the next one.")]
    Unfinished(String, usize),
    /// Another change of the roster met an error just before.
    #[error("whoever waits was not asked for again: the error before says why")]
    NotAsked,
}

impl Sweep {
    /// Makes a sweep of its parts; it works on `abreast` handoffs at once.
    pub fn new(
        store: Store,
        configs: Configs,
        clock: Clock,
        ids: Ids,
        bus: Bus,
        abreast: usize,
    ) -> Self {
        let (abreast, acts_max) = (abreast.max(1), ACTS_MAX);
        Self { store, configs, clock, ids, bus, abreast, acts_max }
    }

    /// Acts on one handoff at most that often, instead of the usual bound.
    pub fn acting_at_most(self, acts_max: usize) -> Self {
        Self { acts_max, ..self }
    }

    /// Sweeps once, for the tick scheduled at `scheduled`.
    ///
    /// # Errors
    /// When the table, the bus or the configuration could not be used, or what was due had no end:
    /// no beat is written.
    pub async fn handle(&self, scheduled: DateTime<Utc>) -> Result<Report, SweepError> {
        let horizon = scheduled + Duration::seconds(HORIZON_SECONDS);
        let mut course = Course::default();
        let mut is_first = true;
        loop {
            let now = self.clock.now();
            let mut ahead = self.upcoming(horizon).await?;
            if std::mem::take(&mut is_first) {
                let long_ago = now - Duration::seconds(OVERDUE_SECONDS);
                let over = |due: &&Due| matches!(due, Due::Handoff(_, at) if *at < long_ago);
                Figure::OverdueDeadlines.are(ahead.iter().filter(over).count());
            }
            ahead.retain(|due| !course.seen_to.contains(due));
            let acts_at = |due: &Due| {
                let put_off_to = course.put_off.get(due).copied();
                put_off_to.unwrap_or_else(|| self.acts_at(due, scheduled))
            };
            let ripe: Vec<Due> = ahead.iter().filter(|due| acts_at(due) <= now).cloned().collect();
            if !ripe.is_empty() {
                let ripe = ripe.into_iter().filter(|due| course.may_act(due, self.acts_max));
                let is_roster = |due: &Due| matches!(due, Due::Roster(..));
                let (rosters, ripe): (Vec<Due>, Vec<Due>) = ripe.partition(is_roster);
                for (due, result) in self.act(ripe, scheduled).await {
                    course.note(due, result, self.clock.now());
                }
                // Deadlines first, and all that changed at once.
                for (due, result) in self.ask_again(rosters).await {
                    course.note(due, result, self.clock.now());
                }
                continue;
            }
            let next = ahead.iter().map(acts_at).min();
            let Some(next) = next.filter(|_| now < horizon) else { break };
            self.clock.sleep_until(next.min(now + Duration::seconds(READ_AGAIN_SECONDS))).await;
        }
        let Course { report, failure, .. } = course;
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.store.beat("sweep", self.clock.now()).await?;
        Figure::SweepBeat.count(1);
        tracing::info!(
            sweep.acted = report.acted,
            sweep.lost_races = report.lost_races,
            sweep.handed_back = report.handed_back,
            sweep.asked_for = report.asked_for,
            sweep.lateness_ms_max = report.lateness_ms_max,
            "swept"
        );
        Ok(report)
    }

    /// Reads everything due by the horizon, earliest first, ties by id.
    async fn upcoming(&self, horizon: DateTime<Utc>) -> Result<Vec<Due>, SweepError> {
        let shards = (0..Store::due_shards()).map(|shard| self.store.due(shard, horizon, PAGE));
        let mut ahead = Vec::new();
        for shard in stream::iter(shards).buffered(8).collect::<Vec<_>>().await {
            ahead.extend(shard?);
        }
        ahead.sort_by(|one, other| (one.at(), one).cmp(&(other.at(), other)));
        Ok(ahead)
    }

    /// Tells when this sweep acts on a deadline: at it, or a moment later where the sweep before it
    /// comes first.
    fn acts_at(&self, due: &Due, scheduled: DateTime<Utc>) -> DateTime<Utc> {
        let first_minute = scheduled..scheduled + Duration::seconds(60);
        match first_minute.contains(&due.at()) {
            true => due.at() + Duration::milliseconds(GRACE_MS),
            false => due.at(),
        }
    }

    /// Acts on what is due, several abreast; attempt ids are drawn before, in order.
    async fn act(
        &self,
        ripe: Vec<Due>,
        scheduled: DateTime<Utc>,
    ) -> Vec<(Due, Result<Report, SweepError>)> {
        let now = self.clock.now();
        let draw = || (0..TRIES).map(|_| AttemptId(self.ids.ulid(now))).collect();
        let mut results = Vec::with_capacity(ripe.len());
        for some in ripe.chunks(READ_AT_ONCE) {
            let mut states = self.states(some).await;
            let jobs: Vec<_> = some
                .iter()
                .map(|due| {
                    let state = match due {
                        Due::Handoff(id, _) => states.remove(id),
                        Due::Receipt(..) | Due::Roster(..) | Due::Destination(..) => None,
                    };
                    (due.clone(), state, draw())
                })
                .collect();
            let met = stream::iter(jobs).map(|(due, state, attempts)| async move {
                let result = self.meet(&due, state, scheduled, attempts).await;
                (due, result)
            });
            results.extend(met.buffered(self.abreast).collect::<Vec<_>>().await);
        }
        results
    }

    /// Reads what is due together; what that does not find is read on its own, and its failure is
    /// its own.
    async fn states(&self, due: &[Due]) -> BTreeMap<HandoffId, Stored<Handoff>> {
        let ids: Vec<HandoffId> = due
            .iter()
            .filter_map(|due| match due {
                Due::Handoff(id, _) => Some(id.clone()),
                Due::Receipt(..) | Due::Roster(..) | Due::Destination(..) => None,
            })
            .collect();
        self.store.states(&ids).await.unwrap_or_default()
    }

    async fn meet(
        &self,
        due: &Due,
        state: Option<Stored<Handoff>>,
        scheduled: DateTime<Utc>,
        attempts: Vec<AttemptId>,
    ) -> Result<Report, SweepError> {
        match due {
            Due::Handoff(id, at) => self.step((id, *at), state, scheduled, attempts).await,
            Due::Receipt(id, _) => self.hand_back(id).await,
            Due::Destination(name, _) => self.wake_courier(name).await,
            Due::Roster(..) => Ok(Report::default()),
        }
    }

    /// Takes what is due of one handoff, as it was just read; where that is not what is stored any
    /// more, as it is read again.
    async fn step(
        &self,
        (id, due_at): (&HandoffId, DateTime<Utc>),
        mut state: Option<Stored<Handoff>>,
        scheduled: DateTime<Utc>,
        attempts: Vec<AttemptId>,
    ) -> Result<Report, SweepError> {
        for attempt in attempts {
            let now = self.clock.now();
            let handoff = match state.take() {
                Some(state) => state,
                None => self.store.handoff(id).await?,
            };
            let active = self.configs.active(now).await?;
            // Only what a pause put off is counted again, on the calendars the handoff opened with.
            let pinned = match handoff.paused() {
                Some(_) => self.configs.version(handoff.config).await?,
                None => active.clone(),
            };
            let facts = Facts { active: &active.config, pinned: &pinned.config };
            let changes = match decide(&handoff, Command::Tick, facts, now) {
                Ok(changes) => changes,
                Err(Refusal::Nothing) => {
                    return Ok(Report { nothing_to_do: 1, ..Report::default() });
                }
                Err(refusal) => {
                    tracing::error!(handoff = %id, %refusal, "a tick was refused");
                    return Ok(Report::default());
                }
            };
            let cause = format!("sweep {}", scheduled.to_rfc3339());
            let by = By { actor: Actor::Sweep, cause, attempt };
            let briefs = changes.iter().any(|change| matches!(change, Change::Briefed { .. }));
            let mut write = Write::change(&handoff, changes, by, now, &active.config);
            if briefs {
                write = write.personal("brief", self.known(&handoff).await?);
            }
            match self.store.commit(write).await {
                Ok(_) => {
                    Figure::LateSeconds.is(seconds(now - due_at));
                    let lateness_ms_max = (now - due_at).num_milliseconds();
                    return Ok(Report { acted: 1, lateness_ms_max, ..Report::default() });
                }
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Report { lost_races: 1, ..Report::default() })
    }

    /// Reads everything that is known for a meeting.
    async fn known(&self, handoff: &Handoff) -> Result<serde_json::Value, SweepError> {
        let package = self.store.package(&handoff.id).await?;
        let pinned = self.configs.version(handoff.config).await?;
        let kind = pinned.config.types.get(&handoff.kind);
        let template = kind.map(|kind| kind.fields.as_slice()).unwrap_or_default();
        Ok(serde_json::to_value(Known::of(&package, template, handoff.stage)).unwrap_or_default())
    }

    /// Hands a receipt with unsettled events back to intake, and looks at it again in a minute.
    async fn hand_back(&self, id: &ReceiptId) -> Result<Report, SweepError> {
        let now = self.clock.now();
        let detail = serde_json::json!({ "receipt": id });
        let event = BusEvent { kind: "receipt.pending".to_owned(), at: now, detail };
        let again = now + Duration::seconds(RECEIPT_AGAIN_SECONDS);
        self.store.await_receipt(id, Some(again)).await?;
        self.bus.put(&[event]).await?;
        Ok(Report { handed_back: 1, ..Report::default() })
    }

    /// Has the courier look at what waits for a destination, and asks again in a minute.
    async fn wake_courier(&self, destination: &str) -> Result<Report, SweepError> {
        let now = self.clock.now();
        let detail = serde_json::json!({ "destination": destination });
        let event = BusEvent { kind: "delivery.due".to_owned(), at: now, detail };
        let again = now + Duration::seconds(RECEIPT_AGAIN_SECONDS);
        self.store.put_off_destination(destination, again).await?;
        self.bus.put(&[event]).await?;
        Ok(Report { handed_back: 1, ..Report::default() })
    }

    /// Has whoever waits for an owner asked for again, most urgent first, now that somebody else
    /// may take it: once, however much of the roster changed. Those beyond the bound are asked for
    /// at their set time.
    async fn ask_again(&self, rosters: Vec<Due>) -> Vec<(Due, Result<Report, SweepError>)> {
        if rosters.is_empty() {
            return Vec::new();
        }
        let mut report = match self.ask_for_those_waiting(&rosters).await {
            Ok(report) => report,
            // None of them is seen to, and none of them asks again in this sweep.
            Err(error) => {
                let others = std::iter::repeat_with(|| Err(SweepError::NotAsked));
                return rosters.into_iter().zip([Err(error)].into_iter().chain(others)).collect();
            }
        };
        let mut results = Vec::with_capacity(rosters.len());
        for due in rosters {
            let Due::Roster(roster, at) = &due else { continue };
            let seen = self.store.roster_seen(roster, *at).await;
            let result = seen.map(|()| std::mem::take(&mut report)).map_err(SweepError::from);
            results.push((due, result));
        }
        results
    }

    async fn ask_for_those_waiting(&self, rosters: &[Due]) -> Result<Report, SweepError> {
        let now = self.clock.now();
        let because: Vec<String> = rosters
            .iter()
            .filter_map(|due| match due {
                Due::Roster(roster, _) => Some(roster.to_string()),
                Due::Handoff(..) | Due::Receipt(..) | Due::Destination(..) => None,
            })
            .take(BECAUSE_MAX)
            .collect();
        // A router that still believes an older version reads again.
        let config = self.store.active_version().await?.unwrap_or_default();
        let waiting = self.store.queue(&QueueKey::Unrouted, WAITING_MAX).await?;
        let event = |row: &QueueRow| BusEvent {
            kind: "handoff.waiting".to_owned(),
            at: now,
            detail: serde_json::json!({
                "handoff": row.id, "because": because.join(", "), "config": config,
            }),
        };
        let asked: Vec<BusEvent> = waiting.iter().map(event).collect();
        self.bus.put(&asked).await?;
        Ok(Report { asked_for: asked.len(), ..Report::default() })
    }
}

/// How far one sweep has come.
#[derive(Default)]
struct Course {
    report: Report,
    /// How often it acted on each, so that nothing can keep it from ending.
    acts: BTreeMap<String, usize>,
    failure: Option<SweepError>,
    /// What it is done with: the index may still show what this sweep has just moved.
    seen_to: BTreeSet<Due>,
    /// What lost every race, and when each is tried again: never at once, so that it cannot spin.
    put_off: BTreeMap<Due, DateTime<Utc>>,
}

impl Course {
    /// Counts an act; one too many is noted, and the rest goes on.
    fn may_act(&mut self, due: &Due, most: usize) -> bool {
        let id = match due {
            Due::Handoff(id, _) => id.to_string(),
            Due::Receipt(id, _) => id.to_string(),
            Due::Roster(roster, _) => roster.to_string(),
            Due::Destination(name, _) => name.clone(),
        };
        let acts = self.acts.entry(id.clone()).or_default();
        *acts += 1;
        let may = *acts <= most;
        if !may {
            self.seen_to.insert(due.clone());
            self.failure.get_or_insert(SweepError::Unfinished(id, most));
        }
        may
    }

    /// Notes what became of one thing that was due.
    fn note(&mut self, due: Due, result: Result<Report, SweepError>, now: DateTime<Utc>) {
        match result {
            Ok(one) => {
                self.report.add(one);
                if one.lost_races > 0 {
                    self.put_off.insert(due, now + Duration::seconds(READ_AGAIN_SECONDS));
                    return;
                }
            }
            // One that cannot be met keeps nobody else waiting; the beat is what it costs.
            Err(error) => {
                tracing::error!(%error, "a deadline could not be met");
                self.failure.get_or_insert(error);
            }
        }
        self.seen_to.insert(due);
    }
}

impl Report {
    fn add(&mut self, other: Self) {
        self.acted += other.acted;
        self.nothing_to_do += other.nothing_to_do;
        self.lost_races += other.lost_races;
        self.handed_back += other.handed_back;
        self.asked_for += other.asked_for;
        self.lateness_ms_max = self.lateness_ms_max.max(other.lateness_ms_max);
    }
}
