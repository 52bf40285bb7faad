//! The page of a digest: the mail a manager gets the morning after, with the numbers of now.
//!
//! It is the same text from the same reading as the mail, so that the link in one shows the other.

use super::{Choice, Frame, Reader, html};
use crate::{Desk, access::Visitor, fault::Fault, form};
use askama::Template;
use bytes::Bytes;
use chrono::NaiveDate;
use domain::{
    Config, PersonId,
    digest::{
        mail, recipients,
        stretch::{Period, Stretch},
    },
};
use http::{Request, Response, StatusCode};
use runtime::report;

#[derive(Template)]
#[template(path = "digest.html")]
struct DigestPage {
    frame: Frame,
    day: String,
    periods: Vec<Choice>,
    name: String,
    people: Vec<Choice>,
    subject: String,
    body: String,
}

impl Desk {
    /// Answers the page of a digest, a day's unless it says otherwise; without a day today's,
    /// without a reader the visitor's or the first manager's.
    pub(crate) async fn page_digest(
        &self,
        request: &Request<Bytes>,
        pairs: &form::Pairs,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let config = &active.config;
        let day = match pairs.get("day") {
            None => config.day_of(now),
            Some(text) => day_of(text)?,
        };
        let manager = reader_of(config, pairs.get("for").map(String::as_str), visitor)?;
        let period = match pairs.get("period").map(String::as_str) {
            None => Period::Daily,
            Some(word) => period_of(word)?,
        };
        let stretch = Stretch::with(period, day);
        let edition = report::edition(&self.store, config, stretch, now).await?;
        let mail = mail(config, &manager, &edition);
        let reader = Reader::new(config, visitor, now);
        let people = recipients(config).into_iter().map(|id| Choice {
            name: config.name_of(&id).to_owned(),
            chosen: id == manager,
            id: id.to_string(),
        });
        let page = DigestPage {
            frame: reader.frame("Digest", request),
            day: day.to_string(),
            periods: Period::ALL.map(|one| choice_of(one, period)).into(),
            name: config.name_of(&manager).to_owned(),
            people: people.collect(),
            subject: mail.subject,
            body: mail.body,
        };
        html(StatusCode::OK, &page)
    }
}

fn period_of(word: &str) -> Result<Period, Fault> {
    let unknown = || Fault::Malformed(format!("`{word}` is no digest: daily, weekly or monthly."));
    Period::of(word).ok_or_else(unknown)
}

fn choice_of(period: Period, chosen: Period) -> Choice {
    let name = format!("The {}", period.noun());
    Choice { name, chosen: period == chosen, id: period.to_string() }
}

fn day_of(text: &str) -> Result<NaiveDate, Fault> {
    let unreadable = |_| Fault::Malformed(format!("`{text}` is no day: write 2026-01-05."));
    text.parse().map_err(unreadable)
}

/// Finds whose digest is shown.
fn reader_of(config: &Config, asked: Option<&str>, visitor: &Visitor) -> Result<PersonId, Fault> {
    let managers = recipients(config);
    if let Some(asked) = asked.filter(|asked| !asked.is_empty()) {
        let known = managers.get(asked).cloned();
        let unknown = || Fault::Malformed(format!("Nobody called `{asked}` gets a digest."));
        return known.ok_or_else(unknown);
    }
    let own = visitor.person.as_ref().filter(|person| managers.contains(*person));
    let first = || managers.first().cloned();
    let nobody = || Fault::NotFound("Nobody gets a digest: give somebody a role.".to_owned());
    own.cloned().or_else(first).ok_or_else(nobody)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::config;

    #[test]
    fn a_manager_sees_their_own_digest_and_others_a_managers() {
        let config = config();
        let visitor = |person: &str| Visitor { person: Some(person.into()), picks: true };
        let shown = |asked, person| reader_of(&config, asked, &visitor(person));
        assert_eq!(shown(None, "marcus").unwrap().as_str(), "marcus");
        assert_eq!(shown(None, "amara").unwrap().as_str(), "grace");
        assert_eq!(shown(Some("priya"), "amara").unwrap().as_str(), "priya");
        assert!(shown(Some("amara"), "amara").is_err(), "a rep gets none");
    }

    #[test]
    fn a_day_that_is_none_is_a_sentence() {
        assert_eq!(day_of("soon").unwrap_err().to_string(), "`soon` is no day: write 2026-01-05.");
    }
}
