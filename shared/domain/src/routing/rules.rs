//! Rules compiled once per configuration version, and the input they are asked about.
//!
//! CEL checks only syntax when it compiles, so names are linted against a typed sample of
//! everything a handoff can carry. A clause that cannot be evaluated does not hold, and the trace
//! says so. Rules are looked up by the texts they demand, so that a thousand of them cost little
//! more than ten; what must stay true is that the answer is what asking each in order gives.

mod check;
mod context;
mod expression;
mod shadow;

use super::trace::{Clause, MOST_TRACED, RuleFailed};
use crate::{
    candidates::{Candidates, Demands},
    config::{Config, Rule},
    handoff::Handoff,
    ids::{PoolId, TypeKey},
    package::Package,
};
use cel::{Context, Program, Value};
pub use check::Fault;
pub(crate) use check::clause_fault;
use chrono::{DateTime, Utc};
use context::{Facts, known_texts};
use expression::{Demand, Path, References, demand, narrow};
use std::collections::{BTreeMap, BTreeSet};

/// A configuration's routing rules, ready to be asked.
pub struct Rules {
    rules: Vec<Compiled>,
    candidates: Candidates<Path>,
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
    skills_of: Vec<Program>,
}

/// A clause, with what must be so for it to hold.
struct Condition {
    text: String,
    program: Option<Program>,
    demand: Demand,
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
        let rules: Vec<Compiled> = config.rules.iter().map(Compiled::of).collect();
        let demands: Vec<Demands<Path>> = rules.iter().map(Compiled::demands).collect();
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
            for program in clauses.chain(&rule.skills_of) {
                references.add(program.expression());
            }
        }
        let candidates = Candidates::of(&demands);
        let people = config.people.values().flat_map(|person| &person.skills);
        let skills = people.map(|skill| skill_of(skill)).collect();
        let known = known_texts(config);
        Self { rules, candidates, for_all, by_type, references, known, skills }
    }

    /// Finds the first rule whose clauses all hold.
    pub fn matching(
        &self,
        config: &Config,
        handoff: &Handoff,
        package: &Package,
        now: DateTime<Utc>,
    ) -> Match {
        let about = (handoff, package);
        let facts = Facts::of((config, &self.known), &self.references, about, now);
        let context = facts.context(&self.references);
        let texts = self.candidates.places().filter_map(|path| Some((path, facts.text(path)?)));
        let won = self.candidates.among(texts).find_map(|position| {
            let rule = self.rules.get(position).filter(|rule| rule.is_for(&handoff.kind))?;
            Some((position, rule.won(&context, &self.skills)?))
        });
        let (end, won) = match won {
            Some((position, won)) => (position, Some(won)),
            None => (self.rules.len(), None),
        };
        let (failed_count, nearest) = self.before(end, &handoff.kind);
        let failed = nearest.iter().filter_map(|position| self.rules[*position].failed(&context));
        Match { won, failed: failed.collect(), failed_count }
    }

    /// Says which clause of one rule does not hold; nothing where all do.
    pub fn failing(
        &self,
        position: usize,
        config: &Config,
        about: (&Handoff, &Package),
        now: DateTime<Utc>,
    ) -> Option<RuleFailed> {
        let facts = Facts::of((config, &self.known), &self.references, about, now);
        self.rules.get(position)?.failed(&facts.context(&self.references))
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
    fn of(rule: &Rule) -> Self {
        let skills = rule.skills.iter().map(|skill| skill_of(skill));
        let skills_of = rule.skills_of.iter().filter_map(|text| Program::compile(text).ok());
        Self {
            name: rule.name.clone(),
            types: rule.types.clone(),
            pool: rule.pool.clone(),
            clauses: rule.when.iter().map(|text| Condition::of(text)).collect(),
            skills: skills.filter(|skill| !skill.is_empty()).collect(),
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

    /// Says what it gives if all its clauses hold.
    fn won(&self, context: &Context<'_, '_>, has: &BTreeSet<String>) -> Option<Won> {
        let mut clauses = Vec::with_capacity(self.clauses.len());
        for clause in &self.clauses {
            let clause = clause.ask(context);
            if !clause.held {
                return None;
            }
            clauses.push(clause);
        }
        let mut skills = self.skills.clone();
        for program in &self.skills_of {
            // What cannot be told, or nobody can do, asks for nothing.
            if let Ok(Value::String(skill)) = program.execute(context) {
                skills.extend(Some(skill_of(&skill)).filter(|skill| has.contains(skill)));
            }
        }
        skills.remove("");
        Some(Won { rule: self.name.clone(), pool: self.pool.clone(), clauses, skills })
    }

    /// Says which clause does not hold, if one does not.
    fn failed(&self, context: &Context<'_, '_>) -> Option<RuleFailed> {
        let mut asked = self.clauses.iter().map(|clause| clause.ask(context));
        let clause = asked.find(|clause| !clause.held)?;
        Some(RuleFailed { rule: self.name.clone(), clause })
    }
}

impl Condition {
    fn of(text: &str) -> Self {
        let program = Program::compile(text).ok();
        let read = |program: &Program| demand(&program.expression().expr);
        let demand = program.as_ref().map(read).unwrap_or_default();
        Self { text: text.to_owned(), program, demand }
    }

    fn ask(&self, context: &Context<'_, '_>) -> Clause {
        let result = self.program.as_ref().map(|program| program.execute(context));
        let (held, error) = match result {
            Some(Ok(Value::Bool(held))) => (held, None),
            Some(Ok(other)) => (false, Some(format!("it is a {:?}", other.type_of()))),
            Some(Err(error)) => (false, Some(error.to_string())),
            None => (false, Some("it does not compile".to_owned())),
        };
        Clause { expr: self.text.clone(), held, error }
    }
}

/// Tells whether all clauses hold of a handoff; one that cannot be evaluated does not.
pub fn hold(
    clauses: &[String],
    config: &Config,
    about: (&Handoff, &Package),
    now: DateTime<Utc>,
) -> bool {
    let conditions: Vec<Condition> = clauses.iter().map(|text| Condition::of(text)).collect();
    let mut references = References::default();
    for program in conditions.iter().filter_map(|condition| condition.program.as_ref()) {
        references.add(program.expression());
    }
    let known = known_texts(config);
    let context = Facts::of((config, &known), &references, about, now).context(&references);
    conditions.iter().all(|condition| condition.ask(&context).held)
}

/// Writes a skill as it is compared.
pub(crate) fn skill_of(text: &str) -> String {
    text.trim().to_lowercase()
}

#[cfg(test)]
mod tests;
