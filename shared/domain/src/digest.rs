//! The mail a manager reads in the morning: yesterday in numbers, what waits now, and what to do
//! first.
//!
//! It is plain text, because that is what the topic delivers, so the text is designed: the link
//! first, 72 columns, a subject that says the numbers by itself. What must stay true: it names
//! handoffs by id and people of the organisation by name, never a lead; and a quiet day says so,
//! because an empty mail looks like a broken one.

pub(crate) mod text;

use crate::{
    config::Config,
    dashboard::{Numbers, spell_seconds},
    ids::{HandoffId, PersonId, PoolId, TypeKey},
    notice::defuse_subject,
};
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::{BTreeMap, BTreeSet};
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

/// What was recorded on one day: rows of the family `happened`. What is not there is nothing.
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

/// Writes a manager's digest of what was recorded on `day` and is open now.
pub fn daily(
    config: &Config,
    manager: &PersonId,
    day: NaiveDate,
    recorded: &Recorded,
    open: &Open,
) -> Mail {
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
    let total = Numbers::sum(rows.iter().map(|(_, numbers)| *numbers));
    let quiet = total.0.is_empty() && overdue.is_empty() && unrouted.is_empty();

    let desk = config.organisation.public_url.trim_end_matches('/');
    let mut body = vec![format!("{desk}/dashboard"), String::new()];
    let heading = format!("{}, {}", config.organisation.name, day.format("%A %-d %B %Y"));
    body.extend(fold(&heading, ""));
    let opened = match recorded.all.get("opened") {
        1 => "1 handoff was opened in the whole organisation.".to_owned(),
        opened => format!("{opened} handoffs were opened in the whole organisation."),
    };
    body.extend(fold(&format!("For {}. {opened}", config.name_of(manager)), ""));
    body.push(String::new());
    if quiet {
        let sentence = "A quiet day: your pools got no handoffs, and nothing is overdue or \
                        without an owner.";
        body.extend(fold(sentence, ""));
    } else {
        body.extend(table("POOL", &rows));
        body.extend(rep_table(config, &pools, recorded));
        body.extend(waiting("OVERDUE NOW", config, manager, &overdue));
        body.extend(waiting("NOBODY HAS", config, manager, &unrouted));
        body.push("TODAY".to_owned());
        for item in today(desk, &rows, &total, &overdue, &unrouted) {
            body.extend(fold(&item, "- "));
        }
    }
    let subject = subject(config, day, &total, (overdue.len(), unrouted.len()), quiet);
    Mail { subject, body: body.join("\n") + "\n" }
}

fn subject(
    config: &Config,
    day: NaiveDate,
    total: &Numbers,
    (overdue, unrouted): (usize, usize),
    quiet: bool,
) -> String {
    let (day, name) = (day.format("%-d %b"), &config.organisation.name);
    let (new, missed) = (received(total), total.total("breached."));
    defuse_subject(&match quiet {
        true => format!("{day}: a quiet day - {name} handoffs"),
        false => format!(
            "{day}: {new} new, {missed} missed, {overdue} overdue, {unrouted} without owner - \
             {name} handoffs"
        ),
    })
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
mod tests {
    use super::{
        text::{COLUMNS, width},
        *,
    };
    use crate::notice::SUBJECT_MAX;
    use proptest::prelude::*;

    fn config() -> Config {
        crate::config::load(include_str!("../../../infra/local/sample/organisation.toml")).unwrap()
    }

    fn day() -> NaiveDate {
        NaiveDate::from_ymd_opt(2026, 1, 5).unwrap()
    }

    fn numbers(counters: &[(&str, i64)]) -> Numbers {
        Numbers(counters.iter().map(|(name, amount)| ((*name).to_owned(), *amount)).collect())
    }

    fn recorded() -> Recorded {
        let emea = numbers(&[
            ("assigned", 11),
            ("breached.respond", 1),
            ("escalated", 1),
            ("met.respond", 9),
            ("reassigned", 1),
            ("rejected", 2),
            ("response_seconds", 9000),
            ("touched", 10),
        ]);
        let cs = numbers(&[("assigned", 1), ("met.respond", 1)]);
        let americas = numbers(&[("assigned", 7), ("breached.respond", 7)]);
        Recorded {
            all: numbers(&[("opened", 21)]),
            pools: [
                ("sdr_emea".into(), emea.clone()),
                ("cs".into(), cs),
                ("sdr_americas".into(), americas.clone()),
            ]
            .into(),
            reps: [("amara".into(), emea), ("carla".into(), americas)].into(),
        }
    }

    fn waiting(handoff: &str, pool: Option<&str>, owner: Option<&str>, since: &str) -> Waiting {
        Waiting {
            handoff: handoff.into(),
            kind: "hot_lead".into(),
            pool: pool.map(Into::into),
            owner: owner.map(Into::into),
            since: since.parse().unwrap(),
        }
    }

    fn open() -> Open {
        let (emea, americas) = (Some("sdr_emea"), Some("sdr_americas"));
        Open {
            overdue: vec![
                waiting("01KE6W3V0G0000000000000002", emea, Some("ben"), "2026-01-05T14:00:00Z"),
                waiting("01KE6W3V0G0000000000000001", emea, Some("amara"), "2026-01-05T09:05:00Z"),
                waiting(
                    "01KE6W3V0G0000000000000003",
                    americas,
                    Some("dev"),
                    "2026-01-05T09:05:00Z",
                ),
            ],
            unrouted: vec![waiting(
                "01KE6W3V0G0000000000000004",
                None,
                None,
                "2026-01-05T15:00:00Z",
            )],
        }
    }

    #[test]
    fn a_manager_reads_yesterday_what_waits_and_what_to_do_about_their_own_pools() {
        let mail = daily(&config(), &"priya".into(), day(), &recorded(), &open());
        assert_eq!(
            mail.subject,
            "5 Jan: 13 new, 1 missed, 2 overdue, 1 without owner - Northwind Analytics handoffs"
        );
        assert_eq!(
            mail.body,
            "\
http://127.0.0.1:8787/dashboard

Northwind Analytics, Monday 5 January 2026
For Priya Nair. 21 handoffs were opened in the whole organisation.

POOL                  NEW  IN SLA  MISSED  ESCALATED  REJECTED  RESPONSE
AE Europe               0       -       0          0         0         -
Customer success        1     1/1       0          0         0         -
SDR Europe             12    9/10       1          1         2    15 min

REP                   NEW  IN SLA  MISSED  ESCALATED  REJECTED  RESPONSE
Amara Okafor           12    9/10       1          1         2    15 min

OVERDUE NOW: 2 (times in Europe/London)
01KE6W3V0G0000000000000001 Hot lead     Amara Okafor     Mon 5 Jan 09:05
01KE6W3V0G0000000000000002 Hot lead     Ben Whitlock     Mon 5 Jan 14:00

NOBODY HAS: 1 (times in Europe/London)
01KE6W3V0G0000000000000004 Hot lead     nobody           Mon 5 Jan 15:00

TODAY
- Give 1 handoff an owner. Start with
  http://127.0.0.1:8787/handoffs/01KE6W3V0G0000000000000004
- Clear 2 handoffs that missed a deadline: ask the owner, or choose
  somebody who can call now. Start with
  http://127.0.0.1:8787/handoffs/01KE6W3V0G0000000000000001
- SDR Europe missed 1 of 10 deadlines: ask what got in the way.
- 2 rejected: read why, and settle the criteria with whoever sent them.
"
        );
    }

    #[test]
    fn a_manager_of_other_pools_reads_other_numbers() {
        let mail = daily(&config(), &"marcus".into(), day(), &recorded(), &open());
        assert!(mail.body.contains("SDR Americas"), "{}", mail.body);
        assert!(!mail.body.contains("SDR Europe"), "{}", mail.body);
        assert!(mail.body.contains("Mon 5 Jan 04:05"), "{}", mail.body);
        assert!(!mail.body.contains("NOBODY HAS"), "{}", mail.body);
    }

    #[test]
    fn a_quiet_day_says_so() {
        let nothing = Recorded { all: numbers(&[("opened", 1)]), ..Recorded::default() };
        let mail = daily(&config(), &"marcus".into(), day(), &nothing, &Open::default());
        assert_eq!(mail.subject, "5 Jan: a quiet day - Northwind Analytics handoffs");
        assert!(mail.body.contains("A quiet day: your pools got no handoffs"), "{}", mail.body);
        assert!(mail.body.contains("1 handoff was opened"), "{}", mail.body);
        assert!(!mail.body.contains("TODAY"), "{}", mail.body);
    }

    #[test]
    fn a_long_list_is_cut_and_says_how_much_is_left_out() {
        let ids = (0..LISTED_MAX + 3).map(|n| format!("01KE6W3V0G00000000000000{n:02}"));
        let since = "2026-01-05T09:05:00Z";
        let overdue = ids.map(|id| waiting(&id, Some("cs"), Some("jonas"), since)).collect();
        let open = Open { overdue, unrouted: Vec::new() };
        let mail = daily(&config(), &"priya".into(), day(), &Recorded::default(), &open);
        assert!(mail.body.contains("OVERDUE NOW: 23"), "{}", mail.body);
        assert!(mail.body.contains("and 3 more\n"), "{}", mail.body);
        assert_eq!(mail.body.matches("Jonas Weber").count(), LISTED_MAX);
    }

    #[test]
    fn everybody_with_a_role_gets_a_digest() {
        let mut config = config();
        let all: Vec<_> = recipients(&config).into_iter().map(|person| person.0).collect();
        assert_eq!(all, ["grace", "marcus", "priya"]);
        config.people.get_mut("grace").unwrap().active = false;
        assert!(!recipients(&config).contains("grace"));
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_a_mail_whatever_people_are_called(
            names in proptest::collection::vec("\\PC{0,60}", 8),
            count in 0..i64::from(u32::MAX),
        ) {
            let mut config = config();
            let mut names = names.into_iter().cycle();
            for person in config.people.values_mut() {
                person.name = names.next().unwrap();
            }
            for pool in config.pools.values_mut() {
                pool.name = names.next().unwrap();
            }
            config.organisation.name = names.next().unwrap();
            let mut recorded = recorded();
            recorded.pools.get_mut("cs").unwrap().add("assigned", count);
            let mail = daily(&config, &"priya".into(), day(), &recorded, &open());
            prop_assert!(mail.subject.len() <= SUBJECT_MAX && mail.subject.is_ascii());
            for line in mail.body.lines().filter(|line| !line.contains("http")) {
                prop_assert!(width(line) <= COLUMNS, "{line}");
                prop_assert!(!line.chars().any(char::is_control), "{line:?}");
            }
        }
    }
}
