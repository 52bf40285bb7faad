//! A handful of handoffs a day, told in a line each: those to which something happened.

use super::stage::Told;
use chrono::{DateTime, NaiveDate, Utc};
use domain::{Config, HandoffId, PersonId};
use serde::Serialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// One handoff's day.
#[derive(Clone, Debug, Serialize)]
pub struct Tale {
    /// The handoff.
    pub handoff: HandoffId,
    /// The name of its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// What happened to it, until the end of that day.
    pub steps: Vec<Step>,
}

/// One thing that happened to a handoff.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// When.
    pub at: DateTime<Utc>,
    /// What.
    pub what: String,
}

/// What makes a handoff worth telling, the rarest first; one of each is told a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Mark {
    Director,
    Withdrawn,
    Reassigned,
    Hotter,
    Resubmitted,
    Recycled,
    Succeeded,
}

/// Everything that can be told.
pub(super) struct Tales {
    config: Config,
    tales: BTreeMap<HandoffId, Tale>,
    marks: BTreeSet<(NaiveDate, Mark, HandoffId)>,
    told: BTreeSet<HandoffId>,
}

impl Tales {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            config: config.clone(),
            tales: BTreeMap::new(),
            marks: BTreeSet::new(),
            told: BTreeSet::new(),
        }
    }

    /// Takes down a bus event.
    pub(super) fn tell(&mut self, told: &Told) {
        let change = &told.data.change;
        let owner = told.data.about.owner.as_ref();
        let owner = owner.map_or("nobody", |owner| self.config.name_of(owner));
        let word = |key: &str| change[key].as_str().unwrap_or_default();
        let kind = self.config.types.get(&told.data.about.kind);
        let kind = kind.map_or(told.data.about.kind.as_str(), |kind| &kind.name).to_owned();
        let (what, mark) = match told.kind.trim_start_matches("handoff.") {
            "opened" => (format!("opened by {}", told.data.about.source), None),
            "joined" if word("change") == "upgraded" => {
                (format!("became a {}", kind.to_lowercase()), Some(Mark::Hotter))
            }
            "joined" => ("a second trigger joined".to_owned(), None),
            "assigned" => (format!("to {owner}"), None),
            "reassigned" => (format!("reassigned to {owner}"), Some(Mark::Reassigned)),
            "accepted" => ("accepted".to_owned(), None),
            "touched" => (self.touch(told), None),
            "reminded" => (format!("{owner} reminded"), None),
            "breached" => ("deadline missed".to_owned(), None),
            "escalated" => match word("do") {
                "tell" => (format!("{} told", self.holder(change)), None),
                "escalate" => {
                    (format!("escalated to {}", self.holder(change)), Some(Mark::Director))
                }
                _ => return,
            },
            "returned" => (format!("rejected: {}", word("reason")), None),
            "resubmitted" => ("resubmitted".to_owned(), Some(Mark::Resubmitted)),
            "completed" => {
                let success = change["success"] == true;
                (format!("completed: {}", word("outcome")), success.then_some(Mark::Succeeded))
            }
            "recycled" => {
                (format!("recycled to {}: {}", word("to"), word("reason")), Some(Mark::Recycled))
            }
            "cancelled" => (format!("cancelled: {}", word("reason")), None),
            "rated" => (format!("rated {} of 5", change["score"]), None),
            "unrouted" => ("nobody could take it".to_owned(), None),
            _ => return,
        };
        self.step(&told.handoff, kind, told.at, what, mark);
    }

    /// Takes down that a breach was taken back; a notice names its handoff in its link, first.
    pub(super) fn withdrawn(&mut self, at: DateTime<Utc>, message: &str) {
        let link = message.lines().next().unwrap_or_default();
        let id = HandoffId::from(link.rsplit('/').next().unwrap_or_default());
        let Some(kind) = self.tales.get(&id).map(|tale| tale.kind.clone()) else { return };
        let what = "breach withdrawn".to_owned();
        self.step(&id, kind, at, what, Some(Mark::Withdrawn));
    }

    /// Chooses what is told of a day: of each kind the first that was not told yet.
    pub(super) fn of(&mut self, day: NaiveDate) -> Vec<Tale> {
        let mut chosen = BTreeMap::new();
        for (_, mark, handoff) in self.marks.iter().filter(|(on, _, _)| *on == day) {
            if !chosen.contains_key(mark) && self.told.insert(handoff.clone()) {
                chosen.insert(*mark, handoff);
            }
        }
        let until_then = |handoff: &&HandoffId| {
            let mut tale = self.tales.get(*handoff)?.clone();
            tale.steps.retain(|step| self.config.day_of(step.at) <= day);
            Some(tale)
        };
        chosen.values().filter_map(until_then).collect()
    }

    fn step(
        &mut self,
        handoff: &HandoffId,
        kind: String,
        at: DateTime<Utc>,
        what: String,
        mark: Option<Mark>,
    ) {
        let tale = self.tales.entry(handoff.clone()).or_insert_with(|| Tale {
            handoff: handoff.clone(),
            kind: String::new(),
            steps: Vec::new(),
        });
        tale.kind = kind;
        // Events come in no promised order; the order they happened in is told.
        let place = tale.steps.partition_point(|step| step.at <= at);
        tale.steps.insert(place, Step { at, what });
        if let Some(mark) = mark {
            self.marks.insert((self.config.day_of(at), mark, handoff.clone()));
        }
    }

    /// Says how somebody got in touch, and when if that was earlier.
    fn touch(&self, told: &Told) -> String {
        let change = &told.data.change;
        let how = match change["channel"].as_str() {
            Some("phone") => "called",
            Some("email") => "mailed",
            _ => "touched",
        };
        let at = change["at"].as_str().and_then(|at| at.parse::<DateTime<Utc>>().ok());
        match at.filter(|at| (told.at - *at).num_seconds() >= 60) {
            Some(at) => {
                let local = at.with_timezone(&self.config.organisation.timezone);
                format!("recorded that they were {how} at {}", local.format("%H:%M"))
            }
            None => how.to_owned(),
        }
    }

    fn holder(&self, change: &Value) -> &str {
        let who = change["to"][0].as_str().map(PersonId::from);
        who.and_then(|who| self.config.people.get(&who)).map_or("somebody", |it| it.name.as_str())
    }
}
