//! The template of a type: every field, what it holds, who says it, and by when it must be there.
//!
//! A template is read in two ways. What a person writes is read strictly, because they are there to
//! be asked again ([`FieldRule::read`]). What a source says is kept as it came, and only counts as
//! an answer if it is one ([`FieldRule::is_answered_by`]): a budget of `n/a` is no budget.

mod answer;

use super::model::one;
use crate::stage::Stage;
use serde::{Deserialize, Serialize};

/// What a field holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum FieldType {
    /// Words.
    #[default]
    Text,
    /// A number.
    Number,
    /// An amount of a currency.
    Money,
    /// A day.
    Date,
    /// An instant.
    Time,
    /// Somebody: a name, and perhaps an address.
    Person,
    /// Several things, one a line.
    List,
    /// A web address.
    Link,
    /// One of the field's choices.
    Choice,
    /// Something that was done, or not yet.
    Tick,
}

impl FieldType {
    /// The type's word in a configuration.
    pub fn word(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Money => "money",
            Self::Date => "date",
            Self::Time => "time",
            Self::Person => "person",
            Self::List => "list",
            Self::Link => "link",
            Self::Choice => "choice",
            Self::Tick => "tick",
        }
    }
}

/// Who can say what a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// A source, by its webhooks.
    Webhook,
    /// A person, on the desk.
    Form,
    /// Whoever is asked before routing.
    Enrichment,
}

/// One field of a type's template.
#[derive(Clone, Debug, Default, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct FieldRule {
    /// Its key in the package.
    pub name: String,
    /// Its label for people.
    pub label: String,
    /// What it holds.
    #[serde(default, rename = "type")]
    pub kind: FieldType,
    /// What a choice can be.
    #[serde(default)]
    pub choices: Vec<String>,
    /// The heading it stands under in a form.
    pub block: Option<String>,
    /// What a person should know before they write.
    pub help: Option<String>,
    /// Who can say it.
    #[serde(default = "webhook_and_form")]
    pub from: Vec<Origin>,
    /// The stage by which it must be there; before that nobody misses it.
    #[serde(default)]
    pub by: Stage,
    /// Whether the package is incomplete without it.
    #[serde(default)]
    pub required: bool,
    /// What it counts in the completeness score.
    #[serde(default = "one")]
    pub weight: u32,
}

impl FieldRule {
    /// Tells whether it must be there at a stage. One that was given back is still before its
    /// acceptance; one that ended without success is asked no more than it was before.
    pub fn is_due(&self, stage: Stage) -> bool {
        let reached = match stage {
            Stage::Returned | Stage::Recycled | Stage::Cancelled => Stage::Assigned,
            other => other,
        };
        self.by <= reached
    }
}

/// What a template does with a handoff that opens with less than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The completeness below which this applies, in percent.
    pub percent: u8,
    /// What happens below it.
    #[serde(default, rename = "do")]
    pub act: Below,
    /// How long one is held at most; then it goes to a receiver as it is.
    #[serde(default = "an_hour", rename = "for")]
    pub span: crate::span::Span,
}

/// What happens to a handoff that opens below its threshold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Below {
    /// It opens like any other; people see what is missing.
    #[default]
    Open,
    /// It waits for what is missing before anybody is given it.
    Hold,
    /// It goes back to whoever sent it.
    Return,
}

fn webhook_and_form() -> Vec<Origin> {
    vec![Origin::Webhook, Origin::Form]
}

fn an_hour() -> crate::span::Span {
    crate::span::Span::new(0, 3600).unwrap_or_default()
}
