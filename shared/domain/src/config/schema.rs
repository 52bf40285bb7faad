//! The configuration's shape as JSON Schema, for editors that complete and explain what is
//! written: made from the types that read it, so that it cannot say anything else.
//!
//! A schema knows shapes and words; names that name nothing and promises that cannot be kept are
//! found by `handoff check`.

use super::{
    load::{CalendarRule, TableRule},
    model::{Lane, MessageRule, Organisation, Person, Pool, Rule, Source},
    outward::{Destination, EnrichmentRule, MailRule, NoticeRule},
    sign_in::SignIn,
    test_leads::TestLeads,
    types::HandoffType,
};
use crate::{
    ids::{CalendarKey, LaneKey, PersonId, PoolId, SourceKey, TypeKey},
    span::{Span, Window},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, generate::SchemaSettings, json_schema};
use std::{borrow::Cow, collections::BTreeMap};

/// A configuration file.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, title = "A configuration of Handoff")]
#[expect(dead_code, reason = "its shape is all there is to it: each table is read by itself")]
struct Document {
    /// The organisation as a whole.
    organisation: Organisation,
    /// Working time, by name.
    #[schemars(default)]
    calendars: BTreeMap<CalendarKey, CalendarRule>,
    /// Reps, managers and directors.
    people: BTreeMap<PersonId, Person>,
    /// Who can take what.
    pools: BTreeMap<PoolId, Pool>,
    /// What may be open at most once, and per what.
    lanes: BTreeMap<LaneKey, Lane>,
    /// The handoff types.
    types: BTreeMap<TypeKey, HandoffType>,
    /// Which territory a lead belongs to, by table.
    #[schemars(default)]
    territories: BTreeMap<String, TableRule>,
    /// Routing rules, first match wins.
    #[schemars(default)]
    rules: Vec<Rule>,
    /// Where events come from.
    sources: BTreeMap<SourceKey, Source>,
    /// What people send at a handoff.
    #[schemars(default)]
    messages: BTreeMap<String, MessageRule>,
    /// Notices in the organisation's own words, by kind.
    #[schemars(default)]
    notices: BTreeMap<String, NoticeRule>,
    /// Who is asked what they know before a handoff is routed.
    #[schemars(default)]
    enrichments: BTreeMap<String, EnrichmentRule>,
    /// Where things are said and written outside.
    #[schemars(default)]
    destinations: BTreeMap<String, Destination>,
    /// Who is mailed what, and when.
    #[schemars(default)]
    mail: MailRule,
    /// What makes a lead a test, which no number counts.
    #[schemars(default)]
    test_leads: TestLeads,
    /// How people sign in to the desk; none leaves it to service tokens.
    sign_in: Option<SignIn>,
    /// Files that were read with the configuration; `handoff push` writes them.
    #[schemars(default)]
    files: BTreeMap<String, String>,
}

/// Makes the JSON Schema (draft 7, which every editor reads) of a configuration file.
pub fn schema() -> serde_json::Value {
    let generator = SchemaSettings::draft07().into_generator();
    generator.into_root_schema_for::<Document>().to_value()
}

impl JsonSchema for Span {
    fn schema_name() -> Cow<'static, str> {
        "Span".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A length of time: a number and a unit, largest unit first, such as \
                            90s, 5m, 4h, 2d, 1w or 1h30m; or ISO 8601 such as PT5M.",
            "type": "string",
            "pattern": "^([0-9]+[wdhms])+$|^P[0-9A-Z.]+$",
        })
    }
}

impl JsonSchema for Window {
    fn schema_name() -> Cow<'static, str> {
        "Window".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A stretch of working time, such as 09:00-17:30.",
            "type": "string",
        })
    }
}
