//! Who is involved in a handoff besides its owner: other receivers, of whom the owner is the lead,
//! and sponsors.
//!
//! A receiver hears what the owner hears, sees the handoff among their own, and touches for the
//! receiving team. A sponsor is somebody higher who hears when it goes wrong. The owner alone
//! answers for the clocks, however many are involved.

use crate::{
    change::Change,
    config::{Config, InvolveRule},
    decide::{Facts, Refusal},
    handoff::Handoff,
    ids::PersonId,
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many people may be involved.
const INVOLVED_MAX: usize = 10;

/// What somebody who is involved is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// They receive it with the owner.
    Receiver,
    /// They hear when it goes wrong.
    Sponsor,
}

impl Part {
    /// Reads a part's word.
    pub fn of(word: &str) -> Option<Self> {
        [Self::Receiver, Self::Sponsor].into_iter().find(|part| part.to_string() == word)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receiver => "receiver",
            Self::Sponsor => "sponsor",
        })
    }
}

/// Somebody who is involved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Involved {
    /// Who.
    pub who: PersonId,
    /// As what.
    #[serde(rename = "as")]
    pub part: Part,
}

/// Finds who is involved in a handoff that opens, by the rules whose clauses all hold.
pub(crate) fn at_opening(
    rules: &[InvolveRule],
    holds: impl Fn(&[String]) -> bool,
    config: &Config,
) -> Vec<Involved> {
    let mut involved: Vec<Involved> = Vec::new();
    for rule in rules.iter().filter(|rule| holds(&rule.when)) {
        let Some(who) = config.role(None, &rule.who) else { continue };
        if involved.iter().all(|one| one.who != *who) {
            involved.push(Involved { who: who.clone(), part: rule.part });
        }
    }
    involved
}

/// Decides that somebody is involved; as something else, if they were before.
pub(crate) fn involve(
    handoff: &Handoff,
    by: PersonId,
    (who, part): (PersonId, Part),
    facts: Facts<'_>,
) -> Result<Vec<Change>, Refusal> {
    if !facts.active.people.get(&who).is_some_and(|person| person.active) {
        return Err(Refusal::UnknownPerson(who));
    }
    if handoff.owner.as_ref() == Some(&who) {
        let owner = facts.active.name_of(&who).to_owned();
        return Err(Refusal::LeadsAlready { owner });
    }
    let known = handoff.involved.iter().find(|one| one.who == who);
    match known {
        Some(one) if one.part == part => Err(Refusal::Nothing),
        None if handoff.involved.len() >= INVOLVED_MAX => {
            Err(Refusal::EnoughInvolved(INVOLVED_MAX))
        }
        _ => Ok(vec![Change::Involved { who, part, by }]),
    }
}

/// Decides that somebody is involved no longer.
pub(crate) fn release(
    handoff: &Handoff,
    by: PersonId,
    who: PersonId,
) -> Result<Vec<Change>, Refusal> {
    match handoff.involved.iter().any(|one| one.who == who) {
        true => Ok(vec![Change::Released { who, by }]),
        false => Err(Refusal::Nothing),
    }
}

impl Handoff {
    /// Lists everybody who has this among their own without being its owner: who stays beside the
    /// owner, and who is involved.
    pub fn beside(&self) -> impl Iterator<Item = &PersonId> {
        let stays = self.overlap.iter().map(|overlap| &overlap.who);
        stays.chain(self.involved.iter().map(|one| &one.who)).filter(|_| self.stage.is_open())
    }

    /// Tells whether somebody receives it with its owner.
    pub fn is_received_by(&self, person: &PersonId) -> bool {
        let theirs = |one: &Involved| one.who == *person && one.part == Part::Receiver;
        self.involved.iter().any(theirs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, Stage, config, decide};
    use chrono::DateTime;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn done(handoff: &Handoff, command: Command) -> Result<Handoff, Refusal> {
        let config = config::load(SAMPLE).unwrap();
        let facts = Facts { active: &config, pinned: &config };
        let changes = decide(handoff, command, facts, DateTime::UNIX_EPOCH)?;
        Ok(handoff.clone().after(&changes, DateTime::UNIX_EPOCH))
    }

    fn involve(who: &str, part: Part) -> Command {
        Command::Involve { by: "priya".into(), who: who.into(), part }
    }

    fn handoff() -> Handoff {
        Handoff {
            kind: "closed_won".into(),
            stage: Stage::Assigned,
            owner: Some("ingrid".into()),
            to: "cs".to_owned(),
            ..Handoff::default()
        }
    }

    #[test]
    fn a_receiver_touches_for_the_team_and_a_sponsor_does_not() {
        let touch = |by: &str| Command::Touch {
            channel: "email".to_owned(),
            at: DateTime::UNIX_EPOCH,
            by: Some(by.into()),
        };
        for (part, stage) in [(Part::Receiver, Stage::Engaged), (Part::Sponsor, Stage::Assigned)] {
            let with = done(&handoff(), involve("elena", part)).unwrap();
            assert_eq!(with.beside().map(PersonId::as_str).collect::<Vec<_>>(), ["elena"]);
            assert_eq!(done(&with, touch("elena")).unwrap().stage, stage, "{part}");
        }
    }

    #[test]
    fn somebody_is_involved_once_and_as_one_thing() {
        let with = done(&handoff(), involve("elena", Part::Receiver)).unwrap();
        assert_eq!(done(&with, involve("elena", Part::Receiver)), Err(Refusal::Nothing));
        let other = done(&with, involve("elena", Part::Sponsor)).unwrap();
        assert_eq!(other.involved.len(), 1);
        let owner = done(&with, involve("ingrid", Part::Receiver)).unwrap_err();
        assert!(matches!(owner, Refusal::LeadsAlready { .. }), "{owner}");
        let nobody = done(&with, involve("mallory", Part::Receiver));
        assert_eq!(nobody, Err(Refusal::UnknownPerson("mallory".into())));
        let release = Command::Release { by: "priya".into(), who: "elena".into() };
        let without = done(&with, release.clone()).unwrap();
        assert_eq!(without.beside().count(), 0);
        assert_eq!(done(&without, release), Err(Refusal::Nothing));
        let full = (0..INVOLVED_MAX)
            .map(|n| Involved { who: format!("p{n}").as_str().into(), part: Part::Receiver });
        let full = Handoff { involved: full.collect(), ..handoff() };
        let more = done(&full, involve("elena", Part::Receiver));
        assert_eq!(more, Err(Refusal::EnoughInvolved(INVOLVED_MAX)));
    }
}
