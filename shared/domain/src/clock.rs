//! A clock of a handoff: when it is due, what happens on the way, and how it ended.
//!
//! A clock's steps are instants fixed when the clock starts, on the configuration the handoff
//! opened with, so a running clock is never re-timed by an edit and the sweep needs nothing but the
//! row. Steps count from the deadline, never from when the step before happened to run: lateness
//! cannot accumulate.

use crate::{
    calendar::{self, Calendar},
    config::{Act, ClockRule, RungTime, Start, Stop},
    ids::{CalendarKey, PersonId, PoolId},
    pause::put_off,
    span::Span,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How a clock stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClockState {
    /// Its deadline is ahead.
    #[default]
    Running,
    /// It was stopped in time.
    Met,
    /// Its deadline passed first.
    Breached,
    /// The handoff ended before the deadline.
    Closed,
}

impl fmt::Display for ClockState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Met => "met",
            Self::Breached => "breached",
            Self::Closed => "closed",
        })
    }
}

/// One thing that will happen at an instant unless the clock is stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Step {
    /// The rung's place in the ladder; the breach itself comes after the last.
    pub n: u8,
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
    /// What.
    #[serde(rename = "do")]
    pub act: Act,
    /// Whom it concerns: `owner`, or a role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// Who answers for a clock's end: the owner, pool and rule of its first met or breached.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Credit {
    /// The owner then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<PersonId>,
    /// The pool then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolId>,
    /// The rule that chose them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

/// One clock of a handoff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Clock {
    /// Its name, such as `respond`.
    pub name: String,
    /// How long it runs.
    pub target: Span,
    /// The calendar it counts on; none counts elapsed time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<CalendarKey>,
    /// Whether the calendar is the pool's, to be recounted at the first assignment.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pool_calendar: bool,
    /// What it counts from.
    #[serde(default)]
    pub from: Start,
    /// What stops it.
    #[serde(default)]
    pub stop: Stop,
    /// When it started.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub started_at: DateTime<Utc>,
    /// Its deadline.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub due_at: DateTime<Utc>,
    /// Whether the meeting was sooner than the lead time, so that it was due at once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub short_notice: bool,
    /// How it stands.
    #[serde(default)]
    pub state: ClockState,
    /// When it was stopped, also if too late.
    #[cfg_attr(feature = "schema", schemars(with = "Option<DateTime<Utc>>"))]
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub met_at: Option<DateTime<Utc>>,
    /// The deadline it missed.
    #[cfg_attr(feature = "schema", schemars(with = "Option<DateTime<Utc>>"))]
    #[serde(
        default,
        with = "chrono::serde::ts_milliseconds_option",
        skip_serializing_if = "Option::is_none"
    )]
    pub breached_at: Option<DateTime<Utc>>,
    /// What is still to happen, earliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Who was told of the breach, so that a withdrawal reaches them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<PersonId>,
    /// Who answers for its end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit: Option<Credit>,
}

/// A calendar by its name; `None` counts elapsed time.
pub type NamedCalendar<'a> = Option<(&'a CalendarKey, &'a Calendar)>;

impl Clock {
    /// Starts a clock; `None` when it counts back from a meeting nobody has set, or its calendar
    /// never works.
    pub fn start(
        rule: &ClockRule,
        target: Span,
        calendar: NamedCalendar<'_>,
        triggered_at: DateTime<Utc>,
        meeting_at: Option<DateTime<Utc>>,
    ) -> Option<Self> {
        Self::start_by(rule, target, calendar, triggered_at, (meeting_at, triggered_at))
    }

    /// Starts a clock whose meeting became known at an instant: nothing of it is due before that.
    pub fn start_by(
        rule: &ClockRule,
        target: Span,
        calendar: NamedCalendar<'_>,
        triggered_at: DateTime<Utc>,
        (meeting_at, known_at): (Option<DateTime<Utc>>, DateTime<Utc>),
    ) -> Option<Self> {
        let hours = calendar.map(|(_, hours)| hours);
        let (due_at, short_notice) = match rule.from {
            Start::Trigger => (calendar::deadline(hours, triggered_at, target)?, false),
            Start::Meeting => {
                let wanted = calendar::before(hours, meeting_at?, target)?;
                (wanted.max(known_at), wanted < known_at)
            }
        };
        let not_before = if rule.from == Start::Meeting { known_at } else { triggered_at };
        let mut steps = Vec::with_capacity(rule.ladder.len() + 1);
        for (index, rung) in rule.ladder.iter().enumerate() {
            let at = match rung.at {
                RungTime::Share(percent) => calendar::share(hours, triggered_at, due_at, percent),
                RungTime::Breach => due_at,
                RungTime::After(span) => calendar::after(hours, due_at, span)?,
            };
            let (n, at) = (u8::try_from(index).ok()?, at.max(not_before));
            steps.push(Step { n, at, act: rung.act, to: rung.to.clone() });
        }
        let n = u8::try_from(rule.ladder.len()).ok()?;
        steps.push(Step { n, at: due_at, act: Act::Breach, to: None });
        steps.sort_by_key(|step| (step.at, step.act != Act::Breach, step.n));
        Some(Self {
            name: rule.name.clone(),
            target,
            calendar: calendar.map(|(name, _)| name.clone()),
            pool_calendar: rule.calendar.as_deref() == Some("pool"),
            from: rule.from,
            stop: rule.stop,
            started_at: triggered_at,
            due_at,
            short_notice,
            state: ClockState::Running,
            met_at: None,
            breached_at: None,
            steps,
            told: Vec::new(),
            credit: None,
        })
    }

    /// Puts off what a pause kept waiting: the time that was left when it began is left when it
    /// ends. A clock that counts back from a meeting does not wait.
    pub fn put_off(&mut self, hours: Option<&Calendar>, from: DateTime<Utc>, to: DateTime<Utc>) {
        // A clock that began in the pause waits from its own beginning, one after it not at all.
        let from = from.max(self.started_at);
        if self.from == Start::Meeting || !self.is_ticking() || from >= to {
            return;
        }
        let later = |at: DateTime<Utc>| put_off(hours, at, (from, to));
        if self.state == ClockState::Running {
            self.due_at = later(self.due_at);
        }
        for step in &mut self.steps {
            step.at = later(step.at);
        }
    }

    /// Tells whether nothing has stopped it yet.
    pub fn is_ticking(&self) -> bool {
        self.met_at.is_none() && matches!(self.state, ClockState::Running | ClockState::Breached)
    }

    /// Finds the next step that will happen unless it is stopped.
    pub fn next_step(&self) -> Option<&Step> {
        self.steps.first().filter(|_| self.is_ticking())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Rung;

    fn rule(from: Start, target: &str) -> ClockRule {
        let rung = |at: &str, act, to: Option<&str>| Rung {
            at: RungTime::try_from(at.to_owned()).unwrap(),
            act,
            to: to.map(str::to_owned),
        };
        ClockRule {
            name: "respond".into(),
            target: target.parse().unwrap(),
            targets: Vec::new(),
            calendar: None,
            from,
            stop: Stop::Touch,
            ladder: vec![
                rung("+30m", Act::Reassign, None),
                rung("80%", Act::Remind, Some("owner")),
                rung("breach", Act::Tell, Some("manager")),
            ],
        }
    }

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn steps_follow_the_deadline_in_order_and_the_breach_comes_first_at_its_instant() {
        let rule = rule(Start::Trigger, "5m");
        let clock = Clock::start(&rule, rule.target, None, at("2026-01-05T09:00:00Z"), None);
        let clock = clock.unwrap();
        let steps: Vec<_> = clock.steps.iter().map(|step| (step.at, step.act)).collect();
        assert_eq!(
            steps,
            [
                (at("2026-01-05T09:04:00Z"), Act::Remind),
                (at("2026-01-05T09:05:00Z"), Act::Breach),
                (at("2026-01-05T09:05:00Z"), Act::Tell),
                (at("2026-01-05T09:35:00Z"), Act::Reassign),
            ]
        );
    }

    #[test]
    fn a_clock_counts_back_from_the_meeting() {
        let trigger = at("2026-01-05T09:00:00Z");
        let rule = rule(Start::Meeting, "24h");
        let far = Clock::start(&rule, rule.target, None, trigger, Some(at("2026-01-08T15:00:00Z")))
            .unwrap();
        assert_eq!((far.due_at, far.short_notice), (at("2026-01-07T15:00:00Z"), false));
        let near =
            Clock::start(&rule, rule.target, None, trigger, Some(at("2026-01-05T15:00:00Z")))
                .unwrap();
        assert_eq!((near.due_at, near.short_notice), (trigger, true));
        assert!(Clock::start(&rule, rule.target, None, trigger, None).is_none());
    }
}
