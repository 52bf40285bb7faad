//! `handoff absence REP`: says from when to when a rep is away, or that they are back, without the
//! desk.
//!
//! Whoever is away gets nothing new; what they have stays theirs. Whoever can use the table may do
//! it, so nobody is asked who they are.

use crate::{Failure, output, table::Place, times};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::{
    Config, PersonId,
    config::{self, Person},
};
use local::assembly::SetupError;
use runtime::Clock;
use serde_json::json;
use std::process::ExitCode;

/// The options of `absence`.
#[derive(Debug, Args)]
pub struct Options {
    /// The rep, by the id the configuration has
    pub rep: PersonId,
    /// When they are away
    #[command(flatten)]
    pub away: Away,
    /// Where that is stored
    #[command(flatten)]
    pub place: Place,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// From when to when; none when they are here.
type Times = Option<(DateTime<Utc>, DateTime<Utc>)>;

/// From when to when somebody is away, or that they are back.
#[derive(Debug, Args)]
#[group(required = true)]
pub struct Away {
    /// From when they are away, such as 2026-01-05T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = times::parse, requires = "to")]
    pub from: Option<DateTime<Utc>>,
    /// Until when
    #[arg(long, value_name = "TIME", value_parser = times::parse, requires = "from")]
    pub to: Option<DateTime<Utc>>,
    /// They are here
    #[arg(long, conflicts_with_all = ["from", "to"])]
    pub end: bool,
}

impl Away {
    /// Reads from when to when.
    fn read(&self) -> Result<Times, Failure> {
        match self.from.zip(self.to) {
            Some((from, to)) if from >= to => Err(Failure::AbsenceOver),
            away => Ok(away),
        }
    }
}

/// Records an absence, or its end.
///
/// # Errors
/// When it ends before it begins, there is no such rep, or the table cannot be used.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let away = options.away.read()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::System)?.block_on(record(options, away))?;
    Ok(ExitCode::SUCCESS)
}

async fn record(options: &Options, away: Times) -> Result<(), Failure> {
    let clock = Clock::system();
    let table = options.place.open(&clock)?;
    let stored = table.active().await?.ok_or(Failure::NoConfig)?;
    let config = config::load(&stored.text).map_err(|problems| Failure::Config {
        name: format!("configuration {}", stored.version),
        text: stored.text,
        problems,
    })?;
    let person = person(&config, &options.rep)?;
    let stored = table.store.set_absence(&options.rep, away, clock.now()).await;
    stored.map_err(SetupError::from)?;
    if options.json {
        return output::document(&json!({
            "rep": options.rep,
            "absent_from": away.map(|(from, _)| from),
            "absent_to": away.map(|(_, to)| to),
        }));
    }
    output::say(&said(&config, person, away))
}

fn person<'a>(config: &'a Config, rep: &PersonId) -> Result<&'a Person, Failure> {
    config.people.get(rep).ok_or_else(|| {
        let known: Vec<&str> = config.people.keys().map(PersonId::as_str).collect();
        Failure::UnknownPerson { wanted: rep.clone(), known: known.join(", ") }
    })
}

fn said(config: &Config, person: &Person, away: Times) -> String {
    let zone = person.timezone.unwrap_or(config.organisation.timezone);
    let name = &person.name;
    match away {
        None => format!("{name} is here.\n"),
        Some((from, to)) => {
            let (from, to) = (times::local(from, zone), times::local(to, zone));
            format!("{name} is away from {from} to {to} ({zone}). What they have stays theirs.\n")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use local::sample::ORGANISATION;

    #[derive(Debug, Parser)]
    struct Call {
        #[command(flatten)]
        options: Options,
    }

    fn call(arguments: &[&str]) -> Result<Options, clap::Error> {
        let call = Call::try_parse_from([&["absence"], arguments].concat());
        call.map(|call| call.options)
    }

    const FROM: [&str; 2] = ["--from", "2026-07-06T08:00:00Z"];
    const TO: [&str; 2] = ["--to", "2026-07-08T08:00:00Z"];

    #[test]
    fn an_absence_has_both_ends_or_is_ended_and_has_a_table() {
        let data = ["amara", "--data", "d"];
        let good = |more: &[&str]| call(&[&data, more].concat()).is_ok();
        assert!(good(&[FROM, TO].concat()) && good(&["--end"]));
        for wrong in [vec![], FROM.to_vec(), TO.to_vec(), [&FROM[..], &TO, &["--end"]].concat()] {
            assert!(!good(&wrong), "{wrong:?}");
        }
        assert!(call(&["amara", "--end"]).is_err(), "nowhere");
        assert!(call(&["amara", "--end", "--data", "d", "--table", "t"]).is_err(), "twice");
        assert!(!good(&["--from", "2026-07-06", "--to", "2026-07-08"]), "no zone");
    }

    #[test]
    fn an_absence_ends_after_it_begins() {
        let backwards = [&["amara", "--data", "d", "--from", TO[1], "--to", FROM[1]][..]].concat();
        let refused = call(&backwards).unwrap().away.read().unwrap_err();
        assert_eq!(refused.to_string(), "An absence ends after it begins: say a later --to.");
    }

    #[test]
    fn it_is_said_in_the_reps_own_time() {
        let config = config::load(ORGANISATION).unwrap();
        let away = Some((FROM[1].parse().unwrap(), TO[1].parse().unwrap()));
        let carla = person(&config, &"carla".into()).unwrap();
        assert_eq!(
            said(&config, carla, away),
            "Carla Jimenez is away from Mon 6 Jul 2026 04:00:00 to Wed 8 Jul 2026 04:00:00 \
             (America/New_York). What they have stays theirs.\n"
        );
        assert_eq!(said(&config, carla, None), "Carla Jimenez is here.\n");
        let refused = person(&config, &"mallory".into()).unwrap_err().to_string();
        assert!(refused.starts_with("There is nobody called `mallory`. There are: amara, "));
    }
}
