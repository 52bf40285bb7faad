//! The mail a manager reads in the morning: yesterday in numbers, what waits now, and what to do
//! first; on Mondays the week and on firsts the month, beside the one before.
//!
//! It is plain text, because that is what the topic delivers, so the text is designed: the link
//! first, 72 columns, a subject that says the numbers by itself. What must stay true: it names
//! handoffs by id and people of the organisation by name, never a lead; and a quiet day says so,
//! because an empty mail looks like a broken one.

pub mod stretch;
pub(crate) mod text;

use crate::{
    config::Config,
    dashboard::{Numbers, spell_seconds},
    ids::{HandoffId, PersonId, PoolId, TypeKey},
    notice::defuse_subject,
};
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use stretch::{Period, Stretch};
use text::{Cell, columns, fold};

/// How many waiting handoffs of a kind are listed; of more, the number is told.
pub const LISTED_MAX: usize = 20;

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// ASCII, at most 99 characters.
    pub subject: String,
    /// Lines of at most 72 columns.
    pub body: String,
}

/// What a digest is made of.
#[derive(Clone, Debug)]
pub struct Edition {
    /// The days it is about.
    pub stretch: Stretch,
    /// What was recorded then.
    pub recorded: Recorded,
    /// What was recorded in as many days before, where the two are compared.
    pub before: Option<Recorded>,
    /// What is open now.
    pub open: Open,
}

/// What was recorded on some days: rows of the family `happened`. What is not there is nothing.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// Everything.
    pub all: Numbers,
    /// By pool.
    pub pools: BTreeMap<PoolId, Numbers>,
    /// By rep.
    pub reps: BTreeMap<PersonId, Numbers>,
}

/// What is open now and needs somebody. A digest shows a manager only what their pools have.
#[derive(Clone, Debug, Default)]
pub struct Open {
    /// Past a deadline.
    pub overdue: Vec<Waiting>,
    /// Nobody has it.
    pub unrouted: Vec<Waiting>,
}

/// One handoff that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// The handoff.
    pub handoff: HandoffId,
    /// Its type.
    pub kind: TypeKey,
    /// Its pool.
    pub pool: Option<PoolId>,
    /// Who has it.
    pub owner: Option<PersonId>,
    /// The deadline it missed, or since when nobody has it.
    pub since: DateTime<Utc>,
}

/// Lists everybody a digest is for: whoever has a role anywhere.
pub fn recipients(config: &Config) -> BTreeSet<PersonId> {
    let pools = config.pools.values().flat_map(|pool| pool.roles.values());
    let holders = pools.chain(config.organisation.roles.values());
    let active = |person: &&PersonId| config.people.get(*person).is_some_and(|it| it.active);
    holders.filter(active).cloned().collect()
}

/// Writes a manager's digest.
pub fn mail(config: &Config, manager: &PersonId, edition: &Edition) -> Mail {
    let Edition { stretch, recorded, before, open } = edition;
    let pools = pools_of(config, manager);
    let own = |waiting: &&Waiting| match &waiting.pool {
        Some(pool) => pools.contains(pool),
        None => config.organisation.roles.values().any(|person| person == manager),
    };
    let overdue = oldest_first(open.overdue.iter().filter(own));
    let unrouted = oldest_first(open.unrouted.iter().filter(own));
    let nothing = Numbers::default();
    let rows: Vec<_> = pools
        .iter()
        .map(|pool| {
            let name = config.pools.get(pool).map_or(pool.as_str(), |pool| pool.name.as_str());
            (name, recorded.pools.get(pool).unwrap_or(&nothing))
        })
        .collect();
    let of_pools = |recorded: &Recorded| {
        Numbers::sum(pools.iter().filter_map(|pool| recorded.pools.get(pool)))
    };
    let total = of_pools(recorded);
    let quiet = total.0.is_empty() && overdue.is_empty() && unrouted.is_empty();

    let desk = config.organisation.public_url.trim_end_matches('/');
    let mut body = vec![format!("{desk}/dashboard{}", shown(*stretch)), String::new()];
    let heading = format!("{}, {}", config.organisation.name, stretch.spelt());
    body.extend(fold(&heading, ""));
    let opened = match recorded.all.get("opened") {
        1 => "1 handoff was opened in the whole organisation.".to_owned(),
        opened => format!("{opened} handoffs were opened in the whole organisation."),
    };
    body.extend(fold(&format!("For {}. {opened}", config.name_of(manager)), ""));
    body.push(String::new());
    if quiet {
        let sentence = format!(
            "A quiet {}: your pools got no handoffs, and nothing is overdue or without an owner.",
            stretch.period.noun()
        );
        body.extend(fold(&sentence, ""));
    } else {
        if let Some(before) = before {
            body.extend(compared(stretch.period, &total, &of_pools(before)));
        }
        body.extend(table("POOL", &rows));
        body.extend(rep_table(config, &pools, recorded));
        body.extend(waiting("OVERDUE NOW", config, manager, &overdue));
        body.extend(waiting("NOBODY HAS", config, manager, &unrouted));
        body.push(match stretch.period {
            Period::Daily => "TODAY".to_owned(),
            period => format!("THIS {}", period.noun().to_uppercase()),
        });
        for item in today(desk, &rows, &total, &overdue, &unrouted) {
            body.extend(fold(&item, "- "));
        }
    }
    let subject = subject(config, *stretch, &total, (overdue.len(), unrouted.len()), quiet);
    Mail { subject, body: body.join("\n") + "\n" }
}

fn subject(
    config: &Config,
    stretch: Stretch,
    total: &Numbers,
    (overdue, unrouted): (usize, usize),
    quiet: bool,
) -> String {
    let (days, name) = (stretch.short(), &config.organisation.name);
    let (new, missed) = (received(total), total.total("breached."));
    defuse_subject(&match quiet {
        true => format!("{days}: a quiet {} - {name} handoffs", stretch.period.noun()),
        false => format!(
            "{days}: {new} new, {missed} missed, {overdue} overdue, {unrouted} without owner - \
             {name} handoffs"
        ),
    })
}

/// The part of the dashboard's address that shows these days' month, where it is over.
fn shown(stretch: Stretch) -> String {
    match stretch.period {
        Period::Monthly => stretch.from.format("?month=%Y-%m").to_string(),
        Period::Daily | Period::Weekly => String::new(),
    }
}

/// How a figure reads, where there is one.
type Reading = fn(&Numbers) -> Option<String>;

/// Writes the numbers of a week or a month beside those of the one before, and an empty line.
fn compared(period: Period, now: &Numbers, before: &Numbers) -> Vec<String> {
    let noun = period.noun().to_uppercase();
    let line = |cells: [&str; 3]| {
        columns([Cell::Left(cells[0], 20), Cell::Right(cells[1], 12), Cell::Right(cells[2], 16)])
    };
    let mut lines = vec![line(["", &format!("THIS {noun}"), "THE ONE BEFORE"])];
    let rows: [(&str, Reading); 6] = [
        ("New", |numbers| Some(received(numbers).to_string())),
        ("In time", |numbers| Some(format!("{} %", numbers.within_sla_percent()?))),
        ("Missed", |numbers| Some(numbers.total("breached.").to_string())),
        ("Escalated", |numbers| Some(numbers.get("escalated").to_string())),
        ("Rejected", |numbers| Some(numbers.get("rejected").to_string())),
        ("Average response", |numbers| numbers.average_response_seconds().map(spell_seconds)),
    ];
    for (name, figure) in rows {
        let [now, before] = [now, before].map(|numbers| figure(numbers).unwrap_or("-".to_owned()));
        lines.push(line([name, &now, &before]));
    }
    lines.push(String::new());
    lines
}

/// Lists the pools somebody has a role for, their own or the organisation's where the pool names
/// nobody.
fn pools_of(config: &Config, manager: &PersonId) -> BTreeSet<PoolId> {
    let answers = |pool: &PoolId| {
        let own = config.pools.get(pool).into_iter().flat_map(|pool| pool.roles.keys());
        let mut roles = own.chain(config.organisation.roles.keys());
        roles.any(|role| config.role(Some(pool), role) == Some(manager))
    };
    config.pools.keys().filter(|pool| answers(pool)).cloned().collect()
}

fn oldest_first<'a>(waiting: impl Iterator<Item = &'a Waiting>) -> Vec<&'a Waiting> {
    let mut list: Vec<_> = waiting.collect();
    list.sort_by_key(|waiting| (waiting.since, &waiting.handoff));
    list
}

fn received(numbers: &Numbers) -> i64 {
    numbers.get("assigned") + numbers.get("reassigned")
}

/// Writes one line of numbers for each name, and an empty line; nothing at all without names.
fn table(heading: &str, rows: &[(&str, &Numbers)]) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let line = |cells: [&str; 7]| {
        let widths = [5, 8, 8, 11, 10, 10];
        let numbers = cells[1..].iter().zip(widths).map(|(cell, width)| Cell::Right(cell, width));
        columns(std::iter::once(Cell::Left(cells[0], 20)).chain(numbers))
    };
    let mut lines =
        vec![line([heading, "NEW", "IN SLA", "MISSED", "ESCALATED", "REJECTED", "RESPONSE"])];
    for (name, numbers) in rows {
        let (met, missed) = (numbers.total("met."), numbers.total("breached."));
        let in_sla = match met + missed {
            0 => "-".to_owned(),
            ended => format!("{met}/{ended}"),
        };
        let response = numbers.average_response_seconds().map(spell_seconds);
        lines.push(line([
            name,
            &received(numbers).to_string(),
            &in_sla,
            &missed.to_string(),
            &numbers.get("escalated").to_string(),
            &numbers.get("rejected").to_string(),
            response.as_deref().unwrap_or("-"),
        ]));
    }
    lines.push(String::new());
    lines
}

/// Writes the numbers of the pools' reps, over all their pools; those nothing happened to are left
/// out.
fn rep_table(config: &Config, pools: &BTreeSet<PoolId>, recorded: &Recorded) -> Vec<String> {
    let members = pools.iter().filter_map(|pool| config.pools.get(pool)).flat_map(|it| &it.members);
    let reps: BTreeSet<_> = members.map(|member| &member.rep).collect();
    let mut rows = Vec::new();
    for rep in reps {
        rows.extend(recorded.reps.get(rep).map(|numbers| (config.name_of(rep), numbers)));
    }
    table("REP", &rows)
}

/// Lists handoffs that wait, by id, with times in the reader's zone.
fn waiting(heading: &str, config: &Config, manager: &PersonId, list: &[&Waiting]) -> Vec<String> {
    if list.is_empty() {
        return Vec::new();
    }
    let zone = config.people.get(manager).and_then(|person| person.timezone);
    let zone = zone.unwrap_or(config.organisation.timezone);
    let mut lines = fold(&format!("{heading}: {} (times in {zone})", list.len()), "");
    for waiting in list.iter().take(LISTED_MAX) {
        let kind = config.types.get(&waiting.kind);
        let since = waiting.since.with_timezone(&zone).format("%a %-d %b %H:%M").to_string();
        lines.push(columns([
            Cell::Left(waiting.handoff.as_str(), 27),
            Cell::Left(kind.map_or(waiting.kind.as_str(), |kind| kind.name.as_str()), 13),
            Cell::Left(waiting.owner.as_ref().map_or("nobody", |it| config.name_of(it)), 16),
            Cell::Right(&since, 16),
        ]));
    }
    if list.len() > LISTED_MAX {
        lines.push(format!("and {} more", list.len() - LISTED_MAX));
    }
    lines.push(String::new());
    lines
}

/// Says what to do today, the most urgent first.
fn today(
    desk: &str,
    rows: &[(&str, &Numbers)],
    total: &Numbers,
    overdue: &[&Waiting],
    unrouted: &[&Waiting],
) -> Vec<String> {
    let mut items = Vec::new();
    if let Some(oldest) = unrouted.first() {
        items.push(format!(
            "Give {} an owner. Start with {desk}/handoffs/{}",
            handoffs(unrouted.len()),
            oldest.handoff
        ));
    }
    if let Some(oldest) = overdue.first() {
        items.push(format!(
            "Clear {} that missed a deadline: ask the owner, or choose somebody who can call now. \
             Start with {desk}/handoffs/{}",
            handoffs(overdue.len()),
            oldest.handoff
        ));
    }
    for (name, numbers) in rows {
        let (met, missed) = (numbers.total("met."), numbers.total("breached."));
        if missed > 0 {
            let of = met + missed;
            items.push(format!(
                "{name} missed {missed} of {of} deadlines: ask what got in the way."
            ));
        }
    }
    match total.get("rejected") {
        0 => {}
        rejected => items.push(format!(
            "{rejected} rejected: read why, and settle the criteria with whoever sent them."
        )),
    }
    if items.is_empty() {
        items.push("Nothing needs you: everything was answered in time.".to_owned());
    }
    items
}

fn handoffs(count: usize) -> String {
    if count == 1 { "1 handoff".to_owned() } else { format!("{count} handoffs") }
}

#[cfg(test)]
mod tests;
