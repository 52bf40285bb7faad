//! The page of a survey, for people who are not of the organisation: one question, five words, a
//! comment, and nothing of the desk around it.

use super::html;
use crate::{fault::Fault, form};
use askama::Template;
use bytes::Bytes;
use domain::{Config, survey::WORDS};
use http::{Response, StatusCode};

/// A survey as whoever follows its link sees it.
#[derive(Template)]
#[template(path = "survey.html")]
pub(crate) struct SurveyPage {
    status: StatusCode,
    organisation: String,
    said: Option<String>,
    wrong: Option<String>,
    form: Option<Form>,
}

struct Form {
    token: String,
    question: String,
    words: Vec<Word>,
    comment: String,
}

struct Word {
    score: u8,
    word: &'static str,
    chosen: bool,
}

impl SurveyPage {
    /// Says something instead of asking.
    pub(crate) fn saying(config: &Config, status: StatusCode, said: String) -> Self {
        let organisation = config.organisation.name.clone();
        Self { status, organisation, said: Some(said), wrong: None, form: None }
    }

    /// Thanks for an answer.
    pub(crate) fn thanking(config: &Config) -> Self {
        let said = "Thank you. The people who look after you, and those who answer for them, \
                    read what you said.";
        Self::saying(config, StatusCode::OK, said.to_owned())
    }

    /// Asks.
    pub(crate) fn asking(config: &Config, token: &str, question: String) -> Self {
        // The best word first: it is what most people look for.
        let words = (1..).zip(WORDS).map(|(score, word)| Word { score, word, chosen: false });
        let mut words: Vec<Word> = words.collect();
        words.reverse();
        let form = Form { token: token.to_owned(), question, words, comment: String::new() };
        Self {
            status: StatusCode::OK,
            organisation: config.organisation.name.clone(),
            said: None,
            wrong: None,
            form: Some(form),
        }
    }

    /// Asks again, with what was typed.
    pub(crate) fn refusing(mut self, wrong: String, pairs: &form::Pairs) -> Self {
        (self.status, self.wrong) = (StatusCode::BAD_REQUEST, Some(wrong));
        if let Some(form) = &mut self.form {
            form.comment = pairs.get("comment").cloned().unwrap_or_default();
            for word in &mut form.words {
                word.chosen = pairs.get("score").is_some_and(|it| *it == word.score.to_string());
            }
        }
        self
    }

    /// Answers with another status.
    pub(crate) fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// Answers with it.
    pub(crate) fn answer(&self) -> Result<Response<Bytes>, Fault> {
        html(self.status, self)
    }
}
