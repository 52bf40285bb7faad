//! What the page of a handoff says of the handoff itself: who has it and who has a part in it, how
//! it ended, what was said of it since, and what it still has to prove.

use super::{
    Choice, Reader,
    handoff::choice,
    shown::{Moment, plain},
};
use crate::{form, sheet::Sheet, words::spoken};
use domain::{
    handoff::Rating,
    involved::{Involved, Part},
    milestone::Milestone,
    survey::{Survey, word},
};
use settle::may::waits_to_prove;

/// A fact and what it is called.
pub(super) struct Fact {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) href: Option<String>,
}

/// Lists what is known of the handoff itself.
pub(super) fn facts(sheet: &Sheet, reader: &Reader<'_>) -> Vec<Fact> {
    let (handoff, subject) = (&sheet.handoff, &sheet.package.subject);
    let name = |person: Option<&domain::PersonId>| {
        person.map(|person| reader.config.name_of(person).to_owned())
    };
    let time = |at: chrono::DateTime<chrono::Utc>| Moment::of(at, reader.zone).text;
    let pool = handoff.pool.as_ref().map(|pool| {
        let known = reader.config.pools.get(pool);
        known.map_or_else(|| pool.to_string(), |pool| pool.name.clone())
    });
    let nobody = handoff.routing.as_ref().map(|routing| format!("nobody yet: {}", routing.reason));
    let owner = name(handoff.owner.as_ref()).or(nobody);
    let outside = |text: &Option<String>| text.as_deref().map(plain);
    let told = [
        ("Owner", owner),
        ("Sender", name(handoff.sender.as_ref())),
        ("Pool", pool),
        ("Company", outside(&subject.company)),
        ("Email", outside(&subject.email)),
        ("Country", outside(&subject.country)),
        ("Score", handoff.score.map(|score| score.to_string())),
        ("Amount", handoff.amount.as_ref().map(ToString::to_string)),
        ("Meeting", handoff.meeting_at.map(time)),
        ("Opened", Some(time(handoff.opened_at))),
        ("First touch", handoff.first_touch_at.map(time)),
        ("They answered", handoff.answered_at.map(time)),
        ("Outcome", handoff.outcome.as_deref().map(spoken)),
        ("Ended", handoff.closed_at.map(time)),
        ("Rated", handoff.rating.map(rated)),
        ("Survey", handoff.survey.as_ref().map(|survey| surveyed(survey, reader))),
    ];
    let mut facts: Vec<Fact> = told
        .into_iter()
        .filter_map(|(name, text)| Some(Fact { name: name.to_owned(), text: text?, href: None }))
        .collect();
    facts.extend(handoff.milestones.iter().map(|one| milestone(one, reader)));
    facts.extend(handoff.previous.as_ref().map(|previous| Fact {
        name: "Before it".to_owned(),
        text: "the handoff before it on this journey".to_owned(),
        href: Some(format!("/handoffs/{}", form::encode(previous.as_str()))),
    }));
    facts
}

/// Says who stays beside the owner, and who is involved.
pub(super) fn beside(sheet: &Sheet, reader: &Reader<'_>) -> Vec<String> {
    let handoff = &sheet.handoff;
    let stays = handoff.overlap.as_ref().map(|overlap| {
        let who = reader.config.name_of(&overlap.who);
        let until = overlap.until.map(|at| format!("until {}", Moment::of(at, reader.zone).text));
        let until = until.unwrap_or_else(|| "until the meeting, which is not set yet".to_owned());
        format!("{who} stays beside its owner {until}.")
    });
    let part = |one: &Involved| {
        let who = reader.config.name_of(&one.who);
        match one.part {
            Part::Receiver => format!("{who} receives it too; its owner leads."),
            Part::Sponsor => format!("{who} is its sponsor."),
        }
    };
    stays.into_iter().chain(handoff.involved.iter().map(part)).collect()
}

/// Lists who is involved, to release them.
pub(super) fn involved(sheet: &Sheet, reader: &Reader<'_>) -> Vec<Choice> {
    let involved = sheet.handoff.involved.iter();
    involved.map(|one| choice(one.who.as_str(), reader.config.name_of(&one.who))).collect()
}

/// Lists the outcomes somebody may record now: of the handoff, or of what it still has to prove.
pub(super) fn outcomes(sheet: &Sheet) -> Vec<String> {
    if !waits_to_prove(&sheet.handoff) {
        return sheet.kind().map(|kind| kind.outcomes.clone()).unwrap_or_default();
    }
    let open = sheet.handoff.milestones.iter().filter(|one| one.outcome.is_none());
    open.flat_map(|one| one.outcomes.iter().cloned()).collect()
}

fn rated(rating: Rating) -> String {
    let complete = if rating.complete { "complete" } else { "incomplete" };
    format!("{} of 5, the information was {complete}", rating.score)
}

fn surveyed(survey: &Survey, reader: &Reader<'_>) -> String {
    let until = Moment::of(survey.until, reader.zone).text;
    match survey.score {
        Some(score) => format!("“{}” ({score} of 5)", word(score)),
        None if survey.withdrawn => "the link was taken back".to_owned(),
        None if survey.is_open(reader.now) => format!("not answered yet, open until {until}"),
        None => format!("not answered by {until}"),
    }
}

fn milestone(one: &Milestone, reader: &Reader<'_>) -> Fact {
    let time = |at| Moment::of(at, reader.zone).text;
    let text = match &one.outcome {
        Some(outcome) => spoken(outcome),
        None if one.missed => format!("nobody said it by {}", time(one.due_at)),
        None if one.asked => format!("to be said by {}", time(one.due_at)),
        None => format!("asked for {}", time(one.at)),
    };
    Fact { name: one.label.clone(), text, href: None }
}
