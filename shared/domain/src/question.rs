//! Questions from one side of a handoff to the other: each stands open until it is answered, also
//! after the handoff has ended, because that is when people find what they were not told.
//!
//! The words are personal and stand in the commit's erasable part; here is who asked whom, and
//! when.

use crate::{
    change::Change,
    config::Config,
    decide::{Facts, Refusal},
    handoff::Handoff,
    ids::PersonId,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How many questions may stand open at once.
const OPEN_MAX: usize = 10;

/// How many people a note names at most.
const MENTIONED_MAX: usize = 10;

/// A question that is not answered yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Question {
    /// Its number within the handoff, from 1.
    pub n: u32,
    /// Who asks.
    pub by: PersonId,
    /// Whom.
    pub to: PersonId,
    /// When.
    #[cfg_attr(feature = "schema", schemars(with = "DateTime<Utc>"))]
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub at: DateTime<Utc>,
}

/// Decides a question: to whom it says, else to the other side.
pub(crate) fn ask(
    handoff: &Handoff,
    (by, to): (PersonId, Option<PersonId>),
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    if handoff.questions.len() >= OPEN_MAX {
        return Err(Refusal::EnoughQuestions(OPEN_MAX));
    }
    let to = match to {
        Some(to) if facts.active.people.contains_key(&to) => to,
        Some(to) => return Err(Refusal::UnknownPerson(to)),
        None => other_side(handoff, &by).ok_or(Refusal::NobodyThere)?,
    };
    let n = handoff.asked + 1;
    Ok(vec![Change::Asked { question: Question { n, by, to, at: now } }])
}

/// Decides an answer.
pub(crate) fn answer(handoff: &Handoff, by: PersonId, n: u32) -> Result<Vec<Change>, Refusal> {
    let open = handoff.questions.iter().find(|question| question.n == n);
    let asked = open.ok_or(Refusal::NoQuestion(n))?;
    Ok(vec![Change::Answered { question: n, by, to: asked.by.clone() }])
}

/// Finds who stands on the other side of somebody: the sender asks the owner, everybody else the
/// sender.
fn other_side(handoff: &Handoff, by: &PersonId) -> Option<PersonId> {
    let (sender, owner) = (handoff.sender.as_ref(), handoff.owner.as_ref());
    let other = if sender == Some(by) { owner } else { sender };
    other.filter(|other| *other != by).cloned()
}

/// Finds whom a note names: `@` and their key, each once.
pub fn mentioned(text: &str, config: &Config) -> Vec<PersonId> {
    let mut named = Vec::new();
    for (place, _) in text.match_indices('@') {
        // An address names nobody here.
        if text[..place].ends_with(|c: char| c.is_alphanumeric()) {
            continue;
        }
        let is_key = |c: &char| c.is_alphanumeric() || matches!(c, '_' | '-');
        let key: String = text[place + 1..].chars().take_while(is_key).collect();
        let known = config.people.get_key_value(key.as_str());
        let known = known.filter(|(id, person)| person.active && !named.contains(*id));
        named.extend(known.map(|(id, _)| id.clone()));
        if named.len() == MENTIONED_MAX {
            break;
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, Stage, config, decide};

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn handoff() -> Handoff {
        Handoff {
            kind: "meeting_set".into(),
            stage: Stage::Completed,
            sender: Some("amara".into()),
            owner: Some("elena".into()),
            ..Handoff::default()
        }
    }

    fn asks(handoff: &Handoff, by: &str, to: Option<&str>) -> Result<Vec<Change>, Refusal> {
        let config = config::load(SAMPLE).unwrap();
        let facts = Facts { active: &config, pinned: &config };
        let command = Command::Ask { by: by.into(), to: to.map(Into::into) };
        decide(handoff, command, facts, DateTime::UNIX_EPOCH)
    }

    fn asked(changes: &[Change]) -> (u32, String) {
        let [Change::Asked { question }] = changes else { panic!("{changes:?}") };
        (question.n, question.to.to_string())
    }

    #[test]
    fn a_question_goes_to_the_other_side_and_stands_until_it_is_answered() {
        let first = asks(&handoff(), "elena", None).unwrap();
        assert_eq!(asked(&first), (1, "amara".to_owned()), "also after the end");
        let once = handoff().after(&first, DateTime::UNIX_EPOCH);
        let second = asks(&once, "amara", None).unwrap();
        assert_eq!(asked(&second), (2, "elena".to_owned()));
        let twice = once.after(&second, DateTime::UNIX_EPOCH);
        let answered = answer(&twice, "amara".into(), 1).unwrap();
        let Change::Answered { to, .. } = &answered[0] else { panic!("{answered:?}") };
        assert_eq!(to.as_str(), "elena");
        let left = twice.after(&answered, DateTime::UNIX_EPOCH);
        assert_eq!(left.questions.iter().map(|one| one.n).collect::<Vec<_>>(), [2]);
        assert_eq!(answer(&left, "amara".into(), 1), Err(Refusal::NoQuestion(1)));
        assert_eq!(asked(&asks(&left, "priya", Some("ben")).unwrap()), (3, "ben".to_owned()));
    }

    #[test]
    fn a_question_that_reaches_nobody_is_refused() {
        let alone = Handoff { sender: None, ..handoff() };
        assert_eq!(asks(&alone, "elena", None), Err(Refusal::NobodyThere));
        let unknown = Err(Refusal::UnknownPerson("mallory".into()));
        assert_eq!(asks(&handoff(), "elena", Some("mallory")), unknown);
        let mut busy = handoff();
        for _ in 0..OPEN_MAX {
            let changes = asks(&busy, "elena", None).unwrap();
            busy = busy.after(&changes, DateTime::UNIX_EPOCH);
        }
        assert_eq!(asks(&busy, "elena", None), Err(Refusal::EnoughQuestions(OPEN_MAX)));
    }

    #[test]
    fn a_note_names_whoever_stands_behind_an_at() {
        let config = config::load(SAMPLE).unwrap();
        let named = mentioned("@amara, see b@elena.example and @ben! @amara @nobody @", &config);
        assert_eq!(named, ["amara".into(), "ben".into()]);
    }
}
