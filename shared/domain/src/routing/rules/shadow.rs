//! Rules that never get their turn, because an earlier one takes all that they would.
//!
//! One rule takes all that another would if it is for all the other's types and each of its clauses
//! follows from the other's: it is the same clause, or it demands only texts that the other demands
//! too. What is not proven is not reported. Earlier rules are looked up by what they need of the
//! later one, so that thousands of rules are compared in a moment.

use super::{
    Compiled, Condition, Fault,
    check::{type_demand, type_path},
    expression::{Path, narrow},
};
use crate::{
    candidates::{Candidates, Demands},
    config::Config,
    ids::TypeKey,
};
use std::collections::BTreeSet;

/// What an earlier rule needs of a later one, to take all that it would.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Need {
    /// It demands one of these texts.
    Text(Path),
    /// It has a clause that reads like this without its space.
    Clause(String),
    /// Nothing helps: the earlier rule never matches.
    Nothing,
}

/// Finds rules that an earlier rule shadows.
pub(super) fn shadowed(config: &Config, rules: &[Compiled]) -> Vec<Fault> {
    let needs: Vec<Demands<Need>> = rules.iter().map(needs).collect();
    let candidates = Candidates::of(&needs);
    let mut faults = Vec::new();
    for (index, rule) in rules.iter().enumerate() {
        let mut demands = type_demand(rule);
        for clause in &rule.clauses {
            narrow(&mut demands, &clause.demand.texts);
        }
        let compiles = rule.clauses.iter().all(|clause| clause.program.is_some());
        if !compiles || demands.values().any(BTreeSet::is_empty) {
            continue;
        }
        let offers = offers(rule, &demands);
        let offered = offers.iter().map(|(need, text)| (need, text.as_str()));
        let earlier = candidates.among(offered).take_while(|earlier| *earlier < index);
        let takes = |earlier: &&Compiled| {
            is_for_all_of(earlier, &demands, config)
                && earlier.clauses.iter().all(|clause| follows(clause, rule, &demands))
        };
        let mut earlier = earlier.filter_map(|earlier| rules.get(earlier));
        if let Some(earlier) = earlier.find(takes) {
            faults.push(Fault {
                rule: index,
                key: "name",
                entry: None,
                code: "shadowed-rule",
                message: format!(
                    "The rule `{}` can never match: `{}`, which stands before it, takes all that \
                     it would.",
                    rule.name, earlier.name
                ),
                help: "Put the narrower rule first, or take it out.".to_owned(),
            });
        }
    }
    faults
}

fn needs(rule: &Compiled) -> Demands<Need> {
    let mut needs = Demands::new();
    let mut demands = Demands::new();
    for clause in &rule.clauses {
        match &clause.program {
            None => drop(needs.insert(Need::Nothing, BTreeSet::new())),
            Some(_) if clause.demand.is_all => narrow(&mut demands, &clause.demand.texts),
            Some(_) => {
                let same = Need::Clause(spaceless(&clause.text));
                needs.insert(same, BTreeSet::from([String::new()]));
            }
        }
    }
    needs.extend(demands.into_iter().map(|(path, texts)| (Need::Text(path), texts)));
    needs
}

/// Lists what a later rule has that earlier ones can need. Of the texts it demands one is enough:
/// who takes them all takes that one.
fn offers(rule: &Compiled, demands: &Demands<Path>) -> BTreeSet<(Need, String)> {
    let texts = demands
        .iter()
        .filter_map(|(path, texts)| Some((Need::Text(path.clone()), texts.first()?.clone())));
    let clauses =
        rule.clauses.iter().map(|clause| (Need::Clause(spaceless(&clause.text)), String::new()));
    texts.chain(clauses).collect()
}

/// Tells whether a rule is for all the types that another demands, by its types or its clauses.
fn is_for_all_of(earlier: &Compiled, demands: &Demands<Path>, config: &Config) -> bool {
    match demands.get(&type_path()) {
        Some(types) => types.iter().all(|kind| earlier.is_for(&TypeKey::from(kind.as_str()))),
        None => config.types.keys().all(|kind| earlier.is_for(kind)),
    }
}

/// Tells whether a clause holds wherever all of a rule's clauses do.
fn follows(clause: &Condition, rule: &Compiled, demands: &Demands<Path>) -> bool {
    let demand = &clause.demand;
    let demanded = demand.is_all
        && demand.texts.iter().all(|(path, texts)| {
            demands.get(path).is_some_and(|narrower| narrower.is_subset(texts))
        });
    let Some(expression) = clause.program.as_ref().map(cel::Program::expression) else {
        return false;
    };
    let same = |other: &Condition| {
        other.program.as_ref().is_some_and(|program| program.expression() == expression)
    };
    demanded || rule.clauses.iter().any(same)
}

fn spaceless(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_whitespace()).collect()
}
