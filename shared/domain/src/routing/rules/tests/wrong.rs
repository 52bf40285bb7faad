//! What a check finds wrong about rules: the code, the place and the words, for each mistake.

use super::*;

/// Checks what is said of rules: each fault as `rule key entry code: message`.
fn check(rules: Vec<Rule>, expected: &[&str]) {
    let faults = Rules::faults(&with_rules(rules));
    assert!(faults.iter().all(|fault| !fault.help.is_empty()));
    let told: Vec<String> = faults
        .into_iter()
        .map(|Fault { rule, key, entry, code, message, .. }| {
            let entry = entry.map_or("-".to_owned(), |entry| entry.to_string());
            format!("{rule} {key} {entry} {code}: {message}")
        })
        .collect();
    assert_eq!(told, expected);
}

fn for_types(types: &[&str], rule: Rule) -> Rule {
    Rule { types: types.iter().map(|kind| (*kind).into()).collect(), ..rule }
}

#[test]
fn a_territory_that_no_row_gives_is_found_wherever_it_stands() {
    let message = "unknown-territory: No row of the table `sales` gives `Dach`.";
    for clause in [
        "territory.sales == 'Dach'",
        "territory.sales in ['DACH', 'Dach']",
        "lead.country == 'DE' && 'Dach' != territory['sales']",
    ] {
        check(vec![rule("a", &["true", clause])], &[&format!("0 when 1 {message}")]);
    }
    check(vec![rule("a", &["territory.sales in ['DACH', '']"])], &[]);
    let message = "0 when 0 unknown-territory: There is no territory table `seles`.";
    check(vec![rule("a", &["lead.country == 'DE' && territory.seles == 'DACH'"])], &[message]);
}

#[test]
fn a_rule_that_can_never_match_is_found() {
    let never = |entry: usize, why: &str| {
        format!("0 when {entry} never-matches: The rule `a` can never match: {why}.")
    };
    for (clauses, entry, why) in [
        (
            &["lead.country == 'DE'", "account.country in ['FR', 'IT']"][..],
            1,
            "`account.country in ['FR', 'IT']` contradicts what stands before it",
        ),
        (&["lead.country in []"][..], 0, "`lead.country in []` never holds"),
        (&["lead.score > 1", "1 == 2"][..], 1, "`1 == 2` never holds"),
        (&["false"][..], 0, "`false` never holds"),
        (
            &["lead.country == 'DE' && lead.country == 'FR'"][..],
            0,
            "`lead.country == 'DE' && lead.country == 'FR'` never holds",
        ),
    ] {
        check(vec![rule("a", clauses), rule("b", &[])], &[&never(entry, why)]);
    }
    let against = for_types(&["mql"], rule("a", &["handoff.type == 'hot_lead'"]));
    check(vec![against], &[&never(0, "`handoff.type == 'hot_lead'` contradicts its types")]);
    check(vec![rule("a", &["lead.country in ['DE', 'FR']", "lead.country == 'FR'", "true"])], &[]);
}

#[test]
fn a_rule_that_an_earlier_one_shadows_is_found_and_both_are_named() {
    let shadowed = |later: usize, name: &str, by: &str| {
        format!(
            "{later} name - shadowed-rule: The rule `{name}` can never match: `{by}`, which stands \
             before it, takes all that it would."
        )
    };
    let german = "lead.country in ['DE', 'AT']";
    for (earlier, later) in [
        (&[][..], &["lead.country == 'DE'"][..]),
        (&[german][..], &["lead.country == 'DE'", "lead.score > 5"][..]),
        (&[german][..], &["account.country == 'AT' && lead.score > 5"][..]),
        (&["lead.score > 5"][..], &["lead.country == 'DE'", "lead.score>5"][..]),
        (&["lead.score > 5", german][..], &["lead.country == 'DE'", " lead.score > 5"][..]),
        (&["lead.country == 'DE' || lead.country == 'AT'"][..], &["'AT' == lead.country"][..]),
        (&["territory.sales == 'DACH'"][..], &["territory.sales == \"DACH\""][..]),
    ] {
        let rules = vec![rule("a", earlier), rule("b", later)];
        check(rules, &[&shadowed(1, "b", "a")]);
    }
    let rules = vec![
        for_types(&["mql", "hot_lead"], rule("a", &[])),
        rule("b", &["lead.country == 'DE'"]),
        for_types(&["mql"], rule("c", &["lead.country == 'FR'"])),
        for_types(&["opportunity"], rule("d", &["lead.country == 'DE'"])),
        rule("e", &["handoff.type == 'mql'"]),
    ];
    check(rules, &[&shadowed(2, "c", "a"), &shadowed(3, "d", "b"), &shadowed(4, "e", "a")]);
}

#[test]
fn a_rule_that_may_yet_match_is_not_reported() {
    for (earlier, later) in [
        (&["lead.country == 'DE'"][..], &["lead.country in ['DE', 'AT']"][..]),
        (&["lead.country == 'DE'"][..], &["lead.country != 'FR'"][..]),
        (&["lead.country == 'DE'"][..], &[][..]),
        (&["lead.country == 'DE'", "lead.score > 5"][..], &["lead.country == 'DE'"][..]),
        (&["lead.score > 5"][..], &["lead.score > 6"][..]),
        (&["lead.company == 'a b'"][..], &["lead.company == 'ab'"][..]),
        (&["lead.company.startsWith('a b')"][..], &["lead.company.startsWith('ab')"][..]),
        (&["lead.country == 'DE' && lead.score > 5"][..], &["lead.country == 'DE'"][..]),
        (&["lead.country == 'DE' || lead.language == 'de'"][..], &["lead.country == 'AT'"][..]),
    ] {
        check(vec![rule("a", earlier), rule("b", later)], &[]);
    }
    check(vec![for_types(&["mql"], rule("a", &[])), rule("b", &[])], &[]);
    let rules =
        vec![for_types(&["mql"], rule("a", &[])), for_types(&["mql", "hot_lead"], rule("b", &[]))];
    check(rules, &[]);
}

#[test]
fn a_skill_that_is_no_text_is_found() {
    let mut wanted = rule("a", &[]);
    wanted.skills = vec!["enterprise".to_owned(), " ".to_owned()];
    wanted.skills_of = ["lead.language", "lead.score", "lead.nobody", "deal.x", "lead ="]
        .map(str::to_owned)
        .into();
    let faults = Rules::faults(&with_rules(vec![wanted]));
    let told: Vec<_> = faults.iter().map(|one| (one.key, one.entry, one.code)).collect();
    let wrong = "wrong-skill";
    let skills_of = |entry| ("skills_of", Some(entry), wrong);
    let expected =
        [("skills", Some(1), wrong), skills_of(1), skills_of(2), skills_of(3), skills_of(4)];
    assert_eq!(told, expected);
    assert_eq!(faults[1].message, "`lead.score` is a UInt, not a text.");
}

#[test]
fn a_mistake_is_told_at_its_place_in_the_file() {
    let rules = r#"
[[rules]]
name = "Again, Americas"
types = ["mql"]
when = ["lead.country == 'US'"]
pool = "sdr_americas"
skills_of = ["lead.score"]
"#;
    let problems = load(&format!("{SAMPLE}{rules}")).unwrap_err();
    let at = |line: &str| format!("{SAMPLE}{rules}").lines().position(|l| l == line).unwrap() + 1;
    let told: Vec<_> = problems.iter().map(|one| (one.line, one.code)).collect();
    let expected = [
        (at("name = \"Again, Americas\""), "shadowed-rule"),
        (at("skills_of = [\"lead.score\"]"), "wrong-skill"),
    ];
    assert_eq!(told, expected);
}
