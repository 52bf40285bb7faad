//! `handoff mute` and `handoff unmute`: nothing is said or written outside, at once, for a while or
//! until somebody ends it. Clocks and numbers go on, and what was silenced can be sent afterwards.
//!
//! Whoever can use the table may do it, so nobody is asked who they are.

use crate::{Failure, output, table::Place, times};
use clap::Args;
use domain::span::Span;
use local::assembly::SetupError;
use runtime::Clock;
use serde_json::json;
use std::process::ExitCode;
use store::Mute;

/// The options of `mute`.
#[derive(Debug, Args)]
pub struct Options {
    /// For how long, such as 2h; without it until `handoff unmute`
    #[arg(long = "for", value_name = "SPAN", value_parser = span)]
    pub span: Option<Span>,
    /// Where the system is
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// The options of `unmute`.
#[derive(Debug, Args)]
pub struct Ending {
    /// Where the system is
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

fn span(text: &str) -> Result<Span, String> {
    let span: Span = text.parse().map_err(|error: domain::span::SpanError| error.to_string())?;
    match span.is_zero() {
        true => Err("that is no time at all: say 2h, or leave it out".to_owned()),
        false => Ok(span),
    }
}

/// Silences everything outside.
///
/// # Errors
/// When the table cannot be used.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    let now = clock.now();
    let until = options.span.map(|span| now + span.elapsed());
    let mute = Mute { since: now, until };
    write(&options.place, &clock, Some(&mute))?;
    match options.json {
        true => output::document(&json!({ "muted": true, "since": now, "until": until }))?,
        false => {
            let end = until.map_or("somebody runs `handoff unmute`".to_owned(), |until| {
                format!("{} (UTC)", times::local(until, chrono_tz::Tz::UTC))
            });
            output::say(&format!(
                "Nothing is said or written outside until {end}. Clocks and numbers go on; what is \
                 silenced stands in the outbox.\n"
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets everything be said again.
///
/// # Errors
/// When the table cannot be used.
pub fn end(options: &Ending) -> Result<ExitCode, Failure> {
    let clock = Clock::system();
    write(&options.place, &clock, None)?;
    match options.json {
        true => output::document(&json!({ "muted": false }))?,
        false => output::say(
            "What happens from now on is said again. What was silenced is sent from the outbox, \
             if you want it to be.\n",
        )?,
    }
    Ok(ExitCode::SUCCESS)
}

fn write(place: &Place, clock: &Clock, mute: Option<&Mute>) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::System)?.block_on(async {
        let table = place.open(clock)?;
        // A table that was never used has nothing to silence.
        table.active().await?.ok_or(Failure::NoConfig)?;
        Ok(table.store.put_mute(mute).await.map_err(SetupError::from)?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silence_has_a_length_or_none() {
        assert_eq!(span("2h").unwrap().elapsed().num_minutes(), 120);
        assert!(span("0m").unwrap_err().starts_with("that is no time at all"));
        assert!(span("soon").is_err());
    }
}
