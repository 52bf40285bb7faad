//! What people say to one another at a handoff, as its page shows it: questions that stand open, and
//! a form that was refused, as it was typed.

use super::{
    Choice, Reader,
    handoff::choice,
    shown::{Moment, Shown},
};
use crate::{form, sheet::Sheet};
use domain::{Change, question::Question};
use std::collections::BTreeMap;

/// A form that was refused, as it was typed.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) verb: &'static str,
    pub(super) pairs: form::Pairs,
    pub(super) wrong: BTreeMap<String, String>,
}

impl Typed {
    /// Reads what was typed into a field of a verb's form; nothing, where that form was not sent.
    pub(super) fn said(&self, verb: &str, name: &str) -> &str {
        let typed = self.pairs.get(name).filter(|_| self.verb == verb);
        typed.map_or("", String::as_str)
    }

    /// Tells whether a choice of a verb's form was made.
    pub(super) fn chose(&self, verb: &str, name: &str, id: &str) -> bool {
        self.said(verb, name) == id && !id.is_empty()
    }
}

/// A question that is not answered yet.
pub(super) struct QuestionLine {
    pub(super) n: u32,
    pub(super) by: String,
    pub(super) to: String,
    pub(super) at: Moment,
    pub(super) text: Option<String>,
}

/// Lists the questions that stand open, with their words from the history.
pub(super) fn questions(sheet: &Sheet, reader: &Reader<'_>) -> Vec<QuestionLine> {
    let asked = |n: u32| {
        let asks =
            |change: &Change| matches!(change, Change::Asked { question } if question.n == n);
        sheet.history.iter().find(|commit| commit.changes.iter().any(asks))
    };
    let line = |question: &Question| QuestionLine {
        n: question.n,
        by: reader.config.name_of(&question.by).to_owned(),
        to: reader.config.name_of(&question.to).to_owned(),
        at: Moment::of(question.at, reader.zone),
        text: asked(question.n)
            .and_then(|commit| commit.personal.get("note"))
            .map(|note| Shown::of(note).text),
    };
    sheet.handoff.questions.iter().map(line).collect()
}

/// Lists everybody who can be asked.
pub(super) fn people(reader: &Reader<'_>) -> Vec<Choice> {
    let others = reader.config.people.iter().filter(|(_, person)| person.active);
    let others = others.filter(|(id, _)| reader.person != Some(*id));
    others.map(|(id, person)| choice(id.as_str(), &person.name)).collect()
}
