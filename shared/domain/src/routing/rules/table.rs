//! Which rules have every text they demand, 64 rules at a time.
//!
//! A rule is a bit. A field knows which rules demand nothing of it and, by text, which list that
//! text; what all fields leave over are the rules that are worth asking, in order. Of a text only
//! the words in which some rule lists it are kept, so that a table grows with what rules say. A
//! rule that is left out cannot match: that is what must stay true.

use super::plain::Said;
use crate::candidates::Demands;
use std::collections::BTreeMap;

/// Rules in a word.
const BITS: usize = u64::BITS as usize;

/// A word of rules, behind its place.
type Placed = (usize, u64);

/// Rules by the texts they demand.
#[derive(Debug)]
pub(super) struct Table {
    /// All rules, a bit each.
    rules: Vec<u64>,
    columns: BTreeMap<usize, Column>,
}

/// What rules demand of one field.
#[derive(Debug)]
struct Column {
    indifferent: Vec<u64>,
    /// By text, the words in which rules list it, by the word's place.
    listed: BTreeMap<String, Vec<Placed>>,
}

impl Table {
    /// Lists rules, given what each demands of the fields, in order.
    pub(super) fn of(demands: &[Demands<usize>]) -> Self {
        let mut rules = vec![0; demands.len().div_ceil(BITS)];
        for position in 0..demands.len() {
            rules[position / BITS] |= bit(position);
        }
        let mut columns: BTreeMap<usize, Column> = BTreeMap::new();
        for (position, demands) in demands.iter().enumerate() {
            let word = position / BITS;
            for (field, texts) in demands {
                let column = columns.entry(*field).or_insert_with(|| Column::of(&rules));
                column.indifferent[word] &= !bit(position);
                for text in texts {
                    let words = column.listed.entry(text.clone()).or_default();
                    match words.last_mut().filter(|(place, _)| *place == word) {
                        Some((_, rules)) => *rules |= bit(position),
                        None => words.push((word, bit(position))),
                    }
                }
            }
        }
        Self { rules, columns }
    }

    /// Lists the rules that can match a lead, in order.
    pub(super) fn left<'a>(&'a self, said: &Said<'_>) -> Left<'a> {
        let column = |(field, column): (&usize, &'a Column)| {
            let listed = said.text(*field).and_then(|text| column.listed.get(text));
            (column.indifferent.as_slice(), listed.map(Vec::as_slice).unwrap_or_default())
        };
        let columns = self.columns.iter().map(column).collect();
        Left { rules: self.rules.iter().enumerate(), columns, word: 0, left: 0 }
    }
}

impl Column {
    fn of(rules: &[u64]) -> Self {
        Self { indifferent: rules.to_owned(), listed: BTreeMap::new() }
    }
}

fn bit(position: usize) -> u64 {
    1 << (position % BITS)
}

/// The rules that can match a lead, looked up as far as somebody asks.
pub(super) struct Left<'a> {
    rules: std::iter::Enumerate<std::slice::Iter<'a, u64>>,
    /// By field, the rules that demand nothing of it, and the words not yet read of those that list
    /// its text.
    columns: Vec<(&'a [u64], &'a [Placed])>,
    word: usize,
    left: u64,
}

impl Iterator for Left<'_> {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        while self.left == 0 {
            (self.word, self.left) = self.rules.next().map(|(word, rules)| (word, *rules))?;
            for (indifferent, listed) in &mut self.columns {
                let mut wanted = indifferent[self.word];
                if let Some(((word, rules), later)) = listed.split_first()
                    && *word == self.word
                {
                    wanted |= rules;
                    *listed = later;
                }
                self.left &= wanted;
            }
        }
        let first = self.left.trailing_zeros() as usize;
        self.left &= self.left - 1;
        Some(self.word * BITS + first)
    }
}
