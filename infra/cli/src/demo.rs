//! `handoff demo`: a week of the sample organisation in a minute, through the real functions.
//!
//! Time is virtual, ids and people are drawn from the seed, and one thing happens at a time: the
//! same seed prints the same bytes. So nothing that differs between two runs or two machines
//! (ports, paths, rates) is ever printed on stdout.

mod chronicle;
mod deed;
mod people;
mod play;
mod stage;
mod tale;
mod temper;
mod transcript;

use crate::{Failure, output};
use chrono::{DateTime, Days, TimeDelta, Utc};
use clap::Args;
use std::{io::IsTerminal, process::ExitCode, time::Instant};

pub use chronicle::{Account, Day, Mail};
pub use tale::{Step, Tale};

/// When every demo begins: a Monday.
const BEGINS: &str = "2026-01-05T00:00:00Z";

/// The seed unless told: with it, one of everything happens on the first day already.
const SEED: u64 = 12;

/// How long it goes on after the last day, so that its digest is sent, in hours.
const MORNING_HOURS: i64 = 8;

/// The options of `demo`.
#[derive(Debug, Args)]
pub struct Options {
    /// How many days are played
    #[arg(long, value_name = "N", default_value_t = 5)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=366))]
    pub days: u32,
    /// What happens is drawn from this number
    #[arg(long, value_name = "N", default_value_t = SEED)]
    pub seed: u64,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Which stretch is played.
#[derive(Clone, Copy, Debug)]
pub struct Script {
    /// What everything is drawn from.
    pub seed: u64,
    /// When it begins.
    pub from: DateTime<Utc>,
    /// When it ends.
    pub until: DateTime<Utc>,
}

impl Script {
    /// Plays whole days from the first Monday of 2026, and the morning after the last.
    pub fn days(seed: u64, days: u32) -> Self {
        let from = BEGINS.parse().unwrap_or_default();
        let until = from + Days::new(days.into()) + TimeDelta::hours(MORNING_HOURS);
        Self { seed, from, until }
    }
}

/// Plays the days and prints what happened.
///
/// # Errors
/// When a part of the system could not do what it always does.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let begun = Instant::now();
    let shows_progress = std::io::stderr().is_terminal();
    let script = Script::days(options.seed, options.days);
    let account = account(script, |_| {
        if shows_progress {
            eprint!(".");
        }
    })?;
    if shows_progress {
        eprintln!();
    }
    match options.json {
        true => output::document(&account)?,
        false => output::say(&transcript::write(&account))?,
    }
    let seconds = begun.elapsed().as_secs_f64();
    let handoffs = account.handoffs();
    let rate = handoffs as f64 / seconds.max(0.001);
    eprintln!("{handoffs} handoffs in {seconds:.1} s: {rate:.1} a second.");
    Ok(ExitCode::SUCCESS)
}

/// Plays a script and returns the account of it; `each_hour` is called as virtual hours pass.
///
/// # Errors
/// When a part of the system could not do what it always does.
pub fn account(script: Script, each_hour: impl FnMut(DateTime<Utc>)) -> Result<Account, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::System)?.block_on(play::play(script, each_hour))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn half_a_day(seed: u64) -> (String, String) {
        let Script { seed, from, .. } = Script::days(seed, 1);
        let script = Script { seed, from, until: from + TimeDelta::hours(12) };
        let account = account(script, |_| {}).unwrap();
        (transcript::write(&account), output::pretty(&account).unwrap())
    }

    #[test]
    fn the_same_seed_prints_the_same_bytes_and_another_does_not() {
        let first = half_a_day(7);
        assert_eq!(first, half_a_day(7));
        assert_ne!(first.0, half_a_day(8).0);
        assert!(first.0.contains("Monday 5 January 2026"), "{}", first.0);
    }
}
