//! Every sentence the system says urgently, and to whom.
//!
//! A notice is made from the commit row alone; the active configuration only lends names, links,
//! zones and the ladder behind "next". So a redelivered commit says the same thing under the same
//! id. What must stay true: it names handoffs by id and people of the organisation by name, never a
//! lead, but for the mail before a meeting, which is the package; a handoff that is only observed
//! says nothing; the text is plain, 72 columns, the link first, under an ASCII subject that the
//! topic accepts.

mod after;
mod ahead;
mod brief;
mod bundle;
mod clocks;
mod passed;
mod subject;
pub(crate) mod words;

pub use crate::digest::text::turns;
pub use brief::Known;
pub use bundle::{Bundle, bundle, letter};
pub use subject::{SUBJECT_MAX, defuse_subject};

use crate::{
    change::Change,
    commit::{About, Actor, Commit},
    config::{Act, Config, Mode},
    digest::text::fold,
    handoff::{Flag, Handoff},
    ids::{PersonId, PoolId},
    involved::{Involved, Part},
    stage::Stage,
};
use ahead::Rungs;
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::borrow::Cow;

/// Something that somebody must hear now.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// The handoff, its version and the change's place in the commit: the same at every redelivery.
    pub id: String,
    /// What it is about: `reminded`, `breached`, `escalated`, `unrouted`, `withdrawn`, `briefed`,
    /// `no_deadline`, `incomplete`, `asked`, `answered`, `mentioned`, `rated`, `surveyed`,
    /// `milestone`, `involved`, `assigned`, `gone` or `returned`: one of [`KINDS`].
    pub kind: &'static str,
    /// `info` or `urgent`.
    pub severity: &'static str,
    /// Who must hear it; never empty.
    pub to: Vec<PersonId>,
    /// The teams it concerns: the receiving one.
    pub teams: Vec<String>,
    /// ASCII, at most 99 characters.
    pub subject: String,
    /// Lines of at most 72 columns, the link first.
    pub body: String,
    /// The same for those who lay it out otherwise: where it is read.
    pub link: String,
    /// What happened.
    pub sentence: String,
    /// Labels and values.
    pub facts: Vec<(&'static str, String)>,
    /// Lines beneath: personal data.
    pub attached: Vec<String>,
}

/// What the subject of a test's notice begins with.
const TEST: &str = "Test: ";

/// Every kind of notice there is.
pub const KINDS: [&str; 18] = [
    "reminded",
    "breached",
    "escalated",
    "unrouted",
    "withdrawn",
    "briefed",
    "no_deadline",
    "incomplete",
    "asked",
    "answered",
    "mentioned",
    "rated",
    "surveyed",
    "milestone",
    "involved",
    "assigned",
    "gone",
    "returned",
];

/// Tells what a commit has to say to whom; nothing while its type is only observed.
pub fn notices(commit: &Commit, config: &Config) -> Vec<Notice> {
    match commit.about.mode {
        Mode::Live => would_be(commit, config),
        Mode::Off | Mode::Observe => Vec::new(),
    }
}

/// Tells what a commit would have to say to whom if its type were live.
pub fn would_be(commit: &Commit, config: &Config) -> Vec<Notice> {
    let writer = Writer { commit, config };
    let changes = commit.changes.iter().enumerate();
    let said =
        changes.filter_map(|(index, change)| Some(writer.notice(index, writer.say(change)?)));
    // Who is drawn in at the opening hears of it beside what the opening itself says.
    let drawn_in = writer.drawn_in().into_iter();
    // What a place is left for is another person, and hears something else.
    let gone = writer.gone().into_iter();
    let also = drawn_in.chain(gone).enumerate();
    let after = commit.changes.len();
    said.chain(also.map(|(index, said)| writer.notice(after + index, said))).collect()
}

/// What is said, before it is laid out.
struct Said<'a> {
    kind: &'static str,
    severity: &'static str,
    to: Cow<'a, [PersonId]>,
    subject: String,
    sentence: String,
    facts: Vec<(&'static str, String)>,
    attached: Vec<String>,
}

struct Writer<'a> {
    commit: &'a Commit,
    config: &'a Config,
}

impl<'a> Writer<'a> {
    /// Finds the words for a change that somebody must hear of.
    fn say(&self, change: &'a Change) -> Option<Said<'a>> {
        let said = match change {
            Change::Stepped {
                clock,
                n,
                act: act @ (Act::Remind | Act::Tell | Act::Escalate),
                deadline,
                short_notice,
                to,
                ..
            } => {
                let rungs = Rungs::of(self.config, &self.commit.about, clock, *n);
                let mut said = match act {
                    Act::Remind => self.reminder(rungs, *deadline, to),
                    _ => self.missed(rungs, *act, *deadline, to),
                };
                if *short_notice {
                    said.sentence +=
                        " The meeting was sooner than its lead time: it was due at once.";
                }
                said
            }
            Change::Unrouted { routing, told, again: false, trace } => {
                let asked = trace.pool.as_ref().or(self.commit.about.pool.as_ref());
                let facts = vec![
                    ("Why", routing.reason.clone()),
                    ("Pool", asked.map_or("none".to_owned(), |pool| self.pool(pool))),
                    ("Since", self.time(routing.since, told)),
                    (
                        "Next",
                        format!(
                            "Somebody is looked for again on {}. Or choose an owner yourself: \
                             follow the link.",
                            self.time(routing.retry_at, told)
                        ),
                    ),
                ];
                Said {
                    kind: "unrouted",
                    severity: "urgent",
                    to: told.into(),
                    subject: format!("No owner: {}, {}", self.kind(), routing.reason),
                    sentence: format!("{}: nobody could take it. Its clock runs.", self.kind()),
                    facts,
                    attached: Vec::new(),
                }
            }
            Change::ClockMet { clock, at, was: Some(was), told, .. } => {
                let sentence = format!(
                    "{}: `{clock}` was not missed after all. It was met in time, and the record \
                     of that came in late.",
                    self.kind()
                );
                let owner = self.owner(was.owner.as_ref(), was.pool.as_ref());
                self.withdrawn(clock, told, sentence, ("Met", *at), owner)
            }
            Change::ClockMoved { clock, told, .. } => {
                let sentence = format!(
                    "{}: `{}` is not missed any more. The meeting moved, and the deadline with it.",
                    self.kind(),
                    clock.name
                );
                let owner = self.present_owner();
                self.withdrawn(&clock.name, told, sentence, ("Due", clock.due_at), owner)
            }
            Change::Briefed { to, meeting_at } => self.brief(std::slice::from_ref(to), *meeting_at),
            Change::Opened { handoff } if handoff.flags.contains(&Flag::NoDeadline) => {
                self.no_deadline()
            }
            Change::Opened { handoff } if handoff.flags.contains(&Flag::Incomplete) => {
                self.incomplete(handoff)
            }
            Change::Flagged { flag: Flag::NoDeadline } => self.no_deadline(),
            Change::Asked { question } => {
                let by = self.config.name_of(&question.by);
                let sentence = format!("{}: {by} asks you something about it.", self.kind());
                self.word("asked", std::slice::from_ref(&question.to), "Question", sentence)
            }
            Change::Answered { by, to, .. } => {
                let by = self.config.name_of(by);
                let sentence = format!("{}: {by} answered what you asked.", self.kind());
                self.word("answered", std::slice::from_ref(to), "Answer", sentence)
            }
            Change::Mentioned { who } => {
                let sentence = format!("{}: a note on it names you.", self.kind());
                self.word("mentioned", who, "Note", sentence)
            }
            Change::Rated { score, complete, .. } => self.rated(*score, *complete)?,
            Change::SurveyAnswered { score, .. } => self.surveyed(*score),
            Change::MilestoneAsked { milestone, told } => self.milestone(milestone, told, false),
            Change::MilestoneMissed { milestone, told } => self.milestone(milestone, told, true),
            Change::Involved { who, part, by } => self.involved(who, *part, Some(by))?,
            Change::Assigned { owner, .. } => self.assigned(owner)?,
            Change::Returned { reason, by } => self.returned(reason, by),
            _ => return None,
        };
        (!said.to.is_empty()).then_some(said)
    }

    fn brief(&self, to: &'a [PersonId], meeting_at: Option<DateTime<Utc>>) -> Said<'a> {
        let when = meeting_at.map(|at| self.time(at, to)).unwrap_or_default();
        let known = self.commit.personal.get("brief").cloned().unwrap_or_default();
        let known: Known = serde_json::from_value(known).unwrap_or_default();
        let count = known.missing.len();
        let missing = if count == 0 { String::new() } else { format!(", {count} missing") };
        Said {
            kind: "briefed",
            severity: "info",
            to: to.into(),
            subject: format!("{}: everything known for {when}{missing}", self.kind()),
            sentence: format!("{}: the meeting is {when}. This is what is known.", self.kind()),
            facts: vec![("Owner", self.present_owner())],
            attached: known.lines(),
        }
    }

    /// Says to whoever answers for it that nothing will happen by itself.
    fn no_deadline(&self) -> Said<'a> {
        let manager = self.config.role(self.commit.about.pool.as_ref(), "manager");
        Said {
            kind: "no_deadline",
            severity: "urgent",
            to: manager.map(std::slice::from_ref).unwrap_or_default().into(),
            subject: format!("No deadline: {}", self.kind()),
            sentence: format!(
                "{}: the calendar of one of its clocks never reaches the target, so that clock has \
                 no deadline, or still counts to an older one. Look after it yourself, and give \
                 the calendar hours.",
                self.kind()
            ),
            facts: vec![("Owner", self.present_owner())],
            attached: Vec::new(),
        }
    }

    /// Says that somebody wrote something; the words are read where they stand.
    fn word(
        &self,
        kind: &'static str,
        to: &'a [PersonId],
        what: &str,
        sentence: String,
    ) -> Said<'a> {
        let subject = format!("{what}: {} ({})", self.kind(), self.present_owner());
        let facts = vec![
            ("Owner", self.present_owner()),
            ("Next", "Follow the link to read it.".to_owned()),
        ];
        Said {
            kind,
            severity: "info",
            to: to.into(),
            subject,
            sentence,
            facts,
            attached: Vec::new(),
        }
    }

    /// Says to whoever sent it that more was wanted.
    fn incomplete(&self, handoff: &'a Handoff) -> Said<'a> {
        let sender = handoff.sender.as_ref();
        let manager = || self.config.role(self.commit.about.pool.as_ref(), "manager");
        let to = sender.or_else(manager).map(std::slice::from_ref).unwrap_or_default();
        let held = handoff.routing.as_ref().filter(|routing| routing.held);
        let follows = match held {
            Some(routing) => format!(
                "Nobody is given it before what is missing is there, or {}.",
                self.time(routing.retry_at, to)
            ),
            None if handoff.stage == Stage::Returned => "It stands in your queue.".to_owned(),
            None => "It goes to a receiver as it is.".to_owned(),
        };
        Said {
            kind: "incomplete",
            severity: "info",
            to: to.into(),
            subject: format!("Incomplete: {}, {} %", self.kind(), handoff.completeness),
            sentence: format!(
                "{}: its package is {} % complete, and its type asks for more. {follows}",
                self.kind(),
                handoff.completeness
            ),
            facts: vec![("Next", "Follow the link and add what is missing.".to_owned())],
            attached: Vec::new(),
        }
    }

    fn notice(&self, index: usize, said: Said<'_>) -> Notice {
        let said = self.in_own_words(said);
        let Commit { handoff, version, about, .. } = self.commit;
        let desk = self.config.organisation.public_url.trim_end_matches('/');
        let mut lines = vec![format!("{desk}/handoffs/{handoff}"), String::new()];
        lines.extend(fold(&said.sentence, ""));
        lines.push(String::new());
        for (label, value) in &said.facts {
            lines.extend(fold(value, &format!("{label:<7}")));
        }
        lines.extend(fold(handoff.as_str(), &format!("{:<7}", "Id")));
        if !said.attached.is_empty() {
            lines.push(String::new());
            lines.extend(said.attached.iter().cloned());
        }
        let pool = about.pool.as_ref().and_then(|pool| self.config.pools.get(pool));
        let kind = self.config.types.get(&about.kind);
        let team = pool.map(|pool| &pool.team).or(kind.map(|kind| &kind.to));
        let test = if about.test { TEST } else { "" };
        Notice {
            id: format!("{handoff}:{version}:{index}"),
            kind: said.kind,
            severity: said.severity,
            to: self.with_whoever_stands_by(said.kind, &said.to),
            teams: team.into_iter().cloned().collect(),
            subject: defuse_subject(&format!("{test}{}", said.subject)),
            body: lines.join("\n") + "\n",
            link: format!("{desk}/handoffs/{handoff}"),
            sentence: said.sentence,
            facts: said.facts,
            attached: said.attached,
        }
    }

    /// Adds whoever stands by the owner to what the owner hears, and sponsors to what went wrong.
    fn with_whoever_stands_by(&self, kind: &str, to: &[PersonId]) -> Vec<PersonId> {
        let About { owner, beside, involved, .. } = &self.commit.about;
        let hears = owner.as_ref().is_some_and(|owner| to.contains(owner));
        let went_wrong = matches!(kind, "breached" | "escalated");
        let concerns = |one: &&Involved| match one.part {
            Part::Receiver => hears,
            Part::Sponsor => went_wrong,
        };
        let involved = involved.iter().filter(concerns).map(|one| &one.who);
        let stays = beside.iter().filter(|_| hears);
        let mut all = to.to_vec();
        for who in stays.chain(involved) {
            if !all.contains(who) {
                all.push(who.clone());
            }
        }
        all
    }

    fn is_by(&self, who: &PersonId) -> bool {
        matches!(&self.commit.actor, Actor::Person(person) if person == who)
    }

    fn kind(&self) -> &str {
        let key = &self.commit.about.kind;
        self.config.types.get(key).map_or(key.as_str(), |kind| kind.name.as_str())
    }

    fn pool(&self, pool: &PoolId) -> String {
        let known = self.config.pools.get(pool);
        known.map_or(pool.as_str(), |known| known.name.as_str()).to_owned()
    }

    fn present_owner(&self) -> String {
        self.owner(self.commit.about.owner.as_ref(), self.commit.about.pool.as_ref())
    }

    fn owner(&self, owner: Option<&PersonId>, pool: Option<&PoolId>) -> String {
        let name = owner.map_or("nobody", |owner| self.config.name_of(owner));
        match pool {
            Some(pool) => format!("{name}, {}", self.pool(pool)),
            None => name.to_owned(),
        }
    }

    /// Writes an instant in the zone of whoever reads it, once for each zone.
    fn time(&self, at: DateTime<Utc>, readers: &[PersonId]) -> String {
        let mut times = Vec::new();
        for reader in readers {
            let zone = self.config.people.get(reader).and_then(|person| person.timezone);
            let zone = zone.unwrap_or(self.config.organisation.timezone);
            let local = at.with_timezone(&zone);
            let time = format!("{} ({zone})", local.format("%a %-d %b %Y %H:%M:%S"));
            if !times.contains(&time) {
                times.push(time);
            }
        }
        times.join(" / ")
    }
}

#[cfg(test)]
mod tests;
