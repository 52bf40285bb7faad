//! For any rules and any lead, looking rules up gives what asking each in order gives.

use super::{naive, *};
use crate::money::Money;
use proptest::prelude::*;
use serde_json::Value as Json;

/// Places that clauses compare, with texts that occur.
fn comparison() -> impl Strategy<Value = String> {
    let path = prop::sample::select(vec![
        "lead.country",
        "lead.language",
        "lead.nobody",
        "lead.score",
        "lead.odd",
        "lead.email_domain",
        "lead['country']",
        "account.country",
        "account.name",
        "account.employees",
        "account.nothing",
        "handoff.type",
        "handoff.source",
        "handoff.from",
        "handoff.to",
        "handoff.currency",
        "handoff.heat",
        "territory.sales",
        "territory.none",
        "lead",
    ]);
    let numbered = prop::sample::select(vec![
        "lead.score",
        "lead.employees",
        "lead['amount_minor']",
        "account.employees",
        "handoff.heat",
        "handoff.score",
        "handoff.amount_minor",
    ]);
    let text = prop::sample::select(vec!["", "DE", "SE", "de", "sv", "mql", "DACH", "b.example"]);
    let texts = prop::collection::vec(text.clone(), 0..3);
    let operator = prop::sample::select(vec![">=", "<=", ">", "<", "==", "!="]);
    let wanted = prop::sample::select(vec![-3, 0, 1, 5, 6, 7, 70_000, i64::MAX]);
    let number =
        (numbered, operator, wanted, any::<bool>()).prop_map(|(path, operator, n, back)| {
            if back { format!("{n} {operator} {path}") } else { format!("{path} {operator} {n}") }
        });
    prop_oneof![
        4 => (path.clone(), text.clone()).prop_map(|(path, text)| format!("{path} == '{text}'")),
        1 => (path.clone(), text.clone()).prop_map(|(path, text)| format!("'{text}' == {path}")),
        2 => (path.clone(), texts).prop_map(|(path, texts)| format!("{path} in {texts:?}")),
        1 => (path.clone(), text).prop_map(|(path, text)| format!("{path} != '{text}'")),
        1 => path.clone().prop_map(|path| format!("{path} in ['DE', 5, 1]")),
        1 => path.clone().prop_map(|path| format!("size({path}) > 1")),
        1 => path.prop_map(|path| format!("{path} > 0")),
        3 => number,
        1 => prop::sample::select(vec![
            "true",
            "false",
            "lead.score >= 5.0",
            "lead.score >= 5u",
            "lead.score == -3",
            "lead.score > -0",
            "lead.score == '7'",
            "lead.country == 'D\\u0045'",
            "lead.country == r'DE'",
            "lead.country == b'DE'",
            "lead.country == null",
            "lead.country in ['DE', null]",
            "lead.odd == true",
            "lead.odd in [true, 'DE']",
            "lead.country == 'ü'",
            "lead.score == -9223372036854775808",
            "lead.score > 9223372036854775807",
            "lead['score'] >= 0x5",
            "account['country'] == 'DE'",
            ".lead.country == 'DE'",
            "(lead).country == 'DE'",
            "[1].exists(lead, lead == 1)",
            "account['employees'] in [5, 7]",
            "lead.score == true",
            "lead.email_domain in ['b.example', 'B.EXAMPLE']",
            "handoff['score'] == 0",
            "handoff.score == handoff.heat",
            "(lead.country == 'DE') == true",
            "lead.?country == 'DE'",
            "'DE' in lead.odd",
            "dyn(lead.country) == 'DE'",
            "lead.country == lead.language",
            "lead.odd.country == 'DE'",
            "has(lead.odd)",
            "has(lead.nobody) && lead.nobody == 'x'",
            "1 / 0 == 1",
            "lead.country ==",
            "now > timestamp('2020-01-01T00:00:00Z')",
            "unheard_of(lead)",
        ])
        .prop_map(str::to_owned),
    ]
}

fn clause() -> impl Strategy<Value = String> {
    comparison().prop_recursive(3, 8, 2, |inner| {
        let two = || (inner.clone(), inner.clone());
        prop_oneof![
            3 => two().prop_map(|(one, other)| format!("({one}) && ({other})")),
            3 => two().prop_map(|(one, other)| format!("({one}) || ({other})")),
            1 => inner.clone().prop_map(|one| format!("!({one})")),
        ]
    })
}

fn some_rule() -> impl Strategy<Value = Rule> {
    let types = prop::sample::subsequence(vec!["mql", "hot_lead", "gone"], 0..=2);
    (types, prop::collection::vec(clause(), 0..3)).prop_map(|(types, when)| Rule {
        types: types.into_iter().map(Into::into).collect(),
        when,
        skills_of: vec!["lead.language".to_owned(), "lead.odd".to_owned()],
        ..rule("", &[])
    })
}

fn some_rules() -> impl Strategy<Value = Vec<Rule>> {
    prop::collection::vec(some_rule(), 0..140).prop_map(|mut rules| {
        for (number, rule) in rules.iter_mut().enumerate() {
            rule.name = format!("rule {number}");
        }
        rules
    })
}

fn some_lead() -> impl Strategy<Value = Package> {
    let value = prop::sample::select(vec![
        Json::Null,
        "".into(),
        "ü".into(),
        "-3".into(),
        " 7".into(),
        "9223372036854775807".into(),
        i64::MIN.into(),
        5.0.into(),
        json!([]),
        "DE".into(),
        "SE".into(),
        "sv".into(),
        "7".into(),
        5.into(),
        (-3).into(),
        u64::MAX.into(),
        2.5.into(),
        json!(["DE"]),
        json!({ "country": "DE" }),
        true.into(),
    ]);
    let name = prop::sample::select(vec![
        "country",
        "language",
        "score",
        "employees",
        "company",
        "odd",
        "email_domain",
        "lead",
    ]);
    let email = prop::sample::select(vec!["", "a@b.example", "a@B.EXAMPLE", "nobody"]);
    (prop::collection::btree_map(name, value, 0..6), email).prop_map(|(values, email)| {
        let mut lead = Package::default();
        for (name, value) in values {
            let value = crate::package::Value { value, by: "crm".to_owned(), at: now() };
            lead.values.insert(name.to_owned(), value);
        }
        lead.subject.email = Some(email.to_owned());
        lead
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn rules_that_are_looked_up_answer_as_rules_that_are_asked_in_order(
        rules in some_rules(),
        leads in prop::collection::vec(some_lead(), 1..6),
        kind in prop::sample::select(vec!["mql", "closed_won"]),
        amount in prop::sample::select(vec![None, Some(-3), Some(7), Some(70_000)]),
    ) {
        let config = with_rules(rules);
        let rules = Rules::compile(&config);
        for lead in leads {
            let money = |minor| Money { minor, currency: "DE".to_owned() };
            let about = Handoff { score: amount, amount: amount.map(money), ..handoff(kind) };
            let found = rules.matching(&config, &about, &lead, now());
            let (won, failed) = naive::matching(&config, &about, &lead, now());
            prop_assert_eq!(rules.first(&config, (&about, &lead), now()), won.clone());
            prop_assert_eq!(found.won, won);
            prop_assert_eq!(found.failed_count, failed.len());
            let nearest = &failed[failed.len().saturating_sub(MOST_TRACED)..];
            prop_assert_eq!(found.failed.as_slice(), nearest);
        }
    }
}
