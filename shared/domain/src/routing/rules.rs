//! Rules compiled once per configuration version, and the input they are asked about.
//!
//! CEL checks only syntax when it compiles, so names are linted against a typed sample of
//! everything a handoff can carry. A clause that cannot be evaluated does not hold, and the trace
//! says so. Rules are looked up by the texts they demand, so that a thousand of them cost little
//! more than ten, and clauses that only compare fields are decided without the language; what must
//! stay true is that the answer is what asking each in order gives.

mod check;
mod compile;
mod context;
mod expression;
mod plain;
mod shadow;
mod table;

use super::trace::{Clause, MOST_TRACED, RuleFailed};
use crate::{
    candidates::Demands,
    config::{Config, Rule},
    handoff::Handoff,
    ids::{PoolId, TypeKey},
    package::Package,
};
use cel::{Context, Program, Value};
pub use check::Fault;
pub(crate) use check::clause_fault;
use chrono::{DateTime, Utc};
use compile::compile;
pub(crate) use context::attributes;
use context::{Facts, known_texts};
use expression::{Demand, Path, References, compared, demand, narrow};
use plain::{Fields, Said, Test};
use std::{
    cell::OnceCell,
    collections::{BTreeMap, BTreeSet},
};
use table::Table;

/// A configuration's routing rules, ready to be asked.
pub struct Rules {
    rules: Vec<Compiled>,
    fields: Fields,
    table: Table,
    for_all: Vec<usize>,
    by_type: BTreeMap<TypeKey, Vec<usize>>,
    references: References,
    known: BTreeSet<String>,
    /// Every skill that somebody has.
    skills: BTreeSet<String>,
}

struct Compiled {
    name: String,
    types: Vec<TypeKey>,
    pool: PoolId,
    clauses: Vec<Condition>,
    skills: BTreeSet<String>,
    skills_of: Vec<SkillOf>,
}

/// A clause, with what must be so for it to hold.
struct Condition {
    text: String,
    program: Option<Program>,
    demand: Demand,
    /// What it says, where it only compares fields.
    tests: Option<Vec<Test>>,
}

/// An expression that gives a skill.
struct SkillOf {
    program: Program,
    /// The field whose text it is, where it is no more than that.
    field: Option<usize>,
}

/// A lead that rules are asked about. Values of the language are made when it is first needed.
struct Asked<'a> {
    said: Said<'a>,
    facts: &'a Facts<'a>,
    references: &'a References,
    context: OnceCell<Context<'static, 'static>>,
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
    /// What it asks the rep to be good at, in lower case.
    pub skills: BTreeSet<String>,
}

/// Which rule matched, and why those before it did not.
#[derive(Debug, PartialEq, Eq)]
pub struct Match {
    /// The first rule whose clauses all hold; none when no rule matched.
    pub won: Option<Won>,
    /// The nearest of the rules before it, as many as a trace holds, in order.
    pub failed: Vec<RuleFailed>,
    /// How many rules before it are for the handoff's type.
    pub failed_count: usize,
}

impl Rules {
    /// Compiles a configuration's rules; a clause that does not compile never holds, and lint has
    /// said so.
    pub fn compile(config: &Config) -> Self {
        let mut fields = Fields::default();
        let of = |rule| Compiled::of(rule, &mut fields);
        let rules: Vec<Compiled> = config.rules.iter().map(of).collect();
        let demands = rules.iter().map(|rule| fields.demands(rule.demands()));
        let table = Table::of(&demands.collect::<Vec<_>>());
        let (mut for_all, mut by_type) = (Vec::new(), BTreeMap::<_, Vec<usize>>::new());
        let mut references = References::default();
        for (position, rule) in rules.iter().enumerate() {
            let types: BTreeSet<&TypeKey> = rule.types.iter().collect();
            if types.is_empty() {
                for_all.push(position);
            }
            for kind in types {
                by_type.entry(kind.clone()).or_default().push(position);
            }
            let clauses = rule.clauses.iter().filter_map(|clause| clause.program.as_ref());
            for program in clauses.chain(rule.skills_of.iter().map(|skill| &skill.program)) {
                references.add(program.expression());
            }
        }
        let people = config.people.values().flat_map(|person| &person.skills);
        let skills = people.map(|skill| skill_of(skill)).collect();
        let known = known_texts(config);
        Self { rules, fields, table, for_all, by_type, references, known, skills }
    }

    /// Finds the first rule whose clauses all hold, and why those before it do not.
    pub fn matching(
        &self,
        config: &Config,
        handoff: &Handoff,
        package: &Package,
        now: DateTime<Utc>,
    ) -> Match {
        let facts = self.facts(config, (handoff, package), now);
        let asked = self.asked(&facts);
        let won = self.winning(&asked, &handoff.kind);
        let end = won.map_or(self.rules.len(), |(position, _)| position);
        let (failed_count, nearest) = self.before(end, &handoff.kind);
        let mut failed = Vec::with_capacity(nearest.len());
        failed.extend(nearest.iter().filter_map(|rule| self.rules[*rule].failed(&asked)));
        let won = won.map(|(_, rule)| rule.won(&asked, &self.skills));
        Match { won, failed, failed_count }
    }

    /// Finds the first rule whose clauses all hold, without asking why those before it do not.
    pub fn first(
        &self,
        config: &Config,
        about: (&Handoff, &Package),
        now: DateTime<Utc>,
    ) -> Option<Won> {
        let facts = self.facts(config, about, now);
        let asked = self.asked(&facts);
        let (_, rule) = self.winning(&asked, &about.0.kind)?;
        Some(rule.won(&asked, &self.skills))
    }

    /// Says which clause of one rule does not hold; nothing where all do.
    pub fn failing(
        &self,
        position: usize,
        config: &Config,
        about: (&Handoff, &Package),
        now: DateTime<Utc>,
    ) -> Option<RuleFailed> {
        let facts = self.facts(config, about, now);
        self.rules.get(position)?.failed(&self.asked(&facts))
    }

    fn facts<'a>(
        &'a self,
        config: &'a Config,
        about: (&'a Handoff, &'a Package),
        now: DateTime<Utc>,
    ) -> Facts<'a> {
        Facts::of((config, &self.known), &self.references, about, now)
    }

    fn asked<'a>(&'a self, facts: &'a Facts<'a>) -> Asked<'a> {
        let (said, references) = (self.fields.read(facts), &self.references);
        Asked { said, facts, references, context: OnceCell::new() }
    }

    fn winning(&self, asked: &Asked<'_>, kind: &TypeKey) -> Option<(usize, &Compiled)> {
        self.table.left(&asked.said).find_map(|position| {
            let rule = self.rules.get(position)?;
            (rule.is_for(kind) && rule.holds(asked)).then_some((position, rule))
        })
    }

    /// Counts the rules of a type before a position, and lists the nearest in order.
    fn before(&self, end: usize, kind: &TypeKey) -> (usize, Vec<usize>) {
        let own = self.by_type.get(kind).map(Vec::as_slice).unwrap_or_default();
        let (mut count, mut nearest) = (0, Vec::new());
        for positions in [own, &self.for_all] {
            let before = &positions[..positions.partition_point(|position| *position < end)];
            count += before.len();
            nearest.extend_from_slice(&before[before.len().saturating_sub(MOST_TRACED)..]);
        }
        nearest.sort_unstable();
        (count, nearest.split_off(nearest.len().saturating_sub(MOST_TRACED)))
    }
}

impl Compiled {
    fn of(rule: &Rule, fields: &mut Fields) -> Self {
        let skills = rule.skills.iter().map(|skill| skill_of(skill));
        let skills = skills.filter(|skill| !skill.is_empty()).collect();
        let clauses = rule.when.iter().map(|text| Condition::of(text, fields)).collect();
        let skills_of = rule.skills_of.iter().filter_map(|text| SkillOf::of(text, fields));
        Self {
            name: rule.name.clone(),
            types: rule.types.clone(),
            pool: rule.pool.clone(),
            clauses,
            skills,
            skills_of: skills_of.collect(),
        }
    }

    /// Gathers what its clauses demand together.
    fn demands(&self) -> Demands<Path> {
        let mut demands = Demands::new();
        for clause in &self.clauses {
            narrow(&mut demands, &clause.demand.texts);
        }
        demands
    }

    fn is_for(&self, kind: &TypeKey) -> bool {
        self.types.is_empty() || self.types.contains(kind)
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        self.clauses.iter().all(|clause| clause.holds(asked))
    }

    /// Says what it gives where all its clauses hold.
    fn won(&self, asked: &Asked<'_>, has: &BTreeSet<String>) -> Won {
        let clauses = self.clauses.iter().map(|clause| clause.said(true, None)).collect();
        let mut skills = self.skills.clone();
        // What cannot be told, or nobody can do, asks for nothing.
        let of = self.skills_of.iter().filter_map(|skill| skill.of_lead(asked));
        skills.extend(of.filter(|skill| has.contains(skill)));
        skills.remove("");
        Won { rule: self.name.clone(), pool: self.pool.clone(), clauses, skills }
    }

    /// Says which clause does not hold, if one does not.
    fn failed(&self, asked: &Asked<'_>) -> Option<RuleFailed> {
        let clause = self.clauses.iter().find_map(|clause| clause.failed(asked))?;
        Some(RuleFailed { rule: self.name.clone(), clause })
    }
}

impl Condition {
    fn of(text: &str, fields: &mut Fields) -> Self {
        let program = compile(text).ok();
        let expr = program.as_ref().map(|program| &program.expression().expr);
        let tests = expr.and_then(|expr| fields.tests(expr));
        let demand = expr.map(demand).unwrap_or_default();
        Self { text: text.to_owned(), program, demand, tests }
    }

    fn holds(&self, asked: &Asked<'_>) -> bool {
        match &self.tests {
            Some(tests) => tests.iter().all(|test| asked.said.holds(test) == Some(true)),
            None => self.ask(asked.context()).held,
        }
    }

    /// Says that it does not hold, where it does not, and why where it cannot be evaluated.
    fn failed(&self, asked: &Asked<'_>) -> Option<Clause> {
        let mut tests = self.tests.iter().flatten().map(|test| asked.said.holds(test));
        let held = match self.tests {
            Some(_) => tests.try_fold(true, |all, one| Some(all & one?)),
            None => None,
        };
        match held {
            Some(held) => (!held).then(|| self.said(false, None)),
            None => Some(self.ask(asked.context())).filter(|clause| !clause.held),
        }
    }

    /// Asks the language.
    fn ask(&self, context: &Context<'_, '_>) -> Clause {
        let result = self.program.as_ref().map(|program| program.execute(context));
        match result {
            Some(Ok(Value::Bool(held))) => self.said(held, None),
            Some(Ok(other)) => self.said(false, Some(format!("it is a {:?}", other.type_of()))),
            Some(Err(error)) => self.said(false, Some(error.to_string())),
            None => self.said(false, Some("it does not compile".to_owned())),
        }
    }

    fn said(&self, held: bool, error: Option<String>) -> Clause {
        Clause { expr: self.text.clone(), held, error }
    }
}

impl SkillOf {
    fn of(text: &str, fields: &mut Fields) -> Option<Self> {
        let program = compile(text).ok()?;
        let field = compared(&program.expression().expr).map(|path| fields.text(path));
        Some(Self { program, field })
    }

    fn of_lead(&self, asked: &Asked<'_>) -> Option<String> {
        match self.field {
            Some(field) => asked.said.text(field).map(skill_of),
            None => match self.program.execute(asked.context()) {
                Ok(Value::String(skill)) => Some(skill_of(&skill)),
                _ => None,
            },
        }
    }
}

impl Asked<'_> {
    fn context(&self) -> &Context<'static, 'static> {
        self.context.get_or_init(|| self.facts.context(self.references))
    }
}

/// Tells whether all clauses hold of a handoff; one that cannot be evaluated does not.
pub fn hold(
    clauses: &[String],
    config: &Config,
    about: (&Handoff, &Package),
    now: DateTime<Utc>,
) -> bool {
    let mut fields = Fields::default();
    let conditions: Vec<Condition> =
        clauses.iter().map(|text| Condition::of(text, &mut fields)).collect();
    let mut references = References::default();
    for program in conditions.iter().filter_map(|condition| condition.program.as_ref()) {
        references.add(program.expression());
    }
    let known = known_texts(config);
    let facts = Facts::of((config, &known), &references, about, now);
    let (said, references) = (fields.read(&facts), &references);
    let asked = Asked { said, facts: &facts, references, context: OnceCell::new() };
    conditions.iter().all(|condition| condition.holds(&asked))
}

/// Writes a skill as it is compared.
pub(crate) fn skill_of(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
