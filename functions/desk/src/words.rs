//! Every sentence of a handoff's timeline, each a pure function of what happened.
//!
//! People read names and times in their own zone; nothing personal is said, because nothing
//! personal is in a change.

mod beside;

use crate::{moment, survey::PROSPECT};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::{
    Actor, Change, Commit, Config, PersonId, PoolId, TypeKey, change::Response, config::Act,
    handoff::Flag,
};

/// What sentences are said with: names from the configuration, times in a zone.
#[derive(Clone, Copy)]
pub(crate) struct Words<'a> {
    /// Who is called what.
    pub(crate) config: &'a Config,
    /// Where the reader is.
    pub(crate) zone: Tz,
}

/// Writes a word of a configuration list as people say it.
pub(crate) fn spoken(word: &str) -> String {
    word.replace('_', " ")
}

/// Reads the name a change has in history.
pub(crate) fn name_of(change: &Change) -> String {
    let tagged = serde_json::to_value(change).unwrap_or_default();
    tagged["change"].as_str().unwrap_or_default().to_owned()
}

impl Words<'_> {
    /// Says what a commit did, in one paragraph.
    pub(crate) fn of(&self, commit: &Commit) -> String {
        let mut said: Vec<String> = commit.changes.iter().map(|change| self.say(change)).collect();
        said.extend(self.told(commit));
        said.extend(self.sent(commit));
        match said.is_empty() {
            true => "Nothing that shows changed.".to_owned(),
            false => said.join(" "),
        }
    }

    /// Names who did it.
    pub(crate) fn actor(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person(person) => self.person(person),
            Actor::Source(source) if source.as_str() == PROSPECT => "who was passed on".to_owned(),
            Actor::Source(source) => format!("source {source}"),
            Actor::Router => "the router".to_owned(),
            Actor::Sweep => "the clock".to_owned(),
        }
    }

    /// Says which package values came with a commit; only fields are named, never values.
    fn told(&self, commit: &Commit) -> Option<String> {
        let told = commit.personal.get("told")?.as_array()?;
        let fields = self.config.types.get(&commit.about.kind).map(|kind| &kind.fields);
        let label = |name: &str| {
            let known = fields.and_then(|fields| fields.iter().find(|field| field.name == name));
            known.map_or_else(|| spoken(name), |field| field.label.clone())
        };
        let names: Vec<String> =
            told.iter().filter_map(|name| Some(label(name.as_str()?))).collect();
        (!names.is_empty()).then(|| format!("Learned: {}.", names.join(", ")))
    }

    /// Says which of the organisation's messages it was.
    fn sent(&self, commit: &Commit) -> Option<String> {
        let id = commit.personal.get("message")?.as_str()?;
        let known = self.config.messages.get(id).map(|rule| rule.name.clone());
        Some(format!("It was “{}”.", known.unwrap_or_else(|| crate::pages::plain(id))))
    }

    fn person(&self, person: &PersonId) -> String {
        self.config.name_of(person).to_owned()
    }

    fn people(&self, people: &[PersonId]) -> String {
        let names: Vec<String> = people.iter().map(|person| self.person(person)).collect();
        names.join(", ")
    }

    fn pool(&self, pool: &PoolId) -> String {
        self.config.pools.get(pool).map_or_else(|| pool.to_string(), |pool| pool.name.clone())
    }

    fn kind(&self, kind: &TypeKey) -> String {
        self.config.types.get(kind).map_or_else(|| kind.to_string(), |kind| kind.name.clone())
    }

    fn time(&self, at: DateTime<Utc>) -> String {
        moment::absolute(at, self.zone)
    }

    /// Says what one change did.
    fn say(&self, change: &Change) -> String {
        match change {
            Change::Opened { handoff } => format!(
                "Opened as {} by source {}, from {} to {}.",
                self.kind(&handoff.kind),
                handoff.source,
                handoff.from,
                handoff.to
            ),
            Change::Joined { kind } => {
                format!("Another trigger joined it, which would have opened {}.", self.kind(kind))
            }
            Change::Updated { .. } => self.updated(change),
            Change::Upgraded { kind, was, triggered_at, .. } => format!(
                "Upgraded from {} to {}; its clocks count from {}.",
                self.kind(was),
                self.kind(kind),
                self.time(*triggered_at)
            ),
            Change::ClockMoved { clock, was, .. } => {
                let undone = if was.is_some() { "; it is not missed any more" } else { "" };
                format!("Clock {} is due {}{undone}.", clock.name, self.time(clock.due_at))
            }
            Change::Assigned { .. } => self.assigned(change),
            Change::Unrouted { routing, .. } => format!(
                "Nobody could take it: {}. It is tried again {}.",
                routing.reason,
                self.time(routing.retry_at)
            ),
            Change::RoutingRequested { routing, .. } => {
                let pool = routing.pool.as_ref().map(|pool| format!(" in {}", self.pool(pool)));
                format!("An owner is looked for{}: {}.", pool.unwrap_or_default(), routing.reason)
            }
            Change::Accepted { by, .. } => format!("{} accepted it.", self.person(by)),
            Change::Engaged => "The receiving team is in touch.".to_owned(),
            Change::Touched { .. } => self.touched(change),
            Change::ClockMet { .. } | Change::Breached { .. } => self.clock_ended(change),
            Change::Stepped { .. } | Change::StepPassed { .. } => self.stepped(change),
            Change::Returned { reason, by } => {
                format!("{} gave it back to the sender: {}.", self.person(by), spoken(reason))
            }
            Change::Resubmitted { .. } => "The sender sent it again.".to_owned(),
            Change::Completed { .. } | Change::Recycled { .. } | Change::Cancelled { .. } => {
                self.ended(change)
            }
            Change::Noted => "Noted.".to_owned(),
            Change::Asked { question } => format!(
                "{} asked {} (question {}).",
                self.person(&question.by),
                self.person(&question.to),
                question.n
            ),
            Change::Answered { question, by, .. } => {
                format!("{} answered question {question}.", self.person(by))
            }
            Change::Mentioned { who } => format!("It names {}.", self.people(who)),
            Change::Rated { score, complete, .. } => {
                let complete = if *complete { "complete" } else { "incomplete" };
                format!("Rated {score} of 5; the information was {complete}.")
            }
            Change::SurveyAsked { .. }
            | Change::SurveyWithdrawn { .. }
            | Change::SurveyAnswered { .. } => self.surveyed(change),
            Change::MilestonesBegun { .. }
            | Change::MilestoneAsked { .. }
            | Change::MilestoneKnown { .. }
            | Change::MilestoneMissed { .. } => self.milestone(change),
            Change::Involved { who, part, by } => {
                format!("{} involved {} as {part}.", self.person(by), self.person(who))
            }
            Change::Released { who, by } => {
                format!("{} is involved no longer ({}).", self.person(who), self.person(by))
            }
            Change::ReadBack => "The rest was read back from the source.".to_owned(),
            Change::Flagged { flag } => flagged(*flag).to_owned(),
            Change::Paused { .. } | Change::Resumed { .. } => self.waited(change),
            Change::CadenceStarted { .. }
            | Change::CadenceEnded { .. }
            | Change::TaskDone { .. }
            | Change::TaskExcused { .. }
            | Change::TaskMissed { .. } => self.cadence(change),
            Change::Rescheduled { .. } | Change::Briefed { .. } | Change::OverlapEnded { .. } => {
                self.beside(change)
            }
            Change::MovedJourney { claim, .. } if claim.is_empty() => {
                "Two journeys turned out to be one; this handoff stands beside an older one of it."
                    .to_owned()
            }
            Change::MovedJourney { .. } => {
                "Two journeys turned out to be one; this handoff moved to the older.".to_owned()
            }
        }
    }

    fn updated(&self, change: &Change) -> String {
        let Change::Updated { score, amount, meeting_at, completeness } = change else {
            return String::new();
        };
        let mut news = Vec::new();
        news.extend(score.map(|score| format!("score {score}")));
        news.extend(amount.as_ref().map(|amount| format!("amount {amount}")));
        news.extend(meeting_at.map(|at| format!("meeting {}", self.time(at))));
        news.push(format!("package {completeness} % complete"));
        format!("Now known: {}.", news.join(", "))
    }

    fn assigned(&self, change: &Change) -> String {
        let Change::Assigned { owner, before, pool, rule, clocks, trace, .. } = change else {
            return String::new();
        };
        let from = before.as_ref().map(|before| format!(" from {}", self.person(before)));
        let why = match (&trace.by_hand, rule) {
            (Some(by), _) => format!("{} decided", self.person(by)),
            (None, Some(rule)) => format!("rule {rule}"),
            (None, None) => "asked for that pool".to_owned(),
        };
        let mut said = format!(
            "Given{} to {} of {} ({why}).",
            from.unwrap_or_default(),
            self.person(owner),
            self.pool(pool)
        );
        for clock in clocks {
            said += &format!(" Clock {} is due {}.", clock.name, self.time(clock.due_at));
        }
        said
    }

    fn touched(&self, change: &Change) -> String {
        let Change::Touched { channel, at, by, response, was, .. } = change else {
            return String::new();
        };
        let who = by.as_ref().map_or("The receiving team".to_owned(), |by| self.person(by));
        let count = |response: &Response| moment::length(response.seconds);
        let first = response.as_ref().map(|response| {
            let instead = was.as_ref().map(|was| format!(" instead of {}", count(was)));
            let instead = instead.unwrap_or_default();
            format!("; the first response, after {}{instead}", count(response))
        });
        let (channel, at) = (spoken(channel), self.time(*at));
        format!("{who} touched the subject ({channel}, {at}){}.", first.unwrap_or_default())
    }

    fn clock_ended(&self, change: &Change) -> String {
        match change {
            Change::ClockMet { clock, late: true, .. } => {
                format!("Clock {clock} was stopped too late.")
            }
            Change::ClockMet { clock, was: Some(_), .. } => {
                format!("Clock {clock} was met in time after all: the breach is withdrawn.")
            }
            Change::ClockMet { clock, .. } => format!("Clock {clock} was met in time."),
            Change::Breached { clock, due_at, .. } => {
                format!("Clock {clock} was missed: it was due {}.", self.time(*due_at))
            }
            _ => String::new(),
        }
    }

    fn stepped(&self, change: &Change) -> String {
        match change {
            Change::Stepped { clock, act, deadline, to, .. } => {
                let (to, due) = (self.people(to), self.time(*deadline));
                match act {
                    Act::Remind => format!("{to} was reminded: clock {clock} is due {due}."),
                    Act::Tell => format!("{to} was told that clock {clock} was missed."),
                    Act::Escalate => format!("Escalated to {to}: clock {clock} was missed."),
                    Act::Reassign => format!("Clock {clock} was missed: it goes to another rep."),
                    Act::Breach => format!("Clock {clock} was missed."),
                }
            }
            Change::StepPassed { clock, act, reason, .. } => {
                let step = match act {
                    Act::Remind => "reminder",
                    Act::Tell => "message",
                    Act::Escalate => "escalation",
                    Act::Reassign => "reassignment",
                    Act::Breach => "breach",
                };
                format!("The {step} of clock {clock} was left out: {reason}.")
            }
            _ => String::new(),
        }
    }

    fn ended(&self, change: &Change) -> String {
        match change {
            Change::Completed { outcome, success, value } => {
                let success = if *success { ", a success" } else { "" };
                let value = value.as_ref().map(|value| format!(", worth {value}"));
                format!("Completed: {}{success}{}.", spoken(outcome), value.unwrap_or_default())
            }
            Change::Recycled { to, reason } => {
                format!("Recycled to {}: {}.", spoken(to), spoken(reason))
            }
            Change::Cancelled { reason } => format!("Cancelled: {}.", spoken(reason)),
            _ => String::new(),
        }
    }
}

/// Says what people should know about how a handoff came to be.
pub(crate) fn flagged(flag: Flag) -> &'static str {
    match flag {
        Flag::TimeSuspect => "The source's time was not believable: clocks count from receipt.",
        Flag::Conflict => "One event came with two contents: both were kept.",
        Flag::NoDeadline => {
            "A clock's calendar never reaches its target: look after this one yourself."
        }
        Flag::Shortened => {
            "Some of what was sent is too long to be shown whole: the receipt has it."
        }
        Flag::ReadBack => "The source sent an id only: the rest is still to be read.",
        Flag::MergedBeside => "Two journeys were merged while both had one open here.",
        Flag::Incomplete => "It opened with less than its type asks for.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, config, handoff};
    use domain::{About, clock::Credit, handoff::Routing, money::Money, routing::Trace};

    fn check(change: Change, expected: &str) {
        let config = config();
        let words = Words { config: &config, zone: Tz::Europe__London };
        assert_eq!(words.say(&change), expected);
    }

    fn routing(pool: Option<&str>) -> Routing {
        let (since, retry_at) = (at("2026-01-05T09:00:00Z"), at("2026-01-05T09:05:00Z"));
        let reason = "nobody in SDR Europe can take it: 2 away".to_owned();
        Routing { reason, since, retry_at, pool: pool.map(Into::into), held: false }
    }

    fn assigned(before: Option<&str>, rule: Option<&str>, by_hand: Option<&str>) -> Change {
        let trace = Trace { by_hand: by_hand.map(Into::into), ..Trace::default() };
        Change::Assigned {
            owner: "ben".into(),
            before: before.map(Into::into),
            pool: "sdr_emea".into(),
            rule: rule.map(str::to_owned),
            turn: None,
            clocks: Vec::new(),
            trace: Box::new(trace),
        }
    }

    #[test]
    fn an_opening_says_what_by_whom_and_from_whom_to_whom() {
        let handoff = Box::new(handoff());
        check(
            Change::Opened { handoff },
            "Opened as MQL by source generic, from marketing to sdr.",
        );
    }

    #[test]
    fn an_assignment_says_why() {
        let rule = assigned(None, Some("Europe"), None);
        check(rule, "Given to Ben Whitlock of SDR Europe (rule Europe).");
        let by_hand = assigned(Some("amara"), None, Some("priya"));
        check(
            by_hand,
            "Given from Amara Okafor to Ben Whitlock of SDR Europe (Priya Nair decided).",
        );
        check(
            assigned(None, None, None),
            "Given to Ben Whitlock of SDR Europe (asked for that pool).",
        );
    }

    #[test]
    fn waiting_says_why_and_until_when() {
        let unrouted = Change::Unrouted {
            routing: routing(None),
            told: vec![],
            again: false,
            trace: Box::default(),
        };
        check(
            unrouted,
            "Nobody could take it: nobody in SDR Europe can take it: 2 away. It is tried again \
             Mon 5 Jan 2026, 09:05 GMT.",
        );
        let reason = "a person asked for it".to_owned();
        let asked = Routing { reason, ..routing(Some("sdr_americas")) };
        check(
            Change::RoutingRequested { routing: asked, had: None },
            "An owner is looked for in SDR Americas: a person asked for it.",
        );
    }

    #[test]
    fn a_first_touch_says_how_long_it_took() {
        let response = |seconds| Some(Response { seconds, credit: Credit::default() });
        let touched = |by: Option<&str>, response, was| Change::Touched {
            channel: "call".to_owned(),
            at: at("2026-01-05T09:04:00Z"),
            by: by.map(Into::into),
            first: true,
            response,
            was,
        };
        check(
            touched(Some("amara"), response(240), None),
            "Amara Okafor touched the subject (call, Mon 5 Jan 2026, 09:04 GMT); the first \
             response, after 4 min.",
        );
        check(
            touched(None, response(240), response(900)),
            "The receiving team touched the subject (call, Mon 5 Jan 2026, 09:04 GMT); the first \
             response, after 4 min instead of 15 min.",
        );
        check(
            touched(None, None, None),
            "The receiving team touched the subject (call, Mon 5 Jan 2026, 09:04 GMT).",
        );
    }

    #[test]
    fn a_clock_says_how_it_ended() {
        let met = |late, was: bool| Change::ClockMet {
            clock: "respond".to_owned(),
            at: at("2026-01-05T09:04:00Z"),
            late,
            credit: Credit::default(),
            was: was.then(Credit::default),
            told: Vec::new(),
        };
        check(met(false, false), "Clock respond was met in time.");
        check(met(true, false), "Clock respond was stopped too late.");
        check(
            met(false, true),
            "Clock respond was met in time after all: the breach is withdrawn.",
        );
        let due_at = at("2026-01-05T13:00:00Z");
        let credit = Credit::default();
        check(
            Change::Breached { clock: "respond".to_owned(), due_at, credit },
            "Clock respond was missed: it was due Mon 5 Jan 2026, 13:00 GMT.",
        );
    }

    #[test]
    fn a_step_says_whom_it_reached() {
        let stepped = |act| Change::Stepped {
            clock: "respond".to_owned(),
            n: 0,
            act,
            due_at: at("2026-01-05T12:12:00Z"),
            deadline: at("2026-01-05T13:00:00Z"),
            short_notice: false,
            to: vec!["priya".into()],
        };
        check(
            stepped(Act::Remind),
            "Priya Nair was reminded: clock respond is due Mon 5 Jan 2026, 13:00 GMT.",
        );
        check(stepped(Act::Tell), "Priya Nair was told that clock respond was missed.");
        check(stepped(Act::Escalate), "Escalated to Priya Nair: clock respond was missed.");
    }

    #[test]
    fn an_end_says_its_reason() {
        let value = Some(Money { minor: 5_000_000, currency: "EUR".to_owned() });
        check(
            Change::Completed { outcome: "meeting_booked".to_owned(), success: true, value },
            "Completed: meeting booked, a success, worth 50 000.00 EUR.",
        );
        check(
            Change::Returned { reason: "not_a_fit".to_owned(), by: "amara".into() },
            "Amara Okafor gave it back to the sender: not a fit.",
        );
        check(
            Change::Recycled { to: "nurture".to_owned(), reason: "no_budget".to_owned() },
            "Recycled to nurture: no budget.",
        );
        check(
            Change::Rated { score: 4, complete: false, stands: true },
            "Rated 4 of 5; the information was incomplete.",
        );
    }

    #[test]
    fn somebody_no_longer_on_the_roster_is_named_by_id() {
        check(
            Change::Accepted { by: "left_long_ago".into(), at: at("2026-01-05T09:00:00Z") },
            "left_long_ago accepted it.",
        );
    }

    #[test]
    fn a_commit_says_which_fields_came_and_never_their_values() {
        let config = config();
        let words = Words { config: &config, zone: Tz::Europe__London };
        let now = at("2026-01-05T09:00:00Z");
        let commit = Commit {
            handoff: "h".into(),
            version: 3,
            at: now,
            actor: Actor::Source("generic".into()),
            cause: "receipt r".to_owned(),
            attempt: "a".into(),
            changes: vec![],
            about: About::of(&handoff(), None, now, |at| at.date_naive()),
            lineage: None,
            personal: [("told".to_owned(), serde_json::json!(["fit", "shoe_size"]))].into(),
        };
        assert_eq!(words.of(&commit), "Learned: Fit assessment, shoe size.");
        assert_eq!(words.actor(&commit.actor), "source generic");
    }

    #[test]
    fn a_change_has_the_name_history_gives_it() {
        assert_eq!(name_of(&Change::Noted), "noted");
        let moved = Change::MovedJourney { journey: "j".into(), claim: "c".to_owned() };
        assert_eq!(name_of(&moved), "moved_journey");
    }
}
