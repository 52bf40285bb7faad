//! `handoff redrive`: what is in quarantine is put through again.
//!
//! It is for afterwards: when the configuration was mended, or a newer version reads what an older
//! one could not. A line for each thing says why it was aside and what came of it. Run twice, the
//! second run finds what the first left and changes nothing else.

mod redriver;

pub use redriver::{Came, How, Redriver, Stopped, Thing, Wanted};

use crate::{
    Failure, output,
    table::{Place, Table},
    times::{self, Moment},
};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use clap::Args;
use domain::{Config, ReceiptId, config as configuration};
use local::assembly::SetupError;
use runtime::{Clock, Ids, Secrets};
use serde::Serialize;
use std::process::ExitCode;
use store::{Store, StoreError};

/// The options of `redrive`.
#[derive(Debug, Args)]
pub struct Options {
    /// Where the table is
    #[command(flatten)]
    pub place: Place,
    /// Only what was put aside from then on: a time, or one of the organisation's days
    #[arg(long, value_name = "TIME|DAY", value_parser = Moment::parse)]
    pub since: Option<Moment>,
    /// Only what was put aside before that time, or by the end of that day
    #[arg(long, value_name = "TIME|DAY", value_parser = Moment::parse)]
    pub until: Option<Moment>,
    /// Only what this function put aside
    #[arg(long, value_name = "FUNCTION", value_parser = ["intake", "relay", "metrics"])]
    pub by: Option<String>,
    /// Only this stored receipt, in quarantine or not; may be given more than once
    #[arg(long, value_name = "ID", conflicts_with_all = ["since", "until", "by"])]
    pub receipt: Vec<String>,
    /// The bus, with --table, for what the relay put aside [default: $BUS]
    #[arg(long, value_name = "NAME", requires = "table")]
    pub bus: Option<String>,
    /// The topic, with --table, for what the relay put aside [default: $TOPIC]
    #[arg(long, value_name = "ARN", requires = "table")]
    pub topic: Option<String>,
    /// The time to go by, for a system that ran by `up --at` [default: now]
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub at: Option<DateTime<Utc>>,
    /// Say what would go through, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Puts through what can be used now; exit 1 where anything is left.
///
/// # Errors
/// When the table cannot be used, or where to tell is not said.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let told = runtime.map_err(Failure::System)?.block_on(redriven(options))?;
    match options.json {
        true => output::document(&told)?,
        false => output::say(&told.summary(options))?,
    }
    Ok(if told.is_done() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

async fn redriven(options: &Options) -> Result<Told, Failure> {
    let clock = options.at.map_or_else(Clock::system, |at| Clock::scaled(at, 1.0));
    let mut table = options.place.open(&clock)?;
    table.environment = table.environment.clone().with_outward(&options.bus, &options.topic);
    let stored = table.active().await?.ok_or(Failure::NoConfig)?;
    let active = configuration::load_stored(&stored.text).map_err(SetupError::Config)?;
    let wanted = wanted(options, &active)?;
    let redriver =
        Redriver::new(&table.environment, secrets(options, &table), (clock, Ids::random()));
    let things = redriver.things(&wanted).await.map_err(SetupError::from)?;
    let outward = things.iter().filter(|thing| thing.goes_out()).count();
    if outward > 0 && !options.dry_run && !table.environment.has_outward() {
        return Err(Failure::NoOutward(outward));
    }
    let mut told = Told { dry_run: options.dry_run, ..Told::default() };
    for thing in things {
        let came = match options.dry_run {
            true => redriver.look(&thing).await,
            false => redriver.put_through(&thing).await,
        };
        match came {
            Ok(came) => {
                if !options.json {
                    output::say(&line(&thing, &came, active.organisation.timezone))?;
                }
                told.add(thing, came);
            }
            Err(stopped) => {
                told.stopped = Some(stopped.to_string());
                break;
            }
        }
    }
    Ok(told)
}

/// Reading a receipt again asks for no secret, but intake is made of its parts.
fn secrets(options: &Options, table: &Table) -> Secrets {
    match options.place.table {
        Some(_) => table.environment.secrets(),
        None => Secrets::sample(),
    }
}

fn wanted(options: &Options, active: &Config) -> Result<Wanted, Failure> {
    let since = options.since.map(|since| since.begins(active));
    let until = options.until.map(|until| until.ends(active));
    if since.zip(until).is_some_and(|(since, until)| since >= until) {
        return Err(Failure::NoStretch);
    }
    let receipts = options.receipt.iter().map(|id| ReceiptId::from(id.as_str())).collect();
    Ok(Wanted { since, until, by: options.by.clone(), receipts })
}

/// Counts the commits that metrics put aside and that could be counted now: numbers that are put
/// right before they are would have them twice.
pub(crate) async fn uncounted(store: &Store) -> Result<usize, StoreError> {
    let mut uncounted = 0;
    for aside in store.aside(None, None).await? {
        let is_metrics = aside.row.kind == "commit" && aside.row.by == "metrics";
        if !is_metrics {
            continue;
        }
        match store.commit_named(&aside.row.what).await {
            Ok(_) => uncounted += 1,
            // It cannot be read now either.
            Err(
                StoreError::Missing { .. }
                | StoreError::Malformed { .. }
                | StoreError::TooNew { .. },
            ) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(uncounted)
}

/// What is told of a run.
#[derive(Debug, Default, Serialize)]
struct Told {
    things: Vec<Done>,
    through: usize,
    left: usize,
    dry_run: bool,
    stopped: Option<String>,
}

#[derive(Debug, Serialize)]
struct Done {
    #[serde(flatten)]
    thing: Thing,
    #[serde(flatten)]
    came: Came,
}

impl Told {
    fn add(&mut self, thing: Thing, came: Came) {
        match came.how {
            How::Through => self.through += 1,
            How::Partly | How::Left => self.left += 1,
        }
        self.things.push(Done { thing, came });
    }

    fn is_done(&self) -> bool {
        self.left == 0 && self.stopped.is_none()
    }

    fn summary(&self, options: &Options) -> String {
        let all = options.since.is_none() && options.until.is_none() && options.by.is_none();
        let verb = if self.dry_run { "would go through" } else { "went through" };
        let mut text = match (self.things.is_empty(), all) {
            (true, true) if self.stopped.is_none() => "Nothing is in quarantine.\n".to_owned(),
            (true, false) if self.stopped.is_none() => {
                "Nothing of that is in quarantine.\n".to_owned()
            }
            _ => format!("{} {verb}, {} left.\n", self.through, self.left),
        };
        if let Some(stopped) = &self.stopped {
            text += &format!("Stopped: {stopped}. The rest was not tried: run it again.\n");
        }
        text
    }
}

fn line(thing: &Thing, came: &Came, zone: Tz) -> String {
    let Thing { kind, what, by, at, reasons, .. } = thing;
    let word = match came.how {
        How::Through => "through",
        How::Partly => "partly ",
        How::Left => "left   ",
    };
    let reasons: Vec<String> = reasons
        .iter()
        .map(|(reason, count)| match count {
            1 => reason.clone(),
            count => format!("{reason} ({count} entries)"),
        })
        .collect();
    let aside = match (by, at) {
        (Some(by), Some(at)) => {
            let at = times::local(*at, zone);
            format!(", put aside by {by} {at}: {}", reasons.join(", "))
        }
        _ => String::new(),
    };
    format!("{word}  {kind} {what}{aside}\n         {}\n", came.said)
}
