//! The audit: every night, what is stored is held against what the histories say.
//!
//! It reads a stretch of days whole: each handoff's history against its state, the numbers of those
//! days counted again, and the places that reps have taken. What moves while it is read is looked
//! at again before anything is said. It changes nothing but its own beat; whoever keeps the system
//! gets one mail with what it found, and none where all is well.

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use domain::{
    Config, Handoff, HandoffId, PersonId,
    audit::{Difference, Finding, Recount, audit, mail},
    rollup::Family,
};
use futures::{StreamExt, TryStreamExt, stream};
use runtime::{Clock, Configs, Figure, Message, Topic, configs::ConfigError, topic::TopicError};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use store::{Due, QueueKey, Store, StoreError};

/// How many days back a night looks.
const NIGHTLY_DAYS: u64 = 7;

/// How often a stretch that was moving is read again.
const TRIES: usize = 3;

/// How long what was recorded may take to be counted, in seconds.
const COUNTED_WITHIN_SECONDS: i64 = 120;

/// How long a receipt may wait to be settled, in minutes.
const SETTLED_WITHIN_MINUTES: i64 = 10;

/// How many histories are read at once.
const ABREAST: usize = 8;

/// Holds what is stored against what the histories say.
#[derive(Clone)]
pub struct Audit {
    store: Store,
    configs: Configs,
    clock: Clock,
}

/// What an audit saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many handoffs it read, with their histories.
    pub handoffs: usize,
    /// How many commits those have.
    pub commits: usize,
    /// How many counters it compared.
    pub counters: usize,
    /// How many reps' open counts it compared.
    pub reps: usize,
    /// Whether the numbers of what happened were compared too: all histories must be in the
    /// stretch.
    pub is_whole: bool,
    /// Days whose numbers were still moving, so that nothing can be said of them.
    pub moving: BTreeSet<NaiveDate>,
    /// What is not so.
    pub findings: Vec<Finding>,
    /// Counters that are stored otherwise than they are counted.
    #[serde(skip)]
    pub differing: Vec<Differing>,
}

/// A row of numbers with counters that differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Differing {
    /// By which day it counts.
    pub family: Family,
    /// Whose numbers.
    pub dimension: String,
    /// Which day.
    pub day: NaiveDate,
    /// The counters.
    pub counters: Vec<Difference>,
}

/// Why an audit could not be done; the next night's does it.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The table could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The topic did not take the mail.
    #[error(transparent)]
    Topic(#[from] TopicError),
}

impl Audit {
    /// Makes an audit of its parts.
    pub fn new(store: Store, configs: Configs, clock: Clock) -> Self {
        Self { store, configs, clock }
    }

    /// Audits the last days before `scheduled`, and tells whoever keeps the system what it found.
    ///
    /// # Errors
    /// When it could not be done, or not be told.
    pub async fn nightly(
        &self,
        scheduled: DateTime<Utc>,
        topic: &Topic,
    ) -> Result<Report, AuditError> {
        let active = self.configs.active(self.clock.now()).await?;
        let yesterday = active.config.day_of(scheduled) - Days::new(1);
        let report = self.days((yesterday - Days::new(NIGHTLY_DAYS - 1), yesterday)).await?;
        if !report.findings.is_empty() {
            tracing::error!(audit.findings = report.findings.len(), "what is stored is not so");
            let (to, mail) = mail(&report.findings, &active.config);
            let attributes = vec![
                ("kind", vec!["audit".to_owned()]),
                ("severity", vec!["urgent".to_owned()]),
                ("to", to.iter().map(PersonId::to_string).collect()),
            ];
            topic.publish(&Message { subject: mail.subject, body: mail.body, attributes }).await?;
        }
        self.store.beat("audit", self.clock.now()).await?;
        Figure::AuditBeat.count(1);
        tracing::info!(
            audit.handoffs = report.handoffs,
            audit.commits = report.commits,
            audit.counters = report.counters,
            audit.findings = report.findings.len(),
            "audited"
        );
        Ok(report)
    }

    /// Audits what opened on these days of the organisation, both included, and what reps have
    /// open; what moved meanwhile is read again.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn days(&self, days: (NaiveDate, NaiveDate)) -> Result<Report, AuditError> {
        let mut report = self.once(days).await?;
        for _ in 1..TRIES {
            if report.findings.is_empty() {
                break;
            }
            let again = self.once(days).await?;
            // Only what is found every time is so: the rest was on its way, and a number that is
            // on its way must not be put right.
            let Report { findings, differing, .. } = report;
            report = Report {
                findings: intersection(findings, &again.findings),
                differing: differing
                    .into_iter()
                    .filter(|one| again.differing.contains(one))
                    .collect(),
                ..again
            };
        }
        Ok(report)
    }

    async fn once(&self, (from, to): (NaiveDate, NaiveDate)) -> Result<Report, AuditError> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let config = &active.config;
        let mut reading = Reading::new(config, now);
        // Read before the histories: what is counted meanwhile is not held against them.
        reading.counted_to = self.store.folded_until("metrics").await?;
        let first = self.store.first_config_at().await?.map(|at| config.day_of(at));
        reading.report.is_whole = first.is_some_and(|first| from <= first);
        // The table's days are UTC, the organisation's are not.
        let (mut day, last) = (from - Days::new(1), to + Days::new(1));
        while day <= last {
            let ids = self.store.opened_on(day).await?;
            self.read(&ids, (from, to), &mut reading).await?;
            day = day + Days::new(1);
        }
        if !reading.has_unread {
            self.numbers((from, to), &mut reading).await?;
        }
        self.places(&mut reading).await?;
        self.receipts(&mut reading).await?;
        let mut report = reading.report;
        report.findings.sort();
        Ok(report)
    }

    async fn read(
        &self,
        ids: &[HandoffId],
        (from, to): (NaiveDate, NaiveDate),
        reading: &mut Reading<'_>,
    ) -> Result<(), AuditError> {
        for some in ids.chunks(100) {
            let states = self.store.states(some).await?;
            let read = some.iter().cloned().map(|id| {
                let store = self.store.clone();
                async move {
                    match store.history(&id).await {
                        Ok(history) => Ok(Some(history)),
                        Err(StoreError::Malformed { .. } | StoreError::TooNew { .. }) => Ok(None),
                        Err(error) => Err(error),
                    }
                }
            });
            let histories: Vec<_> = stream::iter(read).buffered(ABREAST).try_collect().await?;
            for (id, history) in some.iter().zip(histories) {
                let Some(history) = history else {
                    let said = "Its history cannot be read, so no numbers were compared.";
                    reading.find("unreadable", id.as_str(), said);
                    reading.has_unread = true;
                    continue;
                };
                let opened = history.first().map(|commit| commit.about.opened_day);
                if opened.is_some_and(|day| !(from..=to).contains(&day)) {
                    continue;
                }
                match states.get(id) {
                    Some(state) => {
                        let changed = history.last().map(|commit| commit.version);
                        // It changed between the two reads.
                        if changed.is_some_and(|version| version > state.version) {
                            reading.report.moving.extend(opened);
                        } else {
                            reading.report.findings.extend(audit(state, &history, reading.now));
                        }
                        self.claim(state, reading).await?;
                    }
                    None => reading.find("unreadable", id.as_str(), "It cannot be read."),
                }
                reading.count(&history);
            }
        }
        Ok(())
    }

    /// An open handoff holds what it claims, unless another held it when their journeys merged.
    async fn claim(&self, state: &Handoff, reading: &mut Reading<'_>) -> Result<(), AuditError> {
        let beside = state.flags.contains(&domain::handoff::Flag::MergedBeside);
        if !state.stage.is_open() || state.claim.is_empty() || beside {
            return Ok(());
        }
        let claim = self.store.claim_of(&state.lane, &state.claim).await?;
        if claim.open.as_ref() != Some(&state.id) {
            let said = "It is open and does not hold its claim, so a second may open beside it.";
            reading.find("claim-lost", state.id.as_str(), said);
        }
        Ok(())
    }

    /// Compares the rows of numbers.
    async fn numbers(
        &self,
        (from, to): (NaiveDate, NaiveDate),
        reading: &mut Reading<'_>,
    ) -> Result<(), AuditError> {
        let families: &[Family] = match reading.report.is_whole {
            true => &[Family::Cohort, Family::Happened],
            false => &[Family::Cohort],
        };
        let counted = reading.recount.rows().map(|((_, dimension, _), _)| dimension.clone());
        let dimensions: BTreeSet<String> = counted.chain(reading.dimensions()).collect();
        for family in families {
            let read = dimensions.clone().into_iter().map(|dimension| {
                let (store, family) = (self.store.clone(), family.to_string());
                async move {
                    let stored = store.rollups(&family, &dimension, from, to).await?;
                    Ok::<_, StoreError>((dimension, stored))
                }
            });
            let read: Vec<_> = stream::iter(read).buffered(ABREAST).try_collect().await?;
            for (dimension, stored) in read {
                reading.compare(*family, &dimension, (from, to), &stored);
            }
        }
        Ok(())
    }

    /// Compares what reps have open with what is counted for their capacity.
    async fn places(&self, reading: &mut Reading<'_>) -> Result<(), AuditError> {
        let reps: Vec<PersonId> = reading.reps.iter().cloned().collect();
        let rows = self.store.reps(&reps).await?;
        for rep in &reps {
            let open = self.store.count(&QueueKey::Owner(rep.clone())).await?;
            let counted = rows.get(rep).map_or(0, |row| row.open);
            if i64::try_from(open) != Ok(counted) {
                let said = format!("{open} handoffs are theirs, and {counted} are counted.");
                reading.find("open-count", rep.as_str(), &said);
            }
        }
        reading.report.reps = reps.len();
        Ok(())
    }

    /// Nothing that came in waits to be settled for long.
    async fn receipts(&self, reading: &mut Reading<'_>) -> Result<(), AuditError> {
        let long_ago = reading.now - Duration::minutes(SETTLED_WITHIN_MINUTES);
        for shard in 0..Store::due_shards() {
            for due in self.store.due(shard, long_ago, 1_000).await? {
                if let Due::Receipt(id, since) = due {
                    let minutes = (reading.now - since).num_minutes();
                    let said = format!("It has waited to be settled for {minutes} minutes.");
                    reading.find("receipt-waits", id.as_str(), &said);
                }
            }
        }
        Ok(())
    }
}

/// How far an audit has come.
struct Reading<'a> {
    config: &'a Config,
    now: DateTime<Utc>,
    report: Report,
    recount: Recount,
    reps: BTreeSet<PersonId>,
    /// Whether a history could not be read, so that nobody knows what there is to count.
    has_unread: bool,
    /// Up to when metrics has counted; nothing, while it has counted nothing.
    counted_to: Option<DateTime<Utc>>,
}

impl<'a> Reading<'a> {
    fn new(config: &'a Config, now: DateTime<Utc>) -> Self {
        let takes = config.people.iter().filter(|(_, person)| person.capacity.is_some());
        Self {
            config,
            now,
            report: Report::default(),
            recount: Recount::default(),
            reps: takes.map(|(rep, _)| rep.clone()).collect(),
            has_unread: false,
            counted_to: None,
        }
    }

    fn find(&mut self, code: &'static str, about: &str, said: &str) {
        let (about, said) = (about.to_owned(), said.to_owned());
        self.report.findings.push(Finding { code, about, said });
    }

    fn count(&mut self, history: &[domain::Commit]) {
        let Some(opened) = history.first().map(|commit| commit.about.opened_day) else { return };
        self.report.handoffs += 1;
        self.report.commits += history.len();
        self.reps.extend(history.last().and_then(|commit| commit.about.owner.clone()));
        let fresh = self.now - Duration::seconds(COUNTED_WITHIN_SECONDS);
        // What metrics has yet to count is in no number, however long ago it was.
        let counted = |at| self.counted_to.is_some_and(|to| at <= to);
        let moves = |commit: &&domain::Commit| commit.at > fresh || !counted(commit.at);
        for commit in history.iter().filter(moves) {
            self.report.moving.extend([opened, commit.about.day]);
        }
        self.recount.add(history);
    }

    /// Lists whose numbers there may be, whether or not anything was counted for them.
    fn dimensions(&self) -> impl Iterator<Item = String> {
        let Config { types, pools, people, sources, rules, .. } = self.config;
        let types = types.keys().map(|key| format!("type:{key}"));
        let pools = pools.keys().map(|key| format!("pool:{key}"));
        let people = people.keys().flat_map(|key| [format!("rep:{key}"), format!("sender:{key}")]);
        let sources = sources.keys().map(|key| format!("source:{key}"));
        let rules = rules.iter().map(|rule| format!("rule:{}", rule.name));
        ["all".to_owned()]
            .into_iter()
            .chain(types)
            .chain(pools)
            .chain(people)
            .chain(sources)
            .chain(rules)
    }

    fn compare(
        &mut self,
        family: Family,
        dimension: &str,
        (from, to): (NaiveDate, NaiveDate),
        stored: &BTreeMap<NaiveDate, BTreeMap<String, i64>>,
    ) {
        let nothing = BTreeMap::new();
        for day in from.iter_days().take_while(|day| *day <= to) {
            if self.report.moving.contains(&day) {
                continue;
            }
            let row = stored.get(&day).unwrap_or(&nothing);
            self.report.counters += row.len();
            let counters = self.recount.differences(family, dimension, day, row);
            for one in &counters {
                let about = format!("{family} {dimension} {day}");
                let said = format!(
                    "`{}` is stored as {} and counted as {}.",
                    one.counter, one.stored, one.counted
                );
                self.find("number", &about, &said);
            }
            if !counters.is_empty() {
                let dimension = dimension.to_owned();
                self.report.differing.push(Differing { family, dimension, day, counters });
            }
        }
    }
}

fn intersection(one: Vec<Finding>, other: &[Finding]) -> Vec<Finding> {
    // How long something has waited differs between two readings.
    let key = |finding: &Finding| match finding.code {
        "overdue" | "receipt-waits" => (finding.code, finding.about.clone(), String::new()),
        _ => (finding.code, finding.about.clone(), finding.said.clone()),
    };
    let others: BTreeSet<_> = other.iter().map(key).collect();
    one.into_iter().filter(|finding| others.contains(&key(finding))).collect()
}
