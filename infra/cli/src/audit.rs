//! `handoff audit`: what is stored, held against what the histories say, on demand.
//!
//! It reads a stretch of days as the nightly audit does, and says what is not so. With `--rebuild`
//! it puts the numbers right: to each counter that differs it adds the difference, on condition
//! that the row is still as it was read.

use crate::{Failure, output, redrive, table::Place, times};
use audit::{Audit, Differing, Report};
use chrono::{DateTime, Days, NaiveDate, Utc};
use clap::Args;
use domain::{AttemptId, Config, config as configuration};
use local::assembly::SetupError;
use runtime::{Clock, Configs, Ids};
use serde_json::{Value, json};
use std::process::ExitCode;
use store::{Correction, Store, StoreError};

/// How many days are audited unless it is said.
const DAYS: u64 = 7;

/// How many counters of a row are put right at once: each is a term of one condition, and a
/// condition has at most 4 KB.
const AT_ONCE: usize = 40;

/// The options of `audit`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the table is
    #[command(flatten)]
    pub place: Place,
    /// The first of the organisation's days [default: a week before the last]
    #[arg(long, value_name = "DAY")]
    pub since: Option<NaiveDate>,
    /// The last [default: today]
    #[arg(long, value_name = "DAY")]
    pub until: Option<NaiveDate>,
    /// The time to go by, for a system that ran by `up --at` [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub at: Option<DateTime<Utc>>,
    /// Put numbers that differ right
    #[arg(long)]
    pub rebuild: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Prints what is stored and not so; exit 1 where anything is left that is not.
///
/// # Errors
/// When the table cannot be used.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = runtime.map_err(Failure::System)?.block_on(audited(options))?;
    match options.json {
        true => output::document(&told.document())?,
        false => output::say(&told.text())?,
    }
    let left = told.report.findings.len().saturating_sub(told.corrected);
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn audited(options: &Options) -> Result<Told, Failure> {
    let clock = options.at.map_or_else(Clock::system, |at| Clock::scaled(at, 1.0));
    let table = options.place.open(&clock)?;
    let stored = table.active().await?.ok_or(Failure::NoPast)?;
    let active = configuration::load_stored(&stored.text).map_err(SetupError::Config)?;
    let until = options.until.unwrap_or_else(|| active.day_of(clock.now()));
    let since = options.since.unwrap_or_else(|| until - Days::new(DAYS));
    if since > until {
        return Err(Failure::NoStretch);
    }
    let configs = Configs::new(table.store.clone());
    let audit = Audit::new(table.store.clone(), configs, clock.clone());
    let report = audit.days((since, until)).await.map_err(Failure::Audit)?;
    if options.rebuild {
        let uncounted = redrive::uncounted(&table.store).await;
        match uncounted.map_err(SetupError::from)? {
            0 => {}
            uncounted => return Err(Failure::Uncounted(uncounted)),
        }
    }
    let corrected = match options.rebuild {
        true => correct(&table.store, &report.differing, &clock).await.map_err(SetupError::from)?,
        false => 0,
    };
    Ok(Told { report, corrected, rebuilt: options.rebuild, stretch: (since, until), active })
}

/// Adds to each row what it lacks; tells how many counters were put right.
async fn correct(
    store: &Store,
    differing: &[Differing],
    clock: &Clock,
) -> Result<usize, StoreError> {
    let ids = Ids::random();
    let mut corrected = 0;
    for row in differing {
        for some in row.counters.chunks(AT_ONCE) {
            let counters = some.iter().map(|one| {
                (one.counter.clone(), Correction { was: one.stored, becomes: one.counted })
            });
            let attempt = AttemptId(ids.ulid(clock.now()));
            let key = (row.family.to_string(), row.dimension.clone(), row.day);
            match store.correct_rollup(key, counters.collect(), &attempt).await {
                Ok(()) => corrected += some.len(),
                // Somebody counted meanwhile: the next audit sees whether it is so still.
                Err(StoreError::Conflict) => {}
                Err(error) => return Err(error),
            }
        }
    }
    Ok(corrected)
}

/// What is told of an audit.
struct Told {
    report: Report,
    corrected: usize,
    rebuilt: bool,
    stretch: (NaiveDate, NaiveDate),
    active: Config,
}

impl Told {
    fn document(&self) -> Value {
        let (since, until) = self.stretch;
        json!({
            "since": since, "until": until, "corrected": self.corrected,
            "report": self.report,
        })
    }

    fn text(&self) -> String {
        let Report { handoffs, commits, counters, reps, moving, findings, is_whole, .. } =
            &self.report;
        let (since, until) = self.stretch;
        let mut text = format!(
            "{}, {since} to {until}: {handoffs} handoffs with {commits} commits, {counters} \
             counters, {reps} reps.\n",
            self.active.organisation.name
        );
        if !is_whole {
            text += "What happened day by day was not counted again: for that, audit from the \
                     first day on.\n";
        }
        if !moving.is_empty() {
            let days: Vec<String> = moving.iter().map(ToString::to_string).collect();
            text += &format!("Still being counted, so left out: {}.\n", days.join(", "));
        }
        if findings.is_empty() {
            return text + "Everything stored is what the histories say.\n";
        }
        text += &match findings.len() {
            1 => "\nOne thing is stored that is not so:\n".to_owned(),
            count => format!("\n{count} things are stored that are not so:\n"),
        };
        for one in findings {
            text += &format!("  {} {}: {}\n", one.code, one.about, one.said);
        }
        let numbers = findings.iter().filter(|one| one.code == "number").count();
        text += &match (self.rebuilt, numbers) {
            (_, 0) => String::new(),
            (true, _) => format!("\n{} of {numbers} numbers were put right.\n", self.corrected),
            (false, _) => "\nNumbers can be put right with --rebuild. If the system was stopped \
                           in the midst of its work, start it once before.\n"
                .to_owned(),
        };
        text
    }
}
