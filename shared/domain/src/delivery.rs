//! What must be said or written outside when something was committed, and where.
//!
//! There are two kinds. What is **said** is said once for a commit: a notice, an event, a mail.
//! What is **kept** shows how a handoff stands: a card in a conversation, a record in a CRM; however
//! many commits there were, and whichever comes late, it is brought to how things stand now. What
//! must stay true: the same commit wants the same things whenever it is asked, and what would be
//! said too late to be true is not said.

pub mod patience;
mod record;

pub use record::{CrmTask, Desired, TaskState, desired, object};

use crate::{
    change::Change,
    clock::ClockState,
    commit::Commit,
    config::{Config, Destination, DestinationKind, Mode},
    handoff::Handoff,
    ids::PersonId,
    mail::{self, When},
    notice::{Notice, notices, would_be},
};
use chrono::{DateTime, Utc};
use std::fmt;

/// What the mail of an organisation is called among its destinations.
pub const MAIL: &str = "mail";

/// Where something is said in chat.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conversation {
    /// With somebody alone.
    Person(PersonId),
    /// Where a team reads it.
    Channel(String),
}

impl fmt::Display for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(person) => write!(f, "person:{person}"),
            Self::Channel(channel) => write!(f, "channel:{channel}"),
        }
    }
}

/// Something that must reach somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Kept: how the handoff stands, in a conversation.
    Card(Conversation),
    /// Kept: owner, task and status in a CRM.
    Record,
    /// Said: a notice, in a conversation.
    Notice(Conversation, Box<Notice>),
    /// Said: an event of the commit, by its name.
    Event(&'static str),
    /// Said: a notice, to one person by mail, not before a time.
    Mail(PersonId, DateTime<Utc>, Box<Notice>),
}

/// Something that must reach somebody, by which destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The destination's name in the configuration, or [`MAIL`].
    pub destination: String,
    /// What.
    pub what: What,
}

impl Wanted {
    /// Tells whether it shows how things stand, and is not said once.
    pub fn is_kept(&self) -> bool {
        matches!(self.what, What::Card(_) | What::Record)
    }

    /// Names it among everything of its destination that one commit wants.
    pub fn part(&self) -> String {
        match &self.what {
            What::Card(conversation) => format!("card:{conversation}"),
            What::Record => "record".to_owned(),
            What::Notice(conversation, notice) => {
                format!("{}:{}:{conversation}", notice.kind, place_of(notice))
            }
            What::Event(kind) => (*kind).to_owned(),
            What::Mail(person, _, notice) => {
                format!("{}:{}:person:{person}", notice.kind, place_of(notice))
            }
        }
    }

    /// Names what it is in a word.
    pub fn word(&self) -> &str {
        match &self.what {
            What::Card(_) => "card",
            What::Record => "record",
            What::Notice(_, notice) | What::Mail(_, _, notice) => notice.kind,
            What::Event(kind) => kind,
        }
    }

    /// Tells who is to read it, where that is one person.
    pub fn person(&self) -> Option<&PersonId> {
        match &self.what {
            What::Card(Conversation::Person(person))
            | What::Notice(Conversation::Person(person), _)
            | What::Mail(person, ..) => Some(person),
            _ => None,
        }
    }
}

/// Reads a notice's place in its commit off its id.
fn place_of(notice: &Notice) -> &str {
    notice.id.rsplit(':').next().unwrap_or_default()
}

/// Changes after which a card, or a record, may look otherwise.
fn shows(event: &str) -> bool {
    !matches!(
        event,
        "handoff.noted"
            | "handoff.asked"
            | "handoff.answered"
            | "handoff.rated"
            | "handoff.survey_asked"
            | "handoff.survey_answered"
            | "handoff.milestone_asked"
            | "handoff.milestone_known"
            | "handoff.milestone_missed"
            | "handoff.briefed"
            | "handoff.routing_requested"
            | "handoff.task_missed"
            | "handoff.reminded"
            | "handoff.flagged"
    )
}

/// Notices that whoever follows a team's channel reads there too.
fn concerns_the_team(notice: &Notice) -> bool {
    matches!(
        notice.kind,
        "breached" | "escalated" | "unrouted" | "withdrawn" | "returned" | "no_deadline"
    )
}

/// Lists what a commit wants to be said and written outside: what people wait for first, so that a
/// CRM that is slow keeps nobody from reading. A type that is only observed wants the same, so that
/// somebody can see what would be; one that is off wants nothing.
pub fn wanted(commit: &Commit, config: &Config) -> Vec<Wanted> {
    if commit.about.mode == Mode::Off {
        return Vec::new();
    }
    let notices = would_be(commit, config);
    let mut all = Vec::new();
    for (name, destination) in &config.destinations {
        if !destination.hears_of(&commit.about.kind) {
            continue;
        }
        let what = match destination.kind {
            DestinationKind::Slack => by_bot(name, destination, commit, &notices, config),
            DestinationKind::SlackWebhook => by_webhook(name, &notices),
            DestinationKind::Webhook => events(destination, commit),
            DestinationKind::Hubspot | DestinationKind::Salesforce | DestinationKind::Pipedrive => {
                let writes = !destination.writes(&commit.about.kind).is_empty();
                let shown = commit.events().into_iter().any(is_of_a_record);
                (writes && shown).then_some(What::Record).into_iter().collect()
            }
        };
        all.extend(what.into_iter().map(|what| Wanted { destination: name.clone(), what }));
    }
    all.extend(by_mail(commit, &notices, config));
    all.sort_by_key(|wanted| matches!(wanted.what, What::Record | What::Event(_)));
    all
}

/// Events after which a record in a CRM may be another.
fn is_of_a_record(event: &str) -> bool {
    !matches!(
        event,
        "handoff.opened"
            | "handoff.unrouted"
            | "handoff.breached"
            | "handoff.escalated"
            | "handoff.involved"
            | "handoff.released"
    ) && shows(event)
}

fn by_bot(
    name: &str,
    destination: &Destination,
    commit: &Commit,
    notices: &[Notice],
    config: &Config,
) -> Vec<What> {
    let about = &commit.about;
    let known = |person: &&PersonId| {
        config.people.get(*person).is_some_and(|person| person.ids.contains_key(name))
    };
    let pool = about.pool.as_ref().and_then(|pool| config.pools.get(pool));
    let channel = pool.and_then(|pool| pool.channel.as_ref()).or(destination.channel.as_ref());
    let mut all = Vec::new();
    // A handoff that has just opened has an owner in a moment, and its pool's channel with it:
    // what is learned of it meanwhile is shown there.
    let placed = about.owner.is_some() || about.owner_before.is_some() || about.pool.is_some();
    let shown = |event: &'static str| match event {
        "handoff.opened" => false,
        "handoff.updated" | "handoff.joined" => placed,
        other => shows(other),
    };
    if commit.events().into_iter().any(shown) {
        let owners = about.owner.iter().chain(&about.owner_before);
        let mut seen: Vec<&PersonId> = Vec::new();
        for person in owners {
            if !seen.contains(&person) {
                seen.push(person);
                all.push(What::Card(Conversation::Person(person.clone())));
            }
        }
        let channel = channel.map(|channel| Conversation::Channel(channel.clone()));
        all.extend(channel.map(What::Card));
    }
    for notice in notices {
        // What is given or taken, its card shows.
        let by_card = matches!(notice.kind, "assigned" | "gone");
        let readers = notice.to.iter().filter(|_| !by_card).filter(known);
        all.extend(readers.map(|person| {
            What::Notice(Conversation::Person(person.clone()), Box::new(notice.clone()))
        }));
        let channel = channel.filter(|_| concerns_the_team(notice));
        all.extend(channel.map(|channel| {
            What::Notice(Conversation::Channel(channel.clone()), Box::new(notice.clone()))
        }));
    }
    all
}

/// An incoming webhook has one channel: it hears what concerns everybody there.
fn by_webhook(name: &str, notices: &[Notice]) -> Vec<What> {
    let here = Conversation::Channel(name.to_owned());
    let heard = |notice: &&Notice| concerns_the_team(notice) || notice.kind == "assigned";
    let heard = notices.iter().filter(heard);
    heard.map(|notice| What::Notice(here.clone(), Box::new(notice.clone()))).collect()
}

fn events(destination: &Destination, commit: &Commit) -> Vec<What> {
    let wanted = |event: &&'static str| {
        destination.events.is_empty() || destination.events.iter().any(|one| one == event)
    };
    commit.events().into_iter().filter(|event| wanted(event)).map(What::Event).collect()
}

/// Lists the mails that are not sent at once: those are sent by whoever reads the commit first. Of a
/// type that is only observed all are listed.
fn by_mail(commit: &Commit, notices: &[Notice], config: &Config) -> Vec<Wanted> {
    let later = |at| at != When::Now || commit.about.mode == Mode::Observe;
    mailed(commit, notices, config, later)
}

/// Lists the mails that whoever reads the commit first sends at once.
pub fn mailed_at_once(commit: &Commit, config: &Config) -> Vec<Wanted> {
    mailed(commit, &notices(commit, config), config, |when| when == When::Now)
}

/// Lists the mails of a commit, those that would be sent at once among them.
pub fn mails(commit: &Commit, config: &Config) -> Vec<Wanted> {
    mailed(commit, &would_be(commit, config), config, |_| true)
}

fn mailed(
    commit: &Commit,
    notices: &[Notice],
    config: &Config,
    takes: impl Fn(When) -> bool,
) -> Vec<Wanted> {
    let mut all = Vec::new();
    for notice in notices {
        for person in &notice.to {
            let when = mail::when(config, person, notice, &commit.about.kind, commit.at);
            let at = match when {
                _ if !takes(when) => continue,
                When::At(at) => at,
                When::Now => commit.at,
                When::Never => continue,
            };
            let what = What::Mail(person.clone(), at, Box::new(notice.clone()));
            all.push(Wanted { destination: MAIL.to_owned(), what });
        }
    }
    all
}

/// Tells why something is not to be said any more, now that the handoff stands as it does; nothing
/// where it still is.
pub fn outdated(
    wanted: &Wanted,
    commit: &Commit,
    handoff: &Handoff,
    now: DateTime<Utc>,
) -> Option<&'static str> {
    let (What::Notice(_, notice) | What::Mail(_, _, notice)) = &wanted.what else { return None };
    let place: usize = place_of(notice).parse().ok()?;
    let change = commit.changes.get(place);
    match (notice.kind, change) {
        ("reminded" | "breached" | "escalated", Some(Change::Stepped { clock, .. })) => {
            let clock = handoff.clocks.iter().find(|known| known.name == *clock);
            let is_met = clock.is_some_and(|clock| clock.met_at.is_some());
            let is_over = clock.is_none_or(|clock| clock.state != ClockState::Running);
            match notice.kind {
                "reminded" if is_over => Some("its deadline came, or it was met, meanwhile"),
                _ if is_met => Some("it was done meanwhile"),
                _ if !handoff.stage.is_open() => Some("it ended meanwhile"),
                _ => None,
            }
        }
        ("unrouted", _) if handoff.owner.is_some() || !handoff.stage.is_open() => {
            Some("somebody has it meanwhile")
        }
        ("assigned", _) if handoff.owner != commit.about.owner => Some("it went on meanwhile"),
        ("assigned", _) if !handoff.stage.is_open() => Some("it ended meanwhile"),
        ("assigned", _) if handoff.accepted_at.is_some() => Some("it was accepted meanwhile"),
        ("gone", _) if handoff.owner == commit.about.owner_before => Some("it came back meanwhile"),
        ("asked", Some(Change::Asked { question })) => {
            let waits = handoff.questions.iter().any(|open| open.n == question.n);
            (!waits).then_some("it was answered meanwhile")
        }
        ("briefed", _) if handoff.meeting_at.is_some_and(|at| at < now) => {
            Some("the meeting is over")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::played;

    #[track_caller]
    fn check(change: Change, placed: bool, cards: &[&str]) {
        let mut commit = played::commit(vec![change]);
        if !placed {
            commit.about.owner = None;
            commit.about.owner_before = None;
            commit.about.pool = None;
        }
        let wanted = wanted(&commit, &played::config());
        let cards_wanted: Vec<String> =
            wanted.iter().filter(|one| one.word() == "card").map(Wanted::part).collect();
        assert_eq!(cards_wanted, cards);
    }

    #[test]
    fn what_is_learned_before_anybody_has_it_is_shown_where_it_goes_and_nowhere_else() {
        let learned =
            Change::Updated { score: Some(90), amount: None, meeting_at: None, completeness: 50 };
        check(learned.clone(), false, &[]);
        check(learned, true, &["card:person:ben", "card:person:amara", "card:channel:C0SDREMEA"]);
        check(Change::Noted, true, &[]);
    }

    #[test]
    fn what_people_wait_for_comes_before_what_systems_do() {
        let accepted =
            Change::Accepted { by: "ben".into(), at: played::at("2026-01-06T09:00:00Z") };
        let wanted = wanted(&played::commit(vec![accepted]), &played::config());
        let slow = |one: &Wanted| matches!(one.what, What::Record | What::Event(_));
        assert!(wanted.is_sorted_by_key(slow) && wanted.iter().any(slow), "{wanted:?}");
    }
}
