//! Survey links: who holds one may answer once, without signing in.
//!
//! A link names a handoff and the number of its survey, and proves by a MAC that this desk made
//! it; nothing is stored for it, and what it may still do is read off the handoff. Looking at it
//! changes nothing, because mail scanners look at every link. What must stay true: a link tells
//! whoever holds it nothing about anybody but the question.

use crate::{Desk, fault::Fault, form, pages::SurveyPage};
use bytes::Bytes;
use domain::{
    Actor, AttemptId, Command, Config, Facts, Handoff, HandoffId, Refusal, decide,
    survey::{self, Over},
};
use hmac::{Hmac, KeyInit, Mac};
use http::{Method, Request, Response, StatusCode};
use runtime::secrets::{SecretError, Wanted};
use sha2::Sha256;
use store::{By, StoreError, Write};
use subtle::ConstantTimeEq;

/// How many bytes of the MAC a link has: nobody guesses 128 bits.
const MAC_BYTES: usize = 16;

/// How long a comment may be, in characters.
const COMMENT_CHARS_MAX: usize = 4_000;

/// How often a lost race is decided again.
const TRIES: usize = 5;

/// Under which name answers stand in the history.
pub(crate) const PROSPECT: &str = "survey";

/// What a link on a laptop is made with.
const SAMPLE_SECRET: &str = "local-links-secret";

/// What is asked where the question itself could not be read.
const AGAIN: &str = "How well did we pass you on?";

/// What a prospect said.
struct Answer {
    score: u8,
    comment: Option<String>,
}

impl Desk {
    /// Makes the link of a handoff's survey, if it can be answered now.
    ///
    /// # Errors
    /// A sentence when there is no secret to make it with.
    pub(crate) async fn survey_link(
        &self,
        handoff: &Handoff,
        config: &Config,
    ) -> Result<Option<String>, String> {
        let now = self.clock.now();
        let open = handoff.survey.as_ref().map(|one| survey::asked(handoff, one.n, now));
        let Some(Ok(survey)) = open else { return Ok(None) };
        let secrets = self.link_secrets(config).await.map_err(|error| format!("{error}."))?;
        let secret = secrets.first().map(String::as_str).unwrap_or_default();
        let desk = config.organisation.public_url.trim_end_matches('/');
        let token = token(secret, &handoff.id, survey.n);
        Ok(token.map(|token| format!("{desk}/survey/{token}")))
    }

    /// Reads what links are made with.
    pub(crate) async fn link_secrets(&self, config: &Config) -> Result<Vec<String>, SecretError> {
        let wanted = Wanted {
            what: "links (`organisation.links_secret`)".to_owned(),
            name: &config.organisation.links_secret,
            sample: SAMPLE_SECRET.to_owned(),
        };
        self.secrets.named(&wanted, self.clock.now()).await
    }

    /// Answers the page of a survey, and takes what it says.
    pub(crate) async fn page_survey(
        &self,
        request: &Request<Bytes>,
        token: &str,
    ) -> Result<Response<Bytes>, Fault> {
        let active = self.configs.active(self.clock.now()).await?;
        let config = &active.config;
        let page = match Box::pin(self.survey(request, token, config)).await {
            Ok(page) => page,
            // What was typed is not lost because something does not answer just now.
            Err(Fault::NotNow(_)) if *request.method() == Method::POST => {
                let pairs = form::read(&String::from_utf8_lossy(request.body()));
                not_stored(SurveyPage::asking(config, token, AGAIN.to_owned()), &pairs)
            }
            Err(fault) => {
                fault.log("/survey");
                SurveyPage::saying(config, fault.status(), fault.to_string())
            }
        };
        page.answer()
    }

    async fn survey(
        &self,
        request: &Request<Bytes>,
        token: &str,
        config: &Config,
    ) -> Result<SurveyPage, Fault> {
        let secrets = self.link_secrets(config).await.map_err(|error| {
            // No error: whoever knocks must not be able to raise one.
            tracing::warn!(%error, "no survey can be answered");
            Fault::NotNow("This page does not work just now: try again later.".to_owned())
        })?;
        let foreign = || {
            let said = "This link is not one of ours: check that all of it was copied.";
            Fault::NotFound(said.to_owned())
        };
        let (id, n) = read(&secrets, token).ok_or_else(foreign)?;
        let answering = *request.method() == Method::POST;
        if answering {
            self.admit(request).await?;
        }
        let pairs = form::read(&String::from_utf8_lossy(request.body()));
        let mut again = None;
        for _ in 0..TRIES {
            let now = self.clock.now();
            let handoff = match self.store.handoff(&id).await {
                Err(StoreError::Missing { .. }) => return Err(foreign()),
                read => read?,
            };
            let pinned = self.configs.version(handoff.config).await?;
            let facts = Facts { active: config, pinned: &pinned.config };
            let question = survey::rule(&handoff, facts);
            let question = question.map(|rule| rule.question.clone()).unwrap_or_default();
            if let Err(over) = survey::asked(&handoff, n, now) {
                return Ok(over_page(config, &over));
            }
            let asks = SurveyPage::asking(config, token, question);
            if !answering {
                return Ok(asks);
            }
            let answer = match said(&pairs) {
                Ok(answer) => answer,
                Err(wrong) => return Ok(asks.refusing(wrong, &pairs)),
            };
            let command = Command::AnswerSurvey { n, score: answer.score };
            let changes = match decide(&handoff, command, facts, now) {
                Ok(changes) => changes,
                Err(Refusal::Survey(over)) => return Ok(over_page(config, &over)),
                Err(refusal) => return Ok(asks.refusing(refusal.to_string(), &pairs)),
            };
            let attempt = AttemptId(self.ids.ulid(now));
            let actor = Actor::Source(PROSPECT.into());
            let by = By { actor, cause: "survey link".to_owned(), attempt };
            let write = Write::change(&handoff, changes, by, now, config)
                .personal("note", answer.comment.into());
            match self.store.commit(write).await {
                Ok(_) => return Ok(SurveyPage::thanking(config)),
                Err(StoreError::Conflict) => again = Some(asks),
                Err(error) => {
                    tracing::warn!(%error, "an answer to a survey was not stored");
                    return Ok(not_stored(asks, &pairs));
                }
            }
        }
        match again {
            Some(asks) => Ok(not_stored(asks, &pairs)),
            None => Err(foreign()),
        }
    }
}

/// Asks again because what was said could not be stored: nothing that was typed is lost.
fn not_stored(asks: SurveyPage, pairs: &form::Pairs) -> SurveyPage {
    let said = "That could not be stored just now: send it again.".to_owned();
    asks.refusing(said, pairs).with(StatusCode::SERVICE_UNAVAILABLE)
}

fn over_page(config: &Config, over: &Over) -> SurveyPage {
    SurveyPage::saying(config, StatusCode::GONE, over.to_string())
}

fn said(pairs: &form::Pairs) -> Result<Answer, String> {
    let score = pairs.get("score").and_then(|said| said.trim().parse().ok());
    let score = score.filter(|score| (1..=5).contains(score));
    let score = score.ok_or("Choose one of the five words, then send it again.")?;
    let comment = pairs.get("comment").map(|text| text.trim()).unwrap_or_default();
    if comment.chars().count() > COMMENT_CHARS_MAX {
        return Err(format!("The comment is longer than {COMMENT_CHARS_MAX} characters."));
    }
    let comment = (!comment.is_empty()).then(|| comment.to_owned());
    Ok(Answer { score, comment })
}

/// Writes a link's token: the handoff, the survey's number, and the proof.
fn token(secret: &str, id: &HandoffId, n: u32) -> Option<String> {
    Some(format!("{id}.{n}.{}", hex::encode(proof(secret, id.as_str(), n)?)))
}

/// Reads a token that one of the secrets made.
fn read(secrets: &[String], token: &str) -> Option<(HandoffId, u32)> {
    let mut parts = token.split('.');
    let (id, n, said) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    let said = hex::decode(said).ok().filter(|said| said.len() == MAC_BYTES)?;
    let genuine = |secret: &String| {
        proof(secret, id, n).is_some_and(|proof| bool::from(proof[..].ct_eq(&said)))
    };
    // Every secret is tried, whichever fits.
    let fits = secrets.iter().filter(|secret| genuine(secret)).count() > 0;
    (fits && parts.next().is_none()).then(|| (id.into(), n))
}

/// Proves a link by a secret; an empty one proves nothing.
fn proof(secret: &str, id: &str, n: u32) -> Option<[u8; MAC_BYTES]> {
    let secret = Some(secret).filter(|secret| !secret.is_empty())?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(format!("survey:{id}:{n}").as_bytes());
    mac.finalize().into_bytes()[..MAC_BYTES].try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_by_the_secret_that_made_it_and_by_no_other() {
        let id = HandoffId::from("01KE6Q1V00000000000000000A");
        let (old, new) = ("old".to_owned(), "new".to_owned());
        let made = token(&old, &id, 2).unwrap();
        let both = [new.clone(), old.clone()];
        assert_eq!(read(&both, &made), Some((id.clone(), 2)), "also while one replaces the other");
        assert_eq!(read(&[new], &made), None);
        assert_eq!(token("", &id, 2), None, "an empty secret proves nothing");
        let keys = [old];
        let last = if made.ends_with('0') { "1" } else { "0" };
        let forged = [
            format!("{}{last}", &made[..made.len() - 1]),
            made.replace(".2.", ".3."),
            made.replacen("01KE6", "01KE7", 1),
            made[..made.len() - 2].to_owned(),
            format!("{made}.x"),
            format!("{made}00"),
            "a.b.c".to_owned(),
            String::new(),
        ];
        for forged in forged {
            assert_eq!(read(&keys, &forged), None, "{forged}");
        }
    }

    #[test]
    fn an_answer_is_one_word_and_perhaps_a_comment() {
        let read = |text: &str| said(&form::read(text));
        let answer = read("score=5&comment=+Smooth%21+").unwrap();
        assert_eq!((answer.score, answer.comment.as_deref()), (5, Some("Smooth!")));
        for wrong in ["", "score=6", "score=0", "score=good", "comment=x"] {
            assert!(read(wrong).is_err_and(|it| it.starts_with("Choose one")), "{wrong}");
        }
        let long = format!("score=1&comment={}", "x".repeat(4_001));
        assert!(read(&long).is_err_and(|it| it.contains("4000 characters")));
    }
}
