//! `handoff words FILE`: how notices read by a configuration, made of what really happened.
//!
//! Of each kind of notice the newest of the last thirty days is written as that configuration
//! words it, with whom it would reach. It writes nothing and sends nothing.

use crate::{Failure, organisation::Organisation, output, table::Place};
use chrono::{DateTime, Days, Utc};
use clap::Args;
use domain::{
    Commit, Config,
    notice::{KINDS, Notice, would_be},
};
use local::assembly::SetupError;
use runtime::Clock;
use serde_json::json;
use std::{collections::BTreeMap, path::PathBuf, process::ExitCode};
use store::{Store, StoreError};

/// How many days are looked back.
const DAYS: u64 = 30;

/// How many handoffs are looked at, the newest first: their histories are read one by one.
const LOOKED_AT: usize = 500;

/// The options of `words`.
#[derive(Debug, Args)]
pub struct Options {
    /// The configuration
    pub file: PathBuf,
    /// Where the handoffs are
    #[command(flatten)]
    pub place: Place,
    /// Only this kind of notice, such as `breached`
    #[arg(long, value_name = "KIND", value_parser = KINDS)]
    pub kind: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Prints how notices read; exit 1 where there is none to show.
///
/// # Errors
/// When the configuration is no good, or the table cannot be used.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let organisation = Organisation::read(Some(&options.file))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let read = runtime.map_err(Failure::System)?.block_on(read(options, &organisation.config))?;
    match options.json {
        true => output::document(&json!({
            "notices": read.values().map(|(at, notice)| json!({
                "kind": notice.kind, "at": at, "to": notice.to, "subject": notice.subject,
                "body": notice.body,
            })).collect::<Vec<_>>(),
        }))?,
        false => output::say(&text(&read))?,
    }
    Ok(if read.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// The newest notice of each kind, and when it happened.
pub type Newest = BTreeMap<&'static str, (DateTime<Utc>, Notice)>;

async fn read(options: &Options, config: &Config) -> Result<Newest, Failure> {
    let clock = Clock::system();
    let table = options.place.open(&clock)?;
    let newest = newest(&table.store, config, options.kind.as_deref(), clock.now()).await;
    Ok(newest.map_err(SetupError::from)?)
}

/// Words the newest notice of each kind, or of one, as a configuration does.
///
/// # Errors
/// When the table cannot be read.
pub async fn newest(
    store: &Store,
    config: &Config,
    only: Option<&str>,
    now: DateTime<Utc>,
) -> Result<Newest, StoreError> {
    let mut newest = Newest::new();
    for commit in histories(store, now).await?.iter().flatten() {
        let notices = would_be(commit, config).into_iter();
        for notice in notices.filter(|notice| only.is_none_or(|only| only == notice.kind)) {
            if newest.get(notice.kind).is_none_or(|(at, _)| *at < commit.at) {
                newest.insert(notice.kind, (commit.at, notice));
            }
        }
    }
    Ok(newest)
}

/// Reads the histories of the handoffs that opened last, the newest first.
async fn histories(store: &Store, now: DateTime<Utc>) -> Result<Vec<Vec<Commit>>, StoreError> {
    let mut histories = Vec::new();
    for days in 0..=DAYS {
        let Some(day) = now.date_naive().checked_sub_days(Days::new(days)) else { break };
        for id in store.opened_on(day).await?.into_iter().rev() {
            match store.history(&id).await {
                Ok(history) => histories.push(history),
                // What cannot be read now is the redrive's, and no reason to show nothing.
                Err(StoreError::Malformed { .. } | StoreError::TooNew { .. }) => {}
                Err(error) => return Err(error),
            }
            if histories.len() == LOOKED_AT {
                return Ok(histories);
            }
        }
    }
    Ok(histories)
}

fn text(read: &Newest) -> String {
    if read.is_empty() {
        return "Nothing of that kind happened in the last thirty days to word it by.\n".to_owned();
    }
    let shown = read.values().map(|(at, notice)| {
        let to: Vec<&str> = notice.to.iter().map(|person| person.as_str()).collect();
        format!(
            "--- {}, {}, to {}\n{}\n\n{}",
            notice.kind,
            at.format("%a %-d %b %Y %H:%M"),
            to.join(", "),
            notice.subject,
            notice.body
        )
    });
    shown.collect::<Vec<_>>().join("\n")
}
