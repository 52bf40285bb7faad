//! Rules asked one by one of a context with everything in it: slow, and plainly right.

use super::*;
use serde_json::{Map, Value as Json};

/// Asks every rule for the handoff's type in order.
pub(super) fn matching(
    config: &Config,
    handoff: &Handoff,
    package: &Package,
    now: DateTime<Utc>,
) -> (Option<Won>, Vec<RuleFailed>) {
    let mut fields = Fields::default();
    let of = |rule| Compiled::of(rule, &mut fields);
    let rules: Vec<Compiled> = config.rules.iter().map(of).collect();
    among(&rules, config, handoff, package, now)
}

/// Asks compiled rules.
pub(super) fn among(
    rules: &[Compiled],
    config: &Config,
    handoff: &Handoff,
    package: &Package,
    now: DateTime<Utc>,
) -> (Option<Won>, Vec<RuleFailed>) {
    let context = context(config, handoff, package, now);
    let people = config.people.values().flat_map(|person| &person.skills);
    let has: BTreeSet<String> = people.map(|skill| skill_of(skill)).collect();
    let mut failed = Vec::new();
    for rule in rules.iter().filter(|rule| rule.is_for(&handoff.kind)) {
        let clauses: Vec<Clause> = rule.clauses.iter().map(|one| one.ask(&context)).collect();
        match clauses.iter().find(|clause| !clause.held).cloned() {
            Some(clause) => failed.push(RuleFailed { rule: rule.name.clone(), clause }),
            None => return (Some(won(rule, clauses, &context, &has)), failed),
        }
    }
    (None, failed)
}

fn won(rule: &Compiled, clauses: Vec<Clause>, context: &Context, has: &BTreeSet<String>) -> Won {
    let mut skills = rule.skills.clone();
    for skill in &rule.skills_of {
        if let Ok(Value::String(skill)) = skill.program.execute(context) {
            skills.extend(Some(skill_of(&skill)).filter(|skill| has.contains(skill)));
        }
    }
    skills.remove("");
    Won { rule: rule.name.clone(), pool: rule.pool.clone(), clauses, skills }
}

fn context(
    config: &Config,
    handoff: &Handoff,
    package: &Package,
    now: DateTime<Utc>,
) -> Context<'static, 'static> {
    let mut context = Context::default();
    let lead = lead(config, package);
    let account = json!({
        "name": lead["company"], "country": lead["country"],
        "industry": lead["industry"], "employees": lead["employees"],
    });
    let handoff = json!({
        "type": handoff.kind, "source": handoff.source, "from": handoff.from, "to": handoff.to,
        "heat": handoff.heat, "score": handoff.score.unwrap_or(0),
        "amount_minor": handoff.amount.as_ref().map_or(0, |money| money.minor),
        "currency": handoff.amount.as_ref().map_or("", |money| money.currency.as_str()),
    });
    let seen = crate::config::Seen::of(package);
    let territory: Map<String, Json> = config
        .territories
        .iter()
        .map(|(name, table)| {
            (name.clone(), table.find(&seen).map_or("", |row| row.territory()).into())
        })
        .collect();
    for (name, value) in [
        ("lead", lead),
        ("account", account),
        ("handoff", handoff),
        ("territory", territory.into()),
    ] {
        context.add_variable_from_value(name, cel::to_value(&value).unwrap());
    }
    context.add_variable_from_value("now", Value::Timestamp(now.fixed_offset()));
    context
}

fn lead(config: &Config, package: &Package) -> Json {
    let mut lead = Map::new();
    let fields = config.types.values().flat_map(|kind| kind.fields.iter().map(|one| &one.name));
    let mapped = config.sources.values().flat_map(|source| source.fields.values());
    for name in fields.chain(mapped) {
        lead.insert(name.clone(), "".into());
    }
    for name in [
        "company",
        "country",
        "industry",
        "segment",
        "language",
        "product",
        "postal_code",
        "region",
    ] {
        lead.insert(name.to_owned(), "".into());
    }
    for number in ["score", "employees", "amount_minor"] {
        lead.insert(number.to_owned(), 0.into());
    }
    for (name, value) in &package.values {
        let typed_number = lead.get(name).is_some_and(Json::is_number);
        let value = match (typed_number, &value.value) {
            (true, Json::String(text)) => text.parse::<i64>().map_or(0.into(), Json::from),
            (true, other) if !other.is_i64() => 0.into(),
            (_, value) => value.clone(),
        };
        lead.insert(name.clone(), value);
    }
    lead.insert("email_domain".to_owned(), package.subject.email_domain().into());
    Json::Object(lead)
}
