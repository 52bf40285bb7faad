//! Rules that are looked up answer as rules that are asked one by one, whatever they are and
//! whatever a lead says; and what a rule asks of the rep.

mod naive;
mod proof;
mod wrong;

use super::*;
use crate::config::load;
use serde_json::json;

const SAMPLE: &str = include_str!("../../../../../infra/local/sample/organisation.toml");

fn now() -> DateTime<Utc> {
    "2026-01-05T10:00:00Z".parse().unwrap()
}

/// The sample organisation with other rules.
fn with_rules(rules: Vec<Rule>) -> Config {
    let tables = r#"
[territories.sales]
rows = [
  { territory = "DACH", country = "DE" },
  { territory = "Nordics", country = "SE", language = "sv" },
]
"#;
    let mut config = load(&format!("{SAMPLE}{tables}")).unwrap();
    config.rules = rules;
    config.people.get_mut("ingrid").unwrap().skills = vec!["DE".to_owned()];
    config
}

fn rule(name: &str, when: &[&str]) -> Rule {
    Rule {
        name: name.to_owned(),
        types: Vec::new(),
        when: when.iter().map(|clause| (*clause).to_owned()).collect(),
        pool: "cs".into(),
        skills: Vec::new(),
        skills_of: Vec::new(),
    }
}

fn package(values: serde_json::Value) -> Package {
    let said = serde_json::from_value(values).unwrap();
    let mut package = Package::default();
    package.put(said, "crm", now());
    package
}

fn handoff(kind: &str) -> Handoff {
    Handoff { kind: kind.into(), source: "generic".into(), heat: 1, ..Handoff::default() }
}

fn matched(rules: Vec<Rule>, package: &Package) -> Match {
    let config = with_rules(rules);
    Rules::compile(&config).matching(&config, &handoff("mql"), package, now())
}

#[test]
fn a_rule_asks_for_its_skills_and_those_that_the_lead_gives_and_somebody_has() {
    let mut wanted = rule("all", &[]);
    wanted.skills = vec![" Enterprise".to_owned()];
    wanted.skills_of =
        vec!["lead.language".to_owned(), "lead.product".to_owned(), "lead.nobody".to_owned()];
    let lead = package(json!({ "language": "DE ", "product": "made up" }));
    let skills = |lead| matched(vec![wanted.clone()], lead).won.unwrap().skills;
    assert_eq!(skills(&lead), BTreeSet::from(["de".to_owned(), "enterprise".to_owned()]));
    let lead = package(json!({ "language": ["de"], "product": " " }));
    assert_eq!(skills(&lead), BTreeSet::from(["enterprise".to_owned()]));
}

#[test]
fn a_territory_is_asked_for_by_its_tables_name() {
    let rules = || vec![rule("dach", &["territory.sales == 'DACH'"]), rule("other", &[])];
    let won = |lead| matched(rules(), &lead).won.unwrap().rule;
    assert_eq!(won(package(json!({ "country": "de" }))), "dach");
    assert_eq!(won(package(json!({ "country": "SE" }))), "other");
    let none = vec![rule("none", &["territory.sales == ''", "size(territory) == 2"])];
    assert_eq!(matched(none, &Package::default()).won.unwrap().rule, "none");
}

#[test]
fn the_nearest_rules_before_the_winner_are_traced_and_all_are_counted() {
    let mut rules: Vec<Rule> =
        (0..30).map(|n| rule(&format!("no {n}"), &["lead.country == 'GB'"])).collect();
    rules[20].types = vec!["closed_won".into()];
    rules.push(rule("yes", &[]));
    rules.push(rule("late", &[]));
    let matching = matched(rules, &Package::default());
    assert_eq!((matching.won.unwrap().rule.as_str(), matching.failed_count), ("yes", 29));
    let names: Vec<&str> = matching.failed.iter().map(|failed| failed.rule.as_str()).collect();
    let expected: Vec<String> = (17..30).filter(|n| *n != 20).map(|n| format!("no {n}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn a_rule_is_found_wherever_it_stands_in_a_long_list() {
    let country =
        |n: usize| rule(&n.to_string(), &[&format!("lead.country == 'C{n}'"), "lead.score >= 10"]);
    let mut rules: Vec<Rule> = (0..200).map(country).collect();
    rules[70] = rule("70", &["lead.country in ['C70', 'C64', 'C199']", "lead.language == 'de'"]);
    let won = |values| matched(rules.clone(), &package(values)).won.map(|won| won.rule);
    for n in [0, 1, 63, 64, 65, 127, 128, 199] {
        let lead = |score| json!({ "country": format!("C{n}"), "score": score });
        assert_eq!(won(lead(10)), Some(n.to_string()));
        assert_eq!(won(lead(9)), None);
    }
    let german =
        |n: usize| won(json!({ "country": format!("C{n}"), "language": "de", "score": 10 }));
    assert_eq!([64, 199, 70].map(german).map(Option::unwrap), ["64", "70", "70"]);
    assert_eq!(won(json!({ "country": "C200", "score": 10 })), None);
}

#[test]
fn a_clause_that_cannot_be_evaluated_says_why() {
    let rules = vec![
        rule("missing", &["lead.nobody == 'x'"]),
        rule("broken", &["lead.country =="]),
        rule("number", &["lead.score"]),
    ];
    let matching = matched(rules, &Package::default());
    assert_eq!((matching.won, matching.failed_count), (None, 3));
    let errors: Vec<_> = matching.failed.into_iter().map(|one| one.clause.error).collect();
    let expected = ["No such key: nobody", "it does not compile", "it is a UInt"];
    assert_eq!(errors, expected.map(|text| Some(text.to_owned())));
}

#[test]
fn fields_that_no_rule_refers_to_cost_and_break_nothing() {
    let mut values: BTreeMap<String, serde_json::Value> =
        (0..9).map(|n| (format!("note {n}"), "v".repeat(32_000).into())).collect();
    for name in ["lead", "now", "__proto__", "a.b", "'", "\u{0}", "country ", "$__cel_private"] {
        values.insert(name.to_owned(), json!({ "country": ["GB"] }));
    }
    values.insert("country".to_owned(), "GB".into());
    let mut lead = Package::default();
    lead.put(values, "crm", now());
    assert!(lead.values.len() > 15);
    let rules = vec![rule("whole", &["size(lead) < 5"]), rule("gb", &["lead.country == 'GB'"])];
    assert_eq!(matched(rules, &lead).won.unwrap().rule, "gb");
}
