//! What is wrong with rules before anybody is routed: clauses that cannot be evaluated, territories
//! that no row gives, and rules that can never match.

use super::{
    Compiled, Condition, Facts, Rules,
    compile::{compile, quoted},
    context::known_texts,
    expression::{Path, References, Root, free_variables, narrow, tables_of, territories_of},
    plain::Fields,
    shadow::shadowed,
};
use crate::{candidates::Demands, config::Config, package::Package};
use cel::{Context, Program, Value};
use std::collections::BTreeSet;

/// What is wrong with a rule, by its place in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The rule's index.
    pub rule: usize,
    /// The key it concerns.
    pub key: &'static str,
    /// The entry of that key's list.
    pub entry: Option<usize>,
    /// A stable name of the kind of problem.
    pub code: &'static str,
    /// What is wrong, a sentence.
    pub message: String,
    /// What to do, a sentence.
    pub help: String,
}

/// What is wrong with one expression: a code, a sentence, and what to do.
type Wrong = (&'static str, String, String);

const WRONG_CLAUSE: &str = "wrong-clause";
const WRONG_SKILL: &str = "wrong-skill";
const VARIABLES: [&str; 5] = ["lead", "account", "handoff", "territory", "now"];

impl Rules {
    /// Lints every rule: syntax, the names it refers to, a dry run on a typed sample, and whether
    /// it can match at all.
    pub fn faults(config: &Config) -> Vec<Fault> {
        let mut fields = Fields::default();
        let of = |rule| Compiled::of(rule, &mut fields);
        let rules: Vec<Compiled> = config.rules.iter().map(of).collect();
        let known = known_texts(config);
        let package = Package::default();
        let sample = Sample::of(config, &known, &package);
        let mut faults = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let before = faults.len();
            let fault = |key, entry, (code, message, help)| Fault {
                rule: index,
                key,
                entry: Some(entry),
                code,
                message,
                help,
            };
            for (entry, clause) in rule.clauses.iter().enumerate() {
                faults.extend(sample.clause(clause).map(|wrong| fault("when", entry, wrong)));
            }
            for (entry, skill) in config.rules[index].skills.iter().enumerate() {
                let wrong = skill.trim().is_empty().then(no_skill);
                faults.extend(wrong.map(|wrong| fault("skills", entry, wrong)));
            }
            for (entry, skill) in config.rules[index].skills_of.iter().enumerate() {
                faults.extend(sample.skill(skill).map(|wrong| fault("skills_of", entry, wrong)));
            }
            if faults.len() == before {
                let never = sample.never(rule);
                faults.extend(never.map(|(entry, wrong)| fault("when", entry, wrong)));
            }
        }
        faults.extend(shadowed(config, &rules));
        faults
    }
}

/// Says what is wrong with a clause that stands elsewhere than in a rule, and what to do.
pub(crate) fn clause_fault(config: &Config, clause: &str) -> Option<Wrong> {
    let (known, package) = (known_texts(config), Package::default());
    Sample::of(config, &known, &package).clause(&Condition::of(clause, &mut Fields::default()))
}

/// A handoff with everything that clauses can ask of one.
struct Sample<'a> {
    config: &'a Config,
    context: Context<'static, 'static>,
}

impl<'a> Sample<'a> {
    fn of(config: &'a Config, known: &BTreeSet<String>, package: &Package) -> Self {
        let context = Facts::sample(config, known, package).context(&References::all());
        Self { config, context }
    }

    fn clause(&self, clause: &Condition) -> Option<Wrong> {
        let Condition { text, program, .. } = clause;
        let program = match program {
            Some(program) => program,
            None => return uncompiled(text, "`lead.country == 'GB'`"),
        };
        if let Some(wrong) = self.names(text, program) {
            return Some(wrong);
        }
        match program.execute(&self.context) {
            Ok(Value::Bool(_)) => None,
            Ok(other) => Some((
                WRONG_CLAUSE,
                format!("`{text}` is a {:?}, not true or false.", other.type_of()),
                "Compare it with something.".to_owned(),
            )),
            Err(error) => Some(unevaluated(text, &error)),
        }
    }

    fn skill(&self, text: &str) -> Option<Wrong> {
        let wrong = match compile(text) {
            Err(_) => uncompiled(text, "`lead.language`"),
            Ok(program) => {
                self.names(text, &program).or_else(|| match program.execute(&self.context) {
                    Ok(Value::String(_)) => None,
                    Ok(other) => Some((
                        WRONG_CLAUSE,
                        format!("`{text}` is a {:?}, not a text.", other.type_of()),
                        "Name what gives the skill, such as `lead.language`.".to_owned(),
                    )),
                    Err(error) => Some(unevaluated(text, &error)),
                })
            }
        };
        wrong.map(|(code, message, help)| match code {
            WRONG_CLAUSE => (WRONG_SKILL, message, help),
            code => (code, message, help),
        })
    }

    /// Reports a variable, a table or a territory that does not exist.
    fn names(&self, text: &str, program: &Program) -> Option<Wrong> {
        // The least of them, so that the same file has always the same problem.
        let mut names = free_variables(program.expression()).into_iter();
        if let Some(unknown) = names.find(|name| !VARIABLES.contains(name)) {
            let message = format!("`{text}` refers to `{unknown}`, which does not exist.");
            return Some((WRONG_CLAUSE, message, format!("Use {}.", VARIABLES.join(", "))));
        }
        let (message, help) = self.territory(program)?;
        Some(("unknown-territory", message, help))
    }

    /// Reports a table that does not exist, or a territory that no row of it gives.
    fn territory(&self, program: &Program) -> Option<(String, String)> {
        let tables = &self.config.territories;
        let unknown = tables_of(program.expression());
        if let Some(unknown) = unknown.iter().find(|name| !tables.contains_key(*name)) {
            let message = format!("There is no territory table `{unknown}`.");
            return Some((
                message,
                format!("Add `[territories.{unknown}]`. {}", there(tables.keys())),
            ));
        }
        territories_of(program.expression()).into_iter().find_map(|(table, territory)| {
            let names = tables.get(&table)?.names();
            if territory.is_empty() || names.contains(territory.as_str()) {
                return None;
            }
            let message = format!("No row of the table `{table}` gives `{territory}`.");
            Some((message, there(names.into_iter())))
        })
    }

    /// Finds the clause by which a rule can never match.
    fn never(&self, rule: &Compiled) -> Option<(usize, Wrong)> {
        let mut demands: Demands<Path> = type_demand(rule);
        let wrong = |reason: String| {
            let message = format!("The rule `{}` can never match: {reason}.", rule.name);
            let help = "Take the clause out, or the rule.".to_owned();
            ("never-matches", message, help)
        };
        for (entry, clause) in rule.clauses.iter().enumerate() {
            let text = &clause.text;
            let is_constant = |program: &&Program| free_variables(program.expression()).is_empty();
            let program = clause.program.as_ref().filter(is_constant);
            let is_false =
                program.is_some_and(|one| one.execute(&self.context) == Ok(Value::Bool(false)));
            if is_false || clause.demand.texts.values().any(BTreeSet::is_empty) {
                return Some((entry, wrong(format!("`{text}` never holds"))));
            }
            narrow(&mut demands, &clause.demand.texts);
            if demands.values().any(BTreeSet::is_empty) {
                let against = if entry == 0 { "its types" } else { "what stands before it" };
                return Some((entry, wrong(format!("`{text}` contradicts {against}"))));
            }
        }
        None
    }
}

/// Writes the types a rule is for as what it demands.
pub(super) fn type_demand(rule: &Compiled) -> Demands<Path> {
    let types: BTreeSet<String> = rule.types.iter().map(|kind| kind.as_str().to_owned()).collect();
    Demands::from_iter((!types.is_empty()).then_some((type_path(), types)))
}

/// Names the handoff's type as clauses do.
pub(super) fn type_path() -> Path {
    Path { root: Root::Handoff, field: "type".to_owned() }
}

fn no_skill() -> Wrong {
    (WRONG_SKILL, "The skill is empty.".to_owned(), "Name it, or take it out.".to_owned())
}

fn uncompiled(text: &str, example: &str) -> Option<Wrong> {
    let why = compile(text).err()?;
    let message = format!("`{}` is no CEL expression: {why}.", quoted(text));
    Some((WRONG_CLAUSE, message, format!("Write for example {example}.")))
}

fn unevaluated(text: &str, error: &cel::ExecutionError) -> Wrong {
    (
        WRONG_CLAUSE,
        format!("`{}` cannot be evaluated: {error}.", quoted(text)),
        "Check names and types; guard what may be absent with `has(lead.x)`.".to_owned(),
    )
}

/// Lists what there is, as a sentence; of many the first.
fn there<'a, N: AsRef<str> + 'a>(names: impl Iterator<Item = N>) -> String {
    const MOST: usize = 20;
    let names: Vec<N> = names.collect();
    let shown: Vec<&str> = names.iter().take(MOST).map(AsRef::as_ref).collect();
    match names.len() {
        0 => "There is none.".to_owned(),
        count if count > MOST => format!("There are: {}, …", shown.join(", ")),
        _ => format!("There are: {}.", shown.join(", ")),
    }
}
