//! The page of one handoff: what is missing first, then what is known, the clocks, what one can do,
//! what happened, and why its owner has it. Its forms go the same way as the JSON commands.

use super::{
    Choice, Frame, Reader,
    conversation::{QuestionLine, Typed, people, questions},
    facts::{self, Fact},
    fields::{self, Block, Filled},
    html,
    outbox::{DeliveryLine, line},
    see,
    shown::{self, Due, Moment, Shown, State, plain},
    why::{NotThem, Why},
};
use crate::{
    Desk,
    access::Visitor,
    act::here,
    ask,
    fault::Fault,
    form,
    messages::{Message, messages},
    sheet::Sheet,
    words::{Words, flagged, spoken},
};
use askama::Template;
use bytes::Bytes;
use domain::{Config, HandoffId, PersonId, beside::Task, config::Mode};
use http::{Request, Response, StatusCode};
use settle::{Order, Verb, may::is_offered};
use std::collections::BTreeMap;

/// How a subject is touched, as the form offers it.
const CHANNELS: [&str; 5] = ["phone", "email", "meeting", "social", "other"];

/// What an amount is in unless the handoff says otherwise.
const CURRENCY: &str = "USD";

#[derive(Template)]
#[template(path = "handoff.html")]
struct HandoffPage {
    frame: Frame,
    message: Option<String>,
    id: String,
    version: u64,
    nonce: String,
    title: String,
    kind: String,
    from: String,
    to: String,
    observed: bool,
    test: bool,
    stage: State,
    flags: Vec<&'static str>,
    facts: Vec<Fact>,
    paused: Option<String>,
    beside: Vec<String>,
    hold: bool,
    tasks: Vec<TaskLine>,
    pause_reasons: Vec<Choice>,
    clocks: Vec<ClockLine>,
    completeness: u8,
    completeness_then: Option<u8>,
    missing: Vec<Missing>,
    blocks: Vec<Block>,
    wrong: usize,
    values: Vec<ValueLine>,
    offered: Vec<&'static str>,
    channels: [&'static str; 5],
    currency: String,
    typed: Typed,
    outcomes: Vec<Choice>,
    reject_reasons: Vec<Choice>,
    recycle_to: Vec<Choice>,
    recycle_reasons: Vec<Choice>,
    receivers: Vec<Choice>,
    involved: Vec<Choice>,
    survey: Option<String>,
    pools: Vec<Choice>,
    questions: Vec<QuestionLine>,
    people: Vec<Choice>,
    messages: Vec<Message>,
    timeline: Vec<Entry>,
    deliveries: Vec<DeliveryLine>,
    why: Option<Why>,
    others: Vec<Choice>,
    not_them: Option<NotThem>,
}

/// A required field that is not there, and who can say it.
struct Missing {
    id: String,
    label: String,
    who: String,
}

struct ClockLine {
    name: String,
    short_notice: bool,
    due: Due,
    met: Option<Moment>,
}

struct TaskLine {
    label: String,
    about: Option<String>,
    state: State,
    at: Moment,
    due: Moment,
}

struct ValueLine {
    label: String,
    shown: Shown,
    by: String,
    at: Moment,
}

struct Entry {
    version: u64,
    at: Moment,
    actor: String,
    what: String,
    note: Option<String>,
}

impl Desk {
    /// Answers the page of a handoff.
    pub(crate) async fn page_handoff(
        &self,
        request: &Request<Bytes>,
        id: &HandoffId,
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        self.handoff_page(request, id, visitor, (StatusCode::OK, None, Typed::default())).await
    }

    /// Carries out a form of that page; a refusal shows the page again with its sentence.
    pub(crate) async fn page_act(
        &self,
        request: &Request<Bytes>,
        (id, verb): (&HandoffId, Verb),
        visitor: &Visitor,
    ) -> Result<Response<Bytes>, Fault> {
        let pairs = form::read(&String::from_utf8_lossy(request.body()));
        let done = match self.order(visitor, verb, pairs.clone()).await {
            Ok(order) => self.act(id, &order).await,
            Err(fault) => Err(fault),
        };
        match done {
            Ok(handoff) => {
                // Whoever gave it away may see it no longer.
                let active = self.configs.active(self.clock.now()).await?;
                Ok(match visitor.sees(&handoff, &active.config) {
                    true => see(&format!("/handoffs/{}", handoff.id)),
                    false => see("/"),
                })
            }
            Err(fault)
                if fault.status().is_client_error() && !matches!(fault, Fault::NotFound(_)) =>
            {
                let (status, message) = (fault.status(), fault.to_string());
                let (wrong, message) = match fault {
                    Fault::Fields(wrong) => (wrong.0, None),
                    _ => (BTreeMap::new(), Some(message)),
                };
                let typed = Typed { verb: verb.word(), pairs, wrong };
                self.handoff_page(request, id, visitor, (status, message, typed)).await
            }
            Err(fault) => Err(fault),
        }
    }

    /// Reads a form as a command.
    async fn order(
        &self,
        visitor: &Visitor,
        verb: Verb,
        mut pairs: form::Pairs,
    ) -> Result<Order, Fault> {
        let now = self.clock.now();
        let active = self.configs.active(now).await?;
        let zone = Reader::new(&active.config, visitor, now).zone;
        let key = pairs.remove("nonce").filter(|nonce| (1..=200).contains(&nonce.len()));
        let version = pairs.remove("version").and_then(|version| version.parse().ok());
        // What is only added stands beside whatever happened meanwhile.
        let adds = matches!(
            verb,
            Verb::Note | Verb::Ask | Verb::Answer | Verb::Touch | Verb::Rate | Verb::Supply
        );
        Ok(Order {
            person: visitor.actor()?.clone(),
            ask: ask::from_form(verb, &pairs, zone).map_err(Fault::Malformed)?,
            via: here(),
            version: version.filter(|_| !adds),
            key,
        })
    }

    async fn handoff_page(
        &self,
        request: &Request<Bytes>,
        id: &HandoffId,
        visitor: &Visitor,
        (status, message, typed): (StatusCode, Option<String>, Typed),
    ) -> Result<Response<Bytes>, Fault> {
        let sheet = self.sheet(id, visitor).await?;
        let reader = Reader::new(&sheet.active.config, visitor, self.clock.now());
        let frame = reader.frame(&plain(&sheet.package.title()), request);
        let link = self.survey_link(&sheet.handoff, reader.config).await;
        // A link that cannot be made says why, and everything else is shown.
        let unlinked = link.as_ref().err().cloned();
        let link = link.ok().flatten();
        let typed = (message.or(unlinked), typed);
        let mut page = page(&sheet, &reader, frame, typed, (link.as_ref(), self.ids.token()));
        let pairs = form::read(request.uri().query().unwrap_or_default());
        if let Some(rep) = pairs.get("rep").filter(|rep| !rep.is_empty() && page.why.is_some()) {
            let rep = PersonId::from(rep.as_str());
            let (sentences, _) = self.why_not(&sheet, &rep).await?;
            page.others = others(reader.config, Some(&rep));
            page.not_them =
                Some(NotThem { name: reader.config.name_of(&rep).to_owned(), sentences });
        }
        html(status, &page)
    }
}

fn page(
    sheet: &Sheet,
    reader: &Reader<'_>,
    frame: Frame,
    (message, typed): (Option<String>, Typed),
    (link, nonce): (Option<&String>, String),
) -> HandoffPage {
    let (handoff, config) = (&sheet.handoff, reader.config);
    let kind = sheet.kind();
    let words_of = |list: Option<&Vec<String>>| -> Vec<Choice> {
        list.into_iter().flatten().map(|word| choice(word, &spoken(word))).collect()
    };
    let offers = |verb: &Verb| {
        reader.person.is_some_and(|person| is_offered(person, *verb, handoff, sheet.facts()))
    };
    let completeness = sheet.completeness();
    let nothing = form::Pairs::new();
    let supplies = [Verb::Supply, Verb::Resubmit].iter().any(|verb| verb.word() == typed.verb);
    let filled = Filled {
        package: &sheet.package,
        typed: if supplies { &typed.pairs } else { &nothing },
        wrong: &typed.wrong,
        stage: handoff.stage,
        zone: reader.zone,
    };
    let blocks = fields::blocks(sheet.template(), &filled);
    let sender = handoff.sender.as_ref().map(|sender| config.name_of(sender));
    let missing = |name: &String| {
        let field = sheet.template().iter().find(|field| field.name == *name)?;
        let who = fields::who_says(field, sender, config);
        Some(Missing { id: field.name.clone(), label: field.label.clone(), who })
    };
    HandoffPage {
        message,
        id: handoff.id.to_string(),
        version: handoff.version,
        nonce,
        title: plain(&sheet.package.title()),
        kind: kind.map_or_else(|| handoff.kind.to_string(), |kind| kind.name.clone()),
        from: handoff.from.clone(),
        to: handoff.to.clone(),
        observed: handoff.mode != Mode::Live,
        test: handoff.test,
        stage: shown::stage(handoff.stage),
        flags: handoff.flags.iter().map(|flag| flagged(*flag)).collect(),
        facts: facts::facts(sheet, reader),
        paused: paused(sheet, reader),
        beside: facts::beside(sheet, reader),
        hold: handoff.meeting_at.is_some() && handoff.stage.is_open(),
        tasks: tasks(sheet, reader),
        pause_reasons: words_of(kind.map(|kind| &kind.pause_reasons)),
        clocks: clocks(sheet, reader),
        completeness: completeness.percent,
        completeness_then: sheet.completeness_then(),
        missing: completeness.missing.iter().filter_map(missing).collect(),
        blocks,
        wrong: typed.wrong.len(),
        values: values(sheet, reader),
        offered: Verb::ALL.iter().filter(|verb| offers(verb)).map(|verb| verb.word()).collect(),
        channels: CHANNELS,
        currency: handoff.amount.as_ref().map_or(CURRENCY, |amount| &amount.currency).to_owned(),
        outcomes: facts::outcomes(sheet).iter().map(|word| choice(word, &spoken(word))).collect(),
        reject_reasons: words_of(kind.map(|kind| &kind.reject_reasons)),
        recycle_to: words_of(kind.map(|kind| &kind.recycle_to)),
        recycle_reasons: words_of(kind.map(|kind| &kind.recycle_reasons)),
        receivers: receivers(sheet, reader),
        involved: facts::involved(sheet, reader),
        survey: link.cloned(),
        pools: config.pools.iter().map(|(id, pool)| choice(id.as_str(), &pool.name)).collect(),
        questions: questions(sheet, reader),
        people: people(reader),
        messages: messages(sheet, config, reader.zone, link.map(String::as_str)),
        timeline: timeline(sheet, reader),
        deliveries: sheet.deliveries.iter().rev().map(|one| line(one, reader)).collect(),
        why: sheet.trace().map(|trace| Why::of(trace, config)),
        others: others(config, None),
        not_them: None,
        typed,
        frame,
    }
}

pub(super) fn choice(id: &str, name: &str) -> Choice {
    Choice { id: id.to_owned(), name: name.to_owned(), chosen: false }
}

/// Lists everybody who is in a pool, to ask why not them.
fn others(config: &Config, asked: Option<&PersonId>) -> Vec<Choice> {
    let reps = config.people.iter().filter(|(id, _)| config.pools_of(id).next().is_some());
    reps.map(|(id, person)| Choice {
        chosen: asked == Some(id),
        ..choice(id.as_str(), &person.name)
    })
    .collect()
}

/// Lists who could be given it: the other reps of the receiving team.
fn receivers(sheet: &Sheet, reader: &Reader<'_>) -> Vec<Choice> {
    let (handoff, config) = (&sheet.handoff, reader.config);
    let teams = |pool: &&domain::PoolId| {
        config.pools.get(*pool).is_some_and(|pool| pool.team == handoff.to)
    };
    let fits = |id: &domain::PersonId| config.pools_of(id).any(|pool| teams(&pool));
    let people = config
        .people
        .iter()
        .filter(|(id, person)| person.active && handoff.owner.as_ref() != Some(*id) && fits(id));
    people.map(|(id, person)| choice(id.as_str(), &person.name)).collect()
}

fn clocks(sheet: &Sheet, reader: &Reader<'_>) -> Vec<ClockLine> {
    let line = |clock: &domain::clock::Clock| ClockLine {
        name: clock.name.clone(),
        short_notice: clock.short_notice,
        due: Due::of(clock, &sheet.handoff, reader.now, reader.zone),
        met: clock.met_at.map(|at| Moment::of(at, reader.zone)),
    };
    sheet.handoff.clocks.iter().map(line).collect()
}

/// Says that the clocks stand still.
fn paused(sheet: &Sheet, reader: &Reader<'_>) -> Option<String> {
    let pause = sheet.handoff.paused()?;
    let until = Moment::of(pause.until, reader.zone).text;
    let (by, reason) = (reader.config.name_of(&pause.by), spoken(&pause.reason));
    Some(format!("Its clocks stand still until {until} at most: {reason} ({by})."))
}

/// Lists what its receiver is to do, with what the touch should name.
fn tasks(sheet: &Sheet, reader: &Reader<'_>) -> Vec<TaskLine> {
    let rules = sheet.kind().map(|kind| kind.cadence.as_slice()).unwrap_or_default();
    let line = |task: &Task| {
        let rule = rules.iter().find(|rule| rule.name == task.name);
        let about = rule.and_then(|rule| rule.about.as_ref());
        let value = about.and_then(|field| sheet.package.values.get(field));
        TaskLine {
            label: rule.map_or_else(|| spoken(&task.name), |rule| rule.label.clone()),
            about: value.map(|value| Shown::of(&value.value).text),
            state: shown::task(task, reader.now),
            at: Moment::of(task.at, reader.zone),
            due: Moment::of(task.due_at, reader.zone),
        }
    };
    sheet.handoff.tasks.iter().map(line).collect()
}

/// Lists what is known: the template's fields in its order, then everything else.
fn values(sheet: &Sheet, reader: &Reader<'_>) -> Vec<ValueLine> {
    let known = &sheet.package.values;
    let asked = sheet.template().iter().map(|field| (field.name.as_str(), field.label.clone()));
    let is_asked = |name: &str| sheet.template().iter().any(|field| field.name == name);
    let others = known.keys().filter(|name| !is_asked(name));
    let others = others.map(|name| (name.as_str(), plain(&spoken(name))));
    let line = |(name, label): (&str, String)| {
        let value = known.get(name)?;
        let by = reader.config.people.get(value.by.as_str());
        Some(ValueLine {
            label,
            shown: Shown::of(&value.value),
            by: by.map_or_else(|| plain(&value.by), |person| person.name.clone()),
            at: Moment::of(value.at, reader.zone),
        })
    };
    asked.chain(others).filter_map(line).collect()
}

fn timeline(sheet: &Sheet, reader: &Reader<'_>) -> Vec<Entry> {
    let words = Words { config: reader.config, zone: reader.zone };
    let entry = |commit: &domain::Commit| Entry {
        version: commit.version,
        at: Moment::of(commit.at, reader.zone),
        actor: words.actor(&commit.actor),
        what: words.of(commit),
        note: commit.personal.get("note").map(|note| Shown::of(note).text),
    };
    sheet.history.iter().rev().map(entry).collect()
}
