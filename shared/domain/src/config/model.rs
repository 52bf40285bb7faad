//! The shape of a configuration file, one struct a table, in the order of the file.

use super::{
    outward::{Destination, EnrichmentRule, MailRule, NoticeRule},
    sign_in::SignIn,
    territories::Territories,
    test_leads::TestLeads,
    types::HandoffType,
};
use crate::{
    calendar::Calendar,
    digest::stretch::Period,
    ids::{CalendarKey, LaneKey, PersonId, PoolId, SourceKey, TypeKey},
    span::Span,
};
use chrono::{DateTime, NaiveDate, TimeZone, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// One version of an organisation's configuration, linted.
#[derive(Clone, Debug)]
pub struct Config {
    /// The number this version was stored under; 0 while it is only a file.
    pub version: u64,
    /// The organisation as a whole.
    pub organisation: Organisation,
    /// Working time, by name.
    pub calendars: BTreeMap<CalendarKey, Calendar>,
    /// Reps, managers and directors.
    pub people: BTreeMap<PersonId, Person>,
    /// Who can take what.
    pub pools: BTreeMap<PoolId, Pool>,
    /// What may be open at most once, and per what.
    pub lanes: BTreeMap<LaneKey, Lane>,
    /// The handoff types.
    pub types: BTreeMap<TypeKey, HandoffType>,
    /// Which territory a lead belongs to, by table.
    pub territories: BTreeMap<String, Territories>,
    /// Routing rules, first match wins.
    pub rules: Vec<Rule>,
    /// Where events come from.
    pub sources: BTreeMap<SourceKey, Source>,
    /// What people send at a handoff.
    pub messages: BTreeMap<String, MessageRule>,
    /// Notices in the organisation's own words, by kind.
    pub notices: BTreeMap<String, NoticeRule>,
    /// Who is asked what they know before a handoff is routed.
    pub enrichments: BTreeMap<String, EnrichmentRule>,
    /// Where things are said and written outside.
    pub destinations: BTreeMap<String, Destination>,
    /// Who is mailed what, and when.
    pub mail: MailRule,
    /// What makes a lead a test, which no number counts.
    pub test_leads: TestLeads,
    /// How people sign in to the desk; none leaves it to service tokens.
    pub sign_in: Option<SignIn>,
}

/// The organisation as a whole.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Organisation {
    /// Its name, as digests show it.
    pub name: String,
    /// The zone whose days reports count.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub timezone: Tz,
    /// The calendar `"pool"` stands for until a pool is known.
    pub calendar: Option<CalendarKey>,
    /// Where people reach the desk and sources the hooks; links and signatures are made with it.
    pub public_url: String,
    /// Who answers for what no pool answers for, by role.
    pub roles: BTreeMap<String, PersonId>,
    /// How long an unrouted handoff waits before it is tried again.
    #[serde(default = "five_minutes")]
    pub reroute_every: Span,
    /// Where the secret comes from that makes links outsiders may follow: `sample`, or a name the
    /// runtime can look up.
    #[serde(default = "sample")]
    pub links_secret: String,
    /// When digests are due, local time.
    #[serde(default = "half_past_seven")]
    pub digest_at: String,
    /// Which are sent: the day's every morning, the week's on Mondays, the month's on firsts.
    #[serde(default = "all_digests")]
    pub digests: Vec<Period>,
}

/// Somebody of the organisation.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// The name people know.
    pub name: String,
    /// The work address, by which CRMs name owners.
    pub email: String,
    /// Their zone, for the times they read.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub timezone: Option<Tz>,
    /// How many handoffs they may have open over all pools; people without one take no handoffs.
    pub capacity: Option<u32>,
    /// How many handoffs they may be given on one of the organisation's days; none means any
    /// number.
    pub capacity_per_day: Option<u32>,
    /// What they can do that others cannot: a product, a language, a segment.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Their working hours, for pools that want somebody on shift; none means the pool's.
    pub calendar: Option<CalendarKey>,
    /// The first day on which they take handoffs.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub starts: Option<NaiveDate>,
    /// Whether they take part at all.
    #[serde(default = "yes")]
    pub active: bool,
    /// What destinations know them by, such as `slack = "U024BE7LH"`.
    #[serde(default)]
    pub ids: BTreeMap<String, String>,
}

/// A team's reps who share the same work.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The name people know.
    pub name: String,
    /// The team it belongs to.
    pub team: String,
    /// Its working time.
    pub calendar: Option<CalendarKey>,
    /// Whether only reps who work at that time are given handoffs.
    #[serde(default)]
    pub on_shift: bool,
    /// Who is asked, in this order, when none of its reps can take one.
    #[serde(default)]
    pub otherwise: Vec<Otherwise>,
    /// The channel of chat that follows its handoffs.
    pub channel: Option<String>,
    /// Who answers for it, by role, such as `manager` and `director`.
    #[serde(default)]
    pub roles: BTreeMap<String, PersonId>,
    /// Its reps.
    pub members: Vec<Member>,
}

/// Who is asked when none of a pool's reps can take a handoff.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(try_from = "String")]
pub enum Otherwise {
    /// Whoever comes on shift first.
    NextOnShift,
    /// Another pool, whatever its reps' skills; written `pool:NAME`.
    Pool(PoolId),
    /// The pool's manager.
    Manager,
}

impl TryFrom<String> for Otherwise {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.strip_prefix("pool:")) {
            ("next_on_shift", _) => Ok(Self::NextOnShift),
            ("manager", _) => Ok(Self::Manager),
            (_, Some(pool)) => Ok(Self::Pool(pool.into())),
            _ => Err(format!(
                "`{text}` is nobody to ask: write `next_on_shift`, `pool:NAME` or `manager`"
            )),
        }
    }
}

/// A rep's place in a pool.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Member {
    /// The rep.
    pub rep: PersonId,
    /// The share of the pool's handoffs relative to the other members.
    #[serde(default = "one")]
    pub weight: u32,
}

/// What a claim counts: at most one open handoff per lane and key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum ClaimBy {
    /// The person's journey.
    Journey,
    /// The deal.
    Deal,
    /// The account.
    Account,
}

/// A lane: handoffs of it stand for one another.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Lane {
    /// Per what at most one is open.
    pub claim: ClaimBy,
}

/// One routing rule: every clause holds, or it is not this rule.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, as the trace shows it.
    pub name: String,
    /// The types it is for; none means all.
    #[serde(default)]
    pub types: Vec<TypeKey>,
    /// CEL clauses over `lead`, `account`, `handoff`, `territory` and `now`.
    #[serde(default)]
    pub when: Vec<String>,
    /// The pool it names.
    pub pool: PoolId,
    /// What the rep must be good at, such as `enterprise`.
    #[serde(default)]
    pub skills: Vec<String>,
    /// CEL expressions that give further skills, such as `lead.language`; an empty one asks for
    /// nothing.
    #[serde(default)]
    pub skills_of: Vec<String>,
}

/// Who of a handoff does something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Whoever has it.
    #[default]
    Owner,
    /// Whoever sent it.
    Sender,
}

/// A message people send at a handoff, as a template.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct MessageRule {
    /// The name people know.
    pub name: String,
    /// The types it is for.
    pub types: Vec<TypeKey>,
    /// Who sends it.
    #[serde(default)]
    pub by: Side,
    /// How: a touch by this channel records it.
    #[serde(default = "email")]
    pub channel: String,
    /// Its subject line, a template.
    #[serde(default)]
    pub subject: String,
    /// Its text, a template.
    pub text: String,
}

/// How a source speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SourceKind {
    /// Standard Webhooks, this system's own JSON.
    Generic,
    /// HubSpot's app webhooks and workflow actions.
    Hubspot,
    /// Salesforce's outbound messages.
    Salesforce,
    /// Pipedrive's webhooks of version 2.
    Pipedrive,
    /// Slack's buttons: each is an order of whoever pressed it.
    Slack,
}

/// One source of events.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// How it speaks.
    pub kind: SourceKind,
    /// Where its secret comes from: `sample`, or a name the runtime can look up. Never the secret
    /// itself.
    pub secret: String,
    /// HubSpot portals, Salesforce organisations, Pipedrive companies or Slack workspaces that may
    /// speak here; none means any that is authentic.
    #[serde(default)]
    pub senders: Vec<String>,
    /// Which changes are which events, first match wins.
    #[serde(default)]
    pub events: Vec<EventRule>,
    /// Source property to event attribute or package field.
    #[serde(default)]
    pub fields: BTreeMap<String, String>,
    /// The currency of amounts that come without one.
    #[serde(default = "dollars")]
    pub currency: String,
    /// Slack: the destination by whose `ids` people are known; none means the only one of Slack,
    /// else the one that is called as the source is.
    pub destination: Option<String>,
}

/// When a change at a source is one of our events.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EventRule {
    /// The source's object: `contact`, `Opportunity`.
    pub object: Option<String>,
    /// The property that says it.
    pub property: Option<String>,
    /// The value it must have.
    pub equals: Option<String>,
    /// The text it must contain, in any case.
    pub contains: Option<String>,
    /// The event it is.
    pub event: String,
}

impl EventRule {
    /// Tells whether an object with these properties is this rule's event.
    pub fn matches(&self, object: &str, property_value: impl Fn(&str) -> Option<String>) -> bool {
        if self.object.as_deref().is_some_and(|wanted| !wanted.eq_ignore_ascii_case(object)) {
            return false;
        }
        let Some(property) = &self.property else { return true };
        let Some(value) = property_value(property) else { return false };
        if let Some(equals) = &self.equals {
            return value.eq_ignore_ascii_case(equals);
        }
        match &self.contains {
            Some(part) => value.to_lowercase().contains(&part.to_lowercase()),
            None => true,
        }
    }
}

impl Config {
    /// Finds who has a role for a pool, or for the organisation when the pool says nothing.
    pub fn role(&self, pool: Option<&PoolId>, role: &str) -> Option<&PersonId> {
        pool.and_then(|pool| self.pools.get(pool))
            .and_then(|pool| pool.roles.get(role))
            .or_else(|| self.organisation.roles.get(role))
            .filter(|person| self.people.get(*person).is_some_and(|person| person.active))
    }

    /// Lists whom a pool may give a handoff to: its reps, and its manager where they are asked
    /// otherwise; each once, though the manager may be one of the reps.
    pub fn askable(&self, id: &PoolId) -> BTreeSet<&PersonId> {
        let pool = self.pools.get(id);
        let steps_in = pool.is_some_and(|pool| pool.otherwise.contains(&Otherwise::Manager));
        let manager = self.role(Some(id), "manager").filter(|_| steps_in);
        let members = pool.into_iter().flat_map(|pool| &pool.members);
        members.map(|member| &member.rep).chain(manager).collect()
    }

    /// Finds the person with a work address.
    pub fn person_by_email(&self, address: &str) -> Option<&PersonId> {
        let address = address.trim();
        self.people
            .iter()
            .find(|(_, person)| person.email.eq_ignore_ascii_case(address))
            .map(|(id, _)| id)
    }

    /// Lists the pools a person is a member of.
    pub fn pools_of<'a>(&'a self, person: &'a PersonId) -> impl Iterator<Item = &'a PoolId> {
        self.pools
            .iter()
            .filter(move |(_, pool)| pool.members.iter().any(|member| member.rep == *person))
            .map(|(id, _)| id)
    }

    /// Finds a rep's working hours in a pool: their own, else the pool's.
    pub fn hours(&self, pool: &Pool, person: &Person) -> Option<&Calendar> {
        let name = person.calendar.as_ref().or(pool.calendar.as_ref())?;
        self.calendars.get(name)
    }

    /// Reads a person's name, or their id when the roster has them no longer.
    pub fn name_of<'a>(&'a self, person: &'a PersonId) -> &'a str {
        self.people.get(person).map_or(person.as_str(), |known| known.name.as_str())
    }

    /// Tells the local day of an instant in the organisation's zone.
    pub fn day_of(&self, at: DateTime<Utc>) -> NaiveDate {
        at.with_timezone(&self.organisation.timezone).date_naive()
    }

    /// Finds when one of the organisation's days begins.
    pub fn start_of(&self, day: NaiveDate) -> Option<DateTime<Utc>> {
        let zone = self.organisation.timezone;
        // Where a clock that changes leaves out midnight, the day begins an hour later.
        let hours = (0..3).filter_map(|hour| day.and_hms_opt(hour, 0, 0));
        let mut starts = hours.filter_map(|local| zone.from_local_datetime(&local).earliest());
        starts.next().map(|start| start.to_utc())
    }
}

fn yes() -> bool {
    true
}

pub(super) fn one() -> u32 {
    1
}

fn sample() -> String {
    "sample".to_owned()
}

fn email() -> String {
    "email".to_owned()
}

fn dollars() -> String {
    "USD".to_owned()
}

fn five_minutes() -> Span {
    Span::new(0, 300).unwrap_or_default()
}

fn all_digests() -> Vec<Period> {
    Period::ALL.into()
}

fn half_past_seven() -> String {
    "07:30".to_owned()
}
