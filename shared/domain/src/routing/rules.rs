//! Rules compiled once per configuration version, and the input they are asked about.
//!
//! CEL checks only syntax when it compiles, so names are linted against a typed sample of
//! everything a handoff can carry. A clause that cannot be evaluated does not hold, and the trace
//! says so.

use super::trace::{Clause, RuleFailed};
use crate::{
    config::{Config, Rule},
    handoff::Handoff,
    ids::{PoolId, TypeKey},
    package::Package,
};
use cel::{Context, Program, Value};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeSet;

/// A configuration's routing rules, ready to be asked.
pub struct Rules {
    rules: Vec<Compiled>,
}

struct Compiled {
    name: String,
    types: Vec<TypeKey>,
    pool: PoolId,
    skills: BTreeSet<String>,
    clauses: Vec<(String, Option<Program>)>,
}

/// What is wrong with a clause, by its place in the file.
pub struct Fault {
    /// The rule's index.
    pub rule: usize,
    /// The clause's index.
    pub clause: usize,
    /// What is wrong, a sentence.
    pub message: String,
    /// What to do, a sentence.
    pub help: String,
}

/// Which rule matched, and why those before it did not.
#[derive(Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule and the pool it names, with its clauses; none when no rule matched.
    pub won: Option<Won>,
    /// The rules before it.
    pub failed: Vec<RuleFailed>,
}

/// The rule that matched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Won {
    /// Its name.
    pub rule: String,
    /// The pool it names.
    pub pool: PoolId,
    /// Its clauses.
    pub clauses: Vec<Clause>,
    /// The skills it asks for.
    pub skills: BTreeSet<String>,
}

impl Rules {
    /// Compiles a configuration's rules; a clause that does not compile never holds, and lint has
    /// said so.
    pub fn compile(config: &Config) -> Self {
        let compiled = |rule: &Rule| Compiled {
            name: rule.name.clone(),
            types: rule.types.clone(),
            pool: rule.pool.clone(),
            skills: rule.skills.iter().map(|skill| skill.to_lowercase()).collect(),
            clauses: rule
                .when
                .iter()
                .map(|clause| (clause.clone(), Program::compile(clause).ok()))
                .collect(),
        };
        Self { rules: config.rules.iter().map(compiled).collect() }
    }

    /// Finds the first rule whose clauses all hold.
    pub fn matching(
        &self,
        config: &Config,
        handoff: &Handoff,
        package: &Package,
        now: DateTime<Utc>,
    ) -> Match {
        let context = context(&lead_of(config, package), &handoff_of(handoff), now);
        let mut failed = Vec::new();
        let for_type =
            |rule: &&Compiled| rule.types.is_empty() || rule.types.contains(&handoff.kind);
        for rule in self.rules.iter().filter(for_type) {
            let mut clauses = Vec::with_capacity(rule.clauses.len());
            for (expr, program) in &rule.clauses {
                let clause = evaluate(expr, program.as_ref(), &context);
                let held = clause.held;
                clauses.push(clause);
                if !held {
                    break;
                }
            }
            match clauses.pop() {
                Some(clause) if !clause.held => {
                    failed.push(RuleFailed { rule: rule.name.clone(), clause });
                }
                last => {
                    clauses.extend(last);
                    let (name, pool) = (rule.name.clone(), rule.pool.clone());
                    let won = Won { rule: name, pool, clauses, skills: rule.skills.clone() };
                    return Match { won: Some(won), failed };
                }
            }
        }
        Match { won: None, failed }
    }

    /// Lints every clause: syntax, the names it refers to, and a dry run on a typed sample.
    pub fn faults(config: &Config) -> Vec<Fault> {
        let sample =
            context(&lead_of(config, &Package::default()), &sample_handoff(), DateTime::UNIX_EPOCH);
        let mut faults = Vec::new();
        for (rule_index, rule) in config.rules.iter().enumerate() {
            for (clause_index, clause) in rule.when.iter().enumerate() {
                if let Some((message, help)) = fault_of(clause, &sample) {
                    faults.push(Fault { rule: rule_index, clause: clause_index, message, help });
                }
            }
        }
        faults
    }
}

/// Tells whether all clauses hold of a handoff; one that cannot be evaluated does not.
pub fn hold(
    clauses: &[String],
    config: &Config,
    (handoff, package): (&Handoff, &Package),
    now: DateTime<Utc>,
) -> bool {
    let context = context(&lead_of(config, package), &handoff_of(handoff), now);
    let holds = |clause: &String| {
        let program = Program::compile(clause).ok();
        evaluate(clause, program.as_ref(), &context).held
    };
    clauses.iter().all(holds)
}

/// Says what is wrong with a clause that stands elsewhere than in a rule, and what to do.
pub(crate) fn clause_fault(config: &Config, clause: &str) -> Option<(String, String)> {
    let lead = lead_of(config, &Package::default());
    fault_of(clause, &context(&lead, &sample_handoff(), DateTime::UNIX_EPOCH))
}

const VARIABLES: [&str; 4] = ["lead", "account", "handoff", "now"];

fn fault_of(clause: &str, sample: &Context<'_, '_>) -> Option<(String, String)> {
    let program = match Program::compile(clause) {
        Ok(program) => program,
        Err(error) => {
            let line = error.to_string().replace('\n', " ");
            return Some((
                format!("`{clause}` is no CEL expression: {line}."),
                "Write for example `lead.country == 'GB'`.".to_owned(),
            ));
        }
    };
    let references = program.references();
    let unknown = references.variables().into_iter().find(|name| !VARIABLES.contains(name));
    if let Some(unknown) = unknown {
        return Some((
            format!("`{clause}` refers to `{unknown}`, which does not exist."),
            format!("Use {}.", VARIABLES.join(", ")),
        ));
    }
    match program.execute(sample) {
        Ok(Value::Bool(_)) => None,
        Ok(other) => Some((
            format!("`{clause}` is a {:?}, not true or false.", other.type_of()),
            "Compare it with something.".to_owned(),
        )),
        Err(error) => Some((
            format!("`{clause}` cannot be evaluated: {error}."),
            "Check names and types; guard what may be absent with `has(lead.x)`.".to_owned(),
        )),
    }
}

fn evaluate(expr: &str, program: Option<&Program>, context: &Context<'_, '_>) -> Clause {
    let result = program.map(|program| program.execute(context));
    let (held, error) = match result {
        Some(Ok(Value::Bool(held))) => (held, None),
        Some(Ok(other)) => (false, Some(format!("it is a {:?}", other.type_of()))),
        Some(Err(error)) => (false, Some(error.to_string())),
        None => (false, Some("it does not compile".to_owned())),
    };
    Clause { expr: expr.to_owned(), held, error }
}

fn context(lead: &Json, handoff: &Json, now: DateTime<Utc>) -> Context<'static, 'static> {
    let mut context = Context::default();
    let account = json!({
        "name": lead["company"], "country": lead["country"],
        "industry": lead["industry"], "employees": lead["employees"],
    });
    for (name, value) in [("lead", lead), ("account", &account), ("handoff", handoff)] {
        let value = cel::to_value(value).unwrap_or(Value::Null);
        context.add_variable_from_value(name, value);
    }
    context.add_variable_from_value("now", Value::Timestamp(now.fixed_offset()));
    context
}

/// Builds what clauses see of a package: every attribute is there, empty when unknown, so that a
/// clause can ask.
fn lead_of(config: &Config, package: &Package) -> Json {
    let mut lead = Map::new();
    let texts = config
        .types
        .values()
        .flat_map(|kind| kind.fields.iter().map(|field| field.name.as_str()))
        .chain(
            config.sources.values().flat_map(|source| source.fields.values().map(String::as_str)),
        )
        .chain(["company", "country", "industry", "segment", "language", "product", "postal_code"]);
    for name in texts {
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
    let email = package.subject.email.as_deref().unwrap_or_default();
    let domain = email.rsplit_once('@').map_or("", |(_, domain)| domain);
    lead.insert("email_domain".to_owned(), domain.to_lowercase().into());
    Json::Object(lead)
}

fn handoff_of(handoff: &Handoff) -> Json {
    json!({
        "type": handoff.kind, "source": handoff.source, "from": handoff.from, "to": handoff.to,
        "heat": handoff.heat, "score": handoff.score.unwrap_or(0),
        "amount_minor": handoff.amount.as_ref().map_or(0, |money| money.minor),
        "currency": handoff.amount.as_ref().map_or("", |money| money.currency.as_str()),
    })
}

fn sample_handoff() -> Json {
    json!({
        "type": "mql", "source": "generic", "from": "marketing", "to": "sdr", "heat": 0,
        "score": 0, "amount_minor": 0, "currency": "",
    })
}
