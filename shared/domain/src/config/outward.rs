//! What reaches outside: who is asked what they know, where things are said and written, and who is
//! mailed what, when.

use super::{Config, SourceKind};
use crate::{
    ids::{PersonId, SourceKey, TypeKey},
    span::{Span, Window},
    stage::Stage,
    subject::ObjectKind,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Another system that is asked what it knows, by one GET of a JSON document.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct EnrichmentRule {
    /// The name people know; values say that they come from it.
    pub name: String,
    /// The types it is asked about; none means all.
    #[serde(default)]
    pub types: Vec<TypeKey>,
    /// The address, in which `{lead.email_domain}` and the like stand for what is known.
    pub url: String,
    /// Where its secret comes from: a name the runtime can look up. None asks without one.
    pub secret: Option<String>,
    /// The header the secret stands in.
    #[serde(default = "authorization")]
    pub header: String,
    /// What stands before the secret.
    #[serde(default = "bearer")]
    pub prefix: String,
    /// How long it has to answer; never more than two seconds.
    #[serde(default = "a_second")]
    pub timeout: Span,
    /// How long its answer is kept; no time asks each time.
    #[serde(default = "a_week")]
    pub keep: Span,
    /// The CRM whose thin events it completes; it is asked about nothing else.
    pub reads_back: Option<String>,
    /// The kind of object it knows; none asks about any.
    pub object: Option<ObjectKind>,
    /// Where in the answer is what: a place such as `company.size` is a field's value, or a
    /// `subject.` part's; places joined by `+` are joined by spaces.
    pub fields: BTreeMap<String, String>,
}

/// What somebody outside understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DestinationKind {
    /// Slack, by a bot: direct messages, channels, threads, and messages that are kept up to date.
    Slack,
    /// Slack, by an incoming webhook: one channel, and each message as it was.
    SlackWebhook,
    /// HubSpot: owner, task and status of a contact or a deal.
    Hubspot,
    /// Salesforce: the same of a lead, a contact, an opportunity or an account.
    Salesforce,
    /// Pipedrive: the same of a person, a deal or an organisation.
    Pipedrive,
    /// Anybody who takes webhooks, signed by the Standard Webhooks scheme.
    Webhook,
}

/// What is written in a CRM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Written {
    /// Who owns the record.
    Owner,
    /// A task for the owner, done with the first touch.
    Task,
    /// The record's status, by the handoff's stage.
    Status,
}

/// Somewhere outside where things are said or written.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Destination {
    /// What it understands.
    pub kind: DestinationKind,
    /// Where its secret comes from: `sample`, or a name the runtime can look up. Never the secret
    /// itself. A bot's or an application's token, `id:secret` of a Salesforce application, the
    /// address of an incoming webhook, or the `whsec_` key a webhook is signed with.
    pub secret: String,
    /// Its address; none means the vendor's own. `local` is the outbox of a laptop.
    pub url: Option<String>,
    /// The types it hears of; none means all.
    #[serde(default)]
    pub types: Vec<TypeKey>,
    /// Slack: the channel of whoever's pool has none of its own.
    pub channel: Option<String>,
    /// CRM: what is written; none means owner and task.
    pub writes: Option<Vec<Written>>,
    /// CRM: what is written instead for some types.
    #[serde(default)]
    pub writes_for: BTreeMap<TypeKey, Vec<Written>>,
    /// CRM: the property a status is written to; none means the vendor's own.
    pub status_property: Option<String>,
    /// CRM: the status by stage, such as `engaged = "IN_PROGRESS"`.
    #[serde(default)]
    pub statuses: BTreeMap<Stage, String>,
    /// CRM: what sources call it in references; none means its kind.
    pub system: Option<String>,
    /// Webhook: the events it hears of, such as `handoff.assigned`; none means all.
    #[serde(default)]
    pub events: Vec<String>,
}

impl Destination {
    /// Tells whether it hears of handoffs of a type.
    pub fn hears_of(&self, kind: &TypeKey) -> bool {
        self.types.is_empty() || self.types.contains(kind)
    }

    /// Lists what is written of a type's handoffs; nothing where it is no CRM.
    pub fn writes(&self, kind: &TypeKey) -> &[Written] {
        match self.kind {
            DestinationKind::Hubspot | DestinationKind::Salesforce | DestinationKind::Pipedrive => {
                let chosen = self.writes_for.get(kind).or(self.writes.as_ref());
                chosen.map_or(&[Written::Owner, Written::Task], Vec::as_slice)
            }
            _ => &[],
        }
    }

    /// Reads what sources call it in references.
    pub fn system(&self) -> &str {
        self.system.as_deref().unwrap_or(self.kind.word())
    }
}

impl DestinationKind {
    /// Writes its word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::SlackWebhook => "slack_webhook",
            Self::Hubspot => "hubspot",
            Self::Salesforce => "salesforce",
            Self::Pipedrive => "pipedrive",
            Self::Webhook => "webhook",
        }
    }

    /// Tells whether it keeps records of a kind of object that have an owner and tasks.
    pub fn keeps(self, object: ObjectKind) -> bool {
        match object {
            ObjectKind::Contact | ObjectKind::Deal | ObjectKind::Account => self.is_crm(),
            ObjectKind::Lead => self == Self::Salesforce,
            ObjectKind::Email => false,
        }
    }

    /// Tells whether it is Slack, by a bot or by an incoming webhook.
    pub fn is_slack(self) -> bool {
        matches!(self, Self::Slack | Self::SlackWebhook)
    }

    /// Tells whether it keeps records that have an owner.
    pub fn is_crm(self) -> bool {
        matches!(self, Self::Hubspot | Self::Salesforce | Self::Pipedrive)
    }
}

impl Config {
    /// Names the destination by whose ids a source of Slack knows people; nothing where it is
    /// another kind of source, or there is none.
    pub fn knows_people_by<'a>(&'a self, key: &'a SourceKey) -> Option<&'a str> {
        let source = self.sources.get(key).filter(|source| source.kind == SourceKind::Slack)?;
        if let Some(destination) = &source.destination {
            return Some(destination);
        }
        let slack = |(_, destination): &(&String, &Destination)| destination.kind.is_slack();
        let mut slacks = self.destinations.iter().filter(slack);
        match (slacks.next(), slacks.next()) {
            (Some((only, _)), None) => Some(only),
            _ => Some(key.as_str()),
        }
    }

    /// Finds who is known to a destination by an id.
    pub fn person_known_as(&self, destination: &str, id: &str) -> Option<&PersonId> {
        let known = |(_, person): &(&PersonId, &super::Person)| {
            person.ids.get(destination).is_some_and(|known| known == id)
        };
        self.people.iter().find(known).map(|(person, _)| person)
    }
}

/// A notice in the organisation's own words, as templates; what is not given is as it is shipped.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct NoticeRule {
    /// Its subject line: a mail's, a Slack message's heading.
    pub subject: Option<String>,
    /// Its text, one paragraph.
    pub text: Option<String>,
}

/// When a mail of some kind is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Pace {
    /// At once.
    Urgent,
    /// Together with others that come within moments.
    Soon,
    /// Once a day, with all others.
    Digest,
    /// Never.
    Off,
}

/// What somebody chose of their mail.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MailChoice {
    /// When mail of a kind is sent.
    pub kinds: BTreeMap<String, Pace>,
    /// When nothing is sent that is not urgent, such as `20:00-07:00`, in the reader's zone.
    pub quiet: Option<Window>,
}

/// Who is mailed what, and when.
#[derive(Clone, Debug, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, default)]
pub struct MailRule {
    /// When mail of a kind is sent.
    pub kinds: BTreeMap<String, Pace>,
    /// When nothing is sent that is not urgent, such as `20:00-07:00`, in the reader's zone.
    pub quiet: Option<Window>,
    /// How long what is sent `soon` waits for others.
    pub bundle: Span,
    /// What is otherwise for a team.
    pub teams: BTreeMap<String, MailChoice>,
    /// What is otherwise for somebody, whatever their team has.
    pub people: BTreeMap<PersonId, MailChoice>,
}

impl Default for MailRule {
    fn default() -> Self {
        Self {
            kinds: BTreeMap::new(),
            quiet: None,
            bundle: Span::new(0, 60).unwrap_or_default(),
            teams: BTreeMap::new(),
            people: BTreeMap::new(),
        }
    }
}

fn authorization() -> String {
    "authorization".to_owned()
}

fn bearer() -> String {
    "Bearer ".to_owned()
}

fn a_second() -> Span {
    Span::new(0, 1).unwrap_or_default()
}

fn a_week() -> Span {
    Span::new(7, 0).unwrap_or_default()
}
