//! A template as a form: block by block, each field with what it holds, what is known or was just
//! typed, and what is wrong with it.

use super::Choice;
use crate::form::Pairs;
use chrono_tz::Tz;
use domain::{
    Package, Stage,
    config::{Config, FieldRule, FieldType, Origin},
};
use settle::said;
use std::collections::BTreeMap;

/// How a field's name begins in a form.
const PREFIX: &str = "package.";

/// Fields under one heading.
pub(crate) struct Block {
    pub(crate) heading: String,
    pub(crate) inputs: Vec<Input>,
}

/// One field of a form.
pub(crate) struct Input {
    /// Its name in the form.
    pub(crate) name: String,
    pub(crate) label: String,
    /// The type's word: what the browser shows goes by it.
    pub(crate) kind: &'static str,
    pub(crate) required: bool,
    pub(crate) help: Option<String>,
    /// The stage by which it is wanted, if that is still ahead.
    pub(crate) later: Option<String>,
    /// What stands in it.
    pub(crate) value: String,
    pub(crate) choices: Vec<Choice>,
    pub(crate) is_ticked: bool,
    /// What is wrong with what stands in it.
    pub(crate) wrong: Option<String>,
}

/// What a form starts from.
pub(crate) struct Filled<'a> {
    /// What is known.
    pub(crate) package: &'a Package,
    /// What was just typed, which stands in the place of what is known.
    pub(crate) typed: &'a Pairs,
    /// What is wrong with that, by field.
    pub(crate) wrong: &'a BTreeMap<String, String>,
    /// Where the handoff stands.
    pub(crate) stage: Stage,
    /// The zone of local times.
    pub(crate) zone: Tz,
}

/// Lays out a template.
pub(crate) fn blocks(template: &[FieldRule], filled: &Filled<'_>) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for field in template {
        let heading = field.block.clone().unwrap_or_default();
        let input = input(field, filled);
        match blocks.iter_mut().find(|block| block.heading == heading) {
            Some(block) => block.inputs.push(input),
            None => blocks.push(Block { heading, inputs: vec![input] }),
        }
    }
    blocks
}

fn input(field: &FieldRule, filled: &Filled<'_>) -> Input {
    let name = format!("{PREFIX}{}", field.name);
    let known = filled.package.values.get(&field.name);
    let known = known.map(|known| said::typed(&known.value, field.kind, filled.zone));
    let typed = filled.typed.get(&name).cloned();
    let value = typed.or(known).unwrap_or_default();
    let is_ticked = matches!(value.as_str(), "yes" | "on" | "true");
    let choice = |word: &String| Choice {
        id: word.clone(),
        name: crate::words::spoken(word),
        chosen: *word == value,
    };
    Input {
        name,
        label: field.label.clone(),
        kind: shown_as(field.kind, &value),
        required: field.required,
        help: field.help.clone(),
        later: (!field.is_due(filled.stage)).then(|| field.by.to_string()),
        choices: field.choices.iter().map(choice).collect(),
        is_ticked,
        wrong: filled.wrong.get(&field.name).cloned(),
        value,
    }
}

/// Chooses what the browser shows: a date it could not show would be lost, so that is text.
fn shown_as(kind: FieldType, value: &str) -> &'static str {
    let shows = match kind {
        FieldType::Date => domain::local::day(value).is_some(),
        FieldType::Time => value.len() == "2026-02-03T15:00".len() && value.contains('T'),
        _ => true,
    };
    match shows || value.is_empty() {
        true => kind.word(),
        false => FieldType::Text.word(),
    }
}

/// Says who can supply a field: whoever fills in forms, the sources that are mapped to it, or
/// whoever is asked before routing.
pub(crate) fn who_says(field: &FieldRule, sender: Option<&str>, config: &Config) -> String {
    let mut who = Vec::new();
    for origin in &field.from {
        match origin {
            Origin::Form => who.push(sender.unwrap_or("whoever knows").to_owned()),
            Origin::Webhook => {
                let maps = |source: &domain::config::Source| {
                    source.fields.values().any(|target| *target == field.name)
                };
                let sources = config.sources.iter().filter(|(_, source)| maps(source));
                who.extend(sources.map(|(key, _)| key.to_string()));
            }
            Origin::Enrichment => who.push("enrichment".to_owned()),
        }
    }
    who.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{form, testing::config};

    #[test]
    fn a_form_shows_the_template_in_order_with_what_is_known_and_what_was_typed() {
        let config = config();
        let template = &config.types["meeting_set"].fields;
        let mut package = Package::default();
        let known = [("need", "speed"), ("budget", "30 000"), ("decision_date", "Q2")];
        let known = known.map(|(name, value)| (name.to_owned(), value.into()));
        package.put(known.into(), "crm", crate::testing::at("2026-01-05T09:00:00Z"));
        let typed = form::read("package.budget=40+000&package.meeting_type=demo");
        let wrong = BTreeMap::from([("budget".to_owned(), "No.".to_owned())]);
        let filled = Filled {
            package: &package,
            typed: &typed,
            wrong: &wrong,
            stage: Stage::Opened,
            zone: Tz::UTC,
        };
        let blocks = blocks(template, &filled);
        let headings: Vec<&str> = blocks.iter().map(|block| block.heading.as_str()).collect();
        let expected = [
            "Company and contact",
            "Qualification (BANT)",
            "Opportunity",
            "Meeting",
            "Relationship",
            "Handoff method",
        ];
        assert_eq!(headings, expected);
        let find = |name: &str| {
            let inputs = blocks.iter().flat_map(|block| &block.inputs);
            inputs.into_iter().find(|input| input.name == format!("package.{name}")).unwrap()
        };
        assert_eq!((find("need").value.as_str(), find("need").required), ("speed", true));
        let budget = find("budget");
        assert_eq!((budget.value.as_str(), budget.wrong.as_deref()), ("40 000", Some("No.")));
        assert_eq!(
            (find("decision_date").kind, find("decision_date").value.as_str()),
            ("text", "Q2")
        );
        assert!(find("meeting_type").choices.iter().any(|one| one.chosen && one.id == "demo"));
        assert_eq!(find("prep_call").later.as_deref(), Some("accepted"));
        assert_eq!(find("walkthrough").later.as_deref(), Some("assigned"));
    }

    #[test]
    fn who_can_supply_a_field_is_said() {
        let config = config();
        let field = |name: &str| {
            let fields = &config.types["meeting_set"].fields;
            fields.iter().find(|field| field.name == name).unwrap()
        };
        assert_eq!(who_says(field("walkthrough"), Some("Amara Okafor"), &config), "Amara Okafor");
        assert_eq!(who_says(field("industry"), None, &config), "whoever knows, enrichment");
    }
}
