//! `handoff due`: when every clock of a handoff falls due, and each step of its ladder.
//!
//! The clocks are started by the same function that starts them when a handoff opens; with a lead
//! they are counted on the calendar of the pool the rules name, as after the first assignment.

use crate::{Failure, lead::Lead, organisation::Organisation, output, times};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::{
    PoolId, TypeKey,
    clock::Clock,
    config::{Act, Start},
    decide::start_clocks,
};
use serde_json::{Value, json};
use std::{path::PathBuf, process::ExitCode};

/// The options of `due`.
#[derive(Debug, Args)]
pub struct Options {
    /// The handoff type, such as `mql`
    #[arg(long = "type", value_name = "KEY")]
    pub kind: TypeKey,
    /// When it is triggered, such as 2026-01-05T09:00:00Z
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub at: DateTime<Utc>,
    /// The lead, so that the pool's calendar counts: the JSON body of a generic hook
    #[arg(long, value_name = "FILE")]
    pub lead: Option<PathBuf>,
    /// When the meeting is
    #[arg(long, value_name = "TIME", value_parser = times::parse)]
    pub meeting: Option<DateTime<Utc>>,
    /// The configuration [default: the sample organisation]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

/// Prints when the clocks fall due.
///
/// # Errors
/// When a file cannot be used, or there is no such type.
pub fn run(options: &Options) -> Result<ExitCode, Failure> {
    let organisation = Organisation::read(options.config.as_deref())?;
    let lead = options.lead.as_deref().map(|path| Lead::read(path, &organisation.config));
    let due = Due::of(&organisation, options, lead.transpose()?.as_ref())?;
    match options.json {
        true => output::document(&due.document())?,
        false => output::say(&due.text())?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The clocks of a handoff that opens at a time.
struct Due<'a> {
    organisation: &'a Organisation,
    kind: &'a TypeKey,
    name: &'a str,
    at: DateTime<Utc>,
    pool: Option<PoolId>,
    clocks: Vec<Clock>,
    waiting: Vec<&'a str>,
}

impl<'a> Due<'a> {
    fn of(
        organisation: &'a Organisation,
        options: &'a Options,
        lead: Option<&Lead>,
    ) -> Result<Self, Failure> {
        let kind = organisation.kind(&options.kind)?;
        let config = &organisation.config;
        let pool = lead.and_then(|lead| lead.pool(config, (&options.kind, kind), options.at));
        let meeting = options.meeting.or(lead.and_then(Lead::meeting_at));
        let targets = lead.map(|lead| lead.targets(config, (&options.kind, kind), options.at));
        let (times, targets) = ((options.at, meeting), targets.unwrap_or_default());
        let clocks = start_clocks(kind, config, pool.as_ref(), times, &targets);
        let waits = |name: &str| clocks.iter().all(|clock| clock.name != name);
        let from_meeting = kind.clocks.iter().filter(|rule| rule.from == Start::Meeting);
        let waiting = from_meeting.map(|rule| rule.name.as_str()).filter(|name| waits(name));
        Ok(Self {
            waiting: waiting.collect(),
            organisation,
            kind: &options.kind,
            name: &kind.name,
            at: options.at,
            pool,
            clocks,
        })
    }

    fn document(&self) -> Value {
        let step =
            |step: &domain::clock::Step| json!({ "at": step.at, "do": step.act, "to": step.to });
        let clock = |clock: &Clock| {
            json!({
                "name": clock.name, "calendar": clock.calendar, "due_at": clock.due_at,
                "steps": clock.steps.iter().map(step).collect::<Vec<_>>(),
            })
        };
        json!({
            "type": self.kind,
            "opened_at": self.at,
            "config_version": self.organisation.version(),
            "clocks": self.clocks.iter().map(clock).collect::<Vec<_>>(),
        })
    }

    fn text(&self) -> String {
        let zone = self.organisation.config.organisation.timezone;
        let mut text = format!("{}, triggered {} ({zone})", self.name, times::local(self.at, zone));
        let pools = &self.organisation.config.pools;
        if let Some(pool) = self.pool.as_ref().and_then(|pool| pools.get(pool)) {
            text += &format!(", for {}", pool.name);
        }
        text += "\n";
        for clock in &self.clocks {
            text += &self.clock(clock);
        }
        for name in &self.waiting {
            text += &format!(
                "\n{name}: counts back from the meeting. Say when it is with --meeting TIME.\n"
            );
        }
        text
    }

    fn clock(&self, clock: &Clock) -> String {
        let config = &self.organisation.config;
        let calendar = clock.calendar.as_ref();
        let zone = calendar.and_then(|name| config.calendars.get(name));
        let zone = zone.map_or(config.organisation.timezone, |calendar| calendar.timezone());
        let counted = match calendar {
            Some(name) => format!("of working time on calendar {name}"),
            None => "of elapsed time".to_owned(),
        };
        let from = match clock.from {
            Start::Trigger => "after the trigger",
            Start::Meeting => "before the meeting",
        };
        let due = times::local(clock.due_at, zone);
        let target = clock.target;
        let mut text = format!("\n{}: due {due} ({zone}), {target} {counted} {from}\n", clock.name);
        if clock.short_notice {
            text += "  the meeting is nearer than that: it is due at once\n";
        }
        for step in &clock.steps {
            let to = step.to.as_deref().unwrap_or_default();
            let what = match step.act {
                Act::Remind => format!("remind the {to}"),
                Act::Tell => format!("tell the {to}"),
                Act::Escalate => format!("escalate to the {to}"),
                Act::Reassign => "give it to somebody else".to_owned(),
                Act::Breach => "it counts as missed".to_owned(),
            };
            text += &format!("  {}  {what}{}\n", times::local(step.at, zone), self.name_of(step));
        }
        text
    }

    /// Names whoever has the role now.
    fn name_of(&self, step: &domain::clock::Step) -> String {
        let config = &self.organisation.config;
        let holder = step.to.as_deref().and_then(|role| config.role(self.pool.as_ref(), role));
        holder.map_or(String::new(), |holder| format!(" ({})", config.name_of(holder)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use local::sample::PUBLIC_URL;

    #[derive(Parser)]
    struct Call {
        #[command(flatten)]
        options: Options,
    }

    fn due(arguments: &[&str], lead: Option<&str>) -> (Value, String) {
        let organisation = Organisation::sample(PUBLIC_URL).unwrap();
        let options = Call::parse_from([&["due"], arguments].concat()).options;
        let lead = lead.map(|lead| Lead::parse(lead, &organisation.config).unwrap());
        let due = Due::of(&organisation, &options, lead.as_ref()).unwrap();
        (due.document(), due.text())
    }

    #[test]
    fn a_hot_lead_has_five_minutes_and_a_ladder() {
        let (document, text) = due(&["--type", "hot_lead", "--at", "2026-01-05T09:00:00Z"], None);
        let expected = json!({
            "type": "hot_lead", "opened_at": "2026-01-05T09:00:00Z", "config_version": null,
            "clocks": [{
                "name": "respond", "calendar": null, "due_at": "2026-01-05T09:05:00Z",
                "steps": [
                    { "at": "2026-01-05T09:04:00Z", "do": "remind", "to": "owner" },
                    { "at": "2026-01-05T09:05:00Z", "do": "breach", "to": null },
                    { "at": "2026-01-05T09:05:00Z", "do": "tell", "to": "manager" },
                    { "at": "2026-01-05T09:15:00Z", "do": "reassign", "to": null },
                    { "at": "2026-01-05T09:35:00Z", "do": "escalate", "to": "director" },
                ],
            }],
        });
        assert_eq!(document, expected);
        assert!(text.contains("tell the manager (Priya Nair)"), "{text}");
    }

    #[test]
    fn working_time_counts_on_the_calendar_of_the_pool_the_lead_routes_to() {
        let lead = |country: &str| {
            let subject = format!(r#"{{"email":"a@b.example","country":"{country}"}}"#);
            format!(r#"{{"type":"lead.scored","data":{{"subject":{subject},"score":70}}}}"#)
        };
        let check = |lead: Option<&str>, calendar: &str, due_at: &str| {
            // A Friday afternoon in London, Friday morning in New York.
            let (document, _) = due(&["--type", "mql", "--at", "2026-01-09T16:30:00Z"], lead);
            let clock = &document["clocks"][0];
            assert_eq!((&clock["calendar"], &clock["due_at"]), (&calendar.into(), &due_at.into()));
        };
        check(None, "london", "2026-01-12T12:00:00Z");
        check(Some(&lead("GB")), "london", "2026-01-12T12:00:00Z");
        check(Some(&lead("US")), "new_york", "2026-01-09T20:30:00Z");
    }

    #[test]
    fn a_clock_that_counts_back_says_that_it_needs_the_meeting() {
        let at = ["--type", "meeting_set", "--at", "2026-01-05T09:00:00Z"];
        let (document, text) = due(&at, None);
        assert_eq!(document["clocks"], json!([]));
        assert!(text.contains("prepare: counts back from the meeting"), "{text}");
        let meeting = ["--meeting", "2026-01-08T15:00:00Z"];
        let (document, _) = due(&[&at[..], &meeting[..]].concat(), None);
        assert_eq!(document["clocks"][0]["due_at"], "2026-01-07T15:00:00Z");
    }

    #[test]
    fn an_unknown_type_is_answered_with_those_there_are() {
        let organisation = Organisation::sample(PUBLIC_URL).unwrap();
        let refused = organisation.kind(&"sql".into()).unwrap_err().to_string();
        assert!(refused.contains("`sql`") && refused.contains("closed_won, "), "{refused}");
    }
}
