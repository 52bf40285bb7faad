//! Damaged messages, configurations and clauses: nothing that is read makes its reader panic.
//!
//! The entries and the seeds are those of the fuzz targets (`tests/fuzz`), which `.ci/full` runs
//! where cargo-fuzz is installed; here each seed is damaged a few hundred times, the same way every
//! run, and as often as `HANDOFF_FUZZ` says.

#[path = "../fuzz/src/entries.rs"]
mod entries;

use crate::sweep::numbers;
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use std::{fs, path::Path};

/// How often an entry is called with damage, unless `HANDOFF_FUZZ` says otherwise.
const CASES: u32 = 300;

/// What is put into a seed besides chance: what readers look for.
const WORDS: [&str; 24] = [
    "\"",
    "\\u0000",
    "\\ud800",
    "{",
    "}",
    "[[[[",
    "]",
    ",",
    ":",
    "null",
    "1e999",
    "-",
    "\n\n",
    "<!DOCTYPE",
    "<![CDATA[",
    "&amp;",
    "&#0;",
    "</",
    "\u{feff}",
    "\u{202e}",
    "'''",
    "= ",
    "((((",
    "9223372036854775808",
];

/// One way to damage some bytes.
#[derive(Clone, Debug)]
enum Damage {
    Flip(Index, u8),
    Cut(Index, usize),
    Put(Index, Vec<u8>),
    Word(Index, usize),
    Repeat(Index, usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        (any::<Index>(), 0..8_u8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        (any::<Index>(), 0..60_usize).prop_map(|(at, bytes)| Damage::Cut(at, bytes)),
        (any::<Index>(), prop::collection::vec(any::<u8>(), 1..6))
            .prop_map(|(at, bytes)| Damage::Put(at, bytes)),
        (any::<Index>(), 0..WORDS.len()).prop_map(|(at, word)| Damage::Word(at, word)),
        (any::<Index>(), 1..40_usize, 2..300_usize)
            .prop_map(|(at, bytes, times)| Damage::Repeat(at, bytes, times)),
    ]
}

impl Damage {
    fn done_to(self, bytes: &mut Vec<u8>) {
        let place = |at: Index, bytes: &Vec<u8>| at.index(bytes.len() + 1);
        match self {
            Self::Flip(..) if bytes.is_empty() => {}
            Self::Flip(at, bit) => {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            }
            Self::Cut(at, length) => {
                let start = place(at, bytes);
                let end = bytes.len().min(start + length);
                bytes.drain(start..end);
            }
            Self::Put(at, put) => {
                let at = place(at, bytes);
                bytes.splice(at..at, put);
            }
            Self::Word(at, word) => {
                let at = place(at, bytes);
                bytes.splice(at..at, WORDS[word].bytes());
            }
            Self::Repeat(at, length, times) => {
                let start = place(at, bytes);
                let end = bytes.len().min(start + length);
                let repeated = bytes[start..end].repeat(times);
                bytes.splice(end..end, repeated);
            }
        }
    }
}

/// The sample organisation.
const SAMPLE: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/local/sample/organisation.toml");

/// Reads the seeds of a target, in one order everywhere.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    // The sample is a configuration's best seed, and is kept where it is.
    paths.extend((target == "config").then(|| SAMPLE.into()));
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// Calls an entry with each seed as it is, then with damaged ones.
fn survives(target: &str, entry: fn(&[u8])) {
    let seeds = seeds(target);
    assert!(seeds.len() > 1, "{target} has seeds");
    seeds.iter().for_each(|seed| entry(seed));
    let cases = numbers("HANDOFF_FUZZ").map_or(CASES, |numbers| numbers[0] as u32);
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let chance = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let how = (any::<Index>(), prop::collection::vec(damage(), 1..5));
    let result = TestRunner::new_with_rng(config, chance).run(&how, |(which, damages)| {
        let mut bytes = which.get(&seeds).clone();
        damages.into_iter().for_each(|damage| damage.done_to(&mut bytes));
        entry(&bytes);
        Ok(())
    });
    result.unwrap_or_else(|found| panic!("{target}: {found}"));
}

#[test]
fn no_depth_and_no_length_breaks_a_reader() {
    let many = |text: &str| text.repeat(20_000);
    for clause in
        ["(", "[", "{", "!", "-", "a.", "a[", "f(", "a?a:", "a&&", "a||", "1+", "'", "a in "]
    {
        entries::clause(many(clause).as_bytes());
        entries::clause(format!("{}a", many(clause)).as_bytes());
    }
    for (open, close) in [("(", ")"), ("[", "]"), ("!(", ")"), ("has(", ")"), ("[1].map(x,", ")")] {
        let nested = format!("{}true{}", many(open), many(close));
        entries::clause(nested.as_bytes());
    }
    for config in ["[", "[[", "a.", "a=[", "a={a=", "\"\"\"", "[a]\n", "[a.a]\n", "#", "a=1\n"] {
        entries::config(many(config).as_bytes());
        entries::config(format!("a = {}", many(config)).as_bytes());
    }
    for body in ["[", "{\"a\":", "[{\"a\":[", "\"", "\\", "<a>", "<a b='", "<!--", "<![CDATA[", "&"]
    {
        for entry in [entries::generic, entries::hubspot, entries::salesforce, entries::pipedrive] {
            entry(many(body).as_bytes());
        }
        entries::slack(format!("payload={}", many(body)).as_bytes());
    }
}

#[test]
fn no_message_to_the_generic_hook_breaks_it() {
    survives("generic", entries::generic);
}

#[test]
fn no_message_of_hubspot_breaks_it() {
    survives("hubspot", entries::hubspot);
}

#[test]
fn no_message_of_salesforce_breaks_it() {
    survives("salesforce", entries::salesforce);
}

#[test]
fn no_message_of_pipedrive_breaks_it() {
    survives("pipedrive", entries::pipedrive);
}

#[test]
fn no_button_of_slack_breaks_it() {
    survives("slack", entries::slack);
}

#[test]
fn no_packed_body_breaks_what_unpacks_it() {
    survives("inflate", entries::inflate);
}

#[test]
fn no_configuration_breaks_what_checks_it() {
    survives("config", entries::config);
}

#[test]
fn no_clause_breaks_what_compiles_it() {
    survives("clause", entries::clause);
}
