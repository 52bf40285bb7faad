//! What a clock's ladder says about the time around one of its rungs: what was due, and what comes
//! next.
//!
//! A commit says which rung was taken and when it was due, not what the ladder looks like; that is
//! read from the active configuration. Where it does not have that rung any more, nothing is said
//! rather than something wrong.

use crate::{
    commit::About,
    config::{Act, ClockRule, Config, Rung, RungTime, Stop},
};

/// One rung of a clock's ladder, among the others.
pub(super) struct Rungs<'a> {
    /// The clock's name.
    pub(super) clock: &'a str,
    config: &'a Config,
    about: &'a About,
    rule: Option<&'a ClockRule>,
    rung: Option<(usize, &'a Rung)>,
}

impl<'a> Rungs<'a> {
    /// Finds a rung in the active configuration.
    pub(super) fn of(config: &'a Config, about: &'a About, clock: &'a str, n: u8) -> Self {
        let kind = config.types.get(&about.kind);
        let rule = kind.and_then(|kind| kind.clocks.iter().find(|rule| rule.name == clock));
        let index = usize::from(n);
        let rung = rule.and_then(|rule| rule.ladder.get(index)).map(|rung| (index, rung));
        Self { clock, config, about, rule, rung }
    }

    /// Tells how much of the clock's time was used at the rung, in percent.
    pub(super) fn share_used(&self) -> Option<u32> {
        match self.rung?.1.at {
            RungTime::Share(percent) => Some(percent),
            RungTime::Breach | RungTime::After(_) => None,
        }
    }

    /// Says how long ago the deadline was at the rung; nothing at the deadline itself.
    pub(super) fn since(&self) -> String {
        let working = self.rule.is_some_and(|rule| rule.calendar.is_some());
        match self.rung.map(|(_, rung)| rung.at) {
            Some(RungTime::After(span)) if working => format!(" {span} of working time ago"),
            Some(RungTime::After(span)) => format!(" {span} ago"),
            _ => String::new(),
        }
    }

    /// Says what has not happened.
    pub(super) fn lacking(&self) -> &'static str {
        match self.rule.map(|rule| rule.stop) {
            Some(Stop::Touch) => "Nobody has been in touch yet.",
            Some(Stop::Accept) => "Nobody has accepted it yet.",
            Some(Stop::Success) => "Its purpose has not been reached yet.",
            None => "Its clock still runs.",
        }
    }

    /// Says what happens next if nobody does anything.
    pub(super) fn next(&self) -> String {
        let (Some(rule), Some((index, rung))) = (self.rule, self.rung) else {
            return "Follow the link to see what happens next.".to_owned();
        };
        let later =
            rule.ladder.iter().enumerate().filter(|(n, it)| place(it, *n) > place(rung, index));
        let unless = match rule.stop {
            Stop::Touch => "unless somebody is in touch first",
            Stop::Accept => "unless somebody accepts it first",
            Stop::Success => "unless its purpose is reached first",
        };
        match later.min_by_key(|(n, rung)| place(rung, *n)) {
            Some((_, next)) => format!("{}, {unless}.", self.foretell(next)),
            None if self.share_used().is_some() => {
                format!("At the deadline it is missed, {unless}.")
            }
            None => "Nothing more happens by itself: it waits for you.".to_owned(),
        }
    }

    fn foretell(&self, rung: &Rung) -> String {
        let when = match rung.at {
            RungTime::Share(percent) => format!("At {percent} % of its time"),
            RungTime::Breach => "At the deadline".to_owned(),
            RungTime::After(span) => format!("{span} after the deadline"),
        };
        let whom = match rung.to.as_deref() {
            Some("owner") => self.about.owner.as_ref(),
            Some(role) => self.config.role(self.about.pool.as_ref(), role),
            None => None,
        };
        let whom = whom.map(|person| self.config.name_of(person));
        let whom = whom.or(rung.to.as_deref()).unwrap_or("nobody");
        match rung.act {
            Act::Remind => format!("{when} {whom} is reminded"),
            Act::Tell => format!("{when} {whom} is told"),
            Act::Escalate => format!("{when} it is put before {whom}"),
            Act::Reassign => format!("{when} it is given to another rep"),
            Act::Breach => format!("{when} it is missed"),
        }
    }
}

/// Orders rungs as their clock takes them.
fn place(rung: &Rung, index: usize) -> (u8, i64, usize) {
    match rung.at {
        RungTime::Share(percent) => (0, i64::from(percent), index),
        RungTime::Breach => (1, 0, index),
        RungTime::After(span) => (2, span.elapsed().num_seconds(), index),
    }
}
