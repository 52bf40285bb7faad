//! A survey: the person who was passed on says in one of five words how that went.
//!
//! It is asked by a link anybody may open who has it, without signing in, so what a link may do is
//! decided here on the handoff as it stands: one answer, while it is the last one made, until its
//! time is over. Whether a link is genuine is the desk's business. The comment is personal and
//! stands in the commit's erasable part.

use crate::{
    change::Change,
    config::SurveyRule,
    decide::{Facts, Refusal},
    handoff::Handoff,
    ids::PersonId,
    stage::Stage,
};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The words prospects answer with, the worst first: one to five.
pub const WORDS: [&str; 5] = ["poor", "fair", "good", "very good", "excellent"];

/// A question to the person who was passed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survey {
    /// Its number within the handoff, from 1; a later one takes the place of an earlier.
    pub n: u32,
    /// Until when it may be answered.
    #[serde(with = "chrono::serde::ts_milliseconds")]
    pub until: DateTime<Utc>,
    /// What they answered, one to five.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<u8>,
    /// Whether it was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

/// Why a link cannot be answered any more, as whoever follows it reads it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Over {
    /// It was answered.
    #[error("This was answered already. Thank you: one answer is all we ask for.")]
    Answered,
    /// A later link took its place.
    #[error("A newer link took the place of this one: look for it in our last message.")]
    Replaced,
    /// It was taken back.
    #[error("We took this question back: there is nothing to answer.")]
    Withdrawn,
    /// What it is about ended another way.
    #[error("What this was about has ended, so there is nothing to answer any more.")]
    Ended,
    /// Its time is over.
    #[error("This link was good until {}. Tell us directly, if you like.", .0.format("%-d %B %Y"))]
    Expired(DateTime<Utc>),
}

impl Survey {
    /// Tells whether somebody may still answer it.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.score.is_none() && !self.withdrawn && now < self.until
    }
}

/// Reads the word of a score.
pub fn word(score: u8) -> &'static str {
    WORDS.get(usize::from(score).saturating_sub(1)).copied().unwrap_or_default()
}

/// Finds the survey a link asks for, if it can be answered.
///
/// # Errors
/// [`Over`], as a sentence for whoever follows the link.
pub fn asked(handoff: &Handoff, n: u32, now: DateTime<Utc>) -> Result<&Survey, Over> {
    let survey = handoff.survey.as_ref().filter(|survey| n <= survey.n).ok_or(Over::Withdrawn)?;
    if n < survey.n {
        return Err(Over::Replaced);
    }
    if survey.score.is_some() {
        return Err(Over::Answered);
    }
    if survey.withdrawn {
        return Err(Over::Withdrawn);
    }
    if matches!(handoff.stage, Stage::Cancelled | Stage::Recycled) {
        return Err(Over::Ended);
    }
    match now < survey.until {
        true => Ok(survey),
        false => Err(Over::Expired(survey.until)),
    }
}

/// Finds what a type asks: of the configuration the handoff opened with, or else of the active one,
/// so that what is already open can be asked about too.
pub fn rule<'a>(handoff: &Handoff, facts: Facts<'a>) -> Option<&'a SurveyRule> {
    let active = facts.active.types.get(&handoff.kind);
    let pinned = facts.kind(handoff).and_then(|kind| kind.survey.as_ref());
    pinned.or_else(|| active.and_then(|kind| kind.survey.as_ref()))
}

/// Begins the survey of a handoff whose receiving team is in touch for the first time.
pub(crate) fn begun(handoff: &Handoff, facts: Facts<'_>, now: DateTime<Utc>) -> Option<Change> {
    let rule = rule(handoff, facts).filter(|rule| rule.at_first_touch)?;
    handoff.survey.is_none().then(|| next(handoff, rule, now))
}

/// Decides a new link; one before it counts no longer.
pub(crate) fn ask(
    handoff: &Handoff,
    facts: Facts<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    let rule = rule(handoff, facts).ok_or(Refusal::NoSurvey)?;
    if handoff.survey.as_ref().is_some_and(|survey| survey.score.is_some()) {
        return Err(Refusal::Surveyed);
    }
    match handoff.stage {
        Stage::Assigned | Stage::Accepted | Stage::Engaged | Stage::Completed => {
            Ok(vec![next(handoff, rule, now)])
        }
        _ => Err(Refusal::NobodyToRate),
    }
}

/// Takes a link back.
pub(crate) fn withdraw(handoff: &Handoff, by: PersonId) -> Result<Vec<Change>, Refusal> {
    let open = |survey: &&Survey| survey.score.is_none() && !survey.withdrawn;
    handoff
        .survey
        .as_ref()
        .filter(open)
        .map(|survey| vec![Change::SurveyWithdrawn { n: survey.n, by }])
        .ok_or(Refusal::Nothing)
}

/// Decides an answer.
pub(crate) fn answer(
    handoff: &Handoff,
    n: u32,
    score: u8,
    now: DateTime<Utc>,
) -> Result<Vec<Change>, Refusal> {
    let survey = asked(handoff, n, now).map_err(Refusal::Survey)?;
    match score {
        1..=5 => Ok(vec![Change::SurveyAnswered { n: survey.n, score }]),
        _ => Err(Refusal::Rating(score)),
    }
}

fn next(handoff: &Handoff, rule: &SurveyRule, now: DateTime<Utc>) -> Change {
    let n = handoff.survey.as_ref().map_or(1, |survey| survey.n + 1);
    Change::SurveyAsked { n, until: now + rule.open_for.elapsed() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Command, config, decide};
    use chrono::Duration;

    const SAMPLE: &str = include_str!("../../../infra/local/sample/organisation.toml");

    fn at(day: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + Duration::days(day)
    }

    fn handoff() -> Handoff {
        Handoff {
            kind: "closed_won".into(),
            stage: Stage::Assigned,
            owner: Some("ingrid".into()),
            ..Handoff::default()
        }
    }

    fn done(handoff: &Handoff, command: Command, day: i64) -> Result<Handoff, Refusal> {
        let config = config::load(SAMPLE).unwrap();
        let facts = Facts { active: &config, pinned: &config };
        let changes = decide(handoff, command, facts, at(day))?;
        Ok(handoff.clone().after(&changes, at(day)))
    }

    fn touch(day: i64) -> Command {
        let by = Some("ingrid".into());
        Command::Touch { channel: "email".to_owned(), at: at(day), by }
    }

    fn answer(n: u32, score: u8) -> Command {
        Command::AnswerSurvey { n, score }
    }

    #[test]
    fn the_first_touch_asks_and_one_answer_ends_it() {
        let touched = done(&handoff(), touch(1), 1).unwrap();
        assert_eq!(touched.survey.as_ref().map(|it| (it.n, it.until)), Some((1, at(31))));
        let again = done(&touched, touch(2), 2).unwrap();
        assert_eq!(again.survey, touched.survey, "once");
        let answered = done(&touched, answer(1, 4), 3).unwrap();
        assert_eq!(answered.survey.as_ref().and_then(|it| it.score), Some(4));
        let twice = done(&answered, answer(1, 1), 3).unwrap_err();
        assert_eq!(twice, Refusal::Survey(Over::Answered));
        assert_eq!(done(&answered, Command::AskSurvey, 4), Err(Refusal::Surveyed));
        assert_eq!(done(&touched, answer(1, 6), 3), Err(Refusal::Rating(6)));
    }

    #[test]
    fn a_link_that_is_over_says_why() {
        let touched = done(&handoff(), touch(1), 1).unwrap();
        let refused = |handoff: &Handoff, n, day| match done(handoff, answer(n, 5), day) {
            Err(Refusal::Survey(over)) => over,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&touched, 1, 31), Over::Expired(at(31)));
        assert_eq!(refused(&touched, 2, 2), Over::Withdrawn, "one nobody made");
        assert_eq!(refused(&handoff(), 1, 2), Over::Withdrawn);
        let newer = done(&touched, Command::AskSurvey, 2).unwrap();
        assert_eq!(refused(&newer, 1, 3), Over::Replaced);
        let by = Command::WithdrawSurvey { by: "ingrid".into() };
        let withdrawn = done(&newer, by.clone(), 3).unwrap();
        assert_eq!(refused(&withdrawn, 2, 3), Over::Withdrawn);
        assert_eq!(done(&withdrawn, by, 3), Err(Refusal::Nothing));
        let cancel = Command::Cancel { reason: "other".to_owned() };
        let cancelled = done(&touched, cancel, 2).unwrap();
        assert_eq!(refused(&cancelled, 1, 3), Over::Ended);
        assert_eq!(done(&cancelled, Command::AskSurvey, 3), Err(Refusal::NobodyToRate));
        let won = Command::Complete { outcome: "activated".into(), value: None, at: at(2) };
        let won = done(&touched, won, 2).unwrap();
        assert!(done(&won, answer(1, 5), 3).is_ok(), "what went well can be rated after its end");
    }

    #[test]
    fn who_is_asked_nothing_has_no_link() {
        let mql = Handoff { kind: "mql".into(), ..handoff() };
        assert_eq!(done(&mql, touch(1), 1).unwrap().survey, None);
        assert_eq!(done(&mql, Command::AskSurvey, 1), Err(Refusal::NoSurvey));
    }
}
