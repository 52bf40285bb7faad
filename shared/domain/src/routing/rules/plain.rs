//! Clauses that only compare fields with texts and whole numbers, decided without the language.
//!
//! Most clauses are like that, and what they compare is read once for all rules. Where a field is
//! not what a clause compares it with, the clause does not hold, and only the language can say why;
//! what must stay true is that the answer is the language's.

use super::{
    context::Facts,
    expression::{Path, demand, whole_numbers},
};
use crate::candidates::Demands;
use cel::common::ast::{Expr, operators};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// The fields that rules compare, each once.
#[derive(Debug, Default)]
pub(super) struct Fields {
    texts: Vec<Path>,
    numbers: Vec<Path>,
}

/// What must be so of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Test {
    /// Its text is one of these.
    Among { field: usize, texts: BTreeSet<String> },
    /// Its number is one of these.
    Within { field: usize, numbers: RangeInclusive<i64> },
}

/// What a lead says in those fields.
pub(super) struct Said<'a> {
    texts: Vec<Option<&'a str>>,
    numbers: Vec<i64>,
}

impl Fields {
    /// Reads a clause as tests that all have to hold; nothing where it is not that plain.
    pub(super) fn tests(&mut self, expr: &Expr) -> Option<Vec<Test>> {
        let demand = demand(expr);
        if demand.is_all {
            let texts = demand.texts.into_iter();
            let test = |(path, texts)| Test::Among { field: self.text(path), texts };
            return Some(texts.map(test).collect());
        }
        if let Some((path, numbers)) = whole_numbers(expr) {
            return Some(vec![Test::Within { field: position(&mut self.numbers, path), numbers }]);
        }
        let Expr::Call(call) = expr else { return None };
        match (call.func_name.as_str(), call.args.as_slice(), &call.target) {
            (operators::LOGICAL_AND, [one, other], None) => {
                let mut tests = self.tests(&one.expr)?;
                tests.extend(self.tests(&other.expr)?);
                Some(tests)
            }
            _ => None,
        }
    }

    /// Names the fields of demands as tests name them.
    pub(super) fn demands(&mut self, demands: Demands<Path>) -> Demands<usize> {
        demands.into_iter().map(|(path, texts)| (self.text(path), texts)).collect()
    }

    /// Finds or adds a field that is compared with texts.
    pub(super) fn text(&mut self, path: Path) -> usize {
        position(&mut self.texts, path)
    }

    /// Reads what a lead says in all of them.
    pub(super) fn read<'a>(&self, facts: &'a Facts<'_>) -> Said<'a> {
        Said {
            texts: self.texts.iter().map(|path| facts.text(path)).collect(),
            numbers: self.numbers.iter().map(|path| facts.number(path)).collect(),
        }
    }
}

fn position(paths: &mut Vec<Path>, path: Path) -> usize {
    let known = paths.iter().position(|known| *known == path);
    known.unwrap_or_else(|| {
        paths.push(path);
        paths.len() - 1
    })
}

impl Said<'_> {
    /// Returns a field's text; nothing where there is none or another kind of value.
    pub(super) fn text(&self, field: usize) -> Option<&str> {
        self.texts.get(field).copied().flatten()
    }

    /// Tells whether a test holds; nothing where its field has no text to compare.
    pub(super) fn holds(&self, test: &Test) -> Option<bool> {
        Some(match test {
            Test::Among { field, texts } => texts.contains(self.text(*field)?),
            Test::Within { field, numbers } => numbers.contains(self.numbers.get(*field)?),
        })
    }
}
