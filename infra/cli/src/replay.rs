//! `handoff replay --config NEW`: what another configuration would have made of past handoffs.
//!
//! It reads what the table has of a stretch of time, routes it through the active configuration and
//! through the other one alike, and says where they differ. It writes nothing.

use crate::{Failure, organisation::Organisation, output, table::Place, times};
use chrono::{DateTime, Days, NaiveDate, Utc};
use clap::Args;
use domain::{
    Config, PersonId, config as configuration,
    replay::{Comparison, Past, compare, replay},
    routing::Rules,
};
use local::assembly::SetupError;
use runtime::Clock;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};
use store::{Store, StoreError, StoredConfig};

/// How many days are replayed unless it is said.
const DAYS: u64 = 30;

/// How many handoffs are read with one request.
const READ_AT_ONCE: usize = 50;

/// The options of `replay`.
#[derive(Debug, Args)]
pub struct Options {
    /// The other configuration
    #[arg(long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where the past is
    #[command(flatten)]
    pub place: Place,
    /// From when on [default: thirty days before the end]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub since: Option<DateTime<Utc>>,
    /// Until when [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub until: Option<DateTime<Utc>>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Prints what would change.
///
/// # Errors
/// When the configuration is no good, or the table cannot be used.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let other = Organisation::read(Some(&options.config))?.config;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let said = runtime.map_err(Failure::System)?.block_on(replayed(options, &other))?;
    match options.json {
        true => output::document(&said.document())?,
        false => output::say(&said.text())?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn replayed<'a>(options: &Options, other: &'a Config) -> Result<Told<'a>, Failure> {
    let clock = Clock::system();
    let until = options.until.unwrap_or_else(|| clock.now());
    let since = options.since.or(until.checked_sub_days(Days::new(DAYS))).unwrap_or(until);
    if since >= until {
        return Err(Failure::NoStretch);
    }
    let table = options.place.open(&clock)?;
    let stored = table.active().await?.ok_or(Failure::NoPast)?;
    compared(&table.store, &stored, other, (since, until)).await
}

/// Replays the last thirty days by the configuration that is stored and by another.
pub(crate) async fn of_late<'a>(
    store: &Store,
    stored: &StoredConfig,
    other: &'a Config,
    now: DateTime<Utc>,
) -> Result<Told<'a>, Failure> {
    let since = now.checked_sub_days(Days::new(DAYS)).unwrap_or(now);
    compared(store, stored, other, (since, now)).await
}

async fn compared<'a>(
    store: &Store,
    stored: &StoredConfig,
    other: &'a Config,
    stretch: (DateTime<Utc>, DateTime<Utc>),
) -> Result<Told<'a>, Failure> {
    let active = configuration::load_stored(&stored.text).map_err(SetupError::Config)?;
    let active = Config { version: stored.version, ..active };
    let past = past(store, stretch).await.map_err(SetupError::from)?;
    let through = |config: &Config| replay(&past, config, &Rules::compile(config));
    let (before, after) = (through(&active), through(other));
    let comparison = compare(&past, (&active, &before), (other, &after));
    Ok(Told { comparison, active, other, stretch })
}

/// Reads what opened in a stretch of time, day by day.
async fn past(
    store: &Store,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<Past>, StoreError> {
    let progress = Progress::of((since.date_naive(), until.date_naive()));
    let mut past = Vec::new();
    let mut days = since.date_naive().iter_days().take_while(|day| *day <= until.date_naive());
    for day in &mut days {
        let ids = store.opened_on(day).await?;
        for some in ids.chunks(READ_AT_ONCE) {
            let read = store.handoffs(some).await?.into_iter().map(|(handoff, package)| Past {
                handoff: handoff.record,
                package: package.record,
            });
            past.extend(read.filter(|one| {
                !one.handoff.test && (since..until).contains(&one.handoff.opened_at)
            }));
        }
        progress.tell(day, past.len());
    }
    progress.done();
    Ok(past)
}

/// How far the reading has come, shown on a terminal and silent in a pipe.
struct Progress {
    first: NaiveDate,
    last: NaiveDate,
    shown: bool,
}

/// How wide the bar is, in characters.
const BAR: i64 = 30;

impl Progress {
    fn of((first, last): (NaiveDate, NaiveDate)) -> Self {
        Self { first, last, shown: std::io::stderr().is_terminal() }
    }

    fn tell(&self, day: NaiveDate, read: usize) {
        if !self.shown {
            return;
        }
        let (days, all) =
            ((day - self.first).num_days() + 1, (self.last - self.first).num_days() + 1);
        let full = usize::try_from(days * BAR / all.max(1)).unwrap_or_default();
        let (full, rest) = ("#".repeat(full), ".".repeat((BAR as usize).saturating_sub(full)));
        eprint!("\r{full}{rest} {day}, {read} handoffs");
        let _ = std::io::stderr().flush();
    }

    fn done(&self) {
        if self.shown {
            eprintln!();
        }
    }
}

/// What is told of a replay.
pub(crate) struct Told<'a> {
    comparison: Comparison,
    active: Config,
    other: &'a Config,
    stretch: (DateTime<Utc>, DateTime<Utc>),
}

impl Told<'_> {
    pub(crate) fn document(&self) -> Value {
        let Comparison { handoffs, moved, loads, unrouted, waited, missed, apart, complete } =
            &self.comparison;
        let moved = moved
            .iter()
            .map(|((from, to), count)| json!({ "from": from, "to": to, "count": count }));
        let loads = loads.iter().map(|(rep, load)| {
            json!({
                "rep": rep, "had": load.had, "missed": load.missed,
                "before": load.before, "after": load.after,
            })
        });
        let apart = apart.iter().map(|(pool, (before, after))| {
            json!({ "pool": pool, "turns_apart_before": before, "turns_apart_after": after })
        });
        let complete = complete.iter().map(|(kind, (before, after))| {
            json!({ "type": kind, "percent_before": before, "percent_after": after })
        });
        json!({
            "since": self.stretch.0, "until": self.stretch.1, "handoffs": handoffs,
            "config_version": self.active.version,
            "moved": moved.collect::<Vec<_>>(),
            "loads": loads.collect::<Vec<_>>(),
            "unrouted": { "before": unrouted.0, "after": unrouted.1 },
            "waited": { "before": waited.0, "after": waited.1 },
            "missed_expected": { "before": missed.0, "after": missed.1 },
            "fairness": apart.collect::<Vec<_>>(),
            "complete": complete.collect::<Vec<_>>(),
        })
    }

    pub(crate) fn text(&self) -> String {
        let Comparison { handoffs, moved, loads, unrouted, waited, missed, apart, complete } =
            &self.comparison;
        let version = self.active.version;
        let count: usize = moved.values().sum();
        let mut text = format!(
            "{handoffs} handoffs, by version {version} and by the other configuration: {count} would \
             have somebody else.\n\n{:<22} {:>6} {:>7} {:>10} {:>6} {:>7}\n",
            "Rep", "had", "missed", "by active", "other", "change"
        );
        for (rep, load) in loads {
            let change = load.after as i64 - load.before as i64;
            text += &format!(
                "{:<22} {:>6} {:>7} {:>10} {:>6} {change:>+7}\n",
                self.name_of(Some(rep)),
                load.had,
                load.missed,
                load.before,
                load.after
            );
        }
        if !moved.is_empty() {
            text += "\nWho would have what somebody else has by the active one:\n";
        }
        for ((from, to), count) in moved {
            let (from, to) = (self.name_of(from.as_ref()), self.name_of(to.as_ref()));
            text += &format!("  {count:>5}  {from} → {to}\n");
        }
        text += &format!("\nWould have to wait for a place: {} → {}.\n", waited.0, waited.1);
        text += &format!(
            "Would miss a deadline, if each did as well as they have: {:.1} → {:.1}.\n",
            missed.0, missed.1
        );
        for (pool, (before, after)) in apart {
            let known = self.other.pools.get(pool).or(self.active.pools.get(pool));
            let name = known.map_or(pool.as_str(), |pool| pool.name.as_str());
            text +=
                &format!("Shares in {name} are at most {before:.1} → {after:.1} turns apart.\n");
        }
        for (kind, (before, after)) in complete.iter().filter(|(_, (one, two))| one != two) {
            text += &format!("Packages of {kind} are {before} % → {after} % complete.\n");
        }
        for (word, reasons) in [("active", &unrouted.0), ("other", &unrouted.1)] {
            text += &without(word, reasons);
        }
        text
    }

    /// Tells whether there was nothing to replay.
    pub(crate) fn is_empty(&self) -> bool {
        self.comparison.handoffs == 0
    }

    fn name_of(&self, rep: Option<&PersonId>) -> String {
        let Some(rep) = rep else { return "nobody".to_owned() };
        let known = self.other.people.get(rep).or(self.active.people.get(rep));
        known.map_or_else(|| rep.to_string(), |person| person.name.clone())
    }
}

fn without(word: &str, reasons: &BTreeMap<String, usize>) -> String {
    let lines = reasons.iter().map(|(reason, count)| format!("  {count:>5}  {reason}\n"));
    let lines: String = lines.collect();
    match lines.is_empty() {
        true => format!("By the {word} one, everybody finds an owner.\n"),
        false => format!("By the {word} one, without an owner:\n{lines}"),
    }
}
